"""Many processes: as many as people have, and a few more."""

import re

import pytest

from common import stop_everything
from harness import alive, helper

MANY = 500


def agents(tend, letter, count, text):
    """That many agent files with this text."""
    paths = [tend.work / f"{letter}{i:03}.sh" for i in range(count)]
    for path in paths:
        path.write_text(text)
        path.chmod(0o755)
    return paths


@pytest.mark.timeout(300)
def test_five_hundred(tend):
    """Started by one command, listed, crashed in part, stopped: each is there exactly once, and
    none stays.
    """
    paths = agents(tend, "p", MANY, f"#!/bin/sh\nexec {helper('sleeper')}\n")
    done = tend.run("start", "--background", *paths, timeout=200)
    started = dict(re.findall(r"^(p\d+): started \(pid (\d+)\)$", done.stdout, re.M))
    assert len(started) == MANY and len(set(started.values())) == MANY

    document = tend.json("status")
    assert {row["name"]: str(row["pid"]) for row in document["processes"]} == started
    assert all(row["status"] == "running" for row in document["processes"])
    assert document["system"]["running_agents"] == MANY
    assert len(tend.run("status").stdout.splitlines()) >= MANY + 2
    assert len(tend.json("list")) == MANY
    assert len(tend.json("snapshot")["rows"]) == MANY

    crashed = {f"p{i:03}": int(started[f"p{i:03}"]) for i in range(0, MANY, 10)}
    for pid in crashed.values():
        tend.kill(pid)
    for name, pid in crashed.items():
        tend.wait_pid(name, not_pid=pid, timeout=60)
    rows = {row["name"]: row for row in tend.status()["processes"]}
    assert {name for name, row in rows.items() if row["restarts"]} == set(crashed)
    assert all(rows[name]["exit_signal"] == 9 and rows[name]["restarts"] == 1 for name in crashed)
    assert all(
        str(row["pid"]) == started[name] for name, row in rows.items() if name not in crashed
    )

    done = stop_everything(tend, timeout=200)
    assert len(re.findall(r"^p\d+: stopped$", done.stdout, re.M)) == MANY
    assert not any(alive(row["pid"]) for row in rows.values())


@pytest.mark.timeout(300)
def test_a_hundred_that_crash_at_once_and_always(tend):
    """Each uses up its budget; meanwhile one that does nothing is none the worse."""
    tend.run("start", "--name", "calm", "--background", "--", helper("sleeper"))
    calm = tend.pid("calm")
    paths = agents(tend, "c", 100, "#!/bin/sh\nexit 1\n")
    tend.run(
        "start",
        "--background",
        "--restart-limit",
        "3",
        "--restart-delay",
        "5ms",
        *paths,
        timeout=120,
    )
    for path in paths:
        tend.wait(path.stem, "stopped", timeout=60)
    rows = {row["name"]: row for row in tend.status()["processes"]}
    assert rows["calm"]["pid"] == calm and rows["calm"]["restarts"] == 0
    crashed = [row for name, row in rows.items() if name != "calm"]
    assert {(row["state"], row["restarts"], row["exit_code"]) for row in crashed} == {
        ("failed", 3, 1)
    }
    stop_everything(tend)
