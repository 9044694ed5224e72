"""Probes, the monitoring policy, the brake and alerts, through the real monitor and spawner."""

import http.server
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from common import wait_cycles
from fake_registry import FakeRegistry, entry
from harness import alive, helper, suspend, wait_until

OTHER_UID, OWN_UID = 65534, 65533
SECOND = {"interval": 0.1, "timeout": 0.5, "failure_threshold": 2}


@pytest.fixture
def quick(tend):
    tend.env.update(TEND_MONITOR_INTERVAL_MS="150", MCP_MESH_REGISTRY_URL="http://127.0.0.1:1")
    return tend


class Web:
    """An HTTP server that answers with .status and .body; .posts are the bodies that were posted.
    hang: it answers nothing.
    """

    def __init__(self):
        self.status, self.body, self.posts, self.hang, self.headers, self.paths = (
            200,
            b"ok",
            [],
            False,
            {},
            [],
        )
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.paths.append(self.path)
                if web.hang:
                    time.sleep(20)
                body = web.body(self) if callable(web.body) else web.body
                self.send_response(
                    web.status.get(self.path, 200) if isinstance(web.status, dict) else web.status
                )
                for key, value in web.headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.posted = self.rfile.read(int(self.headers["Content-Length"]))
                web.posts.append(json.loads(self.posted))
                self.do_GET()

            do_DELETE = do_GET

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def web():
    server = Web()
    yield server
    server.server.shutdown()
    server.server.server_close()


def start(tend, health, *command, name="svc"):
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


def probes(liveness, **more):
    return {"probes": {"liveness": {**SECOND, **liveness}}, **more}


def wait_health(tend, wanted, name="svc"):
    wait_until(lambda: tend.status(name)["health_check"] == wanted, 20, f"{name} {wanted}")


def test_http_status_and_body(quick, web):
    start(quick, probes({"http": web.url + "/x", "body": r"^\w[k\d]$"}))
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    web.body = b"not so"
    wait_health(quick, "unhealthy")
    assert "does not match" in quick.run("status", "svc").stdout
    web.body, web.status = b"ok", 503
    wait_until(lambda: "status 503" in quick.run("status", "svc").stdout)
    web.status = 200
    wait_health(quick, "healthy")
    assert quick.status("svc")["restarts"] == 0  # the default policy restarts nothing


def test_a_hanging_probe_delays_no_other(quick, web):
    web.hang = True
    start(quick, probes({"http": web.url}), name="hung")
    start(quick, probes({"exec": ["true"]}))
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    wait_health(quick, "unhealthy", "hung")


HOSTILE = {
    "hang": "imed out",
    "dribble": "imed out",
    "half": "",
    "close": "mpty reply",
    "huge": "larger",
    "headers": "larger",
    "binary": "",
    "500 Oops": "status 500",
}


@pytest.mark.parametrize("mode", HOSTILE)
def test_a_process_that_answers_badly_is_unhealthy_and_recovers(quick, mode):
    server = FakeRegistry()  # it answers any path
    try:
        start(quick, probes({"http": server.url + "/live", "body": "agents"}))
        start(quick, probes({"http": server.url + "/live"}), name="head")
        start(quick, probes({"exec": ["true"]}), name="other")
        quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
        server.mode = mode
        wait_health(quick, "unhealthy")
        assert HOSTILE[mode] in quick.run("status", "svc").stdout
        assert quick.status("other")["health_check"] == "healthy"
        if mode in ("huge", "dribble", "half"):  # the status line was in order
            wait_cycles(quick, 10)
            assert quick.status("head")["health_check"] == "healthy"
        else:
            wait_health(quick, "unhealthy", "head")
        server.mode = "ok"
        wait_health(quick, "healthy")
    finally:
        server.close()


def test_tcp(quick):
    server = socket.create_server(("127.0.0.1", 0))
    start(quick, probes({"tcp": f"127.0.0.1:{server.getsockname()[1]}"}))
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    server.close()
    wait_health(quick, "unhealthy")


def test_exec_is_killed_with_its_children_at_the_timeout(quick):
    flag = quick.work / "hang"
    pids = quick.work / "pids"
    start(
        quick,
        probes(
            {
                "exec": [
                    "/bin/sh",
                    "-c",
                    f"test -e {flag} || exit 0; sleep 1000 & echo $! >> {pids}; wait",
                ]
            }
        ),
    )
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    flag.write_text("")
    wait_health(quick, "unhealthy")
    flag.unlink()
    wait_health(quick, "healthy")
    wait_until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def test_exec_status_is_told(quick):
    start(quick, probes({"exec": ["/bin/sh", "-c", "yes | head -c 1000000; exit 7"]}))
    wait_health(quick, "unhealthy")
    assert "exited with status 7" in quick.run("status", "svc").stdout


def test_startup_waits_for_a_line_of_the_log(quick):
    go = quick.work / "go"
    start(
        quick,
        {"probes": {"startup": {"log": r"^ready\s\d+$", "interval": 0.1, "within": 60}}},
        "/bin/sh",
        "-c",
        f"echo begin; until test -e {go}; do sleep 0.05; done; echo ready 1; exec sleep 1000",
    )
    quick.wait_log("svc", "begin")
    assert quick.status("svc")["health_check"] == "unknown"
    go.write_text("")
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")


@pytest.mark.parametrize("stream", (False, True))
def test_mcp_initialize_and_ping(quick, web, stream):
    seen = []

    def answer(request):
        call = json.loads(request.posted)
        seen.append((call["method"], request.headers.get("Mcp-Session-Id")))
        text = json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": {}})
        return (f"event: message\ndata: {text}\n\n" if stream else text).encode()

    web.body, web.headers = answer, {
        "Mcp-Session-Id": "s1",
        "Content-Type": "text/event-stream" if stream else "application/json",
    }
    start(quick, probes({"mcp": web.url + "/mcp"}))
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    assert seen[:2] == [("initialize", None), ("ping", "s1")]
    web.body = (
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}'
        if not stream
        else b"data: no\n"
    )
    wait_health(quick, "unhealthy")


def test_mcp_ends_its_session_and_finds_its_answer_in_the_stream(quick, web):
    """A notification and a request of the server's come first, and the stream stays open behind the
    answer.
    """
    gone, ended = threading.Event(), []

    def answer(request):
        if request.command == "DELETE":
            ended.append(request.headers.get("Mcp-Session-Id"))
            return b""
        call = json.loads(request.posted)
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Mcp-Session-Id", f"s{len(web.posts)}")
        request.end_headers()
        for event in (
            {"jsonrpc": "2.0", "method": "notifications/message"},
            {"jsonrpc": "2.0", "id": call["id"], "method": "ping"},
            {"jsonrpc": "2.0", "id": call["id"], "result": {}},
        ):
            request.wfile.write(f"event: message\ndata: {json.dumps(event)}\n\n".encode())
        gone.wait(30)
        raise ConnectionError

    web.body = answer
    start(quick, probes({"mcp": web.url + "/mcp"}))
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    wait_until(lambda: len(ended) >= 2, 20, "ended sessions")
    assert ended[:2] == ["s1", "s3"]
    gone.set()


def test_mesh_probes(quick, web):
    """What every agent of the mesh serves, by one word."""
    web.status = {"/startupz": 503}
    quick.run(
        "start",
        "--name",
        "svc",
        "--background",
        "--health",
        f"mesh:{web.port}",
        "--",
        "sleep",
        "1000",
    )
    wait_until(lambda: web.paths.count("/startupz") >= 2, 20)
    assert quick.status("svc")["health_check"] == "unknown" and set(web.paths) == {
        "/startupz"
    }  # the others wait for it
    web.status = {}
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "20s")
    assert {"/ready", "/livez"} <= set(web.paths)
    web.status = {"/ready": 503}
    wait_until(lambda: quick.status("svc")["health_check"] == "degraded", 90)
    assert "readiness probe: it answered with status 503" in quick.run("status", "svc").stdout
    assert web.paths[-1] != "/startupz"  # not asked again once it has passed


def test_the_first_success_does_not_wait_for_an_interval(quick):
    flag = quick.work / "up"
    start(
        quick,
        {"probes": {"liveness": {"exec": ["/usr/bin/test", "-e", str(flag)], "interval": 3600}}},
    )
    wait_cycles(quick, 3)
    flag.write_text("")
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "100s", timeout=120)


def test_what_is_tried_more_often_at_first_fails_no_sooner(quick):
    tries = quick.work / "tries"
    start(
        quick,
        {
            "probes": {
                "liveness": {
                    "exec": ["/bin/sh", "-c", f"echo >> {tries}; exit 1"],
                    "interval": 3600,
                    "failure_threshold": 2,
                }
            }
        },
    )
    wait_until(lambda: tries.exists() and len(tries.read_text()) >= 4, 30, "four tries")
    wait_cycles(quick, 3)
    assert quick.status("svc")["health_check"] == "unknown"


@pytest.mark.parametrize("way", ("restart", "a new instance"))
def test_a_line_of_the_run_before_does_not_count(quick, way):
    once = quick.work / "once"
    start(
        quick,
        {"probes": {"startup": {"log": "^ready$", "interval": 0.1, "within": 600}}},
        "/bin/sh",
        "-c",
        f"test -e {once} || echo ready; : > {once}; echo begun; exec sleep 1000",
    )
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "30s")
    if way == "restart":
        quick.run("restart", "svc")
    else:
        quick.run("stop")
        quick.run("start")
    wait_until(lambda: quick.log("svc").count("begun") == 2, 20)
    wait_cycles(quick, 5)
    assert quick.status("svc")["health_check"] == "unknown"


def test_a_line_right_before_a_rotation_counts(quick):
    go = quick.work / "go"
    start(
        quick,
        {"probes": {"startup": {"log": "^ready$", "interval": 2, "within": 600}}},
        "/bin/sh",
        "-c",
        f"echo begun; until test -e {go}; do sleep 0.05; done; echo ready; exec sleep 1000",
    )
    quick.wait_log("svc", "begun")
    wait_cycles(quick, 3)
    go.write_text("")
    quick.wait_log("svc", "^ready$")
    quick.run("logs", "rotate", "svc")
    assert "ready" not in quick.log("svc")
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "30s")


def test_a_new_monitor_gives_a_log_probe_its_time_again(quick):
    """When the last line matched is not known to it."""
    start(
        quick,
        probes({"log": "^beat$", "within": 3}),
        "/bin/sh",
        "-c",
        "while echo beat; do sleep 1; done",
    )
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "30s")
    old = quick.daemon_pid("monitor")
    quick.kill_daemon("monitor")
    quick.wait_daemon("monitor", not_pid=old)
    wait_cycles(quick, 10)
    assert not [e for e in quick.events("svc") if "unhealthy" in json.dumps(e)]


SERVER = """
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked for", self.path, "at", self.server.server_address[1], flush=True)
        self.send_response(self.server.says)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
class V6(http.server.ThreadingHTTPServer):
    address_family = 10
ports = []
for says, family in %s:
    server = V6 if family == 6 else http.server.ThreadingHTTPServer
    server = server(("::1" if family == 6 else "127.0.0.1", 0), Handler)
    server.says = says
    ports.append(server.server_address[1])
    threading.Thread(target=server.serve_forever).start()
print("ports", *ports, flush=True)
"""


@pytest.fixture
def listed(tend):
    """Start an agent with mesh probes that serves at ports of its own; returns these, and a
    function that sets where the registry says that it listens.
    """
    registry = FakeRegistry()
    tend.env.update(TEND_MONITOR_INTERVAL_MS="150", MCP_MESH_REGISTRY_URL=registry.url)

    def endpoint(url):
        registry.agents = [entry("web", endpoint=url)]
        if url:
            registry.wait_requests(2)

    def begin(*servers):
        path = tend.work / "web.py"
        path.write_text(SERVER % repr(servers))
        endpoint("")
        tend.run("start", "--background", "--health", "mesh", path)
        return [int(word) for word in tend.wait_log("web", r"^ports ([0-9 ]+)$")[1].split()]

    yield begin, endpoint
    registry.close()


def wait_told(tend, text, name="web"):
    wait_until(lambda: text in tend.run("status", name, check=False).stdout, 30, text)


@pytest.mark.parametrize("family", (4, 6))
def test_mesh_probes_go_to_the_endpoint_that_the_registry_lists(tend, listed, family):
    begin, endpoint = listed
    port = begin((200, family))[0]
    endpoint(f"http://localhost:{port}")
    tend.run("wait", "web", "--for", "healthy", "--timeout", "30s")
    for path in ("/startupz", "/ready", "/livez"):  # the logger may be a moment behind
        tend.wait_log("web", f"asked for {path} at {port}")


def test_an_endpoint_that_is_not_the_agents_own_is_not_probed(tend, listed, web):
    """Another process listens there. That is told, and nobody is asked until the registry tells the
    truth.
    """
    begin, endpoint = listed
    port = begin((200, 4))[0]
    endpoint(web.url)
    wait_told(tend, "not probed: it does not listen at the registry's port for it")
    assert not web.paths and tend.status("web")["health_check"] == "unknown"
    endpoint(f"http://127.0.0.1:{port}")
    tend.run("wait", "web", "--for", "healthy", "--timeout", "30s")
    assert not web.paths


def test_a_port_that_has_passed_is_kept_whatever_is_registered_later(tend, listed, web):
    begin, endpoint = listed
    good, bad = begin((200, 4), (500, 4))
    endpoint(f"http://127.0.0.1:{good}")
    tend.run("wait", "web", "--for", "healthy", "--timeout", "30s")
    for lie in (web.port, bad):
        endpoint(f"http://127.0.0.1:{lie}")
        asked = tend.log("web").count("asked for /livez")
        wait_until(lambda: tend.log("web").count("asked for /livez") > asked, 60, "one more probe")
        assert tend.status("web")["health_check"] == "healthy"
    assert not web.paths and f"at {bad}" not in tend.log("web")


def test_one_of_several_ports_counts_only_once_it_has_passed(tend, listed):
    """The registry names a port of the agent that was never meant to be probed."""
    begin, endpoint = listed
    good, bad = begin((200, 4), (500, 4))
    endpoint(f"http://127.0.0.1:{bad}")
    tend.wait_log("web", f"asked for /startupz at {bad}")
    wait_told(tend, "it has not passed yet at the registry's port")
    endpoint(f"http://127.0.0.1:{good}")
    tend.run("wait", "web", "--for", "healthy", "--timeout", "30s")


POLICY = {
    "restart_on_failure": True,
    "max_restart_attempts": 1,
    "restart_cooldown": 0,
    "check_interval": 1,
}


def test_an_unhealthy_process_is_restarted_and_given_up_after_the_attempts(quick, web):
    (quick.home).mkdir(exist_ok=True, mode=0o700)
    (quick.home / "monitor.json").write_text(json.dumps({"alerts": {"url": web.url + "/alerts"}}))
    pid = start(quick, probes({"exec": ["false"]}, policy=POLICY))
    quick.wait_pid("svc", not_pid=pid)
    wait_until(lambda: any(p["alert"] == "gave_up" for p in web.posts), 30)
    kinds = [p["alert"] for p in web.posts]
    assert (
        kinds[:2] == ["process_failed", "process_restarted"]
        and kinds.count("process_restarted") == 1
    )
    assert (
        "exited with status 1" in web.posts[0]["error"]
        and web.posts[0]["consecutive_failures"] == 1
    )
    assert web.posts[1]["restart_count"] == 1
    assert any(e["reason"] == "unhealthy" for e in quick.events("svc"))
    assert "attempts are used up" in quick.run("status", "svc").stdout


def test_a_new_run_has_all_its_failures_ahead(quick):
    """It was restarted because a probe failed, and needs a while until it answers: that is less
    than the threshold.
    """
    flag, runs = quick.work / "bad", quick.work / "runs"
    probe = {
        "exec": ["/bin/sh", "-c", f"! test -e {flag}"],
        "interval": 0.2,
        "failure_threshold": 10,
    }
    pid = start(
        quick,
        probes(probe, policy=POLICY),
        "/bin/sh",
        "-c",
        f"echo >> {runs}; test $(wc -l < {runs}) = 1 || {{ sleep 0.5; rm {flag}; }}; exec sleep 1000",
    )
    wait_health(quick, "healthy")
    flag.write_text("")
    quick.wait_pid("svc", not_pid=pid)
    wait_health(quick, "healthy")
    ends = [e["to"] for e in quick.events("svc") if e["event"] == "health"]
    assert ends.count("unhealthy") == 1, ends


def test_what_is_stopped_for_its_health_is_not_healthy_meanwhile(quick):
    policy = {**POLICY, "health_check_timeout": 1}
    pid = start(
        quick,
        probes({"exec": ["false"]}, policy=policy),
        "/bin/sh",
        "-c",
        "trap '' TERM; while :; do sleep 0.1; done",
    )
    quick.wait_pid("svc", not_pid=pid)
    assert all(e["to"] != "healthy" for e in quick.events("svc") if e["event"] == "health")


def test_what_runs_again_is_healthy_for_no_reason(quick):
    """How an earlier run ended says nothing of this one."""
    runs = quick.work / "runs"
    start(
        quick,
        {"limits": {"age": 0}},
        "/bin/sh",
        "-c",
        f"echo >> {runs}; test $(wc -l < {runs}) -gt 2 || exit 3; exec sleep 1000",
    )
    wait_until(
        lambda: quick.status("svc")["restarts"] == 2
        and quick.status("svc")["health_check"] == "healthy",
        20,
    )
    assert any(e["event"] == "health" and e["to"] == "failed" for e in quick.events("svc"))
    assert quick.json("why", "svc", "--json")["health_error"] is None
    assert "health       healthy\n" in quick.run("status", "svc").stdout


def test_a_restart_that_fails_is_told(quick, web):
    """Its program is gone when it is to be started again."""
    quick.home.mkdir(exist_ok=True, mode=0o700)
    (quick.home / "monitor.json").write_text(json.dumps({"alerts": {"url": web.url}}))
    flag, program = quick.work / "bad", quick.work / "program"
    shutil.copy("/bin/sleep", program)
    start(
        quick,
        probes({"exec": ["/bin/sh", "-c", f"! test -e {flag}"]}, policy=POLICY),
        str(program),
        "1000",
    )
    wait_health(quick, "healthy")
    program.unlink()
    flag.write_text("")
    wait_until(lambda: any(p["alert"] == "process_restart_failed" for p in web.posts), 30)
    kinds = [p["alert"] for p in web.posts]
    assert kinds[0] == "process_failed" and "process_restarted" not in kinds


def test_a_memory_limit_restarts(quick):
    pid = start(quick, {"limits": {"memory_bytes": 1, "action": "restart"}})
    quick.wait_pid("svc", not_pid=pid)
    assert any(e["reason"] == "over-limit" for e in quick.events("svc"))


def test_the_brake_holds_when_many_turn_unhealthy(quick):
    flag = quick.work / "bad"
    for i in range(4):
        start(
            quick,
            probes(
                {"exec": ["/bin/sh", "-c", f"! test -e {flag}"]},
                policy={**POLICY, "restart_cooldown": 60, "max_restart_attempts": 100},
            ),
            name=f"p{i}",
        )
    for i in range(4):
        wait_health(quick, "healthy", f"p{i}")
    flag.write_text("")
    wait_until(lambda: any(e["event"] == "brake" for e in quick.json("events", "--json")), 20)
    assert "held back" in quick.run("events").stdout


def test_an_alert_command_that_hangs_or_fails_holds_nothing_up(quick, web):
    out = quick.work / "alerts"
    quick.home.mkdir(exist_ok=True, mode=0o700)
    (quick.home / "monitor.json").write_text(
        json.dumps(
            {"alerts": {"command": ["/bin/sh", "-c", f"cat >> {out}; sleep 1000"], "timeout": 0.3}}
        )
    )
    flag = quick.work / "bad"
    start(
        quick,
        probes({"exec": ["/bin/sh", "-c", f"! test -e {flag}"]}, policy={"check_interval": 1}),
    )
    wait_health(quick, "healthy")
    flag.write_text("")
    wait_health(quick, "unhealthy")
    flag.unlink()
    wait_health(quick, "healthy")
    wait_until(lambda: out.exists() and out.read_text().count("\n") >= 2, 20)
    assert [json.loads(line)["alert"] for line in out.read_text().splitlines()[:2]] == [
        "process_failed",
        "process_recovered",
    ]
    wait_until(lambda: any(e["event"] == "alert" for e in quick.json("events", "--json")), 20)
    wait_until(lambda: not list((quick.home / "run" / "alerts").iterdir()), 20)


@pytest.mark.parametrize(
    "text,part",
    [
        ("{", "no JSON"),
        ('{"probes":{"live":{}}}', 'no key "live"'),
        ('{"probes":{"liveness":{"http":5}}}', "a string"),
        ('{"probes":{"liveness":{"http":"x"}}}', "http://"),
        ('{"limits":{"age":-1}}', "health.limits.age"),
        ('{"policy":{"enabled":1}}', "health.policy.enabled"),
    ],
)
def test_a_wrong_description_is_refused(quick, text, part):
    path = quick.work / "bad.json"
    path.write_text(text)
    done = quick.run("start", "--name", "x", "--health", path, "--", "true", check=False)
    assert done.returncode != 0 and part in done.stderr


def test_a_waiting_alert_survives_the_monitor(quick, web):
    quick.home.mkdir(exist_ok=True, mode=0o700)
    (quick.home / "monitor.json").write_text(json.dumps({"alerts": {"url": web.url}}))
    web.status = 500
    start(quick, probes({"exec": ["false"]}))
    wait_until(lambda: web.posts, 20)
    old = quick.daemon_pid("monitor")
    quick.kill_daemon("monitor")
    quick.wait_daemon("monitor", not_pid=old)
    web.status = 200
    count = len(web.posts)
    wait_until(
        lambda: len(web.posts) > count and not list((quick.home / "run" / "alerts").iterdir()), 20
    )
    assert web.posts[-1]["alert"] in ("process_failed", "daemon_restarted")
    assert any(p["alert"] == "process_failed" for p in web.posts[count:])


def test_the_queue_of_alerts_is_bounded(quick, web):
    """256 wait already, as an earlier monitor has left them: each further one costs one, and the
    others are delivered in their order.
    """
    folder = quick.home / "run" / "alerts"
    for made in (quick.home, folder.parent, folder):
        made.mkdir(mode=0o700, exist_ok=True)
    for i in range(1, 257):
        file = folder / f"{i:020}.json"
        file.write_text(json.dumps({"alert": "old", "process": f"p{i}"}) + "\n")
        file.chmod(0o600)
    (quick.home / "monitor.json").write_text(json.dumps({"alerts": {"url": web.url}}))
    web.status = 500

    def monitor():
        return quick.json("status", "--json")["monitor"]

    flag = quick.work / "bad"
    start(
        quick,
        probes({"exec": ["/bin/sh", "-c", f"! test -e {flag}"]}, policy={"check_interval": 1}),
    )
    wait_health(quick, "healthy")
    wait_until(lambda: monitor()["alerts_queued"] == 256 and web.posts, 20)
    flag.write_text("")
    wait_until(lambda: monitor()["alerts_lost"] == 1, 20, "a lost alert")
    flag.unlink()
    wait_until(lambda: monitor()["alerts_lost"] == 2, 20, "another lost alert")
    assert (
        monitor()["alerts_queued"] == 256
        and len(list(folder.iterdir())) == 256
        and monitor()["alerts_sent"] == 0
    )
    assert "2 could not be delivered" in quick.run("doctor", check=False).stdout
    refused = len(web.posts)
    web.status = 200
    wait_until(lambda: monitor()["alerts_sent"] == 256, 120, "the others delivered")
    assert monitor()["alerts_queued"] == 0 and not list(folder.iterdir())
    old = [int(p["process"][1:]) for p in web.posts[refused:] if p["alert"] == "old"]
    assert old == sorted(old) and old[-1] == 256 and len(old) >= 254


@pytest.mark.parametrize("host", ("127.0.0.1", "::1"))
def test_a_port_alone_is_tried_on_both_loopbacks(quick, host):
    try:
        server = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server:
        quick.run(
            "start",
            "--name",
            "svc",
            "--background",
            "--health",
            f"tcp:{server.getsockname()[1]}",
            "--",
            "sleep",
            "1000",
        )
        quick.run("wait", "svc", "--for", "healthy", "--timeout", "60s")


@pytest.mark.parametrize("kind", ("text/event-stream", "text/plain"))
def test_an_answer_without_an_end_is_judged_by_its_status(quick, web, kind):
    """A stream of events at once, any other when the timeout is over; with "body" the whole answer
    is wanted.
    """
    gone = threading.Event()

    def endless(request):
        request.send_response(web.status)
        request.send_header("Content-Type", kind)
        request.end_headers()
        request.wfile.write(b"data: 1\n\n")
        gone.wait(30)
        raise ConnectionError

    web.body = lambda request: endless(request) if request.path == "/events" else b"ok"
    start(quick, probes({"http": web.url + "/events"}), name="all")
    start(quick, probes({"http": web.url + "/events", "body": "2"}), name="part")
    wait_health(quick, "healthy", "all")
    wait_health(quick, "unhealthy", "part")
    web.status = 503
    wait_health(quick, "unhealthy", "all")
    assert "status 503" in quick.run("status", "all", check=False).stdout
    gone.set()


def test_a_restart_that_was_asked_for_survives_the_loss_of_the_table(quick):
    flag = quick.work / "bad"
    policy = {
        "restart_on_failure": True,
        "max_restart_attempts": 1,
        "restart_cooldown": 0,
        "check_interval": 1,
    }
    pid = start(quick, probes({"exec": ["/usr/bin/test", "!", "-e", str(flag)]}, policy=policy))
    quick.run("wait", "svc", "--for", "healthy", "--timeout", "30s")
    log = quick.home / "logs" / "tend.log"
    spawner = quick.daemon_pid("spawner")
    life = quick.json("snapshot", "--json")["rows"][0]["life"]["life"]
    suspend(spawner)
    flag.write_text("")
    wait_until(lambda: "svc: restarting it" in log.read_text(), 30, "a restart that was asked for")
    flag.unlink()
    quick.segment.unlink()
    wait_until(
        lambda: "[monitor] the process table was made again" in log.read_text(), 30, "a new table"
    )
    os.kill(spawner, signal.SIGCONT)
    quick.wait_pid("svc", not_pid=pid, timeout=30)
    wait_until(
        lambda: quick.json("snapshot", "--json")["rows"][0]["health"]["health_restarts"] == 1,
        30,
        "the restart was noticed",
    )
    assert "the restart failed" not in log.read_text()
    assert quick.json("snapshot", "--json")["rows"][0]["life"]["life"] == life + 1, "once"


@pytest.fixture
def undying(tend):
    """An instance of an ordinary user, and a program that its monitor can't kill, as what hangs in
    the kernel can't: it became another user.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can make a program that becomes another user")
    tend.root.chmod(0o755)
    tool = tend.root / "setpriv"
    shutil.copy("/usr/bin/setpriv", tool)
    tool.chmod(0o4755)
    command = [
        str(tool),
        "--reuid",
        str(OTHER_UID),
        "--clear-groups",
        "sleep",
        str(10**6 + os.getpid()),
    ]
    for folder in (tend.home, tend.work):
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, OWN_UID, OWN_UID)
    tend.env.update(TEND_MONITOR_INTERVAL_MS="150", TEND_REGISTRY="none")
    run = tend.run
    tend.run = lambda *args, **options: run(
        *args, user=OWN_UID, group=OWN_UID, extra_groups=[], **options
    )
    proof = subprocess.run([*command[:-1], "0"], user=OWN_UID, group=OWN_UID)
    if proof.returncode:
        pytest.skip("the file system knows no setuid programs")
    yield tend, command
    for pid in living(command):
        os.kill(pid, 9)


def living(command):
    return [
        int(pid)
        for pid in os.listdir("/proc")
        if pid.isdigit() and command_line(pid)[:2] == command[-2:] and alive(int(pid))
    ]


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


@pytest.mark.parametrize("below", (False, True), ids=("itself", "its child"))
def test_a_probe_that_can_not_be_killed_holds_nothing_up(undying, below):
    """Others are probed, no second one is started beside it, status and doctor tell, and the
    instance ends.
    """
    tend, tool = undying
    flag = tend.work / "bad"
    command = ["/bin/sh", "-c", shlex.join(tool) + "; true"] if below else tool
    start(tend, probes({"exec": command}), name="hang")
    start(tend, probes({"exec": ["/usr/bin/test", "!", "-e", str(flag)]}), name="web")
    tend.run("wait", "web", "--for", "healthy", "--timeout", "30s")
    wait_until(lambda: tend.status("hang")["health_check"] == "unhealthy", 30, "hang unhealthy")
    wait_until(
        lambda: "can't be killed" in tend.run("status", "hang", check=False).stdout,
        30,
        "the reason",
    )
    wait_until(
        lambda: "1 command of probes or alerts can't be killed"
        in tend.run("doctor", check=False).stdout,
        30,
        "doctor tells",
    )
    assert "can't be killed" in tend.run("status").stdout
    flag.write_text("")
    wait_health(tend, "unhealthy", "web")
    assert len(living(tool)) == 1
    tend.run("stop", "--timeout", "5s", timeout=60)
    assert len(living(tool)) == 1


def test_a_probe_is_made_again_once_the_one_before_has_gone(undying):
    tend, tool = undying
    start(tend, probes({"exec": tool}), name="hang")
    wait_until(
        lambda: "can't be killed" in tend.run("status", "hang", check=False).stdout,
        30,
        "the reason",
    )
    old = living(tool)
    os.kill(old[0], 9)
    wait_until(lambda: living(tool) and living(tool) != old, 30, "another one")


def test_an_alert_command_that_can_not_be_killed_holds_nothing_up(undying):
    """No second one is started; the alerts behind it are lost, each counted once."""
    tend, tool = undying
    (tend.home / "monitor.json").write_text(
        json.dumps({"alerts": {"command": tool, "timeout": 0.3}})
    )
    start(tend, probes({"exec": ["false"]}), name="one")
    start(tend, probes({"exec": ["false"]}), name="two")
    wait_until(
        lambda: tend.json("status", "--json")["monitor"]["alerts_lost"] == 2, 30, "two lost alerts"
    )
    assert len(living(tool)) == 1 and tend.json("status", "--json")["monitor"]["alerts_sent"] == 0
    tend.run("stop", "--timeout", "5s", timeout=60)


def test_a_monitor_that_looks_at_nothing_is_stuck(quick):
    """It runs, and has not looked for long: as a command sees it half a minute later."""
    start(quick, {})
    wait_cycles(quick, 3)
    pid = quick.daemon_pid("monitor")
    later = {
        "LD_PRELOAD": str(Path(helper("sleeper")).parent.parent / "chaos/shiftclock.so"),
        "CHAOS_LATER": str(32 * 10**9),
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
    }
    for env, word in ({}, "running"), (later, "stuck"):
        shown = quick.run("status", "--verbose", env=env).stdout
        assert f"monitor {word} (pid {pid}" in shown, shown
        told = json.loads(quick.run("status", "--json", env=env).stdout)["daemons"]["monitor"]
        assert told["state"] == word
        assert ("monitor stuck" in quick.run("status", env=env).stdout) == (word == "stuck")
    assert quick.run("doctor").stdout.count("stuck") == 0
    doctor = quick.run("doctor", env=later, check=False)
    assert doctor.returncode == 1
    assert re.search(
        f"monitor: process {pid} has not looked at what runs for long .* it is stuck", doctor.stdout
    )


@pytest.mark.parametrize("role", ("monitor", "logger", "spawner"))
def test_a_stopped_daemon_does_not_keep_the_instance_from_ending(tend, role):
    start(tend, {}, "/bin/sh", "-c", "echo begin; exec sleep 1000")
    tend.wait_log("svc", "begin")
    os.kill(tend.daemon_pid(role), signal.SIGSTOP)
    tend.run("stop", timeout=120)
    assert "begin" in tend.log("svc") and not tend.segment.exists()


def test_an_alert_is_either_sent_or_lost(quick, web):
    """The command fails and the address takes it: one of the two ways did not work, which counts
    once.
    """
    quick.home.mkdir(exist_ok=True, mode=0o700)
    (quick.home / "monitor.json").write_text(
        json.dumps({"alerts": {"command": ["false"], "url": web.url}})
    )
    start(quick, probes({"exec": ["false"]}))
    wait_until(
        lambda: quick.json("status", "--json")["monitor"]["alerts_lost"] == 1, 20, "a lost alert"
    )
    assert len(web.posts) == 1 and quick.json("status", "--json")["monitor"]["alerts_sent"] == 0


def test_what_can_not_be_executed_is_told(quick):
    start(quick, probes({"exec": ["/nonexistent"]}))
    wait_until(
        lambda: "could not be executed: No such file"
        in quick.run("status", "svc", check=False).stdout,
        20,
        "the reason",
    )


def test_what_survives_sigkill_does_not_keep_stop_waiting(undying):
    """As what hangs in the kernel does: that is told, and the instance ends once it has gone."""
    tend, tool = undying
    start(tend, {}, *tool)
    wait_until(lambda: living(tool), 20)
    start(tend, {}, name="other")
    done = tend.run("stop", "--timeout", "1s", check=False, timeout=100)
    assert (
        done.returncode == 1
        and "svc: something of it" in done.stderr
        and "survives SIGKILL" in done.stderr
    )
    for pid in living(tool):
        os.kill(pid, 9)
    wait_until(lambda: not tend.segment.exists(), 60, "the end of the instance")


@pytest.mark.parametrize(
    "command, after", [("stop", "is stopped then"), ("restart", "is started again then")]
)
def test_a_command_for_what_survives_sigkill_comes_to_an_end(undying, command, after):
    """It is told, what else was named is done, and it is carried out once the kernel lets go."""
    tend, tool = undying
    start(tend, {}, *tool)
    wait_until(lambda: living(tool), 20)
    start(tend, {}, name="other")
    old = tend.pid("other")
    done = tend.run(command, "svc", "other", "--timeout", "1s", check=False, timeout=100)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith(f"tend {command}: svc: something of it (process ")
    assert line.endswith(f"survives SIGKILL; it ends when the kernel lets go of it, and {after}")
    assert "other" in done.stdout and tend.pid("other") != old
    assert tend.status("svc")["state"] == "stopping" and living(tool)
    again = tend.run(command, "svc", "--timeout", "1s", check=False, timeout=100)
    assert again.returncode == 1 and "survives SIGKILL" in again.stderr
    for pid in living(tool):
        os.kill(pid, 9)
    tend.wait("svc", "running" if command == "restart" else "stopped")
