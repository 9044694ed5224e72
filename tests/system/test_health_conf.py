"""The files that say how health is found out: wrong ones, ones that change while everything runs,
and where each fault is seen.
"""

import json

import pytest

from harness import wait_until

FAST = {"interval": 0.1, "timeout": 2, "failure_threshold": 1}


@pytest.fixture
def quick(tend):
    tend.env.update(TEND_MONITOR_INTERVAL_MS="100", MCP_MESH_REGISTRY_URL="http://127.0.0.1:1")
    tend.home.mkdir(mode=0o700)
    return tend


def start(tend, name="svc", health=None):
    options = ()
    if health:
        path = tend.work / f"{name}.health.json"
        path.write_text(json.dumps(health))
        options = ("--health", path)
    tend.run("start", "--name", name, "--background", *options, "--", "sleep", "1000")


def set_health(tend, health, name="svc"):
    """As an editor does it: a new file in the place of the old one."""
    path = tend.home / "specs" / f"{name}.json"
    spec = json.loads(path.read_text())
    spec.pop("health", None)
    if health is not None:
        spec["health"] = health
    new = path.with_suffix(".edited")
    new.write_text(json.dumps(spec))
    new.chmod(0o600)
    new.rename(path)


def wait_health(tend, wanted, name="svc"):
    wait_until(lambda: tend.status(name)["health_check"] == wanted, 20, f"{name} {wanted}")


def row(tend, name="svc"):
    return next(r for r in tend.json("snapshot", "--json")["rows"] if r["ident"]["name"] == name)


def liveness(*argv):
    return {"probes": {"liveness": {**FAST, "exec": list(argv)}}}


def conf_error(tend):
    return tend.json("status", "--json")["monitor"]["configuration_error"]


def test_a_wrong_monitor_json_is_seen_and_leaves_in_force_what_was(quick):
    alerts = quick.work / "alerts"
    good = {
        "alerts": {"command": ["/bin/sh", "-c", f"cat >> {alerts}"]},
        "policy": {"check_interval": 1},
    }
    file = quick.home / "monitor.json"
    file.write_text(json.dumps(good))
    start(quick, health=liveness("true"))
    wait_health(quick, "healthy")
    assert (
        conf_error(quick) is None and "monitor.json: alerts are sent" in quick.run("doctor").stdout
    )
    file.write_text('{"alerts": {"comand": ["true"]}}')
    wait_until(lambda: conf_error(quick))
    assert 'alerts: there is no key "comand"' in conf_error(quick)
    assert "monitor.json" in quick.run("status").stdout
    done = quick.run("doctor", check=False)
    assert done.returncode == 1 and 'no key "comand"' in done.stdout
    set_health(quick, liveness("false"))
    wait_until(
        lambda: alerts.exists() and "process_failed" in alerts.read_text(), 20
    )  # the alerts of before
    file.write_text(json.dumps(good))
    wait_until(lambda: conf_error(quick) is None)
    assert "monitor.json" not in quick.run("status").stdout


def test_a_fault_is_still_told_by_the_next_monitor(quick):
    (quick.home / "monitor.json").write_text("{")
    start(quick)
    wait_until(lambda: conf_error(quick))
    old = quick.kill_daemon("monitor")
    quick.wait_daemon("monitor", not_pid=old)
    (quick.home / "monitor.json").unlink()
    wait_until(lambda: conf_error(quick) is None)


def test_probes_change_while_the_process_runs(quick):
    start(quick)
    pid = quick.pid("svc")
    wait_health(quick, "healthy")
    set_health(quick, liveness("false"))
    wait_health(quick, "unhealthy")
    set_health(quick, liveness("true"))
    wait_health(quick, "healthy")
    set_health(quick, {"probes": {"readiness": {**FAST, "exec": ["false"]}}})
    wait_health(quick, "degraded")
    set_health(quick, None)
    wait_health(quick, "healthy")
    assert (
        "exited" not in quick.run("status", "svc").stdout
    )  # nothing is left of the last probe's word
    assert quick.pid("svc") == pid and quick.status("svc")["restarts"] == 0


def test_limits_change_while_the_process_runs(quick):
    start(quick)
    pid = quick.pid("svc")
    wait_health(quick, "healthy")
    set_health(quick, {"limits": {"memory_bytes": 1, "action": "restart"}})
    quick.wait_pid("svc", not_pid=pid)
    set_health(quick, {})


def test_an_unchanged_health_keeps_its_counts(quick):
    """The rest of the specification may change: that is for the next run, and no probe begins
    anew.
    """
    runs = quick.work / "runs"
    start(
        quick,
        health={"probes": {"startup": {**FAST, "exec": ["/bin/sh", "-c", f"echo x >> {runs}"]}}},
    )
    wait_health(quick, "healthy")
    path = quick.home / "specs" / "svc.json"
    spec = json.loads(path.read_text())
    spec["env"] = (
        {**(spec.get("env") or {}), "EXTRA": "1"}
        if isinstance(spec.get("env"), dict)
        else spec.get("env")
    )
    path.write_text(json.dumps(spec, indent=3))
    cycles = quick.json("status", "--json")["monitor"]["cycles"]
    wait_until(lambda: quick.json("status", "--json")["monitor"]["cycles"] > cycles + 3)
    assert runs.read_text() == "x\n" and quick.status("svc")["health_check"] == "healthy"


def test_a_wrong_health_in_a_spec_is_seen(quick):
    start(quick)
    start(quick, "other")
    wait_health(quick, "healthy")
    set_health(quick, {"probes": {"live": {}}})
    wait_until(lambda: "not probed" in quick.run("status", "svc").stdout)
    done = quick.run("doctor", check=False)
    assert (
        done.returncode == 1
        and "specs/svc.json" in done.stdout
        and 'no key "live"' in done.stdout
        and "other" not in done.stdout
    )
    assert quick.status("svc")["health_check"] == "healthy"  # it lives, and nothing else is known
    set_health(quick, liveness("true"))
    wait_until(lambda: "not probed" not in quick.run("status", "svc").stdout)
    assert quick.run("doctor").returncode == 0


def test_the_interval_of_the_checks_is_the_configurations(quick):
    """health_check_interval is how often the policy looks at a process that stays unhealthy: each
    check but the first asks for a restart that the cooldown allows. With a day between checks there
    is only the one on the edge, which the cooldown forbids.
    """
    quick.run("config", "set", "health_check_interval", "86400")
    policy = {"restart_on_failure": True, "restart_cooldown": 5, "max_restart_attempts": 1000}
    (quick.home / "monitor.json").write_text(
        json.dumps({"policy": policy, "brake": {"least": 1000}, "budget": {"restarts": 1000}})
    )
    start(quick, health=liveness("false"))
    wait_until(
        lambda: quick.status("svc")["restarts"] == 1, 20, "a restart"
    )  # the edge: nothing forbids it yet
    wait_health(quick, "unhealthy")
    pid = quick.pid("svc")
    cycles = quick.json("status", "--json")["monitor"]["cycles"]
    wait_until(lambda: quick.json("status", "--json")["monitor"]["cycles"] > cycles + 20, 30)
    assert quick.pid("svc") == pid
    quick.run("config", "set", "health_check_interval", "1")
    quick.wait_pid("svc", not_pid=pid, timeout=40)


def test_a_wrong_configuration_is_seen(quick):
    start(quick)
    wait_health(quick, "healthy")
    (quick.home / "cli_config.json").write_text('{"health_check_interval": "often"}')
    wait_until(lambda: "health_check_interval" in (conf_error(quick) or ""))
    assert "health_check_interval" in quick.run("status").stdout
    (quick.home / "cli_config.json").unlink()
    wait_until(lambda: conf_error(quick) is None)


def test_a_second_start_of_what_runs_takes_up_its_health(quick):
    start(quick, health=liveness("true"))
    wait_health(quick, "healthy")
    pid = quick.pid("svc")
    again = [("--health", quick.work / "svc.health.json"), ("--health-check-interval", "7")]
    (quick.work / "svc.health.json").write_text(json.dumps(liveness("false"), indent=4))
    for options in again:
        done = quick.run("start", "--name", "svc", "--background", *options, "--", "sleep", "1000")
        assert (
            f"already running (pid {pid})" in done.stdout
            and "svc: its health is found out in the new way" in done.stdout
        )
        done = quick.run("start", "--name", "svc", "--background", *options, "--", "sleep", "1000")
        assert "new way" not in done.stdout  # nothing is new
    wait_health(quick, "unhealthy")
    assert quick.pid("svc") == pid
    assert (
        "new way"
        in quick.run("start", "svc", "--background", "--health-check-interval", "8").stdout
    )
    spec = json.loads((quick.home / "specs" / "svc.json").read_text())
    assert spec["health_check_interval_s"] == 8 and spec["health"] == liveness("false")


def test_the_check_interval_of_a_start_reaches_the_monitor_that_runs(quick):
    """As above, by the option: of a process that is started, and of one that runs."""
    quick.run("config", "set", "health_check_interval", "86400")
    policy = {
        "restart_on_failure": True,
        "restart_cooldown": 5,
        "max_restart_attempts": 1000,
        "check_interval": 86400,
    }
    (quick.home / "monitor.json").write_text(
        json.dumps({"policy": policy, "brake": {"least": 1000}, "budget": {"restarts": 1000}})
    )
    start(quick, health=liveness("false"))  # the monitor runs from here on
    options = (
        "--name",
        "two",
        "--background",
        "--health",
        quick.work / "svc.health.json",
        "--health-check-interval",
        "1",
    )
    quick.run("start", *options, "--", "sleep", "1000")
    wait_until(
        lambda: quick.status("two")["restarts"] >= 3, 60, "restarts of the one that was started so"
    )
    assert quick.status("svc")["restarts"] == 1
    quick.run("start", "svc", "--background", "--health-check-interval", "1")
    wait_until(lambda: quick.status("svc")["restarts"] >= 2, 40, "restarts of the one that ran")
