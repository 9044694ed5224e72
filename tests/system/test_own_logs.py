"""The logs that agents write themselves: shown beside what they print, from where the reference
looks for them, and from nobody else's file.
"""

import json
import os
import select
import signal

import pytest

from common import script

LINE = "2026-12-01 10:00:0{}.000 - {} - INFO - {}\n"


@pytest.fixture
def agent(tend):
    """An agent that prints one line and stays; its folder, its folder for temporary files, and one
    for a database.
    """
    for name in ("work/app", "tmp", "db/logs"):
        (tend.work / name).mkdir(parents=True)
    (tend.work / "tmp").chmod(0o1777)
    tend.env["TMPDIR"] = str(tend.work / "tmp")
    path = script(tend, "work/app/web.sh", "#!/bin/sh\necho captured\nexec sleep 1000\n")
    tend.run(
        "start",
        path,
        "--background",
        "--env",
        f"MCP_MESH_DATABASE_URL=sqlite:///{tend.work}/db/r.db",
    )
    tend.wait_log("web", "^captured")
    tend.places = [
        tend.work / "work/app/web.log",
        tend.work / "tmp/mcp_mesh_web.log",
        tend.work / "db/logs/web.log",
    ]
    return tend


def shown(tend, *args):
    return [
        (line["name"], line["stream"], line["message"])
        for line in map(json.loads, tend.run(*args, "--json").stdout.splitlines())
    ]


def test_the_first_that_there_is_merged_and_told_apart(agent):
    assert shown(agent, "logs", "web") == [("web", "out", "captured")]
    for which, place in reversed(list(enumerate(agent.places))):
        place.write_text(
            LINE.format(1, "x", f"before {which}") + LINE.format(2, "x", f"place {which}")
        )
        for command in (["logs", "--agent", "web"], ["logs", "web"], ["logs"]):
            rows = [row for row in shown(agent, *command) if row[0] == "web"]
            assert sorted(rows) == [
                ("web", "file", f"before {which}"),
                ("web", "file", f"place {which}"),
                ("web", "out", "captured"),
            ]
    lines = agent.run("logs", "web").stdout.splitlines()
    assert "before 0" in lines[0] or "before 0" in lines[1], "merged by time"
    assert "captured" in lines
    assert ("web", "file", "place 0") in shown(agent, "logs-aggregator")
    stats = [
        json.loads(line)
        for line in agent.run("logs-aggregator", "--stats", "--json").stdout.splitlines()
    ]
    assert next(row for row in stats if row["source"] == "web@file")["path"] == str(agent.places[0])
    assert shown(agent, "logs", "web", "--filter", "place", "--lines", "1") == [
        ("web", "file", "place 0")
    ]
    assert (
        agent.run("logs", "export", "web").stdout == "captured\n"
    ), "an export is what was captured"


def test_also_of_one_that_printed_nothing_and_of_none_that_is_no_agent(agent):
    quiet = script(agent, "work/app/quiet.sh", "#!/bin/sh\nexec sleep 1000\n")
    agent.run("start", quiet, "--background")
    agent.run(
        "start",
        "--name",
        "svc",
        "--cwd",
        str(agent.work / "work/app"),
        "--background",
        "--",
        "sleep",
        "1000",
    )
    for name in ("quiet", "svc"):
        (agent.work / f"work/app/{name}.log").write_text(LINE.format(1, name, "written"))
    assert (
        shown(agent, "logs", "quiet") == [("quiet", "file", "written")]
        and shown(agent, "logs", "svc") == []
    )
    agent.run("stop")
    assert shown(agent, "logs", "quiet") == [("quiet", "file", "written")]


def spoil(kind, agent, path):
    secret = agent.work / "secret"
    secret.write_text("a secret\n")
    if kind == "link":
        path.symlink_to(secret)
    elif kind == "hard link":
        os.link(secret, path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_text("a secret\n")
        os.chown(path, 65533, 65533)


KINDS = {
    "link": "it is a link",
    "hard link": "it has another name",
    "fifo": "not a regular file",
    "folder": "not a regular file",
    "other": "another user",
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_others_may_have_put_there_is_told_and_not_read(agent, kind):
    if kind == "other" and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    spoil(kind, agent, agent.places[1])
    agent.places[2].write_text(LINE.format(1, "x", "the next"))
    for command in (["logs", "web"], ["logs"], ["logs-aggregator"]):
        done = agent.run(*command, timeout=30)
        assert f"{agent.places[1]} is not read: " in done.stderr and KINDS[kind] in done.stderr
        assert "secret" not in done.stdout and "the next" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_log_that_is_somebody_elses_is_not_read_wherever_it_lies(agent):
    log = agent.home / "logs/given.log"
    log.write_text("a secret\n")
    os.chown(log, 65533, 65533)
    done = agent.run("logs", "given")
    assert done.stdout == "" and "given.log: can't be read" in done.stderr


def read_until(child, text):
    got = ""
    while text not in got:
        assert select.select([child.stdout], [], [], 60)[0], got
        more = os.read(child.stdout.fileno(), 4096).decode()
        assert more, got
        got += more
    return got


@pytest.mark.parametrize("command", (["logs", "web"], ["logs-aggregator"]))
def test_follow(agent, command):
    """Also where the file comes into being, and where it is begun anew."""
    child = agent.popen(*command, "--follow", "--json")
    read_until(child, "captured")
    agent.places[0].write_text(LINE.format(1, "x", "the first"))
    assert '"stream": "file"' in read_until(child, "the first").replace(
        '"stream":"file"', '"stream": "file"'
    )
    with agent.places[0].open("a") as log:
        log.write(LINE.format(2, "x", "the second"))
    read_until(child, "the second")
    agent.places[0].rename(agent.places[0].with_suffix(".old"))
    agent.places[0].write_text(LINE.format(3, "x", "of the next file"))
    read_until(child, "of the next file")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 0
