"""What a daemon leaves half-done: begun commands are finished by the next one, once; what can't be
done is undone, told, and done when it can be.
"""

import contextlib
import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess

import pytest

from common import files, leaves_no_trace
from crashkit import (
    EAGER,
    assert_untouched,
    ends,
    kill_all,
    launches,
    marked,
    noted,
    saved,
    saved_entries,
    settled,
    sleepers,
    start,
    suppress,
    works,
)
from harness import ROLES, TEND_BIN, alive, helper, identity, wait_gone, wait_until
from test_fifos import ends_of
from test_requests import REMOVE, RESTART, SIGNAL, START, STOP, post

PROGRAMS = ("tend", *(f"tend-{role}" for role in ROLES))


@contextlib.contextmanager
def without_spawner(tend, signo=signal.SIGKILL):
    """The spawner has died, and until the end of the block nobody starts another."""
    guardian = tend.kill_daemon("guardian", signal.SIGSTOP)
    try:
        wait_until(
            lambda: open(f"/proc/{guardian}/stat").read().rpartition(") ")[2][0] == "T",
            what="the guardian is suspended",
        )
        old = tend.daemon_pid("spawner")
        os.kill(old, signo)
        wait_until(
            lambda: not alive(old), what="the spawner's end"
        )  # a zombie for now: its parent can't reap it
        yield
    finally:
        os.kill(guardian, signal.SIGCONT)
    tend.wait_daemon("spawner", not_pid=old)


class Begun:
    """A command that a spawner has died over: accepted, so much of it done."""

    def __init__(self, tend, progress, *words):
        self.child = subprocess.Popen(
            [helper("poster"), *map(str, words)],
            env={**tend.env, "BEGUN": str(progress)},
            stdout=subprocess.PIPE,
            text=True,
        )
        tend.children.append(self.child)
        assert self.child.stdout.readline() == "posted\n"

    def answer(self):
        out, _ = self.child.communicate(timeout=30)
        assert self.child.returncode == 0, out
        code, _, text = out.rstrip("\n").partition(" ")
        return int(code), text


# ---- the second pass over a command


def counter(tend, name):
    file = tend.work / f"{name}.runs"
    pid = start(tend, name, helper("counter"), file, "3600", "1000", options=EAGER)
    return pid, noted(file, pid) and file


def test_a_restart_that_was_done_is_not_done_again(tend):
    pid, file = counter(tend, "a")
    with without_spawner(tend):
        begun = Begun(tend, 1, RESTART, "a")  # the run with that number is the one that runs
    assert begun.answer() == (0, "")
    assert noted(file, pid) == [pid] and tend.status("a")["restarts"] == 0
    works(tend)
    tend.stop_all()


def test_a_restart_that_was_not_done_is_done_once(tend):
    pid, file = counter(tend, "a")
    with without_spawner(tend):
        begun = Begun(tend, 2, RESTART, "a")
    assert begun.answer() == (0, "")
    new = tend.wait_pid("a", not_pid=pid)
    assert noted(file, new) == [pid, new] and launches(tend, "a") == [pid, new] and not alive(pid)
    tend.stop_all()


@pytest.mark.parametrize(
    "progress, code",
    [(0, 0), (1, -errno.EINTR), (2, 0)],
    ids=["not yet sent", "perhaps sent", "sent"],
)
def test_a_signal_is_never_sent_twice(tend, progress, code):
    pid, file = counter(tend, "a")
    with without_spawner(tend):
        begun = Begun(tend, progress, SIGNAL, "a", 0, "", int(signal.SIGUSR1))
    answer = begun.answer()
    assert answer[0] == code and ("not known" in answer[1]) == (code != 0), answer
    if progress == 0:  # it ends a counter
        pid = tend.wait_pid("a", not_pid=pid)
    works(tend)
    assert noted(file, pid)[-1] == pid and len(noted(file, pid)) == (2 if progress == 0 else 1)
    assert len([event for event in tend.events("a") if event["event"] == "signal"]) == (
        progress == 0
    )
    tend.stop_all()


@pytest.mark.parametrize("runs", [False, True], ids=["stopped", "running"])
def test_a_stop_is_finished(tend, runs):
    pid = start(tend, "a", helper("sleeper"))
    if not runs:
        tend.run("stop", "a")
    with without_spawner(tend):
        begun = Begun(tend, 0, STOP, "a")
    assert begun.answer()[0] == 0  # where it does not run: the one who died did that
    assert tend.status("a")["state"] == "stopped" and not alive(pid) and marked(tend) == []
    tend.stop_all()


def test_a_removal_is_finished(tend):
    """The row went, and what is saved still has it: it stays away."""
    for name in "ab":
        start(tend, name, helper("sleeper"))
        tend.run("stop", name)
    wait_until(
        lambda: {name: entry.get("desired") for name, entry in saved_entries(tend).items()}
        == {"a": "down", "b": "down"},
        what="both are saved",
    )
    before = (tend.home / "processes.json").read_bytes()
    tend.run("remove", "a")
    wait_until(lambda: "a" not in saved_entries(tend), what="the removal is saved")
    with without_spawner(tend):
        (tend.home / "processes.json").write_bytes(before)
        gone, there = Begun(tend, 0, REMOVE, "a"), Begun(tend, 0, REMOVE, "b")
    assert gone.answer() == there.answer() == (0, "")
    leaves_no_trace(tend, "a")
    leaves_no_trace(tend, "b")
    wait_until(lambda: saved_entries(tend) == {}, what="neither is saved")
    tend.stop_all()


def spec_of_command(tend, name, number=1):
    """A specification as a command brings it, of a process that dead has; returns the file's
    name.
    """
    dead = subprocess.Popen(["true"])
    dead.wait()
    document = json.loads((tend.home / "specs/model.json").read_text())
    document["name"] = name
    file = f".new-{dead.pid}-{number}"
    (tend.home / "specs" / file).write_text(json.dumps(document))
    return file


def test_a_start_is_finished_wherever_it_was(tend):
    """Its specification still has the name that the command gave it, or its own already; the
    process may run already.
    """
    start(tend, "model", helper("sleeper"))
    ran = start(tend, "ran", helper("sleeper"))
    with without_spawner(tend):
        first = spec_of_command(tend, "first")
        second = spec_of_command(tend, "second", 2)
        os.rename(tend.home / "specs" / second, tend.home / "specs/second.json")
        begun = [
            Begun(tend, 0, START, "first", 0, first),
            Begun(tend, 0, START, "second", 0, second),
            Begun(tend, 0, START, "ran"),
        ]
    # words with a success are what the kernel kept from the process
    assert [one.answer() for one in begun] == [(0, ""), (0, ""), (0, "")]
    for name in ("first", "second"):
        assert launches(tend, name) == [tend.pid(name)] == marked(tend, name)
        assert (tend.home / f"specs/{name}.json").exists()
    assert tend.pid("ran") == ran and launches(tend, "ran") == [ran]
    assert [file for file in files(tend.home / "specs") if file.startswith(".")] == []
    tend.stop_all()


def test_a_first_start_that_fails_at_the_second_pass_leaves_nothing(tend):
    start(tend, "model", helper("sleeper"))
    with without_spawner(tend):
        spec = spec_of_command(tend, "bad")
        path = tend.home / "specs" / spec
        path.write_text(path.read_text().replace(helper("sleeper"), f"{tend.work}/nothing"))
        begun = Begun(tend, 0, START, "bad", 0, spec)
    code, text = begun.answer()
    assert code == -errno.ENOENT and f"{tend.work}/nothing" in text
    wait_until(lambda: "bad" not in saved_entries(tend), what="it is not saved")
    leaves_no_trace(tend, "bad")
    works(tend)
    tend.stop_all()


def test_a_start_whose_specification_can_not_be_stored_leaves_nothing(tend):
    """A folder has its name."""
    start(tend, "model", helper("sleeper"))
    spec = spec_of_command(tend, "a")
    (tend.home / "specs/a.json").mkdir()
    code, text = post(tend, START, "a", 0, spec)
    assert code == -errno.EISDIR and "cannot store the specification of a" in text
    (tend.home / "specs/a.json").rmdir()
    wait_until(
        lambda: not (tend.home / "specs" / spec).exists(),
        what="what the dead client left is swept away",
    )
    leaves_no_trace(tend, "a")
    tend.run("start", "--name", "a", "--background", "--", helper("sleeper"))
    tend.stop_all()


def test_a_new_specification_that_can_not_be_stored_changes_no_row(tend):
    """The table tells of nothing that is not on the disk."""
    start(tend, "a", helper("sleeper"))
    tend.run("stop", "a")
    before = tend.status("a")
    file = tend.home / "specs/a.json"
    kept = file.read_bytes()
    file.unlink()
    file.mkdir()
    done = tend.run("start", "--name", "a", "--background", "--", "sleep", "5", check=False)
    assert done.returncode == 1 and "cannot store the specification of a" in done.stderr
    assert tend.status("a") == before
    file.rmdir()
    file.write_bytes(kept)
    tend.run("start", "a", "--background")
    assert tend.status("a")["command"] == before["command"]
    tend.stop_all()


def test_what_a_dead_client_asked_for_is_done_once_the_table_can_be_changed(tend):
    """Its specification is not a leftover while the command waits."""
    start(tend, "model", helper("sleeper"))
    with without_spawner(tend):
        spec = spec_of_command(tend, "late")
        client = Begun(tend, 0, START, "late", 0, spec)
        client.child.kill()
        client.child.wait()
        holder = subprocess.Popen(
            [helper("lock_holder")], env=tend.env, stdout=subprocess.PIPE, text=True
        )
        tend.children.append(holder)
        assert holder.stdout.readline() == f"held {holder.pid}\n"
    settled(tend)
    pid = tend.pid("model")
    os.kill(pid, signal.SIGKILL)
    tend.wait_pid("model", not_pid=pid)  # what needs no lock goes on
    assert (tend.home / "specs" / spec).exists() and tend.status("late") is None
    holder.send_signal(signal.SIGUSR1)
    assert holder.wait(30) == 0
    tend.wait_pid("late")
    tend.stop_all()


def test_what_a_shutdown_refuses(tend):
    start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "3s"))
    tend.wait_log("stubborn", "^ready")
    guardian = tend.kill_daemon("guardian", signal.SIGTERM)
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")
    for kind in (START, RESTART):
        code, text = post(tend, kind, "stubborn")
        assert code == -errno.ESHUTDOWN and "the instance is being stopped" in text
    wait_gone(guardian)
    assert marked(tend) == [] and not tend.segment.exists()
    tend.must_be_clean = True


def test_a_start_that_another_command_overtakes(tend):
    """It waits for the stop that is under way to end; then someone wants the process down after
    all.
    """
    start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "3s"))
    tend.wait_log("stubborn", "^ready")
    stopping = tend.popen("stop", "stubborn")
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")
    starting = subprocess.Popen(
        [helper("poster"), str(START), "stubborn"], env=tend.env, stdout=subprocess.PIPE, text=True
    )
    tend.children.append(starting)
    again = lambda: next(
        row for row in tend.json("snapshot")["rows"] if row["ident"]["name"] == "stubborn"
    )["life"][
        "again"
    ]  # noqa: E731
    wait_until(again, what="it is to be started again")
    tend.run("stop", "stubborn")
    out, _ = starting.communicate(timeout=30)
    assert out == f"{-errno.ECANCELED} stubborn was stopped by another command\n"
    assert stopping.wait(30) == 0 and tend.status("stubborn")["state"] == "stopped"
    tend.stop_all()


# ---- what can't be done now


def own_programs(tend):
    """The programs in a folder of the test's, so that it can take one away."""
    tend.bin = tend.work / "bin"
    tend.bin.mkdir()
    for program in PROGRAMS:
        shutil.copy2(TEND_BIN / program, tend.bin / program)


def test_a_guardian_that_can_not_be_replaced_now_is_later(tend):
    own_programs(tend)
    kept = sleepers(tend)
    spawner = settled(tend)["spawner"]["pid"]
    (tend.bin / "tend-guardian").rename(tend.work / "aside")
    tend.kill_daemon("guardian")
    tend.wait_log("tend", "the guardian died, and: .*tend-guardian")
    assert_untouched(tend, kept)
    (tend.work / "aside").rename(tend.bin / "tend-guardian")
    assert tend.wait_daemon("guardian") == spawner
    settled(tend)
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


@pytest.mark.parametrize("role", ["spawner", "logger", "monitor"])
def test_a_daemon_whose_program_is_missing_comes_back_with_it(tend, role):
    own_programs(tend)
    kept = sleepers(tend, 1)
    settled(tend)
    (tend.bin / f"tend-{role}").rename(tend.work / "aside")
    tend.kill_daemon(role)
    tend.wait_log("tend", rf"\[guardian\] .*tend-{role}.*; trying again every 5 s")
    assert tend.status()["daemons"][role]["state"] != "running"
    (tend.work / "aside").rename(tend.bin / f"tend-{role}")
    tend.wait_daemon(role)
    settled(tend)
    assert tend.log("tend").count("trying again every 5 s") == 1
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


def test_without_descriptors_no_process_is_taken_for_dead(tend):
    """A new spawner can't watch them all; once descriptors are free again, it does. None is lost of
    sight for good.
    """
    own_programs(tend)
    first, real = tend.work / "first", tend.work / "real"
    real.mkdir()
    (tend.bin / "tend-spawner").rename(real / "tend-spawner")
    # A process has a descriptor 200 for itself, so the limit must be above that; the rest is used
    # up from the first one that is not to be free.
    (tend.bin / "tend-spawner").write_text(
        f"""#!/bin/bash
if [ -e {first} ]; then
	for ((i = $(cat {first}); i < 200; i++)); do eval "exec $i</dev/null"; done
	ulimit -n 203
fi
exec {real}/tend-spawner "$@"
"""
    )
    (tend.bin / "tend-spawner").chmod(0o755)
    kept = {
        f"s{i}": identity(start(tend, f"s{i}", helper("sleeper"), options=EAGER)) for i in range(12)
    }
    old = settled(tend)["spawner"]["pid"]
    saved(tend, kept)
    few = len(os.listdir(f"/proc/{old}/fd")) + 8  # and one for each process that is not its child
    first.write_text(str(few - 3))
    tend.kill_daemon("spawner")
    new = tend.wait_daemon("spawner", not_pid=old)
    tend.wait_log("tend", r"\[spawner\] took over 12 processes")
    settled(tend)
    assert resource.prlimit(new, resource.RLIMIT_NOFILE) == (203, 203)
    assert (
        sum(
            os.readlink(f"/proc/{new}/fd/{fd}") == "anon_inode:[pidfd]"
            for fd in os.listdir(f"/proc/{new}/fd")
        )
        < 12
    )
    assert_untouched(tend, kept)
    for pid, _ in kept.values():
        os.kill(pid, signal.SIGKILL)
    for name, (pid, _) in kept.items():
        again = tend.wait_pid(name, not_pid=pid, timeout=60)
        assert launches(tend, name) == [pid, again] and ends(tend, name) == ["signal 9"]
    works(tend)
    tend.stop_all()


# ---- between two guardians


def test_output_that_only_the_spawner_holds(tend):
    """The guardian dies before it has opened the FIFO of a new process, which has ended by then;
    the logger has not seen it either.
    """
    sleepers(tend, 1)
    daemons = settled(tend)
    for role in ("guardian", "logger"):
        os.kill(daemons[role]["pid"], signal.SIGSTOP)
    tend.run(
        "start",
        "--name",
        "a",
        "--background",
        "--restart",
        "no",
        "--",
        "sh",
        "-c",
        "echo only once",
    )
    wait_until(lambda: tend.status("a")["state"] == "completed", what="its end")
    tend.kill_daemon("guardian")
    tend.wait_daemon("guardian")
    os.kill(daemons["logger"]["pid"], signal.SIGCONT)
    settled(tend)
    tend.wait_log("a", "^only once$")
    tend.stop_all()
    assert tend.log("a") == "only once\n"


def test_a_table_from_before_the_last_boot(tend):
    """What it says of pids means nothing now."""
    kept = sleepers(tend, 2)
    saved(tend, kept)
    kill_all(tend)
    boot_id = b"01234567-89ab-cdef-0123-456789abcdef\0"
    with open(tend.segment, "r+b") as file:
        file.seek(72)  # shm/README.md
        before = file.read(len(boot_id))
        assert before[8:9] == b"-" and before.endswith(b"\0")
        file.seek(72)
        file.write(boot_id)
    inode = tend.segment.stat().st_ino
    tend.run("start")
    settled(tend)
    assert (
        "the segment is from before the last boot" in tend.log("tend")
        and tend.segment.stat().st_ino != inode
    )
    assert_untouched(tend, kept)  # by processes.json, which is of this boot
    works(tend)
    tend.stop_all()


def test_what_was_written_last_is_captured_at_the_end(tend):
    """The logger has crashed again and again, and is to be started later: one more is, since the
    pipes are to be emptied.
    """
    gate, written = tend.work / "gate", tend.work / "written"
    os.mkfifo(gate)
    start(
        tend,
        "a",
        "sh",
        "-c",
        f"echo first; read line <{gate}; echo $line; touch {written}; exec sleep 1000",
    )
    tend.wait_log("a", "first")
    suppress(tend, "logger", 3)
    gate.write_text("last\n")
    wait_until(written.exists, what="it has written")
    tend.run("stop")
    tend.must_be_clean = True
    assert tend.log("a") == "first\nlast\n"


def test_the_guardian_holds_what_a_later_specification_brings(tend):
    start(tend, "a", helper("sleeper"))
    tend.run("stop", "a")
    tend.run("start", "--name", "a", "--background", "--separate-stderr", "--", helper("sleeper"))
    wait_until(
        lambda: ends_of(tend.daemon_pid("guardian"), tend.home / "run/a@err.out"),
        what="the guardian holds standard error's own",
    )
    tend.stop_all()


# ---- a handover


def end_all_daemons(tend):
    """The spawner in order, so that it hands over; the others at once. The table goes with them.
    Returns the file of the handover.
    """
    daemons = settled(tend)
    os.kill(daemons["guardian"]["pid"], signal.SIGSTOP)
    os.kill(daemons["spawner"]["pid"], signal.SIGTERM)
    wait_until(lambda: not alive(daemons["spawner"]["pid"]), what="the spawner's end")
    for role in ("guardian", "monitor", "logger"):
        os.kill(daemons[role]["pid"], signal.SIGKILL)
    for daemon in daemons.values():
        wait_gone(daemon["pid"])
    tend.segment.unlink()
    return tend.home / "run/handover"


def keys_of(tend):
    """The names in processes.json, as often as they are there."""
    found = []

    def note(pairs):
        if any(key == "processes" for key, _ in pairs):
            found.extend(
                key for key, _ in next(value for key, value in pairs if key == "processes")
            )
        return pairs

    json.loads((tend.home / "processes.json").read_text(), object_pairs_hook=note)
    return found


def test_a_handover_that_makes_no_sense_in_part(tend):
    """What can't be used is taken from processes.json; what can't be used at all stays there, once,
    until it can.
    """
    kept = sleepers(tend, 5)
    for name in ("s0", "s2"):
        pid = kept[name][0]
        os.kill(pid, signal.SIGKILL)
        kept[name] = identity(tend.wait_pid(name, not_pid=pid))
    saved(tend, kept)
    handover = end_all_daemons(tend)
    text = handover.read_text()
    text = re.sub(r"^(row s1 .*)\bstate=\d+", r"\1state=99", text, flags=re.M)
    text = re.sub(
        r"^(row s2 .*)\breason=\d+",
        r"\1reason=250 launch_stage=250 what word=x of_a_newer_build=7",
        text,
        flags=re.M,
    )
    assert "state=99" in text and "reason=250" in text
    handover.write_text(text + "row ../x state=2\nrow\n\nnonsense s0 a=b\n")
    specs = tend.home / "specs"
    damaged = (specs / "s3.json").read_text()
    (specs / "s3.json").write_text("{")
    (specs / "s4.json").rename(tend.work / "s4.json")

    done = tend.run("start", check=False)
    assert (
        done.returncode == 1
        and re.search(r"^tend start: s3: specs/s3.json: ", done.stderr, re.M)
        and "s4" in done.stderr
    )
    settled(tend)
    assert_untouched(tend, {name: kept[name] for name in ("s0", "s1", "s2")})
    assert [tend.status(name)["restarts"] for name in ("s0", "s1", "s2")] == [1, 0, 1]
    log = tend.log("tend")
    assert "what was handed over about s1 makes no sense here" in log
    assert re.search(r"s3 can't be taken over: .*; its entry in processes.json is kept", log)
    assert re.search(r"s4 can't be taken over: .*; its entry in processes.json is kept", log)
    assert tend.status("s3") is None and tend.status("s4") is None
    works(tend)
    wait_until(lambda: sorted(keys_of(tend)) == sorted(kept), what="each is saved once")
    saved(tend, kept)

    (specs / "s3.json").write_text(damaged)
    (tend.work / "s4.json").rename(specs / "s4.json")
    end_all_daemons(tend)
    tend.run("start")
    settled(tend)
    assert_untouched(tend, kept)
    wait_until(lambda: sorted(keys_of(tend)) == sorted(kept), what="each is saved once")
    tend.stop_all()


def test_a_handover_of_another_boot_is_none(tend):
    kept = sleepers(tend)
    saved(tend, kept)
    handover = end_all_daemons(tend)
    handover.write_text(
        re.sub(r"^boot .*", "boot another", handover.read_text()).replace("row s0", "row s9")
    )
    tend.run("start")
    settled(tend)
    assert_untouched(tend, kept)
    assert not handover.exists()
    works(tend)
    tend.stop_all()


def test_a_list_of_processes_that_is_none_is_kept(tend):
    """The specifications are there; which of them shall run is not known any more."""
    start(tend, "a", helper("sleeper"))
    tend.run("stop")
    (tend.home / "processes.json").write_text("{ nothing")
    start(tend, "b", helper("sleeper"))
    (aside,) = (file for file in files(tend.home) if file.startswith("processes.json.damaged-"))
    assert (tend.home / aside).read_text() == "{ nothing"
    assert aside in tend.log("tend")
    saved(tend, {"b": identity(tend.pid("b"))})
    tend.stop_all()
