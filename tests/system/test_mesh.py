"""Beside the mesh's own programs (tests/system/meshkit.py installs them): tend with either
registry, and meshctl with tend's.
"""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request

import pytest

import meshkit
from common import on_terminal
from harness import AGENTS, alive, wait_gone, wait_until
from test_start_registry import agent, get, get_soon, mesh, quick, url  # noqa: F401: fixtures

REGISTRIES = ["tend", "mesh"]


def ask(tend, method, path, body=None):
    """Status and JSON of the registry's answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url(tend) + path, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as e:
        return e.code, None


def tool(name, *dependencies):
    return {
        "function_name": f"do_{name}",
        "capability": name,
        "version": "1.2.0",
        "tags": ["a"],
        "description": name,
        "dependencies": [{"capability": d, "version": ">=1.0"} for d in dependencies],
    }


def full(agent_id, *dependencies, **more):
    return {
        "agent_id": agent_id,
        "name": agent_id[:-9],
        "http_host": "127.0.0.1",
        "http_port": 9,
        "tools": [tool(agent_id[:-9], *dependencies)],
        **more,
    }


# ---- what both registries answer alike. The fixture quick is one of them, then the other.


def test_what_agents_ask(quick):  # noqa: F811
    quick.run("start", "--registry-only", "--background")
    assert ask(quick, "GET", "/health")[1]["status"] == "healthy"
    status, listed = ask(quick, "GET", "/agents")
    assert status == 200 and listed["count"] == 0 and not listed["agents"]
    assert ask(quick, "HEAD", "/heartbeat/sun-1a2b3c4d")[0] == 410
    status, answer = ask(quick, "POST", "/heartbeat", full("sun-1a2b3c4d"))
    assert status == 200 and answer["status"] == "success" and answer["agent_id"] == "sun-1a2b3c4d"
    status, answer = ask(quick, "POST", "/heartbeat", full("moon-1a2b3c4d", "sun"))
    found = answer["dependencies_resolved"]["do_moon"][0]
    assert (
        found["agent_id"],
        found["function_name"],
        found["endpoint"],
        found["capability"],
        found["status"],
    ) == ("sun-1a2b3c4d", "do_sun", "http://127.0.0.1:9", "sun", "available")
    entry = next(e for e in ask(quick, "GET", "/agents")[1]["agents"] if e["id"] == "moon-1a2b3c4d")
    assert (entry["name"], entry["agent_type"], entry["runtime"], entry["endpoint"]) == (
        "moon",
        "mcp_agent",
        "python",
        "http://127.0.0.1:9",
    )
    assert (entry["total_dependencies"], entry["dependencies_resolved"]) == (1, 1)
    assert (
        entry["capabilities"][0]["name"],
        entry["capabilities"][0]["function_name"],
        entry["capabilities"][0]["version"],
    ) == ("moon", "do_moon", "1.2.0")
    resolution = entry["dependency_resolutions"][0]
    assert (
        resolution["mcp_tool"],
        resolution["provider_agent_id"],
        resolution["endpoint"],
        resolution["status"],
    ) == ("do_sun", "sun-1a2b3c4d", "http://127.0.0.1:9", "available")
    assert ask(quick, "HEAD", "/heartbeat/moon-1a2b3c4d")[0] in (
        200,
        202,
        410,
    )  # silent for a second it counts as gone
    assert ask(quick, "DELETE", "/agents/moon-1a2b3c4d")[0] == 204
    assert ask(quick, "DELETE", "/agents/nobody-1a2b3c4d")[0] == 204
    statuses = {e["id"]: e["status"] for e in ask(quick, "GET", "/agents")[1]["agents"]}
    assert statuses["moon-1a2b3c4d"] == "unhealthy"


def test_an_empty_list_is_an_answer(quick):  # noqa: F811
    """Whether a registry writes it as [] or as null."""
    quick.run(
        "start", agent(quick), "--background", "--startup-timeout", "1", check=False
    )  # the monitor asks on its behalf; it never registers
    assert not get(url(quick) + "/agents")["agents"]
    wait_until(
        lambda: quick.status()["registry"]["answers"] == "reachable",
        30,
        "the registry's answer is understood",
    )
    assert "unreachable" not in quick.run("status").stdout


def test_the_database_is_where_it_was_asked_for(quick):  # noqa: F811
    path = quick.work / "elsewhere" / "own.db"
    quick.env["DATABASE_URL"] = str(quick.work / "not-this.db")
    quick.run("start", AGENTS / "mesh_agent.py", "--background", "--db-path", str(path))
    assert path.exists() and not (quick.work / "not-this.db").exists()
    pid = quick.pid("registry")
    quick.kill(pid)
    wait_gone(pid)
    quick.wait_pid("registry", not_pid=pid)
    get_soon(url(quick) + "/health")
    assert [e["name"] for e in get(url(quick) + "/agents")["agents"]] == [
        "mesh-agent"
    ]  # from the disk, or registered again


def test_a_database_url_of_the_users_own_stays(quick):  # noqa: F811
    """Where tend was not told of a database: who runs the mesh's registry beside another server has
    it there.
    """
    quick.env["DATABASE_URL"] = str(quick.work / "mine.db")
    del quick.env["MCP_MESH_DB_PATH"]
    quick.run("start", "--registry-only", "--background", cwd=quick.work)
    told = open(f"/proc/{quick.pid('registry')}/environ").read().split("\0")
    assert f"DATABASE_URL={quick.work / 'mine.db'}" in told


REFUSED = """
import json, os, time, urllib.request
while True:
    tools = [{"function_name": "f", "capability": "c"}]
    body = {"agent_id": "Not_Liked-1", "name": "x", "tools": tools, "http_port": 70000}
    request = urllib.request.Request(
        os.environ["MCP_MESH_REGISTRY_URL"] + "/heartbeat",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        print(urllib.request.urlopen(request, timeout=5).read().decode(), flush=True)
    except urllib.error.HTTPError as e:
        print(e.read().decode(), flush=True)
    time.sleep(1)
"""


def test_an_agent_that_is_refused(quick):  # noqa: F811
    """start says what it heard, whatever the status of the refusal is."""
    done = quick.run(
        "start",
        agent(quick, "liked.py", REFUSED),
        "--background",
        "--startup-timeout",
        "3",
        check=False,
    )
    assert done.returncode == 1
    assert "liked has not registered; its last output:" in done.stderr
    assert re.search("must contain only lowercase|http_port must be", done.stderr), done.stderr
    assert alive(quick.pid("liked"))


def test_a_terminal_shows_what_is_said_while_an_agent_is_refused(quick):  # noqa: F811
    """Not only once the time for its registration is over."""
    file = agent(quick, "liked.py", REFUSED)
    shown = on_terminal(
        quick, 300, "start", file, "--background", "--startup-timeout", "6"
    )
    said = re.search(r"waiting for liked to register; it says: (.*?)\r", shown)
    assert said and re.search("must contain only lowercase|http_port must be", said[1]), shown
    assert shown.count("liked has not registered; its last output:") == 1


def test_the_example_tells_a_refusal(quick):  # noqa: F811
    """It is registered under a name that both registries take; and one that is refused does not say
    that it is registered.
    """
    server = """
import http.server, os
class H(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = b'{"status":"error","message":"not you","agents":null,"count":0}'
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), H).serve_forever()
"""
    path = quick.work / "refuses.py"
    path.write_text(server)
    quick.run("config", "set", "registry_command", f"python3 {path}")
    done = quick.run(
        "start", AGENTS / "mesh_agent.py", "--background", "--startup-timeout", "3", check=False
    )
    assert done.returncode == 1 and "the registry refuses: not you" in done.stderr
    assert '"event": "registered"' not in quick.log("mesh_agent")


# ---- meshctl asks tend's registry


def shown(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def meshctl(mesh):  # noqa: F811
    """A function that runs it. tend's own registry is at work, with one agent; silence is noticed
    after three seconds.
    """
    program = meshkit.programs() / "meshctl"
    mesh.quiet = mesh.work / "quiet"
    mesh.env.update(
        DEFAULT_TIMEOUT_THRESHOLD="3",
        HEALTH_CHECK_INTERVAL="1",
        HEARTBEAT="0.2",
        QUIET_FILE=str(mesh.quiet),
    )
    mesh.run(
        "start", AGENTS / "mesh_agent.py", "--background", "--startup-timeout", "60", timeout=90
    )

    def run(*words):
        done = subprocess.run(
            [program, *words, "--registry-port", str(mesh.port)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env={"HOME": str(mesh.work), "PATH": os.defpath, "NO_COLOR": "1"},
        )
        assert done.returncode == 0, done
        return shown(done.stdout)

    return run


def check_healthy(meshctl, agent_id):
    assert re.search(
        rf"{agent_id} +Python +Agent +healthy +0/0 +1/1 +127\.0\.0\.1:\d+", meshctl("list")
    )
    assert re.search(rf"{agent_id} .*healthy", meshctl("list", "--all"))
    assert re.search(rf"greet +{agent_id[:15]}\S* +greeting", meshctl("list", "--tools"))
    assert "Version: 1.0.0" in meshctl("list", "--tools=greet")
    listed = json.loads(meshctl("list", "--json"))
    assert listed["registry"]["status"] == "running" and listed["registry"]["healthy_count"] >= 1
    found = next(a for a in listed["agents"] if a["id"] == agent_id)
    assert (found["name"], found["status"], found["runtime"], found["agent_type"]) == (
        "mesh-agent",
        "healthy",
        "python",
        "mcp_agent",
    )
    assert [(t["capability"], t["function_name"], t["version"]) for t in found["tools"]] == [
        ("greeting", "greet", "1.0.0")
    ]
    assert not found["last_heartbeat"].startswith("0001") and not found["created_at"].startswith(
        "0001"
    )
    about = meshctl("status", agent_id)
    assert (
        re.search(r"Name +: mesh-agent", about)
        and re.search(r"Status +: healthy", about)
        and re.search(r"greeting +greet +1\.0\.0", about)
    )
    assert [a["id"] for a in json.loads(meshctl("status", "--json")) if a["id"] == agent_id] == [
        agent_id
    ]


def healthy_ids(tend):
    return [e["id"] for e in get_soon(url(tend) + "/agents?status=healthy")["agents"]]


def test_meshctl_shows_what_tends_registry_knows(mesh, meshctl):  # noqa: F811
    (agent_id,) = healthy_ids(mesh)
    check_healthy(meshctl, agent_id)
    # What an agent depends on: found, and not found.
    ask(mesh, "POST", "/heartbeat", full("moon-1a2b3c4d", "greeting", "nobody-has-it"))
    about = meshctl("status", "moon-1a2b3c4d")
    assert re.search(r"greeting +greet +http://127\.0\.0\.1:\d+", about), about
    assert re.search(r"nobody-has-it +NOT FOUND", about), about
    assert re.search(r"moon-1a2b3c4d .* 1/2 ", meshctl("list"))


def test_meshctl_after_a_restart(mesh, meshctl):  # noqa: F811
    (agent_id,) = healthy_ids(mesh)
    pid = mesh.pid("registry")
    mesh.kill(pid)
    wait_gone(pid)
    mesh.wait_pid("registry", not_pid=pid)
    wait_until(lambda: healthy_ids(mesh) == [agent_id], 60, "the agent is healthy again")
    check_healthy(meshctl, agent_id)
    mesh.run("restart-agent", "mesh_agent")  # under a new id
    wait_until(
        lambda: len(healthy_ids(mesh)) == 1 and healthy_ids(mesh) != [agent_id],
        60,
        "the new run alone is healthy",
    )
    check_healthy(meshctl, healthy_ids(mesh)[0])


def test_meshctl_with_a_silent_agent(mesh, meshctl):  # noqa: F811
    (agent_id,) = healthy_ids(mesh)
    mesh.quiet.touch()
    wait_until(lambda: healthy_ids(mesh) == [], 60, "silence is noticed")
    assert "0 healthy, 1 inactive" in meshctl("list") and "use --all" in meshctl("list")
    assert re.search(rf"{agent_id} .*unhealthy", meshctl("list", "--all"))
    listed = json.loads(meshctl("list", "--json"))
    assert not listed["agents"] and listed["registry"]["unhealthy_count"] == 1
    assert "No healthy agents found" in meshctl("status")
    mesh.quiet.unlink()
    wait_until(lambda: healthy_ids(mesh) == [agent_id], 60, "it is back")
    check_healthy(meshctl, agent_id)
