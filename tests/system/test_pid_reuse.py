"""A pid alone identifies nothing: a stranger with the number of a process that is gone is neither
shown as it nor signalled.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

from common import MODES
from crashkit import assert_untouched, ends, kill_all, saved, sleepers, start, works
from harness import Tend, alive, helper, identity, proc_stat, wait_gone, wait_until


@pytest.fixture
def stranger():
    """A process that is none of tend's."""
    process = subprocess.Popen([helper("sleeper")], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def forge(tend: Tend, name, pid, start_ticks):
    subprocess.run(
        [helper("forge_row"), name, str(pid), str(start_ticks)],
        env=tend.env,
        check=True,
        timeout=10,
    )


def forged(tend, stranger, **kwargs):
    """An instance without daemons, whose process s is gone and whose row names the stranger's
    pid.
    """
    pid = start(tend, "s", helper("sleeper"), **kwargs)
    kept = sleepers(tend, 2)
    saved(tend, {**kept, "s": (pid, 0)})
    kill_all(tend)
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    wait_until(lambda: proc_stat(pid) is None, what="reaped")
    forge(tend, "s", stranger.pid, proc_stat(stranger.pid)[2] - 1)
    return kept


def test_it_is_not_shown_as_running(tend, stranger):
    forged(tend, stranger, restart="no")
    row = tend.status("s")
    assert row["status"] != "running", row
    assert tend.run("status", "s", check=False).returncode == 3


@pytest.mark.parametrize("restart, state", [("no", "failed"), ("always", "running")])
def test_a_new_spawner_takes_it_for_an_end(tend, stranger, restart, state):
    kept = forged(tend, stranger, restart=restart)
    works(tend)
    wait_until(lambda: tend.status("s")["state"] == state, what=state)
    assert tend.status("s")["pid"] != stranger.pid
    assert ends(tend, "s") == ["lost"]
    assert_untouched(tend, kept)
    tend.stop_all()
    assert stranger.poll() is None


def test_a_row_without_a_pid_is_mended(tend):
    """The row says that it runs, and has lost its pid: what runs is not started beside itself."""
    kept = sleepers(tend, 2)
    pid = start(tend, "s", helper("sleeper"), restart="always")
    kill_all(tend)
    forge(tend, "s", 0, 0)
    works(tend)
    wait_until(lambda: tend.status("s")["pid"] not in (None, 0), what="it runs again")
    assert not alive(pid) and alive(tend.pid("s"))
    assert "the row of s in the table makes no sense: it is running, and" in tend.log("tend")
    assert_untouched(tend, kept)
    tend.stop_all()


@pytest.mark.parametrize(
    "command",
    [["stop", "s"], ["stop", "s", "--force"], ["signal", "s", "KILL"], ["restart", "s"], ["stop"]],
)
def test_no_command_signals_the_stranger(tend, stranger, command):
    forged(tend, stranger, restart="no")
    ident = identity(stranger.pid)
    tend.run(*command, check=False)
    assert identity(stranger.pid) == ident and stranger.poll() is None
    tend.run("stop", check=False)
    assert stranger.poll() is None


def test_the_same_through_processes_json(tend, stranger):
    """The segment is gone as well, and the file names the stranger's pid."""
    forged(tend, stranger)
    file = tend.home / "processes.json"
    document = json.loads(file.read_text())
    document["processes"]["s"].update(pid=stranger.pid, start_ticks=proc_stat(stranger.pid)[2] - 1)
    file.write_text(json.dumps(document))
    tend.segment.unlink()
    tend.run("start")
    assert tend.wait_pid("s") != stranger.pid
    tend.stop_all()
    assert stranger.poll() is None


# As PID 1 of a namespace of its own, where pids can be chosen: the real thing, a process of another
# start time under the very same number.
REUSE = """
import json, os, signal, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
tend, sleeper, home = sys.argv[2:5]
def run(*args, check=True):
    done = subprocess.run([tend, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done
    return done.stdout
def row(name):
    return next(r for r in json.loads(run("status", "--json"))["processes"] if r["name"] == name)
run("start", "--background", "--restart", sys.argv[5], "--name", "s", "--", sleeper)
pid = row("s")["pid"]
daemons = [d["pid"] for d in json.loads(run("status", "--json"))["daemons"].values()]
for p in daemons[:2]:
    os.kill(p, signal.SIGSTOP)
for p in [*daemons, pid]:
    os.kill(p, signal.SIGKILL)
while any(os.path.exists(f"/proc/{p}") for p in [*daemons, pid]):
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        pass
    time.sleep(0.01)
time.sleep(0.03)  # the start time has a grain of 10 ms
for _ in range(50):
    with open("/proc/sys/kernel/ns_last_pid", "w") as f:
        f.write(str(pid - 1))
    # Leads a session of that number, and is init's child.
    stranger = subprocess.Popen([sleeper], env={}, start_new_session=True)
    if stranger.pid == pid:
        break
    stranger.kill()
    stranger.wait()
assert stranger.pid == pid, (stranger.pid, pid)
dead = row("s")
assert dead["status"] != "running", dead
run("start", "--background", "--name", "other", "--", sleeper)
after = row("s")
assert after["pid"] != pid, after
run("stop", "s", check=False)
run("signal", "s", "KILL", check=False)
assert stranger.poll() is None
run("stop")
assert stranger.poll() is None
stranger.kill()
print("well", after["state"])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a pid namespace")
@pytest.mark.parametrize("mode", ["cgroup", "no-cgroup"])
@pytest.mark.parametrize("restart", ["no", "always"])
def test_a_pid_that_was_really_given_out_again(tend, restart, mode):
    """Neither by its number, nor as what is left of a tree, which without a cgroup is known by its
    session.
    """
    tend.env["TEND_DISABLE"] = MODES[mode]
    argv = [
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        sys.executable,
        "-I",
        "-S",
        "-c",
        REUSE,
        os.path.dirname(__file__),
        tend.argv()[0],
        helper("sleeper"),
        tend.home,
        restart,
    ]
    done = subprocess.run(
        argv,
        env=tend.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.startswith("well "), done.stdout + done.stderr
    assert (
        done.stdout.split()[1]
        in {"no": ("failed",), "always": ("running", "backoff", "starting")}[restart]
    )


def test_a_reused_pid_of_a_daemon_is_no_daemon(tend, stranger):
    """The text of a role's lock names the stranger; the lock itself is free, and that is what
    counts.
    """
    kept = sleepers(tend)
    kill_all(tend)
    for role in ("guardian", "spawner", "monitor", "logger"):
        (tend.home / "run" / f"{role}.lock").write_text(
            f"{stranger.pid} {proc_stat(stranger.pid)[2]}\n"
        )
    assert {daemon["state"] for daemon in tend.status()["daemons"].values()} == {"dead"}
    works(tend)
    assert_untouched(tend, kept)
    tend.stop_all()
    assert stranger.poll() is None and alive(stranger.pid)
