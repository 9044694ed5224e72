"""The janitor: makes sure that nothing of a test outlives it, however the test ends.

    python3 -I -S janitor.py ROOT HOME SEGMENT      with the read end of a pipe as standard input

Each test home has one. It runs in a session of its own and waits for the end of its input, of which
the test holds the only other end: when the test is over, or killed with SIGKILL, the kernel closes
that end. Then it

1. kills every process whose environment marks it as one of this home (TEND_HOME or TEND_INSTANCE),
   until no pass finds any,
2. writes as one JSON line on standard output what it had to kill, for the test that still lives to
   read,
3. removes the segment, the cgroups and the folder ROOT.

Marks in the environment and not process groups or parents: what a supervisor starts leaves sessions
and parents on purpose.
"""

import glob
import json
import os
import select
import shutil
import signal
import stat
import sys
import time

GIVE_UP_SECONDS = 30  # a process in an uninterruptible sleep can't be killed by anyone


def marks_of(home, segment):
    """The environment entries that make a process one of this home: as bytes, exact."""
    names = {
        home,
        os.path.realpath(home),
        os.path.basename(segment),
        os.path.basename(segment).rpartition("-")[2],
    }
    return {
        os.fsencode(f"TEND_HOME={home}"),
        os.fsencode(f"TEND_HOME={os.path.realpath(home)}"),
    } | {os.fsencode(f"TEND_INSTANCE={name}") for name in names}


def has_mark(pid, marks):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return not marks.isdisjoint(f.read().split(b"\0"))
    except OSError:
        return False  # gone, or someone else's


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def marked_processes(marks):
    own = os.getpid()
    return [
        int(e)
        for e in os.listdir("/proc")
        if e.isdigit() and int(e) != own and has_mark(int(e), marks)
    ]


def kill_pass(marks):
    """One look over all processes. Returns [(pid, command, pidfd)] of those that were killed."""
    killed = []
    for pid in marked_processes(marks):
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        # Looked at again through the descriptor's lifetime: the pid may have become another process
        # before it was opened.
        if not has_mark(pid, marks):
            os.close(pidfd)
            continue
        command = command_of(pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass
        killed.append((pid, command, pidfd))
    return killed


def wait_for_ends(killed, deadline):
    """A pidfd is readable once its process has ended, also while nobody has reaped it."""
    poll = select.poll()
    left = {pidfd for _, _, pidfd in killed}
    for pidfd in left:
        poll.register(pidfd, select.POLLIN)
    while left and time.monotonic() < deadline:
        for pidfd, _ in poll.poll(max(0, (deadline - time.monotonic()) * 1000)):
            poll.unregister(pidfd)
            left.discard(pidfd)
    for _, _, pidfd in killed:
        os.close(pidfd)


def kill_all(marks):
    """Kill until two looks in a row find nothing: a process that was being forked during the first
    is seen by the second.
    """
    report = []
    deadline = time.monotonic() + GIVE_UP_SECONDS
    clean = 0
    while clean < 2 and time.monotonic() < deadline:
        killed = kill_pass(marks)
        report += [{"pid": pid, "command": command} for pid, command, _ in killed]
        wait_for_ends(killed, deadline)
        clean = 0 if killed else clean + 1
    return report


def remove_cgroups(home):
    """The cgroups of its processes, which are empty by now. Their folder is written down in the
    home.
    """
    try:
        with open(os.path.join(home, "run", "cgroup")) as f:
            path = f.read().strip()
    except OSError:
        return
    if not os.path.basename(path).startswith("tend-"):
        return
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def remove_tree(root):
    """rmtree that gets through folders which a test made unreadable or unwritable."""
    for folder, folders, _ in os.walk(root):
        for name in folders:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(root, ignore_errors=True)


def sweep(root, home, segment):
    """Everything, in order. Returns what had to be killed."""
    report = kill_all(marks_of(home, segment))
    remove_cgroups(home)
    for path in glob.glob(
        glob.escape(segment) + "*"
    ):  # with what is left of a segment that was being made
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
    remove_tree(root)
    return report


def main(root, home, segment):
    for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signo, signal.SIG_IGN)
    print("ready", flush=True)
    while os.read(0, 4096):
        pass
    report = sweep(root, home, segment)
    try:
        print(json.dumps(report), flush=True)
    except OSError:
        # Nobody reads any more; sys.stdout must not try again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
