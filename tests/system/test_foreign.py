"""A processes.json that the reference's CLI has written: what lives of it is shown, nothing of it
is lost, and nothing is taken for granted.
"""

import json
import subprocess
from datetime import datetime, timedelta

import pytest

from common import start
from harness import helper


class Reference:
    """As the reference writes it (reference-behaviour.md §5)."""

    def __init__(self, tend):
        self.tend, self.doc, self.children = (
            tend,
            {"processes": {}, "registry_state": {}, "last_updated": "2025-01-01T10:00:00.000001"},
            [],
        )

    def add(self, name, *command, pid=None, started=None, **more):
        if pid is None:
            child = subprocess.Popen(command)
            self.children.append(child)
            pid = child.pid
        when = datetime.now() if started is None else started
        self.doc["processes"][name] = {
            "name": name,
            "pid": pid,
            "command": [str(word) for word in command],
            "started_at": when.isoformat(),
            "service_type": "agent",
            "uptime_seconds": 1.5,
            "health_status": "unknown",
            "last_health_check": None,
            "metadata": {
                "agent_file": f"/srv/{name}.py",
                "working_directory": "/srv",
                "registry_url": "http://localhost:8080",
            },
            **more,
        }
        return pid

    def write(self):
        self.tend.home.mkdir(mode=0o700, exist_ok=True)
        (self.tend.home / "processes.json").write_text(
            json.dumps(self.doc, indent=2, sort_keys=True)
        )

    def kept(self):
        """The entries as they are in the file now."""
        return {
            name: entry
            for name, entry in json.loads((self.tend.home / "processes.json").read_text())[
                "processes"
            ].items()
            if not (isinstance(entry, dict) and "desired" in entry)
        }


@pytest.fixture
def reference(tend):
    made = Reference(tend)
    yield made
    for child in made.children:
        child.kill()
        child.wait()


def test_what_lives_is_shown(tend, reference):
    pid = reference.add("weather", helper("sleeper"))
    reference.add(
        "registry",
        helper("sleeper"),
        service_type="registry",
        metadata={"host": "localhost", "port": 8080},
    )
    reference.add("dead", helper("sleeper"), pid=4194303)
    reference.add("reused", "python3", "reused.py", pid=pid)
    reference.add(
        "younger", helper("sleeper"), pid=pid, started=datetime.now() - timedelta(hours=2)
    )
    reference.doc["processes"].update(
        {
            "broken": {"pid": "x", "last_health_check": None},
            "../x": reference.doc["processes"]["weather"],
            "none": None,
        }
    )
    reference.write()
    line = f"weather: runs as process {pid}, not supervised"
    for own in ("first", "second"):
        text = tend.run("status").stdout
        assert line in text and "registry: runs as process" in text
        assert not any(
            f"{name}: runs" in text for name in ("dead", "reused", "younger", "broken", "x", "none")
        )
        assert [(row["name"], row["pid"], row["file"]) for row in tend.status()["foreign"]] == [
            ("registry", reference.children[1].pid, None),
            ("weather", pid, "/srv/weather.py"),
        ]
        start(tend, own, helper("sleeper"))
    for command in ("stop", "restart", "restart-agent", "status"):
        done = tend.run(command, "weather", check=False)
        assert (
            done.returncode == 1
            and f"kill {pid}" in done.stderr
            and "tend start /srv/weather.py" in done.stderr
        ), command
    agent = tend.work / "weather.py"
    agent.write_text("import time\ntime.sleep(1000)\n")
    done = tend.run("start", agent, "--background", check=False)
    assert done.returncode == 1 and f"kill {pid}" in done.stderr, "no second one beside it"
    assert reference.children[0].poll() is None
    tend.run("stop")
    assert reference.children[0].poll() is None, "it is not ours to stop"
    assert reference.kept() == reference.doc["processes"]
    reference.children[0].kill()
    reference.children[0].wait()
    tend.run("start", agent, "--background")
    assert tend.status("weather")["status"] == "running"
    tend.run("stop")  # now it is written
    text = (tend.home / "processes.json").read_text()
    assert text.count('"weather":') == 1, text
    tend.run("start", agent, "--background")
    assert "not supervised" not in "".join(
        line for line in tend.run("status").stdout.splitlines() if "weather" in line
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"processes": [], "last_health_check": 1}',
        '{"processes": {"a": {"last_health_check": 1}}}',
        "\0" * 9000,
    ],
)
def test_files_that_are_none(tend, text):
    tend.home.mkdir(mode=0o700)
    (tend.home / "processes.json").write_text(text)
    assert tend.run("status").stdout == "not running\n"
    assert tend.status()["foreign"] == []
