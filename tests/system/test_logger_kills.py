"""No byte of a process's output is lost, repeated or torn, whoever dies, and no process ever gets
SIGPIPE.
"""

import os
import random
import select
import signal
import sys
import time

import pytest

from crashkit import assert_untouched, check_lines, kill_all, settled, start, writer
from harness import ROLES, alive, helper, identity, proc_stat, wait_until

# Waits for the first file, writes so many lines, then makes the second.
BLOCKED = """
import os, signal, sys, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
for fd in range(3, 1024) if sys.argv[4:] else ():
    try:
        os.close(fd)
    except OSError:
        pass
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
for i in range(int(sys.argv[3])):
    os.write(1, b"%010d %s\\n" % (i, b"y" * 52))
open(sys.argv[2], "w").close()
os.write(1, b"end %d\\n" % int(sys.argv[3]))
signal.pause()
"""


@pytest.mark.timeout(300)
def test_a_logger_killed_fifty_times(tend):
    kept = {"steady": writer(tend, "steady"), "fast": writer(tend, "fast", "0.0001", "200")}
    for kill in range(50):
        pid = tend.wait_daemon("logger")
        # Every second kill hits a logger that has just begun. The guardian delays only the third
        # early end in a row.
        time.sleep(random.uniform(0, 0.03) if kill % 2 else random.uniform(1.0, 1.1))
        os.kill(pid, signal.SIGKILL)
        tend.wait_daemon("logger", not_pid=pid)
    (tend.work / "enough").touch()
    for name in kept:
        tend.wait_log(name, r"^end \d+$", timeout=60)
        assert check_lines(tend.log(name)) > 1000
    assert_untouched(tend, kept)
    assert tend.status()["daemons"]["logger"]["restarts"] == 50
    log = {row["ident"]["name"]: row["log"] for row in tend.json("snapshot")["rows"]}
    for name in kept:  # nor are bytes counted twice
        size = (tend.home / "logs" / f"{name}.log").stat().st_size
        wait_until(
            lambda: {r["ident"]["name"]: r["log"] for r in tend.json("snapshot")["rows"]}[name][
                "captured_bytes"
            ]
            == size,
            what=f"{name}: {size} bytes counted, not {log[name]}",
        )
    tend.stop_all()


def test_a_flood_through_the_deaths_of_every_daemon(tend):
    """A writer that is always blocked on a full pipe, while all kinds of daemons die."""
    ident = identity(start(tend, "flood", helper("flooder"), "600000", "100"))
    for round_ in range(6):
        tend.wait_daemons()
        time.sleep(random.uniform(0, 0.2))
        if round_ % 3 == 2:
            kill_all(tend)
            tend.run("start", "--background", "--name", f"n{round_}", "--", helper("sleeper"))
        else:
            pid = tend.kill_daemon(("logger", "guardian")[round_ % 2])
            tend.wait_daemon(("logger", "guardian")[round_ % 2], not_pid=pid)
    tend.wait_log("flood", r"^end 600000$", timeout=60)
    lines = tend.log("flood").splitlines()
    assert [int(line.split()[0]) for line in lines[:-1]] == list(range(600000))
    assert {len(line) for line in lines[:-1]} == {99}
    assert_untouched(tend, {"flood": ident})
    tend.stop_all()


@pytest.mark.parametrize("dead", ["logger", "all"])
@pytest.mark.parametrize("closes", [False, True], ids=["keeper", "no-keeper"])
def test_more_than_a_pipe_while_nobody_reads(tend, dead, closes):
    """It blocks, and goes on where it was. With no daemon alive at all the process itself must be
    the reader that keeps the pipe whole.
    """
    if dead == "all" and closes:
        pytest.skip(
            "a process that closes what it did not open has no reader left when every daemon is dead"
        )
    go, done = tend.work / "go", tend.work / "done"
    pid = start(
        tend,
        "w",
        sys.executable,
        "-I",
        "-S",
        "-c",
        BLOCKED,
        go,
        done,
        "5000",
        *(["close"] if closes else []),
    )
    tend.wait_log("w", "^ready")
    if dead == "all":
        kill_all(tend)
    else:
        tend.kill_daemon("logger", signal.SIGSTOP)
    go.touch()
    blocked = wait_until(lambda: in_pipe_write(pid), what="blocked in its write")
    time.sleep(0.3)
    assert blocked and alive(pid) and in_pipe_write(pid) and not done.exists()
    assert "0000000000" not in tend.log("w")  # it is all in the pipe
    if dead == "all":
        tend.run("start", "--background", "--name", "other", "--", helper("sleeper"))
    else:
        tend.kill_daemon("logger")
    wait_until(done.exists, what="the writer goes on")
    tend.wait_log("w", "^end")
    check_lines(tend.log("w"), "ready")
    assert tend.pid("w") == pid
    tend.stop_all()


def in_pipe_write(pid):
    """It sleeps in a write to its standard output."""
    try:
        with open(f"/proc/{pid}/syscall") as f:
            call = f.read().split()
    except OSError:
        return False
    number, first = {"x86_64": "1", "aarch64": "64"}[os.uname().machine], call[1] if len(
        call
    ) > 1 else ""
    return proc_stat(pid)[0] == "S" and call[0] == number and first == "0x1"


def test_output_of_a_process_that_ends_while_no_logger_lives(tend):
    """Its last words wait in the pipe, although it and its keeper are gone."""
    start(tend, "other", helper("sleeper"))
    tend.wait_daemons()
    tend.kill_daemon("logger", signal.SIGSTOP)
    start(tend, "c", helper("crasher"), "0", "3", restart="no")
    wait_until(lambda: tend.status("c")["state"] == "failed", what="its end")
    tend.kill_daemon("logger")
    tend.wait_log("c", r"^crasher \d+ start$")
    assert len(tend.log("c").splitlines()) == 1
    tend.stop_all()


def test_output_of_a_process_that_is_removed_while_no_logger_lives(tend):
    """Removal takes the FIFO away, and waits until a logger has taken what lies in it."""
    start(tend, "other", helper("sleeper"))
    guardian = tend.wait_daemons()["guardian"]
    tend.kill_daemon("logger", signal.SIGSTOP)
    start(tend, "c", helper("crasher"), "0", "3", restart="no")
    wait_until(lambda: tend.status("c")["state"] == "failed", what="its end")
    os.kill(guardian, signal.SIGSTOP)
    tend.kill_daemon("logger")
    remove = tend.popen("remove", "c")
    assert not [
        line for line in wait_quiet(remove) if line
    ], "it was removed, and nobody had its output"
    os.kill(guardian, signal.SIGCONT)
    assert remove.wait(30) == 0
    tend.wait_log("c", r"^crasher \d+ start$")
    tend.stop_all()


def wait_quiet(child, seconds=0.5):
    """What a command that should have nothing to say yet has said within this time."""
    ready, _, _ = select.select([child.stdout], [], [], seconds)
    return [child.stdout.readline()] if ready else []


def test_a_storm_on_all_daemons_loses_no_line(tend):
    kept = {"w": writer(tend, "w")}
    for _ in range(20):
        role = random.choice(ROLES)
        pid = tend.daemon_pid(role)
        if pid:
            os.kill(pid, signal.SIGKILL)
        time.sleep(random.uniform(0, 0.4))
    tend.run("start", "--background", "--name", "other", "--", helper("sleeper"))
    settled(tend, 40)
    (tend.work / "enough").touch()
    tend.wait_log("w", r"^end \d+$", timeout=60)
    check_lines(tend.log("w"))
    assert_untouched(tend, kept)
    tend.stop_all()
