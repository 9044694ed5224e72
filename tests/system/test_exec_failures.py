"""Starts that can't work, at each stage: one line that says what, where and why, exit status 1, and
nothing stays behind.
"""

import json
import os
import re
import resource

import pytest

from common import events_to, leaves_no_trace, one_line, script, start, stop_everything
from harness import alive, helper, wait_gone, wait_until


def refused(tend, *args, **options):
    """A start of "bad" that fails; returns its error."""
    done = tend.run("start", "--background", *args, check=False, **options)
    assert (done.returncode, done.stdout) == (1, "")
    text = one_line(done.stderr)
    assert text.startswith("tend start: ")
    leaves_no_trace(tend, "bad")
    return text


def nothing_was_made(tend):
    """What could be known beforehand: no daemon was started for it."""
    assert not tend.segment.exists() and tend.daemon_pid("guardian") is None


# ---- what the command line finds out by itself


def programs(tend):
    """What can't be executed: {case: (path, reason)}."""
    plain = tend.work / "bad"
    plain.write_text("no program\n")
    folder = tend.work / "folder"
    folder.mkdir()
    fifo = tend.work / "fifo"
    os.mkfifo(fifo)
    os.symlink(tend.work / "nowhere", tend.work / "broken")
    return {
        "missing": (tend.work / "nowhere", "No such file or directory"),
        "under a file": (plain / "x", "Not a directory"),
        "broken link": (tend.work / "broken", "No such file or directory"),
        "not executable": (plain, "ermission denied|not executable"),
        "a folder": (folder, "it is a folder"),
        "a FIFO": (fifo, "not a regular file"),
    }


CASES = ("missing", "under a file", "broken link", "not executable", "a folder", "a FIFO")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("as_file", [False, True])
def test_no_program(tend, case, as_file):
    path, reason = programs(tend)[case]
    text = (
        refused(tend, "--name", "bad", path)
        if as_file
        else refused(tend, "--name", "bad", "--", path)
    )
    assert str(path.parent) in text or str(path) in text
    assert re.search(reason, text), text
    nothing_was_made(tend)


def test_not_in_path(tend):
    text = refused(tend, "--name", "bad", "--", "no-such-program-anywhere")
    assert "no-such-program-anywhere is not found in PATH" in text
    text = refused(tend, "--name", "bad", "--", "")
    assert "empty" in text
    nothing_was_made(tend)


@pytest.mark.parametrize(
    "suffix, interpreter",
    [(".py", "python3"), (".js", "node"), (".mjs", "node"), (".ts", "npx"), (".jar", "java")],
)
def test_no_interpreter_in_path(tend, suffix, interpreter):
    path = tend.work / f"bad{suffix}"
    path.write_text("")
    text = refused(tend, path, env={"PATH": str(tend.work)})
    assert f"its interpreter {interpreter} is not found in PATH" in text and str(path) in text


def test_the_interpreter_of_an_agent_file(tend):
    path = script(tend, "bad", "#!/no/such/interpreter -x\n")
    text = refused(tend, path)
    assert (
        str(path) in text and "/no/such/interpreter" in text and "No such file or directory" in text
    )
    nothing_was_made(tend)


def test_an_unreadable_agent_file(tend):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path = script(tend, "bad.py", "")
    path.chmod(0)
    assert "Permission denied" in refused(tend, path)


@pytest.mark.parametrize(
    "folder, reason",
    [("gone", "No such file or directory"), ("file", "not a folder|Not a directory")],
)
def test_no_folder(tend, folder, reason):
    (tend.work / "file").write_text("")
    text = refused(tend, "--name", "bad", "--cwd", tend.work / folder, "--", "true")
    assert str(tend.work / folder) in text and re.search(reason, text)
    nothing_was_made(tend)


# ---- what only the kernel says


def test_the_interpreter_of_a_command(tend):
    path = script(tend, "bad", "#!/no/such/interpreter\n")
    text = refused(tend, "--name", "bad", "--", path)
    assert (
        "executing failed: No such file or directory" in text
        and "interpreter" in text
        and str(path) in text
    )
    (event,) = events_to(tend, "bad", "failed")
    assert (event["stage"], event["reason"]) == ("executing", "launch-failed")
    assert "executing failed: No such file or directory" in event["text"]
    assert tend.status()["processes"] == []
    stop_everything(tend)


@pytest.mark.parametrize("as_file", [False, True])
def test_neither_program_nor_script(tend, as_file):
    path = script(tend, "bad", "no first line that names an interpreter\n")
    text = refused(tend, path) if as_file else refused(tend, "--name", "bad", "--", path)
    assert "executing failed: Exec format error" in text and "#!" in text and str(path) in text


def raise_stack_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))


def test_over_the_kernels_limit(tend):
    """Arguments and environment may take a quarter of the stack limit, which a process has from
    the command that starts it: a lower one in a specification leaves too little for the same words.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard != resource.RLIM_INFINITY and hard < 64 << 20:
        pytest.skip("the hard limit of the stack is too low to pass so much")
    start(tend, "first", helper("sleeper"))
    long = ["x" * 100000] * 25
    tend.run(
        "start", "--background", "--name", "bad", "--", "true", *long, preexec_fn=raise_stack_limit
    )
    wait_until(lambda: tend.status("bad")["state"] == "completed")
    spec = tend.home / "specs" / "bad.json"
    document = json.loads(spec.read_text())
    document["surroundings"]["limits"]["stack_bytes"] = [8 << 20, 8 << 20]
    spec.write_text(json.dumps(document))
    done = tend.run("start", "--background", "bad", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    text = one_line(done.stderr)
    assert "executing failed: Argument list too long" in text and "limit" in text
    tend.run("remove", "bad")
    # More than a specification may hold is refused before it is written.
    text = refused(
        tend, "--name", "bad", "--", "true", *["x" * 100000] * 45, preexec_fn=raise_stack_limit
    )
    assert "bad: command and environment are larger than the kernel accepts" in text
    assert tend.status("first")["status"] == "running"
    stop_everything(tend)


def test_a_failed_first_start_is_not_repeated(tend):
    path = script(tend, "bad", "#!/no/such/interpreter\n")
    refused(tend, "--name", "bad", "--restart", "always", "--", path)
    assert not events_to(tend, "bad", "backoff")
    assert tend.status()["processes"] == []
    path.write_text(f"#!/bin/sh\nexec {helper('sleeper')}\n")
    start(tend, "bad", path)
    assert tend.status("bad")["restarts"] == 0


def test_some_of_several(tend):
    good, bad = script(tend, "good", f"#!/bin/sh\nexec {helper('sleeper')}\n"), script(
        tend, "bad", "nothing\n"
    )
    done = tend.run("start", "--background", bad, good, tend.work / "nowhere.py", check=False)
    assert "good: started (pid " in done.stdout
    lines = done.stderr.splitlines()
    assert any("nowhere.py" in line and "No such file" in line for line in lines)
    assert any("bad: executing failed" in line for line in lines)
    assert lines[-1] == "tend start: 1 of 3 started"
    assert tend.status("good")["status"] == "running"
    leaves_no_trace(tend, "bad")


# ---- before a restart


RETRY = ("--restart-delay", "10ms", "--restart-limit", "2")


def fails_to_come_back(tend, pid, stage):
    """End the process; its restart is tried as often as the budget allows and then given up.
    Returns what tend why says.
    """
    os.kill(pid, 9)
    tend.wait("a", "stopped")
    row = tend.status("a")
    assert (row["state"], row["status"], row["pid"]) == ("failed", "stopped", None)
    assert f"{stage} failed: " in row["reason"]
    events = [e for e in tend.events("a") if e["stage"] == stage]
    # The crash itself costs one restart of the budget, the first attempt to launch the other.
    assert [e["to"] for e in events] == ["backoff"]
    assert [e["reason"] for e in events_to(tend, "a", "failed")] == ["restart-limit"]
    text = tend.run("why", "a").stdout
    assert f"{stage} failed: " in text
    return text


def test_the_folder_went(tend):
    folder = tend.work / "folder"
    folder.mkdir()
    pid = start(tend, "a", helper("sleeper"), options=("--cwd", folder, *RETRY))
    folder.rmdir()
    assert "No such file or directory" in fails_to_come_back(tend, pid, "changing to its folder")
    assert str(folder) in tend.log("tend")
    done = tend.run("start", "a", "--background", check=False)
    assert (
        done.returncode == 1
        and "changing to its folder failed: No such file or directory" in one_line(done.stderr)
    )
    assert str(folder) in done.stderr
    folder.mkdir()
    assert tend.run("start", "a", "--background").stdout.startswith("a: started")
    stop_everything(tend)


def test_the_program_went(tend):
    path = script(tend, "agent", f"#!/bin/sh\nexec {helper('sleeper')}\n")
    pid = start(tend, "a", path, options=RETRY)
    path.unlink()
    assert "No such file or directory" in fails_to_come_back(tend, pid, "executing")
    stop_everything(tend)


@pytest.mark.parametrize(
    "damage",
    ["deleted", "emptied", "no JSON", "no argv", "another name", "a folder", "a later version"],
)
def test_the_specification_went(tend, damage):
    pid = start(tend, "a", helper("sleeper"), options=RETRY)
    spec = tend.home / "specs" / "a.json"
    good = spec.read_bytes()
    spec.unlink()
    if damage == "emptied":
        spec.touch()
    elif damage == "no JSON":
        spec.write_bytes(good[: len(good) // 2])
    elif damage == "no argv":
        spec.write_text('{"name": "a", "exe": "/bin/true", "cwd": "/", "env": []}')
    elif damage == "another name":
        spec.write_bytes(good.replace(b'"name":"a"', b'"name":"b"'))
        assert spec.read_bytes() != good
    elif damage == "a folder":
        spec.mkdir()
    elif damage == "a later version":
        spec.write_bytes(good.replace(b"{", b'{"spec_version":2,', 1))
    fails_to_come_back(tend, pid, "reading its specification")
    assert "specs/a.json" in tend.log("tend")
    done = tend.run("restart", "a", check=False)
    assert done.returncode == 1 and "specs/a.json" in one_line(done.stderr)
    if damage == "a later version":
        assert "a later version of tend wrote it (spec_version 2" in done.stderr
    assert tend.status("a")["state"] == "failed"
    if damage == "a folder":
        spec.rmdir()
    spec.write_bytes(good)
    tend.run("restart", "a")
    assert alive(tend.pid("a"))
    stop_everything(tend)


def test_a_running_process_does_not_need_its_specification(tend):
    pid = start(tend, "a", helper("sleeper"))
    (tend.home / "specs" / "a.json").unlink()
    assert tend.status("a")["status"] == "running"
    tend.run("signal", "a", "CONT")
    assert tend.run("stop", "a").stdout == "a: stopped\n"
    wait_gone(pid)
    done = tend.run("start", "a", "--background", check=False)
    assert done.returncode == 1
    one_line(done.stderr)
    tend.run("remove", "a")
    stop_everything(tend)


def test_what_was_stored_survives_a_failed_start(tend):
    """The folder is not there just now (a disk that is mounted later): that costs nobody the
    specification.
    """
    folder = tend.work / "folder"
    folder.mkdir()
    for name, policy in (("a", "no"), ("b", "always")):
        start(tend, name, helper("sleeper"), options=("--cwd", folder, "--restart", policy))
    tend.run("stop", "b")
    tend.run("stop")
    folder.rmdir()
    assert tend.run("start", check=False).returncode == 1
    assert tend.run("start", "b", "--background", check=False).returncode == 1
    assert [tend.status(name)["state"] for name in "ab"] == ["failed", "failed"]
    folder.mkdir()
    assert tend.run("start", "a", "b", "--background").stdout.count("started") == 2
    stop_everything(tend)


# ---- the table


def test_a_full_table(tend):
    tend.env["TEND_CAPACITY"] = "3"
    for name in "abc":
        start(tend, name, helper("sleeper"))
    text = refused(tend, "--name", "bad", "--", helper("sleeper"))
    assert (
        "the table is full (3 processes)" in text
        and "tend remove" in text
        and "TEND_CAPACITY=6" in text
    )
    assert [row["status"] for row in tend.status()["processes"]] == ["running"] * 3
    tend.run("stop", "b")
    refused(tend, "--name", "bad", "--", helper("sleeper"))  # what rests has its row still
    tend.run("remove", "b")
    start(tend, "bad", helper("sleeper"))
    stop_everything(tend)
