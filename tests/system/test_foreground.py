"""tend start without --background: it shows what its processes write, tells what happens to them,
and stops them on Ctrl-C.
"""

import os
import pty
import re
import select
import signal
import subprocess
import time

from common import script, start, stop_everything
from harness import alive, helper, identity, wait_until


def foreground(tend, *args, **options):
    """A start that stays; returns it once it says so."""
    child = tend.popen("start", *args, **options)
    text = ""
    while "Ctrl-C stops" not in text:
        ready, _, _ = select.select([child.stdout], [], [], 30)
        assert ready, text
        more = os.read(child.stdout.fileno(), 4096).decode()
        assert more, text + child.stderr.read()
        text += more
    return child


def test_ctrl_c_stops_what_it_started(tend):
    child = foreground(tend, "--name", "a", "--", helper("forker"), "1")
    tend.wait_log("a", "^ready")
    pid = tend.pid("a")
    daemons = tend.wait_daemons()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (0, "")
    assert "a: stopped" in out
    tend.must_be_clean = True
    assert not any(alive(p) for p in [pid, *daemons.values()]), "it had started the daemons"
    assert not tend.segment.exists()


def test_ctrl_c_leaves_alone_what_others_started(tend):
    start(tend, "mine", helper("sleeper"))
    kept = identity(tend.pid("mine"))
    child = foreground(tend, "--name", "a", "--", helper("sleeper"))
    pid = tend.pid("a")
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    assert not alive(pid) and identity(kept[0]) == kept
    assert all(tend.wait_daemons().values())
    assert tend.status("a")["state"] == "stopped"
    stop_everything(tend)


def test_ctrl_c_twice_kills(tend):
    child = foreground(tend, "--name", "a", "--", helper("term_ignorer"), "child")
    tend.wait_log("a", "^ready")
    pid = tend.pid("a")
    child.send_signal(signal.SIGINT)
    wait_until(lambda: tend.status("a")["state"] == "stopping", what="the first is at work")
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    assert child.returncode == 0 and "killing" in out and "a: killed" in out
    assert not alive(pid)


def test_it_ends_with_what_it_started(tend):
    child = foreground(tend, "--name", "a", "--", helper("crasher"), "0.5", "0")
    assert child.wait(30) == 0
    child = foreground(tend, "--name", "b", "--restart", "no", "--", helper("crasher"), "0.5", "3")
    out, _ = child.communicate(timeout=30)
    assert child.returncode == 1 and "exited with status 3" in out


def test_news_are_told(tend):
    child = foreground(tend, "--name", "a", "--", helper("sleeper"))
    old = tend.pid("a")
    os.kill(old, signal.SIGKILL)
    tend.wait_pid("a", not_pid=old)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    assert "a: running -> backoff (was killed by SIGKILL; restart at once)" in out


def test_ctrl_c_at_a_terminal(tend):
    """As a person does it: the key, which signals the whole foreground group of the terminal.
    Supervised processes are not in it.
    """
    master, slave = pty.openpty()
    env = {**tend.env, "TERM": "xterm"}

    def own_terminal():
        os.setsid()
        os.close(os.open(os.ttyname(slave), os.O_RDWR))  # becomes the controlling terminal

    child = subprocess.Popen(
        tend.argv("start", "--name", "a", "--", helper("sleeper")),
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=own_terminal,
    )
    tend.children.append(child)
    os.close(slave)
    text = ""

    def read_on(until):
        nonlocal text
        deadline = time.monotonic() + 30
        while until not in text:
            ready, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
            assert ready, text
            text += os.read(master, 4096).decode()

    read_on("Ctrl-C stops it")
    pid = tend.pid("a")
    assert os.getsid(pid) == pid
    os.write(master, b"\x03")
    read_on("a: stopped")
    assert child.wait(30) == 0
    os.close(master)
    assert not alive(pid)
    tend.must_be_clean = True


def test_a_closed_terminal_is_an_end_too(tend):
    child = foreground(tend, "--name", "a", "--", helper("sleeper"))
    pid = tend.pid("a")
    child.send_signal(signal.SIGHUP)
    child.wait(30)
    assert not alive(pid)


def output_of(child, until, timeout=30):
    """What it prints, up to a match of the regular expression."""
    text, deadline = "", time.monotonic() + timeout
    while not re.search(until, text, re.M):
        ready, _, _ = select.select([child.stdout], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"{until!r} did not come: {text}"
        more = os.read(child.stdout.fileno(), 4096).decode()
        assert more, text + child.stderr.read()
        text += more
    return text


def talker(tend, name):
    """Says that it is there, and something when it is asked to end. Returns its path."""
    return script(
        tend,
        name,
        f"""#!/usr/bin/python3
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("here is {name}", flush=True)
print("complaint of {name}", file=sys.stderr, flush=True)
signal.sigwait([signal.SIGTERM])
print("bye from {name}", flush=True)
""",
    )


def test_output_is_shown_behind_names(tend):
    """Merged, standard error too, from the first line to what is said at the end; what lies in the
    log from before is not shown again.
    """
    files = [talker(tend, "one"), talker(tend, "second")]
    tend.run("start", files[0], "--background")
    tend.wait_log("one", "complaint")
    tend.run("stop", "one")
    child = tend.popen("start", *files)
    text = output_of(
        child, r"(?s)(?=.*\| complaint of one)(?=.*\| complaint of second).*Ctrl-C stops"
    )
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    text += out
    assert (child.returncode, err) == (0, "")
    lines = text.splitlines()
    for line in (
        "one    | here is one",
        "one    | complaint of one",
        "second | here is second",
        "second | complaint of second",
        "one    | bye from one",
        "second | bye from second",
    ):
        assert lines.count(line) == 1, (line, text)
    assert lines.index("second: stopped") < lines.index(
        "one: stopped"
    ), "the last that was started is the first to be stopped"
    assert "\033" not in text, "no colours where no terminal is"
    stop_everything(tend)


def test_separate_standard_error_is_shown(tend):
    child = tend.popen(
        "start",
        "--name",
        "a",
        "--separate-stderr",
        "--",
        "bash",
        "-c",
        "echo to out; echo to err >&2; exec sleep 1000",
    )
    output_of(child, r"(?s)(?=.*^a \| to out$)(?=.*^a \| to err$)")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 0


def test_a_death_at_once_is_told_with_its_output(tend):
    file = script(tend, "broken.py", "import no_such_module\n")
    child = tend.popen("start", file, "--restart", "no")
    out, err = child.communicate(timeout=30)
    assert child.returncode == 1
    assert "broken | ModuleNotFoundError: No module named 'no_such_module'" in out
    assert re.search(r"broken: running -> failed \(.*exited with status 1", out)


def test_the_second_ctrl_c_kills_what_is_left_and_nothing_else(tend):
    child = tend.popen("start", talker(tend, "polite"), "--no-registry")
    output_of(child, "here is")
    other = foreground(tend, "--name", "rude", "--", helper("term_ignorer"))
    tend.wait_log("rude", "^ready")
    other.send_signal(signal.SIGINT)
    wait_until(lambda: tend.status("rude")["state"] == "stopping", what="it is being stopped")
    other.send_signal(signal.SIGINT)
    out, _ = other.communicate(timeout=30)
    assert other.returncode == 0 and "killing" in out and "rude: killed" in out
    assert tend.status("polite")["state"] == "running"
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 0


def test_killed_itself_it_leaves_its_agents_supervised(tend):
    child = foreground(tend, "--name", "a", "--", helper("sleeper"))
    pid = tend.pid("a")
    child.kill()
    child.wait(10)
    assert tend.pid("a") == pid and alive(pid)
    os.kill(pid, signal.SIGKILL)
    tend.wait_pid("a", not_pid=pid)
    stop_everything(tend)
