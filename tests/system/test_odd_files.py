"""What lies in the folders of a home under a name or of a kind that tend never made: nobody
stumbles over it, and it stays.
"""

import os
import re
import socket
import stat

import pytest

from common import start
from crashkit import kill_all
from harness import ROLES, helper, wait_until

# Whatever a folder can hold: too little of a name that tend makes, too much of it, bytes that are
# no text.
ODD_NAMES = [
    b".tmp",
    b"..tmp",
    b"tmp",
    b".-.tmp",
    b".x.tmp",
    b".x.1-00000000.tmp",
    b".x.-1-00000000.tmp",
    b".x.99999999999999999999-00000000.tmp",
    b".1-00000000.tmp",
    b".new",
    b".new-",
    b".new-1",
    b".new-1-",
    b".new--1-x",
    b".new-99999999999999999999-0.json",
    b".json",
    b"..json",
    b"-.json",
    b"@.json",
    b"\n.json",
    b"a\nb.json",
    b"\xff\xfe.json",
    b"x" * 250 + b".json",
    b"x" * 59 + b".json",
    b".in",
    b".out",
    b"@err.out",
    b"@@err.out",
    b"x@err@err.out",
    b"\xff\xfe.out",
    b"x" * 251 + b".out",
    b"..out",
    b".lock",
    b"bell.",
    b"bell.x",
    b".log",
    b"@err.log",
    b".log.log",
    b".log.000000001",
    b"x.log.000000000",
    b"x.log.0000000001",
    b"x.log.1",
    b"x.log.",
    b"x.log.lz4x",
    b"\n.log",
    b"\xff\xfe.log",
    b"x" * 251 + b".log",
    b"x" * 241 + b".log.000000001",
    b"..log",
    b"-",
    b"--",
    b"--help",
    b"-rf",
    b"\n",
    b" ",
    b"\x1b[31m",
    b"\xff",
    b"x" * 255,
    b"00000000000000000001.json",
    b"18446744073709551615.json",
    b"99999999999999999999.json",
]


def make_socket(path):
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(b"/proc/self/fd/%d/s" % folder)  # the path of a socket is at most 107 bytes long
        os.rename(b"/proc/self/fd/%d/s" % folder, path)
    finally:
        os.close(folder)


def make_folder(path):
    os.mkdir(path, 0o700)
    os.mkdir(os.path.join(path, b"x"), 0o700)


KINDS = {
    "file": lambda path: open(path, "xb").close(),
    "folder": make_folder,
    "fifo": lambda path: os.mkfifo(path, 0o600),
    "socket": make_socket,
    "link": lambda path: os.symlink(b"nowhere", path),
    "device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 7)),  # /dev/full
}


def put(kind, path):
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("needs root: a device")
    KINDS[kind](path)


def everything_works(tend):
    """Each daemon begins anew, and each command that goes through a folder does so."""
    for role in reversed(ROLES):  # the guardian last: the spawner takes its place
        old = tend.kill_daemon(role)
        tend.wait_daemon(role, not_pid=old)
        wait_until(
            lambda: len(set(tend.wait_daemons().values())) == len(ROLES), what="four daemons"
        )
    before = tend.wait_daemons()
    start(tend, "new", helper("sleeper"))
    tend.run("config", "set", "debug_mode", "true")
    tend.run("group", "some", "new")
    for words in (
        ["status"],
        ["status", "--json"],
        ["list"],
        ["list", "@some"],
        ["logs"],
        ["logs", "--verify"],
        ["logs", "--json"],
        ["logs-aggregator"],
        ["group"],
        ["doctor"],
        ["orphans"],
        ["config", "show"],
        ["complete", "2", "tend", "status", ""],
        ["events"],
        ["snapshot"],
    ):
        done = tend.run(*words, check=False)
        assert done.returncode in (0, 1) and "\x1b" not in done.stdout, (words, done)
    assert {row["name"]: row["state"] for row in tend.status()["processes"]} == {
        "old": "running",
        "new": "running",
    }
    tend.run("remove", "new", check=False)
    tend.run("stop", "new")
    tend.run("remove", "new")
    assert tend.wait_daemons() == before, "a daemon has died meanwhile"


@pytest.mark.parametrize("kind", KINDS)
def test_entries_of_any_name_and_kind(tend, kind):
    start(tend, "old", helper("sleeper"))
    folders = [tend.home, *(tend.home / sub for sub in ("run", "specs", "logs", "run/alerts"))]
    folders[-1].mkdir(0o700)
    paths = [os.fsencode(folder) + b"/" + name for folder in folders for name in ODD_NAMES]
    for path in paths:
        put(kind, path)
    everything_works(tend)
    tend.run("stop")
    tend.run("start")
    ours = re.compile(
        rb".*/run/alerts/\d{20}\.json"
    )  # alerts that wait to be sent; what is none is given up, and told
    assert [path for path in paths if not os.path.lexists(path) and not ours.fullmatch(path)] == []
    tend.stop_all()


OWN = [f"{role}.lock" for role in ROLES] + [f"bell.{role}" for role in ROLES] + ["start.lock"]


@pytest.mark.parametrize("kind", ["folder", "fifo", "socket", "link", "file"])
@pytest.mark.parametrize("name", OWN)
def test_something_in_the_place_of_a_lock_or_doorbell(tend, name, kind):
    """Once all daemons are gone, the next command finds it, makes way, and all is as ever; a
    folder, which may hold anything, is kept.
    """
    pid = start(tend, "old", helper("sleeper"))
    kill_all(tend)
    path = tend.home / "run" / name
    path.unlink(missing_ok=True)
    put(kind, os.fsencode(path))
    tend.run("start", timeout=60)
    tend.wait_daemons()
    assert tend.pid("old") == pid
    start(tend, "new", helper("sleeper"), timeout=60)
    assert tend.run("doctor", check=False).returncode in (0, 1)
    kept = list((tend.home / "run").glob(f".{name}.displaced-*"))
    assert [(entry / "x").is_dir() for entry in kept] == ([True] if kind == "folder" else [])
    tend.stop_all()


@pytest.mark.parametrize("kind", ["folder", "fifo", "socket", "link"])
@pytest.mark.parametrize("name", ["wishes", "saver.lock"])
def test_something_in_the_place_of_what_the_spawner_writes(tend, name, kind):
    """It makes way like that: nobody waits for a FIFO's reader, and what is asked for is kept."""
    start(tend, "old", helper("sleeper"))
    start(tend, "other", helper("sleeper"))
    path = tend.home / "run" / name
    path.unlink(missing_ok=True)
    put(kind, os.fsencode(path))
    tend.run("stop", "old", timeout=10)
    start(tend, "new", helper("sleeper"), timeout=10)
    wait_until(
        lambda: '"desired":"down"'
        in (tend.home / "processes.json").read_text().replace('": "', '":"'),
        what="processes.json tells of the stop",
    )
    kill_all(tend)
    tend.segment.unlink()
    tend.run("start", timeout=10)
    states = {row["name"]: row["state"] for row in tend.status()["processes"]}
    assert states == {"old": "stopped", "other": "running", "new": "running"}
    kept = list((tend.home / "run").glob(f".{name}.displaced-*"))
    assert [(entry / "x").is_dir() for entry in kept] == ([True] if kind == "folder" else [])
    tend.stop_all()


def test_doctor_tells_of_what_can_not_come_back(tend):
    """A specification that is missing or damaged, of what runs and of what could not be taken over;
    processes.json.
    """
    start(tend, "old", helper("sleeper"))
    start(tend, "other", helper("sleeper"))
    assert "PROBLEM" not in tend.run("doctor").stdout
    (tend.home / "specs/old.json").unlink()
    (tend.home / "specs/other.json").write_text("{")
    done = tend.run("doctor", check=False)
    assert done.returncode == 1 and "PROBLEM  old: cannot read specs/old.json" in done.stdout
    assert "PROBLEM  other: specs/other.json: " in done.stdout, done.stdout
    tend.run("stop")
    done = tend.run("start", check=False)
    assert done.returncode == 1 and "old: cannot read specs/old.json" in done.stderr, done
    assert "other: specs/other.json: " in done.stderr, done
    done = tend.run("doctor", check=False)
    assert "PROBLEM  old: it is to be up and is not: cannot read specs/old.json" in done.stdout
    assert "PROBLEM  other: it is to be up and is not: specs/other.json" in done.stdout
    (tend.home / "processes.json").write_text("")
    done = tend.run("doctor", check=False)
    assert "PROBLEM  processes.json: no JSON" in done.stdout, done.stdout
    tend.stop_all()


def test_a_fifo_in_the_place_of_tends_log_or_a_specification(tend):
    """Both are told or passed over at once; nobody waits for somebody to open its other end."""
    start(tend, "old", helper("sleeper"))
    spec = tend.home / "specs/old.json"
    kept = spec.read_bytes()
    spec.unlink()
    os.mkfifo(spec, 0o600)
    done = tend.run("restart", "old", check=False, timeout=5)
    assert done.returncode == 1 and "specs/old.json" in done.stderr, done
    tend.run("stop", timeout=5)
    spec.unlink()
    spec.write_bytes(kept)
    log = tend.home / "logs/tend.log"
    log.unlink()
    os.mkfifo(log, 0o600)
    done = tend.run("start", check=False, timeout=5)
    assert done.returncode == 1, done
    assert f"{log} is not a regular file" in done.stderr, done
    log.unlink()
    tend.run("start")
    assert tend.status("old")["state"] == "running"
    tend.stop_all()
