"""tend start and the registry: started, found, moved to a free port, supervised, told to agents;
and what goes wrong with it.
"""

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import meshkit
from common import free_port, in_namespace
from fake_registry import FakeRegistry, entry, now
from harness import AGENTS, TEND_BIN, alive, helper, wait_gone, wait_until

AGENT = "import time\nprint('up', flush=True)\ntime.sleep(1000)\n"


@pytest.fixture
def mesh(tend):
    del tend.env["TEND_REGISTRY"]
    tend.port = free_port()
    tend.env.update(
        MCP_MESH_REGISTRY_PORT=str(tend.port),
        MCP_MESH_STARTUP_TIMEOUT="20",
        MCP_MESH_DB_PATH=str(tend.work / "db" / "r.db"),
    )
    return tend


def url(tend):
    return (tend.home / "run" / "registry.url").read_text().strip()


def get(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


def get_soon(address):
    """Where nobody waited until the registry listens: one that came up with the daemons, because it
    was up when they ended.
    """

    def answer():
        try:
            return get(address)
        except urllib.error.URLError:
            return None

    return wait_until(answer, 20, f"an answer from {address}")


def agent(tend, name="plain.py", text=AGENT):
    path = tend.work / name
    path.write_text(text)
    return path


def test_registry_only(mesh):
    done = mesh.run("start", "--background")
    assert f"registry: started at http://localhost:{mesh.port} (pid " in done.stdout
    assert url(mesh) == f"http://localhost:{mesh.port}"
    assert get(url(mesh) + "/health")["status"] == "healthy"
    row = mesh.status("registry")
    assert row["service_type"] == "registry" and row["status"] == "running"
    assert (mesh.work / "db" / "r.db").exists()
    assert "already running" in mesh.run("start", "--registry-only", "--background").stdout
    mesh.stop_all()


def test_it_comes_back_and_has_lost_nothing(mesh):
    mesh.run("start", "--background")
    body = {"agent_id": "a1", "tools": [{"function_name": "f", "capability": "c"}]}
    urllib.request.urlopen(
        urllib.request.Request(url(mesh) + "/heartbeat", json.dumps(body).encode(), method="POST"),
        timeout=10,
    ).close()
    pid = mesh.pid("registry")
    mesh.kill(pid)
    wait_gone(pid)
    mesh.wait_pid("registry", not_pid=pid)

    def listed():
        try:
            return [entry["id"] for entry in get(url(mesh) + "/agents?status=healthy")["agents"]]
        except OSError:
            return None

    assert wait_until(listed) == ["a1"]


def test_the_next_free_port(mesh):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", mesh.port))
        taken.listen()
        done = mesh.run("start", "--background", timeout=60)
    assert f"Port {mesh.port} is in use" in done.stdout
    assert url(mesh) == f"http://localhost:{mesh.port + 1}"


def test_one_that_answers_is_used(mesh):
    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", mesh.port), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = mesh.run("start", "--background", "--registry-only")
        assert f"using the one at http://localhost:{mesh.port}" in done.stdout
        assert mesh.status("registry") is None
    finally:
        server.shutdown()
        server.server_close()


def test_what_agents_are_told(mesh):
    mesh.env["MCP_MESH_REGISTRY_URL"] = "http://nowhere:1"
    done = mesh.run(
        "start",
        agent(mesh),
        "--background",
        "--startup-timeout",
        "1",
        "--debug",
        "--env",
        "MCP_MESH_LOG_LEVEL=mine",
        check=False,
    )
    assert (
        done.returncode == 1 and "--no-registry" in done.stderr
    )  # it is no mesh agent; but it runs on
    row = mesh.status("plain")
    assert row["status"] == "running" and alive(row["pid"])
    env = dict(
        entry.split("=", 1)
        for entry in open(f"/proc/{row['pid']}/environ").read().split("\0")
        if entry
    )
    assert env["MCP_MESH_REGISTRY_URL"] == url(mesh) == f"http://localhost:{mesh.port}"
    assert (
        env["MCP_MESH_REGISTRY_HOST"],
        env["MCP_MESH_REGISTRY_PORT"],
        env["MCP_MESH_DEBUG"],
    ) == ("localhost", str(mesh.port), "1")
    assert env["MCP_MESH_DATABASE_URL"] == f"sqlite:///{mesh.work / 'db' / 'r.db'}"
    assert env["MCP_MESH_LOG_LEVEL"] == "mine"
    mesh.stop_all()


def test_no_registry(mesh):
    done = mesh.run("start", agent(mesh), "--background", "--no-registry")
    assert "registry" not in done.stdout and mesh.status("registry") is None
    mesh.run("start", "--name", "plain2", "--background", "--", helper("sleeper"))
    assert mesh.status("registry") is None
    assert mesh.run("start", "--no-registry", "--registry-only", check=False).returncode == 2


def test_an_agent_that_dies_is_told_at_once(mesh):
    path = agent(mesh, "bad.py", "print('one')\nraise SystemExit('no luck today')\n")
    done = mesh.run(
        "start",
        path,
        "--background",
        "--restart",
        "no",
        "--startup-timeout",
        "600",
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert (
        "bad exited with status 1 before it was registered" in done.stderr
        and "no luck today" in done.stderr
    )


def test_restart_keeps_the_address(mesh):
    mesh.run("start", "--background")
    before, pid = url(mesh), mesh.pid("registry")
    mesh.env["MCP_MESH_REGISTRY_PORT"] = str(free_port())
    assert f"registry: restarted at {before}" in mesh.run("restart").stdout
    assert mesh.pid("registry") != pid and url(mesh) == before
    done = mesh.run("restart", "--reset-config")
    assert url(mesh) == f"http://localhost:{mesh.env['MCP_MESH_REGISTRY_PORT']}" in done.stdout
    mesh.run("stop")
    assert "registry: started" in mesh.run("restart").stdout  # none runs: one is started


def test_the_configured_command(mesh):
    script = mesh.work / "my registry"
    script.mkdir()
    program = mesh.work / "reg.sh"
    program.write_text(
        f'#!/bin/sh\necho mine "$@"\nexec {TEND_BIN}/tend-registry --host "$HOST" --port "$PORT" --db {mesh.work}/own.db\n'
    )
    program.chmod(0o755)
    mesh.run("config", "set", "registry_command", f"{program} --one  two")
    mesh.run("start", "--background")
    assert "mine --one two" in mesh.log("registry")
    assert (mesh.work / "own.db").exists()


STAND_IN = """
import http.server, json, os, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert set(options) == {"--host", "--port"}, sys.argv
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"program": sys.argv[0], "env": dict(os.environ), "agents": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(options["--port"])), Handler).serve_forever()
"""


def is_told_its_address(mesh, found):
    env = found["env"]
    assert (env["HOST"], env["PORT"], env["MCP_MESH_REGISTRY_PORT"]) == (
        "localhost",
        str(mesh.port),
        str(mesh.port),
    )
    assert env["MCP_MESH_DATABASE_URL"] == f"sqlite:///{mesh.work / 'db' / 'r.db'}"
    # It listens at one of the two addresses of its host: by the name, another program could be
    # found at the other.
    assert (
        mesh.status("registry")["status"] == "running"
        and url(mesh) == f"http://127.0.0.1:{mesh.port}"
    )


def test_the_meshs_own_program_comes_first(mesh):
    """mcp-mesh-registry on PATH, before a Python that has the module."""
    programs = mesh.work / "bin"
    programs.mkdir()
    module(mesh)
    program = programs / "mcp-mesh-registry"
    program.write_text("#!/usr/bin/python3\n" + STAND_IN)
    program.chmod(0o755)
    mesh.env["PATH"] = f"{programs}:{mesh.env['PATH']}"
    mesh.run("start", "--background")
    found = get(url(mesh) + "/health")
    assert found["program"].endswith("mcp-mesh-registry")
    is_told_its_address(mesh, found)
    mesh.stop_all()


def module(mesh, text=STAND_IN):
    """A Python on PATH that has the reference's module installed."""
    subprocess.run(
        ["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", mesh.work / "venv"],
        check=True,
        timeout=60,
    )
    (site,) = (mesh.work / "venv" / "lib").glob("python3*/site-packages")
    package = site / "mcp_mesh_runtime"
    (package / "server").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "server" / "__init__.py").write_text("")
    (package / "server" / "__main__.py").write_text(text)
    mesh.env["PATH"] = f"{mesh.work / 'venv' / 'bin'}:{mesh.env['PATH']}"


def test_the_references_module_comes_next(mesh):
    module(mesh)
    mesh.run("start", "--background")
    found = get(url(mesh) + "/health")
    assert "mcp_mesh_runtime" in found["program"]
    is_told_its_address(mesh, found)


def test_a_python_without_the_module_is_passed_over(mesh):
    """Whatever it does when it is asked: fail, hang, be no Python at all."""
    programs = mesh.work / "bin"
    programs.mkdir()
    for text in ("exit 1", "kill -9 $$", "sleep 1000"):
        (programs / "python3").write_text(f"#!/bin/sh\n{text}\n")
        (programs / "python3").chmod(0o755)
        mesh.run(
            "start",
            "--background",
            timeout=60,
            env={**mesh.env, "PATH": f"{programs}:{mesh.env['PATH']}"},
        )
        assert get_soon(url(mesh) + "/health")["status"] == "healthy"  # our own
        mesh.run("stop")


def test_localhost_without_a_hosts_file(mesh):
    if os.geteuid():
        pytest.skip("needs root: a mount")
    no_names = "mount --bind /dev/null /etc/hosts; mount --bind /dev/null /etc/resolv.conf; mount --bind /dev/null /etc/nsswitch.conf"
    done = in_namespace(mesh, no_names, *mesh.argv("start", "--registry-only", "--background"))
    assert done.returncode == 0, done
    assert get(f"http://127.0.0.1:{mesh.port}/health")["status"] == "healthy"
    done = in_namespace(mesh, no_names, *mesh.argv("start", "--registry-only", "--background"))
    assert "already running" in done.stdout
    mesh.stop_all()


def test_a_registry_that_fails(mesh):
    mesh.run("config", "set", "registry_command", "/bin/false")
    done = mesh.run("start", agent(mesh), "--background", check=False)
    assert done.returncode == 1 and "the registry" in done.stderr
    assert mesh.status("plain") is None
    mesh.run("config", "set", "registry_command", "/no/such/program")
    done = mesh.run("start", "--registry-only", "--background", check=False)
    assert done.returncode == 1 and "/no/such/program" in done.stderr


def test_damaged_configuration(mesh):
    mesh.run("config", "reset")
    (mesh.home / "cli_config.json").write_text("{")
    done = mesh.run("start", "--background", check=False)
    assert done.returncode == 1 and "line 1, column 2" in done.stderr


@pytest.mark.parametrize(
    "option, value, status",
    [
        ("--registry-port", "0", 1),
        ("--registry-port", "x", 2),
        ("--registry-port", "65536", 1),
        ("--log-level", "LOUD", 2),
        ("--startup-timeout", "-1", 1),
        ("--startup-timeout", "1.5", 2),
        ("--db-path", "/", 1),
        ("--registry-host", "a b", 1),
    ],
)
def test_bad_options(mesh, option, value, status):
    """What can't be read is misuse; what is out of range fails as "tend config set" does. The
    option is named in each case, and nothing is made.
    """
    done = mesh.run("start", option, value, check=False)
    assert done.returncode == status and option in done.stderr.splitlines()[0]
    assert ("Configuration error" in done.stderr) == (status == 1)
    key = option.strip("-").replace("-", "_")
    words = mesh.run("config", "set", key, value, check=False)
    assert words.returncode == 1 and done.stderr.splitlines()[0].endswith(
        words.stderr.splitlines()[0].split("Configuration error: ")[1]
    )
    assert not mesh.home.exists()


def test_foreground(mesh):
    """Ctrl-C stops agent and registry, the registry last."""
    child = mesh.popen("start", AGENTS / "mesh_agent.py")
    assert "Ctrl-C stops them" in iter_until(child.stdout, "Ctrl-C")
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert out.index("mesh_agent: stopped") < out.index("registry: stopped")
    assert not os.path.exists(mesh.segment)


def test_a_foreground_start_of_which_none_registers_leaves_nothing(mesh):
    crash = agent(mesh, "crash.py", "print('one')\nraise SystemExit('no luck today')\n")
    silent = agent(
        mesh,
        "silent.py",
        "import time\nprint('nothing to register', flush=True)\ntime.sleep(1000)\n",
    )
    for _ in range(2):  # what the run before has written is not shown again
        done = mesh.run(
            "start",
            silent,
            crash,
            "--restart",
            "no",
            "--startup-timeout",
            "2",
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        for lines in (
            "silent has not registered; its last output:\n  nothing to register\ntend start: ",
            "crash ended before it was registered; its last output:\n  one\n  no luck today\ntend start: ",
            "no agent registered at http://",
        ):
            assert lines in done.stderr, done.stderr
        assert "silent: stopped" in done.stdout and "registry: stopped" in done.stdout
        assert not mesh.segment.exists() and mesh.run("status").stdout == "not running\n"
    mesh.must_be_clean = True


def test_a_foreground_start_whose_agents_all_crash_ends_at_once_and_touches_no_other(mesh):
    mesh.run("start", "--name", "kept", "--background", "--", helper("sleeper"))
    kept, daemons = mesh.pid("kept"), mesh.wait_daemons()
    quiet = agent(mesh, "quiet.py", "raise SystemExit(3)\n")
    done = mesh.run(
        "start", quiet, "--restart", "no", "--startup-timeout", "600", check=False, timeout=60
    )
    assert (
        done.returncode == 1
        and "quiet ended before it was registered; its last output:\n  (it has written nothing)\n"
        in done.stderr
    )
    assert mesh.pid("kept") == kept and mesh.wait_daemons() == daemons
    assert mesh.status("registry")["state"] == "stopped" and mesh.status("quiet")["state"] in (
        "failed",
        "stopped",
    )
    mesh.stop_all()


def iter_until(stream, text):
    for line in stream:
        if text in line:
            return line
    return ""


# ---- with an agent that registers


@pytest.fixture(params=["tend", "mesh"])
def quick(request, mesh):
    """Silence is noticed after a second; by tend's registry, and by the mesh's own where that can
    be had.
    """
    mesh.quiet = mesh.work / "quiet"
    mesh.env.update(
        DEFAULT_TIMEOUT_THRESHOLD="1",
        HEALTH_CHECK_INTERVAL="1",
        TEND_MONITOR_INTERVAL_MS="200",
        HEARTBEAT="0.2",
        QUIET_FILE=str(mesh.quiet),
    )
    mesh.registry_host = "localhost"
    if request.param == "mesh":
        meshkit.registry_on_path(mesh)
        mesh.registry_host = "127.0.0.1"  # it listens there alone
    return mesh


def test_registered_and_healthy(quick):
    done = quick.run("start", AGENTS / "mesh_agent.py", "--background")
    assert "mesh_agent: registered" in done.stdout
    quick.wait("mesh_agent", "healthy")
    pid = quick.pid("mesh_agent")
    listed = quick.json("list")["mesh_agent"]
    assert (
        listed["registered"]
        and listed["status"] == "registered"
        and listed["endpoint"].startswith("http://127.0.0.1:")
    )
    registry = quick.status()["registry"]
    assert (registry["status"], registry["port"], registry["url"]) == (
        "running",
        quick.port,
        url(quick),
    )
    assert registry["host"] == quick.registry_host and registry["database_path"] == str(
        quick.work / "db" / "r.db"
    )
    quick.quiet.touch()
    wait_until(
        lambda: quick.json("monitor")["mesh_agent"]["health_check"] == "unhealthy",
        30,
        "silence is noticed",
    )
    assert quick.pid("mesh_agent") == pid  # what the registry says restarts nothing
    quick.quiet.unlink()
    quick.wait("mesh_agent", "healthy")
    quick.stop_all()


def test_status_and_list_tell_who_is_registered(quick):
    """One that never registers is told, by headline, counters and note; what the other one offers
    is shown as it has registered it.
    """
    silent = quick.work / "silent.py"
    silent.write_text("import time\ntime.sleep(1000)\n")
    done = quick.run(
        "start", AGENTS / "mesh_agent.py", silent, "--background", "--startup-timeout", "3"
    )
    assert "1/2 agents registered" in done.stderr
    quick.wait("mesh_agent", "healthy")
    quick.run("start", "--name", "svc", "--background", "--", helper("sleeper"))
    lines = quick.run("status").stdout.splitlines()
    assert lines[0] == "DEGRADED: 4 processes, 4 running (1 not registered)"
    assert lines[1] == "agents: 2/2 running, 1/2 registered, 1/2 healthy"
    assert any(re.match(r"silent +running .* unregistered ", line) for line in lines)
    assert (
        f"silent: running: not registered at {url(quick)}" in lines
        and f"registry: {url(quick)} reachable, 1 agent listed" in lines
    )
    endpoint = quick.json("list")["mesh_agent"]["endpoint"]
    lines = quick.run("list").stdout.splitlines()
    assert lines[0] == "agents: 2/2 running, 1/2 registered, 1/2 healthy"
    assert lines[1].split() == [
        "NAME",
        "STATUS",
        "PID",
        "UPTIME",
        "REGISTERED",
        "HEALTH",
        "ENDPOINT",
        "CAPABILITIES",
    ]
    rows = {line.split()[0]: line.split() for line in lines[2:]}
    assert set(rows) == {"mesh_agent", "silent"}
    assert rows["mesh_agent"][4:] == ["yes", "healthy", endpoint, "greeting"] and rows["silent"][
        4:
    ] == ["no", "unknown", "-", "-"]
    assert set(quick.json("list", "--filter", "^registered")) == {"mesh_agent"} and set(
        quick.json("list", "--filter", "un")
    ) == {"mesh_agent", "silent"}
    capability = quick.json("list")["mesh_agent"]["capabilities"][0]
    assert capability["name"] == "greeting" and capability["function_name"] == "greet"
    text = quick.run("status", "mesh_agent").stdout
    assert f"endpoint     {endpoint}\n" in text and "offers       greeting\n" in text
    for name in ("early", "at-rest"):
        quick.run(
            "start", silent, "--name", name, "--background", "--startup-timeout", "1", check=False
        )
    quick.run("stop", "at-rest")
    names = [line.split()[0] for line in quick.run("list").stdout.splitlines()[2:]]
    assert names == ["mesh_agent", "early", "silent", "at-rest"], "who runs and is registered first"
    quick.run("stop", "silent", "early")
    assert quick.run("status").stdout.startswith("HEALTHY: ")
    quick.stop_all()


def test_restart_agent_waits_for_it(quick):
    """As the reference: exit status 0 once it is registered again, else 1; and it learns where the
    registry is now.
    """
    quick.run("start", AGENTS / "mesh_agent.py", "--background")
    pid = quick.pid("mesh_agent")
    done = quick.run("restart-agent", "mesh_agent")
    lines = done.stdout.splitlines()
    assert re.fullmatch(
        rf"mesh_agent: running \(pid {pid}, for .*\), {AGENTS}/mesh_agent.py", lines[0]
    )
    assert lines[1:] == [
        f"mesh_agent: restarted (pid {quick.pid('mesh_agent')})",
        "mesh_agent: registered",
    ]
    port = free_port()
    quick.env["MCP_MESH_REGISTRY_PORT"] = str(port)
    assert (
        f"at http://{quick.registry_host}:{port}" in quick.run("restart", "--reset-config").stdout
    )
    done = quick.run("restart-agent", "mesh_agent", "--json")
    assert json.loads(done.stdout)["processes"] == [
        {
            "name": "mesh_agent",
            "result": "restarted",
            "pid": quick.pid("mesh_agent"),
            "error": None,
            "registered": True,
        }
    ]
    told = dict(
        entry.split("=", 1)
        for entry in Path(f"/proc/{quick.pid('mesh_agent')}/environ").read_text().split("\0")
        if entry
    )
    assert [told[f"MCP_MESH_REGISTRY_{what}"] for what in ("URL", "HOST", "PORT")] == [
        f"http://{quick.registry_host}:{port}",
        quick.registry_host,
        str(port),
    ]
    assert "healthy" in [
        e["status"] for e in get(url(quick) + "/agents")["agents"]
    ]  # beside the run before, under its own id


def test_restart_agent_of_one_that_does_not_register(quick):
    quick.env["MCP_MESH_STARTUP_TIMEOUT"] = "1"
    assert quick.run("start", agent(quick), "--background", check=False).returncode == 1
    done = quick.run("restart-agent", "plain", check=False)
    assert done.returncode == 1 and "no agent registered" in done.stderr
    assert quick.status("plain")["status"] == "running"
    assert quick.run("restart", "plain").returncode == 0, "restart does not wait"
    quick.env["TEND_REGISTRY"] = "none"
    assert quick.run("restart-agent", "plain").returncode == 0


def test_what_an_earlier_run_left_in_the_registry_does_not_count(quick):
    """It is listed as alive, and was last seen before this run began."""
    server = FakeRegistry()
    try:
        server.agents = [entry("plain", seen=now(-10))]
        quick.env.update(MCP_MESH_REGISTRY_PORT=str(server.port), MCP_MESH_STARTUP_TIMEOUT="1")
        done = quick.run("start", agent(quick), "--background", check=False)
        assert done.returncode == 1 and "no agent registered" in done.stderr
        assert "the registry has not heard of it yet" in quick.run("status", "plain").stdout
        quick.env["MCP_MESH_STARTUP_TIMEOUT"] = "30"
        server.agents = [entry("plain")]
        assert "plain: registered" in quick.run("restart-agent", "plain").stdout
    finally:
        server.close()


def test_some_register(quick):
    done = quick.run(
        "start",
        AGENTS / "mesh_agent.py",
        agent(quick),
        "--background",
        "--startup-timeout",
        "5",
        timeout=60,
    )
    assert "mesh_agent: registered" in done.stdout and "1/2 agents registered" in done.stderr
    assert quick.status("plain")["status"] == "running"


def test_one_that_is_up_already_is_not_waited_for(quick):
    quick.run("start", AGENTS / "mesh_agent.py", "--background")
    done = quick.run("start", AGENTS / "mesh_agent.py", "--background")
    assert (
        "mesh_agent: already running" in done.stdout and "registry: already running" in done.stdout
    )


def test_the_registry_dies_under_an_agent(quick):
    """It comes back with what it knew; agent and tend notice and recover."""
    quick.run("start", AGENTS / "mesh_agent.py", "--background")
    quick.wait("mesh_agent", "healthy")
    agent_pid, pid = quick.pid("mesh_agent"), quick.pid("registry")
    quick.kill(pid)
    quick.wait_pid("registry", not_pid=pid)
    get_soon(url(quick) + "/health")  # it runs, and may not listen yet
    wait_until(
        lambda: [e["status"] for e in get(url(quick) + "/agents")["agents"]] == ["healthy"],
        30,
        "it is healthy again",
    )
    quick.wait("mesh_agent", "healthy")
    assert quick.pid("mesh_agent") == agent_pid
