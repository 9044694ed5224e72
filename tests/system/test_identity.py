"""Whose a process is. A pid and a start time in a file prove nothing, nor does a mark that anybody
can
set: a home is copied or moved, another user imitates, a table is cut. What is not proved to be of
this instance is neither adopted, nor signalled, nor counted.
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from common import as_root, in_namespace
from crashkit import (
    assert_untouched,
    ends,
    kill_all,
    marked,
    saved,
    settled,
    sleepers,
    start,
    works,
)
from harness import TEND_BIN, alive, fnv1a64, helper, identity, proc_stat, wait_gone, wait_until

OTHER_UID = 65534
SPAWN = "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execve(sys.argv[1], sys.argv[1:], dict(os.environ))"


@pytest.fixture
def stranger():
    """A process of the same user that is none of tend's, and leads a session, as tend's own do."""
    process = subprocess.Popen([helper("sleeper")], start_new_session=True, env={})
    yield process
    process.kill()
    process.wait()


def marks(tend, name):
    return {
        "TEND_HOME": str(tend.home),
        "TEND_NAME": name,
        "TEND_INSTANCE": f"{fnv1a64(os.fsencode(tend.home)):016x}",
    }


def bears(pid, name):
    wait_until(
        lambda: f"TEND_NAME={name}".encode() in Path(f"/proc/{pid}/environ").read_bytes(),
        what="it bears the marks",
    )


def lose_all(tend):
    kill_all(tend)
    tend.segment.unlink()


def write_entry(tend, name, **values):
    file = tend.home / "processes.json"
    document = json.loads(file.read_text())
    document["processes"][name].update(values)
    file.write_text(json.dumps(document))


@pytest.fixture
def copied(tend, new_tend):
    """An instance that runs, and a copy of its home with all that lies in it."""
    kept = sleepers(tend, 2)
    saved(tend, kept)
    copy = new_tend()
    subprocess.run(["cp", "-a", tend.home, copy.home], check=True)
    return kept, copy


# ---- files that name strangers


@pytest.mark.parametrize(
    "state, desired", [("running", "up"), ("stopping", "down"), ("restarting", "up")]
)
def test_a_stranger_in_processes_json(tend, stranger, state, desired):
    start(tend, "a", helper("sleeper"))
    tend.run("stop")
    write_entry(
        tend,
        "a",
        pid=stranger.pid,
        start_ticks=proc_stat(stranger.pid)[2],
        desired=desired,
        state=state,
    )
    works(tend)
    assert tend.status("a")["pid"] != stranger.pid
    tend.run("stop", "a", check=False)
    tend.stop_all()
    assert stranger.poll() is None


@pytest.mark.parametrize("note", ["starting", "another"])
def test_a_stranger_in_the_table(tend, new_tend, stranger, note):
    """Its number was stored by a launch that nobody finished and given out again; or the process
    shows that it is another instance's.
    """
    other = new_tend()
    pid = start(tend, "a", helper("sleeper"), restart="no")
    theirs = start(other, "a", helper("sleeper"))
    kill_all(tend)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: proc_stat(pid) is None, what="reaped")
    who = stranger.pid if note == "starting" else theirs
    subprocess.run(
        [
            helper("forge_row"),
            "a",
            str(who),
            note if note == "starting" else str(proc_stat(who)[2]),
        ],
        env=tend.env,
        check=True,
        timeout=10,
    )
    works(tend)
    wait_until(lambda: tend.status("a")["state"] == "failed", what="it has ended")
    assert tend.status("a")["pid"] != who and ends(tend, "a") == ["lost"]
    tend.run("stop", "a", "--force", check=False)
    tend.stop_all()
    assert stranger.poll() is None and alive(theirs)
    other.stop_all()


# ---- copied and moved homes


@pytest.mark.parametrize("mode", ["", "cgroup"])
@pytest.mark.parametrize("originals", ["live", "are dead"])
def test_a_copy_takes_nothing_from_its_original(copied, tend, mode, originals):
    """Not a process, whether the original's daemons live or not; not its cgroup either, whose path
    run/cgroup still names.
    """
    kept, copy = copied
    copy.env["TEND_DISABLE"] = mode
    if originals == "are dead":
        kill_all(tend)
    copy.run("start")
    settled(copy)
    for name, ident in kept.items():
        copy.run("start", name, check=False)
        copy.run("restart", name)
        assert copy.wait_pid(name, not_pid=ident[0]) != ident[0]
        assert identity(ident[0]) == ident
    assert not set(marked(copy)) & {pid for pid, _ in kept.values()}
    copy.stop_all()
    if originals == "are dead":
        tend.run("start")
    assert_untouched(tend, kept)
    os.kill(kept["s0"][0], signal.SIGKILL)  # its cgroup is still there, and the tree is known by it
    tend.wait_pid("s0", not_pid=kept["s0"][0])
    tend.stop_all()


def test_a_copied_handover_is_not_taken(copied, tend):
    """What a spawner left to the next one: the copy finds it, and it is of another instance."""
    kept, copy = copied
    spawner = tend.status()["daemons"]["spawner"]["pid"]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    rows = "".join(
        f"row {name} pid={pid} start_ticks={ticks} state=2 want=1 desired=1 life=1\n"
        for name, (pid, ticks) in kept.items()
    )
    for text in (
        f"instance {fnv1a64(os.fsencode(tend.home)):016x}\n",
        "",
    ):  # builds before this line was written wrote none
        (copy.home / "run" / "handover").write_text(f"boot {boot}\n{text}{rows}end\n")
        copy.run("start")
        settled(copy)
        assert not {row["pid"] for row in copy.status()["processes"]} & {
            pid for pid, _ in kept.values()
        }
        copy.run("stop", check=False)
        assert spawner == tend.status()["daemons"]["spawner"]["pid"]
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_moved_home_takes_its_processes_along(tend, new_tend):
    """They bear the mark of where the home lay, but hold its FIFOs, which moved with it: nothing is
    started twice.
    """
    kept = sleepers(tend, 2)
    saved(tend, kept)
    lose_all(tend)
    moved = new_tend()
    tend.home.rename(moved.home)
    moved.run("start")
    assert_untouched(moved, kept)
    pid = kept["s0"][0]
    os.kill(pid, signal.SIGKILL)
    moved.wait_pid("s0", not_pid=pid)
    moved.stop_all()
    assert not alive(kept["s1"][0])


def test_a_home_that_is_moved_under_its_daemons(tend, new_tend):
    """They go on under the old path. Commands that are given the new one say so, and what to do."""
    kept = sleepers(tend, 1)
    moved = new_tend()
    tend.home.rename(moved.home)
    for command in (["start"], ["status", "s0"], ["stop"]):
        done = moved.run(*command, check=False)
        assert (
            done.returncode != 0 and str(tend.home) in done.stderr and "renamed" in done.stderr
        ), (command, done)
    assert all(identity(pid) == (pid, ticks) for pid, ticks in kept.values())
    moved.home.rename(tend.home)
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_home_that_is_removed_under_its_daemons(tend):
    """What runs is not called "not running": each command says what is the matter, and a start
    makes the home again and takes over what runs.
    """
    kept = sleepers(tend, 2)
    aside = tend.home.with_name("aside")
    tend.home.rename(aside)
    for command in (
        ["status"],
        ["status", "--json"],
        ["stop"],
        ["stop", "s0"],
        ["signal", "s0", "HUP"],
        ["doctor"],
        ["wait", "s0", "--for", "stopped", "--timeout", "1"],
    ):
        done = tend.run(*command, check=False)
        assert (
            done.returncode == 1 and f"the home {tend.home} was removed or renamed" in done.stderr
        ), (command, done)
    assert not tend.home.exists()
    shutil.rmtree(aside)
    tend.run("start")
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_copy_in_the_place_of_its_original(tend):
    """A home is moved away under its daemons, and a copy lies there now: the path, and so the copy,
    is the instance. One set of daemons, no process twice.
    """
    kept = sleepers(tend, 2)
    saved(tend, kept)
    daemons = [d["pid"] for d in tend.status()["daemons"].values()]
    old = tend.home.with_name("old")
    tend.home.rename(old)
    subprocess.run(["cp", "-a", old, tend.home], check=True)
    works(tend)
    for pid in daemons:
        wait_gone(pid)
    assert_untouched(tend, kept)
    tend.stop_all()
    assert not any(alive(pid) for pid, _ in kept.values())


@as_root
def test_the_same_path_in_other_mounts(tend):
    """Another folder at the same path, in a private mount: by its marks it is the same instance.
    Nothing of the first is ended, and the second is refused.
    """
    kept = sleepers(tend, 2)
    daemons = {role: d["pid"] for role, d in tend.status()["daemons"].items()}
    for command in (
        ["start", "--background", "--name", "x", "--", helper("sleeper")],
        ["start"],
        ["stop"],
        ["stop", "s0", "--force"],
        ["restart", "s0"],
    ):
        done = in_namespace(
            tend, 'mount -t tmpfs -o mode=700 none "$HOME_DIR"', TEND_BIN / "tend", *command
        )
        assert done.returncode == 1 and "another folder" in done.stderr, (command, done)
        assert {role: d["pid"] for role, d in tend.status()["daemons"].items()} == daemons
    assert_untouched(tend, kept)
    tend.stop_all()


# ---- imitators


@as_root
@pytest.mark.parametrize("how", ["plain", "setuid", "setuid for good"])
def test_marks_of_another_user(tend, how):
    """By a process of his own, or by a setuid program, which runs as us in his environment, and may
    have become us in every user id: none is taken for ours when all is lost, nor delays a stop.
    """
    tend.root.chmod(0o755)
    tend.work.chmod(0o755)
    tend.env["TEND_DISABLE"] = "cgroup"
    for_good = how == "setuid for good"
    program = tend.work / "program"
    shutil.copy(os.path.realpath(sys.executable) if for_good else helper("sleeper"), program)
    program.chmod(0o755 if how == "plain" else 0o4755)
    pid = start(tend, "c", helper("sleeper"), options=("--stop-timeout", "300s"))
    saved(tend, {"c": identity(pid)})
    impostor = impostor_of(tend, program, "c", *(BECOME_ROOT if for_good else ()))
    try:
        if how != "plain" and (
            os.statvfs(program).f_flag & os.ST_NOSUID
            or "NoNewPrivs:\t1" in Path("/proc/self/status").read_text()
        ):
            pytest.skip("set-user-ID bits count for nothing here")
        if for_good:
            wait_until(
                lambda: b"Uid:\t0\t0\t0\t0\n" in Path(f"/proc/{impostor}/status").read_bytes(),
                what="it has all user ids",
            )
        kill_all(tend)
        tend.run("start")  # now it is not a child of its spawner, and init's children count
        tend.run("restart", "c", timeout=60)
        assert alive(impostor)
        saved(tend, {"c": identity(tend.pid("c"))})
        lose_all(tend)
        os.kill(
            marked(tend, "c")[0] if marked(tend, "c")[0] != impostor else marked(tend, "c")[1],
            signal.SIGKILL,
        )
        works(tend)
        assert tend.wait_pid("c") != impostor and alive(impostor)
        tend.run("stop", "c")
        assert alive(impostor)
    finally:
        os.kill(impostor, signal.SIGKILL)
    tend.stop_all()


BECOME_ROOT = (
    "-I",
    "-S",
    "-c",
    "import posix, _signal; posix.setresuid(0, 0, 0); _signal.pause()",
)


def impostor_of(tend, program, name, *args):
    """Another user's process with our marks, a session leader whose parent is init, as what is left
    of a tree is.
    """
    argv = [sys.executable, "-I", "-S", "-c", SPAWN, str(program), *args]
    subprocess.run(
        argv,
        user=OTHER_UID,
        group=OTHER_UID,
        extra_groups=[],
        env=marks(tend, name),
        cwd="/",
        check=True,
        timeout=20,
    )

    def find():
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (
                    os.readlink(folder / "exe") == str(program)
                    and f"TEND_NAME={name}".encode() in (folder / "environ").read_bytes()
                ):
                    return int(folder.name)
            except OSError:
                continue

    return wait_until(find, what="the impostor runs")


@as_root
def test_a_process_that_has_changed_its_user(tend):
    """Its FIFO still says whose it is."""
    for folder in (tend.root, tend.work):
        folder.chmod(0o755)
    tend.env["TEND_DISABLE"] = "cgroup"
    program = tend.work / "program"
    shutil.copy(helper("sleeper"), program)
    program.chmod(0o755)
    pid = start(
        tend,
        "c",
        "/usr/bin/setpriv",
        "--reuid",
        OTHER_UID,
        "--regid",
        OTHER_UID,
        "--clear-groups",
        program,
    )
    wait_until(
        lambda: os.readlink(f"/proc/{pid}/exe") == str(program), what="it runs as another user"
    )
    ident = identity(pid)
    saved(tend, {"c": ident})
    lose_all(tend)
    tend.run("start")
    assert_untouched(tend, {"c": ident})
    tend.stop_all()
    assert not alive(pid)


# ---- what an ordinary user can't see


@as_root
def test_a_tree_whose_new_parent_is_hidden(tend):
    """hidepid=2 and no cgroup: after spawner and guardian have died together, what is left of a
    tree is init's, whose children an ordinary user can't list.
    """
    for folder in (tend.root, tend.work):
        folder.chmod(0o755)
    home = tend.work / "u"
    home.mkdir()
    os.chown(home, 12345, 12345)
    script = """
t=$1 forker=$2; cd /
$t start --name a --restart no --background -q -- $forker 2
while ! grep -q ^ready "$TEND_HOME/logs/a.log"; do sleep 0.05; done
spawner=$(cut -d' ' -f1 "$TEND_HOME/run/spawner.lock")
guardian=$(cut -d' ' -f1 "$TEND_HOME/run/guardian.lock")
root=$(sed -n 's/^ready //p' "$TEND_HOME/logs/a.log")
kill -STOP $spawner $guardian; kill -KILL $spawner $guardian $root
while kill -0 $spawner 2>/dev/null || kill -0 $guardian 2>/dev/null; do sleep 0.05; done
$t stop -q --timeout 1
for p in $(sed -n 's/^[a-z]* \\([0-9]*\\)$/\\1/p' "$TEND_HOME/logs/a.log"); do
	[ -e /proc/$p ] && ! grep -q '^State:.Z' /proc/$p/status && echo "left: $p"
done
echo done
"""
    file = tend.work / "script"
    file.write_text(script)
    env = {"TEND_HOME": str(home / "h"), "TEND_DISABLE": "cgroup", "HOME": str(home)}
    as_user = 'setpriv --reuid 12345 --regid 12345 --clear-groups sh "$@"; exit $?'  # the shell stays root, and is init there
    done = in_namespace(
        tend,
        "umount /proc; mount -t proc -o hidepid=2 none /proc",
        "sh",
        "-c",
        as_user,
        "sh",
        file,
        TEND_BIN / "tend",
        helper("forker"),
        flags=("-m", "-p", "-f", "--mount-proc", "--kill-child=KILL"),
        env=env,
    )
    assert done.stdout == "done\n", done.stdout + done.stderr


# ---- a damaged table


def test_a_cut_table_loses_no_child(tend):
    """The spawner reaps a child whose row it can't read there any more: it knows by itself whose it
    is.
    """
    kept = sleepers(tend, 2)
    guardian = tend.status()["daemons"]["guardian"]["pid"]
    os.kill(guardian, signal.SIGSTOP)  # it would make the table again at once
    try:
        pid = kept["s0"][0]
        os.truncate(tend.segment, 4096)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: proc_stat(pid) is None, what="reaped")
    finally:
        os.kill(guardian, signal.SIGCONT)
    wait_until(
        lambda: tend.run("status", "s0", check=False).returncode == 0,
        what="the table is made again",
    )
    assert tend.wait_pid("s0", not_pid=pid) != pid
    row = tend.status("s0")
    assert (row["restarts"], row["exit_signal"]) == (1, 9), row
    tend.stop_all()


def test_a_row_that_the_table_forgot_is_not_given_away(tend):
    """Somebody wrote zeros over the marks of which rows are in use: the next process gets another
    row, and those that are there are written again.
    """
    kept = sleepers(tend, 3)
    with open(tend.segment, "r+b", buffering=0) as file:
        offset, stride = struct.unpack(
            "<QI", os.pread(file.fileno(), 12, 624 + 16)
        )  # region 1: gens
        os.pwrite(file.fileno(), bytes(3 * stride), offset)
    pid = start(tend, "other", helper("sleeper"))
    wait_until(
        lambda: {row["name"] for row in tend.status()["processes"]} == {*kept, "other"},
        what="all rows are there",
    )
    assert_untouched(tend, {**kept, "other": identity(pid)})
    tend.stop_all()
    assert not any(alive(pid) for pid, _ in kept.values())
