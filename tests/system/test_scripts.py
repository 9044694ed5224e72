"""docs/scripts.md and docs/migration.md: what stands there works."""

import re
import subprocess
import sys

import pytest

from common import start
from harness import TEND_BIN, TOP, helper

BLOCKS = re.findall(r"^```sh\n(.*?)^```", (TOP / "docs/scripts.md").read_text(), re.M | re.S)
SAYS = [
    ["web is up", "and has been seen to be"],
    ["1 restart"],
    [r"\('web', 'restarted'\)"],
    ["status 1", "status 3"],
    [r"web has run 1 times, last as a live process"],
    ["web runs again"],
    [r"tend_process_up\{.*web.*\} 1"],
]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_of_the_page(tend, number):
    start(tend, "web", helper("sleeper"))
    tend.wait("web", "healthy")
    assert len(SAYS) == len(BLOCKS)
    env = {**tend.env, "PATH": f"{TEND_BIN}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", BLOCKS[number]],
        env=env,
        cwd=tend.work,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    for pattern in SAYS[number]:
        assert re.search(rf"^{pattern}$", done.stdout, re.M), done.stdout


def test_on_failure(tend):
    """The event's sentence reaches the command, once for each failure, and nothing else does."""
    start(tend, "web", helper("sleeper"))
    follower = tend.popen("events", "--follow", "--json")
    script = subprocess.Popen(
        [sys.executable, TOP / "examples/on_failure.py", "cat"],
        stdin=follower.stdout,
        stdout=subprocess.PIPE,
        text=True,
    )
    tend.children.append(script)
    start(tend, "dead", helper("crasher"), "0", "3", options=("--restart", "no"))
    line = script.stdout.readline()
    assert line.startswith("dead: running -> failed") and "exited with status 3" in line
    follower.terminate()
    follower.wait(10)
    assert script.communicate(timeout=10)[0] == ""


def test_every_option_of_the_migration_tables_exists(tend):
    """The right-hand columns name commands and options that tend has."""
    rows = re.findall(
        r"^\| [^|]* \| ([^|]*) \|$",
        (TOP / "docs/migration.md").read_text().replace("\\|", "/"),
        re.M,
    )
    commands = {
        line.split("\t")[0] for line in tend.run("complete", 1, "tend", "").stdout.splitlines()
    }
    used = [code for row in rows for code in re.findall(r"`tend ([^`]*)`", row)]
    assert len(used) > 30
    for code in used:
        words = code.split(" -- ")[0].split()
        assert words[0] in commands, code
        options = {
            line.split("\t")[0]
            for line in tend.run("complete", 2, "tend", words[0], "--").stdout.splitlines()
        }
        assert {word for word in words if word.startswith("--")} <= options, code
    known = {
        line.split("\t")[0]
        for command in commands
        for line in tend.run("complete", 2, "tend", command, "--").stdout.splitlines()
    }
    for row in rows:
        for option in re.findall(r"`(--[a-z-]+)", row):
            assert option in known, option
