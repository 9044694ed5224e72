"""Limits, the bucket of restarts, the brake's release, and alerts about logs and daemons, through
the real programs.
"""

import json
import os
import re
import sys
import time
from datetime import datetime

import pytest

from common import as_root, in_namespace, wait_cycles
from harness import helper, wait_until

FAST = {"interval": 0.1, "timeout": 5, "failure_threshold": 1}


@pytest.fixture
def quick(tend):
    tend.env.update(TEND_MONITOR_INTERVAL_MS="100", MCP_MESH_REGISTRY_URL="http://127.0.0.1:1")
    tend.home.mkdir(mode=0o700)
    return tend


def configure(tend, **parts):
    (tend.home / "monitor.json").write_text(json.dumps(parts))


def alerts_to(tend):
    """An alert command that collects; returns how to read what came so far."""
    out = tend.work / "alerts"
    read = (
        lambda: [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    )
    return {"command": ["/bin/sh", "-c", f"cat >> {out}"]}, read


def start(tend, name, health, *command):
    path = tend.work / f"{name}.health.json"
    path.write_text(json.dumps(health))
    done = tend.run(
        "start",
        "--name",
        name,
        "--background",
        "--health",
        path,
        "--",
        *(command or ("sleep", "1000")),
    )
    return int(
        re.search(r"\(pid (\d+)\)", done.stdout)[1]
    )  # not tend.pid(): it may be restarted before that looks


def over_limit(tend, name):
    return [e for e in tend.events(name) if e["reason"] == "over-limit"]


def test_a_cpu_limit_restarts_who_stays_above_it(quick):
    quick.env[
        "TEND_MONITOR_INTERVAL_MS"
    ] = "1000"  # CPU time comes in ticks of 10 ms, and a busy machine may give none for a while
    go = quick.work / "go"
    pid = start(
        quick,
        "busy",
        {"limits": {"cpu_percent": 2, "cpu_for": 1, "action": "restart"}},
        "/bin/sh",
        "-c",
        f"until test -e {go}; do sleep 1; done; rm {go}; while :; do :; done",
    )
    calm = start(quick, "calm", {"limits": {"cpu_percent": 2, "cpu_for": 1, "action": "restart"}})
    wait_cycles(quick, 2, 30)
    assert quick.pid("calm") == calm
    go.write_text("")
    quick.wait_pid("busy", not_pid=pid, timeout=40)
    assert over_limit(quick, "busy") and quick.pid("calm") == calm
    assert "% CPU" in (quick.home / "logs" / "tend.log").read_text()


def test_a_limit_on_open_files_alerts_by_default(quick):
    command, alerts = alerts_to(quick)
    configure(quick, alerts=command)
    pid = start(
        quick,
        "leaky",
        {"limits": {"open_files": 50}},
        sys.executable,
        "-c",
        "import os, time\nkept = [os.open('/dev/null', 0) for _ in range(100)]\ntime.sleep(1000)",
    )
    wait_until(alerts, 20)
    assert (
        alerts()[0]["alert"] == "process_failed"
        and alerts()[0]["process"] == "leaky"
        and alerts()[0]["limit"] is True
    )
    assert "open files" in alerts()[0]["error"]
    wait_cycles(quick, 5, 30)
    assert len(alerts()) == 1 and quick.pid("leaky") == pid  # told once, and no more than told


def test_an_age_limit_restarts_and_the_jitter_spreads(quick):
    names = [f"p{i}" for i in range(8)]
    old = {
        name: start(quick, name, {"limits": {"age": 1, "age_jitter": 4, "action": "restart"}})
        for name in names
    }
    for name in names:
        quick.wait_pid(name, not_pid=old[name], timeout=30)
    ages = {}
    for name in names:
        times = [e["time"] for e in quick.events(name) if e["event"] == "state"]
        first = next(
            e["time"] for e in quick.events(name) if e["event"] == "state" and e["to"] == "running"
        )
        end = next(
            e["time"]
            for e in quick.events(name)
            if e["event"] == "state" and e["reason"] == "over-limit"
        )
        seconds = lambda text: int(text[11:13]) * 3600 + int(text[14:16]) * 60 + float(text[17:23])
        ages[name] = (seconds(end) - seconds(first)) % 86400
        assert times and ages[name] >= 0.9
    assert (
        max(ages.values()) - min(ages.values()) > 0.5
    ), ages  # 8 of them within 4 s: not all at once


def test_an_age_limit_that_comes_later_restarts_nobody_at_once(quick):
    """It counts from the beginning of each run; who is too old already is given a moment of its
    own.
    """
    names = ("a", "b", "c")
    for name in names:
        start(quick, name, {})
    before = {name: quick.pid(name) for name in names}
    configure(quick, limits={"age": 3600, "action": "restart"})
    wait_cycles(quick, 8)
    assert {name: quick.pid(name) for name in names} == before


@pytest.mark.parametrize("before", [None, 1], ids=["first", "other"])
def test_a_cpu_limit_that_comes_later_counts_from_then_on(quick, before):
    """What was above it for long is above it for cpu_for once more before anything is done, also
    where it was above another limit.
    """
    quick.env["TEND_MONITOR_INTERVAL_MS"] = "500"
    if before:
        configure(quick, limits={"cpu_percent": before, "cpu_for": 3600, "action": "restart"})
    pid = start(quick, "busy", {}, "/bin/sh", "-c", "while :; do :; done")
    wait_cycles(quick, 9, 60)
    came = time.time()
    configure(quick, limits={"cpu_percent": 2, "cpu_for": 3, "action": "restart"})
    quick.wait_pid("busy", not_pid=pid, timeout=60)
    (end, *_) = over_limit(quick, "busy")
    assert datetime.fromisoformat(end["time"].replace("Z", "+00:00")).timestamp() >= came + 3


def test_a_memory_limit_that_comes_later_is_for_who_is_above_it(quick):
    """And for nobody else, however long it has run."""
    above = start(quick, "above", {}, sys.executable, "-c", "import time\ntime.sleep(1000)")
    below = start(quick, "below", {})
    wait_cycles(quick, 3)
    configure(quick, limits={"memory_bytes": 4 << 20, "age": 3600, "action": "restart"})
    quick.wait_pid("above", not_pid=above, timeout=30)
    assert over_limit(quick, "above") and not over_limit(quick, "below")
    assert quick.pid("below") == below


def test_the_bucket_of_restarts_runs_dry_and_fills_again(quick):
    configure(
        quick,
        budget={"restarts": 2, "window": 6},
        brake={"least": 1000},
        policy={"check_interval": 1},
    )
    policy = {
        "restart_on_failure": True,
        "restart_cooldown": 0,
        "max_restart_attempts": 1000,
        "check_interval": 1,
    }
    start(quick, "bad", {"probes": {"liveness": {**FAST, "exec": ["false"]}}, "policy": policy})
    log = quick.home / "logs" / "tend.log"
    wait_until(lambda: "too many restarts" in log.read_text(), 30)
    assert quick.status("bad")["restarts"] == 2
    wait_until(lambda: quick.status("bad")["restarts"] >= 3, 30)  # 2 in 6 s: one more after 3 s


def test_the_brake_releases_itself(quick):
    configure(quick, brake={"least": 3, "percent": 1, "window": 10})
    flag = quick.work / "bad"
    policy = {
        "restart_on_failure": True,
        "restart_cooldown": 60,
        "max_restart_attempts": 1000,
        "check_interval": 1,
    }
    pids = {}
    for i in range(4):
        pids[f"p{i}"] = start(
            quick,
            f"p{i}",
            {
                "probes": {"liveness": {**FAST, "exec": ["/bin/sh", "-c", f"! test -e {flag}"]}},
                "policy": policy,
            },
        )
    wait_until(lambda: all(quick.status(name)["health_check"] == "healthy" for name in pids), 20)
    flag.write_text("")
    events = lambda: [e["to"] for e in quick.json("events", "--json") if e["event"] == "brake"]
    wait_until(lambda: quick.json("status", "--json")["monitor"]["brake_reason"], 20)
    assert (
        "of 4 processes turned unhealthy within 10 s"
        in quick.json("status", "--json")["monitor"]["brake_reason"]
    )
    assert (
        sum(quick.status(name)["restarts"] for name in pids) <= 2
    )  # those before the third; the brake does not wait for the next cycle
    assert (
        "held back" in quick.run("status").stdout
        and "held back" in quick.run("status", "p0").stdout
    )
    assert "held back" in quick.run("doctor", check=False).stdout
    flag.unlink()
    wait_until(lambda: quick.json("status", "--json")["monitor"]["brake_reason"] is None, 60)
    assert len(events()) == 2 and "held back" not in quick.run("status").stdout
    flag.write_text(
        ""
    )  # and it can bite again; who is alone with its trouble is restarted, see the other tests
    wait_until(lambda: quick.json("status", "--json")["monitor"]["brake_reason"], 20)


def test_a_daemon_that_was_restarted_is_an_alert(quick):
    command, alerts = alerts_to(quick)
    configure(quick, alerts=command)
    start(quick, "svc", {})
    wait_cycles(quick, 2, 30)
    old = quick.kill_daemon("logger")
    quick.wait_daemon("logger", not_pid=old)
    wait_until(alerts, 20)
    assert alerts()[0]["alert"] == "daemon_restarted" and alerts()[0]["process"] == "logger"
    assert (
        alerts()[0]["new_pid"] == quick.daemon_pid("logger") and alerts()[0]["restart_count"] == 1
    )


def test_output_that_is_stuck_is_an_alert(quick):
    """The log's file can't be opened: a folder is in its place."""
    command, alerts = alerts_to(quick)
    configure(quick, alerts=command)
    start(quick, "svc", {})
    wait_until(lambda: (quick.home / "logs").exists())
    (quick.home / "logs" / "loud.log").mkdir()
    (quick.home / "logs" / "loud.log" / "x").write_text("")
    start(quick, "loud", {}, helper("flooder"), "20000", "100")
    wait_until(alerts, 20)
    assert (
        alerts()[0]["alert"] == "log_blocked"
        and alerts()[0]["process"] == "loud"
        and alerts()[0]["error"]
    )
    wait_cycles(quick, 5, 30)
    assert len(alerts()) == 1


DISK_FULL = """
import json, os, subprocess, sys, time
tend, flooder, home, out = sys.argv[1:]
def run(*args):
    done = subprocess.run([tend, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done
    return done.stdout
alerts = {"command": ["/bin/sh", "-c", "cat >> " + out]}
open(home + "/monitor.json", "w").write(json.dumps({"alerts": alerts}))
run("start", "--background", "--name", "probe", "--", "sleep", "1000")
ballast = os.open(home + "/logs/ballast", os.O_WRONLY | os.O_CREAT)
while os.statvfs(home).f_bavail * os.statvfs(home).f_bsize > 256 * 1024:
    os.write(ballast, bytes(4096))
run("start", "--background", "--name", "flood", "--", flooder, "20000", "100")
deadline = time.monotonic() + 30
while not os.path.exists(out) or not open(out).read().endswith("\\n"):
    assert time.monotonic() < deadline, run("status", "flood")
    time.sleep(0.05)
try:
    while True:
        os.write(ballast, bytes(512))
except OSError:
    pass
first = json.loads(open(out).readline())
assert (first["alert"], first["process"]) == ("disk_full", "flood"), first
assert "No space left" in first["error"], first
os.ftruncate(ballast, 0)
run("stop")
print("well")
"""


@as_root
def test_a_full_disk_is_an_alert_though_nothing_can_be_written(quick):
    out = quick.work / "alerts"
    mount = 'mount -t tmpfs -o size=2m,mode=700 tmpfs "$HOME_DIR"'
    done = in_namespace(
        quick,
        mount,
        sys.executable,
        "-I",
        "-S",
        "-c",
        DISK_FULL,
        quick.argv()[0],
        helper("flooder"),
        quick.home,
        out,
    )
    assert done.stdout == "well\n", done
    assert os.path.exists(out)
