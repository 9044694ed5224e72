"""tend start and ports that others have, before the registry is started, at that moment, or in its
place.
"""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from common import as_root, free_port
from harness import TEND_BIN, wait_until
from test_start_registry import get, mesh, url  # noqa: F401: a fixture

HOME_USER = 54321  # nobody's

ANSWERING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("listens", flush=True)
server.serve_forever()
"""


def answering(tend, port, status, **kwargs):
    """A program that answers every request with this status."""
    child = subprocess.Popen(
        [sys.executable, "-c", ANSWERING, str(port), str(status)],
        stdout=subprocess.PIPE,
        env=tend.env,
        cwd="/",
        **kwargs,
    )
    assert child.stdout.readline() == b"listens\n"
    return child


def listening(port):
    """The addresses at which somebody listens on this port."""
    found = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            if s.connect_ex((host, port)) == 0:
                found.append(host)
    return found


@pytest.fixture
def pair(mesh):  # noqa: F811
    """A port whose next one is free, too, at both addresses."""
    while True:
        port = free_port()
        if port < 65000 and not listening(port + 1) and not listening(port):
            mesh.port = port
            mesh.env["MCP_MESH_REGISTRY_PORT"] = str(port)
            return mesh


@pytest.mark.parametrize("family, host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize("listens", [True, False])
def test_a_port_that_is_taken_at_one_address_is_taken(pair, family, host, listens):
    """Also one that is bound and does not listen yet. Both addresses of localhost are the
    registry's, or none.
    """
    with socket.socket(family) as taken:
        taken.bind((host, pair.port))
        if listens:
            taken.listen()
        done = pair.run("start", "--background", timeout=60)
        assert f"Port {pair.port} is in use; the registry takes {pair.port + 1}" in done.stdout
        assert url(pair) == f"http://localhost:{pair.port + 1}"
        assert listening(pair.port + 1) == ["127.0.0.1", "::1"]
        assert get(url(pair) + "/health")["status"] == "healthy"
    pair.stop_all()


def test_a_program_that_answers_something_else(pair):
    other = answering(pair, pair.port, 404)
    try:
        began = time.monotonic()
        pair.run("start", "--background", "--startup-timeout", "300", timeout=200)
        assert url(pair) == f"http://localhost:{pair.port + 1}" and time.monotonic() - began < 150
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("goes_on", ["", "sleep 1000 #"], ids=["ends", "hangs"])
def test_a_port_that_is_taken_in_the_last_moment(pair, goes_on):
    """It was free when it was looked for. The registry can't listen then, and ends or does not even
    notice: the next one is taken.
    """
    program = pair.work / "reg.sh"
    program.write_text(
        f"""#!/bin/sh
registry="exec {TEND_BIN}/tend-registry --host $HOST --port $PORT --db {pair.work}/own.db"
if mkdir {pair.work}/first 2>/dev/null; then
    until [ -e {pair.work}/taken ]; do sleep 0.05; done
    {goes_on} $registry
fi
$registry
"""
    )
    program.chmod(0o755)
    pair.run("config", "set", "registry_command", str(program))
    command = pair.popen("start", "--background", "--startup-timeout", "300")
    wait_until(lambda: (pair.work / "first").exists(), 60)
    other = answering(pair, pair.port, 404)
    try:
        (pair.work / "taken").touch()
        _, complaints = command.communicate(timeout=200)
    finally:
        other.kill()
        other.wait()
    assert command.returncode == 0
    assert "held by another program; the next one is tried" in complaints
    assert url(pair) == f"http://localhost:{pair.port + 1}"
    assert get(url(pair) + "/health")["status"] == "healthy"
    assert pair.status("registry")["status"] == "running"


@as_root
def test_another_users_registry_is_named(pair):
    other = answering(pair, pair.port, 200, user=HOME_USER)
    try:
        done = pair.run("start", "--background")
        assert f"using the one at http://localhost:{pair.port}" in done.stdout
        assert f"run by user uid {HOME_USER}" in done.stderr
    finally:
        other.kill()
        other.wait()
    other = answering(pair, pair.port, 200)
    try:
        assert "run by user" not in pair.run("start", "--background").stderr  # one's own
    finally:
        other.kill()
        other.wait()


@as_root
def test_another_users_program_in_the_registrys_place(pair):
    """The registry runs, and at its address somebody else answers, as healthy as can be."""
    pair.run("start", "--background")
    port = free_port()
    other = answering(pair, port, 200, user=HOME_USER)
    try:
        (pair.home / "run" / "registry.url").write_text(f"http://localhost:{port}\n")
        done = pair.run("start", "--registry-only", "--background", timeout=60)
        assert f"held by a program of user uid {HOME_USER}; the registry moves" in done.stderr
        assert (
            re.search(r"registry: started at http://localhost:\d+ ", done.stdout)
            and url(pair) != f"http://localhost:{port}"
        )
        assert wait_until(
            lambda: get(url(pair) + "/health")["status"] == "healthy", 20, "it answers"
        )
    finally:
        other.kill()
        other.wait()


def test_all_ports_are_taken(pair):
    held = []
    try:
        for port in range(pair.port, pair.port + 11):
            s = socket.socket()
            held.append(s)
            try:
                s.bind(("127.0.0.1", port))
                s.listen()
            except OSError:
                pass  # somebody else has it, which is as good
        done = pair.run("start", "--background", check=False)
        assert (
            done.returncode == 1
            and f"ports {pair.port} to {pair.port + 10} of localhost are all in use" in done.stderr
        )
    finally:
        for s in held:
            s.close()


def test_without_ipv6(pair):
    """An address that the machine has not is nobody's."""
    if os.geteuid():
        pytest.skip("needs root: a network namespace")
    script = f"ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.lo.disable_ipv6=1 && exec {TEND_BIN}/tend-registry --port 0 --db {pair.work}/v4.db"
    child = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", script], stderr=subprocess.PIPE, text=True, env=pair.env
    )
    try:
        line = child.stderr.readline()
        if "permission" in line.lower() or "not found" in line:
            pytest.skip(line)
        assert re.search(r"listening on http://127\.0\.0\.1:\d+, database", line), line
    finally:
        child.kill()
        child.wait()
        child.stderr.close()
