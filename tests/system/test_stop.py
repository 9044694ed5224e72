"""Stopping: politely, by force, after a timeout, by name and altogether; in each mode of following
a tree.
"""

import os
import signal
import time

import pytest

from common import (
    moded,
    one_line,
    script,
    start,
    stop_everything,
    transitions,
)  # noqa: F401 (moded is a fixture)
from crashkit import kill_all
from harness import alive, helper, identity, remove_folder, suspend, wait_gone, wait_until


def term_ignorer(tend, name, *args, options=()):
    """Returns (pid, child's pid or None) once the signals are ignored."""
    pid = start(tend, name, helper("term_ignorer"), *args, options=options)
    tend.wait_log(name, rf"^ready {pid}$")
    return pid, int(tend.wait_log(name, r"^child (\d+)$")[1]) if args else None


# ---- politely


def test_politely(moded):
    pid = start(moded, "a", helper("sleeper"))
    assert moded.run("stop", "a").stdout == "a: stopped\n"
    assert not alive(pid)
    row = moded.status("a")
    assert (row["status"], row["state"], row["pid"], row["exit_signal"]) == (
        "stopped",
        "stopped",
        None,
        signal.SIGTERM,
    )
    assert transitions(moded, "a")[-2:] == [("running", "stopping"), ("stopping", "stopped")]
    stop_everything(moded)


def test_with_a_signal_of_its_own(tend):
    path = script(
        tend,
        "agent",
        "#!/bin/sh\ntrap 'echo polite; exit 7' USR2\ntrap '' TERM\necho ready\nwhile :; do sleep 0.05; done\n",
    )
    start(tend, "a", path, options=("--stop-signal", "USR2"))
    tend.wait_log("a", "^ready$")
    assert tend.run("stop", "a").stdout == "a: stopped\n"
    assert tend.status("a")["exit_code"] == 7
    tend.wait_log("a", "^polite$")


def test_a_suspended_process_obeys_too(moded):
    pid = start(moded, "a", helper("sleeper"))
    suspend(pid)
    assert moded.run("stop", "a").stdout == "a: stopped\n"
    assert not alive(pid)


# ---- not so politely


def test_a_family_that_ignores_sigterm(moded):
    pid, child = term_ignorer(moded, "a", "child")
    assert (
        moded.run("stop", "a", "--timeout", "0.3").stdout
        == "a: killed (did not end within 300ms)\n"
    )
    assert not alive(pid) and not alive(child)
    row = moded.status("a")
    assert (row["status"], row["state"], row["exit_signal"]) == (
        "killed",
        "stopped",
        signal.SIGKILL,
    )
    assert transitions(moded, "a")[-2:] == [("running", "stopping"), ("stopping", "stopped")]
    # The kernel must let it be started again in the same place.
    start(moded, "a", helper("sleeper"))
    assert moded.status("a")["status"] == "running"
    stop_everything(moded)


def test_only_the_child_ignores_sigterm(moded):
    pid, child = term_ignorer(moded, "a", "only-child")
    done = moded.popen("stop", "a", "--timeout", "1")
    wait_gone(pid)
    assert alive(child), "it was given its second"
    out, _ = done.communicate(timeout=20)
    assert out == "a: killed (did not end within 1s)\n"
    assert not alive(child)
    assert moded.status("a")["status"] == "killed"
    stop_everything(moded)


def test_the_timeout_of_the_specification(tend):
    pid, _ = term_ignorer(tend, "a", options=("--stop-timeout", "300ms"))
    assert tend.run("stop", "a").stdout == "a: killed (did not end within 300ms)\n"
    assert not alive(pid)


@pytest.mark.parametrize("how", [("--force",), ("--timeout", "0")])
def test_at_once(moded, how):
    pid, child = term_ignorer(moded, "a", "child")
    assert moded.run("stop", "a", *how).stdout == "a: killed\n"
    assert not alive(pid) and not alive(child)
    assert moded.status("a")["status"] == "killed"
    stop_everything(moded)


def test_force_while_a_polite_stop_waits(tend):
    pid, _ = term_ignorer(tend, "a")
    patient = tend.popen("stop", "a", "--timeout", "10m")
    wait_until(lambda: tend.status("a")["state"] == "stopping", what="the first stop waits")
    assert "SIGKILL in" in tend.run("status").stdout
    assert "gets SIGKILL" in tend.run("why", "a").stdout
    tend.run("stop", "a", "--force")
    assert not alive(pid)
    out, err = patient.communicate(timeout=20)
    assert (patient.returncode, err) == (0, "")
    assert out.startswith("a: killed")


@pytest.mark.parametrize("timeout", ["-1", "-0.5s", "abc", "", "5x", "1000000000000"])
def test_a_senseless_timeout_touches_nothing(tend, timeout):
    start(tend, "a", helper("sleeper"))
    kept = identity(tend.pid("a"))
    for names in (["a"], []):
        done = tend.run("stop", *names, "--timeout", timeout, check=False)
        assert done.returncode == 2 and done.stdout == ""
        assert "--timeout" in done.stderr and "usage: tend stop" in done.stderr
    assert identity(tend.pid("a")) == kept
    assert transitions(tend, "a")[-1] == ("starting", "running")


# ---- who


def test_what_rests_already(tend):
    start(tend, "a", helper("crasher"), "0", "0")
    tend.wait("a", "stopped")
    assert tend.run("stop", "a").stdout == "a: not running\n"
    assert tend.run("stop", "a").stdout == "a: not running\n"
    assert tend.status("a")["state"] == "stopped"  # completed is forgotten


def test_an_unknown_name_does_not_spare_the_others(tend):
    pids = [start(tend, name, helper("sleeper")) for name in ("web", "db", "other")]
    done = tend.run("stop", "web", "dbb", "--agent", "db", check=False)
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == ["db: stopped", "web: stopped"]
    assert one_line(done.stderr) == "tend stop: no process is called dbb; did you mean db?\n"
    assert [alive(pid) for pid in pids] == [False, False, True]


def test_many_wait_side_by_side(tend):
    for i in range(6):
        term_ignorer(tend, f"a{i}")
    began = time.monotonic()
    done = tend.run("stop", *(f"a{i}" for i in range(6)), "--timeout", "2")
    assert time.monotonic() - began < 10  # one after the other takes twelve
    assert done.stdout.count("killed (did not end within 2s)") == 6


def test_everything_leaves_nothing(moded):
    start(moded, "a", helper("sleeper"))
    start(moded, "b", helper("forker"), "2")
    moded.wait_log("b", "^ready")
    start(moded, "c", helper("crasher"), "0", "1", options=("--restart", "no"))
    moded.wait("c", "stopped")
    done = stop_everything(moded)
    assert (
        "a: stopped\n" in done.stdout and "b: stopped\n" in done.stdout and "c:" not in done.stdout
    )
    assert done.stdout.endswith("the daemons have ended\n")
    done = moded.run("stop", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "tend stop: nothing is running\n")


def test_everything_by_force(tend):
    pid, child = term_ignorer(tend, "a", "child")
    done = stop_everything(tend, "--force")
    assert "a: killed\n" in done.stdout
    assert not alive(pid) and not alive(child)


def test_sigterm_to_the_guardian_is_an_orderly_end(moded):
    pid = start(moded, "a", helper("forker"), "1")
    moded.wait_log("a", "^ready")
    daemons = moded.wait_daemons()
    moded.kill(daemons["guardian"], signal.SIGTERM)
    for daemon in daemons.values():
        wait_gone(daemon, 30)
    assert not alive(pid)
    moded.must_be_clean = True
    assert not moded.segment.exists()
    assert (
        moded.run("start").stdout.splitlines()[1:] and moded.status("a")["status"] == "running"
    )  # it stayed desired
    stop_everything(moded)


def test_patterns(tend):
    """Names by pattern, each process once, in any number; what matches nothing is an error that
    touches nothing.
    """
    for name in ("api-1", "api-2", "web"):
        start(tend, name, helper("sleeper"))
    assert tend.run("status", "api-?", check=False).returncode == 0
    done = tend.run("stop", "zzz*", check=False)
    assert (
        done.returncode == 1
        and one_line(done.stderr)
        == 'tend stop: no process matches zzz*; "tend status" lists them\n'
    )
    old = {name: tend.pid(name) for name in ("api-1", "api-2", "web")}
    done = tend.run("restart", "api-*", "api-1")
    assert sorted(line.split(":")[0] for line in done.stdout.splitlines()) == ["api-1", "api-2"]
    assert (
        tend.pid("api-1") != old["api-1"]
        and tend.pid("api-2") != old["api-2"]
        and tend.pid("web") == old["web"]
    )
    tend.run("stop", "[aw]*")
    assert all(tend.status(name)["status"] == "stopped" for name in old)
    tend.stop_all()


def test_an_instance_whose_home_is_gone_ends(tend):
    """Nothing can be written down any more; that is tried twice, and everything ends all the
    same.
    """
    pid = start(tend, "s", helper("sleeper"))
    daemons = tend.wait_daemons()
    remove_folder(tend.home)
    os.kill(daemons["guardian"], signal.SIGTERM)
    for one in (pid, *daemons.values()):
        wait_gone(one, 40)
    assert not tend.segment.exists()


@pytest.mark.parametrize("up", [True, False])
def test_everything_where_nothing_lives_any_more(tend, up):
    """All daemons killed, and the process too: nothing is started for the end, and no table stays
    behind.
    """
    mark = tend.work / "runs"
    pid = start(
        tend,
        "a",
        "sh",
        "-c",
        f'echo run >> "{mark}"; exec sleep 1000',
        options=("--restart", "always"),
    )
    wait_until(mark.exists)
    if not up:
        tend.run("stop", "a")
    kill_all(tend)
    if up:
        tend.kill(pid)
        wait_gone(pid)
    done = tend.run("stop")
    assert (
        done.stdout
        == ("a: stopped\n" if up else "no process was running\n") + "the daemons have ended\n"
    )
    assert mark.read_text() == "run\n" and not tend.segment.exists()
    assert "all is well" in tend.run("doctor").stdout
