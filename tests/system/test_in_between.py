"""A daemon that is killed between what it has done and its knowing of it: the system call has had
its effect, and has not returned.
"""

import os
import signal

import pytest

from crashkit import EAGER, assert_untouched, ends, settled, sleepers, start
from harness import helper, proc_stat, wait_gone, wait_until
from syscalls import held


@pytest.fixture(params=["cgroup", "no-cgroup"])
def tend(request, new_tend):
    instance = new_tend()
    if request.param == "no-cgroup":
        instance.env["TEND_DISABLE"] = "cgroup"
    return instance


@pytest.mark.parametrize("parent", ["spawner", "guardian"])
def test_an_end_stays_readable_until_it_is_told(tend, parent):
    """Whoever dies over reading it leaves the zombie to the next parent: a status that had been
    consumed would be known to nobody on kernels that tell it only once.
    """
    pid = start(tend, "a", helper("sleeper"), options=EAGER)
    kept = sleepers(tend, 2)
    settled(tend)
    if parent == "guardian":
        old = tend.kill_daemon("spawner")
        tend.wait_daemon("spawner", not_pid=old)
        settled(tend)
    reader = tend.daemon_pid(parent)
    assert proc_stat(pid)[1] == reader
    with held(tend, reader, "waitid") as wait_late:
        os.kill(pid, signal.SIGKILL)
        wait_late(rf"si_pid={pid}\b")
        assert proc_stat(pid) and proc_stat(pid)[0] == "Z", "reaped before anything is told"
        os.kill(reader, signal.SIGKILL)
    wait_gone(reader)
    tend.wait_pid("a", not_pid=pid)
    wait_until(lambda: ends(tend, "a"), what="the end told")
    assert ends(tend, "a") in (["signal 9"], ["signal SIGKILL"])
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_signal_is_not_sent_twice(tend):
    """The spawner dies when it is sent and not noted: the next one can't know, and says so."""
    script = "trap 'echo got' USR1; trap 'echo last' USR2; echo ready; while :; do sleep 0.02; done"
    start(tend, "a", "sh", "-c", script)
    tend.wait_log("a", "^ready$")
    settled(tend)
    spawner = tend.daemon_pid("spawner")
    with held(tend, spawner, "pidfd_send_signal") as wait_late:
        command = tend.popen("signal", "a", "USR1")
        wait_late("SIGUSR1")
        tend.wait_log("a", "^got$")
        os.kill(spawner, signal.SIGKILL)
    assert command.wait(60) == 1
    assert "whether a got the signal is not known" in command.stderr.read()
    tend.run("signal", "a", "USR2")
    tend.wait_log("a", "^last$")
    assert tend.log("a").split() == ["ready", "got", "last"]
    tend.stop_all()
