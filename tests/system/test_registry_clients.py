"""tend-registry and clients that want all of it: connections, memory, time; and web pages. Others
are answered meanwhile.
"""

import http.client
import json
import resource
import select
import signal
import socket
import subprocess
import time

import pytest

from harness import TEND_BIN, wait_until
from test_registry import Registry, full, ids, rss_mb

FEW_FDS = 256  # then a hundred connections are many


@pytest.fixture
def registry(tmp_path):
    r = Registry(tmp_path)
    yield r.start()
    if r.child.poll() is None:
        r.kill()


@pytest.fixture
def small(tmp_path):
    """One that may have few descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    r = Registry(tmp_path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FDS, before[1]))
    try:
        r.options = ()
        r.child = subprocess.Popen(
            [
                "sh",
                "-c",
                f'ulimit -Hn {FEW_FDS} && exec "$@"',
                "sh",
                TEND_BIN / "tend-registry",
                "--port",
                "0",
                "--db",
                tmp_path / "r.db",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    r.port = int(r.child.stderr.readline().split("127.0.0.1:")[1].split(",")[0])
    yield r
    r.kill()


def connect(registry, data=b""):
    s = socket.create_connection(("127.0.0.1", registry.port), timeout=30)
    s.sendall(data)
    return s


def fill(registry, agents, tools=1, size=0):
    for i in range(agents):
        body = full(
            f"big{i}",
            tools=[
                {"function_name": f"f{k}", "capability": f"c{k}", "description": "x" * size}
                for k in range(tools)
            ],
        )
        assert registry.ask("POST", "/heartbeat", body)[0] == 200


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@pytest.mark.parametrize(
    "start",
    [b"", b"G", b"POST /heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"],
    ids=["idle", "line", "body"],
)
def test_half_requests_lock_nobody_out(small, start):
    held = [connect(small, start) for _ in range(2 * FEW_FDS)]
    for i in range(5):
        assert small.ask("GET", "/health")[0] == 200
        assert small.ask("POST", "/heartbeat", full(f"a{i}"))[0] == 200
    assert len(ids(small)) == 5
    ended = sum(1 for s in held if select.select([s], [], [], 0)[0])
    assert ended > FEW_FDS  # those that came first; the last ones may go on
    assert held[-1].send(b"x") == 1
    for s in held:
        s.close()


def test_an_answer_that_nobody_reads(registry):
    """Forty of them are more than a gigabyte: the oldest go."""
    fill(registry, 48, size=1000000)
    held = []
    for _ in range(40):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", registry.port))
        s.sendall(get("/agents"))
        held.append(s)
    assert registry.ask("GET", "/health")[0] == 200
    assert len(ids(registry)) == 48
    assert rss_mb(registry.child.pid) < 700
    assert registry.ask("POST", "/heartbeat", full("a"))[0] == 200
    for s in held:
        s.close()
    wait_until(lambda: rss_mb(registry.child.pid) < 400, 120, "the answers are released")


def test_bodies_that_never_end(registry):
    """Two hundred clients that hold a megabyte each, and never send its last byte."""
    head = b"POST /heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n"
    held = []
    for _ in range(200):
        s = connect(registry, head)
        try:
            s.sendall(b" " * 1048000)
        except OSError:
            pass  # it was the oldest by then
        held.append(s)
    assert registry.ask("POST", "/heartbeat", full("a", description="x" * 500000))[0] == 200
    assert rss_mb(registry.child.pid) < 150
    for s in held:
        s.close()


def test_who_asks_for_the_health_waits_for_one_answer_at_most(registry):
    """Thirty clients ask at the same instant for what takes time; one asks for the health behind
    them all.
    """
    fill(registry, 5, tools=1000)
    registry.child.send_signal(signal.SIGSTOP)
    many = [connect(registry, get("/capabilities")) for _ in range(30)]
    last = connect(registry, get("/health"))
    registry.child.send_signal(signal.SIGCONT)
    assert b" 200 " in last.recv(100)
    answered = len(select.select(many, [], [], 0)[0])
    assert answered <= 20, answered
    for s in many:  # and they all get theirs, in their order
        with s:
            answer = http.client.HTTPResponse(s)
            answer.begin()
            assert json.loads(answer.read())["count"] == 5000
    last.close()


def test_it_ends_while_clients_wait(registry):
    fill(registry, 5, tools=1000)
    registry.child.send_signal(signal.SIGSTOP)
    many = [connect(registry, get("/capabilities")) for _ in range(30)]
    registry.child.send_signal(signal.SIGTERM)
    registry.child.send_signal(signal.SIGCONT)
    assert registry.child.wait(timeout=60) == 0
    for s in many:
        s.close()


def test_one_heartbeat_does_not_keep_others_waiting(registry):
    """A dependency that is searched for in vain a thousand times, among 20,000 that have its
    name.
    """
    tools = [{"function_name": "f", "capability": "d"}] * 1000
    for i in range(20):
        assert registry.ask("POST", "/heartbeat", full(f"p{i}", tools=tools))[0] == 200
    wanted = [{"capability": "d", "version": f">={k}"} for k in range(2, 1002)]
    began = time.monotonic()
    assert (
        registry.ask(
            "POST",
            "/heartbeat",
            full("a", tools=[{"function_name": "f", "capability": "x", "dependencies": wanted}]),
        )[0]
        == 200
    )
    assert registry.ask("GET", "/agents")[0] == 200
    assert time.monotonic() - began < 10  # it would be minutes


# ---- web pages


def page(registry, method, path, headers, body=None):
    return registry.ask(method, path, body, {"Host": f"127.0.0.1:{registry.port}", **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://site.example", "Content-Type": "text/plain"},
        {"Origin": "http://site.example", "Content-Type": "application/json"},
        {"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": "http://127.0.0.1:1", "Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Host": "site.example", "Content-Type": "application/json"},
        {"Host": "127.0.0.1.site.example", "Origin": "http://127.0.0.1.site.example"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
    ],
    ids=lambda h: " ".join(h.values()),
)
def test_web_pages_register_and_delete_nothing(registry, headers):
    registry.ask("POST", "/heartbeat", full("mine"))
    status, answer = page(registry, "POST", "/heartbeat", headers, full("evil"))
    assert 400 <= status < 500 and answer["detail"]
    if set(headers) - {"Content-Type"}:
        assert page(registry, "DELETE", "/agents/mine", headers)[0] >= 400
        assert page(registry, "HEAD", "/heartbeat/mine", headers)[0] in (403, 421)
    assert [(e["id"], e["status"]) for e in registry.ask("GET", "/agents")[1]["agents"]] == [
        ("mine", "healthy")
    ]
    if "Host" in headers:  # a site whose name was pointed at this machine reads nothing either
        assert page(registry, "GET", "/agents", headers)[0] == 421


def test_the_names_by_which_it_may_be_asked(tmp_path):
    registry = Registry(
        tmp_path, "--allow-host", "mesh.example", "--allow-host", "second.example"
    ).start()
    try:
        for host in (
            "localhost",
            f"127.0.0.1:{registry.port}",
            "[::1]:80",
            "mesh.example:80",
            "second.example",
        ):
            assert registry.ask("POST", "/heartbeat", full("a"), {"Host": host})[0] == 200
        assert registry.ask("GET", "/health", headers={"Host": "third.example"})[0] == 421
        for kind in (
            "application/json",
            "application/json; charset=utf-8",
            "application/x-www-form-urlencoded",
        ):
            assert registry.ask("POST", "/heartbeat", full("a"), {"Content-Type": kind})[0] == 200
    finally:
        registry.kill()
    too_many = [word for i in range(17) for word in ("--allow-host", f"h{i}")]
    assert (
        subprocess.run(
            [TEND_BIN / "tend-registry", *too_many], stderr=subprocess.PIPE, timeout=20
        ).returncode
        == 2
    )
