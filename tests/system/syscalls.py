"""A recorder of system calls: what a tend command, and the daemons that it starts, asked of the
kernel, in order. By strace(1).
"""

import contextlib
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from harness import wait_until

# Names and order of what makes a change last, where tests look at no other. Both spellings of a
# call: which one there is depends on the machine.
LASTING = "openat,write,pwrite64,fsync,fdatasync,syncfs,?rename,renameat,renameat2,?link,linkat,?unlink,unlinkat"
# It looks for leaks by ptrace(2), which has its one place taken.
NO_LEAKS = {"LSAN_OPTIONS": "detect_leaks=0"}


class Call(NamedTuple):
    """One that has returned: renameat(3</home/logs>, "a", 3</home/logs>, "b") = 0. Descriptors are
    told with their paths.
    """

    thread: int
    name: str
    arguments: str
    result: str

    def about(self, pattern):
        return re.search(pattern, self.arguments) is not None


class Recorder:
    """Runs a tend command under strace; daemons that it starts stay recorded until they end.
    calls() is what was recorded so far.

    inject: what strace shall do to calls, "renameat2:error=EINVAL" or "fsync:delay_enter=1000000"
    (strace -e inject). paths: only calls that name one of these, as they name it.
    """

    def __init__(self, tend, *command, calls=LASTING, inject=(), paths=()):
        self.path = tend.work / "calls"
        self.child = subprocess.Popen(
            [
                "strace",
                "-f",
                "--seccomp-bpf",
                "-y",
                "-qq",
                "-s",
                "256",
                "-e",
                f"trace={calls}",
                "-e",
                "signal=none",
                *(word for what in inject for word in ("-e", f"inject={what}")),
                *(word for path in paths for word in ("-P", path)),
                "-o",
                self.path,
                *tend.argv(*command),
            ],
            env={**tend.env, **NO_LEAKS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        tend.children.append(self.child)

    def finish(self, timeout=60):
        """Wait for the end of all that is recorded; the command has to succeed."""
        text, _ = self.child.communicate(timeout=timeout)
        assert self.child.returncode == 0, text
        return self.calls()

    def calls(self):
        """In the order in which they returned. That of one thread is its own; between threads only
        what one of them waited for is.
        """
        begun, found = {}, []
        for line in (
            self.path.read_text(errors="replace").splitlines() if self.path.exists() else ()
        ):
            thread, _, text = line.partition(" ")
            text = text.lstrip()
            if text.endswith("<unfinished ...>"):
                begun[thread] = text.removesuffix("<unfinished ...>")
                continue
            if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
                text = begun.pop(thread, "?(") + text[resumed.end() :]
            if whole := re.fullmatch(r"(\w+)\((.*)\)\s+= (.*)", text):
                found.append(Call(int(thread), *whole.groups()))
        return found

    def wait(self, name, pattern, timeout=60):
        """Wait until such a call has succeeded; returns those of its thread up to it, itself the
        last.
        """

        def found():
            calls = self.calls()
            at = next(
                (
                    i
                    for i, c in enumerate(calls)
                    if re.fullmatch(name, c.name) and c.about(pattern) and c.result.startswith("0")
                ),
                None,
            )
            return (
                None if at is None else [c for c in calls[: at + 1] if c.thread == calls[at].thread]
            )

        return wait_until(found, timeout, f"a {name} of {pattern}")


def position(calls, name, pattern):
    """Where the last such call that succeeded stands in the list; it must be there."""
    at = [
        i
        for i, c in enumerate(calls)
        if re.fullmatch(name, c.name) and c.about(pattern) and not c.result.startswith("-1")
    ]
    assert at, f"no {name} of {pattern} in:\n" + "\n".join(
        f"{c.name}({c.arguments}) = {c.result}" for c in calls
    )
    return at[-1]


@contextlib.contextmanager
def injected(tend, pid, call, what, *options):
    """What strace shall do to these calls of a process: "error=ENOMEM" (strace -e inject). Yields
    the file that they are recorded in.
    """
    path, complaints = tend.work / "injected", tend.work / "injected.complaints"
    tracer = subprocess.Popen(
        ["strace", "-qq", "-e", f"trace={call}", "-e", "signal=none", *options]
        + ["-e", f"inject={call}:{what}", "-o", path, "-p", str(pid)],
        stdin=subprocess.DEVNULL,
        stderr=complaints.open("w"),
    )
    tend.children.append(tracer)
    status = Path(f"/proc/{pid}/status")
    wait_until(
        lambda: f"TracerPid:\t{tracer.pid}\n" in status.read_text() or tracer.poll() is not None,
        what="the tracer",
    )
    if tracer.poll() is not None and "not permitted" in (text := complaints.read_text()):
        pytest.skip(f"needs the right to trace a daemon: {text}")
    try:
        yield path
    finally:
        tracer.kill()
        tracer.wait()


@contextlib.contextmanager
def held(tend, pid, call):
    """Each of these calls of the process returns ten seconds late: what it does is done, and the
    process does not know of it. Yields a function that waits until one is late whose arguments
    match a pattern.
    """
    with injected(tend, pid, call, "delay_exit=10000000") as path:
        yield lambda pattern: wait_until(
            lambda: re.search(rf"{pattern}.*DELAYED\)\n\Z", path.read_text()),
            60,
            f"{call} of {pattern}",
        )
