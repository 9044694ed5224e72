"""tend-registry by itself: its API over HTTP, its disk, and what hostile clients get."""

import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading

import pytest

from harness import TEND_BIN, alive, wait_until


class Registry:
    def __init__(self, folder, *options, env=None):
        self.folder = folder
        self.options = options
        self.env = env or {}
        self.child = None

    def start(self, port=0):
        self.child = subprocess.Popen(
            [
                TEND_BIN / "tend-registry",
                "--port",
                str(port),
                "--db",
                self.folder / "r.db",
                *self.options,
            ],
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin", **self.env},
        )
        line = self.child.stderr.readline()
        assert "listening on http://127.0.0.1:" in line, line
        self.port = int(line.split("127.0.0.1:")[1].split(",")[0])
        return self

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            data = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            self.headers = answer.headers
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def kill(self, signo=signal.SIGKILL):
        self.child.send_signal(signo)
        rest = self.child.communicate(timeout=20)[1]
        self.said = rest
        return self.child.returncode


@pytest.fixture
def registry(tmp_path):
    r = Registry(tmp_path)
    yield r.start()
    if r.child.poll() is None:
        r.kill()


def full(agent_id, **more):
    return {"agent_id": agent_id, "tools": [{"function_name": "f", "capability": "c"}], **more}


def ids(registry, query=""):
    return [entry["id"] for entry in registry.ask("GET", "/agents" + query)[1]["agents"]]


def test_both_generations(registry):
    assert registry.ask("GET", "/health")[1]["status"] == "healthy"
    assert registry.ask("HEAD", "/health") == (200, None)
    assert "endpoints" in registry.ask("GET", "/")[1]
    old = {
        "agent_id": "my_agent",
        "timestamp": "2025-01-01T00:00:00",
        "metadata": {"name": "my_agent", "capabilities": [{"name": "greet"}]},
    }
    assert registry.ask("POST", "/agents/register_with_metadata", old)[0] == 201
    assert registry.ask("POST", "/heartbeat", {"agent_id": "my_agent"})[0] == 200
    assert registry.ask("POST", "/heartbeat", {"agent_id": "nope"}) == (
        404,
        {"detail": "Agent nope not found"},
    )
    status, answer = registry.ask(
        "POST", "/heartbeat", full("new-1a2b3c4d", name="new", http_port=9000)
    )
    assert (
        status == 200
        and answer["agent_id"] == "new-1a2b3c4d"
        and answer["dependencies_resolved"] == {}
    )
    assert registry.ask("HEAD", "/heartbeat/new-1a2b3c4d") == (200, None)
    assert registry.ask("HEAD", "/heartbeat/other") == (410, None)
    entry = registry.ask("GET", "/agents?name=new")[1]["agents"][0]
    assert (
        entry["endpoint"] == "http://localhost:9000"
        and entry["status"] == "healthy"
        and entry["last_seen"] == entry["last_heartbeat"]
    )
    assert [c["name"] for c in registry.ask("GET", "/capabilities")[1]["capabilities"]] == [
        "greet",
        "c",
    ]
    assert registry.ask("DELETE", "/agents/new-1a2b3c4d") == (204, None)
    assert ids(registry, "?status=healthy") == ["my_agent"]
    assert registry.ask("GET", "/heartbeat")[0] == 405 and registry.headers["Allow"] == "POST"


def test_conditional(registry):
    registry.ask("POST", "/heartbeat", full("a"))
    assert registry.ask("GET", "/agents")[0] == 200
    tag = registry.headers["ETag"]
    # A step of time may begin between the two; then the next one is within it.
    assert 304 in (
        registry.ask("GET", "/agents", headers={"If-None-Match": registry.headers["ETag"]})[0]
        for _ in range(2)
    )
    registry.ask("POST", "/heartbeat", full("b"))
    assert registry.ask("GET", "/agents", headers={"If-None-Match": tag})[0] == 200


def test_kill_loses_no_registration(registry):
    """Clients register as fast as they can; whatever was answered before the SIGKILL is there
    afterwards.
    """
    answered = []

    def register(worker):
        for i in range(10000):
            try:
                if registry.ask("POST", "/heartbeat", full(f"a{worker}-{i}"))[0] == 200:
                    answered.append(f"a{worker}-{i}")
            except (OSError, http.client.HTTPException):
                return

    workers = [threading.Thread(target=register, args=(w,)) for w in range(4)]
    for w in workers:
        w.start()
    wait_until(lambda: len(answered) > 100)
    registry.kill()
    for w in workers:
        w.join()
    registry.start()
    assert set(answered) <= set(ids(registry, "?status=healthy"))


def test_times_of_heartbeats_are_stored_later(registry, tmp_path):
    """A heartbeat is not worth a write by itself: they are stored together, some seconds later. Who
    looks into the database takes nothing from it: SQLite's log of what is not in the file yet stays
    where the registry writes it.
    """

    def stored():
        db = sqlite3.connect(tmp_path / "r.db")
        try:
            return db.execute("SELECT * FROM tend_agents").fetchall()
        finally:
            db.close()

    registry.ask("POST", "/heartbeat", full("a"))
    before = stored()
    assert registry.ask("HEAD", "/heartbeat/a") == (200, None)
    assert (
        wait_until(lambda: stored() != before, 120, "the heartbeat is stored")
        and len(stored()) == 1
    )
    registry.ask("POST", "/heartbeat", full("b"))
    assert len(stored()) == 2
    registry.kill()
    assert len(stored()) == 2


def test_registrations_alone_do_not_make_the_log_grow_for_ever(registry, tmp_path):
    """What was committed is moved into the database, although no heartbeat is there to be
    written.
    """
    for i in range(8):
        registry.ask(
            "POST",
            "/heartbeat",
            full(
                "a",
                tools=[{"function_name": "f", "capability": "c", "description": f"{i}" * 900000}],
            ),
        )
    assert (tmp_path / "r.db").stat().st_size < 100000
    wait_until(
        lambda: (tmp_path / "r.db").stat().st_size > 800000,
        120,
        "the log is moved into the database",
    )


def test_ages(tmp_path):
    registry = Registry(
        tmp_path,
        env={
            "DEFAULT_TIMEOUT_THRESHOLD": "1",
            "MCP_MESH_RETENTION": "3s",
            "HEALTH_CHECK_INTERVAL": "1",
        },
    ).start()
    try:
        registry.ask("POST", "/heartbeat", full("a"))
        wait_until(lambda: ids(registry, "?status=unhealthy") == ["a"])
        assert registry.ask("HEAD", "/heartbeat/a")[0] == 410
        wait_until(lambda: ids(registry) == [])
        with sqlite3.connect(tmp_path / "r.db") as db:
            assert db.execute("SELECT count(*) FROM tend_agents").fetchone() == (0,)
    finally:
        registry.kill(signal.SIGTERM)
    assert registry.child.returncode == 0
    assert (
        "1 agent registered: a" in registry.said
        and "1 agent became unhealthy" in registry.said
        and "a is forgotten" in registry.said
    )


def test_the_database(tmp_path):
    (tmp_path / "r.db").write_text("this is not a database, and long enough to be sure of that " * 20)
    done = subprocess.run(
        [TEND_BIN / "tend-registry", "--port", "0", "--db", tmp_path / "r.db"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1 and str(tmp_path / "r.db") in done.stderr
    done = subprocess.run(
        [TEND_BIN / "tend-registry", "--port", "0", "--db", tmp_path],
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1 and str(tmp_path) in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("what", ["link", "dangling link", "file", "log", "journal", "open to all"])
def test_what_others_put_in_the_databases_place(tmp_path, what):
    """The default path is in the current folder, which others may be able to write to: nothing of
    theirs is used, and nothing is written through a link of theirs. A link of one's own is.
    """
    other, db, ours = 65534, tmp_path / "r.db", tmp_path / "ours.db"
    with sqlite3.connect(ours) as made:
        made.execute("CREATE TABLE precious (x)")
    made.close()
    before = ours.read_bytes()
    planted = {"log": tmp_path / "r.db-wal", "journal": tmp_path / "r.db-journal"}.get(what, db)
    if "link" in what:
        planted.symlink_to(ours if what == "link" else tmp_path / "none.db")
    else:
        planted.write_bytes(b"")
    if what == "open to all":
        planted.chmod(0o666)
    else:
        os.chown(planted, other, other, follow_symlinks=False)
    done = subprocess.run(
        [TEND_BIN / "tend-registry", "--port", "0", "--db", db],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and str(planted) in done.stderr
    assert ("all users" if what == "open to all" else f"user {other}") in done.stderr
    assert ours.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"ours.db", planted.name}


@pytest.mark.parametrize(
    "change",
    [
        lambda doc: doc.update(entry=1),
        lambda doc: doc["entry"].update(labels=["a"]),
        lambda doc: doc["entry"].update(labels="a"),
        lambda doc: doc["entry"].update(capabilities=[["name"]]),
        lambda doc: doc["entry"]["capabilities"][0].update(tags={"a": 1}),
        lambda doc: doc["entry"].pop("eviction_threshold"),
        lambda doc: doc.update(requests=[[]]),
    ],
    ids=range(7),
)
def test_damaged_entries(registry, change):
    """Whoever wrote them. They are left out, and whatever is asked is answered."""
    registry.ask("POST", "/heartbeat", full("good"))
    registry.ask("POST", "/heartbeat", full("bad"))
    registry.kill(signal.SIGTERM)
    with sqlite3.connect(registry.folder / "r.db") as db:
        doc = json.loads(db.execute("SELECT doc FROM tend_agents WHERE id = 'bad'").fetchone()[0])
        change(doc)
        db.execute("UPDATE tend_agents SET doc = ? WHERE id = 'bad'", (json.dumps(doc),))
    db.close()
    registry.child = subprocess.Popen(
        [
            TEND_BIN / "tend-registry",
            "--port",
            str(registry.port),
            "--db",
            registry.folder / "r.db",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "1 damaged" in registry.child.stderr.readline()
    registry.child.stderr.readline()
    assert ids(registry) == ["good"]
    assert (
        ids(registry, "?label_selector=a%3Db") == [] and ids(registry, "?capability_tags=a") == []
    )
    assert registry.ask("GET", "/capabilities?label_selector=a")[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no.such.host.invalid"])
def test_loopback_only(tmp_path, host):
    done = subprocess.run(
        [TEND_BIN / "tend-registry", "--host", host, "--port", "0", "--db", tmp_path / "r.db"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and host in done.stderr


@pytest.mark.parametrize(
    "options", [["--port", "70000"], ["--port", "x"], ["--nonsense"], ["operand"]]
)
def test_misuse(options):
    assert (
        subprocess.run(
            [TEND_BIN / "tend-registry", *options], stderr=subprocess.PIPE, timeout=20
        ).returncode
        == 2
    )


def test_bodies(registry):
    assert registry.ask("POST", "/heartbeat", b"x" * (1024 * 1024 + 1))[0] == 413
    assert registry.ask("POST", "/heartbeat", b"[" * 10000)[0] == 400
    assert registry.ask("POST", "/heartbeat", b"\xff\xfe")[0] == 400
    assert registry.ask("POST", "/heartbeat", b"")[0] == 400
    for body in (
        full("a b"),
        full("a", tools=[]),
        full("a", http_port=-1),
        full("a", runtime="cobol"),
        full(7),
    ):
        status, answer = registry.ask("POST", "/heartbeat", body)
        assert status == 400 and answer["detail"]
    assert ids(registry) == []
    assert registry.ask("POST", "/heartbeat", full("a", description="ü" * 100000))[0] == 200
    assert len(registry.ask("GET", "/agents")[1]["agents"][0]["description"]) <= 256


def test_a_body_without_a_length(registry):
    with socket.create_connection(("127.0.0.1", registry.port), timeout=20) as s:
        s.sendall(
            b"POST /heartbeat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):
            s.sendall(chunk)
        s.sendall(b"0\r\n\r\n")
        assert b" 413 " in s.recv(65536)


def test_hostile_clients(registry):
    """Garbage, half requests, and clients that never end: others are answered meanwhile."""
    rnd = random.Random(4711)
    idle = []
    for _ in range(50):
        s = socket.create_connection(("127.0.0.1", registry.port), timeout=20)
        s.sendall(b"POST /heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        idle.append(s)
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", registry.port), timeout=20) as s:
            line = rnd.choice(
                [
                    b"GET /agents HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    b'POST /heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{"a":',
                ]
            )
            data = bytearray(line)
            for _ in range(rnd.randrange(5)):
                data[rnd.randrange(len(data))] = rnd.randrange(256)
            s.sendall(bytes(data))
    assert registry.ask("GET", "/health")[0] == 200
    assert alive(registry.child.pid)
    for s in idle:
        s.close()


def rss_mb(pid):
    """0 in a sanitized build, which keeps what was freed for a while."""
    if "SAN_FLAGS" in os.environ:
        return 0
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmRSS:"))


def test_the_room_for_all_agents(registry):
    """64 MB of what they say, not a multiple of it; and about as much again for the work with
    it.
    """
    accepted = 0
    for i in range(80):
        body = json.dumps(full(f"a{i}"))
        body = body.replace(
            '"c"', '"c", "description": "%s"' % ("x" * (1024 * 1024 - 100 - len(body)))
        )
        status, answer = registry.ask("POST", "/heartbeat", body)
        if status != 200:
            break
        accepted += len(body)
    assert status == 503 and "full" in answer["detail"]
    assert 60 <= accepted / (1024 * 1024) <= 64
    assert rss_mb(registry.child.pid) < 256
    assert (
        registry.ask("POST", "/heartbeat", full("a0"))[0] == 200
    )  # one that is known may become smaller
    assert registry.ask("POST", "/heartbeat", full("new"))[0] == 200


@pytest.mark.parametrize(
    "tool",
    [
        {"dependencies": ["a"] * 250000},
        {"input_schema": [1] * 500000},
        {"tags": ["a"] * 250000},
        {"input_schema": {"x" * 1000: [[]] * 300000}},
    ],
)
def test_a_body_of_many_values_costs_no_memory(registry, tool):
    registry.ask("POST", "/heartbeat", full("before"))
    before = rss_mb(registry.child.pid)
    body = json.dumps(
        full("a", tools=[{"function_name": "f", "capability": "c", **tool}]), separators=(",", ":")
    )
    assert len(body) < 1024 * 1024
    status, answer = registry.ask("POST", "/heartbeat", body)
    assert status == 400 and "more than 50000 values" in answer["detail"]
    assert rss_mb(registry.child.pid) - before < 32
