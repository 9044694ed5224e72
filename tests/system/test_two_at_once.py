"""Commands that change the same file at once: what both have reported is there."""

import fcntl
import json
import os
import signal
import struct
import subprocess

import pytest

from common import start
from harness import helper

KEYS = {
    "registry_port": 9001,
    "health_check_interval": 11,
    "shutdown_timeout": 12,
    "startup_timeout": 13,
    "log_level": "ERROR",
    "db_path": "./x.db",
    "debug_mode": True,
    "watch_files": False,
}


def finish(children):
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, out + err


def test_configuration(tend):
    for _ in range(3):
        finish([tend.popen("config", "set", key, value) for key, value in KEYS.items()])
        assert json.loads((tend.home / "cli_config.json").read_text()) == KEYS
        tend.run("config", "reset")


def test_a_specification(tend):
    start(tend, "a", helper("sleeper"))
    health = tend.work / "health.json"
    for i in range(5):
        health.write_text(
            json.dumps({"probes": {"liveness": {"exec": ["true"], "interval": i + 1}}})
        )
        finish(
            [
                tend.popen("group", f"g{i}", "a"),
                tend.popen(
                    "start",
                    "--name",
                    "a",
                    "--background",
                    "--health",
                    health,
                    "--health-check-interval",
                    i + 10,
                    "--",
                    helper("sleeper"),
                ),
            ]
        )
        spec = json.loads((tend.home / "specs" / "a.json").read_text())
        assert (
            spec["group"],
            spec["health"]["probes"]["liveness"]["interval"],
            spec["health_check_interval_s"],
        ) == (f"g{i}", i + 1, i + 10)


@pytest.fixture(params=["config.lock", "specs.lock"])
def held(request, tend):
    """Someone is at work on such a file: a child of ours, with the lock as a command has it. (its
    pid, the words of another command that wants it).
    """
    start(tend, "a", helper("sleeper"))
    words = {
        "config.lock": ["config", "set", "debug_mode", "true"],
        "specs.lock": ["group", "g", "a"],
    }[request.param]
    tend.run(*words)
    holder = subprocess.Popen(["sleep", "1000"], env=tend.env)
    tend.children.append(holder)
    fd = os.open(tend.home / "run" / request.param, os.O_RDWR)
    fcntl.fcntl(
        fd,
        fcntl.F_OFD_SETLK if hasattr(fcntl, "F_OFD_SETLK") else 37,
        struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0),
    )
    os.pwrite(fd, f"{holder.pid} 1\n".encode(), 0)
    yield holder, words
    os.close(fd)


def test_a_stopped_holder_is_named(tend, held):
    holder, words = held
    holder.send_signal(signal.SIGSTOP)
    done = tend.run(*words, check=False)
    assert (
        done.returncode == 1
        and f"process {holder.pid}, which is stopped, holds" in done.stderr
        and f"kill -CONT {holder.pid}" in done.stderr
    )
    holder.send_signal(signal.SIGCONT)


def test_looking_waits_for_nobody(tend, held):
    assert tend.status("a")["state"] == "running"
    assert tend.run("config", "show").stdout and tend.run("group").stdout
    tend.run("stop", "a")
    tend.run("start", "a", "--background")
