"""--json of the commands that act: one document that tells what became of each process, and the
same exit status as without.
"""

import json
import subprocess

from common import start
from harness import helper


def act(tend, *command, status=0):
    done = tend.run(command[0], "--json", *command[1:], check=False)
    assert done.returncode == status, (command, done)
    doc = json.loads(done.stdout)
    assert doc["command"] == command[0] and doc["ok"] == (status == 0)
    assert len(doc["errors"]) == len(
        [line for line in done.stderr.splitlines() if line.startswith("tend ")]
    )
    return doc


def results(doc):
    return {row["name"]: row["result"] for row in doc["processes"]}


def test_one_life(tend):
    doc = act(tend, "start", "--name", "a", "--background", "--", helper("sleeper"))
    assert doc["daemons"] == "started" and doc["errors"] == []
    assert doc["processes"] == [
        {"name": "a", "result": "started", "pid": tend.pid("a"), "error": None}
    ]
    doc = act(tend, "start", "a", "--background")
    assert doc["daemons"] == "running" and doc["processes"][0] == {
        "name": "a",
        "result": "already_running",
        "pid": tend.pid("a"),
        "error": None,
    }
    assert results(act(tend, "signal", "a", "WINCH")) == {"a": "signalled"}
    doc = act(tend, "restart", "a")
    assert results(doc) == {"a": "restarted"} and doc["processes"][0]["pid"] == tend.pid("a")
    assert results(act(tend, "restart-agent", "a")) == {"a": "restarted"}
    doc = act(tend, "remove", "a", status=1)
    assert (
        results(doc) == {"a": "failed"} and "run" in doc["processes"][0]["error"] and doc["errors"]
    )
    assert results(act(tend, "stop", "a")) == {"a": "stopped"}
    assert results(act(tend, "stop", "a")) == {"a": "not_running"}
    assert results(act(tend, "remove", "a")) == {"a": "removed"}
    doc = act(tend, "stop")
    assert (doc["daemons"], doc["processes"]) == ("ended", [])
    assert "nothing is running" in act(tend, "stop", status=1)["errors"][0]


def test_some_fail(tend):
    start(tend, "a", helper("sleeper"))
    start(tend, "stubborn", helper("term_ignorer"))
    doc = act(tend, "stop", "a", "stubborn", "--timeout", "0")
    assert results(doc) == {"a": "killed", "stubborn": "killed"}
    doc = act(tend, "restart", "a", "nosuch", "x*", "@none", status=1)
    assert results(doc) == {
        "a": "restarted",
        "nosuch": "unknown",
        "x*": "unknown",
        "@none": "unknown",
    }
    assert len(doc["errors"]) == 3
    doc = act(tend, "start", "a", "/nonexistent/b.py", "--background", "--no-registry")
    assert results(doc) == {"a": "already_running", "/nonexistent/b.py": "failed"}
    doc = act(tend, "start", "--name", "c", "--background", "--", "/nonexistent/c", status=1)
    assert results(doc) == {"c": "failed"} and doc["processes"][0]["error"]
    assert act(tend, "stop")["daemons"] == "ended"
    assert results(act(tend, "stop", "a", "b", status=1)) == {"a": "unknown", "b": "unknown"}
    doc = act(tend, "resurrect")
    assert doc["daemons"] == "started" and results(doc) == {"a": "started"}


def test_the_foreground_has_no_document(tend):
    done = tend.run("start", "--json", "--name", "a", "--", helper("sleeper"), check=False)
    assert (done.returncode, done.stdout) == (2, "") and "--background" in done.stderr.splitlines()[
        0
    ]


def test_misuse_has_none_either(tend):
    for command in (
        ["stop", "--json", "--timeout", "-1"],
        ["signal", "--json", "a", "NOSUCH"],
        ["remove", "--json"],
        ["upgrade", "--json", "x"],
    ):
        done = tend.run(*command, check=False)
        assert (done.returncode, done.stdout) == (2, ""), command


def test_quiet_prints_nothing(tend):
    start(tend, "a", helper("sleeper"))
    assert tend.run("stop", "a", "--json", "--quiet").stdout == ""


def test_what_succeeds_complains_of_nothing(tend):
    """An answer may hold words of the daemon, which are no complaint."""
    start(tend, "a", helper("sleeper"))
    for words in (
        ["logs", "rotate", "a"],
        ["signal", "a", "WINCH"],
        ["group", "g", "a"],
        ["restart", "a"],
        ["stop", "a"],
        ["start", "a", "--background"],
        ["logs", "rotate"],
        ["stop"],
        ["start", "--background"],
    ):
        done = tend.run(*words)
        assert done.stdout and not done.stderr, (words, done)
    tend.run("stop", "a")
    assert not tend.run("remove", "a").stderr
    tend.stop_all()


def test_a_full_disk(tend):
    """What is done is done; that it could not be told is said."""
    start(tend, "a", helper("sleeper"))
    with open("/dev/full", "w") as full, tend.popen(
        "stop", "a", "--json", stdout=full, stderr=subprocess.PIPE, text=True
    ) as stop:
        said = stop.communicate(timeout=30)[1]
    assert stop.returncode == 1 and "standard output" in said
    assert tend.status("a")["status"] == "stopped"
