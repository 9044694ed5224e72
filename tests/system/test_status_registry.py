"""What tend status says of the registry and its database: the reference's keys, whatever the file
is.
"""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from common import free_port
from harness import TEND_BIN, wait_until


def registry(tend):
    return tend.json("status")["registry"]


@pytest.fixture
def ran(tend):
    tend.db = tend.work / "reg.db"
    tend.run(
        "start",
        "--registry-only",
        "--background",
        "--registry-port",
        str(free_port()),
        "--db-path",
        tend.db,
        env={"TEND_REGISTRY": ""},
    )
    return tend


def test_one_that_runs(ran):
    agent = ran.work / "a.py"
    agent.write_text("import time\ntime.sleep(1000)\n")
    ran.run(
        "start",
        agent,
        "--background",
        "--startup-timeout",
        "1",
        env={"TEND_REGISTRY": ""},
        check=False,
    )
    wait_until(
        lambda: registry(ran)["answers"] == "reachable",
        30,
        "the monitor has asked it, on behalf of the agent",
    )
    reg = registry(ran)
    assert set(reg) == {
        "url",
        "answers",
        "error",
        "status",
        "pid",
        "uptime",
        "host",
        "port",
        "database_path",
        "database",
        "health",
        "message",
    }
    assert (reg["status"], reg["port"], reg["database_path"]) == (
        "running",
        int(reg["url"].rsplit(":", 1)[1]),
        str(ran.db),
    )
    with sqlite3.connect(f"file:{ran.db}?mode=ro", uri=True) as db:
        tables = db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
    assert reg["database"] == {
        "status": "healthy",
        "message": "Database is accessible",
        "size": ran.db.stat().st_size,
        "tables": tables,
    }
    assert tables > 0
    text = ran.run("status", "--verbose").stdout
    assert f"registry: {reg['url']} reachable, 0 agents listed\n" in text
    assert "\nperformance: 2 active, " in text
    assert "performance" not in ran.run("status").stdout


def test_its_database(ran):
    ran.run("stop", "registry")

    def database(content):
        for rest in ran.work.glob("reg.db*"):
            rest.unlink()
        if content is not None:
            ran.db.write_bytes(content)
        return registry(ran)["database"]

    assert database(None) == {
        "status": "missing",
        "message": "Database: No such file or directory",
        "size": None,
        "tables": None,
    }
    assert database(b"") == {
        "status": "healthy",
        "message": "Database is accessible",
        "size": 0,
        "tables": 0,
    }
    assert database(b"no database" * 100)["status"] == "error"
    ran.db.unlink()
    with sqlite3.connect(ran.db) as db:  # a schema of many pages
        for i in range(300):
            db.execute(f"CREATE TABLE t{i} (a TEXT, b INTEGER)")
            db.execute(f"CREATE INDEX i{i} ON t{i} (a)")
    db.close()
    whole = ran.db.read_bytes()
    assert registry(ran)["database"]["tables"] == 300
    assert [path.name for path in ran.work.glob("reg.db*")] == [
        "reg.db"
    ], "a look leaves nothing behind"
    for damage in (
        whole[:4096],
        whole[:100],
        whole[:4096] + b"\xff" * 90000,
        whole[:100] + b"\x05" * 8000,
        whole[:100] + b"\x0d\xff\xff\xff\xff" * 2000,
    ):
        found = database(damage)
        assert found["status"] == "error" and found["tables"] is None
    ran.db.unlink()
    os.mkfifo(ran.db)
    assert registry(ran)["database"]["status"] == "inaccessible"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("what", ["file", "link", "log", "open to all"])
def test_a_database_that_the_registry_would_not_use_is_not_opened(ran, what):
    """By the same rule: others may have put it there. It is said whose it is."""
    other = 65534
    ran.run("stop", "registry")
    planted = Path(f"{ran.db}-wal") if what == "log" else ran.db
    if what == "link":
        ran.db.rename(ran.work / "ours.db")
        planted.symlink_to(ran.work / "ours.db")
    elif what == "log":
        planted.write_bytes(b"")
    if what == "open to all":
        planted.chmod(0o666)
    else:
        os.chown(planted, other, other, follow_symlinks=False)
    found = registry(ran)["database"]
    assert (found["status"], found["size"], found["tables"]) == ("inaccessible", None, None)
    assert str(planted) in found["message"]
    assert ("all users" if what == "open to all" else f"user {other}") in found["message"]
    refused = subprocess.run(
        [TEND_BIN / "tend-registry", "--port", "0", "--db", ran.db],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    assert found["message"].removeprefix("Database: ") in refused.stderr


def test_none(tend):
    tend.run("start")
    reg = registry(tend)
    assert reg["status"] == "not_running" and reg["database"]["status"] == "unknown"
