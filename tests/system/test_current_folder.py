"""The folder in which a command is called may be another user's: nothing that lies there is run, or
loaded, by tend.
"""

import json

import pytest

from common import free_port, script, start
from harness import helper, wait_until

PROGRAMS = [
    "python3",
    "mcp-mesh-registry",
    "tend",
    "tend-registry",
    "tend-guardian",
    "tend-spawner",
    "tend-monitor",
    "tend-logger",
    "node",
    "npx",
    "java",
    "sh",
    "sleep",
    "planted",
]
MODULES = [
    "mcp_mesh_runtime",
    "mcp_mesh",
    "importlib",
    "site",
    "sitecustomize",
    "usercustomize",
    "json",
    "time",
]
ENTRIES = [
    "",
    ".",
    "bin",
    "./bin",
    "../trap",
]  # of PATH and PYTHONPATH: all mean a folder relative to the current one


@pytest.fixture
def trap(tend):
    """A folder of another user, who has put there whatever might be looked for; all of it leaves a
    proof that it was run.
    """
    folder = tend.work / "trap"
    (folder / "bin").mkdir(parents=True)
    tend.proof = tend.work / "proof"
    for name in PROGRAMS:
        for place in (folder, folder / "bin"):
            (place / name).write_text(f'#!/bin/sh\necho "$0" >> {tend.proof}\n')
            (place / name).chmod(0o755)
    for name in MODULES:
        for place in (folder, folder / "bin"):
            (place / name).mkdir(exist_ok=True)
            (place / name / "__init__.py").write_text(
                f"open({str(tend.proof)!r}, 'a').write(__file__)\n"
            )
            (place / name / "server.py").write_text("")
    return folder


def surroundings(tend, entry):
    return {"PATH": f"{entry}:{tend.env['PATH']}", "PYTHONPATH": entry}


def nothing_was_run(tend):
    assert not tend.proof.exists(), tend.proof.read_text()


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_registry(tend, trap, entry):
    del tend.env["TEND_REGISTRY"]
    tend.env.update(
        MCP_MESH_REGISTRY_PORT=str(free_port()), MCP_MESH_DB_PATH=str(tend.work / "r.db")
    )
    tend.run("start", "--registry-only", "--background", cwd=trap, env=surroundings(tend, entry))
    tend.run("restart", cwd=trap, env=surroundings(tend, entry))
    tend.run("status", cwd=trap, env=surroundings(tend, entry))
    nothing_was_run(tend)
    tend.stop_all()


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_command_and_an_interpreter(tend, trap, entry):
    agent = tend.work / "agent.py"
    agent.write_text("import time\ntime.sleep(1000)\n")
    start(tend, "a", "sleep", "1000", cwd=trap, env=surroundings(tend, entry))
    tend.run(
        "start", agent, "--background", cwd=trap, env={"PATH": surroundings(tend, entry)["PATH"]}
    )
    assert {row["name"]: row["state"] for row in tend.status()["processes"]} == {
        "a": "running",
        "agent": "running",
    }
    done = tend.run(
        "start",
        "--name",
        "b",
        "--background",
        "--",
        "planted",
        check=False,
        cwd=trap,
        env=surroundings(tend, entry),
    )
    assert (
        done.returncode == 1
        and "planted is not found in PATH (entries of it that are not absolute paths are passed over"
        in done.stderr
    )
    nothing_was_run(tend)
    tend.stop_all()


@pytest.mark.parametrize("entry", ENTRIES)
def test_probes_and_alerts(tend, trap, entry):
    """The monitor has the environment of whoever started the daemons."""
    tend.home.mkdir(0o700)
    (tend.home / "monitor.json").write_text(json.dumps({"alerts": {"command": ["planted"]}}))
    health = tend.work / "health.json"
    health.write_text(
        json.dumps(
            {"probes": {"liveness": {"exec": ["planted"], "interval": 0.1, "failure_threshold": 1}}}
        )
    )
    start(
        tend,
        "a",
        helper("sleeper"),
        options=("--health", health),
        cwd=trap,
        env=surroundings(tend, entry),
    )
    wait_until(lambda: tend.status("a")["health_check"] == "unhealthy", what="the probe has failed")
    wait_until(
        lambda: "an alert could not be delivered" in tend.log("tend"), what="the alert has failed"
    )
    nothing_was_run(tend)


def test_a_stored_name_means_the_stored_process(tend, trap):
    start(tend, "planted", helper("sleeper"))
    tend.run("stop", "planted")
    done = tend.run("start", "planted", "--background", cwd=trap)
    assert "planted: started" in done.stdout and tend.status("planted")["command"] == helper(
        "sleeper"
    )
    nothing_was_run(tend)
    assert (
        tend.run("start", "./planted", "--background", cwd=trap, check=False).returncode == 1
    ), "that is the file, and the name is taken"


def test_a_name_that_is_its_own_file(tend):
    """Options are then for the file, as ever."""
    script(tend, "tool", "#!/bin/sh\nexec sleep 1000\n")
    tend.run("start", "tool", "--background", cwd=tend.work)
    tend.run("stop", "tool")
    tend.run("start", "tool", "--background", "--env", "A=1", cwd=tend.work)
    assert tend.status("tool")["command"] == str(tend.work / "tool")
