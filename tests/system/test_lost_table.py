"""All daemons dead and the table gone, at the very moment when processes.json does not tell yet
what
is so: no process is lost, started twice, or taken for what a dead one left behind, and what was
asked for holds. The kills are exact: at the Nth system call of a kind from a moment on
(tests/chaos/inject.c).
"""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from crashkit import (
    EAGER,
    alive,
    ends,
    kill_all,
    launches,
    marked,
    noted,
    runs,
    saved_entries,
    settled,
    start,
    works,
)
from harness import TEST_BIN, TEND_BIN, helper, identity, wait_gone, wait_until

INJECT = TEST_BIN.parent / "chaos/inject"


class Losing:
    """An instance whose daemons and table go at call number `at` of a role, counted from fire() on;
    what the spawner has forked goes with them.
    """

    def __init__(self, tend, role, call, at):
        self.tend, self.now, self.report = tend, tend.work / "now", tend.work / "report"
        tend.env["TEND_MONITOR_INTERVAL_MS"] = "86400000"  # nothing happens by itself
        argv = [
            INJECT,
            "--role",
            role,
            "--call",
            call,
            "--at",
            str(at),
            "--kill",
            "--after",
            self.now,
            "--lose",
            tend.segment,
            "--report",
            self.report,
            "--",
            TEND_BIN / "tend-guardian",
            "--home",
            tend.home,
        ]
        self.tool = subprocess.Popen(
            argv,
            env=tend.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        tend.children.append(self.tool)
        self.daemons = tend.wait_daemons()

    def quiet(self):
        """Wait until processes.json says what is so, and nothing that was asked for is left to be
        written there.
        """
        run, file = self.tend.home / "run/wishes", self.tend.home / "processes.json"
        rows = {row["name"]: row["pid"] or None for row in self.tend.status()["processes"]}
        wait_until(
            lambda: {name: e.get("pid") for name, e in saved_entries(self.tend).items()} == rows
            and not run.exists(),
            what=f"{file} is up to date",
        )

    def fire(self, *command, action=None):
        """Do something, and let it happen. The command is killed, too: it would ask again."""
        self.now.touch()
        client = self.tend.popen(*command) if command else None
        if action:
            action()
        wait_until(
            lambda: self.report.exists() and self.report.read_text().endswith("\n"), 20, "the fault"
        )
        if client:
            client.kill()
            client.wait()
        assert self.report.read_text().startswith("done "), self.report.read_text()
        for pid in self.daemons.values():
            wait_gone(pid)
        wait_until(
            lambda: not self.tend.segment.exists(),
            what="the table is gone: the tool removes it once it has killed them all",
        )

    def recover(self):
        """The next command that needs daemons; it has nothing to do with what was lost."""
        start(self.tend, "other", helper("sleeper"))
        settled(self.tend)


def counter(tend, name="c"):
    return [helper("counter"), tend.work / f"{name}.runs", "3600", "1000"]


def runs_once(tend, name="c", count=None):
    """One process of this name lives, the table knows it, and no two have ever met. Returns its
    pid.
    """
    tend.wait(name)
    # The table may name one that has just ended for a moment longer.
    pid = wait_until(
        lambda: runs(tend.work / f"{name}.runs")
        and (pid := tend.pid(name))
        and marked(tend, name) == [pid]
        and pid,
        what=f"{name} runs",
    )
    every = noted(tend.work / f"{name}.runs", pid)
    if count is not None:
        assert len(every) == count, every
    return pid


def finish(tend, name="c"):
    """It is supervised: its end is seen, and acted on."""
    pid = tend.pid(name)
    os.kill(pid, signal.SIGKILL)
    tend.wait_pid(name, not_pid=pid)
    runs_once(tend, name)
    tend.stop_all()
    assert not marked(tend)


START = ("start", "--background", "--restart", "always", *EAGER)
# Where the daemons and the table go, and how often c has run by then.
FIRST = [
    ("tend-spawner", "clone3", 1, 0),  # its specification is stored, it was not launched
    ("tend-spawner", "clone", 1, 1),  # it runs, and nothing was written
    ("tend-spawner-child", "execve", 1, 0),  # in the child, on its way
    (
        "tend-spawner-child",
        "renameat",
        1,
        1,
    ),  # processes.json was about to be replaced; the start was answered
]


@pytest.mark.parametrize("role, call, at, ran", FIRST, ids=[f"{f[0][5:]}-{f[1]}" for f in FIRST])
@pytest.mark.parametrize("known", [False, True], ids=["first", "second"])
def test_a_start(tend, known, role, call, at, ran):
    t = Losing(tend, role, call, at)
    if known:  # a processes.json is there, and does not know the new one
        start(tend, "before", helper("sleeper"))
        before = identity(tend.pid("before"))
        t.quiet()
    t.fire(*START, "--name", "c", "--", *counter(tend))
    lived = marked(tend, "c") if ran else []
    t.recover()
    pid = runs_once(tend, count=1)
    assert not lived or lived == [pid]
    if known:
        assert identity(tend.pid("before")) == before
    finish(tend)


def test_a_start_whose_sender_waits(tend):
    """It asks again; nothing is started twice."""
    t = Losing(tend, "tend-spawner", "clone3", 1)
    t.now.touch()
    done = tend.run(*START, "--name", "c", "--", *counter(tend))
    assert t.report.read_text().startswith("done ") and done.stdout.startswith(
        ("c: started", "c: already running")
    ), done
    runs_once(tend, count=1)
    finish(tend)


def test_a_start_that_was_not_stored(tend):
    """The specification lies under its temporary name: nothing was started, nothing is left."""
    t = Losing(tend, "tend-spawner", "renameat", 1)
    t.fire(*START, "--name", "c", "--", *counter(tend))
    t.recover()
    assert not marked(tend, "c") and not runs(tend.work / "c.runs")
    wait_until(
        lambda: os.listdir(tend.home / "specs") == ["other.json"],
        what="the half-made specification is swept",
    )
    tend.stop_all()


@pytest.mark.parametrize(
    "call, at", [("clone3", 1), ("clone", 1)], ids=["not-launched", "launched"]
)
def test_a_restart_after_a_crash(tend, call, at):
    """processes.json names the run before. The one that lives was once taken for what that had left
    behind: it was ended, and another one started.
    """
    t = Losing(tend, "tend-spawner", call, at)
    first = start(tend, "c", *counter(tend), options=EAGER)
    noted(tend.work / "c.runs", first)
    t.quiet()
    t.fire(action=lambda: os.kill(first, signal.SIGKILL))
    lived = marked(tend, "c")
    assert len(lived) == (call == "clone")
    t.recover()
    pid = runs_once(tend, count=2)
    assert not lived or lived == [pid]
    assert launches(tend, "c")[-1] == pid
    finish(tend)


# A restart: before the old process is asked to end; it has been; it has ended; while any of that is
# written.
RESTART = [
    ("tend-spawner", "pidfd_send_signal", 1),
    ("tend-spawner", "clone", 1),
    ("tend-spawner", "clone3", 1),
    ("tend-spawner-child", "renameat", 1),
]


@pytest.mark.parametrize("role, call, at", RESTART, ids=[f"{f[1]}-{f[2]}" for f in RESTART])
def test_a_restart_by_hand(tend, role, call, at):
    t = Losing(tend, role, call, at)
    first = start(tend, "c", *counter(tend), options=EAGER)
    noted(tend.work / "c.runs", first)
    t.quiet()
    t.fire("restart", "c")
    lived = marked(tend, "c")
    t.recover()
    pid = runs_once(tend)
    assert not lived or lived == [first] or lived == [pid]
    assert len(runs(tend.work / "c.runs")) <= 2
    finish(tend)


def test_a_restart_whose_policy_is_no(tend):
    """The old process has ended, the new one was not launched: it was asked for, so it comes,
    though the policy would not bring it back.
    """
    t = Losing(tend, "tend-spawner", "clone3", 1)
    first = start(
        tend,
        "c",
        "/bin/sh",
        "-c",
        f'trap "until [ -e {tend.work}/end ]; do sleep 0.01; done; exit 0" TERM; echo ready; while :; do sleep 0.05; done',
        restart="no",
    )
    tend.wait_log("c", "^ready")
    t.quiet()

    def let_end():
        wait_until(
            lambda: saved_entries(tend)["c"].get("state") == "restarting",
            what="that it is being restarted is saved",
        )
        (tend.work / "end").touch()

    t.fire("restart", "c", action=let_end)
    assert not alive(first)
    t.recover()
    assert tend.wait_pid("c") != first
    tend.stop_all()


# A stop: before anyone was asked to end; asked, and nothing saved; while processes.json is written.
STOP = [
    ("tend-spawner", "pidfd_send_signal", 1),
    ("tend-spawner", "clone", 1),
    ("tend-spawner-child", "renameat", 1),
]


@pytest.mark.parametrize("role, call, at", STOP, ids=[f"{f[1]}-{f[2]}" for f in STOP])
@pytest.mark.parametrize("program", ["counter", "term_ignorer"])
@pytest.mark.parametrize("names", [True, False], ids=["start-other", "start"])
def test_a_stop(tend, program, names, role, call, at):
    """It stays down, also where processes.json wants it up, and a process that does not obey is
    ended when its time is over.
    """
    t = Losing(tend, role, call, at)
    command = counter(tend) if program == "counter" else [helper(program)]
    pid = start(tend, "c", *command, options=(*EAGER, "--stop-timeout", "1s"))
    if program == "counter":
        noted(tend.work / "c.runs", pid)
    else:
        tend.wait_log("c", "^ready")
    t.quiet()
    assert saved_entries(tend)["c"]["desired"] == "up"
    t.fire("stop", "c")
    assert saved_entries(tend)["c"]["desired"] == "up", "the kill came too late"
    if names:
        t.recover()
    else:
        tend.run("start")  # what was up shall be up: this was not
    tend.wait("c", "stopped")
    assert not marked(tend, "c") and not alive(pid)
    wait_until(
        lambda: saved_entries(tend)["c"]["desired"] == "down"
        and not (tend.home / "run/wishes").exists(),
        what="that it is to be down is saved",
    )
    tend.run("start", "c", "--background")
    assert tend.wait_pid("c") != pid
    tend.stop_all()


@pytest.mark.parametrize(
    "role, call, at",
    [
        ("tend-spawner", "clone", 1),
        ("tend-spawner-child", "renameat", 1),
        ("tend-spawner", "clone3", 1),
    ],
)
def test_a_start_of_what_was_stopped(tend, role, call, at):
    t = Losing(tend, role, call, at)
    start(tend, "c", *counter(tend), options=EAGER)
    runs_once(tend)
    tend.run("stop", "c")
    t.quiet()
    assert saved_entries(tend)["c"]["desired"] == "down"
    t.fire("start", "c", "--background")
    lived = marked(tend, "c")
    t.recover()
    pid = runs_once(tend, count=2)
    assert not lived or lived == [pid]
    finish(tend)


@pytest.mark.parametrize(
    "role, call, at",
    [
        ("tend-spawner", "unlinkat", 1),
        ("tend-spawner", "unlinkat", 3),
        ("tend-spawner", "clone", 1),
        ("tend-spawner-child", "renameat", 1),
    ],
)
def test_a_removal(tend, role, call, at):
    """It is carried out, and nothing of it is left."""
    t = Losing(tend, role, call, at)
    start(tend, "c", helper("sleeper"))
    tend.run("stop", "c")
    t.quiet()
    t.fire("remove", "c")
    t.recover()
    assert tend.status("c") is None
    wait_until(lambda: "c" not in saved_entries(tend), what="processes.json forgets it")
    assert os.listdir(tend.home / "specs") == ["other.json"]
    assert not [name for name in os.listdir(tend.home / "run") if name.startswith("c.")]
    start(tend, "c", helper("sleeper"))  # the name is free again
    tend.stop_all()


def test_a_removal_and_a_start_under_the_same_name(tend):
    """The last thing that was asked for counts."""
    t = Losing(tend, "tend-spawner-child", "renameat", 1)
    start(tend, "c", helper("sleeper"))
    tend.run("stop", "c")
    t.quiet()
    (tend.home / "run/wishes").write_text(
        "gone c\nup c\n"
    )  # as both leave it where the disk is slow
    t.fire(*START, "--name", "d", "--", *counter(tend, "d"))
    t.recover()
    tend.wait("c")
    assert marked(tend, "c") == [tend.pid("c")]
    tend.stop_all()


def test_a_start_without_names_where_a_specification_is_lost(tend):
    """Its entry looks the same, and that has to be told."""
    start(tend, "kept", helper("sleeper"))
    start(tend, "c", helper("sleeper"))
    tend.run("stop")
    (tend.home / "specs/c.json").unlink()
    done = tend.run("start", check=False)
    assert done.returncode == 1 and done.stderr.startswith("tend start: c: "), done
    assert tend.status("kept")["state"] == "running"
    tend.stop_all()


def test_a_first_start_that_fails(tend):
    """Its row is taken out, its FIFOs are being removed: nothing of it stays."""
    t = Losing(
        tend, "tend-spawner", "unlinkat", 3
    )  # where there are cgroups the first is that of a run that there never was
    program = tend.work / "bad"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    t.fire("start", "--background", "--name", "c", "--", program)
    t.recover()
    assert tend.status("c") is None and os.listdir(tend.home / "specs") == ["other.json"]
    tend.stop_all()


def test_one_that_waits_for_its_restart(tend):
    """It has no pid, and comes all the same."""
    start(
        tend,
        "c",
        helper("crasher"),
        "0",
        "1",
        options=("--restart-delay", "2s", "--restart-max-delay", "2s", "--restart-limit", "0"),
    )
    wait_until(
        lambda: saved_entries(tend).get("c", {}).get("state") == "backoff",
        what="that it waits is saved",
    )
    kill_all(tend)
    tend.segment.unlink()
    start(tend, "other", helper("sleeper"))
    wait_until(lambda: len(launches(tend, "c")) >= 2, what="two more runs")
    tend.stop_all()


@pytest.mark.parametrize("code, state", [(0, "completed"), (3, "failed")])
def test_one_that_rests(tend, code, state):
    """What has ended, as it was to, is not run again; its state is kept."""
    runs_file = tend.work / "c.runs"
    start(tend, "c", "/bin/sh", "-c", f"echo run >>{runs_file}; exit {code}", restart="no")
    wait_until(
        lambda: saved_entries(tend).get("c", {}).get("state") == state, what="its state is saved"
    )
    kill_all(tend)
    tend.segment.unlink()
    start(tend, "other", helper("sleeper"))
    settled(tend)
    assert tend.status("c")["state"] == state
    assert runs_file.read_text() == "run\n"
    tend.stop_all()


def test_one_that_hides_its_environment(tend):
    """Programs that overwrite their title lose the mark; the end of the pipe that each process is
    given tells of it, too.
    """
    t = Losing(tend, "tend-spawner", "clone", 1)
    t.fire(*START, "--name", "c", "--", "/usr/bin/env", "-i", *counter(tend))
    [pid] = wait_until(lambda: runs(tend.work / "c.runs"), what="c runs")
    wait_until(lambda: not Path(f"/proc/{pid}/environ").read_bytes(), what="no environment")
    t.recover()
    assert tend.pid("c") == pid and runs(tend.work / "c.runs") == [pid]
    os.kill(pid, signal.SIGKILL)
    tend.wait_pid("c", not_pid=pid)
    tend.stop_all()


def test_children_are_not_taken_for_it(tend):
    """A child that leads a session of its own bears the same mark; the process is the one that they
    came of.
    """
    t = Losing(tend, "tend-spawner-child", "renameat", 1)
    script = f'setsid {helper("sleeper")} & echo $$ >{tend.work}/root; wait'
    t.fire(*START, "--name", "c", "--", "/bin/sh", "-c", script)
    root = int(
        wait_until(
            lambda: (tend.work / "root").exists() and (tend.work / "root").read_text().strip(),
            what="the shell",
        )
    )
    wait_until(lambda: len(marked(tend, "c")) == 2, what="both")
    t.recover()
    assert tend.pid("c") == root
    tend.run("stop", "c")
    assert not marked(tend, "c")
    tend.stop_all()


@pytest.mark.parametrize(
    "command",
    [("stop", "c"), ("stop",), ("stop", "c*"), ("restart", "c"), ("signal", "c", "USR1")],
    ids="-".join,
)
def test_commands_to_what_was_lost(tend, command):
    """Without a table they once said that nothing runs."""
    t = Losing(tend, "tend-spawner-child", "renameat", 1)
    t.fire(*START, "--name", "c", "--", *counter(tend))
    [pid] = wait_until(lambda: runs(tend.work / "c.runs"), what="c runs")
    noted(tend.work / "c.runs", pid)
    said = tend.run("status", check=False).stdout
    assert said == 'not running, but 1 of its processes is: "tend start" takes it over\n'
    assert "nobody knows" in tend.run("status", "c", check=False).stdout
    tend.run(*command)
    wait_gone(pid)
    if command[0] == "stop":
        assert not marked(tend, "c")
    else:
        assert runs_once(tend, count=2) != pid
    if command != ("stop",):
        tend.stop_all()
    assert not tend.segment.exists() and tend.run("status").stdout == "not running\n"


def test_groups_and_specifications_without_a_process(tend):
    """What was changed in a specification stays so; one that nobody started is known, and not
    started by itself.
    """
    t = Losing(tend, "tend-spawner-child", "renameat", 1)
    start(tend, "a", helper("sleeper"), options=("--group", "g"))
    tend.run("group", "h", "a")
    t.quiet()
    spec = json.loads((tend.home / "specs/a.json").read_text())
    spec["name"] = "stray"
    (tend.home / "specs/stray.json").write_text(json.dumps(spec))
    file = tend.home / "processes.json"
    text = json.loads(file.read_text())
    text["last_updated"] = "2100-01-01T00:00:00.000Z"  # newer than that specification
    file.write_text(json.dumps(text))
    t.fire(*START, "--name", "d", "--", *counter(tend, "d"))
    t.recover()
    assert "a" in tend.run("group", "h").stdout
    assert (tend.status("stray")["state"], marked(tend, "stray")) == ("stopped", [])
    tend.run("remove", "stray")
    works(tend)
    assert not ends(tend, "a")
    tend.stop_all()
