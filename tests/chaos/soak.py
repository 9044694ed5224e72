#!/usr/bin/env python3
"""make soak: a random storm over one instance, for as long as wished, and the checker again and
again.

    soak.py [--seconds N] [--seed N] [--processes N] [--all-four N]

Processes crash, fork, flood, ignore signals, leave their session, get stopped and continued;
commands race with each other and are killed; daemons are killed and stopped one by one, in pairs,
and all at once; the registry flaps; the clock is stepped to and fro, by up to three years
(tests/chaos/shiftclock.c: for this instance only); the disk fills up and is freed (as root, with a
small file system of its own). Every few seconds all this pauses and checker.py looks whether
everything that was promised holds, and whether the events show the time as it was stepped. What
happens in which order is chosen by the seed, which is printed; what exactly it meets is up to the
machine. --all-four: kill all daemons so many times instead, and look after each 20th time.

What can't be known is allowed and counted, and nothing else: how a run ended that ended while
daemons were dead, and what lay in its pipe then.
"""

import argparse
import collections
import contextlib
import os
import random
import signal
import struct
import subprocess
import sys
import time

from chaoskit import CHAOS_BIN, EAGER, TEST_BIN, Failure, Instance, checker
from fake_registry import FakeRegistry, entry

QUIET_SECONDS = 5
# So far a logger may be behind on a machine that is overloaded; some milliseconds on one that is
# not.
BEHIND_SECONDS = 2
ROLES = checker.ROLES
CLOCK_SECONDS = 3 * 365 * 86400  # so far the clock is stepped, to and fro


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Storm:
    def __init__(self, seed, processes, small_disk):
        self.chance = random.Random(seed)
        self.t = Instance()
        self.disk = small_disk and self.mount()
        self.registry = FakeRegistry()
        self.clock = self.t.root / "clock"
        self.shift_ns = 0
        self.clock.write_bytes(bytes(8))
        self.t.env.update(LD_PRELOAD=str(CHAOS_BIN / "shiftclock.so"), CHAOS_CLOCK=str(self.clock))
        # A sanitizer's library wants to be the first; the one that only reads the clock does it no
        # harm.
        self.t.env["ASAN_OPTIONS"] = (
            self.t.env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        )
        self.t.env.update(TEND_MONITOR_INTERVAL_MS="200", MCP_MESH_REGISTRY_URL=self.registry.url)
        self.outages = []
        self.did = {}
        self.crashers = [f"c{i}" for i in range(processes // 2)]
        self.steady = [f"s{i}" for i in range(processes // 4)]
        self.racers = [f"r{i}" for i in range(processes // 8 or 1)]
        self.registry.agents = [entry(name) for name in self.crashers]

    # -- the population

    def mount(self):
        """A home on a file system that can be filled without harm to others."""
        self.t.home.mkdir(mode=0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tend-soak", self.t.home],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def populate(self):
        t, chance = self.t, self.chance
        for name in self.crashers:
            t.witness(
                name,
                crashes=10**9,
                lines=chance.randint(10, 60),
                gap_us=chance.randint(8000, 30000),
                options=("--log-size", "20KiB", "--log-keep", "0"),
            )
            t.expect[name].update(outages=self.outages)
            t.expect[name].pop("runs")
        for name in self.steady:
            t.witness(
                name,
                lines=chance.randint(100, 2000),
                gap_us=chance.randint(500, 5000),
                outages=self.outages,
            )
        for name in self.racers:
            t.witness(
                name,
                lines=50,
                gap_us=2000,
                signals=(signal.SIGTERM, signal.SIGKILL),
                outages=self.outages,
            )
            t.expect[name].pop("runs")
            t.expect[name].pop("up")
        for name, argv in {
            "forker": ("forker", "3"),
            "ignorer": ("term_ignorer", "child"),
            "flooder": ("flooder", "200000", "200"),
        }.items():
            t.command(
                "start",
                "--background",
                "--name",
                name,
                *EAGER,
                "--stop-timeout",
                "1s",
                "--log-size",
                "1MiB",
                "--log-keep",
                "2",
                "--",
                TEST_BIN / argv[0],
                *argv[1:],
            )
            t.expect[name] = {"up": True, "foreign": True}

    # -- what happens

    def kill_some(self, roles):
        """Until all is well again, ends may go unseen."""
        pids = [pid for role in roles if (pid := self.t.daemon_pid(role))]
        # What had ended just before, and whose output nobody had moved yet, is lost with the last
        # reader of its pipe.
        behind = BEHIND_SECONDS if {"guardian", "logger"} <= set(roles) else 0
        self.outages.append([now() - behind, float("inf"), "+".join(sorted(roles))])
        for signo in (
            (signal.SIGSTOP, signal.SIGKILL) if len(pids) > 1 else (signal.SIGKILL,)
        ):  # stopped first: none sees another's end
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signo)
        for pid in pids:
            self.t.wait(lambda pid=pid: not checker.is_alive(pid), f"the end of {pid}")
        if len(pids) > 1:
            self.t.command(
                "signal", "s0", "CONT"
            )  # any command that asks for something brings back what nobody is left to start

    def is_held(self):
        """Guardian or logger have an end of the pipe of each process that runs: before that, what
        one has written goes with it.
        """
        held = set()
        for role in ("guardian", "logger"):
            folder = f"/proc/{self.t.daemon_pid(role)}/fd"
            with contextlib.suppress(OSError):
                held.update(os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder))
        return all(
            f"{self.t.home}/run/{name}.out" in held
            for name, row in checker.Table(self.t.home).rows().items()
            if row["pid"]
        )

    def end_outages(self):
        """Once all four run and hold what they must, nothing may be missed any more."""
        if (
            self.outages
            and self.outages[-1][1] == float("inf")
            and self.t.is_settled()
            and self.is_held()
        ):
            for outage in self.outages:
                outage[1] = min(outage[1], now())

    def is_over(self):
        self.end_outages()
        return not self.outages or self.outages[-1][1] != float("inf")

    def kill_one(self):
        self.kill_some([self.chance.choice(ROLES)])

    def kill_two(self):
        self.kill_some(self.chance.sample(ROLES, 2))

    def kill_all(self):
        self.kill_some(ROLES)

    def stop_a_daemon(self):
        pid = self.t.daemon_pid(self.chance.choice(ROLES))
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(self.chance.uniform(0, 0.3))
                os.kill(pid, signal.SIGCONT)

    def random_command(self):
        name = self.chance.choice(self.racers)
        return self.chance.choice(
            [
                ("start", name, "--background"),
                ("stop", name),
                ("restart", name),
                ("stop", name, "--force"),
                ("status", "--json"),
                ("logs", name),
                ("signal", name, "CONT"),
                ("events", name),
                ("logs", "rotate", name),
                ("list",),
            ]
        )

    def race(self, kill=False):
        """A few commands at once. What they say may be anything; that they end is what counts."""
        clis = [self.t.popen(*self.random_command()) for _ in range(self.chance.randint(2, 4))]
        if kill:
            time.sleep(self.chance.uniform(0, 0.004))
            for cli in clis:
                cli.kill()
        for cli in clis:
            try:
                cli.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                raise Failure(f"{cli.args}: not done after 60 s") from None
            self.t.children.remove(cli)

    def kill_commands(self):
        self.race(kill=True)

    def end_a_run(self):
        name = self.chance.choice(self.steady)
        runs = self.t.runs(name)
        if runs and checker.is_alive(*runs[-1]):
            self.t.expect[name].pop("runs", None)
            with contextlib.suppress(ProcessLookupError):
                os.kill(runs[-1][0], signal.SIGUSR1)

    def stop_a_process(self):
        runs = self.t.runs(self.chance.choice(self.crashers + self.steady))
        if runs and checker.is_alive(*runs[-1]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(runs[-1][0], signal.SIGSTOP)
                time.sleep(self.chance.uniform(0, 0.05))
                os.kill(runs[-1][0], signal.SIGCONT)

    def rotate(self):
        with contextlib.suppress(Failure):
            self.t.attempt("logs", "rotate", self.chance.choice(self.crashers + self.steady))

    def flap(self):
        self.registry.mode = self.chance.choice(
            ["ok", "ok", "500 Oops", "close", "half", "html", "ok"]
        )

    def fill_disk(self):
        if not self.disk:
            return
        path = self.t.home / "logs" / "filler.log"
        with contextlib.suppress(OSError), open(path, "wb", buffering=0) as f:
            while True:
                f.write(b"\0" * 65536)
        time.sleep(self.chance.uniform(0.05, 0.5))
        path.unlink()

    def step_clock(self):
        """By seconds, hours or years, forwards or back; it stays there until the next step."""
        self.shift_ns = int(
            self.chance.choice([-1, 1])
            * self.chance.choice([3, 7200, CLOCK_SECONDS])
            * self.chance.random()
            * 1e9
        )
        with open(self.clock, "r+b", buffering=0) as f:
            f.write(struct.pack("=q", self.shift_ns))

    def saw_the_step(self):
        """The last event was written by the clock as we stepped it."""
        told = checker.Table(self.t.home).events()[0]
        return bool(told) and abs(told[-1]["real_ns"] - time.time_ns() - self.shift_ns) < 60e9

    ACTIONS = (
        (kill_one, 10),
        (kill_two, 2),
        (kill_all, 1),
        (stop_a_daemon, 3),
        (race, 4),
        (kill_commands, 4),
        (end_a_run, 5),
        (stop_a_process, 6),
        (rotate, 3),
        (flap, 3),
        (step_clock, 3),
        (fill_disk, 1),
    )

    def act(self):
        action = self.chance.choices([a for a, _ in self.ACTIONS], [w for _, w in self.ACTIONS])[0]
        self.did[action.__name__] = self.did.get(action.__name__, 0) + 1
        action(self)

    # -- whether all holds

    def quiet(self):
        """Let it settle, with a command, since nobody may be left to bring the daemons back; then
        look.
        """
        t = self.t
        t.look()
        t.command("start", "s0", "--background")
        t.wait(self.is_over, "all four daemons run and hold every pipe", 60)
        t.verify(timeout=60)
        t.wait(self.saw_the_step, "an event by the clock as it was stepped")

    def storm(self, seconds):
        end = time.monotonic() + seconds
        quiet_at = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < end:
            self.act()
            time.sleep(self.chance.uniform(0, 0.2))
            self.end_outages()
            if time.monotonic() > quiet_at:
                self.quiet()
                quiet_at = time.monotonic() + QUIET_SECONDS

    def all_four(self, times):
        for i in range(times):
            self.kill_all()
            self.t.wait(self.is_over, "all four daemons run and hold every pipe", 60)
            time.sleep(self.chance.uniform(0, 0.2))  # also while all is well
            self.did["kill_all"] = i + 1
            if i % 20 == 19:
                self.quiet()

    def finish(self):
        self.quiet()
        self.t.command("stop")
        self.t.verify(stopped=True, timeout=60)

    def close(self):
        self.registry.close()
        left = self.t.close()
        if self.disk:
            subprocess.run(["umount", "-l", self.t.home], check=False, capture_output=True)
        return left

    def counts(self):
        runs = {
            name: checker.Witness(self.t.truth, name)
            for name in self.crashers + self.steady + self.racers
        }
        return {
            "runs": sum(len(w.runs) for w in runs.values()),
            "lines": sum(sum(w.lines) for w in runs.values()),
            "ends": sum(len(w.ends) for w in runs.values()),
            "allowed losses": sorted(checker.ALLOWED),
            **self.did,
        }


def arguments():
    parser = argparse.ArgumentParser(description="a random storm, and the checker again and again")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=40)
    parser.add_argument("--all-four", type=int, default=0)
    parser.add_argument("--no-disk", action="store_true", help="never fill a disk, also as root")
    return parser.parse_args()


def main():
    a = arguments()
    seed = a.seed or int.from_bytes(os.urandom(4), "big")
    print(
        f'seed {seed}: make soak T="--seed {seed} --seconds {a.seconds:g} --processes {a.processes}"',
        flush=True,
    )
    s = Storm(seed, a.processes, small_disk=os.geteuid() == 0 and not a.no_disk and not a.all_four)
    failed = None
    try:
        s.populate()
        if a.all_four:
            s.all_four(a.all_four)
        else:
            s.storm(a.seconds)
        s.finish()
    except (Failure, AssertionError, OSError) as e:
        failed = f"{e}\n{s.t.describe_briefly()}"
        if os.environ.get("CHAOS_PAUSE"):
            print(f"{s.t.home}: {failed}", flush=True)
            time.sleep(float(os.environ["CHAOS_PAUSE"]))
    counts = s.counts()
    left = s.close()
    losses = counts.pop("allowed losses")
    print(", ".join(f"{key} {value}" for key, value in counts.items()))
    print(f"slowest status {s.t.slowest_status:.2f} s")
    for (what, who), n in sorted(
        collections.Counter((what, who) for _, _, what, who in losses).items()
    ):
        print(
            f"not known or lost, since it ended while {who} had just been killed: {what} of {n} runs"
        )
    if failed or (left and not failed):
        print(f"FAILED: {failed or left}")
        sys.exit(1)


if __name__ == "__main__":
    main()
