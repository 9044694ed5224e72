"""What happens when a process ends by itself: who is restarted, after what delay, how often, and
what is told about it.
"""

import os
import signal
from datetime import datetime

import pytest

from common import Follower, events_to, script, start, stop_everything, transitions
from harness import alive, helper, wait_gone

FAST = ("--restart-delay", "10ms")


def crashes(tend, name, seconds, how, *options):
    start(tend, name, helper("crasher"), seconds, how, options=options)


def following(tend):
    tend.run("start")  # the daemons, so that there is a table to follow
    return Follower(tend, "a")


# ---- what is told of an end


@pytest.mark.parametrize(
    "how, code, signo, sentence",
    [
        ("42", 42, None, "exited with status 42"),
        ("s11", None, 11, "was killed by SIGSEGV"),
        ("s6", None, 6, "was killed by SIGABRT"),
    ],
)
def test_the_true_end_is_told(tend, how, code, signo, sentence):
    crashes(tend, "a", "0", how, "--restart", "no")
    tend.wait("a", "stopped")
    row = tend.status("a")
    assert (row["status"], row["state"]) == ("stopped", "failed")
    assert (row["exit_code"], row["exit_signal"]) == (code, signo)
    assert row["pid"] is None and row["restarts"] == 0
    assert sentence in row["reason"] and "policy is not to restart" in row["reason"]
    (event,) = events_to(tend, "a", "failed")
    assert (event["exit_code"], event["exit_signal"]) == (code, signo)
    assert sentence in tend.run("why", "a").stdout
    stop_everything(tend)


DUMPS_CORE = (
    "ulimit -c unlimited 2>/dev/null; while [ ! -e {go} ]; do sleep 0.05; done; kill -SEGV $$"
)
KEEPS_CORE = "ulimit -c 0; kill -SEGV $$"


def dumps_core_here(tend):
    """Whether this machine lets the same program, by itself, dump core; what it leaves in its
    folder is deleted with that.
    """
    folder = tend.work / "alone"
    folder.mkdir()
    pid = os.posix_spawn(
        "/bin/sh", ["sh", "-c", f"cd {folder}; {DUMPS_CORE.format(go=folder)}"], tend.env
    )
    return os.WCOREDUMP(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("parent", ["spawner", "guardian"])
def test_a_core_dump_is_told(tend, parent):
    """By whoever is the parent at the end."""
    if not dumps_core_here(tend):
        pytest.skip("no core is dumped here")
    go = tend.work / "go"
    start(
        tend, "a", "sh", "-c", DUMPS_CORE.format(go=go), options=("--restart", "no"), cwd=tend.work
    )
    start(tend, "b", "sh", "-c", KEEPS_CORE, options=("--restart", "no"))
    if parent == "guardian":
        tend.wait_daemon("spawner", not_pid=tend.kill_daemon("spawner"))
    go.touch()
    for name, dumped in ("a", True), ("b", False):
        tend.wait(name, "stopped")
        row = tend.status(name)
        (event,) = events_to(tend, name, "failed")
        assert (
            (row["exit_signal"], row["core_dumped"])
            == (event["exit_signal"], event["core_dumped"])
            == (11, dumped)
        )
        for text in row["reason"], event["text"], tend.run("why", name).stdout:
            assert "was killed by SIGSEGV" in text and ("(core dumped)" in text) == dumped, text
    stop_everything(tend)


def test_a_kill_from_outside_is_told_and_mended(tend):
    pid = start(tend, "a", helper("sleeper"))
    with Follower(tend, "a") as follower:
        os.kill(pid, signal.SIGKILL)
        event = follower.until_state("backoff")
        assert (event["exit_code"], event["exit_signal"], event["reason"]) == (None, 9, "signaled")
        assert event["pid"] == pid
        event = follower.until_state("running")
    new = tend.pid("a")
    assert new == event["pid"] != pid and alive(new)
    row = tend.status("a")
    assert row["restarts"] == 1 and row["state"] == "running" and row["exit_signal"] == 9
    stop_everything(tend)


def test_each_crash_counts_and_has_its_events(tend):
    crashes(tend, "a", "0.05", "3", "--restart-limit", "3", *FAST)
    tend.wait("a", "stopped")
    step = [("starting", "running"), ("running", "backoff"), ("backoff", "starting")]
    expected = [("stopped", "starting"), *step * 3, ("starting", "running"), ("running", "failed")]
    assert transitions(tend, "a") == expected
    ends = [e for e in tend.events("a") if e["from"] == "running"]
    assert [e["exit_code"] for e in ends] == [3] * 4
    pids = [e["pid"] for e in events_to(tend, "a", "running")]
    assert [e["pid"] for e in ends] == pids and len(set(pids)) == 4
    assert tend.status("a")["restarts"] == 3
    # Its log tells of the same lives, in the same order.
    tend.wait_log("a", rf"crasher {pids[-1]} start")
    assert tend.log("a") == "".join(f"crasher {pid} start\n" for pid in pids)


# ---- delays and budget


def when(event):
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def test_the_series_of_delays_and_the_budget(tend):
    crashes(
        tend,
        "a",
        "0",
        "1",
        "--restart-delay",
        "100ms",
        "--restart-max-delay",
        "300ms",
        "--restart-limit",
        "5/1m",
    )
    tend.wait("a", "stopped")
    backoffs = events_to(tend, "a", "backoff")
    assert [e["value"] for e in backoffs] == [0, 100, 200, 300, 300]
    # They are waited for, too: never less than announced (times in events are cut to whole
    # milliseconds).
    launches = events_to(tend, "a", "starting")[1:]
    for backoff, launch in zip(backoffs, launches):
        assert when(launch) - when(backoff) >= backoff["value"] / 1000 - 0.002
    row = tend.status("a")
    assert (row["state"], row["restarts"]) == ("failed", 5)
    assert "exited with status 1" in row["reason"] and "restart limit 5/1m reached" in row["reason"]
    assert events_to(tend, "a", "failed")[0]["reason"] == "restart-limit"
    text = tend.run("why", "a").stdout
    assert "restart limit 5/1m" in text and "too many restarts within the window" in text
    assert "restart limit 5/1m" in tend.run("status").stdout
    stop_everything(tend)


def test_a_stable_run_resets_the_delay(tend):
    """Two quick ends, a stable run, two quick ends."""
    runs = script(
        tend,
        "agent",
        """#!/bin/sh
n=$(cat runs 2>/dev/null || echo 0)
echo $((n + 1)) > runs
[ "$n" != 2 ] || sleep 1
exit 1
""",
    )
    options = (
        "--restart-delay",
        "30ms",
        "--stable",
        "600ms",
        "--restart-limit",
        "4/1m",
        "--cwd",
        tend.work,
    )
    start(tend, "a", runs, options=options)
    tend.wait("a", "stopped")
    # The quick runs would count as stable on a machine that takes 600 ms for them.
    assert [e["value"] for e in events_to(tend, "a", "backoff")] == [0, 30, 0, 30]


def test_the_window_moves_on(tend):
    """Ends that come more slowly than the window allows restarts never exhaust the budget."""
    with following(tend) as follower:
        crashes(tend, "a", "0.4", "1", "--restart-limit", "1/300ms", "--stable", "0", *FAST)
        for _ in range(4):
            follower.until_state("backoff")
        follower.until_state("running")
    assert not events_to(tend, "a", "failed")


def test_no_limit(tend):
    with following(tend) as follower:
        crashes(tend, "a", "0", "1", "--restart-limit", "0", "--restart-delay", "0")
        for _ in range(30):  # the default limit is 10
            follower.until_state("backoff")
    assert tend.status("a")["restarts"] >= 29
    tend.run("stop", "a")
    assert tend.status("a")["state"] == "stopped"


def test_a_start_by_hand_forgives(tend):
    crashes(tend, "a", "0", "1", "--restart-limit", "2", *FAST)
    tend.wait("a", "stopped")
    assert tend.run("start", "a", "--background").stdout.startswith("a: started (pid ")
    tend.wait("a", "stopped")
    assert [e["value"] for e in events_to(tend, "a", "backoff")] == [0, 10, 0, 10]
    assert tend.status("a")["restarts"] == 4


# ---- policies


def test_success_completes(tend):
    crashes(tend, "a", "0.05", "0")
    tend.wait("a", "stopped")
    row = tend.status("a")
    assert (row["status"], row["state"], row["exit_code"], row["restarts"]) == (
        "stopped",
        "completed",
        0,
        0,
    )
    assert tend.run("status", "a", check=False).returncode == 3
    assert tend.run("status").stdout.startswith("HEALTHY")
    stop_everything(tend)


def test_policy_no_completes_too(tend):
    crashes(tend, "a", "0", "0", "--restart", "no")
    tend.wait("a", "stopped")
    assert tend.status("a")["state"] == "completed"


def test_policy_always(tend):
    with following(tend) as follower:
        crashes(tend, "a", "0", "0", "--restart", "always", "--restart-limit", "3", *FAST)
        event = follower.until_state("backoff")
        assert (event["exit_code"], event["reason"]) == (0, "exited")
        event = follower.until_state("failed")
        assert event["reason"] == "restart-limit"
    assert tend.status("a")["restarts"] == 3


# ---- while it waits


def test_stop_while_it_waits(tend):
    with following(tend) as follower:
        crashes(tend, "a", "0", "1", "--restart-delay", "10m", "--restart-max-delay", "10m")
        follower.until(lambda e: e["to"] == "backoff" and e["value"] == 600000)
    row = tend.status("a")
    assert (row["state"], row["status"], row["pid"]) == ("backoff", "stopped", None)
    assert row["next_at"] is not None
    assert "restart in 10m" in tend.run("why", "a").stdout
    assert tend.run("status", "a", check=False).returncode == 3
    assert tend.run("stop", "a").stdout == "a: stopped\n"
    row = tend.status("a")
    assert (row["state"], row["next_at"]) == ("stopped", None)


@pytest.mark.parametrize("command", [("restart", "a"), ("start", "a", "--background")])
def test_started_by_hand_while_it_waits(tend, command):
    with following(tend) as follower:
        start(
            tend,
            "a",
            script(tend, "agent", "#!/bin/sh\n[ -e ready ] && exec sleep 1000\nexit 1\n"),
            options=("--restart-delay", "10m", "--restart-max-delay", "10m", "--cwd", tend.work),
        )
        follower.until(lambda e: e["to"] == "backoff" and e["value"] == 600000)
        (tend.work / "ready").touch()
        tend.run(*command)
        follower.until_state("running")
    assert tend.status("a")["state"] == "running"
    stop_everything(tend)


def test_a_stop_ends_the_row_of_restarts_for_good(tend):
    pid = start(
        tend, "a", helper("sleeper"), options=("--restart", "always", "--restart-delay", "0")
    )
    tend.run("stop", "a")
    wait_gone(pid)
    tend.run("start", "--name", "b", "--background", "--", helper("crasher"), "0", "0")
    tend.wait("b", "stopped")  # something else has happened since; nothing happened to a
    assert transitions(tend, "a")[-1] == ("stopping", "stopped")
    assert tend.status("a")["restarts"] == 0
