"""Commands under fire (chaos.py --role tend): each is killed, or has a call fail, at every system
call that it makes, on a living instance. The same command must then work, and the instance be as if
nothing had happened.
"""

import itertools
import json
import signal
import subprocess

from chaoskit import EAGER, TEST_BIN, Failure, Instance
from faults import forget_report, verdict_of

COMMAND_SECONDS = 60
# It looks for leaks at the end of a sanitized command, and takes a fault of its own calls for the
# end of the world.
WITHOUT_LSAN = {"LSAN_OPTIONS": "detect_leaks=0"}


def witness_argv(t, name):
    return (*EAGER, "--", TEST_BIN / "witness", t.truth, name, 0, 3, 2000)


def forget(t, name):
    """What a command has made, with the witness's own record and its log: the next time begins
    anew.
    """
    t.command("stop", name)
    t.command("remove", name)
    t.expect.pop(name, None)
    for path in (*t.truth.glob(f"{name}.*"), *(t.home / "logs").glob(f"{name}.log*")):
        path.unlink()


def make(t, name="n"):
    t.witness(name, lines=3, gap_us=2000, signals=(signal.SIGTERM, signal.SIGKILL))
    t.wait_lines(name, 1)
    t.expect[name].pop("runs")


def new_start(t):
    t.expect["n"] = {"up": True, "signals": (signal.SIGTERM, signal.SIGKILL)}
    return ("start", "--background", "--name", "n", *witness_argv(t, "n"))


def down(t):
    make(t)
    t.command("stop", "n")


# name: (what must be there before, the command, what it leaves: a state of n, or None). A command
# is a tuple, or a function that gives one.
ON_N = {
    "start": (None, new_start, True),
    "start again": (down, ("start", "n", "--background"), True),
    "stop": (make, ("stop", "n"), False),
    "restart": (make, ("restart", "n"), True),
    "signal": (make, ("signal", "n", "USR1"), True),
    "remove": (down, ("remove", "n"), None),
}
LOOKING = {
    "status": ("status",),
    "status json": ("status", "--json"),
    "list json": ("list", "--services", "--json"),
    "why json": ("why", "w", "--json"),
    "doctor json": ("doctor", "--json"),
    "group json": ("group", "more", "w", "--json"),
    "list": ("list",),
    "logs": ("logs", "w"),
    "logs rotate": ("logs", "rotate", "w"),
    "events": ("events",),
    "why": ("why", "w"),
    "wait": ("wait", "w", "--for", "running", "--timeout", "5s"),
    "stats": ("stats",),
    "metrics": ("metrics",),
    "snapshot": ("snapshot", "--json"),
    "doctor": ("doctor",),
    "orphans": ("orphans",),
    "config": ("config", "set", "log_level", "INFO"),
    "resurrect": ("resurrect",),
}
WHOLE = {"first start": new_start, "whole stop": ("stop",)}
COMMANDS = (*ON_N, *LOOKING, *WHOLE)


def under_fire(t, fault, command, least=0):
    """Run it with the fault. Returns what was done. least: so many lines it prints at least, if it
    says that all went well.
    """
    report = t.root / "report"
    forget_report(report)
    try:
        done = subprocess.run(
            [*fault.argv(report), *t.argv(*command)],
            env={**t.env, **WITHOUT_LSAN, **fault.env(report)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failure(
            f"tend {' '.join(map(str, command))} under {fault}: not done after {COMMAND_SECONDS} s"
        ) from None
    did = verdict_of(report)
    if did.faults and fault.kind != "kill":
        check_outcome(fault, did, command, done, least)
    return did


def check_outcome(fault, did, command, done, least):
    """A command that could not do what it should says why, and ends by itself. What the dynamic
    linker does before that is its own.
    """
    if not did.faults[0].up:
        return
    if done.returncode < 0 or done.returncode >= 126:
        raise Failure(f"{did}: ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    if done.returncode and not (done.stderr.strip() or done.stdout.strip()):
        raise Failure(f"{did}: exit status {done.returncode}, and not a word")
    if "--json" in command and done.stdout:
        check_document(did, done.stdout)
    silent = (
        fault.kind == "malloc" or not done.stderr.strip()
    )  # what can't be read is named, and the rest is shown; without memory nothing is
    if done.returncode == 0 and silent and len(done.stdout.splitlines()) < least:
        raise Failure(
            f"{did}: exit status 0, but of {least} lines it printed {len(done.stdout.splitlines())}: {done.stdout[-400:]}"
        )


def check_document(did, text):
    """All of it or nothing, whatever there was no memory for; what could not be written is not."""
    try:
        json.loads(text)
    except ValueError as e:
        if did.faults[0].call == "malloc":
            raise Failure(f"{did}: half a document ({e}): {text[-400:]}") from None


def again(t, name, command):
    """The same once more must work. What is gone already (the first was carried out) is no failure;
    nor is it that the run that the first has ended has no successor yet.
    """
    said = []
    t.wait(
        lambda: said.append(t.attempt(*command)) or not between_runs(said[-1][1]), "a run to signal"
    )
    code, text = said[-1]
    gone = {"remove": "no process", "whole stop": "nothing is running"}
    if code and gone.get(name, "\0") not in text:
        raise Failure(
            f"after it, tend {' '.join(map(str, command))}: exit status {code}: {text.strip()}"
        )


def between_runs(text):
    return any(f"n does not run (it is {state})" in text for state in ("backoff", "starting"))


def least_lines(t, name):
    """How many lines a command that only looks prints, undisturbed: logs and events grow, nothing
    gets less.
    """
    if name in LOOKING and name not in t.least:
        done = subprocess.run(
            t.argv(*LOOKING[name]),
            env=t.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        t.least[name] = len(done.stdout.splitlines())
    return t.least.get(name, 0)


def one_command(t, name, fault):
    before, command, leaves = ON_N.get(name, (None, LOOKING.get(name), None))
    if before:
        before(t)
    command = command(t) if callable(command) else command
    if name in ON_N:
        t.expect["n"] = {
            "signals": (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1)
        }  # USR1: a run that has only begun does not catch it yet
    did = under_fire(t, fault, command, least_lines(t, name))
    again(t, name, command)
    if name in ON_N and leaves is not None:
        t.expect["n"]["up"] = leaves
    if leaves:
        t.wait_lines("n", 1)
    if name == "remove":
        t.expect.pop("n")
    t.verify()
    if name == "remove":
        for path in (*t.truth.glob("n.*"), *(t.home / "logs").glob("n.log*")):
            path.unlink()
    elif name in ON_N:
        forget(t, "n")
    return did


def whole(t, name, fault):
    """A command that begins or ends the instance."""
    if name == "whole stop":
        make(t)
    command = WHOLE[name](t) if callable(WHOLE[name]) else WHOLE[name]
    did = under_fire(t, fault, command)
    again(t, name, command)
    if name == "first start":
        t.wait_lines("n", 1)
        t.finish()
    else:
        t.verify(stopped=True)
    return did


def run_command(name, make_fault, first, step):
    """All places of one command. Yields (at, what was done, complaint)."""
    t = None
    for at in itertools.count(first, step):
        complaint = None
        try:
            if t is None:
                t = Instance()
                t.least = {}
                if name not in WHOLE:
                    t.witness("w", lines=5, options=("--log-keep", "0"))
                    t.wait_lines("w", 2)
            did = (whole if name in WHOLE else one_command)(t, name, make_fault(at))
        except (Failure, AssertionError, OSError) as e:
            complaint, did = f"{e}\n{t.describe_briefly()}", verdict_of(t.root / "report")
        yield at, did, complaint
        if complaint or name in WHOLE:
            t.close()
            t = None
        if not did.faults:
            break
    if t is not None:
        try:
            t.finish()
        except (Failure, AssertionError, OSError) as e:
            yield 0, verdict_of(t.root / "none"), f"at the end: {e}\n{t.describe_briefly()}"
        t.close()
