#!/usr/bin/env python3
"""make chaos T="--subsets N": every subset of the four daemons is killed N times, while processes
print, end with a known status, and are started again.

While one daemon lives no line and no status may be lost, and all four must be at work again within
2 s; on a machine that is shared the time is told, and only one that is far too long fails. Where
all four are killed a command brings them back, and what ended meanwhile may be lost: it is counted.
Run by itself: subsets.py [--rounds N] [--seed N] [--processes N] [--only guardian+logger]
[--paused]. With --paused the spawner, where it lives, is stopped a second before the others are
killed, and goes on a second after that.
"""

import argparse
import contextlib
import itertools
import os
import random
import signal
import statistics
import sys
import time

from chaoskit import EAGER, TEST_BIN, Failure, Instance, checker

ROLES = checker.ROLES
SUBSETS = [s for n in range(1, 5) for s in itertools.combinations(ROLES, n)]
FAR_TOO_LONG_SECONDS = 15


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Subsets:
    def __init__(self, seed, processes, paused=False):
        self.chance = random.Random(seed)
        self.paused = paused
        self.t = Instance()
        self.t.env["MCP_MESH_REGISTRY_URL"] = "http://127.0.0.1:1"
        self.outages = []  # [from, to, who]: only of all four is anything allowed to be lost
        self.whole = []
        self.names = [f"c{i}" for i in range(processes)]
        self.took = {s: [] for s in SUBSETS}

    def populate(self):
        for name in self.names:
            argv = [
                TEST_BIN / "witness",
                self.t.truth,
                name,
                10**9,
                self.chance.randint(5, 60),
                self.chance.randint(500, 8000),
            ]
            self.t.command(
                "start", "--background", "--name", name, *EAGER, "--log-size", "0", "--", *argv
            )
            self.t.expect[name] = {"up": True, "outages": self.whole}

    def is_at_work(self):
        """All four run as the table says, and each holds what every process writes to."""
        if not self.t.is_settled():
            return False
        wanted = {f"{self.t.home}/run/{name}.out" for name in self.names}
        for role in ROLES:
            folder, held = f"/proc/{self.t.daemon_pid(role)}/fd", set()
            with contextlib.suppress(OSError):
                held = {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
            if not wanted <= held:
                return False
        return True

    def kill(self, roles):
        """Stopped first, so that none sees another's end before its own."""
        pids = [pid for role in roles if (pid := self.t.daemon_pid(role))]
        late = self.t.daemon_pid("spawner") if self.paused and "spawner" not in roles else None
        if late:
            os.kill(late, signal.SIGSTOP)
            time.sleep(1)
        for signo in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signo)
        began = now()
        for pid in pids:
            self.t.wait(lambda pid=pid: not checker.is_alive(pid), f"the end of {pid}")
        if late:
            time.sleep(1)
            os.kill(late, signal.SIGCONT)
            began = now()
        if len(roles) == len(ROLES):
            self.t.command("start", self.names[0], "--background")
        self.t.wait(
            self.is_at_work,
            f"all four at work again after {'+'.join(roles)} were killed",
            FAR_TOO_LONG_SECONDS,
        )
        outage = [began - (2 if len(roles) == len(ROLES) else 0), now(), "+".join(roles)]
        self.outages.append(outage)
        if len(roles) == len(ROLES):
            self.whole.append(outage)
        self.took[tuple(roles)].append(now() - began)

    def round(self, subsets):
        for roles in self.chance.sample(subsets, len(subsets)):
            time.sleep(
                self.chance.uniform(1.1, 1.4)
            )  # a daemon that ends within a second of its start counts as one that does not work
            self.t.wait(self.is_at_work, "all four at work")
            self.kill(roles)
        self.t.verify(timeout=60)

    def ended(self, who):
        """So many runs ended in the outages of these."""
        spans = [(a, b) for a, b, w in self.outages if w == who]
        ends = [
            at
            for name in self.names
            for at in checker.Witness(self.t.truth, name).ended_at.values()
        ]
        return sum(any(a <= at <= b for a, b in spans) for at in ends)

    def report(self):
        lost = {
            what: len({(name, run) for name, run, w, _ in checker.ALLOWED if w == what})
            for what in ("end", "output")
        }
        witnesses = [checker.Witness(self.t.truth, name) for name in self.names]
        print(
            f"{sum(len(w.runs) for w in witnesses)} runs, {sum(sum(w.lines) for w in witnesses)} lines"
        )
        print(
            "| killed | times | runs that ended meanwhile | statuses lost | runs with output lost | at work again, median, longest |"
        )
        print("| --- | --: | --: | --: | --: | --: |")
        for roles, took in self.took.items():
            if not took:
                continue
            whole = len(roles) == len(ROLES)
            print(
                f"| {', '.join(roles)} | {len(took)} | {self.ended('+'.join(roles))} | {lost['end'] if whole else 0} | {lost['output'] if whole else 0} | "
                f"{statistics.median(took):.2f} s, {max(took):.2f} s |"
            )


def run(rounds, seed, processes=8, only=None, paused=False):
    """Returns what is wrong, or None."""
    subsets = [s for s in SUBSETS if not only or "+".join(s) in only]
    s = Subsets(seed, processes, paused)
    failed = None
    try:
        s.populate()
        for _ in range(rounds):
            s.round(subsets)
        s.report()
        s.t.command("stop")
        s.t.verify(stopped=True, timeout=60)
    except (Failure, AssertionError, OSError) as e:
        failed = f"{e}\n{s.t.describe_briefly()}"
        if os.environ.get("CHAOS_PAUSE"):
            print(f"{s.t.home}: {failed}", flush=True)
            time.sleep(float(os.environ["CHAOS_PAUSE"]))
    left = s.t.close()
    return failed or left or None


def main():
    parser = argparse.ArgumentParser(
        description="every subset of the daemons is killed, again and again"
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--only", action="append")
    parser.add_argument("--paused", action="store_true")
    a = parser.parse_args()
    seed = a.seed or int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}", flush=True)
    complaint = run(a.rounds, seed, a.processes, a.only, a.paused)
    if complaint:
        print(f"FAILED: {complaint}")
        sys.exit(1)


if __name__ == "__main__":
    main()
