"""What chaos.py and soak.py share: an instance whose processes keep their own record, and commands
that must work whatever happens.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import checker  # noqa: E402
from harness import TEND_BIN, TEST_BIN, TOP, Tend  # noqa: E402

CHAOS_BIN = (
    Path(os.environ.get("TEST_BIN", TOP / "build/plain/tests/bin")).resolve().parent / "chaos"
)
# A restart waits no longer than this, and there is no limit on their number.
EAGER = (
    "--restart",
    "always",
    "--restart-delay",
    "1ms",
    "--restart-max-delay",
    "1ms",
    "--restart-limit",
    "0",
)
COMMAND_SECONDS = float(os.environ.get("CHAOS_PATIENCE", 30))
AT_ONCE_SECONDS = 5  # status, on a machine that may stand still for a second or two


class Failure(Exception):
    """Something that was promised does not hold."""


class Instance(Tend):
    """An instance of tend, what should be there, and what was done to it."""

    def __init__(self):
        super().__init__()
        self.truth = self.root / "truth"
        self.truth.mkdir()
        self.expect = {}
        self.tolerant = False  # commands may fail for a fault, with a reason (errors were injected)
        self.count_faults = lambda: 0
        self.under_fire = None  # the role that gets killed
        self.slowest_status = 0.0
        self.refused = []  # what commands said that failed once
        self.killed = set()  # pids of the daemons that we have killed
        self.before_stop = None  # a function

    # -- commands

    def attempt(self, *args, timeout=COMMAND_SECONDS):
        """Run a command to its end. Returns (exit status, what it printed)."""
        try:
            done = subprocess.run(
                self.argv(*args),
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as e:
            raise Failure(
                f"tend {' '.join(map(str, args))}: not done after {timeout} s: {e.stdout}"
            ) from None
        return done.returncode, done.stdout

    def command(self, *args, tolerant=None):
        """A command that must succeed; at the second time, where errors were injected, or at a
        later one if there were more of them meanwhile.
        """
        may_fail, first = self.tolerant if tolerant is None else tolerant, True
        while True:
            faults = self.count_faults()
            code, text = self.attempt(*args)
            if not (code and may_fail and text.strip() and (first or self.count_faults() > faults)):
                break
            self.refused.append(f"tend {' '.join(map(str, args))}: {text.strip()}")
            first = False
        if code:
            raise Failure(f"tend {' '.join(map(str, args))}: exit status {code}: {text.strip()}")
        return text

    def look(self):
        """Status answers at once, whoever lives."""
        began = time.monotonic()
        code, text = self.attempt("status", "--json")
        took = time.monotonic() - began
        self.slowest_status = max(self.slowest_status, took)
        if took > AT_ONCE_SECONDS:
            raise Failure(f"status took {took:.1f} s")
        try:
            return json.loads(text) if code in (0, 1) else None
        except json.JSONDecodeError:
            return None

    # -- witnesses

    def witness(self, name, crashes=0, lines=10, gap_us=1000, options=(), **expect):
        """Start one. It is expected to run, crashes + 1 times."""
        self.expect[name] = {"up": True, "runs": crashes + 1, **expect}
        argv = [TEST_BIN / "witness", self.truth, name, crashes, lines, gap_us]
        return self.command("start", "--background", "--name", name, *EAGER, *options, "--", *argv)

    def again(self, name, runs=1):
        """So many more runs are expected from now on."""
        self.expect[name]["runs"] += runs

    def runs(self, name):
        return checker.Witness(self.truth, name).runs

    def wait(self, predicate, what, timeout=30):
        deadline = time.monotonic() + timeout
        while not predicate():
            if time.monotonic() > deadline:
                raise Failure(f"not within {timeout} s: {what}")
            time.sleep(0.005)

    def soon(self, predicate, seconds=1.0):
        """Whether it becomes true within this time."""
        deadline = time.monotonic() + seconds
        while not predicate():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def wait_runs(self, name, count=None):
        count = self.expect[name]["runs"] if count is None else count
        self.wait(
            lambda: len(self.runs(name)) >= count,
            f"run {count} of {name}, which has {len(self.runs(name))}",
        )

    def wait_lines(self, name, lines):
        """The last run has written some."""
        self.wait(
            lambda: (w := checker.Witness(self.truth, name)).runs
            and w.written(len(w.runs) - 1) >= lines,
            f"{lines} lines of {name}",
        )

    # -- daemons

    def kill_role(self, role):
        """SIGKILL the daemon, if there is one just now."""
        pid = self.daemon_pid(role)
        if pid:
            self.killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.wait(lambda: not checker.is_alive(pid), f"the end of {role} {pid}")

    def is_settled(self):
        """All four run, as the table says. The table alone is looked at."""
        try:
            records = checker.Table(self.home).daemons()
        except (OSError, SystemExit):
            return False
        return (
            all(records[role]["pid"] == self.daemon_pid(role) for role in checker.ROLES)
            and len({r["pid"] for r in records.values()}) == 4
        )

    def wait_settled(self, timeout=30):
        self.wait(self.is_settled, "all four daemons run", timeout)

    # -- the verdict

    def verify(self, stopped=False, timeout=15):
        complaints = checker.check(self.home, self.truth, self.expect, stopped, timeout)
        if complaints:
            raise Failure("; ".join(complaints))

    def finish(self):
        """The next command works, and a whole stop leaves nothing."""
        self.look()
        self.verify()
        self.witness("proof", lines=2)
        self.wait_lines("proof", 2)
        self.verify()
        if self.before_stop:
            self.before_stop()
        self.command("stop")
        self.verify(stopped=True)
        self.must_be_clean = True

    def describe_briefly(self):
        tail = self.log("tend").splitlines()[-30:]
        return "\n".join([f"    {line}" for line in tail])


def environment_of(tend, **more):
    return {**tend.env, **more}


__all__ = [
    "AT_ONCE_SECONDS",
    "CHAOS_BIN",
    "EAGER",
    "Failure",
    "Instance",
    "TEND_BIN",
    "TEST_BIN",
    "TOP",
    "checker",
    "environment_of",
]
