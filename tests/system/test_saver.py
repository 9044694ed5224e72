"""processes.json is written by a child of the spawner, which may wait for a disk: what it knew then
must not come after what a later spawner knows.
"""

import contextlib
import fcntl
import os
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from crashkit import kill_all, saved_entries, settled, start, works
from harness import alive, helper, proc_stat, wait_gone, wait_until
from syscalls import Recorder, position

CHAOS_BIN = Path(helper("sleeper")).parent.parent / "chaos"


@pytest.fixture
def slow(tend):
    """While this file exists no file gets synced."""
    tend.env.update(LD_PRELOAD=str(CHAOS_BIN / "slowsync.so"), CHAOS_SLOW=str(tend.work / "slow"))
    tend.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return tend.work / "slow"


def saver_of(spawner):
    """Its child that bears its name: what it launches has executed something else."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        stat = proc_stat(pid)
        with contextlib.suppress(OSError):  # it may end while we look
            if (
                stat
                and stat[1] == spawner
                and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "tend-spawner"
            ):
                return pid
    return None


@pytest.mark.parametrize(
    "dies", ["spawner", "guardian"]
)  # where the guardian dies the spawner becomes it, under the same pid
def test_a_saver_of_a_dead_spawner_writes_nothing(tend, slow, dies):
    start(tend, "a", helper("sleeper"))
    settled(tend)
    wait_until(lambda: saved_entries(tend).get("a", {}).get("state") == "running", what="a save")
    slow.touch()
    tend.run("stop", "a")
    spawner = tend.daemon_pid("spawner")
    wait_until(lambda: saver_of(spawner), what="a save under way")
    old = saver_of(spawner)
    tend.run("start", "a", "--background")  # what the saver does not know
    tend.kill_daemon(dies)
    wait_gone(old)
    settled(tend)
    assert saved_entries(tend)["a"]["state"] == "running"
    slow.unlink()
    works(tend)
    wait_until(
        lambda: saved_entries(tend)["a"]["pid"] == tend.pid("a"), what="a save of the new spawner"
    )


def test_one_that_can_not_die_is_awaited(tend):
    """It waits inside the kernel, and has the lock as long."""
    start(tend, "a", helper("sleeper"))
    wait_until(lambda: "a" in saved_entries(tend), what="a save")
    with open(tend.home / "run/saver.lock", "r+b") as lock:
        fcntl.fcntl(
            lock, fcntl.F_OFD_SETLKW, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        )
        start(tend, "b", helper("sleeper"))
        tend.wait_log("tend", "cannot write .*processes.json; trying again")
        time.sleep(0.1)
        assert "b" not in saved_entries(tend)
    wait_until(lambda: "b" in saved_entries(tend), what="a save once it is gone", timeout=30)
    assert alive(tend.pid("b"))


def test_the_end_of_an_instance_does_not_wait_for_a_disk(tend, slow):
    start(tend, "a", helper("sleeper"))
    settled(tend)
    slow.touch()
    tend.run("stop", timeout=120)
    assert not tend.segment.exists()
    assert "could not be written within 10 s; ending without" in tend.log("tend")


def test_a_torn_wish_does_not_swallow_the_next(tend, slow):
    """A spawner that died, or a disk that was full, in the middle of a line: the one after it
    counts all the same.
    """
    start(tend, "a", helper("sleeper"), options=("--restart", "no"))
    wait_until(lambda: saved_entries(tend).get("a", {}).get("state") == "running", what="a save")
    settled(tend)
    slow.touch()
    guardian = tend.kill_daemon(
        "guardian", signal.SIGSTOP
    )  # the next spawner comes when the file is there
    tend.kill_daemon("spawner")
    (tend.home / "run/wishes").write_text("up b")
    os.kill(guardian, signal.SIGCONT)
    settled(tend)
    tend.run("stop", "a")
    assert "\ndown a\n" in (tend.home / "run/wishes").read_text()
    slow.unlink()


def test_what_was_removed_fails_no_start_without_names(tend, slow):
    """All daemons and the table are gone, and processes.json has it up still."""
    start(tend, "kept", helper("sleeper"))
    start(tend, "c", helper("sleeper"))
    wait_until(lambda: saved_entries(tend).get("c", {}).get("state") == "running", what="a save")
    settled(tend)
    slow.touch()
    tend.run("stop", "c")
    tend.run("remove", "c")
    kill_all(tend)
    tend.segment.unlink()
    assert saved_entries(tend)["c"]["desired"] == "up"
    said = tend.run("start")
    assert "kept: " in said.stdout and "c: " not in said.stdout + said.stderr
    assert tend.status("c") is None and tend.status("kept")["state"] == "running"
    slow.unlink()
    wait_until(lambda: list(saved_entries(tend)) == ["kept"], what="a save of the new spawner")
    tend.stop_all()


def test_a_specification_is_synced_by_the_save_after_one_that_failed(tend):
    """That it was not synced is forgotten only once a saver has done it."""
    tend.run("start")
    tend.run("stop")
    with open(tend.home / "run/saver.lock", "r+b") as lock:
        fcntl.fcntl(
            lock, fcntl.F_OFD_SETLKW, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        )
        recorder = Recorder(tend, "start", "--name", "b", "--background", "--", helper("sleeper"))
        tend.wait_log("tend", "cannot write .*processes.json; trying again")
    tend.wait_log("tend", "processes.json can be written again")
    home = re.escape(str(tend.home))
    saver = recorder.wait("fsync|fdatasync", rf"^\d+<{home}>")
    synced = position(saver, "fsync|fdatasync", rf"^\d+<{home}/specs/b\.json>")
    assert synced < position(saver, r"rename(at2?)?", r'"processes\.json"')
    tend.stop_all()
    recorder.finish()


def test_what_a_saver_left_goes_with_the_next_save(tend):
    """One of a dead spawner may die only when the next spawner has looked for what is left."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = tend.home / f".processes.json.{dead.pid}-0123abcd.tmp"
    start(tend, "a", helper("sleeper"))
    settled(tend)
    wait_until(lambda: saved_entries(tend).get("a", {}).get("state") == "running", what="a save")
    left.write_text("{")
    start(tend, "b", helper("sleeper"))  # its client may have left something: looked for as well
    wait_until(lambda: not left.exists(), what="it is gone")
    wait_until(lambda: saved_entries(tend).get("b", {}).get("state") == "running", what="a save")
    left.write_text("{")
    tend.run("stop", "b")
    wait_until(lambda: not left.exists(), what="it is gone")
    tend.stop_all()
