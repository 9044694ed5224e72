"""What the system tests share: one instance of tend with a home of its own, driven through its real
programs.

Environment: TEND_BIN is the folder of the programs (default build/bin), OTHER_BIN that of a build
with another layout, TEST_BIN that of the small helper programs in tests/bin.
"""

import functools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TEND_BIN = Path(os.environ.get("TEND_BIN", TOP / "build/bin")).resolve()
TEST_BIN = Path(os.environ.get("TEST_BIN", TOP / "build/plain/tests/bin")).resolve()
OTHER_BIN = Path(
    os.environ.get("OTHER_BIN", f"{TEND_BIN}-other-layout")
).resolve()  # make LAYOUT=other
AGENTS = TOP / "examples/agents"
ROLES = ("guardian", "spawner", "monitor", "logger")

# What a sanitizer says when it found something. Whoever prints it, the test has failed.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ")


# ---- processes


def helper(name):
    """The path of a program of tests/bin, as a string."""
    path = TEST_BIN / name
    assert path.exists(), f"{path} is not built: make test-programs"
    return str(path)


def proc_stat(pid):
    """(state letter, parent, start ticks) of a process, or None if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the command may hold anything, also ")"
    return fields[0], int(fields[1]), int(fields[19])


def alive(pid):
    """True if the process exists and is more than a zombie."""
    stat = proc_stat(pid) if pid else None
    return stat is not None and stat[0] not in "ZX"


def identity(pid):
    """(pid, start ticks): two equal ones are the same process, not merely the same number. None if
    it is gone.
    """
    stat = proc_stat(pid) if pid else None  # looked at once: it may go at any time
    return (pid, stat[2]) if stat is not None and stat[0] not in "ZX" else None


def wait_gone(pid, timeout=10):
    """Wait for the end of any process, a child or not."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([pidfd], [], [], timeout)
        assert ended, f"process {pid} still lives after {timeout} s"
    finally:
        os.close(pidfd)


def remove_folder(path):
    """Also one into which daemons are writing."""
    while path.exists():
        shutil.rmtree(path, ignore_errors=True)


def wait_until(predicate, timeout=10, what=None, nap=0.01):
    """Ask again and again until predicate() is true; returns its value. Only for what no event
    announces: prefer tend wait and wait_gone.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(
                f"not within {timeout} s: {what or getattr(predicate, '__name__', 'a condition')}"
            )
        time.sleep(nap)


def suspend(pid):
    """SIGSTOP, and wait until it has taken effect: on another processor that is a little later."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: proc_stat(pid)[0] in "Tt", what=f"{pid} is suspended")


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def parse_json(text):
    """One document, or one per line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


# ---- an instance


class Tend:
    """One instance: a home, its programs, and a janitor that clears up behind it even when this
    process is killed.
    """

    def __init__(self, home_name="h"):
        self.root = Path(tempfile.mkdtemp(prefix="tend-", dir="/tmp")).resolve()
        self.home = self.root / home_name
        self.work = self.root / "work"  # for the test's own files; not under the home
        self.work.mkdir()
        self.segment = Path(f"/dev/shm/tend-{os.geteuid()}-{fnv1a64(os.fsencode(self.home)):016x}")
        self.bin = TEND_BIN  # whose tend the commands are
        self.must_be_clean = False  # see stop_all()
        self.findings = []  # what sanitizers said
        self.children = []
        self.env = self._environment()
        self.janitor = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                Path(__file__).with_name("janitor.py"),
                self.root,
                self.home,
                self.segment,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            text=True,
        )
        assert self.janitor.stdout.readline() == "ready\n"

    def _environment(self):
        env = {key: value for key, value in os.environ.items() if not key.startswith("TEND_")}
        # HOME too: nothing may reach the home of whoever runs the tests.
        env.update(
            TEND_HOME=str(self.home),
            HOME=str(self.work),
            LC_ALL="C.UTF-8",
            PYTHONDONTWRITEBYTECODE="1",
        )
        env.update(
            TEND_REGISTRY="none"
        )  # agents of the tests are no mesh agents; a test of registries takes it away
        return env

    # -- the command line

    def argv(self, *args):
        program = self.bin / "tend"
        assert program.exists(), f"{program} is not built: make"
        return [str(program), *map(str, args)]

    def run(self, *args, check=True, timeout=30, env=None, input=None, **options):
        """Run one tend command to its end. Returns a CompletedProcess with text. check: it must
        exit with 0.

        Output goes through pipes on purpose: a daemon that kept them open would make this (and
        everybody's $(tend ...)) hang.
        """
        if input is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        argv = self.argv(*args)
        try:
            done = subprocess.run(
                argv,
                env={**self.env, **(env or {})},
                input=input,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=timeout,
                **options,
            )
        except subprocess.TimeoutExpired as e:
            raise AssertionError(
                f"tend {' '.join(argv[1:])}: not done after {timeout} s\n{e.stdout}\n{e.stderr}"
            ) from None
        if SANITIZER.search(done.stderr):
            self.findings.append(f"tend {' '.join(argv[1:])}:\n{done.stderr}")
        if check:
            assert (
                done.returncode == 0
            ), f"tend {' '.join(argv[1:])}: exit status {done.returncode}\n--- stdout\n{done.stdout}--- stderr\n{done.stderr}"
        return done

    def popen(self, *args, env=None, **options):
        """Start a tend command that goes on (a foreground start, a follow, a race)."""
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            **options,
        }
        child = subprocess.Popen(self.argv(*args), env={**self.env, **(env or {})}, **options)
        self.children.append(child)
        return child

    def json(self, *args, **options):
        """Run a command with --json; what it printed, parsed."""
        return parse_json(self.run(*args, "--json", **options).stdout)

    # -- what is going on

    def status(self, name=None):
        """The row of one process in status --json (None if there is none), or without a name the
        whole document.
        """
        document = self.json("status")
        if name is None:
            return document
        return next((row for row in document["processes"] if row["name"] == name), None)

    def pid(self, name):
        """The pid of a process that runs, else None."""
        row = self.status(name)
        return row["pid"] or None if row else None

    def wait(self, name, state="running", timeout=20):
        """Sleep until the process is running, stopped or healthy (tend wait)."""
        return self.run("wait", name, "--for", state, "--timeout", timeout, timeout=timeout + 10)

    def wait_pid(self, name, not_pid=None, timeout=20):
        """Wait until the process runs with another pid than not_pid; returns the new one. A restart
        is announced by no single state.
        """

        def other():
            row = self.status(name)
            return (
                row
                and row["status"] == "running"
                and row["pid"] != not_pid
                and alive(row["pid"])
                and row["pid"]
            )

        return wait_until(other, timeout, f"{name} runs with another pid than {not_pid}", nap=0.03)

    def events(self, name=None):
        """The events so far, a list."""
        found = self.json("events", *([name] if name else []))
        return found.get("events", found) if isinstance(found, dict) else found

    def log(self, name):
        """The log of a process so far, as text."""
        try:
            return (self.home / "logs" / f"{name}.log").read_text(errors="replace")
        except (
            FileNotFoundError,
            NotADirectoryError,
        ):  # a home that is a file, in tests of such homes
            return ""

    def wait_log(self, name, pattern, timeout=20):
        """Wait for a match of the regular expression in the log of a process; returns the match."""
        return wait_until(
            functools.partial(lambda: re.search(pattern, self.log(name), re.M)),
            timeout,
            f"{pattern!r} in the log of {name}",
        )

    # -- the daemons

    def daemon_pid(self, role):
        """The pid of the daemon that holds a role, from the text of its lock, or None. Works
        without a segment.
        """
        try:
            pid, start = map(int, (self.home / "run" / f"{role}.lock").read_text().split())
        except (OSError, ValueError):
            return None
        return pid if identity(pid) == (pid, start) else None

    def wait_daemon(self, role, not_pid=None, timeout=20):
        """Wait until the role is held by a process other than not_pid; returns its pid."""

        def other():
            pid = self.daemon_pid(role)
            return pid != not_pid and pid

        return wait_until(other, timeout, f"a {role} other than {not_pid}")

    def wait_daemons(self, timeout=20):
        """Wait until all four are there; returns {role: pid}."""
        return {role: self.wait_daemon(role, timeout=timeout) for role in ROLES}

    def kill_daemon(self, role, signo=signal.SIGKILL):
        """Send it a signal. SIGKILL: and wait until it is gone. Returns the pid that it had."""
        pid = self.daemon_pid(role)
        assert pid, f"no {role} runs"
        self.kill(pid, signo)
        if signo == signal.SIGKILL:
            wait_gone(pid)
        return pid

    @staticmethod
    def kill(pid, signo=signal.SIGKILL):
        os.kill(pid, signo)

    # -- the end

    def stop_all(self, *args, timeout=60):
        """tend stop of everything, daemons included. From here on the test promises that nothing is
        left: what the janitor still finds is a failure.
        """
        done = self.run("stop", *args, timeout=timeout)
        self.must_be_clean = True
        return done

    def describe(self):
        """For the report of a failed test: what tend's log, events and status say."""
        parts = [("logs/tend.log", "\n".join(self.log("tend").splitlines()[-200:]) or "(empty)")]
        for command in (["events"], ["status", "--verbose"]):
            try:
                done = self.run(*command, check=False, timeout=10)
                parts.append(
                    (f"tend {' '.join(command)} [{done.returncode}]", done.stdout + done.stderr)
                )
            except (AssertionError, OSError) as e:
                parts.append((f"tend {' '.join(command)}", str(e)))
        return "".join(f"--- {title}\n{text.rstrip()}\n" for title, text in parts)

    def close(self):
        """Clear up, and return the complaints (a list of texts, empty when all is well)."""
        complaints = []
        if SANITIZER.search(log := self.log("tend")):
            self.findings.append(f"logs/tend.log:\n{log}")
        try:
            report, _ = self.janitor.communicate(timeout=60)
            left = json.loads(report or "[]")
        except subprocess.TimeoutExpired:
            self.janitor.kill()
            self.janitor.communicate()
            left = []
            complaints.append(f"the janitor of {self.home} did not finish")
        for child in self.children:
            child.communicate()  # the janitor has ended it; reap it and close its pipes
        if left and self.must_be_clean:
            complaints.append(
                "left running after a clean stop:\n"
                + "\n".join(f"  {p['pid']} {p['command']}" for p in left)
            )
        return complaints + self.findings
