"""The reader in examples/, written from shm/README.md alone, sees what tend sees."""

import json
import os
import signal
import subprocess
import sys

import pytest

from crashkit import kill_all, one_line_error, settled, sleepers, start
from harness import ROLES, TOP, helper, wait_until

READER = TOP / "examples/read_table.py"
pytestmark = pytest.mark.skipif(not READER.exists(), reason=f"{READER} is not there")


def read(tend, *args):
    return subprocess.run(
        [sys.executable, READER, *args],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def seen_by_tend(tend):
    """The same facts, from tend snapshot --json and tend status --json."""
    snapshot, status = tend.json("snapshot"), tend.status()
    words = {row["name"]: row for row in status["processes"]}
    rows = [
        {
            "name": row["ident"]["name"],
            "pid": row["life"]["pid"],
            "restarts": row["life"]["restarts"],
            "memory_bytes": row["health"]["memory_bytes"] if row["health"] else 0,
            "state": words[row["ident"]["name"]]["state"],
        }
        for row in snapshot["rows"]
    ]
    daemons = {
        role: {
            "pid": snapshot[role]["daemon"]["pid"],
            "restarts": snapshot[role]["daemon"]["restarts"],
            "since": snapshot[role]["daemon"]["since_real_ns"] // 10**9,
        }
        for role in ROLES
    }
    return {"processes": rows, "daemons": daemons}


def seen_by_reader(tend):
    done = read(tend, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    for row in document["processes"]:
        row.pop("health")
    return document


def agree(tend):
    """Samples may be taken between the two looks, so look again until both see the same."""
    wait_until(
        lambda: seen_by_tend(tend) == seen_by_reader(tend), what="the same seen by both", nap=0.1
    )


def test_it_sees_what_tend_sees(tend):
    sleepers(tend)
    pid = start(tend, "crashed", helper("sleeper"))
    os.kill(pid, signal.SIGKILL)
    tend.wait_pid("crashed", not_pid=pid)
    start(tend, "failed", helper("crasher"), "0", "3", restart="no")
    start(tend, "completed", helper("crasher"), "0", "0", restart="on-failure")
    start(tend, "stopped", helper("sleeper"))
    start(tend, "removed", helper("sleeper"))
    tend.run("stop", "stopped", "removed")
    tend.run("remove", "removed")
    settled(tend)
    agree(tend)
    assert {row["name"]: row["state"] for row in seen_by_reader(tend)["processes"]} == {
        "s0": "running",
        "s1": "running",
        "s2": "running",
        "crashed": "running",
        "failed": "failed",
        "completed": "completed",
        "stopped": "stopped",
    }
    tend.stop_all()


def test_it_needs_no_daemon(tend):
    sleepers(tend)
    settled(tend)
    kill_all(tend)
    assert seen_by_tend(tend) == seen_by_reader(tend)


def test_it_prints_for_people(tend):
    kept = sleepers(tend)
    done = read(tend)
    assert done.returncode == 0, done.stderr
    for name, (pid, _) in kept.items():
        assert any(
            line.split()[:3] == [name, "running", str(pid)] for line in done.stdout.splitlines()
        ), done.stdout
    tend.stop_all()


def test_without_an_instance(tend):
    done = read(tend)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done


def test_another_layout(tend):
    sleepers(tend, 1)
    kill_all(tend)
    with open(tend.segment, "r+b") as f:
        f.seek(8)
        f.write((77).to_bytes(4, sys.byteorder))
    done = read(tend)
    assert done.returncode == 1 and "77" in done.stderr and done.stderr.count("\n") == 1, done
    one_line_error(tend.run("status", check=False), "77")
