"""Someone who holds the lock of the process table and is stopped delays commands, and nothing else.
"""

import contextlib
import mmap
import os
import signal
import struct
import subprocess
import time

import pytest

from crashkit import (
    EAGER,
    assert_untouched,
    ends,
    kill_all,
    marked,
    noted,
    one_line_error,
    settled,
    sleepers,
    start,
    works,
)
from harness import Tend, helper, identity, wait_gone, wait_until


@contextlib.contextmanager
def held(tend: Tend):
    """The lock is held by a process that is stopped."""
    holder = subprocess.Popen(
        [helper("lock_holder")],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == f"held {holder.pid}\n"
        holder.send_signal(signal.SIGSTOP)
        yield holder
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def counter(tend, name):
    file = tend.work / f"{name}.runs"
    pid = start(tend, name, helper("counter"), file, "3600", "1000", options=EAGER)
    noted(file, pid)
    return pid, file


def test_supervision_goes_on(tend):
    pid, file = counter(tend, "c")
    kept = sleepers(tend)
    with held(tend):
        for n in range(3):
            os.kill(pid, signal.SIGUSR1)
            pid = tend.wait_pid("c", not_pid=pid, timeout=10)
            assert len(noted(file, pid)) == n + 2
        for role in (
            "spawner",
            "logger",
            "monitor",
            "guardian",
        ):  # new daemons don't need it either
            old = tend.kill_daemon(role)
            tend.wait_daemon(role, not_pid=old)
            settled(tend)
        os.kill(pid, signal.SIGUSR1)
        tend.wait_pid("c", not_pid=pid, timeout=10)
        wait_until(lambda: len(ends(tend, "c")) == 4, what="all exits told")
        assert ends(tend, "c") == [f"exit {10 + n}" for n in range(4)]
        assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


def scribble(tend, tid):
    """The owner's words of the lock name a thread that does not hold it, as a stray write of
    anything that has the table mapped might.
    """
    with open(tend.segment, "r+b") as f, mmap.mmap(f.fileno(), 0) as table:
        lock = struct.unpack_from("=Q", table, 624)[0] + 64  # the first region, see shm/README.md
        struct.pack_into("=i", table, lock, tid)
        struct.pack_into("=i", table, lock + 8, tid)


@pytest.mark.parametrize(
    "who", ["nobody", "a process that has nothing to do with it", "the spawner"]
)
def test_an_owner_that_does_not_hold_the_lock(tend, who):
    kept = sleepers(tend)
    settled(tend)
    tid = {"nobody": 2**22 + 5, "the spawner": tend.daemon_pid("spawner")}.get(who, os.getpid())
    scribble(tend, tid)
    if who != "the spawner":
        assert (
            f"its lock names thread {tid} as its holder, which is none"
            in tend.run("doctor", check=False).stdout
        )
    works(tend)
    assert "its lock names" not in tend.run("doctor", check=False).stdout
    assert_untouched(tend, kept)
    tend.stop_all()


def test_looking_does_not_wait(tend):
    sleepers(tend)
    with held(tend):
        begin = time.monotonic()
        for command in (
            ["status"],
            ["status", "--json"],
            ["list"],
            ["events"],
            ["why", "s0"],
            ["snapshot", "--json"],
        ):
            tend.run(*command)
        # Six commands of some milliseconds; a wait for the lock would take seconds each.
        assert time.monotonic() - begin < 4
    tend.stop_all()


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL], ids=["goes-on", "killed"])
def test_a_command_says_who_holds_it_and_works_afterwards(tend, end):
    kept = sleepers(tend)
    with held(tend) as holder:
        done = tend.run(
            "start", "--background", "--name", "new", "--", helper("sleeper"), check=False
        )
        one_line_error(done, str(holder.pid), "stopped", f"kill -CONT {holder.pid}")
        assert tend.status("new") is None
        assert list((tend.home / "specs").glob(".new-*")) == []
        if end == signal.SIGCONT:
            holder.send_signal(signal.SIGUSR1)
        holder.send_signal(end)
        holder.wait()
        works(tend)
        assert start(tend, "new", helper("sleeper"))
        assert_untouched(tend, kept)
    tend.stop_all()


def test_a_command_that_waits_goes_on_once_the_holder_is_gone(tend):
    sleepers(tend, 1)
    with held(tend) as holder:
        waiting = [
            tend.popen("start", "--background", "--name", f"n{i}", "--", helper("sleeper"))
            for i in range(3)
        ]
        stopping = tend.popen("stop", "s0")
        time.sleep(0.5)
        assert all(cli.poll() is None for cli in [*waiting, stopping])
        holder.kill()
        for cli in [*waiting, stopping]:
            out, err = cli.communicate(timeout=20)
            assert cli.returncode == 0, out + err
    for i in range(3):
        assert marked(tend, f"n{i}") == [tend.pid(f"n{i}")]
    assert tend.status("s0")["status"] == "stopped"
    tend.stop_all()


def test_a_start_that_was_posted_before_the_lock_was_taken(tend):
    """The spawner needs the lock to add a row; while it can't have it, it does everything else."""
    pid, file = counter(tend, "c")
    spawner = tend.kill_daemon("spawner", signal.SIGSTOP)
    cli = tend.popen("start", "--background", "--name", "new", "--", helper("sleeper"))
    wait_until(lambda: list((tend.home / "specs").glob(".new-*")), what="its specification")
    wait_until(
        lambda: open(f"/proc/{cli.pid}/syscall").read().startswith(("202 ", "98 ", "449 ")),
        what="it waits for the answer",
    )
    with held(tend):
        os.kill(spawner, signal.SIGCONT)
        os.kill(pid, signal.SIGUSR1)
        assert len(noted(file, tend.wait_pid("c", not_pid=pid))) == 2
        assert tend.status("new") is None and cli.poll() is None
    out, err = cli.communicate(timeout=20)
    assert cli.returncode == 0, out + err
    assert marked(tend, "new") == [tend.pid("new")]
    tend.stop_all()


def test_the_holder_outlives_every_daemon(tend):
    kept = sleepers(tend)
    with held(tend) as holder:
        kill_all(tend)
        assert tend.run("start", check=False).returncode in (
            0,
            1,
        )  # the daemons come back; whether the command has its lock is another matter
        settled(tend)
        assert_untouched(tend, kept)
        holder.kill()
        wait_gone(holder.pid)
        works(tend)
    tend.stop_all()


def test_a_stopped_command_holds_nothing(tend):
    """Ctrl-Z of commands at random moments: the lock is free all the same, for they put such
    signals off while they have it.
    """
    sleepers(tend, 1)
    # The leak check at the end of a sanitized program stops and traces itself; a stop from outside
    # in that moment confuses it.
    tend.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    for i in range(15):
        cli = tend.popen("start", "--background", "--name", f"z{i}", "--", helper("sleeper"))
        time.sleep(0.0004 * i)
        with contextlib.suppress(ProcessLookupError):
            cli.send_signal(signal.SIGTSTP)
        done = tend.run("signal", "s0", "CONT", timeout=20)
        assert done.returncode == 0
        cli.send_signal(signal.SIGCONT)
        out, err = cli.communicate(timeout=20)
        assert cli.returncode == 0, out + err
    assert identity(tend.pid("z0"))
    tend.stop_all()
