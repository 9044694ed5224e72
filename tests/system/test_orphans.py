"""tend orphans: what carries tend's mark and belongs to no live record. Nothing else is listed, and
nothing else is taken down.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common import in_namespace
from crashkit import assert_untouched, kill_all, sleepers, start
from harness import OTHER_BIN, alive, helper, wait_gone, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a pid namespace of its own")


def orphans(tend):
    """Those of this instance: other tests may have some of their own."""
    return {
        o["pid"]: o
        for o in json.loads(tend.run("orphans", "--json").stdout)
        if o["home"] == str(tend.home)
    }


def test_nothing_that_is_supervised(tend):
    sleepers(tend)
    start(tend, "forker", helper("forker"), "2")
    tend.wait_log("forker", "^ready")
    assert orphans(tend) == {}
    tend.stop_all()
    assert orphans(tend) == {}


def test_all_daemons_dead_is_no_orphan_yet(tend):
    """The table still knows them, and the next start takes them over."""
    kept = sleepers(tend)
    kill_all(tend)
    assert orphans(tend) == {}
    tend.run("start")
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_home_that_was_deleted(tend):
    pids = {who[0] for who in sleepers(tend).values()}
    kill_all(tend)
    tend.segment.unlink()
    while tend.home.exists():  # a save of processes.json may still be under way
        shutil.rmtree(tend.home, ignore_errors=True)
    found = wait_until(
        lambda: (o := orphans(tend)) and all(each["orphan"] for each in o.values()) and o,
        what="no child of the spawner's lives any more",
    )
    assert set(found) == pids
    for pid, o in found.items():
        assert (
            o["reason"] == "its home is gone"
            and o["name"].startswith("s")
            and "sleeper" in o["command"]
        )
        assert 0 <= o["age"] < 120 and o["memory_bytes"] > 0 and alive(pid)
    text = tend.run("orphans").stdout
    assert text.splitlines()[0].split() == [
        "PID",
        "NAME",
        "AGE",
        "MEM",
        "WHY",
        "HOME",
        "COMMAND",
    ] and all(str(pid) in text for pid in pids)


def test_children_that_outlived_a_record(tend):
    """A daemonised child that left session and parents behind is found by its mark once its process
    has been stopped without it.
    """
    pid = start(tend, "a", helper("sleeper"))
    stray = subprocess.Popen(
        [helper("sleeper")],
        env={
            **tend.env,
            "TEND_NAME": "a",
            "TEND_HOME": str(tend.home),
            "TEND_INSTANCE": tend.segment.name.rsplit("-", 1)[1],
        },
        start_new_session=True,
    )
    tend.children.append(stray)
    assert orphans(tend) == {}
    tend.run("stop", "a")
    wait_gone(pid)
    wait_until(
        lambda: stray.poll() is not None or list(orphans(tend)) == [stray.pid],
        what="the stray is listed",
    )
    if stray.poll() is None:
        found = orphans(tend)[stray.pid]
        assert (found["orphan"], found["reason"]) == (False, "its record says that it does not run")
        assert "can't tell: its record says that it does not run" in tend.run("orphans").stdout


@as_root
def test_kill_ends_them_and_nothing_else(tend):
    """In a pid namespace of its own, so that it can't see anybody else's."""
    program = """
import json, os, shutil, signal, subprocess, sys, time
tend, sleeper, ignorer, home = sys.argv[1:]
def run(*args, check=True, **env):
    return subprocess.run(
        [tend, *args],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=check,
        env={**os.environ, **env},
    )
other = home + "-other"
for h in (home, other):
    run("start", "--background", "--name", "s", "--", sleeper, TEND_HOME=h)
run("start", "--background", "--name", "t", "--", ignorer, TEND_HOME=home)
stranger = subprocess.Popen([sleeper])
status = {h: json.loads(run("status", "--json", TEND_HOME=h).stdout) for h in (home, other)}
pid = {h: status[h]["processes"][0]["pid"] for h in (home, other)}
daemons = [d["pid"] for d in status[home]["daemons"].values()]
for signo in (signal.SIGSTOP, signal.SIGKILL):
    for daemon in daemons:
        os.kill(daemon, signo)
while os.path.exists(home):  # a save of processes.json may still be under way
    shutil.rmtree(home, ignore_errors=True)
end = time.monotonic() + 20
# The daemons may still be dying; the spawner's child that writes processes.json lives a moment
# longer, and is a daemon as far as can be seen.
while True:
    listed = json.loads(run("orphans", "--json").stdout)
    if len([o for o in listed if o["orphan"]]) == 2 or time.monotonic() > end:
        break
    time.sleep(0.02)
assert sorted(o["name"] for o in listed) == ["s", "t"], listed
done = run("orphans", "--kill")
assert "2 ended" in done.stdout, done
assert run("orphans").stdout == "no orphans\\n"
stat = f"/proc/{pid[home]}/stat"  # this script is PID 1 here, and reaps nobody
assert not os.path.exists(stat) or open(stat).read().rsplit(")", 1)[1].split()[0] == "Z"
assert os.path.exists(f"/proc/{pid[other]}") and stranger.poll() is None
stranger.kill()
run("stop", TEND_HOME=other)
shutil.rmtree(other)
print("well")
"""
    argv = [
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        sys.executable,
        "-I",
        "-S",
        "-c",
        program,
        tend.argv()[0],
        helper("sleeper"),
        helper("term_ignorer"),
        str(tend.home),
    ]
    done = subprocess.run(
        argv,
        env=tend.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout == "well\n", done.stdout + done.stderr


@as_root
@pytest.mark.parametrize(
    "variant",
    [
        "other_user",
        "container",
        "private_mount",
        "writable_home",
        "renamed_home",
        "home_gone_under_daemons",
        "daemons_that_are_no_ancestors",
        "other_layout",
        "no_table",
        "too_few_descriptors",
        "changed_home",
        "own_root",
    ],
)
def test_what_can_not_be_told_is_left_alone(tend, variant):
    tend.root.chmod(0o755)
    tend.work.chmod(0o755)
    program = Path(__file__).with_name("orphans_inside.py")
    done = in_namespace(
        tend,
        "mount -t tmpfs -o mode=1777 none /dev/shm",
        sys.executable,
        "-I",
        "-S",
        program,
        variant,
        tend.bin,
        OTHER_BIN,
        helper("sleeper"),
        tend.work,
        flags=("-m", "-p", "-f", "--mount-proc", "--kill-child=KILL"),
        timeout=120,
    )
    assert done.stdout == "well\n", done.stdout + done.stderr


@pytest.mark.parametrize("argv", [["orphans", "x"], ["orphans", "--kil=1"], ["orphans", "--nope"]])
def test_misuse(tend, argv):
    assert tend.run(*argv, check=False).returncode == 2
