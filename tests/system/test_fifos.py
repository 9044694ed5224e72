"""What lies between a process and the logger, taken away or replaced while it is in use: what is
written is captured, or it is reported that it can't be.
"""

import errno
import os

import pytest

from common import start
from crashkit import settled, works
from harness import helper, remove_folder, wait_gone, wait_until
from test_log_files import is_balanced, log_block
from test_log_trouble import asked


def take_away(fifo):
    fifo.unlink()


def move_away(fifo):
    fifo.rename(fifo.with_name("elsewhere"))


def replace(fifo):
    fifo.unlink()
    os.mkfifo(fifo, 0o600)


def put_a_file(fifo):
    fifo.unlink()
    fifo.write_text("")


def put_a_link(fifo):
    move_away(fifo)
    fifo.symlink_to("elsewhere")


def ends_of(pid, fifo):
    """The descriptors of a process that lead to what the name leads to now."""
    return [
        fd
        for fd in os.listdir(f"/proc/{pid}/fd")
        if os.path.realpath(f"/proc/{pid}/fd/{fd}") == os.path.realpath(fifo)
    ]


def test_the_table_says_whose_output_the_guardian_holds(tend):
    """From the first moment, and of a new guardian's as well."""

    def is_held(name):
        row = next(r for r in tend.json("snapshot")["rows"] if r["ident"]["name"] == name)
        return row["exit"]["held"] == row["gen"]

    asked(tend, "a")
    wait_until(lambda: is_held("a"), what="the output is held")
    asked(tend, "b")
    wait_until(lambda: is_held("b"), what="the other's output is held")
    tend.kill_daemon("guardian")
    settled(tend)
    wait_until(lambda: is_held("a") and is_held("b"), what="both are held by the new guardian")
    tend.stop_all()


@pytest.mark.parametrize("change", [take_away, move_away, replace, put_a_file, put_a_link])
def test_an_output_fifo(tend, change):
    ask = asked(tend, "a")
    fifo, log = tend.home / "run/a.out", tend.home / "logs/a.log"
    ask()
    daemons = settled(tend)
    change(fifo)
    ask()
    if change in (take_away, move_away):
        assert "run/a.in or run/a.out is missing" in tend.run("doctor", check=False).stdout
    # Others come, and look at the row anew: all of them go on with what the process writes to.
    for role in ("spawner", "logger", "guardian", "logger"):
        tend.kill_daemon(role)
        settled(tend)
        ask()
    assert "run/a.out is not what the process writes to" in tend.log("tend")
    assert log.read_text() == "".join(f"line {i}\n" for i in range(6))
    assert is_balanced(log_block(tend, "a"))
    assert daemons.keys() == settled(tend).keys()

    # The next run gets a new one, if there can be one.
    pid = tend.pid("a")
    if change in (put_a_file, put_a_link):
        done = tend.run("restart", "a", check=False)
        assert done.returncode == 1 and "run/a.out" in done.stderr
        assert "is not a FIFO" in done.stderr and "it runs on" in done.stderr
        assert tend.pid("a") == pid and fifo.stat().st_size == 0
        fifo.unlink()
        tend.run("restart", "a")
    else:
        tend.run("restart", "a")
    assert tend.pid("a") != pid
    (tend.work / "a.gate").write_text("x\n")
    wait_until(lambda: log.read_text().endswith("line 5\nline 0\n"), what="a line of the new run")
    wait_until(
        lambda: ends_of(tend.daemon_pid("guardian"), fifo), what="the guardian holds the new one"
    )
    assert is_balanced(log_block(tend, "a"))
    works(tend)
    tend.stop_all()


def test_standard_errors_own_fifo(tend):
    gate = tend.work / "gate"
    os.mkfifo(gate)
    script = f'exec 3<>{gate}; while read line <&3; do echo "out $line"; echo "err $line" >&2; done'
    start(tend, "a", "bash", "-c", script, options=("--separate-stderr",))
    logs, said = tend.home / "logs", []

    def say(word):
        said.append(word)
        gate.write_text(f"{word}\n")
        for way, name in ("out", "a.log"), ("err", "a@err.log"):
            wait_until(
                lambda: (logs / name).exists()
                and (logs / name).read_text() == "".join(f"{way} {w}\n" for w in said),
                what=f"{word} in {name}",
            )  # noqa: B023

    say("one")
    take_away(tend.home / "run/a@err.out")
    say("two")
    tend.kill_daemon("logger")
    settled(tend)
    say("three")
    assert "run/a@err.out is not what the process writes to" in tend.log("tend")
    tend.run("restart", "a")
    say("four")
    wait_until(
        lambda: ends_of(tend.daemon_pid("guardian"), tend.home / "run/a@err.out"),
        what="the guardian holds the new one",
    )
    tend.stop_all()


def test_the_fifo_of_standard_input(tend):
    """Nobody but the process has it open: the next run gets a new one."""
    pid = start(tend, "a", helper("sleeper"))
    take_away(tend.home / "run/a.in")
    assert "run/a.in or run/a.out is missing" in tend.run("doctor", check=False).stdout
    tend.run("restart", "a")
    assert tend.pid("a") != pid and (tend.home / "run/a.in").is_fifo()
    pid = tend.pid("a")
    put_a_file(tend.home / "run/a.in")
    done = tend.run("restart", "a", check=False)
    assert done.returncode == 1 and "run/a.in is not a FIFO" in done.stderr
    assert tend.pid("a") == pid  # nothing is ended for a run that can't be
    # So it is told, too, where the whole instance begins anew.
    tend.stop_all()
    put_a_file(tend.home / "run/a.in")
    done = tend.run("start", "a", "--background", check=False)
    assert done.returncode == 1 and "run/a.in is not a FIFO" in done.stderr
    (tend.home / "run/a.in").unlink()
    tend.run("start", "a", "--background")
    assert tend.status("a")["state"] == "running"
    tend.stop_all()


def test_what_can_not_be_captured_is_said(tend):
    """The name is gone, the process has closed its own end, and the logger that had it open is
    dead.
    """
    start(tend, "a", "bash", "-c", "exec 200<&-; echo ready; exec sleep 1000")
    tend.wait_log("a", "ready")
    take_away(tend.home / "run/a.out")
    tend.kill_daemon("logger")
    wait_until(lambda: log_block(tend, "a")["state"] == 2, what="it is blocked")
    assert log_block(tend, "a")["error"] == errno.ENOENT
    assert (
        f"a: its log can't be written: {os.strerror(errno.ENOENT)}"
        in tend.run("doctor", check=False).stdout
    )
    assert [event for event in tend.events("a") if event["event"] == "log"]
    tend.run("restart", "a")
    wait_until(lambda: log_block(tend, "a")["state"] != 2, what="the next run is captured")
    wait_until(lambda: tend.log("a").count("ready") == 2, what="the next run is captured")
    tend.stop_all()


def remove_run(tend):
    remove_folder(tend.home / "run")


def move_run(tend):
    (tend.home / "run").rename(tend.home / "elsewhere")


@pytest.mark.parametrize(
    "change, command",
    [
        (remove_run, ("restart", "b")),
        (move_run, ("signal", "b", "CONT")),
        (remove_run, ("upgrade",)),
    ],
)
def test_the_folder_under_daemons_that_run(tend, change, command):
    """Their locks are worth nothing then: the next ones end them, instead of working beside them on
    the same table. The processes don't notice.
    """
    ask = asked(tend, "a")
    ask()
    start(tend, "b", helper("sleeper"))
    settled(tend)
    daemons, pid = tend.wait_daemons(), tend.pid("a")
    change(tend)
    ask()
    assert (
        f"guardian: process {daemons['guardian']} lives, but its lock is lost"
        in tend.run("doctor", check=False).stdout
    )
    tend.run(*command)
    for old in daemons.values():
        wait_gone(old)
    settled(tend)
    assert not set(tend.wait_daemons().values()) & set(daemons.values())
    ask()
    assert tend.pid("a") == pid and tend.status("a")["restarts"] == 0
    works(tend)
    assert (tend.home / "logs/a.log").read_text() == "".join(f"line {i}\n" for i in range(3))
    tend.run("stop")
    assert not tend.segment.exists()


@pytest.mark.parametrize("change", [take_away, replace, put_a_file, put_a_link])
def test_a_restart_without_a_specification_ends_nothing(tend, change):
    pid = start(tend, "a", helper("sleeper"))
    spec = tend.home / "specs/a.json"
    kept = spec.read_bytes()
    change(spec)
    done = tend.run("restart", "a", check=False)
    assert done.returncode == 1
    assert "specs/a.json" in done.stderr and "it runs on" in done.stderr
    assert tend.pid("a") == pid
    spec.unlink(missing_ok=True)
    spec.write_bytes(kept)
    tend.run("restart", "a")
    assert tend.pid("a") != pid
    tend.stop_all()
