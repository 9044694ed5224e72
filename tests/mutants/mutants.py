#!/usr/bin/env python3
"""Changes one thing in the sources, and looks whether a test notices; then the next.

usage: make mutants [T="--count N --seed N --folder NAME --full --jobs N --only FILE:LINE"]

Works in copies of the tree (build/mutants/N), one for each job. A mutant that does not compile, or
whose code is the same, is passed over. The others meet the unit tests of their folder, then the
system tests that know it best, and with --full all system tests. What is noticed counts only if the
test passes on the tree as it is (build/mutants/0), and, of a system test, if it fails twice. A
mutant that nothing notices is a survivor: write the test, or say in accepted.txt why none can
notice (FILE: the line as it is now => the line as changed: reason). Exit status 1: a survivor is
left that accepted.txt does not explain.
"""

import argparse
import collections
import dataclasses
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import reach

TOP = Path(__file__).resolve().parents[2]
TREES = TOP / "build/mutants"

# Which system tests are asked about a change in a folder; the order is from general to special.
SYSTEM = {
    "spawner": "lifecycle stop restart_policy tree exec_failures environment daemon_kills identity"
    " surroundings saver groups requests descriptors release_link names half_done lost_table"
    " pid_reuse foreign upgrade in_between bad_input fifos health health_limits",
    "guardian": "daemon_kills standby segment lost_table descriptors surroundings upgrade races"
    " fifos half_done in_between bad_input stop identity",
    "logger": "log_files log_limits log_trouble logger_kills logs own_logs log_links synced fifos"
    " bad_input half_done",
    "shm": "lifecycle segment lock requests reader identity many cli",
    "logread": "logs log_files own_logs log_limits log_links log_trouble",
}

# Which tests are asked, in this order.
KINDS = ["unit", "system", "slow"]
# Unit tests that take longer than all others of their folder.
SLOW = {"test_logger_rotate", "test_logger_splice", "test_shm_torture", "test_shm_latch"}

# What is changed, and into what. Each is tried at every place of a line where it fits.
OPERATORS = [
    (r"(?<![<>=!-])<(?![<=])", "<="),
    (r"(?<![<>=!-])>(?![>=])", ">="),
    (r"<=(?!=)", "<"),
    (r"(?<![>])>=", ">"),
    (r"==", "!="),
    (r"!=", "=="),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"(?<=\()!(?=\w)", ""),
    (r"(?<=[&|] )!(?=\w)", ""),
    (r" \+ 1\b", ""),
    (r" - 1\b", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"\breturn -E[A-Z]+;", "return 0;"),
    (r"\breturn 0;", "return -5;"),
    (r"\bbreak;", ";"),
    (r"\bcontinue;", ";"),
    (r"(?<=\t)[a-z_]+\([^;{}]*\);$", ";"),  # a call whose value nobody takes
    (r"(?<=\t)\(void\)[a-z_]+\([^;{}]*\);$", ";"),
    (r"(?<=\t)[a-z][\w.\[\]>-]* [|+-]?= [^;{}]*;$", ";"),  # an assignment
]


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    line: int  # counted from 1
    before: str
    after: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.before.strip()} => {self.after.strip()}"

    @property
    def key(self):
        return self.file, self.before.strip(), self.after.strip()


def code_of(line):
    """Where the code of a line may be changed: not in texts, characters, comments, directives."""
    if line.lstrip().startswith(("#", "*", "/*", "//")):
        return []
    spans, i, start = [], 0, 0
    while i < len(line):
        if line[i] in "\"'":
            spans.append((start, i))
            quote, i = line[i], i + 1
            while i < len(line) and line[i] != quote:
                i += 2 if line[i] == "\\" else 1
            start = i + 1
        elif line.startswith(("/*", "//"), i):
            break
        i += 1
    spans.append((start, min(i, len(line))))
    return spans


def mutants_of(top, file):
    found, in_comment = [], False
    for number, line in enumerate((top / file).read_text().splitlines(), 1):
        if in_comment or "/*" in line and "*/" not in line:
            in_comment = "*/" not in line
            continue
        if not line.startswith("\t"):
            continue  # outside functions there is nothing to carry out
        spans = code_of(line)
        for pattern, replacement in OPERATORS:
            for match in re.finditer(pattern, line):
                if any(start <= match.start() and match.end() <= end for start, end in spans):
                    found.append(
                        Mutant(
                            file,
                            number,
                            line,
                            line[: match.start()] + replacement + line[match.end() :],
                        )
                    )
    return found


class Tree:
    """A copy of the sources, with what is built of it."""

    def __init__(self, folder, workers=6):
        self.workers = workers  # system tests side by side
        self.top = folder
        self.output = self.top.with_suffix(".out")
        self.build = self.top / "build/plain"
        self.unchanged = {}  # what sources are compiled to

    def run(self, argv, timeout, until=None):
        """0: fine; else it failed, or took too long, or `until` was true of what it has printed,
        which is in self.output. Whatever it started ends with it.
        """
        with self.output.open("w") as output:
            child = subprocess.Popen(
                argv,
                cwd=self.top,
                env=self.environment(),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + timeout
        try:
            while time.monotonic() < end and not (until and until(self.printed())):
                try:
                    return child.wait(0.5)
                except subprocess.TimeoutExpired:
                    pass
            return -1
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()

    def printed(self):
        return self.output.read_text(errors="replace")

    def environment(self):
        return {
            **os.environ,
            "BUILD": str(self.build),
            "TEND_BIN": str(self.top / "build/bin"),
            "TEST_BIN": str(self.build / "tests/bin"),
            "OTHER_BIN": str(self.top / "build/bin-other-layout"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CK_VERBOSITY": "silent",
        }

    def make(self, *targets):
        """A change may leave a function that nobody calls: that is no error here."""
        return self.run(["make", "-s", f"-j{os.cpu_count()}", "WERROR=-w", *targets], 600)

    def update(self):
        self.copy()
        if self.make("all", "test-programs") != 0:
            sys.exit(f"mutants: the tree as it is does not build: see {self.output}")
        if self.run(["make", "-s", "other-layout"], 600) != 0:
            sys.exit(f"mutants: the other layout does not build: see {self.output}")

    def copy(self):
        self.top.mkdir(parents=True, exist_ok=True)
        files = tracked()
        for path in self.top.rglob("*.[ch]"):  # sources are found by folder: none may be left over
            name = str(path.relative_to(self.top))
            if not name.startswith("build/") and name not in files:
                path.unlink()
        for file in files:
            source, target = TOP / file, self.top / file
            if not target.exists() or source.read_bytes() != target.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)

    def code(self, file):
        """What a source is compiled to, without the notes for debuggers; None: it is not."""
        made = Path("build/plain", file).with_suffix(".o")
        bare = self.build / "bare.o"
        if self.make(str(made)) != 0 or self.run(["objcopy", "-g", made, bare], 60) != 0:
            return None
        return bare.read_bytes()

    def unit_tests(self, file):
        """Those of its folder, by their names and by the modules that they are linked with; its own
        first.
        """
        folder = Path(file).parent
        own = f"test_{folder.name}_{Path(file).stem}"
        found = [
            t.stem
            for t in sorted((self.top / "tests/unit").glob("test_*.c"))
            if t.stem.startswith(f"test_{folder.name}_")
            or re.search(rf"links:.*(?<!\S){folder}/", t.read_text())
        ]
        return sorted(found, key=lambda name: name != own)

    def build_all(self, units):
        """Some unit tests start the programs, so that these have to be there first."""
        return self.make("all", "test-programs", *(f"build/plain/tests/unit/{u}" for u in units))

    def unit_test(self, name):
        """Does it fail?"""
        program = f"build/plain/tests/unit/{name}"
        return self.make(program) != 0 or self.run([self.top / program], 100) != 0

    def pytest(self, *which, but=()):
        """The first test that fails; None: none does. but: those that are not asked."""
        argv = "/usr/bin/python3 -m pytest -c tests/system/pytest.ini --rootdir=tests/system -v -x"
        argv = argv.split()
        if len(which) > 1 or "::" not in which[0]:
            argv += ["-n", str(self.workers)]
        argv += [f"--deselect={test.removeprefix('tests/system/')}" for test in but]
        failed = re.compile(  # names of tests may have blanks
            r"(?:FAILED|ERROR) (tests/system/\S+::.+?) ?(?: - .*)?\n"
            r"|^(tests/system/\S+::.+?) (?:FAILED|ERROR)",
            re.MULTILINE,
        )
        if self.run([*argv, *which], 1200, failed.search) == 0:
            return None
        found = failed.search(self.printed())
        return (found[1] or found[2]) if found else "tests that did not end"


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True)
    return [f for f in listed.stdout.decode().split("\0") if f and (TOP / f).is_file()]


class Search:
    """The mutants, one by one, by as many threads as there are trees."""

    def __init__(self, options, untouched, trees):
        self.options, self.untouched, self.trees = options, untouched, trees
        self.untouched_lock, self.sound = threading.Lock(), {}
        self.mutants = choose(options, trees[0])
        self.limit = len(self.mutants) if options.only or options.these else options.count
        self.reasons = accepted()
        self.reach = options.reach and reach.Reach(options.trees / "reach", trees[0].top)
        self.lock = threading.Lock()
        self.results = []  # of (mutant, kind, sentence)
        self.caught = collections.Counter()  # by (source, system test file)

    def system_files(self, file):
        """Those first that have caught most in this source."""
        names = [f"tests/system/test_{n}.py" for n in SYSTEM[Path(file).parent.name].split()]
        with self.lock:
            return sorted(names, key=lambda name: -self.caught[file, name])

    def is_sound(self, test):
        """Does it pass on the tree as it is? On a busy machine it may need a second try."""
        with self.untouched_lock:
            if test not in self.sound:
                ask = self.untouched.pytest if "::" in test else self.untouched.unit_test
                self.sound[test] = not ask(test) or not ask(test)
                if not self.sound[test]:
                    print(
                        f"     fails on the tree as it is, and is passed over: {test}", flush=True
                    )
            return self.sound[test]

    def by_system(self, tree, mutant):
        files = self.system_files(mutant.file)
        rounds = [self.reach.about(mutant, files, self.options.most) if self.reach else files]
        for files in rounds + [["tests/system"]] * self.options.full:
            if not files:
                continue  # no test comes there
            passed_over = [t for t, sound in self.sound.items() if not sound]
            while test := tree.pytest(*files, but=passed_over):
                if "::" not in test:
                    return test
                if tree.pytest(test) and self.is_sound(test):
                    with self.lock:
                        self.caught[mutant.file, test.split("::")[0]] += 1
                    return test
                passed_over.append(test)  # it may have met a busy machine
        return None

    def by_unit(self, tree, units, slow):
        for name in units:
            if (name in SLOW) != slow or self.sound.get(name) is False:
                continue
            if tree.unit_test(name) and self.is_sound(name):
                return name
        return None

    def judge(self, tree, mutant):
        """(kind, sentence); None: it is no mutant."""
        path = tree.top / mutant.file
        original = path.read_text()
        if mutant.file not in tree.unchanged:
            tree.unchanged[mutant.file] = tree.code(mutant.file)
        lines = original.split("\n")
        lines[mutant.line - 1] = mutant.after
        path.write_text("\n".join(lines))
        try:
            if tree.code(mutant.file) in (tree.unchanged[mutant.file], None):
                return None
            units = tree.unit_tests(mutant.file)
            if tree.build_all(units) != 0:
                return None
            for kind in self.options.ask:
                if kind == "system":
                    by = self.by_system(tree, mutant)
                else:
                    by = self.by_unit(tree, units, kind == "slow")
                if by:
                    return "unit" if kind == "slow" else kind, by
            if len(self.options.ask) < len(KINDS):
                return "undecided", f"not noticed by {' '.join(self.options.ask)}"
            reason = self.reasons.get(mutant.key)
            return ("accepted", reason) if reason else ("survived", "")
        finally:
            path.write_text(original)

    def work(self, tree):
        while True:
            with self.lock:
                if len(self.results) >= self.limit or not self.mutants:
                    return
                mutant = self.mutants.pop(0)
            began = time.monotonic()
            verdict = self.judge(tree, mutant)
            if verdict:
                with self.lock:
                    self.results.append((mutant, *verdict))
                    print(
                        f"{len(self.results):4} {mutant}: {': '.join(verdict)}"
                        f" ({time.monotonic() - began:.0f} s)",
                        flush=True,
                    )

    def go(self):
        threads = [threading.Thread(target=self.work, args=[tree]) for tree in self.trees]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def of_kind(self, kind):
        return [r for r in self.results if r[1] == kind]


def accepted():
    found = {}
    for line in (Path(__file__).with_name("accepted.txt")).read_text().splitlines():
        match = re.match(r"([^:#]+): (.*) => (.*?): (.*)$", line)
        if match:
            found[match[1], match[2], match[3]] = match[4]
    return found


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="trees that are worked in side by side")
    parser.add_argument("--folder", action="append", help="only in this one; may be repeated")
    parser.add_argument("--workers", type=int, default=6, help="system tests side by side in each")
    parser.add_argument(
        "--reach",
        action="store_true",
        help="ask only system tests that come to the line (reach.py; the first time, all run once)",
    )
    parser.add_argument("--most", type=int, default=150, help="of these so many for each mutant")
    parser.add_argument(
        "--trees", type=Path, default=TREES, help="where to work: another for each search at a time"
    )
    parser.add_argument("--these", type=Path, help="only those in this file, as printed here")
    parser.add_argument(
        "--ask",
        action="append",
        choices=KINDS,
        help="only these tests; what they do not notice is undecided",
    )
    parser.add_argument("--only", action="append", help="all mutants of FILE:LINE", default=[])
    parser.add_argument(
        "--full", action="store_true", help="ask all system tests before calling one a survivor"
    )
    options = parser.parse_args()
    options.ask = options.ask or KINDS
    return options


def choose(options, tree):
    """By turns one of each folder, so that each gets as many."""
    folders = []
    for folder in options.folder or SYSTEM:
        sources = [*tree.top.glob(f"{folder}/*.c"), *tree.top.glob(f"lib/{folder}/*.c")]
        files = sorted(str(p.relative_to(tree.top)) for p in sources)
        every = [m for file in files for m in mutants_of(tree.top, file)]
        random.Random(options.seed).shuffle(every)
        folders.append(every)
    turns = [m for turn in itertools.zip_longest(*folders) for m in turn if m]
    if options.these:
        wanted = options.these.read_text()
        return [m for m in turns if f"{m}:" in wanted]
    if options.only:
        return [m for m in turns if f"{m.file}:{m.line}" in options.only]
    return turns


def note_reach(options):
    names = sorted({n for folder in options.folder or SYSTEM for n in SYSTEM[folder].split()})
    tree = Tree(options.trees / "reach", options.workers)
    tree.copy()
    files = [f"tests/system/test_{n}.py" for n in names]
    reach.make(tree.top, ["-n", str(options.workers), *files])


def main():
    options, began = arguments(), time.monotonic()
    # Ignored where a script starts this in the background, and inherited: tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # number 0 stays as it is
    trees = [Tree(options.trees / str(n), options.workers) for n in range(options.jobs + 1)]
    for tree in trees:
        tree.update()
    if options.reach and not (options.trees / "reach/build/reach.json").exists():
        note_reach(options)
    search = Search(options, trees[0], trees[1:])
    search.go()
    survivors = search.of_kind("survived")
    print(
        f"{len(search.results)} mutants in {time.monotonic() - began:.0f} s:"
        f" {len(search.of_kind('unit'))} noticed by unit tests,"
        f" {len(search.of_kind('system'))} by system tests,"
        f" {len(search.of_kind('accepted'))} accepted, {len(survivors)} survived without a reason"
    )
    for mutant, _, _ in survivors:
        print(f"survived: {mutant}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
