"""The completions of bash, zsh and fish, each in its own shell: commands, options, their values,
and names from the table.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from common import start
from harness import TEND_BIN, TOP, helper

FOLDER = TOP / "docs/completions"

# What is typed, the words that must be offered, and some that must not.
CASES = [
    (["tend", "st"], {"start", "stop", "status", "stats"}, {"list"}),
    (["tend", "stop", ""], {"alpha", "beta", "@web"}, {"--force"}),
    (["tend", "stop", "al"], {"alpha"}, {"beta"}),
    (["tend", "stop", "@"], {"@web"}, {"alpha"}),
    (
        ["tend", "stop", "--"],
        {"--force", "--timeout", "--agent", "--quiet", "--help", "--json"},
        {"--reset-config"},
    ),
    (["tend", "start", "--restart", ""], {"no", "on-failure", "always"}, {"--name"}),
    (["tend", "logs", "--level", "WA"], {"WARNING"}, {"INFO"}),
    (["tend", "wait", "alpha", "--for", ""], {"running", "stopped", "healthy"}, set()),
    (["tend", "signal", "alpha", "SIGH"], {"SIGHUP"}, {"SIGTERM"}),
    (["tend", "config", "set", "registry_"], {"registry_port", "registry_host"}, {"db_path"}),
    (["tend", "help", "sn"], {"snapshot"}, set()),
    (["tend", "start", "fi"], {"file.py"}, {"alpha"}),
    (["tend", "start", "al"], {"alpha"}, set()),
]


@pytest.fixture
def shell(tend):
    start(tend, "alpha", helper("sleeper"), options=("--group", "web"))
    start(tend, "beta", helper("sleeper"))
    (tend.work / "file.py").write_text("")
    return {**tend.env, "PATH": f"{TEND_BIN}:/usr/bin:/bin", "TERM": "dumb"}


def check(offered, words, wanted, unwanted):
    assert wanted <= offered, (words, offered)
    assert not unwanted & offered, (words, offered)


@pytest.mark.parametrize(
    "words, wanted, unwanted", CASES, ids=lambda v: " ".join(v) if isinstance(v, list) else ""
)
def test_bash(tend, shell, words, wanted, unwanted):
    script = f"""source {FOLDER}/tend.bash
    compopt() {{ :; }}
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tend && printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env=shell,
        cwd=tend.work,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    check(set(done.stdout.splitlines()), words, wanted, unwanted)


def test_bash_makes_words_at_equals_signs(tend, shell):
    script = f'source {FOLDER}/tend.bash; COMP_WORDS=(tend logs --level = WA); COMP_CWORD=4; _tend; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", script], env=shell, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "WARNING\n"


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
@pytest.mark.parametrize(
    "words, wanted, unwanted", CASES, ids=lambda v: " ".join(v) if isinstance(v, list) else ""
)
def test_fish(tend, shell, words, wanted, unwanted):
    script = f"source {FOLDER}/tend.fish; complete -C '{' '.join(words)}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env=shell,
        cwd=tend.work,
        capture_output=True,
        text=True,
        timeout=60,
    )
    check({line.split("\t")[0] for line in done.stdout.splitlines()}, words, wanted, unwanted)


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
@pytest.mark.timeout(120)
def test_zsh(tend, shell):
    """A real shell at a terminal, since zsh completes nowhere else: what Tab lists, or fills in."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(tend.work)
        os.execve(
            "/usr/bin/zsh",
            ["zsh", "-f", "-i"],
            {**shell, "TERM": "xterm", "COLUMNS": "200", "LINES": "60"},
        )
    try:

        def send(text):
            os.write(fd, text.encode())

        def until(pattern, timeout=40):
            text, deadline = "", time.monotonic() + timeout
            while not re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)):
                ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
                assert ready, f"{pattern!r} did not come: {text!r}"
                text += os.read(fd, 65536).decode(errors="replace")
            return text

        send(
            f"PS1='> '; fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D; setopt no_always_last_prompt; echo re''ady\n"
        )
        until("ready\r")
        send("tend stop al\t")
        until("alpha ")
        send("\x15tend start --restart on-f\t")
        until("on-failure ")
        send("\x15tend st\t")
        found = until("(?s)(?=.*start.* any command)(?=.*stats)(?=.*status)")
        assert "snapshot" not in found
    finally:
        os.close(fd)
        os.waitpid(pid, 0)


def test_complete_is_quick_and_silent_where_it_knows_nothing(tend, shell):
    for args in ([], ["x"], ["1"], ["9", "tend"], ["0", "tend"], ["-1", "tend"]):
        done = tend.run("complete", *args, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", ""), args
    for words in (["nosuch", ""], ["version", ""], ["stop", "\x1b[31m"], ["logs", "--level=", "x"]):
        done = tend.run("complete", len(words), "tend", *words)
        assert done.stderr == "", words
    assert tend.run("complete", 2, "tend", "logs", "--level=WA").stdout == "--level=WARNING\n"


def test_complete_without_an_instance(tend):
    assert tend.run("complete", 2, "tend", "stop", "").stdout == ""
    assert not tend.home.exists(), "looking creates nothing"
