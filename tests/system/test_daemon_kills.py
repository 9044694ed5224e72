"""The crash contract: nothing of tend's own takes a supervised process down, and no exit goes
unseen.
"""

import contextlib
import ctypes
import errno
import os
import random
import signal
import threading
import time

import pytest

from crashkit import (
    EAGER,
    KERNEL_TELLS_EXITS,
    assert_untouched,
    daemons_of,
    ends,
    kill_all,
    launches,
    marked,
    parent,
    runs,
    settled,
    sleepers,
    start,
    state_events,
    suppress,
    works,
)
from harness import ROLES, alive, helper, identity, proc_stat, suspend, wait_gone, wait_until


@pytest.fixture(params=["cgroup", "no-cgroup"])
def tend(request, new_tend):
    """Every test of this file runs with cgroups (where the machine has them) and without."""
    instance = new_tend()
    if request.param == "no-cgroup":
        instance.env["TEND_DISABLE"] = "cgroup"
    return instance


def row_of(tend, name):
    return next(row for row in tend.json("snapshot")["rows"] if row["ident"]["name"] == name)


def share_descriptor(pid, fd):
    """The same open file as the process's own descriptor, as a child of its would have it."""
    libc, pidfd_getfd = ctypes.CDLL(None, use_errno=True), 438
    process = os.pidfd_open(pid)
    shared = libc.syscall(pidfd_getfd, process, fd, 0)
    os.close(process)
    if shared < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
        pytest.skip("needs the right to trace the spawner")
    assert shared >= 0, os.strerror(ctypes.get_errno())
    return shared


def lock_of(spawner):
    """The descriptor that is its role's lock."""
    return next(
        int(fd)
        for fd in os.listdir(f"/proc/{spawner}/fd")
        if os.readlink(f"/proc/{spawner}/fd/{fd}").endswith("/spawner.lock")
    )


def counter(tend, name, seconds=3600, count=10**6, base=10, **kwargs):
    """Start a counter; returns (pid, its file). It has noted its first run, and with that is ready
    for signals.
    """
    file = tend.work / f"{name}.runs"
    kwargs.setdefault("options", EAGER)
    pid = start(tend, name, helper("counter"), file, seconds, count, base, **kwargs)
    wait_runs(file, 1)
    return pid, file


def wait_runs(file, count, timeout=20):
    return wait_until(
        lambda: len(runs(file)) >= count and runs(file), timeout, f"run {count} in {file}"
    )


@pytest.mark.parametrize("role", ROLES)
def test_each_daemon_comes_back_and_no_process_notices(tend, role):
    kept = sleepers(tend)
    before = {r: daemon["pid"] for r, daemon in settled(tend).items()}
    old = tend.kill_daemon(role)
    new = tend.wait_daemon(role, not_pid=old)
    daemons = settled(tend)
    assert_untouched(tend, kept)
    assert daemons[role]["restarts"] == 1
    # Exactly this one was replaced; a guardian's place is taken by the spawner, so there the
    # spawner is new as well.
    replaced = {r for r in ROLES if daemons[r]["pid"] != before[r]}
    assert replaced == ({"guardian", "spawner"} if role == "guardian" else {role})
    told = [
        event for event in tend.events() if event["event"] == "daemon" and event["name"] == role
    ]
    assert [event["pid"] for event in told] == [new]
    works(tend)
    tend.stop_all()


def test_a_guardian_that_dies_is_replaced_by_its_spawner(tend):
    kept = sleepers(tend, 2)
    pid, file = counter(tend, "c")
    spawner = tend.daemon_pid("spawner")
    tend.kill_daemon("guardian")
    assert (
        tend.wait_daemon("guardian", not_pid=None) == spawner
    )  # the same process: its children are still its children
    settled(tend)
    assert parent(pid) == spawner
    os.kill(pid, signal.SIGUSR1)
    pid = wait_runs(file, 2)[1]
    wait_until(lambda: ends(tend, "c") == ["exit 10"], what="exit 10 told")
    # And again: the second guardian's spawner takes its place in turn.
    second = tend.wait_daemon("spawner", not_pid=spawner)
    tend.kill_daemon("guardian")
    assert tend.wait_daemon("guardian", not_pid=spawner) == second
    settled(tend)
    os.kill(pid, signal.SIGUSR1)
    wait_runs(file, 3)
    wait_until(lambda: ends(tend, "c") == ["exit 10", "exit 11"], what="exit 11 told")
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


def test_a_lock_that_outlives_the_old_spawner_delays_the_new_one_only(tend):
    """Whatever a spawner forks shares its lock until it has ended: the spawner that took the
    guardian's place must not take itself for the holder.
    """
    kept = sleepers(tend, 2)
    spawner = tend.daemon_pid("spawner")
    shared = share_descriptor(spawner, lock_of(spawner))
    try:
        tend.kill_daemon("guardian")
        assert tend.wait_daemon("guardian") == spawner
        tend.wait_log("tend", "another spawner holds its lock")
    finally:
        os.close(shared)
    settled(tend)
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


def test_a_lock_that_outlives_its_holder_for_a_moment(tend):
    """As a child that a spawner forks right before its death makes it: the next one waits for it,
    and counts once.
    """
    kept = sleepers(tend, 1)
    old = settled(tend)["spawner"]["pid"]
    shared = share_descriptor(old, lock_of(old))
    try:
        tend.kill_daemon("spawner")
        wait_until(
            lambda: [pid for pid in daemons_of(tend)["spawner"] if pid != old],
            what="the next spawner",
        )
    finally:
        os.close(shared)
    assert settled(tend)["spawner"]["restarts"] == 1
    assert "another spawner holds its lock" not in tend.log("tend")
    assert_untouched(tend, kept)
    tend.stop_all()


def test_an_exit_after_every_parent_died_is_still_known(tend):
    """A process of the first spawner belongs to nobody of tend once two guardians have died; the
    kernel tells its exit to who holds a pidfd.
    """
    pid, file = counter(tend, "c")
    for _ in range(2):
        old = tend.kill_daemon("guardian")
        tend.wait_daemon("guardian", not_pid=old)
        settled(tend)
    assert parent(pid) not in [tend.daemon_pid(role) for role in ROLES]
    os.kill(pid, signal.SIGUSR1)
    wait_runs(file, 2)
    wait_until(lambda: ends(tend, "c"), what="the end told")
    assert ends(tend, "c") == ["exit 10"] or (
        not KERNEL_TELLS_EXITS and ends(tend, "c") == ["lost"]
    )
    tend.stop_all()


def test_spawner_and_guardian_at_once(tend):
    kept = sleepers(tend)
    pids = [tend.daemon_pid(role) for role in ("guardian", "spawner")]
    for pid in pids:  # neither may see the other's end
        suspend(pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        wait_gone(pid)
    daemons = tend.status()["daemons"]
    assert [daemons[role]["state"] for role in ROLES] == ["dead", "dead", "running", "running"]
    works(tend)  # its first command brings them back
    settled(tend)
    assert_untouched(tend, kept)
    tend.stop_all()


def test_all_four_at_once(tend):
    kept = sleepers(tend)
    pid, file = counter(tend, "c")
    kill_all(tend)
    assert_untouched(tend, kept)  # the table outlives them all
    assert {daemon["state"] for daemon in tend.status()["daemons"].values()} == {"dead"}
    works(tend)
    daemons = settled(tend)
    assert all(daemon["restarts"] == 1 for daemon in daemons.values())
    assert_untouched(tend, kept)
    os.kill(pid, signal.SIGUSR1)
    wait_runs(file, 2)
    wait_until(lambda: ends(tend, "c"), what="the end told")
    assert ends(tend, "c") == ["exit 10"] or (
        not KERNEL_TELLS_EXITS and ends(tend, "c") == ["lost"]
    )
    tend.stop_all()


@pytest.mark.parametrize(
    "command",
    [["stop", "s0"], ["restart", "s0"], ["signal", "s0", "TERM"], ["resurrect"], ["start"]],
)
def test_any_command_brings_the_daemons_back(tend, command):
    kept = sleepers(tend, 2)
    kill_all(tend)
    tend.run(*command)
    settled(tend)
    del kept["s0"]
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_whole_stop_after_all_four_died_leaves_nothing(tend):
    sleepers(tend)
    kill_all(tend)
    tend.stop_all()
    assert marked(tend) == [] and daemons_of(tend) == {role: [] for role in ROLES}


@pytest.mark.parametrize(
    "restart, state", [("always", "running"), ("on-failure", "running"), ("no", "failed")]
)
def test_an_exit_while_no_spawner_lives(tend, restart, state):
    pid, file = counter(tend, "c", restart=restart)
    kept = sleepers(tend, 2)
    suppress(tend, "spawner")
    os.kill(pid, signal.SIGUSR1)
    wait_gone(pid)
    tend.wait_daemon("spawner")
    wait_until(lambda: ends(tend, "c") == ["exit 10"], what="exit 10 told")
    wait_until(lambda: tend.status("c")["state"] == state, what=state)
    assert len(wait_runs(file, 2)) == 2 if state == "running" else len(runs(file)) == 1
    assert_untouched(tend, kept)


def test_an_exit_that_the_guardian_alone_has_seen(tend):
    """Those who else note how processes end are stopped, and no spawner lives."""
    pid, _ = counter(tend, "c", restart="no")
    kept = sleepers(tend, 2)
    suppress(tend, "spawner")
    others = [tend.daemon_pid(role) for role in ("monitor", "logger")]
    for other in others:
        suspend(other)
    os.kill(pid, signal.SIGUSR1)
    wait_gone(pid)
    wait_until(lambda: ends(tend, "c"), what="the end told")
    for other in others:
        os.kill(other, signal.SIGCONT)
    assert ends(tend, "c") == ["exit 10"]
    assert_untouched(tend, kept)


def test_a_success_while_no_spawner_lives_completes(tend):
    pid, _ = counter(tend, "c", base=0, restart="on-failure")
    suppress(tend, "spawner")
    os.kill(pid, signal.SIGUSR1)
    wait_gone(pid)
    wait_until(lambda: tend.status("c")["state"] == "completed", what="completed")
    assert ends(tend, "c") == ["exit 0"]


def test_an_exit_while_the_spawner_is_stopped(tend):
    """The zombie waits for its parent; if that dies, the guardian reads it."""
    pid, file = counter(tend, "c")
    spawner = tend.kill_daemon("spawner", signal.SIGSTOP)
    wait_until(
        lambda: tend.status()["daemons"]["spawner"]["state"] == "stopped", what="stopped shown"
    )
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: proc_stat(pid)[0] == "Z", what="the zombie")
    os.kill(spawner, signal.SIGKILL)
    wait_runs(file, 2)
    wait_until(lambda: ends(tend, "c") == ["exit 10"], what="exit 10 told")
    # The same with a spawner that goes on instead.
    spawner = tend.wait_daemon("spawner", not_pid=spawner)
    pid = tend.wait_pid("c", not_pid=pid)
    os.kill(spawner, signal.SIGSTOP)
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: not alive(pid), what="the end")
    os.kill(spawner, signal.SIGCONT)
    wait_runs(file, 3)
    wait_until(lambda: ends(tend, "c") == ["exit 10", "exit 11"], what="exit 11 told")
    tend.stop_all()


@pytest.mark.parametrize(
    "restart, state", [("always", "running"), ("on-failure", "running"), ("no", "failed")]
)
def test_a_process_that_dies_while_all_four_are_dead(tend, restart, state):
    pid, file = counter(tend, "c", restart=restart)
    kept = sleepers(tend, 2)
    kill_all(tend)
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    wait_until(lambda: identity(pid) is None)
    row = tend.status("c")
    assert (
        row["status"] == "stopped" or row["pid"] != pid
    ), f"a dead process is shown as running: {row}"
    start(tend, "other", helper("sleeper"))
    wait_until(lambda: tend.status("c")["state"] == state, what=state)
    assert len(wait_runs(file, 2 if state == "running" else 1)) == (2 if state == "running" else 1)
    assert len(ends(tend, "c")) == 1  # told once, as lost or as what it was
    assert ends(tend, "c")[0] in ("lost", "signal SIGKILL", "signal 9")
    assert_untouched(tend, kept)
    tend.stop_all()


@pytest.mark.parametrize(
    "victims", [("spawner",), ("guardian",), ("spawner", "guardian"), ROLES], ids="+".join
)
def test_a_delay_before_a_restart_goes_on(tend, victims):
    start(
        tend,
        "c",
        helper("crasher"),
        "0",
        "3",
        options=("--restart-delay", "3s", "--restart-max-delay", "3s"),
    )
    wait_until(
        lambda: row_of(tend, "c")["life"]["life"] == 2 and tend.status("c")["state"] == "backoff",
        what="the second crash",
    )
    life = row_of(tend, "c")["life"]
    due = life["next_boot_ns"]
    assert due > 0
    kill(tend, victims)
    if "guardian" in victims and len(victims) > 1:
        tend.run("start", "--background", "--name", "other", "--", helper("sleeper"))
    row = wait_until(
        lambda: (row := row_of(tend, "c"))["life"]["start_boot_ns"] != life["start_boot_ns"]
        and row,
        what="the third run",
    )
    assert row["life"]["life"] == 3
    assert row["life"]["start_boot_ns"] >= due  # not earlier because of a new spawner
    assert row["life"]["start_boot_ns"] - due < 10e9
    assert row["life"]["restarts"] == 2
    tend.stop_all()


def kill(tend, roles):
    """SIGKILL these, before any of them can react."""
    if set(roles) == set(ROLES):
        kill_all(tend)
        return
    pids = [tend.daemon_pid(role) for role in roles]
    for pid in pids:
        suspend(pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        wait_gone(pid)


@pytest.mark.parametrize(
    "victims", [("spawner",), ("guardian",), ("spawner", "guardian"), ROLES], ids="+".join
)
def test_a_stop_in_progress_keeps_its_timeout(tend, victims):
    pid = start(tend, "stubborn", helper("term_ignorer"), "child", options=("--stop-timeout", "3s"))
    tend.wait_log("stubborn", "^ready")
    stop = tend.popen("stop", "stubborn")
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")
    due = row_of(tend, "stubborn")["life"]["next_boot_ns"]
    kill(tend, victims)
    out, err = stop.communicate(timeout=40)
    assert stop.returncode == 0, out + err
    life = row_of(tend, "stubborn")["life"]
    assert life["exit_boot_ns"] >= due and life["killed"] == 1
    assert not alive(pid) and marked(tend, "stubborn") == []
    assert tend.status("stubborn")["state"] == "stopped"
    assert life["desired" if "desired" in life else "want"] == 0
    tend.stop_all()


@pytest.mark.parametrize(
    "victims", [("spawner",), ("guardian",), ("spawner", "guardian"), ROLES], ids="+".join
)
def test_a_restart_in_progress_is_finished_once(tend, victims):
    pid = start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "2s"))
    tend.wait_log("stubborn", "^ready")
    restart = tend.popen("restart", "stubborn")
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")
    kill(tend, victims)
    out, err = restart.communicate(timeout=40)
    assert restart.returncode == 0, out + err
    assert not alive(pid)
    life = row_of(tend, "stubborn")["life"]
    assert (life["life"], life["restarts"]) == (2, 1)
    assert marked(tend, "stubborn") == [life["pid"]]
    assert len(launches(tend, "stubborn")) == 2
    tend.run("stop", "--force")


def test_starts_while_the_spawner_is_being_killed(tend):
    """A spawner killed at any instant of a launch loses no process and starts none twice."""
    start(tend, "first", helper("sleeper"))
    names = [f"n{i}" for i in range(24)]
    done = threading.Event()

    def killer():
        while not done.is_set():
            pid = tend.daemon_pid("spawner")
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(random.uniform(0, 0.3))

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        clis = [
            tend.popen("start", "--background", "--name", name, "--", helper("sleeper"))
            for name in names
        ]
        results = [(cli.communicate(timeout=100), cli.returncode) for cli in clis]
    finally:
        done.set()
        thread.join()
    assert {code for _, code in results} == {0}, results
    tend.wait_daemon("spawner")
    for name in names:
        pid = tend.wait_pid(name)
        assert marked(tend, name) == [pid]
    tend.stop_all()
    assert marked(tend) == []


STORMS = {
    "others": ("spawner", "monitor", "logger"),
    "guardian": ("guardian", "monitor", "logger"),
    "any": ROLES,
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_of_kills(tend, storm):
    """60 kills at random moments while 30 processes crash: each run happens once, each exit is told
    once, with its status.

    With the guardian among the victims a process may belong to nobody of tend when it ends; then,
    and only then, its status may be lost.
    """
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    chance = random.Random(seed)
    count = 8
    files = {}
    for i in range(30):
        name = f"c{i}"
        _, files[name] = counter(
            tend, name, seconds=f"{chance.uniform(0.2, 1.2):.3f}", count=count, base=10 + i
        )
    kept = sleepers(tend, 3)
    for _ in range(60):
        time.sleep(chance.uniform(0, 0.25))
        role = chance.choice(STORMS[storm])
        pid = tend.daemon_pid(role)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    works(
        tend
    )  # a command, since a guardian killed right after its spawner leaves no one to take its place
    settled(tend, 40)
    lost = 0
    for i, (name, file) in enumerate(files.items()):
        pids = wait_until(
            lambda: len(runs(file)) == count + 1 and runs(file),
            60,
            f"the last run of {name}",
            nap=0.05,
        )
        wait_until(lambda: len(ends(tend, name)) >= count, 20, f"all ends of {name} told", nap=0.1)
        expected = [f"exit {10 + i + n}" for n in range(count)]
        told = ends(tend, name)
        assert len(told) == count, (name, told)
        assert all(a in (b, "lost") for a, b in zip(told, expected, strict=True)), (name, told)
        lost += told.count("lost")
        assert launches(tend, name) == pids, name
        assert tend.status(name)["pid"] == pids[-1]
        assert row_of(tend, name)["life"]["restarts"] == count
    print(f"lost {lost} of {30 * count}")
    assert lost == 0 or "guardian" in STORMS[storm]
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_stopped_guardian_does_not_stop_restarts(tend):
    pid, file = counter(tend, "c")
    guardian = tend.kill_daemon("guardian", signal.SIGSTOP)
    wait_until(
        lambda: tend.status()["daemons"]["guardian"]["state"] == "stopped", what="stopped shown"
    )
    os.kill(pid, signal.SIGUSR1)
    wait_runs(file, 2)
    assert ends(tend, "c") == ["exit 10"]
    os.kill(guardian, signal.SIGCONT)
    settled(tend)
    tend.stop_all()


def test_each_transition_is_told_once_wherever_the_spawner_is_killed(tend):
    _, file = counter(tend, "c", seconds=0.02, count=200)
    for kills in range(1, 19):
        spawner = tend.wait_daemon("spawner")
        time.sleep(
            random.uniform(0, 0.1) if kills % 2 else random.uniform(1, 1.1)
        )  # the guardian delays the third end within a second
        os.kill(spawner, signal.SIGKILL)
        wait_gone(spawner)
    wait_runs(file, 201, 60)
    wait_until(lambda: len(ends(tend, "c")) >= 200, what="200 ends told")
    assert ends(tend, "c") == [f"exit {10 + n}" for n in range(200)]
    assert launches(tend, "c") == runs(file)
    chain = [(event["from"], event["to"]) for event in state_events(tend, "c")]
    for (_, to), (source, _) in zip(chain, chain[1:], strict=False):
        assert source == to, chain
