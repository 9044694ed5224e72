"""Deploying by a link: paths are kept as they were given, and each launch follows the links in them
anew.
"""

import re

import pytest

from common import start
from harness import helper

APP = """#!/bin/sh
echo "release %d in $(pwd -P), PWD=$PWD, run as $0"
exec sleep 1000
"""
AGENT = """import os, time
print(f"release %d in {os.getcwd()}, PWD={os.environ['PWD']}, run as {__file__}", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def current(tend):
    """The link to the present release, of two."""
    for number in (1, 2):
        release = tend.work / "releases" / str(number)
        (release / "bin").mkdir(parents=True)
        for path, text in ((release / "bin" / "app", APP), (release / "agent.py", AGENT)):
            path.write_text(text % number)
            path.chmod(0o755)
    link = tend.work / "current"
    link.symlink_to("releases/1")
    return link


def deploy(link):
    new = link.with_name("new")
    new.symlink_to("releases/2")
    new.replace(link)


# Operands of a start behind --background, the folder that it is called in, the process's own.
WAYS = {
    "option": (
        ["--name", "web", "--cwd", "{current}", "--", "{current}/bin/app"],
        "/",
        "{current}",
    ),
    "relative option": (
        ["--name", "web", "--cwd", "./current//.", "--", "current/./bin/app"],
        "{work}",
        "{current}",
    ),
    "option from inside": (
        ["--name", "web", "--cwd", "bin", "--", "bin/app"],
        "{current}",
        "{current}/bin",
    ),
    "folder": (["--name", "web", "--", "./bin/app"], "{current}", "{current}"),
    "deep folder": (["--name", "web", "--", "./app"], "{current}/bin", "{current}/bin"),
    "above": (
        ["--name", "web", "--cwd", "../../current", "--", "../../current/bin/app"],
        "{work}/releases/1",
        "{current}",
    ),
    "file": (["--name", "web", "{current}/agent.py"], "/", "{current}"),
    "file in the folder": (["--name", "web", "agent.py"], "{current}", "{current}"),
    "executable file": (["--name", "web", "bin/app"], "{current}", "{current}/bin"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("again", ["restart", "crash", "stop and start"])
def test_the_next_run_is_of_the_new_release(tend, current, way, again):
    operands, called_in, own = WAYS[way]
    names = {"current": current, "work": tend.work}
    called_in, own = called_in.format(**names), own.format(**names)
    tend.run(
        "start",
        "--background",
        "--restart",
        "always",
        *(word.format(**names) for word in operands),
        cwd=called_in,
        env={"PWD": called_in},
    )
    real = own.replace(str(current), str(current.resolve()))
    assert tend.wait_log("web", r"release 1 in (.*), PWD=(.*), run as").groups() == (real, own)
    assert f"folder       {own}\n" in tend.run("status", "web").stdout
    assert tend.json("list", "web")["web"]["working_directory"] == own
    deploy(current)
    if again == "restart":
        tend.run("restart", "web")
    elif again == "crash":
        tend.kill(tend.pid("web"))
    else:
        tend.run("stop", "web")
        tend.run("start", "web", "--background", cwd="/")
    assert tend.wait_log("web", r"release 2 in (.*), PWD=(.*), run as").groups() == (
        real.replace("/releases/1", "/releases/2"),
        own,
    )


def test_a_file_that_is_a_link(tend):
    for number in (1, 2):
        (tend.work / f"agent-{number}.py").write_text(AGENT % number)
    link = tend.work / "agent.py"
    link.symlink_to("agent-1.py")
    tend.run("start", link, "--background")
    tend.wait_log("agent", "release 1 ")
    link.unlink()
    link.symlink_to("agent-2.py")
    tend.run("restart", "agent")
    tend.wait_log("agent", "release 2 ")


@pytest.mark.parametrize(
    "pwd", ["/", "/no/such/folder", "current", "{current}/../current", "{current}/.", ""]
)
def test_a_pwd_that_is_none(tend, current, pwd):
    """Left by something that is not a shell, or not an absolute path: the kernel's word counts."""
    start(tend, "a", helper("sleeper"), cwd=current, env={"PWD": pwd.format(current=current)})
    assert tend.json("list", "a")["a"]["working_directory"] == str(current.resolve())


def test_pwd_can_be_given(tend, current):
    tend.run(
        "start",
        "--name",
        "web",
        "--background",
        "--env",
        "PWD=/given",
        "--",
        current / "bin" / "app",
        cwd=current,
    )
    spec = (tend.home / "specs" / "web.json").read_text()
    assert spec.count('"PWD=') == 1 and '"PWD=/given"' in spec


def test_one_file_by_two_ways(tend, current):
    """That is not a clash of names."""
    done = tend.run(
        "start", "--background", current / "agent.py", current.resolve() / "agent.py", check=False
    )
    assert "would both be called" not in done.stderr
    tend.wait("agent", "running")


# What is taken away (renamed) and what the refusal says of it.
GONE = {
    "program": ("releases/1/bin/app", r"its program can't be run: No such file .*/current/bin/app"),
    "folder": ("releases/1", r"its folder can't be entered: No such file .*/current"),
    "link": ("current", r"its folder can't be entered: No such file .*/current"),
    "interpreter": ("sh", r"the interpreter that its program names can't be run: .*/bin/app"),
    "file": ("releases/1/agent.py", r"its file is not there: No such file .*/current/agent.py"),
}


@pytest.mark.parametrize("gone", GONE)
def test_a_restart_of_what_cannot_run_again_ends_nothing(tend, current, gone):
    path, reason = GONE[gone]
    path = tend.work / path
    if gone == "interpreter":
        path.symlink_to("/bin/sh")
        app = current / "bin" / "app"
        app.write_text(app.read_text().replace("/bin/sh", str(path)))
    operands = [current / "agent.py"] if gone == "file" else ["--", current / "bin" / "app"]
    tend.run("start", "--background", "--name", "web", "--cwd", current, *operands)
    tend.wait_log("web", "release 1 ")
    pid = tend.pid("web")
    path.rename(tend.work / "away")
    done = tend.run("restart", "web", check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        f"tend restart: web: not restarted, it runs on: {reason}\n", done.stderr
    ), done.stderr
    assert (tend.pid("web"), tend.status("web")["restarts"]) == (pid, 0)
    (tend.work / "away").rename(path)
    tend.run("restart", "web")
    assert tend.pid("web") != pid
    tend.stop_all()


def test_a_program_that_is_no_more_executable_is_not_restarted(tend, current):
    start(tend, "web", current / "bin" / "app", cwd=current)
    tend.wait_log("web", "release 1 ")
    pid = tend.pid("web")
    (current / "bin" / "app").chmod(0o644)
    done = tend.run("restart", "web", check=False)
    assert done.returncode == 1 and "its program can't be run: Permission denied" in done.stderr
    assert tend.pid("web") == pid
    tend.stop_all()
