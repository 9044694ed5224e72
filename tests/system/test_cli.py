"""The command line itself: what it prints and where, JSON, exit codes, misuse, broken outputs, and
looking when nobody is there.
"""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from common import Follower, one_line, script, start, stop_everything, transitions
from harness import (
    ROLES,
    TEND_BIN,
    TOP,
    alive,
    helper,
    identity,
    proc_stat,
    suspend,
    wait_gone,
    wait_until,
)

COMMANDS = (
    "start",
    "stop",
    "restart",
    "restart-agent",
    "signal",
    "remove",
    "status",
    "list",
    "events",
    "why",
    "snapshot",
    "wait",
    "resurrect",
    "doctor",
    "version",
    "help",
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


# ---- JSON


def test_status_json(tend):
    agent = script(tend, "agent.sh", "#!/bin/sh\nexec sleep 1000\n")
    tend.run("start", agent, "--background")
    start(tend, "svc", helper("crasher"), "0", "7", options=("--restart", "no"))
    tend.wait("svc", "stopped")
    document = tend.status()
    assert {"registry", "agents", "system", "processes", "daemons"} <= set(document)
    assert document["registry"]["status"] == "not_running"
    assert document["system"] == {
        "total_agents": 1,
        "running_agents": 1,
        "registered_agents": 0,
        "healthy_agents": document["system"]["healthy_agents"],
    }
    assert set(document["agents"]) == {"agent"}
    wanted = {
        "name",
        "pid",
        "status",
        "state",
        "health_check",
        "command",
        "start_time",
        "uptime",
        "last_seen",
        "restarts",
        "exit_code",
        "exit_signal",
        "service_type",
        "cpu_percent",
        "memory_bytes",
    }
    rows = {row["name"]: row for row in document["processes"]}
    assert set(rows) == {"agent", "svc"}
    for row in rows.values():
        assert wanted <= set(row)
        assert TIME.fullmatch(row["start_time"])
    assert (
        rows["agent"]["pid"] > 0
        and 0 <= rows["agent"]["uptime"] < 120
        and rows["agent"]["exit_code"] is None
    )
    assert (rows["svc"]["pid"], rows["svc"]["exit_code"], rows["svc"]["service_type"]) == (
        None,
        7,
        "service",
    )
    assert set(document["daemons"]) == set(ROLES)
    for role, daemon in document["daemons"].items():
        assert (
            daemon["pid"] == tend.daemon_pid(role)
            and daemon["state"] == "running"
            and daemon["restarts"] == 0
        )
        assert TIME.fullmatch(daemon["since"])


def test_samples_arrive(tend):
    start(tend, "a", helper("sleeper"))
    row = wait_until(
        lambda: (row := tend.status("a"))["memory_bytes"] and row,
        timeout=60,
        what="a sample of the monitor",
    )
    assert (
        row["memory_bytes"] > 4096
        and 0 <= row["cpu_percent"] < 100
        and TIME.fullmatch(row["last_seen"])
    )


def test_a_stopped_daemon_is_told(tend):
    tend.run("start")
    pid = tend.wait_daemon("monitor")
    wait_until(lambda: tend.status()["daemons"]["monitor"]["pid"] == pid, what="the table knows it")
    suspend(pid)
    assert tend.status()["daemons"]["monitor"]["state"] == "stopped"
    assert "monitor stopped" in tend.run("status").stdout
    os.kill(pid, signal.SIGCONT)


def test_a_suspended_process_is_told(tend):
    pid = start(tend, "s", helper("sleeper"))
    suspend(pid)
    wait_until(lambda: "suspended" in tend.run("status", "s").stdout, what="it is told")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "suspended" not in tend.run("status", "s").stdout, what="it is told no more")


def test_list(tend):
    for name in ("web-1", "web-2", "db"):
        tend.run("start", script(tend, name, "#!/bin/sh\nexec sleep 1000\n"), "--background")
    start(tend, "web-svc", helper("sleeper"))
    tend.run("stop", "web-2")

    def names(*args):
        found = set(tend.json("list", *args))
        words = [line.split()[0] for line in tend.run("list", *args).stdout.splitlines()]
        assert {
            word for word in words if word not in ("agents:", "services:", "NAME")
        } == found, "text and JSON agree"
        return found

    assert names() == names("--agents") == {"web-1", "web-2", "db"}
    assert names("--services") == {"web-svc"}
    assert names("--agents", "--services") == {"web-1", "web-2", "db", "web-svc"}
    assert names("web-1", "web-svc") == {"web-1", "web-svc"}
    assert names("--filter", "^WEB") == {"web-1", "web-2"}
    assert names("--filter", r"^web-\d$") == {"web-1", "web-2"}
    assert names("--services", "--filter", "running") == {"web-svc"}
    assert names("--filter", "registered") == {"web-1", "db"}
    assert names("--filter", "stopped") == {"web-2"}
    assert names("--filter", "nothing-like-it") == set()
    row = tend.json("list")["web-1"]
    wanted = {
        "name",
        "status",
        "registered",
        "health",
        "capabilities",
        "dependencies",
        "endpoint",
        "last_seen",
        "uptime",
        "pid",
        "process_status",
        "agent_file",
        "working_directory",
    }
    assert wanted <= set(row)
    assert (row["process_status"], row["agent_file"]) == ("running", str(tend.work / "web-1"))
    for bad in ("(", r"\p{L}", r"[\D]"):
        done = tend.run("list", "--filter", bad, check=False)
        assert (
            done.returncode == 1
            and done.stdout == ""
            and f"--filter {bad}: " in one_line(done.stderr)
        )
    tend.run("stop", "web-1", "db")
    tend.run("remove", "web-1", "web-2", "db")
    text = tend.run("list").stdout
    assert "no agents, but 1 service" in text and "tend status" in text and tend.json("list") == {}


def test_events_and_why(tend):
    start(tend, "a", helper("crasher"), "0", "3", options=("--restart", "no"))
    start(tend, "b", helper("sleeper"))
    tend.wait("a", "stopped")
    wanted = {
        "time",
        "event",
        "name",
        "from",
        "to",
        "reason",
        "pid",
        "exit_code",
        "exit_signal",
        "core_dumped",
        "stage",
        "value",
        "by_pid",
        "text",
    }
    events = tend.events("a")
    assert all(
        set(event) >= wanted and event["name"] == "a" and TIME.fullmatch(event["time"])
        for event in events
    )
    assert {event["name"] for event in tend.events()} >= {"a", "b"}
    assert [event["time"] for event in tend.events()] == sorted(
        event["time"] for event in tend.events()
    )
    lines = tend.run("events", "a").stdout.splitlines()
    shown = iter(
        line.split(" ", 1)[1] for line in lines
    )  # what came meanwhile, from a slower daemon, stands among them
    assert all(event["text"] in shown for event in events), (lines, events)
    text = tend.run("why", "a").stdout
    assert (
        text.startswith("a: failed")
        and "exited with status 3" in text
        and "Next: Nothing by itself." in text
    )
    assert "If it fails it is started again" in tend.run("why", "b").stdout
    assert tend.run("events", "unknown").stdout == ""
    done = tend.run("why", "c", check=False)
    assert done.returncode == 1 and "no process is called c" in one_line(done.stderr)


def test_follow(tend):
    tend.run("start")
    with Follower(tend) as follower:
        start(tend, "a", helper("sleeper"))
        follower.until_state("running")
        tend.run("stop", "a")
        follower.until_state("stopped")
        follower.child.send_signal(signal.SIGINT)
        assert follower.child.wait(10) == 0


def test_snapshot(tend):
    start(tend, "a", helper("sleeper"))
    document = tend.json("snapshot")
    assert document["segment"]["capacity"] == 1024 and document["segment"]["home"] == str(tend.home)
    (row,) = document["rows"]
    assert row["ident"]["name"] == "a" and row["life"]["pid"] == tend.pid("a")
    text = tend.run("snapshot").stdout
    assert 'name="a"' in text and f"pid={tend.pid('a')}" in text


def fields_of(struct):
    """The names of its members, from the header."""
    body = re.search(
        r"struct %s \{(.*?)\n\};" % struct, (TOP / "shm" / "table.h").read_text(), re.S
    )[1]
    members = re.findall(
        r"^\t(?:char|u?int\d+_t) ([^;]+);", re.sub(r"/\*.*?\*/", "", body, flags=re.S), re.M
    )
    return {re.sub(r"\[.*", "", name.strip()) for line in members for name in line.split(",")} - {
        "pad",
        "pad2",
    }


def test_a_snapshot_leaves_nothing_out(tend):
    start(tend, "a", helper("sleeper"))
    document = tend.json("snapshot")
    (row,) = document["rows"]
    for block in ("ident", "life", "health", "log", "exit"):
        assert fields_of(f"pt_{block}") - set(row[block]) <= {"gen"}, block  # the row has it
    assert fields_of("pt_monitor") == set(document["monitor"]["state"])
    assert fields_of("pt_daemon") == set(document["spawner"]["daemon"])


def test_json_is_all_there_is(tend):
    start(tend, "a", helper("sleeper"))
    tend.run("stop", "a")
    for args in (["status"], ["status", "a"], ["list"], ["snapshot"]):
        done = tend.run(*args, "--json", check=False)
        assert done.returncode == (3 if args[-1] == "a" else 0) and done.stderr == ""
        json.loads(done.stdout)
    for line in tend.run("events", "--json").stdout.splitlines():
        json.loads(line)
    done = tend.run("status", "nobody", "--json", check=False)
    assert done.returncode == 1
    assert done.stdout == "" or json.loads(done.stdout)["processes"] == []
    one_line(done.stderr)


# ---- texts


def test_status(tend):
    pid = start(tend, "a", helper("sleeper"))
    lines = tend.run("status").stdout.splitlines()
    assert lines[0] == "HEALTHY: 1 process, 1 running"
    assert lines[1].split()[:3] == ["NAME", "STATE", "PID"]
    assert lines[2].split()[:3] == ["a", "running", str(pid)]
    text = tend.run("status", "a").stdout
    assert (
        re.search(rf"^pid +{pid}$", text, re.M)
        and "policy" in text
        and f"{tend.home}/logs/a.log" in text
    )
    assert "guardian running" in tend.run("status", "--verbose").stdout
    tend.run("stop", "a")
    done = tend.run("status", "a", check=False)
    assert (
        done.returncode == 3
        and re.search("^state +stopped", done.stdout, re.M)
        and done.stderr == ""
    )
    assert tend.run("status", "a", "b", check=False).returncode == 1


def test_doctor(tend):
    start(tend, "a", helper("sleeper"))
    tend.wait_daemons()
    done = wait_until(
        lambda: (d := tend.run("doctor", check=False)).returncode == 0 and d,
        what="doctor finds all well",
    )
    assert done.stdout.endswith("all is well\n") and "PROBLEM" not in done.stdout
    assert f'"{helper("sleeper")}"' in tend.run("doctor", "--segment").stdout
    suspend(tend.daemon_pid("logger"))
    done = tend.run("doctor", check=False)
    assert (
        done.returncode == 1
        and "logger" in [line for line in done.stdout.splitlines() if "PROBLEM" in line][0]
    )
    tend.kill(tend.daemon_pid("logger"), signal.SIGCONT)
    stop_everything(tend)
    assert tend.run("doctor").stdout.endswith("all is well\n")


def test_version(tend):
    version = (TOP / "VERSION").read_text().strip()
    for args in (["version"], ["--version"]):
        done = tend.run(*args)
        assert (done.stdout, done.stderr) == (f"tend {version}\n", "")


def test_no_library_that_only_daemons_need(tend):
    """No command speaks HTTP or TLS: what would cost each of them its start is not linked."""
    linked = subprocess.run(
        ["ldd", TEND_BIN / "tend"], capture_output=True, text=True, check=True
    ).stdout
    for library in ("curl", "ssl", "crypto", "gnutls", "microhttpd", "sqlite"):
        assert f"lib{library}" not in linked


def test_help(tend):
    overview = tend.run("help").stdout
    assert tend.run("--help").stdout == overview and tend.run("-h").stdout == overview
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", overview, re.M)
        page = tend.run("help", command).stdout
        assert page.startswith(f"tend {command}: ") and f"usage: tend {command}" in page
        assert tend.run(command, "--help").stdout == page
        assert [line for line in page.splitlines() if len(line) > 80] == []
    assert [line for line in overview.splitlines() if len(line) > 80] == []
    assert not tend.home.exists(), "help needs no home"


# ---- misuse


@pytest.mark.parametrize(
    "args, says",
    [
        (["strat"], "unknown command strat; did you mean start?"),
        (["nonsense"], "unknown command nonsense"),
        (["--nonsense"], "unknown option --nonsense"),
        (["help", "strat"], "did you mean start?"),
        (["help", "a", "b"], "too many operands"),
        *(([command, "--nonsense"], "unknown option --nonsense") for command in COMMANDS),
        (["start", "--backgroun", "--restrat", "no"], "did you mean --restart?"),
        (["start", "--re", "no"], "ambiguous"),
        (["start", "--name"], "--name needs a value"),
        (["start", "--background=yes", "x"], "takes no value"),
        (["start", "--"], "COMMAND missing"),
        (["start", "--", "true"], "--name"),
        (["start", "x", "--name", "n", "--", "true"], "not both"),
        (["start", "--restart", "never", "x"], "on-failure"),
        (["start", "--env", "NOVALUE", "x"], "NAME=VALUE"),
        (["start", "--env", "=x", "x"], "NAME=VALUE"),
        (["start", "--restart-limit", "x", "f"], "10/5m"),
        (["start", "--restart-limit", "-1", "f"], "10/5m"),
        (["start", "--restart-limit", "3/0", "f"], "above 0"),
        (["start", "--restart-limit", "70000", "f"], "10/5m"),
        (["start", "--stop-timeout", "-1", "f"], "negative"),
        (["start", "--stop-signal", "NOPE", "f"], "no such signal"),
        (["start", "--stable", "soon", "f"], "not a duration"),
        (["stop", "--timeout"], "needs a value"),
        (["restart", "--timeout", "-1", "a"], "negative"),
        (["restart-agent"], "NAME missing"),
        (["restart-agent", "a", "b"], "too many operands"),
        (["signal"], "NAME and SIGNAL missing"),
        (["signal", "a"], "SIGNAL missing"),
        (["signal", "a", "NOPE"], "no such signal"),
        (["signal", "a", "0"], "no such signal"),
        (["signal", "a", "65"], "no such signal"),
        (["remove"], "NAME missing"),
        (["why"], "NAME missing"),
        (["wait", "a"], "--for"),
        (["wait", "a", "--for", "rich"], "running, stopped or healthy"),
        (["wait", "--for", "running"], "NAME missing"),
        (["wait", "a", "--for", "running", "--timeout", "x"], "not a duration"),
        (["snapshot", "x"], "takes no operands"),
        (["version", "x"], "takes no operands"),
        (["doctor", "x"], "takes no operands"),
        (["resurrect", "x"], "takes no operands"),
    ],
)
def test_misuse(tend, args, says):
    done = tend.run(*args, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    first, _, rest = done.stderr.partition("\n")
    assert first.startswith("tend") and says in first, done.stderr
    assert "usage: tend" in rest
    assert not tend.segment.exists()


def test_no_command(tend):
    done = tend.run(check=False)
    assert done.returncode != 0 or "usage: tend" in done.stdout


def test_control_characters_never_reach_a_terminal(tend):
    tend.run("start")
    for args in (
        ["status", "\x1b[31m"],
        ["\x1b[2J"],
        ["start", "/tmp/\x1b]0;x\x07"],
        ["wait", "a\nb", "--for", "running"],
    ):
        done = tend.run(*args, check=False)
        assert done.returncode in (1, 2)
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout + done.stderr)
    home = tend.work / "a\x1b[31m\nb"
    home.mkdir(0o700)
    done = tend.run("doctor", check=False, env={"TEND_HOME": str(home)})
    assert r"a\x1b[31m\nb" in done.stdout and "\x1b" not in done.stdout + done.stderr


# ---- signal, wait


@pytest.mark.parametrize("signo", ["HUP", "SIGHUP", "hup", "1"])
def test_signal(tend, signo):
    start(tend, "a", helper("sleeper"), options=("--restart", "no"))
    assert re.fullmatch(r"a: SIGHUP sent( \(pid \d+\))?\n", tend.run("signal", "a", signo).stdout)
    tend.wait("a", "stopped")
    assert tend.status("a")["exit_signal"] == signal.SIGHUP
    (event,) = [e for e in tend.events("a") if e["event"] == "signal"]
    assert event["value"] == signal.SIGHUP
    done = tend.run("signal", "a", signo, check=False)
    assert (
        done.returncode == 1
        and one_line(done.stderr) == "tend signal: a does not run (it is failed)\n"
    )
    done = tend.run("signal", "b", signo, check=False)
    assert done.returncode == 1 and "no process is called b" in one_line(done.stderr)


def test_wait(tend):
    start(tend, "a", helper("sleeper"))
    for state in ("running", "healthy"):
        done = tend.run("wait", "a", "--for", state, "--timeout", "20")
        assert (done.stdout, done.stderr) == ("", "")
    done = tend.run("wait", "a", "--for", "stopped", "--timeout", "0.2", check=False)
    assert done.returncode == 1 and one_line(done.stderr).startswith(
        "tend wait: a is not stopped after "
    )
    assert tend.run("wait", "b", "--for", "running", check=False).returncode == 1
    waiting = tend.popen("wait", "a", "--for", "stopped")
    tend.run("stop", "a")
    assert waiting.wait(10) == 0
    waiting = tend.popen("wait", "a", "--for", "running")
    tend.run("start", "a", "--background")
    assert waiting.wait(10) == 0
    waiting = tend.popen("wait", "a", "--for", "stopped")
    stop_everything(tend)
    assert waiting.wait(10) == 0


def test_ctrl_c_while_waiting(tend):
    start(tend, "a", helper("sleeper"))
    waiting = tend.popen("wait", "a", "--for", "stopped")
    wait_until(lambda: proc_stat(waiting.pid)[0] == "S", what="it sleeps")
    time.sleep(0.2)  # that its handlers are in place is announced by nothing
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(10) == 130
    assert alive(tend.pid("a"))


# ---- outputs that don't take it


def test_no_standard_output_at_all(tend):
    start(tend, "a", helper("sleeper"))
    for args in (["status"], ["start", "--name", "b", "--background", "--", helper("sleeper")]):
        line = f'exec "$0" {" ".join(args)} <&- >&- 2>&-'
        done = subprocess.run(["bash", "-c", line, *tend.argv()], env=tend.env, timeout=30)
        assert done.returncode == 1, args
    assert tend.status("b")["status"] == "running"
    stop_everything(tend)


# ---- nobody there


def test_before_anything_was_started(tend):
    assert tend.run("status").stdout == "not running\n"
    document = tend.status()
    assert document["processes"] == [] and document["agents"] == {}
    assert {daemon["state"] for daemon in document["daemons"].values()} == {"dead"}
    assert tend.json("list") == {}
    assert tend.run("events").stdout == ""
    for args in (
        ["status", "a"],
        ["why", "a"],
        ["snapshot"],
        ["wait", "a", "--for", "running"],
        ["stop"],
        ["stop", "a"],
        ["restart"],
        ["restart", "a"],
        ["signal", "a", "TERM"],
        ["remove", "a"],
    ):
        done = tend.run(*args, check=False)
        assert (done.returncode, done.stdout) == (1, ""), args
        one_line(done.stderr)
    assert (
        tend.run("start").stdout
        == "the daemons are started\nno process was up when the instance last ran\n"
    )
    stop_everything(tend)


def test_looking_at_what_the_daemons_left(tend):
    """All of them killed: every look works, and says how old it is; what runs is known to run."""
    pid = start(tend, "a", helper("sleeper"))
    start(tend, "gone", helper("sleeper"))
    lost = tend.pid("gone")
    daemons = tend.wait_daemons()
    # Suspended first, so that none of them can mend what happens to another.
    for daemon in daemons.values():
        suspend(daemon)
    for daemon in daemons.values():
        os.kill(daemon, signal.SIGKILL)
    for daemon in daemons.values():
        wait_gone(daemon)
    os.kill(lost, signal.SIGKILL)
    wait_until(lambda: not alive(lost), what="it is gone")
    text = tend.run("status").stdout
    assert (
        text.startswith("UNSUPERVISED: 2 processes, 1 running")
        and "last written" in text
        and "ago" in text
    )
    document = tend.status()
    assert document["supervised"] is False and TIME.fullmatch(document["table_written"])
    assert {daemon["state"] for daemon in document["daemons"].values()} == {"dead"}
    rows = {row["name"]: row for row in document["processes"]}
    assert (rows["a"]["status"], rows["a"]["pid"]) == ("running", pid)
    assert (rows["gone"]["status"], rows["gone"]["pid"], rows["gone"]["state"]) == (
        "stopped",
        None,
        "gone",
    )
    assert (
        tend.run("status", "a").returncode == 0
        and tend.run("status", "gone", check=False).returncode == 3
    )
    assert set(tend.json("list", "--services")) == {"a", "gone"}
    assert transitions(tend, "a")[-1] == ("starting", "running")
    assert "no spawner runs" in tend.run("why", "a").stdout
    assert len(tend.json("snapshot")["rows"]) == 2
    assert tend.run("doctor", check=False).returncode == 1
    tend.run("start")
    assert identity(pid) and tend.pid("a") == pid
    tend.wait_pid("gone", not_pid=lost)
    stop_everything(tend)


def test_under_the_name_of_the_reference(tend, tmp_path):
    """Installed as mcp_mesh_dev its messages bear that name, and it finds its daemons all the
    same.
    """
    link = tmp_path / "mcp_mesh_dev"
    link.symlink_to(tend.argv()[0])
    tend.argv = lambda *args: [str(link), *map(str, args)]
    assert tend.run("--version").stdout.startswith("mcp_mesh_dev ")
    done = tend.run("stop", "x", check=False)
    assert done.returncode == 1 and done.stderr.startswith("mcp_mesh_dev stop: ")
    done = tend.run("nope", check=False)
    assert (
        done.returncode == 2
        and "usage: mcp_mesh_dev COMMAND" in done.stderr
        and '"mcp_mesh_dev help"' in done.stderr
    )
    page = tend.run("help", "stop").stdout
    assert (
        "usage: mcp_mesh_dev stop" in page
        and "  mcp_mesh_dev stop --timeout 5" in page
        and "  tend stop" not in page
    )
    start(tend, "a", helper("sleeper"))
    tend.stop_all()
