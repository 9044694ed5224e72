#!/usr/bin/env python3
"""Holds the sources and objects against tools/layers.txt. usage: tools/layers.py [BUILD]

Reports an #include that the table does not allow; a library that prints, ends the program, asks the
environment or keeps state in a variable; and three or more object files that use each other in a
circle. Two are one module in two files. Without a BUILD (a sanitized one has symbols of its own)
only the includes are looked at.
"""

import collections
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
TABLE = TOP / "tools/layers.txt"

# By the first part of <...>; everything else from outside is libc's.
HEADERS = {
    "cjson": "cJSON",
    "cJSON.h": "cJSON",
    "curl": "libcurl",
    "lz4frame.h": "LZ4",
    "lz4.h": "LZ4",
    "sqlite3.h": "SQLite",
    "microhttpd.h": "libmicrohttpd",
    "check.h": "Check",
}

# What a library that speaks, ends its caller, or looks around by itself would need of libc.
SPEECH = re.compile(
    r"(stdout|stderr|_?_?v?printf(_chk)?|puts|putchar|perror|exit|_exit|_Exit|abort|(secure_)?getenv|setenv|putenv|environ)(@.*)?$"
)


class Rules:
    """The table: who may include whom, and the exceptions by name."""

    def __init__(self):
        self.includes, self.libraries, self.only, self.speaks, self.circles = {}, {}, {}, {}, {}
        for line in TABLE.read_text().splitlines():
            line = line.split("#", 1)[0] if line.startswith("#") else line
            words = line.split()
            if not words:
                continue
            left, _, right = line.partition(":")
            if words[0] == "only":
                self.only[tuple(left.split()[1:])] = set(right.split())
            elif words[0] == "speaks":
                self.speaks[left.split()[1]] = right.strip()
            elif words[0] == "circle":
                self.circles[tuple(sorted(left.split()[1:]))] = right.strip()
            else:
                self.add_folder(line)

    def add_folder(self, line):
        folder, *rest = re.split(r"\s{2,}", line.strip())
        includes, libraries = ([] if field == "-" else field.split() for field in rest)
        self.includes[folder] = {folder, *includes}
        self.libraries[folder] = set(libraries)

    def folder_of(self, include):
        """The folder of "base/io.h": a path from the top, or one in lib/."""
        first = include.split("/")[0]
        return f"lib/{first}" if f"lib/{first}" in self.includes else first


def complain(where, what):
    print(f"layers: {where}: {what}", file=sys.stderr)
    return 1


def check_include(rules, folder, where, quoted, name):
    if not quoted:
        library = HEADERS.get(name.split("/")[0])
        if library and library not in rules.libraries[folder]:
            return complain(where, f"{folder}/ may not use <{name}>")
        return 0
    if "/" not in name:
        return complain(where, f'"{name}" is not written from the top folder')
    to = rules.folder_of(name)
    if to not in rules.includes[folder]:
        return complain(
            where,
            f"{folder}/ may not include {name} (allowed: {' '.join(sorted(rules.includes[folder]))})",
        )
    parts = rules.only.get((folder, to))
    if parts is not None and Path(name).stem not in parts:
        return complain(
            where, f"{folder}/ may not include {name} (allowed: {' '.join(sorted(parts))})"
        )
    return 0


def check_includes(rules):
    bad = 0
    for folder in rules.includes:
        for file in sorted(
            f for pattern in ("*.c", "*.h", "*.def") for f in (TOP / folder).glob(pattern)
        ):
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if match:
                    bad |= check_include(
                        rules,
                        folder,
                        f"{file.relative_to(TOP)}:{number}",
                        match[1] == '"',
                        match[2],
                    )
    return bad


class Objects:
    """The object files of a build, by their names without suffix ("cli/main"), and the symbols of
    each.
    """

    def __init__(self, rules, build):
        self.defined = collections.defaultdict(dict)
        self.needed, self.kept = collections.defaultdict(set), collections.defaultdict(set)
        files = [
            o
            for folder in rules.includes
            for o in sorted((build / folder).glob("*.o"))
            if (TOP / folder / f"{o.stem}.c").exists()
        ]
        if not files:
            sys.exit(f"layers: no objects in {build}: make")
        text = subprocess.run(
            ["nm", "-A", "-f", "sysv", *map(str, files)], capture_output=True, text=True, check=True
        ).stdout
        for line in text.splitlines():
            path, _, rest = line.partition(":")
            if rest.count("|") == 6:
                symbol, _, kind, _, _, _, section = (field.strip() for field in rest.split("|"))
                self.add(str(Path(path).relative_to(build).with_suffix("")), kind, symbol, section)

    def add(self, name, kind, symbol, section):
        if kind in "Uvw":
            self.needed[name].add(symbol)
        elif kind.isupper():
            self.defined[symbol][name] = kind
        # Constants that hold addresses are in .data.rel.ro; what each thread has for itself (.tbss)
        # is scratch.
        if (
            section in ("*COM*", ".bss")
            or section.startswith(".data")
            and not section.startswith(".data.rel.ro")
        ):
            self.kept[name].add(symbol)

    def users(self):
        """{file: files whose symbols it uses}. Programs may have functions of the same name: a file
        means its own folder's.
        """
        graph = {}
        for name in sorted({*self.needed, *(n for d in self.defined.values() for n in d)}):
            folder, graph[name] = name.rsplit("/", 1)[0], set()
            for symbol in self.needed[name]:
                homes = self.defined.get(symbol, {})
                graph[name] |= {h for h in homes if h.rsplit("/", 1)[0] == folder} or set(
                    homes if len(homes) == 1 else ()
                )
            graph[name].discard(name)
        return graph


def is_library(folder):
    return folder == "shm" or (folder.startswith("lib/") and folder != "lib/term")


def check_speech(rules, objects):
    bad, unused = 0, dict(rules.speaks)
    for name in sorted({*objects.needed, *objects.kept}):
        if not is_library(name.rsplit("/", 1)[0]):
            continue
        what = sorted(
            {s.split("@")[0] for s in objects.needed[name] if SPEECH.match(s)} | objects.kept[name]
        )
        if name in rules.speaks:
            if what:
                unused.pop(name, None)
        elif what:
            bad |= complain(
                f"{name}.c",
                f"a library does not print, end, ask the environment or keep state: {' '.join(what)}",
            )
    for name in unused:
        bad |= complain(TABLE.name, f"{name} is excepted, and need not be")
    return bad


def circles(graph):
    """Strongly connected components (Tarjan), by a stack of our own."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def enter(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        return node, iter(sorted(graph[node]))

    for root in graph:
        work = [enter(root)] if root not in index else []
        while work:
            node, successors = work[-1]
            following = next((s for s in successors if s not in index or s in on_stack), None)
            if following is not None and following not in index:
                work.append(enter(following))
            elif following is not None:
                low[node] = min(low[node], index[following])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    found.append(sorted(stack[cut:]))
                    on_stack -= set(stack[cut:])
                    del stack[cut:]
    return found


def check_circles(rules, objects):
    bad, unused = 0, dict(rules.circles)
    for circle in circles(objects.users()):
        folder = circle[0].rsplit("/", 1)[0] + "/"
        if (
            len(circle) >= 3
            and unused.pop(tuple(circle), None) is None
            and unused.pop((folder,), None) is None
        ):
            bad |= complain(folder, f"{len(circle)} files use each other: {' '.join(circle)}")
    for circle in unused:
        bad |= complain(TABLE.name, f"an excepted circle is none any more: {' '.join(circle)}")
    return bad


def main():
    rules = Rules()
    bad = check_includes(rules)
    if len(sys.argv) > 1:
        objects = Objects(rules, Path(sys.argv[1]).resolve())
        bad |= check_speech(rules, objects) | check_circles(rules, objects)
    if not bad:
        print("layers: ok")
    return bad


if __name__ == "__main__":
    sys.exit(main())
