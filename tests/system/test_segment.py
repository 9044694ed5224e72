"""The process table lost or damaged under the daemons: they make it again, and no process notices.
"""

import os
import random
import shutil
import signal
import struct
import subprocess
import time

import pytest

from crashkit import (
    EAGER,
    assert_untouched,
    daemons_of,
    ends,
    kill_all,
    marked,
    noted,
    one_line_error,
    saved,
    saved_entries,
    settled,
    sleepers,
    start,
    works,
)
from harness import TEND_BIN, alive, helper, identity, suspend, wait_gone, wait_until

HEADER_BYTES = 4096
ABI_OFFSET = 8


def scribble(path, offset, data):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(fd, data, offset)
    finally:
        os.close(fd)


def wait_new_segment(tend, inode):
    wait_until(
        lambda: tend.segment.exists() and tend.segment.stat().st_ino != inode, what="a new segment"
    )


def test_unlinked_it_is_made_again(tend):
    kept = sleepers(tend)
    runs_file = tend.work / "c.runs"
    pid = start(tend, "c", helper("counter"), runs_file, "3600", "1000", options=EAGER)
    daemons = settled(tend)
    for _ in range(3):
        inode = tend.segment.stat().st_ino
        tend.segment.unlink()
        tend.status()  # at once: it waits for the new one, if it must
        wait_new_segment(tend, inode)
        assert_untouched(tend, kept)
        assert {role: d["pid"] for role, d in settled(tend).items()} == {
            role: d["pid"] for role, d in daemons.items()
        }
        before = len(noted(runs_file, pid))
        os.kill(pid, signal.SIGUSR1)
        pid = tend.wait_pid("c", not_pid=pid)
        assert len(noted(runs_file, pid)) == before + 1
        works(tend)
    assert ends(tend, "c") == ["exit 10", "exit 11", "exit 12"]  # the events came along
    assert sum(event["event"] == "segment" for event in tend.events()) == 3
    tend.stop_all()
    assert not tend.segment.exists()


def test_unlinked_while_a_command_waits(tend):
    pid = start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "2s"))
    tend.wait_log("stubborn", "^ready")
    stop = tend.popen("stop", "stubborn")
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")
    tend.segment.unlink()
    out, err = stop.communicate(timeout=40)
    assert stop.returncode == 0, out + err
    assert not alive(pid) and tend.status("stubborn")["state"] == "stopped"
    tend.stop_all()


def test_unlinked_while_the_spawner_is_dead(tend):
    kept = sleepers(tend)
    spawner = tend.kill_daemon("spawner", signal.SIGSTOP)
    tend.segment.unlink()
    wait_until(tend.segment.exists, what="a new segment")
    os.kill(spawner, signal.SIGKILL)
    settled(tend)
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


@pytest.mark.parametrize("what", ["header", "everything", "zeros"])
def test_overwritten_it_is_made_again(tend, what):
    kept = sleepers(tend)
    size, inode = tend.segment.stat().st_size, tend.segment.stat().st_ino
    scribble(
        tend.segment,
        0,
        bytes(size) if what == "zeros" else os.urandom(HEADER_BYTES if what == "header" else size),
    )
    works(tend)
    wait_new_segment(tend, inode)
    settled(tend)
    assert_untouched(tend, kept)
    tend.stop_all()


@pytest.mark.parametrize("seed", range(6))
def test_random_bytes_in_the_records_crash_nobody(tend, seed):
    """With the header whole nobody has to notice, but nobody may be led astray either: no crash, no
    signal to a stranger.
    """
    chance = random.Random(seed)
    kept = sleepers(tend)
    saved(tend, kept)
    size = tend.segment.stat().st_size
    for _ in range(20):
        length = chance.randrange(1, 4096)
        scribble(
            tend.segment, chance.randrange(HEADER_BYTES, size - length), chance.randbytes(length)
        )
    for command in (
        ["status"],
        ["status", "--json"],
        ["status", "--verbose"],
        ["list"],
        ["events"],
        ["why", "s0"],
        ["snapshot", "--json"],
        ["doctor"],
        ["status", "s1"],
    ):
        done = tend.run(*command, check=False)
        assert 0 <= done.returncode <= 3, (command, done)
        assert "Traceback" not in done.stderr
    for name, ident in kept.items():
        assert identity(ident[0]) == ident, name
    for pids in daemons_of(tend).values():
        assert len(pids) <= 1
    tend.run("stop", "--force", check=False, timeout=60)


@pytest.mark.parametrize("length", [0, 100, 4096, 100000])
def test_cut_short_it_is_made_again(tend, length):
    """Whoever touches a page that is gone gets SIGBUS; whatever that does to the daemons, the
    processes run on and are supervised again.
    """
    kept = sleepers(tend)
    saved(tend, kept)
    os.truncate(tend.segment, length)
    assert 0 <= tend.run("status", check=False).returncode <= 3
    wait_until(
        lambda: tend.run(
            "start", "--background", "--name", "proof", "--", helper("sleeper"), check=False
        ).returncode
        == 0,
        30,
        "a start that succeeds",
        nap=0.3,
    )
    settled(tend)
    assert_untouched(tend, kept)
    tend.run("stop", "proof")
    tend.stop_all()


def test_all_dead_and_the_segment_gone(tend):
    """processes.json is enough to find again what runs, and to see what does not."""
    kept = sleepers(tend)
    gone = start(tend, "gone", helper("sleeper"))
    down = start(tend, "down", helper("sleeper"))
    tend.run("stop", "down")
    saved(tend, {**kept, "gone": (gone, 0)})
    wait_until(
        lambda: saved_entries(tend).get("down", {}).get("desired") == "down",
        what="that down is to stay down is saved",
    )
    kill_all(tend)
    tend.segment.unlink()
    os.kill(gone, signal.SIGKILL)
    wait_gone(gone)
    done = tend.run("status", check=False)
    assert (
        "no instance" in done.stdout + done.stderr or "not running" in done.stdout + done.stderr
    ), done
    tend.run("start")  # what was up shall be up
    settled(tend)
    assert_untouched(tend, kept)
    assert tend.wait_pid("gone") != gone
    assert tend.status("down")["status"] == "stopped" and not alive(down)
    for name in kept:
        assert marked(tend, name) == [kept[name][0]]  # none was started a second time
    works(tend)
    # They are supervised: an end is seen, and acted on.
    os.kill(kept["s0"][0], signal.SIGKILL)
    tend.wait_pid("s0", not_pid=kept["s0"][0])
    tend.stop_all()


def test_a_table_that_lost_its_name_before_its_guardian_died(tend):
    """The spawner takes the guardian's place with the table that it has, and makes it again."""
    kept = sleepers(tend)
    daemons, inode = settled(tend), tend.segment.stat().st_ino
    suspend(daemons["guardian"]["pid"])  # it would make the table again
    tend.segment.unlink()
    os.kill(daemons["guardian"]["pid"], signal.SIGKILL)
    wait_new_segment(tend, inode)
    settled(tend)
    assert tend.daemon_pid("guardian") == daemons["spawner"]["pid"]
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_crash_that_nobody_saw_is_made_good(tend):
    """All daemons dead, the segment gone, and the process too: it is wanted up, so any command that
    brings the daemons back brings it back.
    """
    pid = start(tend, "c", helper("sleeper"))
    saved(tend, {"c": (pid, 0)})
    kill_all(tend)
    tend.segment.unlink()
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    start(tend, "other", helper("sleeper"))
    assert tend.wait_pid("c") != pid
    assert ends(tend, "c")[0] in ("lost", "signal SIGKILL", "signal 9")  # its zombie may still tell
    assert len(ends(tend, "c")) == 1
    tend.stop_all()


def dead_instance(tend):
    kept = sleepers(tend)
    saved(tend, kept)
    kill_all(tend)
    return kept


def test_another_layout(tend):
    kept = dead_instance(tend)
    version = struct.unpack("=I", tend.segment.read_bytes()[ABI_OFFSET : ABI_OFFSET + 4])[0]
    scribble(tend.segment, ABI_OFFSET, struct.pack("=I", version + 76))
    done = tend.run("status", check=False)
    one_line_error(done, str(version + 76), str(version))
    start(tend, "other", helper("sleeper"))  # a new one is made; processes.json knows the rest
    settled(tend)
    assert_untouched(tend, kept)
    tend.stop_all()


def test_another_layout_under_living_daemons_is_refused_or_repaired(tend):
    kept = sleepers(tend)
    scribble(tend.segment, ABI_OFFSET, struct.pack("=I", 77))
    wait_until(
        lambda: tend.run("status", check=False).returncode == 0, what="a table that can be read"
    )
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_a_segment_of_someone_else(tend):
    kept = dead_instance(tend)
    os.chown(tend.segment, 65534, 65534)
    one_line_error(tend.run("status", check=False), str(tend.segment), "65534")
    start(tend, "other", helper("sleeper"))
    assert tend.segment.stat().st_uid == os.geteuid()
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_segment_that_others_may_write(tend):
    kept = dead_instance(tend)
    tend.segment.chmod(0o666)
    one_line_error(tend.run("status", check=False), str(tend.segment), "666")
    start(tend, "other", helper("sleeper"))
    assert tend.segment.stat().st_mode & 0o777 == 0o600
    assert_untouched(tend, kept)
    tend.stop_all()


def test_the_segment_of_another_home(new_tend):
    ours, theirs = new_tend(), new_tend()
    kept, foreign = dead_instance(ours), sleepers(theirs, 5)
    shutil.copyfile(theirs.segment, ours.segment)
    one_line_error(ours.run("status", check=False), str(theirs.home))
    start(ours, "other", helper("sleeper"))
    assert_untouched(ours, kept)
    assert ours.status("s4") is None
    ours.stop_all()
    assert_untouched(theirs, foreign)
    theirs.stop_all()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_something_else_under_its_name(tend, kind):
    victim = tend.work / "victim"
    victim.write_text("precious")
    sleepers(tend, 1)
    tend.run("stop")
    if kind == "link":
        tend.segment.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(tend.segment, 0o600)
    else:
        tend.segment.mkdir()
    try:
        one_line_error(tend.run("status", check=False), str(tend.segment))
        done = tend.run(
            "start", "--background", "--name", "s", "--", helper("sleeper"), check=False
        )
        if kind == "folder":
            one_line_error(done, str(tend.segment))
        else:
            assert (
                done.returncode == 0 and tend.segment.is_file() and not tend.segment.is_symlink()
            ), done
            tend.stop_all()
        assert victim.read_text() == "precious"
    finally:
        if kind == "folder":
            tend.segment.rmdir()


def test_a_guardian_that_died_making_it_leaves_nothing_in_the_way(tend):
    """A half-made segment lies under a temporary name; the next guardian begins anew."""
    half = [
        tend.segment.with_name(tend.segment.name + end) for end in (".new", ".new-0123456789abcdef")
    ]
    for file in half:
        file.write_bytes(bytes(1000))
    sleepers(tend)
    assert not any(file.exists() for file in half)
    tend.stop_all()


def test_daemons_without_a_table_are_told_as_such(tend):
    """Here the guardian can't make it, since it is stopped. They still look after their processes,
    and that is no "not running".
    """
    kept = sleepers(tend, 1)
    guardian = tend.kill_daemon("guardian", signal.SIGSTOP)
    tend.segment.unlink()
    done = tend.run("status", check=False)
    assert (
        done.returncode == 1
        and "have no process table" in done.stderr
        and "not running" not in done.stdout
    )
    done = tend.run("doctor", check=False)
    assert done.returncode == 1 and "PROBLEM  table: the daemons of " in done.stdout, done
    for names in ([], ["s0"]):
        done = tend.run("stop", *names, check=False)
        assert done.returncode == 1 and "have no process table" in done.stderr, done
    os.kill(guardian, signal.SIGCONT)
    wait_until(tend.segment.exists, what="the table is made again")
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_guardian_killed_while_it_starts(tend):
    """Wherever it is killed, the next one starts, and there is one set of daemons."""
    chance = random.Random()
    for _ in range(12):
        with subprocess.Popen(
            [TEND_BIN / "tend-guardian", "--home", tend.home],
            env=tend.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as guardian:
            time.sleep(chance.uniform(0, 0.02))
            guardian.kill()
    works(tend)
    settled(tend)
    wait_until(
        lambda: all(len(pids) == 1 for pids in daemons_of(tend).values()), what="one of each"
    )
    tend.stop_all()
