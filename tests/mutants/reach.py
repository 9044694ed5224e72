"""Which system tests come to which lines, for mutants.py: it asks only those about a change.

Sources are built with a note at each block of their code (probe.c), and the system tests run once.
"""

import hashlib
import json
import os
import re
import subprocess
import xml.etree.ElementTree
from collections import defaultdict
from pathlib import Path

NOTE = "__sanitizer_cov_trace_pc"
TESTS = "tests/system/"


def build(tree):
    """-Og: the lines of a block are those of its source."""
    probe = tree / "build/probe.o"
    probe.parent.mkdir(exist_ok=True)
    argv = ["gcc", "-O2", "-fPIE", "-c", "-o", probe, tree / "tests/mutants/probe.c"]
    subprocess.run(argv, check=True)
    make = ["make", "-s", f"-j{os.cpu_count()}", "WERROR=-w", f"LDFLAGS={probe}"]
    make.append("CFLAGS=-Og -fno-inline -fsanitize-coverage=trace-pc")
    subprocess.run([*make, "all", "test-programs"], cwd=tree, check=True)
    subprocess.run([*make, "LAYOUT=other", "all"], cwd=tree, check=True)


def run(tree, notes, arguments):
    """{test: seconds that it took}. One that fails has come somewhere, too."""
    notes.mkdir(exist_ok=True)
    results = tree / "build/reach.xml"
    argv = "/usr/bin/python3 -m pytest -c tests/system/pytest.ini --rootdir=tests/system -q"
    paths = {
        "MUTANTS_REACH": notes,
        "BUILD": tree / "build/plain",
        "TEND_BIN": tree / "build/bin",
        "TEST_BIN": tree / "build/plain/tests/bin",
        "OTHER_BIN": tree / "build/bin-other-layout",
    }
    subprocess.run(
        [*argv.split(), f"--junitxml={results}", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **{k: str(p) for k, p in paths.items()}},
        check=False,
    )
    return {
        f"{TESTS}{case.get('classname').rsplit('.')[-1]}.py::{case.get('name')}": float(
            case.get("time")
        )
        for case in xml.etree.ElementTree.parse(results).iter("testcase")
    }


def lines_of(program, tree):
    """{place of a note: {(file, line) of the block that it stands in}}"""
    listing = subprocess.run(
        ["objdump", "-d", "-l", "--no-show-raw-insn", program],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found, block, here, begins = defaultdict(set), None, None, False
    for line in listing.splitlines():
        if place := re.match(r"(\S+\.[ch]):(\d+)", line):
            path = Path(place[1])
            here = str(path.relative_to(tree) if path.is_relative_to(tree) else path), int(place[2])
        elif line.endswith(">:"):  # another function
            block = here = None
        elif instruction := re.match(r"\s+([0-9a-f]+):\s", line):
            if begins:  # the note has the address that the call returns to
                block = int(instruction[1], 16) // 4
            begins = NOTE in line
            if block is not None and here and not begins:
                found[block].add(here)
    return found


def read(tree, notes):
    """{file: {line: tests that came there}}"""
    programs, lines = {}, defaultdict(lambda: defaultdict(set))
    for file in sorted(notes.iterdir()):
        test, _, program = file.name.replace("!", "/").rpartition("@")
        binary = tree / "build/bin" / program
        if not binary.exists():
            continue
        if program not in programs:
            programs[program] = lines_of(binary, tree)
        noted = file.read_bytes()
        at = noted.find(1)
        while at >= 0:
            for source, number in programs[program].get(at, ()):
                lines[source][number].add(TESTS + test)
            at = noted.find(1, at + 1)
    return lines


def make(tree, arguments):
    """Build, run these tests, and keep what they came to in TREE/build/reach.json."""
    build(tree)
    notes = tree / "build/reach"
    seconds = run(tree, notes, arguments)
    keep(tree, seconds, read(tree, notes))


def keep(tree, seconds, lines):
    inside = {f: by_line for f, by_line in lines.items() if (tree / f).is_file()}
    found = {
        "seconds": seconds,
        "lines": {f: {n: sorted(t) for n, t in by.items()} for f, by in inside.items()},
        "sums": {f: sum_of(tree / f) for f in inside},
    }
    (tree / "build/reach.json").write_text(json.dumps(found))


def sum_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Reach:
    """What make() has kept. Files that were changed since are not known."""

    def __init__(self, tree, top):
        kept = json.loads((tree / "build/reach.json").read_text())
        self.seconds, self.lines = kept["seconds"], {}
        for file, text_sum in kept["sums"].items():
            if (top / file).is_file() and sum_of(top / file) == text_sum:
                self.lines[file] = {int(n): tests for n, tests in kept["lines"][file].items()}

    def about(self, mutant, files, most):
        """The tests of these files that come to the line, at most so many: quick ones first, by
        turns one of each file. Of a line without code of its own: to the one above that has some.
        Whole files where that is not known.
        """
        lines = self.lines.get(mutant.file)
        if lines is None:
            return files
        line = max((n for n in lines if n <= mutant.line), default=None)
        turns = {file: 0 for file in files}
        order = []
        for test in sorted(lines.get(line, ()), key=lambda t: self.seconds.get(t, 5)):
            file = test.split("::")[0]
            if file in turns:
                slow = self.seconds.get(test, 5) > 30
                order.append((slow, turns[file], len(order), test))
                turns[file] += 1
        return [test for *_, test in sorted(order)][:most]
