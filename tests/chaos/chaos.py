#!/usr/bin/env python3
"""make chaos: a fault at every system call and every allocation of each program, one fault a run; after each run the checker looks whether all that is
promised still holds (tests/chaos/checker.py).

    chaos.py [--role ROLE]... [--scenario NAME]... [--kind kill|error|malloc]... [--errno NAME]... [--call NAME]
             [--at N] [--every N] [--each-call] [--sample N --seed N] [--jobs N]

For each role and scenario the calls are counted first; then the scenario runs once for each of them (--every: each Nth of them; --each-call: the first, the
second and a middle one of each name; --sample: so many in all, chosen by the seed, which is printed), with the fault at that call. With --call only those of
one name count. A fault that came too late for the scenario is counted as none.
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
from concurrent.futures import ProcessPoolExecutor, as_completed

import commands
from chaoskit import CHAOS_BIN, TEND_BIN, TEST_BIN, Failure, Instance, checker

ERRNOS = ("ENOSPC", "EIO", "EMFILE", "ENFILE", "ENOMEM", "EINTR", "EAGAIN", "EACCES")
DAEMONS = tuple(f"tend-{role}" for role in checker.ROLES)


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
    """Every daemon dies once more, by our hand: new spawners that take over, a spawner that becomes the guardian, loggers and monitors that go on."""
    t.witness("w", lines=4)
    t.witness("s", lines=50, gap_us=500)
    t.wait_lines("s", 3)
    for role in ("spawner", "guardian", "logger", "monitor"):
        t.kill_role(role)
        t.look()
        end_by_signal(t, "w")  # a command, too, for where two are dead and nobody is left to bring the others back
        t.wait_settled()
    t.finish()


def registry(t):
    """The monitor asks a registry that is not there, probes, and samples."""
    t.env.update(TEND_MONITOR_INTERVAL_MS="100")
    t.witness("w", lines=3, options=("--health", "exec:/bin/true"))
    t.witness("s", crashes=1, lines=10)
    t.wait_runs("s")

    def cycles():
        return checker.Table(t.home).monitor("cycles")["cycles"]

    t.wait(lambda: cycles() >= 4, "four cycles of the monitor")
    t.look()
    t.finish()


def end_by_signal(t, name):
    """Have its run end by SIGUSR1 and wait for the next one. A spawner that died while it sent the signal says that it does not know whether it did."""
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


SCENARIOS = {"life": life, "successors": successors, "registry": registry}


class Fault:
    """One fault: where, and what. None of it: count only."""

    def __init__(self, role, kind, at, errno=None, call=None):
        self.role, self.kind, self.at, self.errno, self.call = role, kind, at, errno, call

    def __str__(self):
        what = f"--kind {self.kind}" + (f" --errno {self.errno}" if self.errno else "") + (f" --call {self.call}" if self.call else "")
        return f"--role {self.role.removeprefix('tend-')} {what} --at {self.at}"

    def argv(self, report):
        if self.kind == "malloc":
            return []
        how = ["--kill"] if self.kind == "kill" and self.at else ["--error", self.errno] if self.kind == "error" else ["--count"]
        which = ["--call", self.call] if self.call else []
        return [str(CHAOS_BIN / "inject"), "--role", self.role, "--at", str(self.at), *how, *which, "--report", str(report), "--"]

    def env(self, report):
        if self.kind != "malloc":
            return {}
        return {"LD_PRELOAD": str(CHAOS_BIN / "failmalloc.so"), "CHAOS_ROLE": self.role, "CHAOS_AT": str(self.at), "CHAOS_REPORT": str(report)}


def start_guardian(t, fault, report):
    """In the foreground, under fire from its first instruction. A guardian that dies before it is one is replaced by the first command."""
    argv = [*fault.argv(report), str(TEND_BIN / "tend-guardian"), "--home", str(t.home)]
    for folder in (t.home, t.home / "logs"):
        folder.mkdir(mode=0o700)
    with open(t.home / "logs/tend.log", "ab") as log:
        return subprocess.Popen(argv, env={**t.env, **fault.env(report)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                start_new_session=True)  # fmt: skip


def verdict_of(report, deadline=5):
    """What inject or failmalloc did: ("done", call, pid, up) or ("none", count, count of each call)."""
    try:
        lines = report.read_text().splitlines()
    except OSError:
        return ("none", 0, {})
    done = [line.split() for line in lines if line.startswith("done")]
    if done:
        return ("done", done[0][1], int(done[0][2]), done[0][3] == "1")
    calls = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("call")}
    return ("none", sum(int(line.split()[1]) for line in lines if line.startswith("none")), calls)


def check_survival(t, fault, report):
    """An error that could be waited out must not end a daemon that was at work."""
    did = verdict_of(report)
    if did[0] == "done" and did[3] and did[2] not in t.killed and not checker.is_alive(did[2]):
        raise Failure(f"the {fault.role} was at work, and ended because {did[1]} failed")


def run_daemon(scenario, fault):
    """One run. Returns (what was done, complaint or None, slowest status)."""
    t = Instance()
    report = t.root / "report"
    t.tolerant = fault.kind != "kill"
    tool, complaint, did = None, None, ("none", 0, {})
    try:
        if scenario == "registry":
            t.env["MCP_MESH_REGISTRY_URL"] = os.environ.get("CHAOS_REGISTRY", "http://127.0.0.1:1")
        if fault.role.endswith("-child"):
            t.phantoms = 1
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
    did = end_tool(tool, report)
    slowest, refused = t.slowest_status, t.refused
    left = t.close()
    if complaint is None and left:
        complaint = "; ".join(left)
    return did, complaint, slowest, refused


def end_tool(tool, report):
    if tool is not None:
        if tool.poll() is None and not report.exists():
            tool.send_signal(signal.SIGTERM)
        try:
            tool.wait(10)
        except subprocess.TimeoutExpired:
            tool.kill()
            tool.wait()
    return verdict_of(report)


def wait_for_start(t, tool):
    """Until there is a guardian, or the one that we started is gone."""
    t.wait(lambda: t.daemon_pid("guardian") or tool.poll() is not None, "a guardian")


# ---- the plan


def count(role, scenario, kind, errno, call):
    """How many there are, by the name of the call (None: all of them, for allocations)."""
    did, complaint, _, _ = run_daemon(scenario, Fault(role, kind, 0, errno, call))
    return did, complaint


def one(role, scenario, kind, errno, call, at):
    fault = Fault(role, kind, at, errno, call)
    return (role, scenario, kind, errno, call, at), run_daemon(scenario, fault)


class Tally:
    """Counts for the table in docs/reliability.md, and what failed."""

    def __init__(self):
        self.runs = collections.Counter()
        self.done = collections.Counter()
        self.calls = collections.defaultdict(set)
        self.failures = []
        self.slowest = 0.0
        self.refused = collections.Counter()

    def add(self, key, result):
        (role, scenario, kind, errno, call, at), (did, complaint, slowest, refused) = key, result
        group = (role, scenario, kind)
        self.runs[group] += 1
        self.slowest = max(self.slowest, slowest)
        for text in refused:
            self.refused[text] += 1
        if did[0] == "done":
            self.done[group] += 1
            self.calls[group].add(did[1])
        if complaint:
            what = f"{Fault(role, kind, at, errno, call)} --scenario {scenario}"
            self.failures.append(what)
            print(f'FAILED: make chaos T="{what}"  ({" ".join(map(str, did[:4]))})\n    {complaint}', flush=True)

    def print(self, seconds):
        print(f"{'ROLE':22} {'SCENARIO':12} {'FAULT':8} {'RUNS':>6} {'FAULTS':>7} {'KINDS OF CALL':>14}")
        for group in sorted(self.runs):
            print(f"{group[0]:22} {group[1]:12} {group[2]:8} {self.runs[group]:6} {self.done[group]:7} {len(self.calls[group]):14}")
        print(f"{sum(self.done.values())} faults in {sum(self.runs.values())} runs, {len(self.failures)} failures, slowest status {self.slowest:.2f} s, {seconds:.0f} s")


def all_of_command(name, kind, errno, first, step):
    """Every place of one command, one after the other on one instance."""
    results = []
    for at, did, complaint in commands.run_command(name, lambda at: Fault("tend", kind, at, errno), verdict_of, first, step):
        results.append((("tend", name, kind, errno, None, at), (did, complaint, 0.0, [])))
    return results


def fire_at_commands(pool, a, tally):
    chance = random.Random(a.seed)
    wanted = [name for name in a.scenario or commands.COMMANDS if name in commands.COMMANDS]
    runs = [(name, kind, errno) for name in wanted for kind in a.kind or ("kill", "error") for errno in ((a.errno or ERRNOS) if kind == "error" else (None,))
            if kind != "malloc"]  # fmt: skip
    chance.shuffle(runs)
    pending = [pool.submit(all_of_command, *run, a.at or 1 + a.offset, a.every) for run in runs]
    for future in as_completed(pending):
        for key, result in future.result():
            tally.add(key, result)


def combinations(a):
    roles = [f"tend-{role}" for role in a.role if role != "tend"] or [*DAEMONS, "tend-spawner-child", "tend-guardian-child"]
    for role in roles:
        for scenario in [s for s in a.scenario if s in SCENARIOS] or SCENARIOS:
            if scenario == "registry" and role != "tend-monitor":
                continue
            for kind in a.kind or ("kill", "error", "malloc"):
                if kind != "kill" and role.endswith("-child"):
                    continue
                for errno in (a.errno or ERRNOS) if kind == "error" else (None,):
                    yield role, scenario, kind, errno, a.call if kind != "malloc" else None


def places(total, a):
    return range(1 + a.offset, total + 1, a.every)


def places_of_each_call(c, calls):
    return [(*c[:4], call, at) for call, n in calls.items() for at in sorted({1, min(2, n), (n + 1) // 2})]


def plan(pool, a):
    """All (role, scenario, kind, errno, call, at)."""
    if a.at:
        return [(*c, a.at) for c in combinations(a)]
    if a.sample:
        return sample(a)
    found = []
    counts = {pool.submit(count, *c): c for c in combinations(a)}
    for future in as_completed(counts):
        c = counts[future]
        _, total, calls = counted(future, c)
        found += places_of_each_call(c, calls) if a.each_call and c[2] != "malloc" else [(*c, at) for at in places(total, a)]
    random.Random(a.seed).shuffle(found)
    return found


def counted(future, c):
    did, complaint = future.result()
    if complaint:
        print(f"{c}: without any fault: {complaint}")
        sys.exit(1)
    return did


# About how many system calls a role makes in a scenario: a place beyond the last one costs a run that does nothing.
ABOUT = {"tend-guardian": 300, "tend-spawner": 900, "tend-monitor": 350, "tend-logger": 600}


def sample(a):
    """Some of them, without counting first. Calls that can fail with one errno, and allocations, are fewer."""
    share = {"kill": 1, "error": 0.2, "malloc": 0.15}
    found = list(combinations(a))
    chance = random.Random(a.seed)
    chosen = [chance.choice(found) for _ in range(a.sample)]
    return [(*c, chance.randint(1, max(1, int(ABOUT.get(c[0], 200) * share[c[2]])))) for c in chosen]


def arguments():
    parser = argparse.ArgumentParser(description="a fault at every system call and allocation")
    parser.add_argument("--role", action="append", default=[], help="guardian, spawner, monitor, logger, spawner-child, guardian-child, tend")
    parser.add_argument("--scenario", action="append", default=[], choices=(*SCENARIOS, *commands.COMMANDS))
    parser.add_argument("--kind", action="append", default=[], choices=("kill", "error", "malloc"))
    parser.add_argument("--errno", action="append", default=[], choices=ERRNOS)
    parser.add_argument("--call", help="the name of a system call")
    parser.add_argument("--each-call", action="store_true", help="the first, the second and a middle one of each system call")
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="begin no run after this time")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--results", help="append the counts to this file, as JSON")
    return parser.parse_args()


def main():
    a = arguments()
    a.seed = a.seed or int.from_bytes(os.urandom(4), "big")
    began = time.monotonic()
    tally = Tally()
    assert (TEST_BIN / "witness").exists(), "make test-programs"
    with ProcessPoolExecutor(a.jobs) as pool:
        if "tend" in a.role or not (a.role or a.sample or a.at):
            fire_at_commands(pool, a, tally)
        runs = plan(pool, a) if a.role != ["tend"] else []
        print(f"{len(runs)} runs, seed {a.seed}", flush=True)
        waiting, todo = set(), iter(runs)
        more = True
        while more or waiting:
            while more and len(waiting) < 2 * a.jobs:
                run = next(todo, None)
                if run is None or (a.seconds and time.monotonic() - began > a.seconds):
                    more = False
                    break
                waiting.add(pool.submit(one, *run))
            if not waiting:
                break
            done = next(as_completed(waiting))
            waiting.discard(done)
            tally.add(*done.result())
    tally.print(time.monotonic() - began)
    for text, times in tally.refused.most_common(20 if a.results else 0):
        print(f"refused {times} times: {text}")
    if a.results:
        with open(a.results, "a") as f:
            f.write(json.dumps({"done": [[*k, v] for k, v in tally.done.items()], "failures": tally.failures}) + "\n")
    sys.exit(1 if tally.failures else 0)


if __name__ == "__main__":
    main()
