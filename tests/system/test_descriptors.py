"""The daemons' limit on open files: what can't be held is refused at the start, what is not
captured any more is shown at once, and nothing is lost for it.
"""

import json
import os
import re
import resource

import pytest

from common import start
from crashkit import one_line_error
from harness import wait_until

SLEEP = ("sleep", "1000")


def limit(files):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


@pytest.mark.parametrize("files", [100, 201])
def test_too_few_for_anything(tend, files):
    """A process has an end of its output at descriptor 200, or 201 for standard error."""
    done = tend.run(
        "start", "--background", "--name", "a", "--", *SLEEP, check=False, preexec_fn=limit(files)
    )
    one_line_error(done, f"open files is {files}", "202", "ulimit -Hn")
    assert tend.daemon_pid("guardian") is None and not tend.segment.exists()


@pytest.mark.parametrize("files", [202, 203])
def test_just_enough(tend, files):
    start(tend, "a", "sh", "-c", "echo out; exec sleep 1000", preexec_fn=limit(files))
    tend.wait_log("a", "^out$")
    done = tend.run(
        "start",
        "--background",
        "--name",
        "b",
        "--separate-stderr",
        "--",
        "sh",
        "-c",
        "echo err >&2; exec sleep 1000",
        check=False,
    )
    if done.returncode:  # its own keeper needs a number above those of the process
        one_line_error(done, "b", "ulimit -n")
    else:
        wait_until(lambda: tend.log("b@err") == "err\n", what="standard error is captured")
    tend.stop_all()


def test_more_than_can_be_held(tend):
    """The start that would be too much is refused, and says which limit; all that were not refused
    are captured; room is made by removing.
    """
    start(tend, "s0", *SLEEP, preexec_fn=limit(220))
    for n in range(1, 220):
        done = tend.run(
            "start",
            "--background",
            "--name",
            f"s{n}",
            "--",
            "sh",
            "-c",
            f"echo line {n}; exec sleep 1000",
            check=False,
        )
        if done.returncode:
            break
    assert 50 < n < 180, done
    one_line_error(done, f"s{n}", "220 open files", "ulimit -n", "tend remove")
    assert tend.status(f"s{n}") is None and not (tend.home / "specs" / f"s{n}.json").exists()
    for k in range(1, n):
        tend.wait_log(f"s{k}", f"^line {k}$")
    status = tend.run("status").stdout
    assert status.startswith(f"HEALTHY: {n} processes, {n} running")
    assert "Too many open files" not in tend.log("tend")
    tend.run("stop", "s1", "s2", "--timeout", "1")
    one_line_error(
        tend.run("start", "--background", "--name", "late", "--", *SLEEP, check=False), "ulimit -n"
    )  # they rest, and keep their pipes
    tend.run("remove", "s1", "s2")
    start(tend, "late", *SLEEP)
    tend.stop_all("--timeout", "1")


def logged(tend, name):
    return next(
        row["log"]["captured_bytes"]
        for row in tend.json("snapshot")["rows"]
        if row["ident"]["name"] == name
    )


def test_all_write_at_once(tend):
    """There are not as many descriptors as files to write to, and no stream is ever quiet: they
    take turns, and none waits for ever.
    """
    names = [f"w{n}" for n in range(6)]
    go = tend.work / "go"
    options = ("--log-size", "1000000", "--log-keep", "1")
    for name in names:
        start(
            tend,
            name,
            "sh",
            "-c",
            f"while ! [ -e {go} ]; do sleep 0.1; done; exec yes {name}",
            options=options,
        )
    logger = tend.daemon_pid("logger")
    wait_until(
        lambda: all(row["log"]["state"] for row in tend.json("snapshot")["rows"]),
        what="all pipes are open",
    )
    resource.prlimit(
        logger,
        resource.RLIMIT_NOFILE,
        (
            len(os.listdir(f"/proc/{logger}/fd")) + 8,
            resource.prlimit(logger, resource.RLIMIT_NOFILE)[1],
        ),
    )
    go.touch()
    for _ in range(2):
        seen = {name: logged(tend, name) for name in names}
        wait_until(
            lambda seen=seen: all(
                logged(tend, name) > bytes_seen for name, bytes_seen in seen.items()
            ),
            timeout=30,
            what="each is captured",
        )
    assert tend.daemon_pid("logger") == logger
    tend.stop_all("--timeout", "1")


def uncaptured(tend):
    return [row["name"] for row in tend.status()["processes"] if row["log_error"]]


@pytest.mark.parametrize("how", ["another logger", "stop"])
def test_what_is_not_captured_any_more_is_shown(tend, how):
    """A new logger gets fewer descriptors than there are pipes. Status, JSON, --verify, events and
    doctor tell; nothing is lost.
    """
    names = [f"s{n}" for n in range(30)]
    go = tend.work / "go"
    for name in names:
        start(
            tend,
            name,
            "sh",
            "-c",
            f"while ! [ -e {go} ]; do sleep 0.1; done; echo said by {name}; touch {tend.work / name}; exec sleep 1000",
        )
    guardian, old = tend.daemon_pid("guardian"), tend.daemon_pid("logger")
    few = len(os.listdir(f"/proc/{guardian}/fd")) + 2  # the logger wants more
    resource.prlimit(guardian, resource.RLIMIT_NOFILE, (few, few))
    tend.kill_daemon("logger")
    new = tend.wait_daemon("logger", not_pid=old)
    wait_until(lambda: uncaptured(tend), what="it is shown")
    go.touch()
    before = uncaptured(tend)
    name = before[-1]
    wait_until(
        lambda: all((tend.work / other).exists() for other in names), what="all have said it"
    )
    for other in set(names) - set(before):  # files are written by turns
        tend.wait_log(other, f"^said by {other}$")
    row = tend.status(name)
    assert (
        "ulimit -n" in row["log_error"]
        and row["status"] == "running"
        and row["log_blocked"] is False
    )
    text = tend.run("status").stdout
    assert (
        text.startswith("DEGRADED")
        and re.search(r"\(\d+ not captured\)", text)
        and f"{name}: running: not captured" in text
    )
    assert "not captured" in tend.run("status", name).stdout
    verified = tend.run("logs", name, "--verify", check=False)
    assert (
        verified.returncode == 1
        and "not captured" in verified.stdout
        and "complete," not in verified.stdout
    ), verified
    assert (
        json.loads(tend.run("logs", name, "--verify", "--json", check=False).stdout)["complete"]
        is False
    )
    assert any(event["event"] == "log" and event["to"] == "blocked" for event in tend.events(name))
    assert f"{name}: its log can't be written" in tend.run("doctor", check=False).stdout
    assert tend.log(name) == ""
    if how == "stop":
        tend.run("stop", "s0", "--timeout", "1")
        tend.run("remove", "s0")
        names.remove("s0")
        wait_until(lambda: len(uncaptured(tend)) < len(before), what="another has its descriptor")
        start(
            tend, "low", "sh", "-c", f"echo said by low; touch {tend.work}/low; exec sleep 1000"
        )  # the first in the table, and the last to be heard
        names.append("low")
        wait_until(
            lambda: (tend.work / "low").exists() and "low" in uncaptured(tend),
            what="it has said it, to nobody",
        )
        tend.stop_all("--timeout", "1")
    else:
        tend.kill_daemon("guardian")  # the spawner takes its place, with the limit that it has
        tend.wait_daemon("guardian", not_pid=guardian)
        tend.kill_daemon("logger")
        tend.wait_daemon("logger", not_pid=new)
        wait_until(lambda: not uncaptured(tend), what="all is captured")
    for name in names:
        tend.wait_log(name, f"^said by {name}$")
