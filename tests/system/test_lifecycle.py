"""From the first start to the removal: restarts by hand, starts of what is known, what a full stop
remembers, what is forgotten.
"""

import json
import signal

from common import Follower, environment, files, script, start, stop_everything, world
from harness import alive, helper, identity

# ---- the same process again


def test_restart_keeps_everything(tend):
    folder = tend.work / "folder"
    folder.mkdir()
    options = ("--env", "A=1", "--restart", "always", "--stop-signal", "INT", "--cwd", folder)
    old = start(
        tend, "a", helper("env_printer"), "1000", "x y", options=options, env={"WHO": "first"}
    )
    before = world(tend, "a")
    spec = (tend.home / "specs" / "a.json").read_bytes()
    done = tend.run("restart", "a", env={"WHO": "second", "A": "2"}, cwd="/")
    row = tend.status("a")
    assert done.stdout == f"a: restarted (pid {row['pid']})\n"
    assert (
        row["pid"] != old
        and row["restarts"] == 1
        and row["exit_signal"] == signal.SIGINT
        and row["restart_policy"] == "always"
    )
    after = json.loads(tend.wait_log("a", r"^\{.*\}\n(\{.*\})$")[1])
    for key in ("args", "cwd", "umask", "nofile_soft"):
        assert after[key] == before[key]
    assert environment(after) == environment(before)
    assert (tend.home / "specs" / "a.json").read_bytes() == spec


def test_restart_agent_and_several(tend):
    pids = [start(tend, name, helper("sleeper")) for name in "abc"]
    tend.run("restart-agent", "a", "--timeout", "5")
    assert [tend.status(n)["restarts"] for n in "abc"] == [1, 0, 0]
    tend.run("restart", "b", "c")
    assert [tend.status(n)["restarts"] for n in "abc"] == [1, 1, 1]
    tend.run("stop", "c")
    tend.run("restart", "a", "b")
    assert [tend.status(n)["restarts"] for n in "abc"] == [2, 2, 1]
    assert tend.status("c")["state"] == "stopped"
    assert not any(alive(pid) for pid in pids)
    stop_everything(tend)


def test_restart_of_what_rests_starts_it(tend):
    old = start(tend, "a", helper("sleeper"))
    tend.run("stop", "a")
    tend.run("restart", "a")
    row = tend.status("a")
    assert row["status"] == "running" and row["pid"] != old and row["restarts"] == 0
    assert row["exit_signal"] == signal.SIGTERM


def test_restart_kills_what_will_not_end(tend):
    old = start(tend, "a", helper("term_ignorer"), options=("--stop-timeout", "10m"))
    tend.wait_log("a", "^ready")
    tend.run("restart", "a", "--timeout", "0.2")
    row = tend.status("a")
    assert (
        row["pid"] != old
        and not alive(old)
        and row["exit_signal"] == signal.SIGKILL
        and row["status"] == "running"
    )
    stop_everything(tend, "--force")


def test_a_stored_name_starts_as_it_was(tend):
    start(tend, "a", helper("env_printer"), options=("--env", "A=1", "--cwd", "/"))
    tend.wait_log("a", r"^\{.*\}$")  # stopped sooner it would have printed nothing
    tend.run("stop", "a")
    tend.run("start", "a", "--background", cwd=tend.work)
    found = json.loads(tend.wait_log("a", r"^\{.*\}\n(\{.*\})$")[1])
    assert found["cwd"] == "/" and environment(found)["A"] == "1"
    done = tend.run("start", "a", "--background", "--env", "A=2", check=False)
    assert done.returncode == 1 and "as it was before" in done.stderr


# ---- what was up, and what was not


def test_resurrection(tend):
    """Brought back: what ran. Not: what was stopped by name, what has completed by itself, what was
    removed.
    """
    for name in ("up", "down", "again", "gone"):
        start(tend, name, helper("sleeper"))
    start(tend, "done", helper("crasher"), "0", "0")
    tend.wait("done", "stopped")
    tend.run("stop", "down", "again", "gone")
    tend.run("start", "again", "--background")
    tend.run("remove", "gone")
    before = {row["name"]: row for row in tend.status()["processes"]}
    stop_everything(tend)
    tend.must_be_clean = False

    done = tend.run("start")
    assert "the daemons are started" in done.stdout
    after = {row["name"]: row for row in tend.status()["processes"]}
    assert set(after) == {"up", "down", "again", "done"}
    assert {name for name, row in after.items() if row["status"] == "running"} >= {"up", "again"}
    assert after["down"]["status"] == "stopped"
    assert after["up"]["pid"] != before["up"]["pid"]
    with Follower(tend, "up") as follower:
        assert follower.until_state("starting")["reason"] == "resurrect"
    kept = identity(tend.pid("up"))
    assert "the daemons run already" in tend.run("resurrect").stdout  # nothing to do
    assert identity(tend.pid("up")) == kept
    stop_everything(tend)


def test_a_failed_process_is_tried_again(tend):
    """Desired up is not running: what had failed is started with the rest."""
    flag = tend.work / "flag"
    path = script(tend, "a", f"#!/bin/sh\n[ -e {flag} ] && exec sleep 1000\nexit 1\n")
    start(tend, "a", path, options=("--restart-limit", "1", "--restart-delay", "0"))
    tend.wait("a", "stopped")
    stop_everything(tend)
    tend.must_be_clean = False
    flag.touch()
    tend.run("start")
    tend.wait("a", "running")
    stop_everything(tend)


def test_remove(tend):
    start(tend, "a", helper("crasher"), "1000")
    tend.wait_log("a", "start")
    done = tend.run("remove", "a", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tend remove: a is running; stop it first: tend stop a\n"
    assert tend.status("a")["status"] == "running"
    tend.run("stop", "a")
    assert tend.run("remove", "a").stdout == "a: removed\n"
    assert tend.status("a") is None
    assert files(tend.home / "specs") == [] and not [
        f for f in files(tend.home / "run") if f.startswith("a.")
    ]
    assert "start" in tend.log("a"), "its log stays"
    assert tend.run("remove", "a", check=False).returncode == 1
    assert "a: removed" in tend.run("why", "a").stdout
    stop_everything(tend)


# ---- one life, told whole


def test_a_life(tend):
    """Every state, in the order of a life, as the events tell it."""
    flag = tend.work / "flag"
    path = script(tend, "a", f"#!/bin/sh\n[ -e {flag} ] || exit 5\nexec sleep 1000\n")
    start(tend, "a", path, options=("--restart-delay", "5ms", "--restart-limit", "1"))
    tend.wait("a", "stopped")
    flag.touch()
    tend.run("restart", "a")
    tend.run("restart", "a")
    tend.run("stop", "a")
    tend.run("remove", "a")
    events = tend.events("a")
    told = [
        (e["event"], e["to"], e["reason"])
        for e in events
        if e["event"] in ("added", "state", "removed")
    ]
    assert told == [
        ("added", None, "none"),
        ("state", "starting", "operator"),
        ("state", "running", "launched"),
        ("state", "backoff", "exited"),
        ("state", "starting", "backoff-over"),
        ("state", "running", "launched"),
        ("state", "failed", "restart-limit"),
        ("state", "starting", "operator"),
        ("state", "running", "launched"),
        ("state", "stopping", "operator"),
        ("state", "starting", "operator"),
        ("state", "running", "launched"),
        ("state", "stopping", "operator"),
        ("state", "stopped", "operator"),
        ("removed", None, "none"),
    ]
    # Who asked is told where someone did.
    assert all(
        e["by_pid"]
        for e in events
        if e["event"] == "state"
        and e["reason"] == "operator"
        and e["from"] in ("stopped", "running", "failed")
    )
    stop_everything(tend)


def test_two_at_once(tend):
    """Commands for the same process from many sides: each gets an answer, and there is one process
    in the end.
    """
    start(tend, "a", helper("sleeper"))
    commands = [
        ("restart", "a"),
        ("stop", "a"),
        ("start", "a", "--background"),
        ("restart", "a", "--timeout", "0"),
    ] * 4
    children = [tend.popen(*command) for command in commands]
    for child in children:
        out, err = child.communicate(timeout=60)
        # A start that another's stop overtook says so.
        assert child.returncode == 0 or "was stopped by another command" in err, (
            child.args,
            out,
            err,
        )
    tend.run("restart", "a")
    row = tend.status("a")
    assert row["status"] == "running" and alive(row["pid"])
    runs = [e["pid"] for e in tend.events("a") if e["to"] == "running" and e["event"] == "state"]
    assert [pid for pid in runs if alive(pid)] == [row["pid"]]
    stop_everything(tend)
