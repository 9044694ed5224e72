#!/usr/bin/env python3
"""What two builds print, side by side; or how many instructions their commands take.

usage: make compare BASE=REVISION [T="--counts"]

Builds REVISION in build/compare, prepares one instance for each of the two builds in the same way
(processes that run, rest, failed, are unhealthy; then the daemons dead, then the table gone), asks
both the same commands in every form, and prints where standard output, standard error or the exit
status differ. What can't be the same (pids, times, sizes, durations) is made the same first; a
document of --json keeps its keys and types. Exit status 1: something differs.

--counts: the instructions of a command as valgrind counts them, the least of some runs, in a table
for docs/performance.md; they repeat, whatever else the machine does.
"""

import argparse
import difflib
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/system"))
from harness import Tend, helper, wait_gone, wait_until  # noqa: E402

COMMANDS = (
    "start resurrect stop restart restart-agent signal remove group status list logs"
    " logs-aggregator events why wait snapshot monitor stats metrics config doctor orphans upgrade version help"
).split()

TIMES = 3

# Nothing of these changes anything; each is asked in every state of the instance.
READS = """
status|status --json|status --verbose|status --verbose --json|status runs|status runs --json
status rests|status rests --json|status fails|status fails --json|status sick|status sick --json
status done|status runs fails|status r*|status @pair|status @pair --json|status nobody|status z*
status nobody --json|status -q runs|status --bogus
list|list --json|list --services|list --services --json|list --agents --services|list runs
list --filter running --services|list --filter ( --services|list nobody|list --services -q
why runs|why runs --json|why rests|why fails|why fails --json|why sick|why done|why r* --json|why
why nobody
events|events --json|events runs|events fails --json|events nobody
wait runs --for running|wait rests --for stopped|wait runs --for stopped --timeout 0.1
wait nobody --for running|wait runs|wait runs --for green|wait fails --for running --timeout 0.1
logs|logs speaks|logs speaks --json|logs speaks -n 2|logs speaks --level ERROR|logs runs
logs speaks --filter two|logs speaks --regex t[wh]|logs speaks --previous|logs speaks --since 1h
logs speaks --since never|logs speaks --verify|logs --verify|logs nobody|logs size|logs size speaks
logs export speaks|logs export speaks --format text|logs export speaks --format json
logs export speaks --format csv|logs export speaks --format xml|logs speaks --regex (
logs speaks --level LOUD
logs-aggregator|logs-aggregator --json|logs-aggregator --stats|logs-aggregator --stats --json
logs-aggregator --format csv|logs-aggregator --filter two
monitor|monitor --json|monitor --verbose|monitor --verbose --json|monitor --filter run
monitor --interval 0
stats|stats --json|metrics|snapshot|snapshot --json|doctor|doctor --json|orphans|orphans --json
config|config show|config show --json|config path|config get log_level|config get nothing
config set log_level LOUD|config set nothing 1
group|group --json|group pair|group pair --json|group nobody
version|version --json|--version|help|help start|help nothing|nothing|
"""
# What is wrong with how they are asked; nothing is done.
WRONG = """
start --name|start --name a/b --background -- {sleeper}|start --name x|start nobody.py --background
start --name x --restart maybe --background -- {sleeper}
start --name x --stop-timeout no -- {sleeper}
start --name x --env A --background -- {sleeper}
start --name x --health http:// --background -- {sleeper}
start --name x --restart-limit 1 --background -- {sleeper}
start --name x --cwd /nowhere/at/all -- {sleeper}
start --name x --group a/b --background -- {sleeper}|start --name x --registry-port abc -- {sleeper}
start --name x --background -- /nowhere/at/all/program|start nobody --background
start nobody --background --json|stop nobody|stop nobody --json|restart nobody|restart nobody --json
restart-agent|restart-agent nobody|signal|signal HUP|signal nobody HUP|signal FOO runs|remove
remove nobody|remove nobody --json|remove runs|remove runs --json|group pair nobody
group --none nobody|resurrect now|upgrade now|orphans --bogus
"""
# Deeds, in this order, on the live instance.
DEEDS = """
start --name new --background -- {sleeper}|start --name new --background -- {sleeper}
start --name newer --background --json -- {sleeper}|start --name fast --background -- {crasher} 0 7
start new newer --background|start rests --background --json|start -q new --background
start --name bad --background --json -- /nowhere/at/all/program
restart new|restart new --json|restart n* --json|restart @pair|restart -q new
signal new CONT --json|signal new STOP|signal new CONT|stop newer|stop newer --json|stop newer
stop @pair --json|group trio new newer|group trio newer runs --json|group --none newer --json
remove newer|remove newer --json|logs rotate speaks|logs rotate|remove fails sick --json
upgrade|stop rests new --json|stop --json|stop|status|list --services
"""

KEYS = re.compile(
    r"(^|_)(pid|pos|ppid|pgid|sid|ticks|at|ns|ms|time|timestamp|uptime|seconds|bytes|rss|cpu|memory|mem"
    r"|age|size|inode|mtime|boot|since|until|duration|elapsed|offset|started|last_seen|generation"
    r"|changes|seq|load|percent|sequence|version|serial|cursor|checked|updated|now|threads|fds)"
    r"(_|$)",
    re.I,
)
TEXT = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? ?(ns|us|ms|s|m|min|h|d)( \d+(ms|s|m|h))*\b"), "LONG"),
    (re.compile(r"\b\d+(\.\d+)? ?([KMGkmg]i?B?|B|bytes)\b"), "SIZE"),
    (re.compile(r"\b\d+(\.\d+)? ?%"), "PART"),
    (re.compile(r"\b(\w+_ns|changes|event_pos)=\d+"), r"\1=NUMBER"),
    (re.compile(r"^(tend_\w*(seconds|bytes)\w*(\{[^}]*\})?) [\d.e+]+"), r"\1 NUMBER"),
    (re.compile(r"pid \d+|pids? \d+(, \d+)*"), "PID"),
    (re.compile(r"\b[0-9a-f]{8,}\b"), "HEX"),
    (re.compile(r"\b\d{3,}(\.\d+)?\b"), "MANY"),
    (re.compile(r"  +"), "  "),
    (re.compile(r"-{3,}"), "---"),
]


def build(revision):
    """The folder of the programs of a revision, built in a work tree of its own."""
    top = TOP / "build/compare"
    subprocess.run(["git", "worktree", "prune"], cwd=TOP, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--verify", f"{revision}^{{commit}}"],
        cwd=TOP,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout.strip()
    tree = top / commit[:12]
    if not tree.exists():
        top.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["git", "worktree", "add", "--detach", "--quiet", tree, commit], cwd=TOP, check=True
        )
    subprocess.run(["make", "-s", f"-j{os.cpu_count()}"], cwd=tree, check=True)
    return tree / "build/bin"


def plain(value, key=""):
    """A document without what can't be the same: numbers and times of keys that move, and what is
    another's.
    """
    if isinstance(value, dict):
        return {k: plain(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v, key) for v in value if not is_others(v)]
    if key == "last_seen":
        return "TIME or null"  # the monitor has looked, or not yet
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return "NUMBER" if KEYS.search(key) else value
    return plain_text(value)


ORPHANS = re.compile(r"no orphans$| *PID  +NAME  +AGE|\d+ ended, the others")


def is_others(value):
    """tend orphans looks at all processes of the machine."""
    return isinstance(value, dict) and str(value.get("home", "")).startswith("/tmp/tend-")


def plain_text(text):
    for pattern, word in TEXT:
        text = pattern.sub(word, text)
    return text


def lines_of(text, tend):
    """Comparable lines of what a command printed."""
    text = text.replace(str(tend.root), "ROOT").replace(str(tend.bin), "BIN")
    text = text.replace(tend.segment.name, "SEGMENT")
    lines = []
    try:
        return json.dumps(plain(json.loads(text)), indent=1, ensure_ascii=False).splitlines()
    except ValueError:
        pass
    for line in text.splitlines():
        if "  /tmp/tend-" in line or ORPHANS.match(line):
            continue  # as above
        if line.startswith("uses "):
            continue  # there once the monitor has looked
        try:
            lines.append(json.dumps(plain(json.loads(line)), ensure_ascii=False))
        except ValueError:
            lines.append(plain_text(line))
    return lines


def ask(tend, argv):
    done = tend.run(*argv, check=False, timeout=60)
    printed = lines_of(done.stdout, tend)
    if argv[:1] == ["events"]:
        printed.sort()  # which of two processes was seen first is chance
    return (
        [f"exit status {done.returncode}"]
        + [f"out: {line}" for line in printed]
        + [f"err: {line}" for line in lines_of(done.stderr, tend)]
    )


def commands(text, **words):
    for line in text.strip("\n").splitlines():
        for command in line.split("|"):
            yield command.format(**words).split()


def prepare(tend):
    def start(name, *argv, options=()):
        tend.run("start", "--name", name, *options, "--background", "--", *argv)

    sick = tend.work / "sick.json"
    probe = {"exec": ["/bin/false"], "interval": 0.2, "failure_threshold": 1}
    sick.write_text(json.dumps({"probes": {"liveness": probe}}))
    say = "echo one; echo ERROR two >&2; echo three; exec " + helper("sleeper")
    start("runs", helper("sleeper"), options=["--group", "pair"])
    start("rests", helper("sleeper"), options=["--group", "pair"])
    start("speaks", "/bin/sh", "-c", say)
    start("fails", helper("crasher"), "1", "3", options=["--restart", "no"])
    start("done", helper("crasher"), "1", "0", options=["--restart", "no"])
    start("sick", helper("sleeper"), options=["--health", sick])
    for name in ("runs", "rests", "speaks", "fails", "done"):
        tend.wait(name, "healthy")  # or it is chance whether the monitor saw it
    for name in ("runs", "speaks"):
        wait_until(lambda: tend.status(name)["memory_bytes"], what=f"a sample of {name}")
    wait_until(lambda: tend.status("sick")["health_check"] == "unhealthy", what="a failed probe")
    tend.run("stop", "rests")
    tend.wait("fails", "stopped")
    tend.wait("done", "stopped")
    tend.wait_log("speaks", "three")


def record(folder):
    """{(state, command): lines} of the build in a folder."""
    os.environ["TEND_BIN"] = str(folder)
    tend, found = Tend(), {}
    tend.bin = folder
    words = {"sleeper": helper("sleeper"), "crasher": helper("crasher")}

    def all_of(state, text):
        for argv in commands(text, **words):
            key = state, " ".join(argv)
            while key in found:
                key = key[0], key[1] + " (again)"
            found[key] = ask(tend, argv)

    try:
        all_of("nothing yet", READS)
        for command in COMMANDS:
            found["help", command] = ask(tend, ["help", command])
        prepare(tend)
        all_of("alive", READS + WRONG)
        pids = tend.wait_daemons().values()
        for signo in (signal.SIGSTOP, signal.SIGKILL):  # stopped, none takes another's place
            for pid in pids:
                tend.kill(pid, signo)
        for pid in pids:
            wait_gone(pid)
        all_of("daemons dead", READS)
        saved = tend.segment.read_bytes()
        tend.segment.unlink()
        all_of("table gone", READS)
        tend.segment.write_bytes(saved)
        tend.segment.chmod(0o600)
        tend.run("resurrect", check=False)
        tend.wait_daemons()
        all_of("deeds", DEEDS)
    finally:
        for complaint in tend.close():
            print(complaint, file=sys.stderr)
    return found


def compare(base, now):
    """What differs by chance does not differ each time."""
    differing, asked = None, 0
    for _ in range(TIMES):
        with ThreadPoolExecutor(2) as pool:
            before, after = pool.map(record, (base, now))
        asked = len(before)
        differing = {
            key: (before[key], after.get(key, []))
            for key in (before if differing is None else differing)
            if before.get(key) != after.get(key)
        }
        if not differing:
            break
    for (state, command), (old, new) in differing.items():
        print(f"== {state}: tend {command}")
        for line in difflib.unified_diff(old, new, lineterm="", n=0):
            if not line.startswith(("---", "+++", "@@")):
                print(f"   {line}")
    print(f"compare: {asked} commands, {len(differing)} differ")
    return 1 if differing else 0


# ---- instructions


def instructions(tend, *argv, before=None, runs=3):
    """The least of some runs: a command that waits may wake once more than another time."""
    least = None
    for _ in range(runs):
        if before:
            tend.run(*before)
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--callgrind-out-file=/dev/null",
                *tend.argv(*argv),
            ],
            env=tend.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
        )
        found = re.search(r"Collected : (\d+)", done.stderr)
        if not found:
            sys.exit(f"compare: valgrind counted nothing:\n{done.stderr}")
        least = min(least or int(found[1]), int(found[1]))
    return least


def counts(folder):
    """{what: instructions}"""
    os.environ["TEND_BIN"] = str(folder)
    tend, found = Tend(), {}
    tend.bin = folder
    try:
        found["tend --version"] = instructions(tend, "--version")
        tend.run("start", "--name", "p", "--background", "--", helper("sleeper"))
        found["status of 1"] = instructions(tend, "status")
        found["start of one that is known"] = instructions(
            tend, "start", "p", "--background", before=["stop", "p"], runs=5
        )
        found["stop"] = instructions(
            tend, "stop", "p", before=["start", "p", "--background"], runs=5
        )
        files = [tend.work / f"p{i:03}.sh" for i in range(999)]
        for file in files:
            file.write_text(f"#!/bin/sh\nexec {helper('sleeper')}\n")
            file.chmod(0o755)
        tend.run("start", "--background", *files, timeout=300)
        found["status of 1,000"] = instructions(tend, "status", runs=2)
        found["status --json of 1,000"] = instructions(tend, "status", "--json", runs=2)
        found["status 'p*' of 1,000"] = instructions(tend, "status", "p*", runs=2)
        found["list of 1,000"] = instructions(tend, "list", runs=2)
        tend.run("stop", timeout=300)
    finally:
        tend.close()
    return found


def table(base, now):
    before, after = counts(base), counts(now)
    print("| command | instructions before | now | ratio |\n| --- | --: | --: | --: |")
    for what, number in before.items():
        print(f"| {what} | {number:,} | {after[what]:,} | {after[what] / number:.3f} |")
    return 0


def main():
    parser = argparse.ArgumentParser(usage='make compare BASE=REVISION [T="--counts"]')
    parser.add_argument("base")
    parser.add_argument("--counts", action="store_true")
    options = parser.parse_args()
    base, now = build(options.base), TOP / "build/bin"
    return table(base, now) if options.counts else compare(base, now)


if __name__ == "__main__":
    sys.exit(main())
