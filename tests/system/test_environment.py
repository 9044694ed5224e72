"""Homes and machines that are not as one would wish: each is said in one line, or simply works."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from common import as_root, in_namespace
from crashkit import (
    assert_untouched,
    daemons_of,
    kill_all,
    marked,
    one_line_error,
    saved_entries,
    settled,
    sleepers,
    start,
    works,
)
from harness import TEND_BIN, alive, helper, identity, proc_stat, wait_gone, wait_until


def start_argv(tend, name="s"):
    return tend.argv("start", "--background", "--name", name, "--", helper("sleeper"))


# ---- paths


@pytest.mark.parametrize(
    "name",
    [
        "a home  with spaces",
        "heim-äöü-家",
        'it\'s "quoted" $HOME `x` \\',
        "-n",
        "new\nline",
        "percent%s%n",
        "x" * 200,
    ],
)
def test_any_path(new_tend, name):
    tend = new_tend(name)
    kept = sleepers(tend)
    works(tend)
    pid = tend.kill_daemon("guardian")
    tend.wait_daemon("guardian", not_pid=pid)
    settled(tend)
    assert_untouched(tend, kept)
    # written a moment after the removal; until then a start would ask for what is gone
    wait_until(lambda: "proof" not in saved_entries(tend), what="the removal is on the disk")
    kill_all(tend)
    tend.segment.unlink()
    tend.run("start")
    settled(tend)
    assert_untouched(tend, kept)
    assert [p.name for p in tend.root.iterdir() if p != tend.work] == [name]
    tend.stop_all()


def test_a_relative_home(tend):
    """It is resolved once: whoever uses it from elsewhere finds the same instance."""
    kept = {
        "s": identity(start(tend, "s", helper("sleeper"), env={"TEND_HOME": "h"}, cwd=tend.root))
    }
    assert_untouched(tend, kept)  # by the absolute path
    document = tend.json("status", env={"TEND_HOME": "../h"}, cwd=tend.work)
    assert [row["pid"] for row in document["processes"]] == [kept["s"][0]]
    link = tend.work / "link"
    link.symlink_to(tend.home)
    document = tend.json("status", env={"TEND_HOME": str(link)})
    assert [row["pid"] for row in document["processes"]] == [kept["s"][0]]
    tend.stop_all()


def test_an_empty_home_variable_means_the_default(tend):
    """As if it were not set: ~/.mcp_mesh, never the folder that one happens to be in."""
    home = tend.work / ".mcp_mesh"  # $HOME is the work folder
    assert tend.run("status", env={"TEND_HOME": ""}, cwd=tend.work, check=False).returncode in (
        0,
        1,
    )
    assert sorted(p.name for p in tend.work.iterdir()) in ([], [".mcp_mesh"])
    env = {"TEND_HOME": ""}
    done = tend.run(
        "start", "--background", "--name", "s", "--", helper("sleeper"), env=env, cwd=tend.work
    )
    assert "s: started" in done.stdout and (home / "run").is_dir()
    tend.run("stop", env=env)
    assert sorted(p.name for p in tend.work.iterdir()) == [".mcp_mesh"]


def test_a_home_that_is_a_file(tend):
    tend.home.write_text("precious")
    for argv in (
        ["status"],
        ["start", "--background", "--name", "s", "--", helper("sleeper")],
        ["stop"],
    ):
        one_line_error(tend.run(*argv, check=False), str(tend.home), "folder")
    assert tend.home.read_text() == "precious"


def test_a_home_below_a_file(tend):
    (tend.root / "file").write_text("x")
    env = {"TEND_HOME": str(tend.root / "file" / "home")}
    one_line_error(
        tend.run(
            "start", "--background", "--name", "s", "--", helper("sleeper"), check=False, env=env
        ),
        str(tend.root / "file"),
    )


def test_a_home_that_is_too_long(tend):
    env = {"TEND_HOME": str(tend.root) + "/long" * 1000}
    one_line_error(
        tend.run(
            "start", "--background", "--name", "s", "--", helper("sleeper"), check=False, env=env
        )
    )


@as_root
def test_a_home_of_another_user(tend):
    tend.home.mkdir()
    os.chown(tend.home, 65534, 65534)
    for argv in (["status"], ["start", "--background", "--name", "s", "--", helper("sleeper")]):
        one_line_error(tend.run(*argv, check=False), str(tend.home), "65534", "TEND_HOME")


def test_a_home_that_others_may_write(tend):
    tend.home.mkdir()
    tend.home.chmod(0o777)
    one_line_error(
        tend.run("start", "--background", "--name", "s", "--", helper("sleeper"), check=False),
        str(tend.home),
        "chmod go-w",
    )


@as_root
def test_as_a_user_without_rights(tend):
    """Nothing needs root; and one user's instance is nothing to another."""
    user = 65534
    os.chown(tend.root, user, user)
    tend.root.chmod(0o755)
    tend.segment = tend.segment.with_name(
        tend.segment.name.replace(f"-{os.geteuid()}-", f"-{user}-")
    )
    options = {"user": user, "group": user, "extra_groups": [], "cwd": "/"}
    programs = (
        tend.root / "programs"
    )  # where they were built this user may have no business (a checkout in /root)
    shutil.copytree(TEND_BIN, programs)
    tend.argv = lambda *args: [str(programs / "tend"), *map(str, args)]
    try:
        done = tend.run("start", "--background", "--name", "s", "--", "sleep", "1000", **options)
        pid = json.loads(tend.run("status", "--json", **options).stdout)["processes"][0]["pid"]
        assert os.stat(f"/proc/{pid}").st_uid == user, done
        for role in ("spawner", "guardian"):
            old = tend.kill_daemon(role)
            tend.wait_daemon(role, not_pid=old)
        assert identity(pid)
        one_line_error(
            tend.run("status", check=False), str(tend.home), str(user)
        )  # for us it is someone else's
        tend.run("stop", **options)
        assert not alive(pid) and not tend.segment.exists()
    finally:
        tend.segment.unlink(missing_ok=True)


# ---- read-only, full, missing


@as_root
def test_a_read_only_home(tend):
    """Looking needs no right to write; everything else says what is wrong."""
    kept = sleepers(tend)
    read_only = 'mount --bind "$HOME_DIR" "$HOME_DIR"; mount -o remount,bind,ro "$HOME_DIR"'
    for argv in (
        ["status"],
        ["status", "--json"],
        ["list", "--services"],
        ["events"],
        ["why", "s0"],
        ["snapshot", "--json"],
    ):
        done = in_namespace(tend, read_only, *tend.argv(*argv))
        assert done.returncode == 0 and "s0" in done.stdout, done
    one_line_error(in_namespace(tend, read_only, *start_argv(tend)), str(tend.home), "ead-only")
    assert_untouched(tend, kept)
    tend.run("stop")
    one_line_error(in_namespace(tend, read_only, *start_argv(tend)), str(tend.home), "ead-only")
    shutil.rmtree(tend.home)
    tend.home.mkdir(mode=0o700)
    one_line_error(in_namespace(tend, read_only, *start_argv(tend)), str(tend.home), "ead-only")
    assert daemons_of(tend)["guardian"] == []


@as_root
def test_no_dev_shm(tend):
    prepare = "mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3"
    done = in_namespace(tend, prepare, *start_argv(tend))
    one_line_error(done, "/dev/shm", "mount -t tmpfs tmpfs /dev/shm")
    status = in_namespace(tend, prepare, *tend.argv("status"))
    assert status.returncode in (0, 1) and (status.stdout + status.stderr).count("\n") <= 1, status
    assert daemons_of(tend)["guardian"] == []


@as_root
def test_a_read_only_dev_shm(tend):
    one_line_error(
        in_namespace(tend, "mount -t tmpfs -o ro tmpfs /dev/shm", *start_argv(tend)),
        "/dev/shm",
        "ead-only",
    )
    assert daemons_of(tend)["guardian"] == []


@as_root
def test_a_full_dev_shm(tend):
    done = in_namespace(tend, "mount -t tmpfs -o size=64k tmpfs /dev/shm", *start_argv(tend))
    one_line_error(done, "/dev/shm", "No space left")
    done = in_namespace(tend, "mount -t tmpfs -o size=4k tmpfs /dev/shm", *start_argv(tend))
    one_line_error(done, "/dev/shm", "No space left")
    assert daemons_of(tend)["guardian"] == []


@as_root
def test_a_dev_shm_that_gets_full_later(tend):
    """Every page is reserved at the beginning, so nobody gets a SIGBUS when the space is gone."""
    program = """
import json, os, subprocess, sys
tend, sleeper = sys.argv[1:]
def run(*args):
    done = subprocess.run([tend, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done
    return done.stdout
run("start", "--background", "--name", "s", "--", sleeper)
ballast = os.open("/dev/shm/ballast", os.O_WRONLY | os.O_CREAT)
try:
    while True:
        os.write(ballast, bytes(4096))
except OSError:
    pass
for i in range(20):
    run("start", "--background", "--name", f"n{i}", "--", sleeper)
daemons = json.loads(run("status", "--json"))["daemons"]
assert all(d["state"] == "running" and d["restarts"] == 0 for d in daemons.values()), daemons
run("stop")
print("well")
"""
    done = in_namespace(
        tend,
        "mount -t tmpfs -o size=8m tmpfs /dev/shm",
        sys.executable,
        "-I",
        "-S",
        "-c",
        program,
        tend.argv()[0],
        helper("sleeper"),
    )
    assert done.stdout == "well\n", done
    assert marked(tend) == []


LOG_FULL = """
import json, os, subprocess, sys, time
tend, flooder, home = sys.argv[1:]
def run(*args):
    done = subprocess.run([tend, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done
    return done.stdout
def log():
    rows = json.loads(run("snapshot", "--json"))["rows"]
    row = next(r for r in rows if r["ident"]["name"] == "flood")
    return row["log"]
def until(what, predicate):
    deadline = time.monotonic() + 30
    while not predicate():
        assert time.monotonic() < deadline, (what, log())
        time.sleep(0.05)
run("start", "--background", "--name", "probe", "--", "true")
ballast = os.open(home + "/logs/ballast", os.O_WRONLY | os.O_CREAT)
while os.statvfs(home).f_bavail * os.statvfs(home).f_bsize > 512 * 1024:
    os.write(ballast, bytes(4096))
run("start", "--background", "--name", "flood", "--", flooder, "20000", "100")
until("blocked", lambda: log()["state"] == 2)
assert log()["error"] == 28, log()
row = next(r for r in json.loads(run("status", "--json"))["processes"] if r["name"] == "flood")
assert row["status"] == "running", row
pid = row["pid"]
events = map(json.loads, run("events", "--json").splitlines())
assert any(e["event"] == "log" and e["name"] == "flood" for e in events)
assert "flood" in run("status"), run("status")
os.ftruncate(ballast, 0)
path = home + "/logs/flood.log"
until("all written", lambda: open(path).read().endswith("end 20000\\n"))
lines = open(path).read().splitlines()[:-1]
assert [int(l.split()[0]) for l in lines] == list(range(20000))
assert all(len(l) == 99 for l in lines)
until("open again", lambda: log()["state"] == 1)
row = next(r for r in json.loads(run("status", "--json"))["processes"] if r["name"] == "flood")
assert row["pid"] == pid, row
run("stop")
print("well")
"""


@as_root
def test_a_full_disk_for_logs(tend):
    """The process waits, nothing is lost, people are told, and capture goes on by itself once there
    is space.
    """
    tend.home.mkdir(mode=0o700)
    prepare = 'mount -t tmpfs -o size=4m,mode=700 tmpfs "$HOME_DIR"'
    done = in_namespace(
        tend,
        prepare,
        sys.executable,
        "-I",
        "-S",
        "-c",
        LOG_FULL,
        tend.argv()[0],
        helper("flooder"),
        tend.home,
        timeout=90,
    )
    assert done.stdout == "well\n", done.stdout + done.stderr


@as_root
def test_a_full_disk_for_everything(tend):
    """No space for a specification: the start says so; what runs is not touched."""
    tend.home.mkdir(mode=0o700)
    program = """
import json, os, subprocess, sys, time
tend, sleeper, home = sys.argv[1:]
def run(*args):
    return subprocess.run([tend, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
first = run("start", "--background", "--name", "s", "--", sleeper)
assert first.returncode == 0, first
pid = json.loads(run("status", "--json").stdout)["processes"][0]["pid"]
end = time.monotonic() + 20
while True:  # a save that is under way would give back its room
    try:
        if f'"pid": {pid}' in open(home + "/processes.json").read() and not any(
            name.endswith(".tmp") or name == "wishes"
            for folder in (home, home + "/run", home + "/specs")
            for name in os.listdir(folder)
        ):
            break
    except FileNotFoundError:
        pass
    assert time.monotonic() < end, os.listdir(home)
    time.sleep(0.01)
ballast = os.open(home + "/ballast", os.O_WRONLY | os.O_CREAT)
try:
    while True:
        os.write(ballast, bytes(4096))
except OSError:
    pass
os.close(ballast)
refused = run("start", "--background", "--name", "n", "--", sleeper)
assert refused.returncode == 1 and refused.stderr.count("\\n") == 1, refused
assert "No space left" in refused.stderr, refused
row = json.loads(run("status", "--json").stdout)["processes"]
assert [(r["name"], r["status"]) for r in row] == [("s", "running")], row
assert run("restart", "s").returncode == 0
os.unlink(home + "/ballast")
assert run("start", "--background", "--name", "n", "--", sleeper).returncode == 0
assert run("stop").returncode == 0
print("well")
"""
    prepare = 'mount -t tmpfs -o size=1m,mode=700 tmpfs "$HOME_DIR"'
    done = in_namespace(
        tend,
        prepare,
        sys.executable,
        "-I",
        "-S",
        "-c",
        program,
        tend.argv()[0],
        helper("sleeper"),
        tend.home,
    )
    assert done.stdout == "well\n", done.stdout + done.stderr


# ---- PID 1


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        stat = proc_stat(entry) if entry.isdigit() else None
        if stat and stat[1] == pid:
            found.append(int(entry))
    return found


@as_root
def test_the_guardian_as_pid_1(tend):
    """In a container of its own: it brings up what was desired, reaps every orphan, and SIGTERM
    ends it all in order.
    """
    kept = sleepers(tend)
    start(tend, "forker", helper("forker"), "2")
    tend.wait_log("forker", "^ready")
    tend.run("stop")
    del kept
    container = subprocess.Popen(
        [
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            TEND_BIN / "tend-guardian",
            "--home",
            tend.home,
            "--resurrect",
        ],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    tend.children.append(container)
    init = wait_until(
        lambda: next(iter(children_of(container.pid)), None), what="its first process"
    )
    wait_until(
        lambda: len(marked(tend, "forker")) == 8
        and all(len(marked(tend, f"s{i}")) == 1 for i in range(3)),
        what="all are up",
    )
    assert os.readlink(f"/proc/{init}/exe") == str(TEND_BIN / "tend-guardian")
    # Seen from inside it is an instance like any other.
    enter = ["nsenter", "--target", str(init), "--pid", "--mount"]
    done = subprocess.run(
        [*enter, *tend.argv("status", "--json")],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(done.stdout)
    assert document["daemons"]["guardian"]["pid"] == 1
    assert {row["name"]: row["status"] for row in document["processes"]} == {
        "s0": "running",
        "s1": "running",
        "s2": "running",
        "forker": "running",
    }
    # An orphan that is none of ours becomes a child of PID 1, which must not let it stay a zombie.
    orphan = subprocess.run(
        [*enter, "sh", "-c", "sleep 0.2 & echo $!"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert orphan.stdout.strip()
    subprocess.run(
        [*enter, "sh", "-c", "(sh -c 'exit 3' &) ; exit 0"], stdin=subprocess.DEVNULL, check=True
    )
    wait_until(
        lambda: not any(proc_stat(pid)[0] == "Z" for pid in children_of(init) if proc_stat(pid)),
        what="no zombies",
    )
    # Its daemons are its children; each is replaced.
    spawner = next(pid for pid in daemons_of(tend)["spawner"])
    os.kill(spawner, signal.SIGKILL)
    wait_until(
        lambda: [pid for pid in daemons_of(tend)["spawner"] if pid != spawner],
        what="another spawner",
    )
    os.kill(init, signal.SIGTERM)
    out, _ = container.communicate(timeout=40)
    assert container.returncode == 0, out
    assert marked(tend) == []
    # What was desired is still known: the next container does the same.
    entries = saved_entries(tend)
    assert {name: entry["desired"] for name, entry in entries.items()} == dict.fromkeys(
        ("s0", "s1", "s2", "forker"), "up"
    )
    assert not tend.segment.exists()


@as_root
def test_a_segment_from_another_pid_namespace(tend):
    """Its pids mean nothing here, and a lock knows its owner by such a number: commands refuse it,
    and say why.
    """
    sleepers(tend)
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", *start_argv(tend)],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    one_line_error(done, "namespace")
    works(tend)
    tend.stop_all()


@as_root
@pytest.mark.parametrize("kind", ["another PID namespace", "no /proc"])
def test_status_where_no_pid_can_be_verified(tend, kind):
    """Nothing counts as gone for that its pid means nobody there; whether daemons live, their
    locks tell.
    """

    def there(*words):
        inner = ["sh", "-c", 'umount -l /proc; exec "$@"', "-"] if kind == "no /proc" else []
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--mount-proc", *inner, *tend.argv(*words)],
            env=tend.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    start(tend, "a", helper("sleeper"))
    done = there("status")
    assert done.returncode == 0 and "HEALTHY: 1 process, 1 running" in done.stdout, done
    assert "pids are those of another PID namespace" in done.stdout
    document = json.loads(there("status", "--json").stdout)
    assert [row["state"] for row in document["processes"]] == ["running"]
    done = there("doctor")
    assert done.returncode == 0 and "PROBLEM" not in done.stdout, done
    assert "another build" not in done.stdout and "can't be told" in done.stdout
    kill_all(tend)
    done = there("status")
    assert "UNSUPERVISED: 1 process, 1 running" in done.stdout, done
    assert "verified just now" not in done.stdout and "guardian dead" in done.stdout
    tend.run("start")
    tend.stop_all()


# ---- the guardian in the foreground, as under systemd


def test_a_guardian_in_the_foreground(tend):
    kept = sleepers(tend)
    start(tend, "down", helper("sleeper"))
    tend.run("stop", "down")
    tend.run("stop")
    del kept
    guardian = subprocess.Popen(
        [TEND_BIN / "tend-guardian", "--home", tend.home, "--resurrect"],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    tend.children.append(guardian)
    wait_until(lambda: all(len(marked(tend, f"s{i}")) == 1 for i in range(3)), what="all are up")
    settled(tend)
    assert tend.status("down")["status"] == "stopped"
    guardian.send_signal(signal.SIGHUP)  # a terminal that closes is no reason to stop anything
    time.sleep(0.1)
    works(tend)
    guardian.terminate()
    guardian.communicate(timeout=40)
    assert guardian.returncode == 0
    assert marked(tend) == [] and not any(daemons_of(tend).values())
    tend.must_be_clean = True


def test_a_guardian_told_to_end_twice(tend):
    """An impatient second SIGTERM changes nothing: processes get the time that is theirs."""
    pid = start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "1500ms"))
    tend.wait_log("stubborn", "^ready")
    guardian = tend.daemon_pid("guardian")
    begin = time.monotonic()
    os.kill(guardian, signal.SIGTERM)
    time.sleep(0.1)
    os.kill(guardian, signal.SIGTERM)
    wait_gone(guardian, 20)
    assert time.monotonic() - begin >= 1.4
    assert not alive(pid)
    tend.must_be_clean = True


@pytest.mark.parametrize("role", ["spawner", "guardian"])
def test_an_end_that_is_interrupted_is_finished(tend, role):
    """The daemon dies while everything is being stopped: its successor goes on stopping, and starts
    nothing again.
    """
    pid = start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "2s"))
    tend.wait_log("stubborn", "^ready")
    stop = tend.popen("stop")
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")
    tend.kill_daemon(role)
    out, err = stop.communicate(timeout=60)
    assert stop.returncode == 0, out + err
    assert not alive(pid) and marked(tend) == []
    wait_until(lambda: not any(daemons_of(tend).values()), what="no daemon")
    entry = saved_entries(tend)["stubborn"]
    assert entry["desired"] == "up"
    tend.must_be_clean = True
