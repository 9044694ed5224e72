"""Several people at once: whatever they ask for happens once."""

import contextlib
import os
import subprocess

import pytest

from crashkit import daemons_of, launches, marked, settled, sleepers, start
from harness import ROLES, TEND_BIN, alive, helper, identity, proc_stat, wait_gone, wait_until


def finish(clis, timeout=60):
    """[(exit status, standard output, standard error)] of commands that run at once."""
    ended = []
    for cli in clis:
        out, err = cli.communicate(timeout=timeout)
        ended.append((cli.returncode, out, err))
    return ended


@contextlib.contextmanager
def starting_line():
    """Yields popen options that make commands wait for each other: all of them start when the block
    ends.
    """
    read_end, write_end = os.pipe()
    yield read_end
    os.close(write_end)
    os.close(read_end)


def popen_at(tend, gate, *args):
    """A command that begins when the gate closes. The shell is there only to wait."""
    argv = ["sh", "-c", 'read x; exec "$@" </dev/null', "sh", *tend.argv(*args)]
    child = subprocess.Popen(
        argv, env=tend.env, stdin=gate, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    tend.children.append(child)
    return child


@pytest.mark.parametrize("running", [False, True], ids=["no-daemons", "daemons"])
@pytest.mark.parametrize("count", [2, 8])
def test_one_name_started_at_once(tend, running, count):
    if running:
        sleepers(tend, 1)
    with starting_line() as gate:
        clis = [
            popen_at(tend, gate, "start", "--background", "--name", "one", "--", helper("sleeper"))
            for _ in range(count)
        ]
    ended = finish(clis)
    assert [code for code, _, _ in ended] == [0] * count, ended
    pid = tend.pid("one")
    assert sorted("already run" in out + err for _, out, err in ended) == [False] + [True] * (
        count - 1
    ), ended
    assert all(str(pid) in out for _, out, _ in ended)
    assert marked(tend, "one") == [pid] and launches(tend, "one") == [pid]
    assert all(len(pids) == 1 for pids in daemons_of(tend).values()), daemons_of(tend)
    assert list((tend.home / "specs").glob(".new-*")) == []
    tend.stop_all()


def test_one_name_with_two_commands(tend):
    """One wins; the other is told what runs under that name."""
    with starting_line() as gate:
        clis = [
            popen_at(
                tend,
                gate,
                "start",
                "--background",
                "--name",
                "one",
                "--",
                helper("sleeper"),
                str(n),
            )
            for n in (3601, 3602)
        ]
    ended = finish(clis)
    assert sorted(code for code, _, _ in ended) == [0, 1], ended
    assert "already runs another command" in next(err for code, _, err in ended if code == 1)
    assert len(marked(tend, "one")) == 1
    tend.stop_all()


def test_twenty_names_started_at_once_without_daemons(tend):
    with starting_line() as gate:
        clis = [
            popen_at(
                tend, gate, "start", "--background", "--name", f"n{i}", "--", helper("sleeper")
            )
            for i in range(20)
        ]
    ended = finish(clis)
    assert [code for code, _, _ in ended] == [0] * 20, ended
    settled(tend)
    assert {role: len(pids) for role, pids in daemons_of(tend).items()} == dict.fromkeys(ROLES, 1)
    for i in range(20):
        assert marked(tend, f"n{i}") == [tend.pid(f"n{i}")]
    tend.stop_all()
    assert marked(tend) == []


@pytest.mark.parametrize("attempt", range(3))
def test_two_guardians(tend, attempt):
    del attempt
    argv = [TEND_BIN / "tend-guardian", "--home", tend.home]
    pair = [
        subprocess.Popen(
            argv,
            env=tend.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    tend.children += pair
    loser = wait_until(
        lambda: next((g for g in pair if g.poll() is not None), None), what="one gives up"
    )
    out, err = loser.communicate()
    assert loser.returncode == 3
    assert (
        out == "" and err.count("\n") == 1 and "another guardian" in err and str(tend.home) in err
    ), err
    winner = next(g for g in pair if g is not loser)
    tend.wait_daemons()
    assert tend.daemon_pid("guardian") == winner.pid
    sleepers(tend)
    tend.run("stop")
    assert winner.wait(10) == 0


@pytest.mark.parametrize("role", ["spawner", "monitor", "logger"])
def test_a_second_daemon_of_a_role_gives_way(tend, role):
    kept = sleepers(tend, 1)
    before = {r: tend.daemon_pid(r) for r in ROLES}
    done = subprocess.run(
        [TEND_BIN / f"tend-{role}", "--home", tend.home],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 3, done
    assert {r: tend.daemon_pid(r) for r in ROLES} == before
    assert identity(kept["s0"][0]) == kept["s0"]
    tend.stop_all()


@pytest.mark.parametrize("attempt", range(3))
def test_start_and_stop_of_one_name(tend, attempt):
    """Either may come first; each is told what is true, and what the table says is what is."""
    del attempt
    sleepers(tend, 1)
    with starting_line() as gate:
        starts = [
            popen_at(tend, gate, "start", "--background", "--name", "one", "--", helper("sleeper"))
            for _ in range(3)
        ]
        stops = [popen_at(tend, gate, "stop", "one") for _ in range(3)]
    ended = finish(starts)
    for code, out, err in ended:
        assert code == 0 or (
            code == 1 and err == "tend start: one was stopped by another command\n"
        ), (out, err)
    for code, out, err in finish(stops):
        assert code in (0, 1), (out, err)
        assert code == 0 or "no process" in err, err
    row = tend.status("one")
    assert marked(tend, "one") == ([row["pid"]] if row["status"] == "running" else [])
    tend.stop_all()


def test_a_start_while_everything_stops(tend):
    """The start comes before the end, or is refused, or begins a new instance; never does a process
    stay behind without daemons.
    """
    for i in range(5):
        sleepers(tend, 4)
        with starting_line() as gate:
            stop = popen_at(tend, gate, "stop")
            begin = popen_at(
                tend, gate, "start", "--background", "--name", f"late{i}", "--", helper("sleeper")
            )
        (stopped,), (begun,) = finish([stop]), finish([begin])
        assert stopped[0] == 0, stopped
        assert begun[0] in (0, 1), begun
        if begun[0] == 1:
            assert begun[2].count("\n") == 1, begun
        left = marked(tend)
        # A process in a new instance has daemons; else there is nothing.
        if left:
            settled(tend)
            assert sorted(left) == sorted(
                row["pid"] for row in tend.status()["processes"] if row["status"] == "running"
            )
        tend.run("stop", check=False)
        assert marked(tend) == []
    tend.must_be_clean = True


@pytest.mark.parametrize("attempt", range(3))
def test_two_stops_of_everything(tend, attempt):
    del attempt
    sleepers(tend)
    with starting_line() as gate:
        clis = [popen_at(tend, gate, "stop") for _ in range(2)]
    ended = finish(clis)
    for code, out, err in ended:
        assert code == 0 or (code == 1 and "nothing is running" in err), (out, err)
    assert any(code == 0 for code, _, _ in ended)
    wait_until(lambda: not any(daemons_of(tend).values()), what="no daemon")
    assert marked(tend) == [] and not tend.segment.exists()
    tend.must_be_clean = True


def test_two_stops_of_one_process(tend):
    pid = start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "1s"))
    tend.wait_log("stubborn", "^ready")
    with starting_line() as gate:
        clis = [popen_at(tend, gate, "stop", "stubborn") for _ in range(3)]
    for code, out, err in finish(clis):
        assert code == 0, (out, err)
    assert not alive(pid) and tend.status("stubborn")["state"] == "stopped"
    tend.stop_all()


def test_restarts_of_one_process_at_once(tend):
    start(tend, "one", helper("sleeper"))
    with starting_line() as gate:
        clis = [popen_at(tend, gate, "restart", "one") for _ in range(5)]
    for code, out, err in finish(clis):
        assert code == 0, (out, err)
    assert marked(tend, "one") == [tend.pid("one")]
    tend.stop_all()


def test_a_command_that_was_killed_is_carried_out_once(tend):
    """The person is gone, the command is not: it is done, and its place in the ring gets free."""
    sleepers(tend, 1)
    for i in range(10):
        cli = tend.popen("restart", "s0")
        wait_until(lambda cli=cli: proc_stat(cli.pid)[0] in "SZ", what="it waits")
        cli.kill()
        cli.wait()
        wait_gone(cli.pid)
        assert tend.run("signal", "s0", "CONT", check=False).returncode in (0, 1), i
    tend.wait("s0")
    assert marked(tend, "s0") == [tend.pid("s0")]
    assert alive(tend.pid("s0"))
    tend.stop_all()
