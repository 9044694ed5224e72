"""The tests' own net: whatever happens to a test, nothing of it may stay behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fake_registry import FakeRegistry
from harness import Tend, alive, fnv1a64, helper, identity, proc_stat, wait_gone, wait_until

# A holder: an instance, a process with its mark in a session of its own, a segment, a file in the
# home. Says where they are and waits for ever.
HOLDER = """
import json, os, signal, subprocess, sys
sys.path.insert(0, sys.argv[1])
from harness import Tend
tend = Tend(sys.argv[3])
tend.home.mkdir()
(tend.home / "file").write_text("x")
tend.segment.write_text("x")
process = subprocess.Popen(
    [sys.argv[2], "child"], env=tend.env, start_new_session=True, stdout=subprocess.PIPE, text=True
)
pids = [int(process.stdout.readline().split()[1]) for _ in range(2)]
made = dict(root=str(tend.root), segment=str(tend.segment), pids=pids, janitor=tend.janitor.pid)
print(json.dumps(made), flush=True)
signal.pause()
"""


def marked(instance, *command, **env):
    """Start a process of that home, as tend would: the mark in its environment, nothing else in
    common with us.
    """
    return subprocess.Popen(
        command,
        env={**instance.env, **env},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("home_name", ["h", "a home  with spaces"])
def test_everything_goes_when_the_holder_is_killed(home_name):
    argv = [sys.executable, "-c", HOLDER, Path(__file__).parent, helper("term_ignorer"), home_name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        seen = json.loads(holder.stdout.readline())
        assert all(alive(pid) for pid in seen["pids"])
        assert Path(seen["segment"]).exists()
        holder.send_signal(signal.SIGKILL)
    wait_gone(seen["janitor"], timeout=30)
    assert not any(alive(pid) for pid in seen["pids"])
    assert not Path(seen["segment"]).exists()
    assert not Path(seen["root"]).exists()


def test_a_whole_tree_goes(new_tend):
    instance = new_tend()
    tree = marked(instance, helper("forker"), "3")
    pids = [int(tree.stdout.readline().split()[1]) for _ in range(10)]
    assert all(alive(pid) for pid in pids)
    assert instance.close() == []
    assert not any(alive(pid) for pid in pids)
    assert not instance.root.exists()
    tree.communicate()


def test_what_is_left_after_a_clean_stop_is_a_complaint():
    instance = Tend()
    process = marked(instance, helper("sleeper"))
    instance.must_be_clean = True
    complaints = instance.close()
    assert len(complaints) == 1
    assert str(process.pid) in complaints[0] and "sleeper" in complaints[0]
    process.communicate()


def test_the_instance_mark_counts_too():
    instance = Tend()
    number = f"{fnv1a64(os.fsencode(instance.home)):016x}"
    process = subprocess.Popen(
        [helper("sleeper")], env={"TEND_INSTANCE": number}, start_new_session=True
    )
    instance.close()
    assert process.wait(5) == -signal.SIGKILL


def test_strangers_are_left_alone():
    """A mark must match as a whole: a home whose path begins with ours, or our path in another
    variable, is none of ours.
    """
    instance = Tend()
    strangers = [
        subprocess.Popen([helper("sleeper")], env={"TEND_HOME": f"{instance.home}2"}),
        subprocess.Popen([helper("sleeper")], env={"OTHER": f"TEND_HOME={instance.home}"}),
        subprocess.Popen([helper("sleeper")], env={"MY_TEND_HOME": str(instance.home)}),
        subprocess.Popen([helper("sleeper"), f"TEND_HOME={instance.home}"], env={}),
    ]
    try:
        # The last one is given a number of seconds that is none, so it ends by itself; what counts
        # is who ended it.
        assert strangers[-1].wait(5) == 0
        instance.close()
        assert [process.poll() for process in strangers] == [None, None, None, 0]
    finally:
        for process in strangers:
            process.kill()
            process.wait()


def test_a_folder_without_rights_is_removed():
    instance = Tend()
    (instance.home / "closed" / "deep").mkdir(parents=True)
    (instance.home / "closed" / "deep" / "file").write_text("x")
    (instance.home / "closed").chmod(0)
    assert instance.close() == []
    assert not instance.root.exists()


def test_a_sanitizer_report_is_a_complaint():
    instance = Tend()
    (instance.home / "logs").mkdir(parents=True)
    (instance.home / "logs" / "tend.log").write_text(
        "==1==ERROR: AddressSanitizer: heap-use-after-free\n"
    )
    assert len(instance.close()) == 1


def test_fnv_is_the_published_function():
    assert fnv1a64(b"") == 0xCBF29CE484222325
    assert fnv1a64(b"a") == 0xAF63DC4C8601EC8C
    assert fnv1a64(b"foobar") == 0x85944171F73967E8


def test_wait_until_says_what_it_waited_for():
    with pytest.raises(AssertionError, match="the moon"):
        wait_until(lambda: False, timeout=0.05, what="the moon")


# ---- the helper programs do what their comments say


def ended(*command):
    done = subprocess.run(
        [helper(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=10,
    )
    return done.returncode, done.stdout


def test_crasher():
    assert ended("crasher")[0] == 1
    assert ended("crasher", "0", "42")[0] == 42
    assert ended("crasher", "0.01", f"s{int(signal.SIGSEGV)}")[0] == -signal.SIGSEGV
    assert re.fullmatch(r"crasher \d+ start\n", ended("crasher", "0", "0")[1])


def test_flooder_numbers_every_line():
    status, text = ended("flooder", "1000", "32", "0")
    lines = text.splitlines()
    assert status == 0 and lines[-1] == "end 1000"
    assert [int(line.split()[0]) for line in lines[:-1]] == list(range(1000))
    assert {len(line) for line in lines[:-1]} == {31}


def test_stdin_reader_ends_with_its_input():
    done = subprocess.run(
        [helper("stdin_reader")], input="one\ntwo", stdout=subprocess.PIPE, text=True, timeout=10
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["read: one", "read: two", "eof"]


def test_env_printer_sees_its_world():
    done = subprocess.run(
        [helper("env_printer"), "0"],
        env={"A": 'quote " and \\', "B": "tab\t"},
        cwd="/",
        umask=0o027,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=10,
    )
    world = json.loads(done.stdout)
    assert world["env"] == ['A=quote " and \\', "B=tab\t"]
    assert world["cwd"] == "/" and world["umask"] == "0027"
    fds = {fd["fd"]: fd for fd in world["fds"]}
    assert set(fds) == {0, 1, 2}
    assert fds[0]["target"] == "/dev/null" and fds[1]["kind"] == "fifo" and fds[1]["access"] == "w"
    assert (
        signal.SIGPIPE not in world["ignored"]
    )  # Python's subprocess restores it, and the program tells


def test_term_ignorer_ignores():
    with subprocess.Popen(
        [helper("term_ignorer"), "only-child"], stdout=subprocess.PIPE, text=True
    ) as process:
        child = int(process.stdout.readline().split()[1])
        process.stdout.readline()
        kept = identity(child)
        os.kill(child, signal.SIGTERM)
        process.terminate()
        assert process.wait(5) == -signal.SIGTERM
        wait_until(lambda: proc_stat(child)[0] == "S", what="the child sleeps again")
        assert identity(child) == kept
        os.kill(child, signal.SIGKILL)
    wait_gone(child)


def test_a_closed_registry_answers_nobody():
    """Its thread must not wait in accept(2): the descriptor's number may be the next registry's,
    which it would then answer for.
    """
    server = FakeRegistry()
    with socket.create_connection(("127.0.0.1", server.port)) as peer:
        wait_until(lambda: server.connections)
        server.close()
        assert peer.recv(1) == b""
    assert not server.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
