"""tend upgrade: other programs take over a running instance, also such with another layout of the
table; nothing is touched, nothing is lost.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import sys
import time

import pytest

from crashkit import (
    EAGER,
    assert_untouched,
    check_lines,
    ends,
    one_line_error,
    runs,
    saved,
    settled,
    sleepers,
    start,
    works,
    writer,
)
from harness import (
    OTHER_BIN,
    ROLES,
    TEND_BIN,
    alive,
    helper,
    identity,
    proc_stat,
    wait_gone,
    wait_until,
)
from syscalls import injected

PROGRAMS = ("tend", *(f"tend-{role}" for role in ROLES))
BUILDS = ("same layout", "other layout")


def build(tend, kind):
    """A folder with programs to upgrade to."""
    if kind == "other layout":
        assert (OTHER_BIN / "tend").exists(), f"{OTHER_BIN} is not built: make other-layout"
        return OTHER_BIN
    return copy(tend, "other")


def copy(tend, name):
    folder = tend.work / name
    folder.mkdir()
    for program in PROGRAMS:
        shutil.copy2(TEND_BIN / program, folder / program)
    return folder


def upgrade(tend, folder, **options):
    """Upgrade to the programs of a folder, by its own tend; from here on that is the tend of the
    test.
    """
    tend.bin = folder
    return tend.run("upgrade", timeout=60, **options)


def programs_of(tend):
    """The files that the daemons run; fewer than four while one of them is away."""
    found = set()
    for role in ROLES:
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{tend.daemon_pid(role)}/exe"))
    return found


def counter(tend, name, seconds=0.05, count=200, **kwargs):
    file = tend.work / f"{name}.runs"
    start(tend, name, helper("counter"), file, seconds, count, 10, options=EAGER, **kwargs)
    return file


def check_ends(tend, name, file):
    """Stop it, so that nothing moves; each run's own exit status was told, once, in order."""
    tend.run("stop", name)
    told = ends(tend, name)
    if told[-1:] == ["signal 15"]:  # the stop hit a run, perhaps before that could count itself
        told.pop()
    assert told == [f"exit {10 + number}" for number in range(len(told))]
    assert len(told) in (len(runs(file)) - 1, len(runs(file)))


def test_an_upgrade_ends_once(tend):
    """What becomes of daemons later is told as what it is, and not as an upgrade."""
    kept = sleepers(tend, 1)
    upgrade(tend, build(tend, "other layout"))
    settled(tend)
    for role in ("monitor", "logger", "spawner"):
        old = tend.kill_daemon(role)
        tend.wait_daemon(role, not_pid=old)
        settled(tend)
    assert tend.log("tend").count("all daemons run the new programs") == 1
    assert_untouched(tend, kept)
    tend.stop_all()


def held_fifos(pid):
    folder = f"/proc/{pid}/fd"
    return sorted(
        path
        for fd in os.listdir(folder)
        if (path := os.readlink(f"{folder}/{fd}")).endswith((".out", ".err"))
    )


@pytest.mark.parametrize("call, path", [("openat", "/proc/self/fd"), ("getdents64", None)])
def test_a_guardian_that_cannot_list_its_descriptors_leaks_none(tend, call, path):
    """What it was handed over is found then, too, and let go once it holds its own."""
    kept = sleepers(tend)
    guardian = tend.daemon_pid("guardian")
    before = held_fifos(guardian)
    assert before != []
    paths = ["-P", path] if path else ["-y"]
    with injected(tend, guardian, call, "error=ENOMEM", *paths) as calls:
        upgrade(tend, build(tend, "same layout"))
        settled(tend)
        assert re.search(r"/fd\b.*ENOMEM .*INJECTED", calls.read_text())
    assert tend.daemon_pid("guardian") == guardian
    assert held_fifos(guardian) == before
    assert_untouched(tend, kept)
    tend.stop_all()


@pytest.mark.parametrize("kind", BUILDS)
def test_there_and_back_under_load(tend, kind):
    kept = sleepers(tend)
    kept["steady"] = writer(tend, "steady")
    kept["fast"] = writer(tend, "fast", "0.005", "100")
    file = counter(tend, "c")
    start(tend, "done", "true", restart="no")
    tend.wait("done", "stopped")
    other = build(tend, kind)
    guardian = tend.daemon_pid("guardian")
    history = tend.events("done")
    for number in range(6):
        folder = TEND_BIN if number % 2 else other
        said = upgrade(tend, folder).stdout
        assert said.startswith("the daemons run version ") and said.endswith(" processes ran on\n")
        assert programs_of(tend) == {str(folder / f"tend-{role}") for role in ROLES}
        assert (
            tend.daemon_pid("guardian") == guardian
        )  # the same process goes on, and with it whoever started it
        settled(tend)
        assert_untouched(tend, kept)
    assert upgrade(tend, TEND_BIN).stdout.endswith(" already\n")
    (tend.work / "enough").touch()
    for name in ("steady", "fast"):
        tend.wait_log(name, r"^end \d+$", timeout=60)
        check_lines(tend.log(name))
    check_ends(tend, "c", file)
    assert tend.status("c")["restarts"] in (len(runs(file)) - 1, len(runs(file)))
    told = tend.events("done")
    assert [
        event for event in history if event not in told
    ] == []  # what was told before is still told
    assert tend.status("done")["state"] == "completed"
    works(tend)
    tend.stop_all()


def test_what_a_process_is_at_survives_another_layout(tend):
    """States, counts and deadlines of every kind: backing off, stopping, failed, stopped,
    completed.
    """
    start(
        tend,
        "backs-off",
        "false",
        options=("--restart-delay", "1h", "--restart-max-delay", "1h"),
        check=False,
    )
    wait_until(
        lambda: tend.status("backs-off")["restarts"] == 1
        and tend.status("backs-off")["state"] == "backoff",
        what="backoff",
    )
    start(tend, "fails", "sh", "-c", "exit 3", restart="no")
    tend.wait("fails", "stopped")
    start(tend, "stays", helper("sleeper"))
    tend.run("stop", "stays")
    stubborn = start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "1h"))
    tend.wait_log("stubborn", r".")
    stopping = tend.popen("stop", "stubborn")
    wait_until(lambda: tend.status("stubborn")["state"] == "stopping", what="stopping")

    def steady(row, key):
        return re.sub(r"\b\d+(m\d+)?s\b", "TIME", str(row[key]))  # "restarts in 59m58s"

    before = {row["name"]: row for row in tend.status()["processes"]}
    upgrade(tend, OTHER_BIN)
    settled(tend)
    after = {row["name"]: row for row in tend.status()["processes"]}
    for name in before:
        for key in ("state", "pid", "restarts", "start_time", "exit_code", "exit_signal", "reason"):
            assert steady(after[name], key) == steady(before[name], key), (name, key)
    assert identity(stubborn) is not None
    tend.run("stop", "stubborn", "--force")  # it takes commands for what it took over
    assert stopping.wait(20) is not None
    assert tend.status("stubborn")["state"] == "stopped"
    tend.run("restart", "fails")
    tend.stop_all()


def test_an_end_without_any_spawner_is_known_after_the_upgrade(tend):
    """Killed before it could hand anything over, in the middle of an upgrade to another layout:
    processes.json and the zombies tell.
    """
    file = tend.work / "c.runs"
    pid = start(tend, "c", helper("counter"), file, 3600, 10, 10, options=EAGER)
    kept = sleepers(tend)
    saved(tend, {**kept, "c": (pid, 0)})
    spawner = tend.kill_daemon("spawner", signal.SIGSTOP)
    # What tend upgrade does, which itself refuses to begin while a daemon is stopped.
    (tend.home / "run" / "upgrade").write_text(f"{OTHER_BIN}/tend-guardian\n")
    guardian = tend.kill_daemon("guardian", signal.SIGHUP)
    wait_until(
        lambda: os.path.realpath(f"/proc/{guardian}/exe") == str(OTHER_BIN / "tend-guardian"),
        what="the new guardian",
    )
    wait_until(lambda: "replacing the spawner" in tend.log("tend"), what="the spawner was asked")
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: proc_stat(pid)[0] == "Z", what="the zombie")
    os.kill(spawner, signal.SIGKILL)
    tend.bin = OTHER_BIN
    wait_until(lambda: len(runs(file)) == 2, 20, "its next run")
    assert ends(tend, "c") == ["exit 10"]
    settled(tend)
    assert_untouched(tend, kept)
    works(tend)
    tend.stop_all()


def test_an_upgrade_goes_on_where_one_died_with_its_guardian(tend):
    """The new guardian and the old spawner die while one waits for the other: the next upgrade
    needs no tend start before it.
    """
    kept = sleepers(tend)
    saved(tend, kept)
    spawner = tend.kill_daemon("spawner", signal.SIGSTOP)
    (tend.home / "run" / "upgrade").write_text(f"{OTHER_BIN}/tend-guardian\n")
    guardian = tend.kill_daemon("guardian", signal.SIGHUP)
    wait_until(lambda: "replacing the spawner" in tend.log("tend"), what="the spawner was asked")
    for pid in (guardian, spawner):
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
    tend.bin = OTHER_BIN
    assert "does not run; " in tend.run("upgrade", "--check").stdout
    assert tend.run("upgrade").stdout.endswith(" now; 3 processes ran on\n")
    assert_untouched(tend, kept)  # at once: the new spawner has filled the table
    settled(tend)
    assert_untouched(tend, kept)
    assert programs_of(tend) == {str(OTHER_BIN / f"tend-{role}") for role in ROLES}
    works(tend)
    tend.stop_all()


def test_kills_in_the_middle_of_upgrades(tend):
    """Whatever dies on the way: a further upgrade puts it right, and no process and no line is
    gone.
    """
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    kept = sleepers(tend)
    kept["steady"] = writer(tend, "steady")
    for number in range(8):
        tend.bin = TEND_BIN if number % 2 else OTHER_BIN
        child = tend.popen("upgrade")
        time.sleep(dice.uniform(0, 0.08))
        for role in ("guardian", "spawner") if number % 3 == 2 else (dice.choice(ROLES),):
            if pid := tend.daemon_pid(role):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    wait_gone(pid)
        child.communicate(timeout=25)  # it waits for 30 s only where a daemon hangs
        wait_until(
            lambda: tend.run("upgrade", check=False).returncode == 0,
            60,
            "an upgrade that succeeds",
            nap=0.2,
        )
        settled(tend)
        assert_untouched(tend, kept)
        assert programs_of(tend) == {str(tend.bin / f"tend-{r}") for r in ROLES}
    (tend.work / "enough").touch()
    tend.wait_log("steady", r"^end \d+$", timeout=60)
    check_lines(tend.log("steady"))
    works(tend)
    tend.stop_all()


# Closes the descriptor that is its reader of last resort, and goes on writing: a moment without any
# other reader would be its end.
NO_LAST_RESORT = """
import os, signal, sys, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.closerange(3, 1024)
number = 0
while not os.path.exists(sys.argv[1]):
    os.write(1, b"%010d x\\n" % number)
    number += 1
    time.sleep(0.0005)
os.write(1, b"end %d\\n" % number)
signal.pause()
"""


@pytest.mark.parametrize("kind", BUILDS)
def test_a_reader_is_always_there(tend, kind):
    pid = start(
        tend, "bare", sys.executable, "-I", "-S", "-c", NO_LAST_RESORT, tend.work / "enough"
    )
    tend.wait_log("bare", r"^0000000010")
    other = build(tend, kind)
    for number in range(6):
        upgrade(tend, TEND_BIN if number % 2 else other)
    assert alive(pid) and tend.pid("bare") == pid
    (tend.work / "enough").touch()
    tend.wait_log("bare", r"^end \d+$")
    check_lines(tend.log("bare"))


def test_check_changes_nothing_and_says_what_would_happen(tend):
    kept = sleepers(tend, 1)
    before = tend.wait_daemons()
    assert tend.run("upgrade", "--check").stdout.endswith(" already\n")
    tend.bin = OTHER_BIN
    said = tend.run("upgrade", "--check").stdout
    assert said.count(str(OTHER_BIN)) == 4 and "processes run on" in said and re_layout(said)
    tend.bin = TEND_BIN
    assert {role: tend.daemon_pid(role) for role in ROLES} == before
    assert_untouched(tend, kept)
    same = copy(tend, "same")
    tend.bin = same
    assert re_layout(tend.run("upgrade", "--check").stdout) is None


def re_layout(said):
    return re.search(r"^  table +is made again \(layout \d+, now \d+\)", said, re.M)


def test_programs_installed_over_the_running_ones(tend):
    """As make install does it: the files have new inodes, the running programs' names are
    "(deleted)".
    """
    installed = copy(tend, "installed")
    tend.bin = installed
    kept = sleepers(tend)
    assert tend.run("upgrade").stdout.endswith(" already\n")
    for program in PROGRAMS:
        (installed / program).unlink()
        shutil.copy2(OTHER_BIN / program, installed / program)
    one_line_error(tend.run("status", check=False), "layout version", "tend upgrade")
    assert "does not" not in tend.run("upgrade", "--check").stdout
    upgrade(tend, installed)
    settled(tend)
    assert_untouched(tend, kept)
    assert tend.run("upgrade").stdout.endswith(" already\n")
    tend.stop_all()


@pytest.mark.parametrize("role", ["spawner", "monitor", "logger", "guardian"])
def test_a_daemon_that_dies_after_other_programs_were_installed(tend, role):
    """Nobody ran tend upgrade. The one that is started next can't read the table, so the guardian
    moves everything to the new programs by itself.
    """
    installed = copy(tend, "installed")
    tend.bin = installed
    kept = sleepers(tend)
    kept["steady"] = writer(tend, "steady")
    file = counter(tend, "c")
    saved(tend, kept)
    for program in PROGRAMS:
        (installed / program).unlink()
        shutil.copy2(OTHER_BIN / program, installed / program)
    tend.kill_daemon(role)
    wait_until(
        lambda: len(found := programs_of(tend)) == len(ROLES)
        and not any("deleted" in path for path in found),
        30,
        "the new programs",
    )
    settled(tend)
    assert_untouched(tend, kept)
    (tend.work / "enough").touch()
    tend.wait_log("steady", r"^end \d+$", timeout=60)
    check_lines(tend.log("steady"))
    if role != "spawner":  # which was killed before it could hand over the history
        check_ends(tend, "c", file)
    tend.stop_all()


def test_what_is_refused(tend):
    done = tend.run("upgrade", check=False)
    assert done.returncode == 1 and "there is no home" in done.stderr
    sleepers(tend, 1)
    mixed = copy(tend, "mixed")
    shutil.copy2(OTHER_BIN / "tend-logger", mixed / "tend-logger")
    tend.bin = mixed
    one_line_error(tend.run("upgrade", check=False), "different builds", "tend-logger")
    (mixed / "tend-logger").write_text("#!/nonexistent\n")
    one_line_error(tend.run("upgrade", check=False), "cannot execute", "tend-logger")
    (mixed / "tend-logger").unlink()
    one_line_error(tend.run("upgrade", check=False), "tend-logger is not installed")
    tend.bin = OTHER_BIN
    monitor = tend.kill_daemon("monitor", signal.SIGSTOP)
    wait_until(lambda: proc_stat(monitor)[0] == "T", what="the monitor is stopped")
    for option in ([], ["--check"]):
        one_line_error(
            tend.run("upgrade", *option, check=False), f"the monitor (process {monitor}) is stopped"
        )
    os.kill(monitor, signal.SIGCONT)
    tend.bin = TEND_BIN
    tend.stop_all()
    one_line_error(tend.run("upgrade", check=False), "nothing is running", code=3)


def test_a_guardian_that_can_not_go_on_leaves_the_old_ones_at_work(tend):
    """The new guardian ends at once (its table does not fit, say): the old spawner takes its place,
    with the old programs.
    """
    kept = sleepers(tend)
    broken = copy(tend, "broken")
    tend.wait_daemons()
    (tend.home / "run" / "upgrade").write_text("/bin/false\n")
    old = tend.kill_daemon("guardian", signal.SIGHUP)
    wait_gone(old)
    tend.wait_daemon("guardian", not_pid=old)
    settled(tend)
    assert_untouched(tend, kept)
    assert programs_of(tend) == {str(TEND_BIN / f"tend-{role}") for role in ROLES}
    upgrade(tend, broken)
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_spawner_that_can_not_become_the_guardian_leaves_no_handover(tend):
    """The program can't be executed: what it has written down would be old by the next time."""
    tend.bin = copy(tend, "broken")
    kept = sleepers(tend)
    tend.wait_daemons()
    program = tend.bin / "tend-guardian"
    whole = program.read_bytes()
    program.unlink()
    program.write_bytes(b"no program\n")
    program.chmod(0o755)
    wait_gone(tend.kill_daemon("guardian"))
    wait_until(lambda: "cannot execute" in tend.log("tend"), what="the try")
    wait_until(lambda: not (tend.home / "run/handover").exists(), what="no handover is left")
    program.write_bytes(whole)
    works(tend)
    settled(tend)
    assert_untouched(tend, kept)
    tend.stop_all()


def test_a_hangup_alone_is_ignored(tend):
    kept = sleepers(tend, 1)
    before = tend.wait_daemons()
    tend.kill_daemon("guardian", signal.SIGHUP)
    works(tend)
    (tend.home / "run" / "upgrade").write_text("relative/path\n")
    tend.kill_daemon("guardian", signal.SIGHUP)
    wait_until(lambda: "names no program" in tend.log("tend"), what="the refusal")
    assert {role: tend.daemon_pid(role) for role in ROLES} == before
    assert_untouched(tend, kept)
