"""Commands under fire (chaos.py --role tend): each is killed, or has a call fail, at every system call that it makes, on a living instance. The same command
must then work, and the instance be as if nothing had happened."""

import itertools
import signal
import subprocess

from chaoskit import EAGER, TEST_BIN, Failure, Instance

COMMAND_SECONDS = 60


def witness_argv(t, name):
    return (*EAGER, "--", TEST_BIN / "witness", t.truth, name, 0, 3, 2000)


def forget(t, name):
    """What a command has made, with the witness's own record and its log: the next time begins anew."""
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


# name: (what must be there before, the command, what it leaves: a state of n, or None). A command is a tuple, or a function that gives one.
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


def under_fire(t, fault, verdict_of, command):
    """Run it with the fault. Returns what inject did."""
    report = t.root / "report"
    report.unlink(missing_ok=True)
    try:
        subprocess.run([*fault.argv(report), *t.argv(*command)], env=t.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failure(f"tend {' '.join(map(str, command))} under {fault}: not done after {COMMAND_SECONDS} s") from None
    return verdict_of(report)


def again(t, name, command):
    """The same once more must work. What is gone already (the first was carried out) is no failure."""
    code, text = t.attempt(*command)
    gone = {"remove": "no process", "whole stop": "nothing is running"}
    if code and gone.get(name, "\0") not in text:
        raise Failure(f"after it, tend {' '.join(map(str, command))}: exit status {code}: {text.strip()}")


def one_command(t, name, fault, verdict_of):
    before, command, leaves = ON_N.get(name, (None, LOOKING.get(name), None))
    if before:
        before(t)
    command = command(t) if callable(command) else command
    if name in ON_N:
        t.expect["n"] = {"signals": (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1)}  # USR1: a run that has only begun does not catch it yet
    did = under_fire(t, fault, verdict_of, command)
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


def whole(t, name, fault, verdict_of):
    """A command that begins or ends the instance."""
    if name == "whole stop":
        make(t)
    command = WHOLE[name](t) if callable(WHOLE[name]) else WHOLE[name]
    did = under_fire(t, fault, verdict_of, command)
    again(t, name, command)
    if name == "first start":
        t.wait_lines("n", 1)
        t.finish()
    else:
        t.verify(stopped=True)
    return did


def run_command(name, make_fault, verdict_of, first, step):
    """All places of one command. Yields (at, what was done, complaint)."""
    t = None
    for at in itertools.count(first, step):
        complaint = None
        try:
            if t is None:
                t = Instance()
                if name not in WHOLE:
                    t.witness("w", lines=5)
                    t.wait_lines("w", 2)
            did = (whole if name in WHOLE else one_command)(t, name, make_fault(at), verdict_of)
        except (Failure, AssertionError, OSError) as e:
            complaint, did = f"{e}\n{t.describe_briefly()}", verdict_of(t.root / "report")
        yield at, did, complaint
        if complaint or name in WHOLE:
            t.close()
            t = None
        if did[0] != "done":
            break
    if t is not None:
        try:
            t.finish()
        except (Failure, AssertionError, OSError) as e:
            yield 0, ("none", 0, {}), f"at the end: {e}\n{t.describe_briefly()}"
        t.close()
