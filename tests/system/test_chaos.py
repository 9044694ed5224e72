"""Faults at system calls: a few dozen, always the same, and those that once did harm, each at its
place. make chaos does all there are.
"""

import os
import re
import subprocess
import sys

import pytest

from harness import TOP

CHAOS = TOP / "tests/chaos"
SANITIZED = "SAN_FLAGS" in os.environ
sys.path.insert(0, str(CHAOS))

import chaos  # noqa: E402
import commands  # noqa: E402

# What chaos has found: role, scenario, kind, errno, the call, which one of them, and what came of
# it.
FOUND = [
    (
        "tend-spawner",
        "life",
        "kill",
        None,
        "pidfd_send_signal",
        2,
        "a stop whose signal was never sent lasted until its timeout",
    ),
    (
        "tend-spawner",
        "life",
        "kill",
        None,
        "unlinkat",
        14,
        "the cgroup of the instance was left over when the spawner died at its very end",
    ),
    (
        "tend-spawner",
        "life",
        "kill",
        None,
        "unlinkat",
        1,
        "a removed process came back from processes.json",
    ),
    (
        "tend-spawner",
        "life",
        "kill",
        None,
        "unlinkat",
        3,
        "FIFOs and cgroup of a removed process were left over",
    ),
    (
        "tend-spawner",
        "life",
        "kill",
        None,
        "write",
        12,
        "the logger was not told of a row that the last spawner had added",
    ),
    ("tend-spawner", "life", "kill", None, "renameat", 1, "a half-written file was left over"),
    (
        "tend-guardian",
        "life",
        "kill",
        None,
        "unlink",
        1,
        "tend stop ended well, with table and doorbells still there",
    ),
    (
        "tend-guardian",
        "life",
        "kill",
        None,
        "kill",
        1,
        "tend stop ended well, with monitor and logger still running",
    ),
    (
        "tend-guardian",
        "life",
        "kill",
        None,
        "ftruncate",
        1,
        "a command met a guardian that died before it had made the table",
    ),
    (
        "tend-spawner",
        "successors",
        "error",
        "EMFILE",
        "pidfd_open",
        3,
        "a process that could not be watched was taken for dead and started again",
    ),
    (
        "tend-spawner",
        "life",
        "error",
        "EMFILE",
        "pidfd_open",
        3,
        "a stop, or restart, that could not send its signal for lack of a descriptor lasted until its timeout",
    ),
    (
        "tend-spawner",
        "life",
        "error",
        "ENOMEM",
        "unlinkat",
        14,
        "the cgroup of the instance was left over after one moment without memory",
    ),
    (
        "tend-guardian",
        "life",
        "error",
        "ENOMEM",
        "unlinkat",
        2,
        "a doorbell was left over after one moment without memory",
    ),
    (
        "tend-logger",
        "life",
        "error",
        "EIO",
        "unlinkat",
        2,
        "a file that had been archived was kept beside its archive until the next logger",
    ),
    (
        "tend-guardian",
        "life",
        "kill",
        None,
        "futex",
        1,
        "what a process wrote was lost with the spawner's end of the pipe, when that became the guardian",
    ),
    (
        "tend-guardian",
        "life",
        "kill",
        None,
        "unlinkat",
        2,
        "tend stop ended well, with doorbells still there",
    ),
    (
        "tend-spawner",
        "successors",
        "kill",
        None,
        "fchmod",
        2,
        "a half-written file of a spawner that nobody had reaped yet was left over",
    ),
    (
        "tend-spawner",
        "life",
        "error",
        "ENOMEM",
        "read",
        47,
        "a process whose start could not be read once had none for its whole life",
    ),
    (
        "tend-spawner",
        "successors",
        "error",
        "EACCES",
        "unlinkat",
        6,
        "what a spawner had handed over was left over",
    ),
    (
        "tend-guardian",
        "life",
        "error",
        "EACCES",
        "newfstatat",
        31,
        "the table was made again, and events were lost, for one look at it that failed",
    ),
    (
        "tend-guardian",
        "life",
        "error",
        "EIO",
        "newfstatat",
        50,
        "the same while the instance ended: tend stop waited for ever",
    ),
    (
        "tend-guardian",
        "successors",
        "error",
        "ENFILE",
        "openat",
        38,
        "a guardian that could not read its own start when it took over was unknown to the others",
    ),
    (
        "tend-spawner",
        "successors",
        "malloc",
        None,
        None,
        750,
        "processes.json was taken for damaged, and put aside, when there was no memory to read it",
    ),
]


@pytest.mark.parametrize(
    "role, scenario, kind, errno, call, at, harm",
    FOUND,
    ids=["-".join(map(str, (f[0][5:], *f[1:3], f[4] or "", f[5]))) for f in FOUND],
)
def test_found_by_chaos(role, scenario, kind, errno, call, at, harm):
    if kind == "malloc" and SANITIZED:
        pytest.skip("a sanitizer has an allocator of its own")
    fault = chaos.Fault(role, kind, at, errno, call)
    did, complaint, _, _ = chaos.run_daemon(scenario, fault)
    assert complaint is None, f"{harm}\n{complaint}"
    assert did.faults, "no such call"


@pytest.mark.parametrize("command", ["stop", "signal", "whole stop"])
def test_commands_without_a_descriptor(command):
    """For one moment, at each place. A command that had none to ring for a daemon waited for
    ever.
    """
    done = 0
    for at, did, complaint in commands.run_command(
        command, lambda at: chaos.Fault("tend", "error", at, "EMFILE", "openat"), 1, 1
    ):
        assert complaint is None, f"openat {at}\n{complaint}"
        done += len(did.faults)
    assert done > 5


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has an allocator of its own")
@pytest.mark.parametrize("command, every", [("config", 1), ("why", 1), ("logs", 7)])
def test_commands_without_memory(command, every):
    """One allocation fails. tend config wrote an empty file; tend logs and tend why left out what
    they could not read, and said that all was well.
    """
    done = 0
    for at, did, complaint in commands.run_command(
        command, lambda at: chaos.Fault("tend", "malloc", at), 1, every
    ):
        assert complaint is None, f"allocation {at}\n{complaint}"
        done += len(did.faults)
    assert done > 5


def run_tool(name, *args):
    """One of the programs that make chaos and make soak run; what it printed."""
    done = subprocess.run(
        [sys.executable, CHAOS / name, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
        timeout=220,
    )
    print(done.stdout)
    assert done.returncode == 0
    return done.stdout


@pytest.mark.timeout(240)
def test_a_sample_of_faults():
    """A few dozen of all there are, always the same ones: make chaos T="--sample N" looks for
    others.
    """
    out = run_tool("chaos.py", "--sample", "24", "--seed", "5", "--jobs", "2", "--seconds", "25")
    faults = re.search(r"^(\d+) faults in", out, re.M)
    assert faults and int(faults[1]) > 0


@pytest.mark.timeout(240)
def test_a_random_storm():
    """Always the same seed here; make soak takes another each time."""
    assert "kill_one" in run_tool("soak.py", "--seconds", "10", "--processes", "16", "--seed", "5")


@pytest.mark.timeout(240)
def test_every_subset_of_the_daemons_killed():
    """While one daemon lives no line and no status is lost, and all four are at work again soon."""
    assert "| guardian, logger | 1 |" in run_tool("subsets.py", "--rounds", "1", "--seed", "5")


@pytest.mark.timeout(240)
def test_every_subset_killed_while_the_spawner_is_stopped():
    assert "| guardian, logger | 1 |" in run_tool(
        "subsets.py", "--rounds", "1", "--seed", "5", "--paused"
    )


@pytest.mark.timeout(240)
def test_all_four_killed_again_and_again():
    assert "kill_all 10" in run_tool("soak.py", "--all-four", "10", "--processes", "16")
