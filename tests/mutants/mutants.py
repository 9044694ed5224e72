#!/usr/bin/env python3
"""Changes one thing in the sources, and looks whether a test notices; then the next.

usage: make mutants [T="--count N --seed N --folder NAME --full --only FILE:LINE"]

Works in a copy of the tree (build/mutants). A mutant that does not compile, or whose code is the
same, is passed over. The others meet the unit tests of their folder, then the system tests that
know it best, and with --full all system tests. One that nothing notices is a survivor: write the
test, or say in accepted.txt why none can notice (FILE: the line as it is now => the line as
changed: reason). Exit status 1: a survivor is left that accepted.txt does not explain.
"""

import argparse
import dataclasses
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TREE = TOP / "build/mutants"
OUTPUT = TREE.with_name("mutants.out")

# Which system tests are asked first about a change in a folder; the order is from general to
# special.
SYSTEM = {
    "spawner": "lifecycle stop restart_policy tree exec_failures environment daemon_kills groups lost_table half_done upgrade",
    "guardian": "daemon_kills segment lost_table upgrade races fifos",
    "logger": "log_files log_trouble logger_kills logs fifos",
    "shm": "lifecycle segment lock requests reader many cli",
    "logread": "logs log_files log_links log_trouble",
}

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
    """Where the code of a line may be changed: not in texts, characters, comments and
    directives.
    """
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


def mutants_of(file):
    found, in_comment = [], False
    for number, line in enumerate((TREE / file).read_text().splitlines(), 1):
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


def run(argv, timeout, **options):
    """0: fine; else it failed, or took too long. Whatever it started ends with it. What it printed
    is in OUTPUT.
    """
    with OUTPUT.open("w") as output:
        child = subprocess.Popen(
            argv,
            cwd=TREE,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        return -1
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()


def make(*targets, timeout=600):
    return run(["make", "-s", f"-j{os.cpu_count()}", *targets], timeout)


def object_of(file):
    return TREE / "build/plain" / Path(file).with_suffix(".o")


def unit_tests(folder):
    """The unit tests of a folder: by their names, and by the modules that they are linked with."""
    return sorted(
        t.stem
        for t in (TREE / "tests/unit").glob("test_*.c")
        if t.stem.startswith(f"test_{folder.split('/')[-1]}_")
        or re.search(rf"links:.*\b{folder}/", t.read_text())
    )


def environment():
    build = TREE / "build/plain"
    return {
        **os.environ,
        "BUILD": str(build),
        "TEND_BIN": str(TREE / "build/bin"),
        "TEST_BIN": str(build / "tests/bin"),
        "OTHER_BIN": str(TREE / "build/bin-other-layout"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def notices(mutant, full):
    """The name of the test that notices the mutant; None: none does."""
    folder = str(Path(mutant.file).parent)
    units = unit_tests(folder)
    if make("all", "test-programs", *(f"build/plain/tests/unit/{name}" for name in units)) != 0:
        return "the compiler"
    for name in units:
        if run([TREE / "build/plain/tests/unit" / name], 300, env=environment()) != 0:
            return name
    return system_tests(folder, full)


def system_tests(folder, full):
    """The system test that fails; None: none does."""
    sets = [[f"tests/system/test_{name}.py" for name in SYSTEM[folder.split("/")[-1]].split()]]
    if full:
        sets.append(["tests/system"])
    for files in sets:
        pytest = [
            "/usr/bin/python3",
            "-m",
            "pytest",
            "-c",
            "tests/system/pytest.ini",
            "--rootdir=tests/system",
            "-q",
            "-x",
            "-n",
            "6",
        ]
        if run([*pytest, *files], 1200, env=environment()) != 0:
            failed = re.search(
                r"^FAILED tests/system/(\S+)", OUTPUT.read_text(errors="replace"), re.M
            )
            return failed[1] if failed else "system tests that did not end"
    return None


def try_one(mutant, full):
    path = TREE / mutant.file
    original, code = path.read_text(), object_of(mutant.file).read_bytes()
    lines = original.split("\n")
    lines[mutant.line - 1] = mutant.after
    path.write_text("\n".join(lines))
    try:
        if make(str(object_of(mutant.file).relative_to(TREE))) != 0:
            return "does not compile"
        if object_of(mutant.file).read_bytes() == code:
            return "is the same code"
        by = notices(mutant, full)
        return f"noticed by {by}" if by else "SURVIVED"
    finally:
        path.write_text(original)


def accepted():
    found = {}
    for line in (Path(__file__).with_name("accepted.txt")).read_text().splitlines():
        match = re.match(r"([^:#]+): (.*) => (.*): (.*)$", line)
        if match:
            found[match[1], match[2], match[3]] = match[4]
    return found


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", action="append", help="only in this one; may be repeated")
    parser.add_argument("--only", action="append", help="all mutants of FILE:LINE", default=[])
    parser.add_argument(
        "--full", action="store_true", help="ask all system tests before calling one a survivor"
    )
    return parser.parse_args()


def prepare():
    TREE.mkdir(parents=True, exist_ok=True)
    files = (
        subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True)
        .stdout.decode()
        .split("\0")
    )
    for file in filter(None, files):
        source, target = TOP / file, TREE / file
        if source.is_file() and (not target.exists() or source.read_bytes() != target.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    if make("all", "test-programs", "other-layout") != 0:
        sys.exit("mutants: the tree as it is does not build: make")


def choose(options):
    folders = options.folder or list(SYSTEM)
    sources = sorted(
        str(p.relative_to(TREE))
        for f in folders
        for p in [*TREE.glob(f"{f}/*.c"), *TREE.glob(f"lib/{f}/*.c")]
    )
    every = [m for file in sources for m in mutants_of(file)]
    if options.only:
        return [m for m in every if f"{m.file}:{m.line}" in options.only]
    random.Random(options.seed).shuffle(every)
    return every


def main():
    options = arguments()
    prepare()
    mutants, sound = choose(options), {}
    reasons, tried, survivors, began = accepted(), 0, [], time.monotonic()
    for mutant in mutants:
        if tried >= options.count and not options.only:
            break
        folder = str(Path(mutant.file).parent)
        if folder not in sound:
            sound[folder] = system_tests(folder, False)
        if sound[folder]:
            sys.exit(f"mutants: the tree as it is fails {sound[folder]}")
        result = try_one(mutant, options.full)
        if result in ("does not compile", "is the same code"):
            continue
        tried += 1
        if result == "SURVIVED" and mutant.key in reasons:
            result = f"accepted: {reasons[mutant.key]}"
        elif result == "SURVIVED":
            survivors.append(mutant)
        print(f"{tried:4} {mutant}: {result}", flush=True)
    make("all")
    print(
        f"{tried} mutants in {time.monotonic() - began:.0f} s; {len(survivors)} survived without a reason"
    )
    for mutant in survivors:
        print(f"survived: {mutant}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
