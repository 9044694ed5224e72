"""One fault, or several of a kind in one run: how inject.c and failmalloc.c are told of them, and
what they have done.
"""

import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from chaoskit import CHAOS_BIN, checker

ERRNOS = ("ENOSPC", "EIO", "EMFILE", "ENFILE", "ENOMEM", "EINTR", "EAGAIN", "EACCES")
DAEMONS = tuple(f"tend-{role}" for role in checker.ROLES)


class Fault:
    """Where, and what. at: N, or "N:STRIDE[:LAST]" for more than one; 0: count only."""

    def __init__(self, role, kind, at, errno=None, call=None):
        self.role, self.kind, self.at, self.errno, self.call = role, kind, at, errno, call

    def __str__(self):
        what = (
            f"--kind {self.kind}"
            + (f" --errno {self.errno}" if self.errno else "")
            + (f" --call {self.call}" if self.call else "")
        )
        return f"--role {self.role.removeprefix('tend-')} {what} --at {self.at}"

    @property
    def several(self):
        return ":" in str(self.at)

    def argv(self, report):
        if self.kind == "malloc":
            return []
        how = (
            ["--kill"]
            if self.kind == "kill" and self.at
            else ["--error", self.errno]
            if self.kind == "error"
            else ["--count"]
        )
        which = ["--call", self.call] if self.call else []
        return [
            str(CHAOS_BIN / "inject"),
            "--role",
            self.role,
            "--at",
            str(self.at),
            *how,
            *which,
            "--report",
            str(report),
            "--",
        ]

    def env(self, report):
        if self.kind != "malloc":
            return {}
        return {
            "LD_PRELOAD": str(CHAOS_BIN / "failmalloc.so"),
            "CHAOS_ROLE": self.role,
            "CHAOS_AT": str(self.at),
            "CHAOS_REPORT": str(report),
        }


class Done(NamedTuple):
    """A fault that happened."""

    call: str
    errno: str  # of an error, else ""
    pid: int
    up: bool  # the process had waited for events before; a command: the dynamic linker was done
    at: int


class Verdict(NamedTuple):
    """All that did; where only counted, how many places there were, how many of each call, and
    which were at the start of a process.
    """

    faults: list
    counted: int
    calls: dict
    starts: set

    def __str__(self):
        return (
            " ".join(f"{f.at}:{f.call}{'=' * bool(f.errno)}{f.errno}" for f in self.faults)
            or "none"
        )


def verdict_of(report):
    lines = [line.split() for line in read_lines(report)]
    faults = [
        Done(*(w[1].split("=") + [""])[:2], int(w[2]), w[3] == "1", int(w[4]))
        for w in lines
        if w[0] == "done"
    ]
    counted = sum(int(w[1]) for w in lines if w[0] == "none")
    try:
        counted += int.from_bytes(Path(f"{report}.count").read_bytes(), "little")
    except OSError:
        pass
    starts = {at for w in lines if w[0] == "start" for at in range(int(w[1]) + 1, int(w[2]) + 1)}
    return Verdict(faults, counted, {w[1]: int(w[2]) for w in lines if w[0] == "call"}, starts)


def read_lines(path):
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def count_faults(report):
    return sum(line.startswith("done") for line in read_lines(report))


def forget_report(report):
    for path in (report, f"{report}.count"):
        Path(path).unlink(missing_ok=True)


def end_tool(tool):
    """Tell inject to let everything go, or wait until it has by itself."""
    if tool is None:
        return
    if tool.poll() is None:
        tool.send_signal(signal.SIGTERM)
    try:
        tool.wait(10)
    except subprocess.TimeoutExpired:
        tool.kill()
        tool.wait()


__all__ = [
    "DAEMONS",
    "ERRNOS",
    "Done",
    "Fault",
    "Verdict",
    "count_faults",
    "end_tool",
    "forget_report",
    "verdict_of",
]
