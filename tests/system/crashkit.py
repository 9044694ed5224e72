"""What the tests of the crash contract share, beyond harness.py."""

import contextlib
import json
import os
import platform
import re
import signal
import sys
import time
from pathlib import Path

from harness import (
    ROLES,
    alive,
    fnv1a64,
    helper,
    identity,
    proc_stat,
    suspend,
    wait_gone,
    wait_until,
)

# From Linux 6.15 on the kernel tells how a process ended to whoever holds a pidfd of it, parent or
# not.
KERNEL_TELLS_EXITS = tuple(map(int, re.match(r"(\d+)\.(\d+)", platform.release()).groups())) >= (
    6,
    15,
)
# Restarts at once, for ever: for tests that count runs and not delays.
EAGER = ("--restart-delay", "1ms", "--restart-max-delay", "1ms", "--restart-limit", "0")

# Writes numbered lines, some hundred at a time, until the file named last exists; then "end COUNT".
# Dies of SIGPIPE, as a C program would.
WRITER = """
import os, signal, sys, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
path, nap, bundle = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
number = 0
while not os.path.exists(path):
    data = b"".join(b"%010d %s\\n" % (i, b"x" * (i % 90)) for i in range(number, number + bundle))
    number += bundle
    while data:
        data = data[os.write(1, data):]
    time.sleep(nap)
os.write(1, b"end %d\\n" % number)
signal.pause()
"""


def start(tend, name, *command, restart="always", options=(), **kwargs):
    """Start a command in the background; returns its pid."""
    tend.run(
        "start",
        "--background",
        "--name",
        name,
        "--restart",
        restart,
        *options,
        "--",
        *command,
        **kwargs,
    )
    return tend.pid(name)


def sleepers(tend, count=3):
    """Start some; returns {name: identity}."""
    return {f"s{i}": identity(start(tend, f"s{i}", helper("sleeper"))) for i in range(count)}


def assert_untouched(tend, kept):
    """Each process is still the very same one, and tend says so."""
    for name, ident in kept.items():
        row = tend.status(name)
        assert identity(ident[0]) == ident, f"{name}: process {ident[0]} is gone or another one"
        assert (row["status"], row["pid"]) == ("running", ident[0]), f"{name}: {row}"


def saved_entries(tend):
    """What processes.json holds by now: {name: entry}."""
    file = tend.home / "processes.json"
    return json.loads(file.read_text())["processes"] if file.exists() else {}


def saved(tend, kept):
    """Wait until processes.json knows these processes; that is written within a second."""

    def known():
        entries = saved_entries(tend)
        return all(entries.get(name, {}).get("pid") == ident[0] for name, ident in kept.items())

    wait_until(known, what="processes.json knows them all")


def works(tend, name="proof"):
    """Supervision is there: what is started runs, what is killed comes back, what is stopped
    ends.
    """
    pid = start(tend, name, helper("sleeper"), options=EAGER)
    os.kill(pid, signal.SIGKILL)
    tend.wait_pid(name, not_pid=pid)
    tend.run("stop", name)
    assert tend.status(name)["status"] == "stopped"
    tend.run("remove", name)


def settled(tend, timeout=20):
    """Wait until status says that all four daemons run, as the processes that they are now; returns
    the part of the document.
    """

    def all_run():
        daemons = tend.status()["daemons"]
        right = all(
            daemons[role]["state"] == "running" and daemons[role]["pid"] == tend.daemon_pid(role)
            for role in ROLES
        )
        # For a moment a spawner that became the guardian is still on record as the spawner, too.
        return right and len({daemons[role]["pid"] for role in ROLES}) == len(ROLES) and daemons

    return wait_until(all_run, timeout, "all daemons running", nap=0.05)


def kill_all(tend):
    """SIGKILL every daemon at once, before any of them can react. Returns {role: pid}."""
    pids = {role: daemon["pid"] for role, daemon in settled(tend).items()}
    for pid in pids.values():  # each of them would bring the others back
        suspend(pid)
    for pid in pids.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids.values():
        wait_gone(pid)
    return pids


def suppress(tend, role, seconds=1.0):
    """Kill a daemon until the guardian waits before the next, so that for at least so long none
    lives. Returns when that time begins.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pid = tend.wait_daemon(role)
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        waits = re.findall(rf"the {role} ended (\d+) times in a row", tend.log("tend")[-4000:])
        if waits and 0.1 * 2 ** int(waits[-1]) > seconds:
            return
    raise AssertionError("the guardian never waited")


def state_events(tend, name):
    return [event for event in tend.events(name) if event["event"] == "state"]


def ends(tend, name):
    """How each run of a process ended, from the events: ["exit 3", "signal SIGKILL", "lost"]."""
    found = []
    for event in state_events(tend, name):
        if event["from"] not in ("running", "stopping"):
            continue
        if event["exit_code"] is not None:
            found.append(f"exit {event['exit_code']}")
        elif event["exit_signal"] is not None:
            found.append(f"signal {event['exit_signal']}")
        elif event["to"] != "stopping":
            found.append("lost")
    return found


def launches(tend, name):
    return [event["pid"] for event in state_events(tend, name) if event["to"] == "running"]


def runs(path):
    """The pids of a counter's runs, in order; none of them may have met another one alive."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    words = [line.split() for line in lines]
    assert all(kind == "run" for kind, _, _ in words), f"two at once: {lines}"
    assert [int(number) for _, number, _ in words] == list(range(len(words)))
    return [int(pid) for _, _, pid in words]


def noted(path, pid):
    """Wait until this run of a counter has noted itself, and with that is ready for signals; it was
    executed a moment before. Returns all runs.
    """
    wait_until(lambda: runs(path)[-1:] == [pid], what=f"run {pid} in {path}")
    return runs(path)


def environment_of(pid):
    """The environment of a process as a list; [] of a kernel thread, or of one that is gone. In the
    midst of an execve there is none yet: that is waited for.
    """
    for _ in range(1000):
        try:
            text = Path(f"/proc/{pid}/environ").read_bytes()
            if text or Path(f"/proc/{pid}/cmdline").read_bytes():
                break
            os.readlink(f"/proc/{pid}/exe")
        except OSError:
            return []
        time.sleep(0.001)
    return text.split(b"\0")


def marked(tend, name=None):
    """Pids of the living processes that this instance started (all, or those of one name), as their
    environment says.
    """
    mark = f"TEND_INSTANCE={fnv1a64(os.fsencode(tend.home.resolve())):016x}".encode()
    found = []
    for entry in os.listdir("/proc"):
        environ = environment_of(int(entry)) if entry.isdigit() else []
        if (
            mark in environ
            and (name is None or f"TEND_NAME={name}".encode() in environ)
            and alive(int(entry))
        ):
            found.append(int(entry))
    return found


def daemons_of(tend):
    """{role: [pid]} of the living daemons that were started for this home, by their command lines:
    those that lost the race as well.

    A spawner's child that writes processes.json, or that is about to execute a process, bears its
    parent's command line, and is none.
    """
    found = {role: [] for role in ROLES}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            argv = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        role = os.fsdecode(os.path.basename(argv[0])).removeprefix("tend-")
        if role in found and os.fsencode(tend.home) in argv and alive(int(entry)):
            found[role].append(int(entry))
    for role, pids in found.items():
        stats = {pid: proc_stat(pid) for pid in pids}
        found[role] = [pid for pid in pids if stats[pid] and stats[pid][1] not in pids]
    return found


def one_line_error(done, *parts, code=1):
    """The command failed with one line on standard error that holds all the parts, and printed
    nothing else.
    """
    assert done.returncode == code, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert (
        done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    ), f"{done.stdout!r} {done.stderr!r}"
    assert done.stderr.startswith("tend "), done.stderr
    for part in parts:
        assert part in done.stderr, f"{part!r} is not in {done.stderr!r}"


def parent(pid):
    return proc_stat(pid)[1]


def check_lines(text, first_line=None):
    """Every line once, in order, whole; and the end."""
    lines = text.splitlines()
    if first_line:
        assert lines.pop(0) == first_line
    assert lines and lines[-1].startswith("end "), lines[-1:]
    count = int(lines.pop().split()[1])
    for expected, line in enumerate(lines):
        if not line.startswith(f"{expected:010d} "):
            raise AssertionError(
                f"line {expected} is {line!r}, after {lines[max(0, expected - 2):expected]!r}"
            )
    assert len(lines) == count
    return count


def writer(tend, name, nap="0.002", bundle="50"):
    command = (sys.executable, "-I", "-S", "-c", WRITER, tend.work / "enough", nap, bundle)
    return identity(start(tend, name, *command, options=("--log-size", "0")))  # one file
