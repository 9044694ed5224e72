"""A process is a tree: grandchildren, one in a session of its own, a daemon that left its parents.
None of it may stay, and nobody else's may go.
"""

import os
import re
import signal

import pytest

from common import (
    Follower,
    moded,
    pids_of,
    script,
    start,
    stop_everything,
    transitions,
    tree_of,
)  # noqa: F401 (moded is a fixture)
from harness import alive, helper, proc_stat, wait_gone, wait_until
from syscalls import Recorder


def forker(tend, name, *args, options=()):
    start(tend, name, helper("forker"), *(args or ("2",)), options=options)
    tree = tree_of(tend, name)
    assert {kind: len(pids) for kind, pids in tree.items()} == {
        "ready": 1,
        "child": 3,
        "grandchild": 2,
        "setsid": 1,
        "daemon": 1,
    }
    assert all(alive(pid) for pid in pids_of(tree))
    return tree


@pytest.mark.parametrize("how", [(), ("--force",)])
def test_all_of_it_goes_and_nothing_else(moded, how):
    tree, other = forker(moded, "a"), forker(moded, "b")
    assert moded.run("stop", "a", *how).stdout == ("a: killed\n" if how else "a: stopped\n")
    assert not any(alive(pid) for pid in pids_of(tree))
    assert all(alive(pid) for pid in pids_of(other))
    assert moded.status("b")["restarts"] == 0
    stop_everything(moded)
    assert not any(alive(pid) for pid in pids_of(other))


def test_leftovers_go_before_the_restart(moded):
    old = forker(moded, "a")
    (root,) = old["ready"]
    with Follower(moded, "a") as follower:
        follower.until_state("running")
        os.kill(root, signal.SIGKILL)
        event = follower.until_state("stopping")
        assert (event["reason"], event["exit_signal"]) == ("leftovers", 9)
        # What a new run finds: nothing of the old one.
        event = follower.until_state("backoff")
        assert event["exit_signal"] == 9
        assert not any(alive(pid) for pid in pids_of(old))
        follower.until_state("running")
    new = tree_of(moded, "a", 2)
    assert all(alive(pid) for pid in pids_of(new))
    assert moded.status("a")["restarts"] == 1
    stop_everything(moded)
    assert not any(alive(pid) for pid in pids_of(new))


def test_leftovers_that_ignore_sigterm(moded):
    start(
        moded,
        "a",
        helper("term_ignorer"),
        "child",
        options=("--restart", "no", "--stop-timeout", "300ms"),
    )
    root = int(moded.wait_log("a", r"^ready (\d+)$")[1])
    child = int(moded.wait_log("a", r"^child (\d+)$")[1])
    os.kill(root, signal.SIGKILL)
    moded.wait("a", "stopped")
    assert not alive(child)
    assert transitions(moded, "a")[-2:] == [("running", "stopping"), ("stopping", "failed")]
    assert moded.status("a")["exit_signal"] == 9


def test_leftovers_of_a_success(moded):
    """The root ends well and leaves a daemon: that is no way to become one. It is ended, and the
    process has completed.
    """
    path = script(
        moded,
        "agent",
        "#!/bin/sh\nsetsid sleep 1000 &\necho child $!\nexec 1>&- 2>&-\nsleep 0.2\nexit 0\n",
    )
    start(moded, "a", path)
    child = int(moded.wait_log("a", r"^child (\d+)$")[1])
    moded.wait("a", "stopped")
    assert moded.status("a")["state"] == "completed"
    wait_gone(child)


def test_a_restart_takes_the_whole_tree(moded):
    old = forker(moded, "a")
    moded.run("restart", "a")
    assert not any(alive(pid) for pid in pids_of(old))
    new = tree_of(moded, "a", 2)
    assert all(alive(pid) for pid in pids_of(new))
    stop_everything(moded)


def test_killed_and_stopped_in_every_order(moded):
    """Where the kernel remembers that a cgroup was killed (Linux 6.14), what is started in it next
    must not pay for that.
    """
    for hows in (
        [("--force",)],
        [("--timeout", "0.2"), ("--force",)],
        [("--timeout", "0.3"), ("--timeout", "10m")],
        [("--force",), ()],
    ):
        start(moded, "a", helper("term_ignorer"), "child")
        pid = int(moded.wait_log("a", r"(?s)^.*^ready (\d+)$")[1])
        stops = [moded.popen("stop", "a", *how) for how in hows]
        assert [stop.wait(30) for stop in stops] == [0] * len(stops)
        assert not alive(pid)
        (moded.home / "logs" / "a.log").write_text("")
    start(moded, "a", helper("sleeper"))
    moded.run("restart", "a", "--timeout", "0")
    pid = moded.pid("a")
    moded.run("signal", "a", "KILL")
    moded.wait_pid("a", not_pid=pid)
    moded.run("stop", "a")
    start(moded, "a", helper("sleeper"))
    moded.wait("a", "healthy")
    assert moded.status("a")["restarts"] == 2 and not [
        e for e in moded.events("a") if e["value"] == 250
    ]
    stop_everything(moded)


def test_a_tree_that_keeps_forking(moded):
    """Each process forks the next and ends: who signals them one by one comes too late; the stop
    must not.
    """
    path = script(
        moded,
        "agent",
        """#!/usr/bin/python3 -ISE
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
if os.fork():
    signal.pause()
end = time.monotonic() + 60  # nobody could catch it, were this test to be killed
while time.monotonic() < end:
    time.sleep(0.002)
    if os.fork():
        os._exit(0)
""",
    )
    start(moded, "a", path)
    moded.wait_log("a", "^ready$")
    assert moded.run("stop", "a", "--timeout", "0.3", timeout=60).stdout.startswith("a: killed")
    stop_everything(moded)


def test_only_the_root_gets_a_signal(moded):
    tree = forker(moded, "a", options=("--restart", "no"))
    moded.run("signal", "a", "STOP")
    wait_until(lambda: proc_stat(tree["ready"][0])[0] == "T", what="the root is suspended")
    assert [pid for pid in pids_of(tree) if proc_stat(pid)[0] == "T"] == tree["ready"]
    stop_everything(moded)
    assert not any(alive(pid) for pid in pids_of(tree))


def test_all_of_it_stands_still_before_the_first_is_killed(tend):
    """Else whoever is still to be killed could start others. (A cgroup is killed at once.)"""
    tend.env["TEND_DISABLE"] = "cgroup"
    recorder = Recorder(
        tend,
        *("start", "--background", "--name", "a", "--", helper("forker"), "2"),
        calls="pidfd_send_signal",
    )
    count = len(pids_of(tree_of(tend, "a")))
    tend.run("stop", "a", "--force")

    def sent():
        words = [re.search(r"SIG(STOP|KILL)", call.arguments) for call in recorder.calls()]
        return [word[1] for word in words if word]

    wait_until(lambda: sent().count("KILL") >= count, what="all were killed")
    assert sent() == ["STOP"] * count + ["KILL"] * count
    tend.stop_all()
    recorder.finish()
