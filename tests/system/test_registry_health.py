"""What the registry says about agents, through the real monitor: good answers, bad answers, none.
"""

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from common import on_terminal, wait_cycles
from fake_registry import FakeRegistry, entry, now
from harness import TEND_BIN, wait_until

INTERVAL_MS = 150


@pytest.fixture
def registry():
    server = FakeRegistry()
    yield server
    server.close()


def use(tend, server, url=None):
    tend.env.update(
        MCP_MESH_REGISTRY_URL=url or server.url, TEND_MONITOR_INTERVAL_MS=str(INTERVAL_MS)
    )


def start_agent(tend, name="web"):
    """An agent that says nothing to anyone: what the registry lists is the test's to decide."""
    path = tend.work / f"{name}.sh"
    path.write_text("#!/bin/sh\nexec sleep 1000\n")
    path.chmod(0o755)
    tend.run("start", "--background", path)
    return name


def row(tend, name="web"):
    return next(r for r in tend.json("snapshot", "--json")["rows"] if r["ident"]["name"] == name)


def health(tend, name="web"):
    return tend.status(name)["health_check"]


def health_error(tend, name="web"):
    return row(tend, name)["health"]["error"]


def wait_health(tend, wanted, name="web"):
    wait_until(lambda: health(tend, name) == wanted, 20, f"{name} {wanted}")


def test_listed_and_alive_is_healthy(tend, registry):
    use(tend, registry)
    registry.agents = [entry("web")]
    start_agent(tend)
    registry.agents = [entry("web")]
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
    agents = tend.json("status", "--json")["agents"]
    assert agents["web"]["registered"] is True and agents["web"]["health"] == "healthy"
    listed = tend.home / "run" / "agents.json"
    wait_until(listed.exists)
    assert listed.stat().st_mode & 0o777 == 0o600 and '"greet"' in listed.read_text()


def test_unhealthy_when_the_heartbeat_stops_while_the_process_runs(tend, registry):
    use(tend, registry)
    registry.agents = [entry("web")]
    start_agent(tend)
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
    pid = tend.pid("web")
    registry.agents = [entry("web", status="unhealthy")]
    wait_health(tend, "unhealthy")
    registry.agents = [entry("web", status="degraded")]
    wait_health(tend, "degraded")
    registry.agents = []
    wait_health(tend, "unhealthy")
    assert tend.pid("web") == pid and tend.status("web")["restarts"] == 0  # shown, never acted on
    registry.agents = [entry("web")]
    wait_health(tend, "healthy")


def test_a_registry_whose_clock_is_wrong_is_told(tend, registry):
    """An hour behind: not healthy by its clock, with the reason. An hour ahead: a time to come is
    no sign of life, which is reported.
    """
    use(tend, registry)
    registry.agents = [entry("web", seen=now(3600))]
    start_agent(tend)
    wait_until(
        lambda: "last seen 1 h from now by its clock" in tend.run("status").stdout, 20, "ahead"
    )
    assert "1 h from now by its clock" in tend.run("status", "web").stdout
    assert "1 h from now by its clock" in tend.run("doctor", check=False).stdout
    registry.agents = [entry("web", seen=now(-3600))]
    wait_until(lambda: "1 h ago by its clock" in tend.run("status", "web").stdout, 20, "behind")
    wait_until(lambda: "last seen 1 h ago by its clock" in health_error(tend), 20, "the reason")
    assert "1 h ago by its clock" in tend.run("doctor", check=False).stdout


def test_last_seen_stands_still_while_it_is_unhealthy(tend, registry):
    use(tend, registry)
    registry.agents = [entry("web")]
    start_agent(tend)
    wait_health(tend, "healthy")
    registry.agents = [entry("web", status="unhealthy")]
    wait_health(tend, "unhealthy")
    before = row(tend)["health"]
    wait_cycles(tend, 3)
    after = row(tend)["health"]
    assert (
        after["last_seen_real_ns"] == before["last_seen_real_ns"]
        and after["sampled_real_ns"] > before["sampled_real_ns"]
    )
    registry.agents = [entry("web")]
    wait_until(
        lambda: row(tend)["health"]["last_seen_real_ns"] > before["last_seen_real_ns"],
        20,
        "seen again",
    )


def test_never_listed_is_unknown_and_says_where_it_was_looked_for(tend, registry):
    use(tend, registry)
    start_agent(tend)
    registry.wait_requests(3)
    assert health(tend) == "unknown"
    assert "not registered" in tend.run("status", "web").stdout


def test_connection_is_kept_and_answers_are_conditional(tend, registry):
    use(tend, registry)
    registry.mode, registry.agents = "etag", [entry("web")]
    start_agent(tend)
    registry.wait_requests(5)
    assert registry.connections == 1
    assert 'If-None-Match: "v1"' in registry.requests[-1]
    assert health(tend) == "healthy"


def test_nobody_is_asked_while_no_agent_is_up(tend, registry):
    use(tend, registry)
    tend.run("start", "--name", "svc", "--background", "--", "sleep", "1000")
    start_agent(tend)
    registry.wait_requests(2)
    tend.run("stop", "web")
    wait_until(lambda: health(tend, "svc") == "healthy")
    count = len(registry.requests)
    with pytest.raises(AssertionError):
        registry.wait_requests(2, timeout=1)  # one may have been under way
    assert len(registry.requests) <= count + 1


def test_a_proxy_is_not_used_for_loopback(tend, registry):
    use(tend, registry)
    tend.env.update(http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
    registry.agents = [entry("web")]
    start_agent(tend)
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")


def test_ipv6_literal(tend):
    try:
        server = FakeRegistry("::1", socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    use(tend, server)
    server.agents = [entry("web")]
    start_agent(tend)
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
    server.close()


def certificate(folder, name, alternative):
    """A CA and a server's certificate signed by it; (file of the CA, context of the server)."""

    def openssl(*argv):
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True, timeout=60)

    openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=test CA",
    )
    openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
        "-subj",
        f"/CN={name}",
    )
    (folder / "ext").write_text(f"subjectAltName={alternative}\n")
    openssl(
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "server.pem",
        "-days",
        "2",
        "-extfile",
        "ext",
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return folder / "ca.pem", context


@pytest.mark.parametrize("case", ("good", "no CA", "wrong name"))
def test_https(tend, case):
    ca, context = certificate(
        tend.work, "registry", "IP:127.0.0.1" if case != "wrong name" else "DNS:registry.invalid"
    )
    server = FakeRegistry(tls=context)
    try:
        use(tend, server)
        if case != "no CA":
            tend.env["MCP_MESH_REGISTRY_CA"] = str(ca)
        server.agents = [entry("web")]
        start_agent(tend)
        if case == "good":
            tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
            server.wait_requests(3)
            assert server.connections == 1
        else:
            wait_until(lambda: "SSL" in health_error(tend), 20)
            assert health(tend) == "unknown" and not server.requests
    finally:
        server.close()


def test_a_ca_file_that_is_not_there(tend):
    tend.env["MCP_MESH_REGISTRY_CA"] = str(tend.work / "none.pem")
    use(tend, None, "https://127.0.0.1:1")
    start_agent(tend)
    wait_until(lambda: "registry https://" in health_error(tend), 20)


def test_the_address_that_start_wrote_down_wins(tend, registry):
    use(tend, None, "http://127.0.0.1:1")
    registry.agents = [entry("web")]
    start_agent(tend)
    wait_until(lambda: "127.0.0.1" in tend.run("status", "web").stdout)
    (tend.home / "run" / "registry.url").write_text(registry.url + "/\n")
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")


BAD = {
    "hang": "",
    "dribble": "",
    "half": "",
    "close": "",
    "500 Oops": "500",
    "404 Not Found": "404",
    "html": "not JSON",
    "huge": "larger",
    "headers": "larger",
    "deep": "not JSON",
    "redirect": "302",
    "binary": "",
    '{"agents": 5}': "no list",
    '{"agents": []} {}': "goes on",
}


@pytest.mark.parametrize("mode", BAD)
def test_bad_answer_is_unknown_with_a_reason_and_the_next_cycle_works(tend, registry, mode):
    use(tend, registry)
    registry.agents = [entry("web")]
    start_agent(tend)
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
    registry.mode = mode
    wait_health(tend, "unknown")
    text = tend.run("status", "web").stdout
    assert "registry http://" in text and BAD[mode] in text
    memory_kb = int(
        next(
            line
            for line in Path(f"/proc/{tend.daemon_pid('monitor')}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        ).split()[1]
    )
    assert memory_kb < 100 << 10 or TEND_BIN.name != "bin"  # a sanitizer takes as much again
    registry.mode = "ok"
    wait_health(tend, "healthy")


def test_refused_is_unknown(tend, registry):
    use(tend, None, "http://127.0.0.1:1")
    start_agent(tend)
    wait_until(lambda: "no answer" in tend.run("status", "web").stdout, 20)
    assert health(tend) == "unknown"


def test_agents_that_only_the_registry_knows_are_listed(tend, registry):
    """As in the reference: by their id, with what the registry says of them; not when it does not
    answer.
    """
    use(tend, registry)
    registry.agents = [entry("web"), entry("else"), entry("gone", status="unhealthy")]
    start_agent(tend)
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
    listed = wait_until(
        lambda: (found := tend.json("list")) and len(found) == 3 and found, 20, "three agents"
    )
    foreign = {agent["name"]: agent for key, agent in listed.items() if agent["name"] != "web"}
    assert set(foreign) == {"else", "gone"}
    assert (
        foreign["else"]["status"] == "registered" and foreign["else"]["process_status"] == "unknown"
    )
    assert foreign["else"]["pid"] is None and "agent_file" not in foreign["else"]
    assert (foreign["else"]["health"], foreign["gone"]["health"]) == ("healthy", "unhealthy")
    text = tend.run("list").stdout
    assert text.startswith(
        "agents: 1/1 running, 1/1 registered, 1/1 healthy; registered, but not run by tend: 2\n"
    )
    assert "\nelse " in text and "\ngone " in text
    assert set(tend.json("list", "--filter", "^els")) < set(listed)
    assert set(tend.json("list", "--filter", "^registered$")) == set(listed)
    assert (
        "else" not in tend.run("list", "--services").stdout
        and "else" not in tend.run("list", "web").stdout
    )
    registry.mode = "close"
    wait_until(lambda: len(tend.json("list")) == 1, 20, "only what tend runs")


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_list_of_agents_fits_the_terminal(tend, registry, columns):
    """Long capabilities are cut, addresses left out before names and health are."""
    use(tend, registry)
    registry.agents = [
        entry("web", capabilities=[{"name": f"a-capability-{i}\x1b[31m"} for i in range(40)])
    ]
    start_agent(tend)
    tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
    lines = on_terminal(tend, columns, "list").splitlines()
    assert lines[0] == "agents: 1/1 running, 1/1 registered, 1/1 healthy" or columns < 50
    head, row = lines[-2:]
    assert max(len(head), len(row)) <= columns and "\x1b[31m" not in row
    assert head.split()[:4] == ["NAME", "STATUS"] + (
        ["PID", "UPTIME"] if columns > 110 else ["REGISTERED", "HEALTH"]
    )
    if columns >= 80:
        assert head.endswith("CAPABILITIES") or "CAPABI" in head
        assert " a-cap" in row and row.endswith("…")


def has_libcurl(tend):
    return "libcurl" in Path(f"/proc/{tend.daemon_pid('monitor')}/maps").read_text()


def test_who_was_started_without_a_registry_is_not_asked_about(tend, registry):
    tend.env["TEND_MONITOR_INTERVAL_MS"] = str(
        INTERVAL_MS
    )  # TEND_REGISTRY=none is set, and no address
    start_agent(tend)
    wait_cycles(tend, 4)
    status = tend.json("status", "--json")
    assert (
        status["monitor"]["requests"] == 0
        and status["registry"]["url"] is None
        and status["registry"]["answers"] == "unknown"
    )
    assert (
        health(tend) == "unknown"
        and "without a registry" in health_error(tend)
        and not has_libcurl(tend)
    )
    assert "none" in next(
        line
        for line in tend.run("status", "web").stdout.splitlines()
        if line.strip().startswith("registry")
    )

    # A later call names one; the daemons' own environment, of the first call, does not.
    registry.agents = [entry("web"), entry("api")]
    tend.env["MCP_MESH_REGISTRY_URL"] = registry.url
    start_agent(tend, "api")
    wait_health(tend, "healthy", "api")
    assert health(tend) == "unknown" and row(tend)["health"]["listing"] == 3 and has_libcurl(tend)
    tend.kill_daemon("monitor")
    wait_health(tend, "healthy", "api")
    wait_cycles(tend, 2)
    assert health(tend) == "unknown" and "without a registry" in health_error(tend)

    # With the one that has a registry away nobody is asked again; started again it is, by its name
    # alone and without the variable.
    del tend.env["MCP_MESH_REGISTRY_URL"]
    tend.run("stop", "api")
    wait_cycles(tend, 1)
    requests = len(registry.requests)
    wait_cycles(tend, 4)
    assert len(registry.requests) == requests
    tend.run("start", "--background", "api")
    wait_health(tend, "healthy", "api")


def test_no_registry_holds_where_others_have_one(tend, registry):
    use(tend, registry)
    registry.agents = [entry("web"), entry("api")]
    start_agent(tend)
    wait_health(tend, "healthy")
    del tend.env["MCP_MESH_REGISTRY_URL"], tend.env["TEND_REGISTRY"]
    path = tend.work / "api.sh"
    path.write_text("#!/bin/sh\nexec sleep 1000\n")
    path.chmod(0o755)
    tend.run("start", "--background", "--no-registry", "--health", "exec:true", path)
    wait_health(tend, "healthy", "api")  # by its probes
    assert (
        row(tend, "api")["health"]["listing"] == 3
        and tend.json("status", "--json")["agents"]["api"]["registered"] is False
    )
    wait_cycles(tend, 2)
    assert health(tend) == "healthy"
