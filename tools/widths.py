#!/usr/bin/env python3
"""No line is wider than 100 columns, and clang-format would change no C file.
usage: tools/widths.py

A tab counts up to the next multiple of 8. Allowed to be wider is what can't be broken, or would be
harder to find or to read when it was: a line that is mostly one string, lists for programs
("links:", NOLINT), and in Markdown tables and blocks of code. Documentation strings are prose.
"""

import re
import subprocess
import sys
import unicodedata
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
LIMIT = 100
LONG_STRING = 60
SUFFIXES = {*".c .h .def .py .sh .awk .mk .md .pml".split()}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
COMMENT = re.compile(r'\s*(#|//|/\*|\*|""")')
FOR_PROGRAMS = re.compile(r"/\* links: .*\*/|NOLINT")


def is_text(path):
    """Is it one of ours: by its suffix, its name, or as a script without a suffix?"""
    if path.suffix in SUFFIXES or path.name == "Makefile":
        return True
    return not path.suffix and path.stat().st_size > 2 and path.read_bytes()[:2] == b"#!"


def files():
    for path in sorted(TOP.rglob("*")):
        inside = path.relative_to(TOP).parts
        if inside[0] in ("build", ".git") or "corpus" in inside or "__pycache__" in inside:
            continue
        if path.is_file() and is_text(path):
            yield path


def columns(line):
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in line.expandtabs(8)
    )


def prose(lines):
    """(number, line) of a Markdown file without its tables and blocks of code."""
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "    ")):
            yield number, line


def is_excused(line):
    if FOR_PROGRAMS.search(line):
        return True
    strings = () if COMMENT.match(line) else STRING.findall(line)
    return any(len(string) > LONG_STRING for string in strings)


def check_file(path):
    bad = 0
    lines = path.read_text().splitlines()
    for number, line in prose(lines) if path.suffix == ".md" else enumerate(lines, 1):
        width = columns(line)
        if width > LIMIT and (path.suffix == ".md" or not is_excused(line)):
            print(f"widths: {path.relative_to(TOP)}:{number}: {width} columns", file=sys.stderr)
            bad = 1
    return bad


def check_format(paths):
    """clang-format in its check mode: silent where it would change nothing."""
    done = subprocess.run(
        ["clang-format", "--dry-run", "-Werror", *paths], cwd=TOP, capture_output=True, text=True
    )
    places = sorted(
        {line.split(": error:")[0] for line in done.stderr.splitlines() if ": error:" in line}
    )
    for place in places:
        print(f"widths: {place}: clang-format would change it (make fmt)", file=sys.stderr)
    return int(done.returncode != 0)


def main():
    bad, sources = 0, []
    for path in files():
        bad |= check_file(path)
        if path.suffix in (".c", ".h"):
            sources.append(path)
    bad |= check_format(sources)
    if not bad:
        print("widths: ok")
    return bad


if __name__ == "__main__":
    sys.exit(main())
