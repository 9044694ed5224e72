#!/usr/bin/env python3
"""make chaos: a fault at every system call and every allocation of each program; after each run the
checker looks whether all that is promised still holds (tests/chaos/checker.py).

    chaos.py [--role ROLE]... [--scenario NAME]... [--kind kill|error|malloc]... [--errno NAME]...
    [--call NAME]
             [--at N[:STRIDE[:LAST]]] [--together K] [--every N] [--each-call] [--sample N --seed N]
             [--jobs N]
    chaos.py --subsets N: kills of every subset of the four daemons instead, N times each
    (subsets.py); without any choice, that comes last

For each role and scenario the places are counted first; then the scenario runs once for each of
them, with the fault at that place (--every: each Nth of them; --each-call: the first, the second
and a middle one of each call's name; --sample: so many in all, chosen by the seed, which is
printed). With --call only those of one name count. A fault that came too late for the scenario is
counted as none.

--together K: about K faults in each run, far apart: with STRIDE = places / K the faults of run
number N are at N, N + STRIDE, N + 2 * STRIDE and so on, so that STRIDE runs have them at all
places; but those at the start of a daemon get a run for each, since a daemon that fails to start
again and again does nothing else. A fault moves what comes after it by a few calls; how many faults
each call got is therefore compared with how many of it there are, and what got fewer is listed.
When such a run fails, halves of its faults are tried until no half fails any more; what is left is
printed, as the command that repeats it. Kills are always one a run: a new daemon makes more calls
than the one that died had left.
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, as_completed, wait

import commands
import subsets
from chaoskit import TEND_BIN, TEST_BIN, Failure, Instance, checker
from faults import DAEMONS, ERRNOS, Fault, count_faults, end_tool, verdict_of

SUBSET_ROUNDS = 8


# ---- what happens to daemons while they are under fire


def life(t):
    """Start, crash and restart, signal, restart, rotate and archive, stop, remove."""
    t.witness("w", crashes=2, lines=4)
    t.witness("s", lines=30, gap_us=500, signals=(signal.SIGTERM,))
    t.witness("x", lines=2, signals=(signal.SIGTERM,))
    t.wait_runs("w")
    t.wait_lines("s", 5)
    t.command("logs", "rotate", "s")
    t.wait_runs("s")
    end_by_signal(t, "s")
    t.wait_lines("x", 1)
    t.command("restart", "x")
    t.again("x")
    t.wait_runs("x")
    t.look()
    t.expect["x"]["up"] = False
    t.command("stop", "x")
    t.command("remove", "x")
    t.expect["x"].pop("up")
    t.finish()


def successors(t):
    """Every daemon dies once more, by our hand: new spawners that take over, a spawner that becomes
    the guardian, loggers and monitors that go on.
    """
    t.witness("w", lines=4)
    t.witness("s", lines=50, gap_us=500)
    t.wait_lines("s", 3)
    for role in ("spawner", "guardian", "logger", "monitor"):
        faults = settled_since(t)
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        t.kill_role(role)
        t.look()
        end_by_signal(
            t, "w"
        )  # a command, too, for where two are dead and nobody is left to bring the others back
        t.wait_settled()
        if {role, t.under_fire} == {
            "guardian",
            "logger",
        } and t.count_faults() > faults:  # neither held the pipe of a run that ended then
            t.expect["w"]["outages"] = [
                [began, time.clock_gettime(time.CLOCK_BOOTTIME), "guardian and logger"]
            ]
    t.finish()


def settled_since(t):
    """Wait until all four run. Returns the number of faults of a moment before which all that had
    been hit were replaced.
    """
    while True:
        struck = t.struck()
        if t.under_fire:  # what is killed lives on for a moment
            t.wait(
                lambda: not any(checker.is_alive(pid) for pid in struck),
                "the end of what was killed",
            )
        t.wait_settled()
        if t.count_faults() == len(struck):
            return len(struck)


def registry(t):
    """The monitor asks a registry that is not there, probes, and samples."""
    t.witness("w", lines=3, options=("--health", "exec:/bin/true"))
    t.witness("s", crashes=1, lines=10)
    t.wait_runs("s")

    def cycles():
        return checker.Table(t.home).monitor("cycles")["cycles"]

    t.wait(lambda: cycles() >= 4, "four cycles of the monitor")
    t.look()
    t.finish()


def end_by_signal(t, name):
    """Have its run end by SIGUSR1 and wait for the next one. A spawner that died while it sent the
    signal says that it does not know whether it did.
    """
    t.wait_runs(
        name
    )  # one that has only begun would be ended by the signal before it has made a note of itself
    t.again(name)
    for _ in range(3):
        code, text = t.attempt("signal", name, "USR1")
        if code == 0:
            break
        if not (t.tolerant or "not known" in text):
            raise Failure(f"tend signal {name} USR1: exit status {code}: {text.strip()}")
        t.refused.append(f"tend signal: {text.strip()}")
        if "not known" in text and t.soon(lambda: len(t.runs(name)) >= t.expect[name]["runs"]):
            break
    t.wait_runs(name)


KINDS = ("kill", "error", "malloc")
SCENARIOS = {"life": life, "successors": successors, "registry": registry}


def start_guardian(t, fault, report):
    """In the foreground, under fire from its first instruction. A guardian that dies before it is
    one is replaced by the first command.
    """
    argv = [*fault.argv(report), str(TEND_BIN / "tend-guardian"), "--home", str(t.home)]
    for folder in (t.home, t.home / "logs"):
        folder.mkdir(mode=0o700)
    with open(t.home / "logs/tend.log", "ab") as log:
        return subprocess.Popen(
            argv,
            env={**t.env, **fault.env(report)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def check_survival(t, fault, report):
    """An error that could be waited out must not end a daemon that was at work."""
    for did in verdict_of(report).faults:
        if did.up and did.pid not in t.killed and not checker.is_alive(did.pid):
            raise Failure(
                f"the {fault.role} was at work, and ended because {did.call} {did.at} failed"
            )


def run_daemon(scenario, fault):
    """One run. Returns (what was done, complaint or None, slowest status, what commands said that
    failed once).
    """
    t = Instance()
    report = t.root / "report"
    t.tolerant = fault.kind != "kill"
    t.count_faults = lambda: count_faults(report)
    t.struck = lambda: [did.pid for did in verdict_of(report).faults]
    t.under_fire = fault.role.removeprefix("tend-") if fault.kind == "kill" else None
    tool, complaint = None, None
    try:
        if scenario == "registry":
            t.env.update(
                MCP_MESH_REGISTRY_URL=os.environ.get("CHAOS_REGISTRY", "http://127.0.0.1:1"),
                TEND_MONITOR_INTERVAL_MS="100",
            )
        if fault.kind != "kill" and not fault.role.endswith("-child"):
            t.before_stop = lambda: check_survival(t, fault, report)
        tool = start_guardian(t, fault, report)
        wait_for_start(t, tool)
        if fault.role == "tend-spawner-child":
            original = t.witness
            t.witness = lambda name, **options: original(name, **{"phantoms": 1, **options})
        SCENARIOS[scenario](t)
    except (Failure, AssertionError, OSError) as e:
        complaint = f"{e}\n{t.describe_briefly()}"
        if os.environ.get("CHAOS_PAUSE"):  # for a look at what hangs
            print(f"{t.home}: {complaint}", flush=True)
            time.sleep(float(os.environ["CHAOS_PAUSE"]))
    end_tool(tool)
    did = verdict_of(report)
    slowest, refused = t.slowest_status, t.refused
    left = t.close()
    if complaint is None and left:
        complaint = "; ".join(left)
    return did, complaint, slowest, refused


def wait_for_start(t, tool):
    """Until there is a guardian, or the one that we started is gone."""
    t.wait(lambda: t.daemon_pid("guardian") or tool.poll() is not None, "a guardian")


# ---- the plan


def count(role, scenario, kind, errno, call):
    """How many there are, by the name of the call too."""
    did, complaint, _, _ = run_daemon(scenario, Fault(role, kind, 0, errno, call))
    return did, complaint


def one(role, scenario, kind, errno, call, at):
    """One run, or where several faults of it did harm together, as few of them as still do. Yields
    (run, result) pairs in a list.
    """
    run = (role, scenario, kind, errno, call, at)
    result = run_daemon(scenario, Fault(role, kind, at, errno, call))
    found = [(run, result)]
    if result[1] and ":" in str(at):
        smaller = narrow(run, result)
        if smaller is not None:
            found = [(run, (result[0], None, *result[2:])), smaller]
    return found


def narrow(run, result):
    """Halves of its faults, and halves of those, for as long as one of them fails. None: no half
    did.
    """
    stride = int(str(run[5]).split(":")[1])
    smallest = None
    while len(places := [f.at for f in result[0].faults]) > 1:
        middle = len(places) // 2
        for half in (places[:middle], places[middle:]):
            tried = (*run[:5], f"{half[0]}:{stride}:{half[-1]}" if len(half) > 1 else half[0])
            result = run_daemon(run[1], Fault(run[0], run[2], tried[5], run[3], run[4]))
            if result[1]:
                smallest = (tried, result)
                break
        else:
            break
    return smallest


class Tally:
    """Counts for the table in docs/reliability.md, and what failed."""

    def __init__(self):
        self.runs = collections.Counter()
        self.done = collections.Counter()
        self.places = collections.Counter()
        self.calls = collections.defaultdict(collections.Counter)  # faults by (call, errno)
        self.there = collections.defaultdict(collections.Counter)  # places, likewise
        self.failures = []
        self.slowest = 0.0
        self.refused = collections.Counter()

    def expect(self, combination, did):
        role, scenario, kind, errno, _ = combination
        self.places[role, scenario, kind] += did.counted
        for call, n in did.calls.items():
            self.there[role, scenario, kind][call, errno] += n

    def add(self, key, result):
        (role, scenario, kind, errno, call, at), (did, complaint, slowest, refused) = key, result
        group = (role, scenario, kind)
        self.runs[group] += 1
        self.slowest = max(self.slowest, slowest)
        for text in refused:
            self.refused[text] += 1
        self.done[group] += len(did.faults)
        for f in did.faults:
            self.calls[group][f.call, errno] += 1
        if complaint:
            what = f"{Fault(role, kind, at, errno, call)} --scenario '{scenario}'"
            self.failures.append(what)
            print(f'FAILED: make chaos T="{what}"  ({did})\n    {complaint}', flush=True)

    def fewer(self, group):
        """The calls that got fewer faults than there are of them."""
        missed = {
            key: n - self.calls[group][key]
            for key, n in self.there[group].items()
            if self.calls[group][key] < n
        }
        return [
            f"{call} {errno or ''} {n}".replace("  ", " ")
            for (call, errno), n in sorted(missed.items(), key=lambda m: -m[1])
        ]

    def print(self, seconds):
        print(
            f"{'ROLE':22} {'SCENARIO':14} {'FAULT':8} {'PLACES':>7} {'RUNS':>6} {'FAULTS':>7} {'KINDS OF CALL':>14}"
        )
        for group in sorted(self.runs):
            kinds = len({call for call, _ in self.calls[group]})
            print(
                f"{group[0]:22} {group[1]:14} {group[2]:8} {self.places[group] or '-':>7} {self.runs[group]:6} {self.done[group]:7} {kinds:14}"
            )
            if missed := self.fewer(group):
                print(
                    f"    fewer faults than calls: {', '.join(missed[:12])}{' ...' if len(missed) > 12 else ''}"
                )
        print(
            f"{sum(self.done.values())} faults in {sum(self.runs.values())} runs, {len(self.failures)} failures, slowest status {self.slowest:.2f} s, {seconds:.0f} s"
        )


def all_of_command(name, kind, errno, first, step):
    """Every place of one command, one after the other on one instance."""
    results = []
    for at, did, complaint in commands.run_command(
        name, lambda at: Fault("tend", kind, at, errno), first, step
    ):
        results.append((("tend", name, kind, errno, None, at), (did, complaint, 0.0, [])))
    return results


def fire_at_commands(pool, a, tally):
    chance = random.Random(a.seed)
    wanted = [name for name in a.scenario or commands.COMMANDS if name in commands.COMMANDS]
    runs = [
        (name, kind, errno)
        for name in wanted
        for kind in a.kind or KINDS
        for errno in ((a.errno or ERRNOS) if kind == "error" else (None,))
    ]
    chance.shuffle(runs)
    pending = [
        pool.submit(all_of_command, *run, int(a.at) or 1 + a.offset, a.every) for run in runs
    ]
    for future in as_completed(pending):
        for key, result in future.result():
            tally.add(key, result)


def combinations(a):
    roles = [f"tend-{role}" for role in a.role if role != "tend"] or [
        *DAEMONS,
        "tend-spawner-child",
        "tend-guardian-child",
    ]
    for role in roles:
        for scenario in [s for s in a.scenario if s in SCENARIOS] or SCENARIOS:
            if scenario == "registry" and role != "tend-monitor":
                continue
            for kind in a.kind or KINDS:
                if kind != "kill" and role.endswith("-child"):
                    continue
                for errno in (a.errno or ERRNOS) if kind == "error" else (None,):
                    yield role, scenario, kind, errno, a.call if kind != "malloc" else None


def places(did, kind, a):
    if a.together == 1 or kind == "kill":
        found = list(range(1, did.counted + 1))
    else:
        stride = -(-did.counted // a.together)
        found = sorted(did.starts) + [f"{n}:{stride}:{did.counted}" for n in range(1, stride + 1)]
    return found[a.offset :: a.every]


def places_of_each_call(c, calls):
    return [
        (*c[:4], call, at)
        for call, n in calls.items()
        for at in sorted({1, min(2, n), (n + 1) // 2})
    ]


def plan(pool, a, tally):
    """All (role, scenario, kind, errno, call, at)."""
    if a.at != "0":
        return [(*c, a.at) for c in combinations(a)]
    if a.sample:
        return sample(a)
    found = []
    counts = {pool.submit(count, *c): c for c in combinations(a)}
    for future in as_completed(counts):
        c = counts[future]
        did = counted(future, c)
        tally.expect(c, did)
        found += (
            places_of_each_call(c, did.calls)
            if a.each_call and c[2] != "malloc"
            else [(*c, at) for at in places(did, c[2], a)]
        )
    random.Random(a.seed).shuffle(found)
    return found


def fire(pool, runs, a, tally):
    """All runs, a.jobs at a time; SIGTERM and --seconds let no more begin. Now and then a line
    tells how far it is.
    """
    began = told = time.monotonic()
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    waiting, todo, done = set(), iter(runs), 0
    while True:
        while (
            len(waiting) < 2 * a.jobs
            and not ending
            and not (a.seconds and time.monotonic() - began > a.seconds)
            and (run := next(todo, None))
        ):
            waiting.add(pool.submit(one, *run))
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            waiting.discard(future)
            done += 1
            for run, result in future.result():
                tally.add(run, result)
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(
                f"{done} of {len(runs)} runs, {sum(tally.done.values())} faults, {len(tally.failures)} failures, {told - began:.0f} s",
                flush=True,
            )


def counted(future, c):
    did, complaint = future.result()
    if complaint:
        print(f"{c}: without any fault: {complaint}")
        sys.exit(1)
    return did


# About how many system calls a role makes in a scenario: a place beyond the last one costs a run
# that does nothing.
ABOUT = {"tend-guardian": 300, "tend-spawner": 900, "tend-monitor": 350, "tend-logger": 600}


def sample(a):
    """Some of them, without counting first. Calls that can fail with one errno, and allocations,
    are fewer.
    """
    share = {"kill": 1, "error": 0.2, "malloc": 0.15}
    found = list(combinations(a))
    chance = random.Random(a.seed)
    chosen = [chance.choice(found) for _ in range(a.sample)]
    return [
        (*c, chance.randint(1, max(1, int(ABOUT.get(c[0], 200) * share[c[2]])))) for c in chosen
    ]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        help="guardian, spawner, monitor, logger, spawner-child, guardian-child, tend",
    )
    parser.add_argument(
        "--scenario", action="append", default=[], choices=(*SCENARIOS, *commands.COMMANDS)
    )
    parser.add_argument("--kind", action="append", default=[], choices=("kill", "error", "malloc"))
    parser.add_argument(
        "--errno",
        action="append",
        default=[],
        choices=(*ERRNOS, "ANY"),
        help="ANY: each call fails with one that it can fail with, in turn",
    )
    parser.add_argument("--call", help="the name of a system call")
    parser.add_argument(
        "--each-call",
        action="store_true",
        help="the first, the second and a middle one of each system call",
    )
    parser.add_argument(
        "--at", default="0", help="this place; N:STRIDE[:LAST]: N, N + STRIDE, ... LAST, in one run"
    )
    parser.add_argument(
        "--together",
        type=int,
        default=1,
        metavar="K",
        help="about K faults in each run (errors, allocations)",
    )
    parser.add_argument("--every", type=int, default=1, help="each Nth place, or run")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="begin no run after this time")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument(
        "--subsets",
        type=int,
        default=0,
        help="only this: kill every subset of the daemons so many times (subsets.py)",
    )
    parser.add_argument("--results", help="append the counts to this file, as JSON")
    return parser.parse_args()


def kill_subsets(rounds, seed):
    """All combinations of daemons killed at once, also while the spawner is stopped. 0, or 1:
    something does not hold.
    """
    complaints = [subsets.run(rounds, seed), subsets.run(max(1, rounds // 4), seed, paused=True)]
    print("\n".join(f"FAILED: {c}" for c in complaints if c))
    return 1 if any(complaints) else 0


def main():
    a = arguments()
    a.seed = a.seed or int.from_bytes(os.urandom(4), "big")
    if a.subsets:
        sys.exit(kill_subsets(a.subsets, a.seed))
    began = time.monotonic()
    tally = Tally()
    assert (TEST_BIN / "witness").exists(), "make test-programs"
    with ProcessPoolExecutor(a.jobs) as pool:
        if "tend" in a.role or not (a.role or a.sample or a.at != "0"):
            fire_at_commands(pool, a, tally)
        runs = plan(pool, a, tally) if a.role != ["tend"] else []
        print(f"{len(runs)} runs, seed {a.seed}", flush=True)
        fire(pool, runs, a, tally)
    everything = not (a.role or a.scenario or a.kind or a.sample or a.call or a.at != "0")
    failed = kill_subsets(SUBSET_ROUNDS, a.seed) if everything else 0
    tally.print(time.monotonic() - began)
    for text, times in tally.refused.most_common(20 if a.results else 0):
        print(f"refused {times} times: {text}")
    if a.results:
        with open(a.results, "a") as f:
            f.write(
                json.dumps(
                    {"done": [[*k, v] for k, v in tally.done.items()], "failures": tally.failures}
                )
                + "\n"
            )
    sys.exit(1 if tally.failures or failed else 0)


if __name__ == "__main__":
    main()
