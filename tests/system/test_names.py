"""Names of processes: what is not a name, and who may have one that is taken."""

import pytest

from common import files, leaves_no_trace, one_line, script, start, stop_everything
from harness import alive, helper, identity

LONGEST = "n" * 63


def sleeping(tend, name, folder=None):
    """An agent file that sleeps."""
    folder = folder or tend.work
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nexec {helper('sleeper')}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "name, reason",
    [
        ("", "empty"),
        ("n" * 64, "longer than 63"),
        ("n" * 5000, "longer than 63"),
        ("a/b", "only letters"),
        ("../x", "only letters"),
        ("/etc/passwd", "only letters"),
        ("a b", "only letters"),
        ("a\nb", "only letters"),
        ("ä", "only letters"),
        ("\x1b[31mred", "only letters"),
        (".hidden", "begin with '.'"),
        ("..", "begin with '.'"),
        ("-dash", "begin with '-'"),
        ("tend", "reserved"),
        ("registry", "reserved"),
    ],
)
def test_no_name(tend, name, reason):
    done = tend.run("start", f"--name={name}", "--background", "--", "true", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in one_line(done.stderr)
    assert "\x1b" not in done.stderr
    assert not tend.segment.exists()


@pytest.mark.parametrize("name", ["a", "0", "A-b_c.9", LONGEST, "guardian", "a.in"])
def test_names(tend, name):
    pid = start(tend, name, helper("sleeper"))
    assert tend.status(name)["pid"] == pid
    assert f"{name}.json" in files(tend.home / "specs")
    assert tend.run("stop", name).stdout == f"{name}: stopped\n"
    tend.run("remove", name)
    stop_everything(tend)


def test_names_that_share_file_names(tend):
    """A process a.in has the FIFOs a.in.in and a.in.out, a process a has a.in: they must not be the
    same.
    """
    pids = [start(tend, name, helper("sleeper")) for name in ("a", "a.in", "a.out", "a.in.in")]
    assert len(set(pids)) == 4
    assert sorted(f for f in files(tend.home / "run") if f.startswith("a.")) == sorted(
        f"{name}.{way}" for name in ("a", "a.in", "a.out", "a.in.in") for way in ("in", "out")
    )
    tend.run("stop", "a.in")
    tend.run("remove", "a.in")
    assert tend.status("a")["status"] == "running" and {"a.in", "a.out"} <= set(
        files(tend.home / "run")
    )
    stop_everything(tend)


# ---- of files


def test_the_stem_is_the_name(tend):
    paths = [sleeping(tend, name) for name in ("plain", "two.dots.sh", "x_1.sh")]
    tend.run("start", "--background", *paths)
    assert {row["name"] for row in tend.status()["processes"]} == {"plain", "two.dots", "x_1"}


@pytest.mark.parametrize(
    "file, reason",
    [
        ("bad name.sh", "only letters"),
        (".hidden", "begin with"),
        ("tend.sh", "reserved"),
        ("registry.py", "reserved"),
    ],
)
def test_a_stem_that_is_no_name(tend, file, reason):
    path = sleeping(tend, file)
    done = tend.run("start", "--background", path, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in one_line(done.stderr) and str(path) in done.stderr and "--name" in done.stderr
    tend.run("start", "--background", "--name", "good", path)
    assert tend.status("good")["status"] == "running"


def test_two_files_with_one_stem(tend):
    one, two = sleeping(tend, "x.sh", tend.work / "one"), sleeping(tend, "x.sh", tend.work / "two")
    done = tend.run("start", "--background", one, two, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    text = one_line(done.stderr)
    assert str(one) in text and str(two) in text and "--name" in text
    assert not tend.segment.exists()


def test_the_same_file_twice(tend):
    path = sleeping(tend, "x.sh")
    done = tend.run("start", "--background", path, tend.work / ".." / "work" / "x.sh")
    assert done.stderr == ""
    assert done.stdout.count("x: started") == 1 and done.stdout.count("x: already running") == 1
    assert len(tend.status()["processes"]) == 1


def test_a_name_for_several_files(tend):
    done = tend.run(
        "start",
        "--background",
        "--name",
        "x",
        sleeping(tend, "a"),
        sleeping(tend, "b"),
        check=False,
    )
    assert done.returncode == 2 and "--name" in done.stderr


# ---- taken names


def test_what_runs_already(tend):
    start(tend, "a", helper("sleeper"))
    kept = identity(tend.pid("a"))
    done = tend.run("start", "--name", "a", "--background", "--", helper("sleeper"))
    assert done.stdout == f"a: already running (pid {kept[0]})\n" and done.stderr == ""
    assert tend.run("start", "a", "--background").stdout == f"a: already running (pid {kept[0]})\n"
    assert identity(tend.pid("a")) == kept


@pytest.mark.parametrize("command", [("sleeper", "1000"), ("stdin_reader",)])
def test_taken_by_another_command(tend, command):
    start(tend, "a", helper("sleeper"))
    kept, spec = identity(tend.pid("a")), (tend.home / "specs" / "a.json").read_bytes()
    done = tend.run(
        "start", "--name", "a", "--background", "--", helper(command[0]), *command[1:], check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    text = one_line(done.stderr)
    assert "already runs another command" in text and helper("sleeper") in text and "--name" in text
    assert identity(tend.pid("a")) == kept and alive(kept[0])
    assert (tend.home / "specs" / "a.json").read_bytes() == spec
    assert files(tend.home / "specs") == ["a.json"]
    stop_everything(tend)


def test_taken_by_another_folder(tend):
    """The same words in another folder are another command."""
    start(tend, "a", helper("sleeper"), options=("--cwd", "/"))
    done = tend.run(
        "start",
        "--name",
        "a",
        "--background",
        "--cwd",
        "/tmp",
        "--",
        helper("sleeper"),
        check=False,
    )
    assert done.returncode == 1 and "another command" in one_line(done.stderr)


def test_a_name_at_rest_is_free(tend):
    start(tend, "a", helper("crasher"), "0", "0")
    tend.wait("a", "stopped")
    start(tend, "a", helper("sleeper"))
    row = tend.status("a")
    assert row["command"] == helper("sleeper") and row["status"] == "running"
    stop_everything(tend)


def test_a_failed_change_of_command_keeps_the_row(tend):
    """The new command of a name at rest can't be executed: there is still a row, which says so, and
    a good command mends it.
    """
    start(tend, "a", helper("crasher"), "0", "0")
    tend.wait("a", "stopped")
    path = script(tend, "bad", "nothing\n")
    done = tend.run("start", "--name", "a", "--background", "--", path, check=False)
    assert done.returncode == 1 and "executing failed: Exec format error" in one_line(done.stderr)
    assert tend.status("a")["state"] == "failed"
    start(tend, "a", helper("sleeper"))
    leaves_no_trace(tend, "other")
    stop_everything(tend)
