"""Requests that tend's own command line never posts, since it looks first: a client may be older,
race with another, or be wrong. Each gets an answer.
"""

import errno
import mmap
import os
import signal
import struct
import subprocess
import time

import pytest

from crashkit import start, works
from harness import helper, wait_until

START, STOP, RESTART, SIGNAL, REMOVE = range(5)
UNHEALTHY, LIMIT = 16, 32


def post(tend, *words):
    done = subprocess.run(
        [helper("poster"), *map(str, words)],
        env=tend.env,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    code, _, text = done.stdout.rstrip("\n").partition(" ")
    return int(code), text


@pytest.mark.parametrize("kind", [START, STOP, RESTART, SIGNAL, REMOVE])
def test_of_a_process_that_does_not_exist(tend, kind):
    start(tend, "s", helper("sleeper"))
    assert post(tend, kind, "other", 0, "", 10) == (
        -errno.ENOENT,
        "there is no process named other",
    )
    works(tend)


def test_that_come_too_late(tend):
    """The process is not, or no longer, what the client took it for."""
    start(tend, "s", helper("sleeper"))
    pid = tend.pid("s")
    code, text = post(tend, REMOVE, "s")
    assert code == -errno.EBUSY and "stop it first" in text
    code, text = post(tend, START, "s")
    assert code == -errno.EALREADY and str(pid) in text
    tend.run("stop", "s")
    code, text = post(tend, SIGNAL, "s", 0, "", 10)
    assert code == -errno.ESRCH and "does not run" in text
    assert post(tend, STOP, "s")[0] == -errno.EALREADY
    for flag in (UNHEALTHY, LIMIT):  # the monitor's, which has not heard of the stop
        assert post(tend, RESTART, "s", flag) == (
            -errno.ECANCELED,
            "someone has stopped it in the meantime",
        )
    assert tend.status("s")["pid"] is None
    works(tend)


@pytest.mark.parametrize("spec", [".new-0-0", "../processes.json", "/etc/passwd", "s.json"])
def test_a_start_whose_specification_is_none(tend, spec):
    """What is named is missing, not in its folder, or another process's: nothing is started, moved
    or taken away.
    """
    start(tend, "s", helper("sleeper"))
    wait_until(
        (tend.home / "processes.json").exists, what="processes.json"
    )  # written a moment later
    stored = (tend.home / "specs/s.json").read_bytes()
    assert post(tend, START, "new", 0, spec)[0] < 0
    assert (tend.home / "specs/s.json").read_bytes() == stored and (
        tend.home / "processes.json"
    ).exists()
    assert not (tend.home / "specs/new.json").exists()
    tend.wait("s", "running")
    works(tend)


def all_answered(tend, pid, seconds_ago):
    """Every entry of the ring holds an answer for this process."""
    with open(f"/proc/{pid}/stat") as f:
        ticks = int(f.read().rpartition(") ")[2].split()[19])
    done = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - seconds_ago
    with open(tend.segment, "r+b") as f, mmap.mmap(f.fileno(), 0) as table:
        offset, stride, count = struct.unpack_from(
            "=QII", table, 624 + 16 * 2
        )  # the commands, see shm/README.md
        for at in range(offset, offset + stride * count, stride):
            struct.pack_into("=QiI", table, at + 16, ticks, pid, done)
            struct.pack_into("=I", table, at, 4)


def test_clients_that_do_not_take_their_answers(tend):
    """Stopped by Ctrl-Z or a frozen cgroup, 256 of them kept all commands from being posted."""
    start(tend, "s", helper("sleeper"))
    client = subprocess.Popen([helper("sleeper")], stdout=subprocess.DEVNULL)
    try:
        client.send_signal(signal.SIGSTOP)
        all_answered(tend, client.pid, 60)
        told = tend.run("doctor", check=False).stdout
        assert (
            "256 of 256 entries for commands hold answers that nobody takes" in told
            and f"process {client.pid};" in told
        )
        works(tend)
        assert "nobody takes" not in tend.run("doctor", check=False).stdout
    finally:
        client.kill()
        client.wait()


def test_an_answer_that_was_taken_back(tend):
    """A signal whose sender was stopped before it read the answer is not sent again, and it says
    so.
    """
    log = tend.work / "signals"
    start(tend, "s", "sh", "-c", f"trap 'echo got >> {log}' USR1; while :; do sleep 0.05; done")
    spawner = tend.kill_daemon("spawner", signal.SIGSTOP)
    cli = tend.popen("signal", "s", "USR1")
    wait_until(
        lambda: open(f"/proc/{cli.pid}/syscall").read().startswith(("202 ", "98 ", "449 ")),
        what="it waits for the answer",
    )
    cli.send_signal(signal.SIGSTOP)
    os.kill(spawner, signal.SIGCONT)
    wait_until(log.exists, what="the signal was sent")
    all_answered(tend, cli.pid, 60)
    works(tend)  # takes the entries
    cli.send_signal(signal.SIGCONT)
    out, err = cli.communicate(timeout=30)
    assert cli.returncode == 1 and "not asked for again" in out + err
    assert log.read_text() == "got\n"
