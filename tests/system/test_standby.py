"""Guardian and spawner dead, and what is left of the daemons brings them back: the standby of
monitor and logger (follower/standby.h).
"""

import os
import re
import signal

import pytest

from crashkit import KERNEL_TELLS_EXITS, assert_untouched, settled, sleepers, works
from common import start
from harness import alive, helper, proc_stat, wait_gone, wait_until


def rights(pid):
    """What a process may do, as far as a filter or a lost capability could have changed it."""
    with open(f"/proc/{pid}/status") as f:
        return re.findall(r"^(?:Cap(?:Prm|Eff|Bnd)|NoNewPrivs|Seccomp):\s*(\S+)$", f.read(), re.M)


def limit_of_data(pid):
    with open(f"/proc/{pid}/limits") as f:
        return re.search(r"^Max data size\s+(.*)$", f.read(), re.M)[1].split()


def standby_of(daemon):
    return [
        int(pid)
        for pid in os.listdir("/proc")
        if pid.isdigit() and (st := proc_stat(int(pid))) and st[1] == daemon
    ]


def kill_at_once(pids):
    for signo in (
        signal.SIGSTOP,
        signal.SIGKILL,
    ):  # stopped first: none sees another's end before its own
        for pid in pids:
            os.kill(pid, signo)
    for pid in pids:
        wait_gone(pid)


def killed_but(tend, survivor):
    """All daemons but one are killed; returns their pids before, once all four run again."""
    before = tend.wait_daemons()
    kill_at_once([pid for role, pid in before.items() if role != survivor])
    settled(tend)
    assert tend.daemon_pid(survivor) == before[survivor]
    return before


@pytest.mark.parametrize("survivor", ["monitor", "logger"])
def test_one_daemon_brings_back_all(tend, survivor):
    kept = sleepers(tend)
    settled(tend)
    before = tend.wait_daemons()
    had = {role: (rights(pid), limit_of_data(pid)) for role, pid in before.items()}
    killed_but(tend, survivor)
    assert_untouched(tend, kept)
    # Whoever started them, they may do what they could before: the logger has given up a lot, and
    # its standby nothing.
    assert {
        role: (rights(pid), limit_of_data(pid)) for role, pid in tend.wait_daemons().items()
    } == had
    works(tend)


@pytest.mark.skipif(
    not KERNEL_TELLS_EXITS, reason="the kernel tells nobody but the parent how a process ended"
)
@pytest.mark.parametrize("survivor", ["guardian", "monitor", "logger"])
def test_an_end_that_one_daemon_alone_lived_to_see(tend, survivor):
    """The process is a child of init, and its end came while nobody but the survivor was there:
    neither its status nor its last words are lost.
    """
    pid = start(
        tend,
        "a",
        "sh",
        "-c",
        "echo first; read x; echo last words; exit 7",
        options=("--restart", "no"),
    )
    settled(tend)
    killed_but(tend, "monitor")  # now it is init's
    assert proc_stat(pid)[1] not in tend.wait_daemons().values()
    before = tend.wait_daemons()
    pids = [daemon for role, daemon in before.items() if role != survivor]
    for daemon in pids:
        os.kill(daemon, signal.SIGSTOP)
    with open(tend.home / "run" / "a.in", "w") as f:
        f.write("\n")
    wait_gone(pid)
    kill_at_once(pids)
    settled(tend)
    wait_until(lambda: tend.status("a")["pid"] is None, what="its end was told")
    assert tend.status("a")["exit_code"] == 7
    wait_until(lambda: tend.log("a") == "first\nlast words\n", what="what it printed last")


def test_a_stopped_spawner_does_not_keep_a_guardian_away(tend):
    kept = sleepers(tend)
    before = tend.wait_daemons()
    os.kill(before["spawner"], signal.SIGSTOP)
    try:
        kill_at_once([before["guardian"], before["logger"]])
        guardian = tend.wait_daemon("guardian", not_pid=before["guardian"])
        tend.wait_daemon("logger", not_pid=before["logger"])
        assert guardian != before["spawner"]
    finally:
        os.kill(before["spawner"], signal.SIGCONT)
    settled(tend)
    assert tend.daemon_pid("spawner") == before["spawner"]
    assert_untouched(tend, kept)
    works(tend)


def test_a_stop_goes_on_after_guardian_and_spawner_died(tend):
    """What the instance was about to do is in the table: the guardian that a standby starts ends
    it.
    """
    start(tend, "a", helper("term_ignorer"), options=("--stop-timeout", "5s"))
    before = settled(tend)
    cli = tend.popen("stop")
    wait_until(
        lambda: "a: running -> stopping" in tend.run("events").stdout, what="the stop has begun"
    )
    kill_at_once([before["guardian"]["pid"], before["spawner"]["pid"]])
    assert cli.wait(timeout=60) == 0
    wait_until(lambda: not tend.segment.exists(), what="the table is gone")


def test_an_end_that_was_asked_of_the_guardian_goes_on_after_the_spawner_died(tend):
    """No command is there to see to it."""
    pid = start(tend, "a", helper("term_ignorer"), options=("--stop-timeout", "5s"))
    before = settled(tend)
    os.kill(before["guardian"]["pid"], signal.SIGTERM)
    wait_until(
        lambda: "a: running -> stopping" in tend.run("events").stdout, what="the stop has begun"
    )
    os.kill(before["spawner"]["pid"], signal.SIGKILL)
    wait_gone(before["guardian"]["pid"])
    assert not alive(pid)
    tend.must_be_clean = True


@pytest.mark.parametrize("role", ["monitor", "logger"])
def test_a_standby_lives_and_dies_with_its_daemon(tend, role):
    start(tend, "a", helper("sleeper"))
    settled(tend)
    daemon = tend.daemon_pid(role)
    [standby] = standby_of(daemon)
    os.kill(standby, signal.SIGKILL)
    other = tend.wait_daemon(role, not_pid=daemon)  # it makes room for one that has a standby
    wait_until(lambda: len(standby_of(other)) == 1, what="another standby")
    [standby] = standby_of(other)
    tend.kill_daemon(role)
    wait_gone(standby)
    settled(tend)
    assert not alive(standby)
    works(tend)
