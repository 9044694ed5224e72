"""Requests that tend's own command line never posts, since it looks first: a client may be older, race with another, or be wrong. Each gets an answer."""

import errno
import subprocess

import pytest

from crashkit import start, works
from harness import helper, wait_until

START, STOP, RESTART, SIGNAL, REMOVE = range(5)
UNHEALTHY, LIMIT = 16, 32


def post(tend, *words):
    done = subprocess.run([helper("poster"), *map(str, words)], env=tend.env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    code, _, text = done.stdout.rstrip("\n").partition(" ")
    return int(code), text


@pytest.mark.parametrize("kind", [START, STOP, RESTART, SIGNAL, REMOVE])
def test_of_a_process_that_does_not_exist(tend, kind):
    start(tend, "s", helper("sleeper"))
    assert post(tend, kind, "other", 0, "", 10) == (-errno.ENOENT, "there is no process named other")
    works(tend)


def test_that_come_too_late(tend):
    """The process is not, or no longer, what the client took it for."""
    start(tend, "s", helper("sleeper"))
    pid = tend.pid("s")
    code, text = post(tend, REMOVE, "s")
    assert code == -errno.EBUSY and "stop it first" in text
    code, text = post(tend, START, "s")
    assert code == -errno.EALREADY and str(pid) in text
    tend.run("stop", "s")
    code, text = post(tend, SIGNAL, "s", 0, "", 10)
    assert code == -errno.ESRCH and "does not run" in text
    assert post(tend, STOP, "s")[0] == -errno.EALREADY
    for flag in (UNHEALTHY, LIMIT):  # the monitor's, which has not heard of the stop
        assert post(tend, RESTART, "s", flag) == (-errno.ECANCELED, "someone has stopped it in the meantime")
    assert tend.status("s")["pid"] is None
    works(tend)


@pytest.mark.parametrize("spec", [".new-0-0", "../processes.json", "/etc/passwd", "s.json"])
def test_a_start_whose_specification_is_none(tend, spec):
    """What is named is missing, not in its folder, or another process's: nothing is started, moved or taken away."""
    start(tend, "s", helper("sleeper"))
    wait_until((tend.home / "processes.json").exists, what="processes.json")  # written a moment later
    stored = (tend.home / "specs/s.json").read_bytes()
    assert post(tend, START, "new", 0, spec)[0] < 0
    assert (tend.home / "specs/s.json").read_bytes() == stored and (tend.home / "processes.json").exists()
    assert not (tend.home / "specs/new.json").exists()
    tend.wait("s", "running")
    works(tend)
