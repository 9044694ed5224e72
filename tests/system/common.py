"""What several files of system tests share: the ways of following a tree of processes, starting,
following events, and what "nothing is left" means.
"""

import contextlib
import fcntl
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from harness import ROLES, TEND_BIN, alive, wait_until

# TEND_DISABLE, by what is then at work: the kernel's own view of a tree where there is one, and the
# fallbacks.
MODES = {"cgroup": "", "no-cgroup": "cgroup", "no-clone3": "clone3", "neither": "cgroup,clone3"}


as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: mounts, namespaces, other users"
)


@contextlib.contextmanager
def ordinary_user(tend, user=65534):
    """The instance as that of a user without rights; yields what tend.run needs for it. Where the
    programs were built this user may have no business.
    """
    os.chown(tend.root, user, user)
    os.chown(tend.work, user, user)
    tend.root.chmod(0o755)
    tend.segment = tend.segment.with_name(
        tend.segment.name.replace(f"-{os.geteuid()}-", f"-{user}-")
    )
    tend.bin = tend.root / "programs"
    shutil.copytree(TEND_BIN, tend.bin)
    try:
        yield {"user": user, "group": user, "extra_groups": [], "cwd": tend.work}
    finally:
        tend.segment.unlink(missing_ok=True)


def in_namespace(tend, prepare, *argv, timeout=60, flags=("-m",), env=None):
    """Run a command in a mount namespace of its own after the shell commands prepare, for which
    $HOME_DIR is the home. A CompletedProcess.
    """
    script = f'set -e; mount --make-rprivate /; {prepare}; exec "$@"'
    return subprocess.run(
        ["unshare", *flags, "sh", "-c", script, "sh", *map(str, argv)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**tend.env, "HOME_DIR": str(tend.home), **(env or {})},
        timeout=timeout,
        check=False,
    )


@pytest.fixture(params=MODES)
def moded(request, tend):
    """An instance whose daemons run already, in each mode."""
    tend.env["TEND_DISABLE"] = MODES[request.param]
    start(tend, "probe", "true")  # once it has run, the spawner has settled
    tend.wait("probe", "stopped")
    tend.run("remove", "probe")
    if "cgroup" not in MODES[request.param] and not (tend.home / "run" / "cgroup").exists():
        pytest.skip("no writable cgroup v2 here")
    return tend


def start(tend, name, *command, options=(), **kwargs):
    """Start a command in the background; returns its pid."""
    done = tend.run("start", "--name", name, "--background", *options, "--", *command, **kwargs)
    match = re.fullmatch(rf"{re.escape(name)}: started \(pid (\d+)\)\n", done.stdout)
    assert match, done.stdout
    return int(match[1])


def script(tend, name, text):
    """An executable file in the work folder; returns its path."""
    path = tend.work / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def tree_of(tend, name, count=1):
    """The pids that the newest of `count` forkers has announced, {kind: [pid, ...]}: waits for its
    "ready".
    """
    tend.wait_log(name, r"(?s)" + r".*^ready \d+$" * count)
    run = tend.log(name).split("ready ")[count - 1].split("\n", 1 if count > 1 else 0)[-1]
    found = {"ready": [int(re.findall(r"^ready (\d+)$", tend.log(name), re.M)[count - 1])]}
    for kind, pid in re.findall(r"^([a-z]+) (\d+)$", run, re.M):
        found.setdefault(kind, []).append(int(pid))
    return found


def pids_of(tree):
    return [pid for pids in tree.values() for pid in pids]


def transitions(tend, name):
    """The states that it went through, as the events tell: [(from, to), ...]."""
    return [(e["from"], e["to"]) for e in tend.events(name) if e["event"] == "state"]


def events_to(tend, name, state):
    return [e for e in tend.events(name) if e["event"] == "state" and e["to"] == state]


def world(tend, name):
    """What env_printer found."""
    return json.loads(tend.wait_log(name, r"(?s)^\{.*\}$")[0])


def environment(found):
    pairs = [entry.split("=", 1) for entry in found["env"]]
    assert len({key for key, _ in pairs}) == len(pairs), "a variable is there twice"
    return dict(pairs)


class Follower:
    """tend events NAME --follow --json, read as it comes."""

    def __init__(self, tend, *names):
        self.child = tend.popen("events", *names, "--follow", "--json")
        self.seen = []
        self.rest = b""  # not readline(): what select() sees must be all that there is

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(10)

    def _line(self, deadline):
        fd = self.child.stdout.fileno()
        while b"\n" not in self.rest:
            ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                return None
            more = os.read(fd, 65536)
            assert more, f"the follower ended: {self.child.stderr.read()}"
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def until(self, wanted, timeout=30, what="an event"):
        """Read on until wanted(event) is true for one that was not returned yet; returns it."""
        deadline = time.monotonic() + timeout
        while True:
            line = self._line(deadline)
            assert (
                line is not None
            ), f"{what} did not come within {timeout} s; so far: {[e['text'] for e in self.seen]}"
            self.seen.append(json.loads(line))
            if wanted(self.seen[-1]):
                return self.seen[-1]

    def until_state(self, state, timeout=30):
        return self.until(
            lambda e: e["event"] == "state" and e["to"] == state, timeout, f"state {state}"
        )


def files(folder):
    """The names in a folder; none where there is no folder."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def leaves_no_trace(tend, name):
    """A start that failed: no row, no specification, no FIFO."""
    assert tend.status(name) is None
    assert not [f for f in files(tend.home / "specs") if f.startswith((name + ".", ".new-"))]
    assert not [f for f in files(tend.home / "run") if f in (f"{name}.in", f"{name}.out")]


def cgroup_folder(tend):
    """Where this instance's cgroups are while it lives, or None."""
    path = tend.home / "run" / "cgroup"
    return Path(path.read_text().strip()) if path.exists() else None


def stop_everything(tend, *args, cgroup=None, timeout=60):
    """tend stop of all, after which nothing may be left: no daemon, segment, cgroup, and no FIFO
    without a specification; processes are the janitor's to find.
    """
    cgroup = cgroup or cgroup_folder(tend)
    daemons = [tend.daemon_pid(role) for role in ROLES]
    done = tend.stop_all(*args, timeout=timeout)
    assert not any(alive(pid) for pid in daemons)
    assert not any(tend.daemon_pid(role) for role in ROLES)
    assert not os.path.exists(tend.segment), "the segment stayed"
    kept = {
        f"{spec.stem}.{way}"
        for spec in (tend.home / "specs").glob("*.json")
        for way in ("in", "out")
    } | {f"{spec.stem}@err.out" for spec in (tend.home / "specs").glob("*.json")}
    left = [f for f in files(tend.home / "run") if not f.endswith(".lock") and f not in kept]
    assert left == [], left
    assert cgroup is None or not cgroup.exists()
    return done


def one_line(text):
    """An error as people get it: one line, which names the program; returns it."""
    assert re.fullmatch(r"tend [a-z-]+: [^\n]+\n", text), text
    return text


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    """A port with ten free ones behind it; not one of those that the kernel gives to whoever asks
    for any, for another test may be that one.
    """
    while True:
        port = random.randrange(11000, 32000)
        if all(is_free(port + i) for i in range(11)):
            return port


def wait_cycles(tend, n, timeout=20):
    """Wait for so many more cycles of the monitor."""

    def cycles():
        return tend.json("status", "--json")["monitor"]["cycles"]

    goal = cycles() + n
    wait_until(lambda: cycles() >= goal, timeout, f"{n} cycles")


def on_terminal(tend, columns, *args):
    """What a command prints on a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {key: value for key, value in tend.env.items() if key != "COLUMNS"}
    child = subprocess.Popen(
        tend.argv(*args),
        env={**env, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    text, deadline = b"", time.monotonic() + 30
    while True:
        ready, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
        assert ready, text
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(master)
    assert child.wait(10) >= 0
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).replace("\r\n", "\n")
