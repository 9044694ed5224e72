"""Capture when something is wrong with the disk, the files or the clock, and retention. The daemons
get a mount namespace of their own where a file system is needed, which goes with them: nothing
stays behind when a test is killed.
"""

import datetime
import errno
import json
import mmap
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest

from common import as_root, in_namespace, start
from harness import helper, wait_until
from test_log_files import (
    LINES,
    check,
    content,
    ended,
    everything,
    is_balanced,
    log_block,
    newest,
    numbered,
    write_lines,
)

# Says a numbered line for each that it reads from the FIFO argv[1].
ASKED = """
import os, sys
n = 0
while True:
    with open(sys.argv[1]) as gate:
        for _ in gate:
            os.write(1, b"line %d\\n" % n)
            n += 1
"""


def asked(tend, name, *options):
    """A process that says a line when asked; returns the function that asks and waits for the
    line.
    """
    gate = tend.work / f"{name}.gate"
    os.mkfifo(gate)
    start(tend, name, sys.executable, "-I", "-S", "-c", ASKED, gate, options=options)
    said = 0

    def ask(where=None, wait=True):
        nonlocal said
        gate.write_text("x\n")
        said += 1
        file = where or tend.home / "logs" / f"{name}.log"
        if wait:
            wait_until(
                lambda: file.exists() and file.read_text().endswith(f"line {said - 1}\n"),
                timeout=20,
                what=f"line {said - 1} of {name}",
            )

    return ask


class Mounted:
    """Daemons whose folder logs is a tmpfs of their own; the folder is seen through /proc."""

    def __init__(self, tend, options):
        (tend.home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        done = in_namespace(
            tend, f'mount -t tmpfs -o {options} tmpfs "$HOME_DIR/logs"', *tend.argv("start")
        )
        if done.returncode:
            pytest.skip(f"no such mount here: {done.stderr}")
        self.pid = tend.wait_daemon("guardian")
        self.logs = f"/proc/{self.pid}/root{tend.home.resolve()}/logs"

    def enter(self, commands):
        subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "sh", "-e", "-c", commands], check=True
        )

    def read(self, name):
        with open(f"{self.logs}/{name}", "rb") as file:
            return file.read()

    def everything(self, name):
        names = sorted(
            entry
            for entry in os.listdir(self.logs)
            if entry.startswith(f"{name}.log.") and not entry.endswith((".idx", ".tmp"))
        )
        parts = [
            subprocess.run(
                ["lz4", "-dc"], input=self.read(entry), check=True, stdout=subprocess.PIPE
            ).stdout
            if entry.endswith(".lz4")
            else self.read(entry)
            for entry in names
        ]
        return b"".join(parts) + self.read(f"{name}.log")


def log_events(tend, name):
    return [e["text"] for e in tend.events(name) if e["event"] == "log"]


def blocked_then_whole(tend, read, error, cure):
    """A process writes until it waits; its state tells why; once the trouble is over, every line is
    there.
    """
    write_lines(tend, "a", 60000, "--log-size", "256KiB", "--log-keep", "0")
    wait_until(lambda: log_block(tend, "a")["full"] == 1, timeout=60, what="the process waits")
    log = log_block(tend, "a")
    assert log["state"] == 2 and log["error"] == error and log["full_boot_ns"] > 0
    told = log_events(tend, "a")
    assert (
        f"a: log open -> blocked: {os.strerror(error)}" in told
        and "a: its output pipe is full, and it waits when it writes" in told
    ), told
    status = tend.status("a")
    assert (
        status["state"] == "running"
        and status["log_blocked"] is True
        and os.strerror(error) in status["reason"]
    )
    cure()
    wait_until(
        lambda: tend.status("a")["state"] == "completed", timeout=60, what="the process has ended"
    )
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0 and log_block(tend, "a")["state"] != 2,
        timeout=90,
        what="everything is archived",
    )
    check(read(), 60000)
    log = log_block(tend, "a")
    assert (
        is_balanced(log)
        and log["stall_max_ns"] > 0
        and log["gone_bytes"] == log["deleted_bytes"] == 0
    )


@as_root
def test_a_full_disk(tend):
    disk = Mounted(tend, "size=8m,mode=700")
    with open(f"{disk.logs}/ballast", "wb") as file:
        file.write(b"b" * 7800 * 1024)
    blocked_then_whole(
        tend, lambda: disk.everything("a"), errno.ENOSPC, lambda: os.unlink(f"{disk.logs}/ballast")
    )


@as_root
def test_a_read_only_file_system(tend):
    """The file lies on a read-only mount of its own: open files keep a whole file system from
    becoming read-only.
    """
    disk = Mounted(tend, "size=64m,mode=700")
    file = tend.home / "logs" / "a.log"
    disk.enter(f"touch {file}; mount --bind {file} {file}; mount -o remount,bind,ro {file}")
    blocked_then_whole(
        tend, lambda: disk.everything("a"), errno.EROFS, lambda: disk.enter(f"umount {file}")
    )


def test_retention_by_age(tend):
    write_lines(tend, "a", 60000, "--log-size", "256KiB", "--log-keep", "0", "--log-keep-age", "3s")
    wait_until(lambda: log_block(tend, "a")["rotations"] >= 8, timeout=60, what="it rotates")
    wait_until(lambda: not numbered(tend, "a"), timeout=60, what="all of them are too old")
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"]
        == log_block(tend, "a")["archived_bytes"]
        == 0,
        what="that is counted",
    )
    log = log_block(tend, "a")
    assert is_balanced(log) and log["deleted_bytes"] > 1 << 20 and log["gone_bytes"] == 0
    rest = (tend.home / "logs" / "a.log").read_bytes()
    assert (
        rest.endswith(b"end\n") and log["deleted_lines"] + rest.count(b"\n") == 60001
    ), "the current file is never too old"


def test_retention_by_bytes(tend):
    limit = 600000  # of some 5 MB
    write_lines(
        tend, "a", 100000, "--log-size", "256KiB", "--log-keep", "0", "--log-keep-bytes", str(limit)
    )
    ended(tend, "a")

    def kept():
        return sum(path.stat().st_size for path in numbered(tend, "a"))

    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0,
        timeout=60,
        what="everything is archived",
    )
    wait_until(
        lambda: log_block(tend, "a")["archive_file_bytes"] <= limit and kept() <= limit,
        timeout=30,
        what="the limit is kept",
    )
    log = log_block(tend, "a")
    data = everything(tend, "a")
    assert numbered(tend, "a"), "the newest ones stay"
    assert is_balanced(log) and log["deleted_lines"] + data.count(b"\n") == 100001
    assert int(data[:10]) == log["deleted_lines"], "the oldest went"


def test_removed_processes_count_for_the_limit_over_all(tend):
    """Their files are the oldest, and go first; what other programs put into the folder stays."""
    tend.env["TEND_LOG_TOTAL_BYTES"] = "1MiB"
    write_lines(tend, "old", 10000, "--log-size", "128KiB", "--log-keep", "0")
    ended(tend, "old")
    wait_until(lambda: tend.status("old")["state"] == "completed", timeout=20, what="it has ended")
    tend.run("remove", "old")
    foreign = [tend.home / "logs" / name for name in ("other.log", "other.log.1", "x.lz4")]
    for path in foreign:
        path.write_text("not tend's\n")
    logs = tend.home / "logs"
    wait_until(
        lambda: numbered(tend, "old") and not (logs / "old.log").exists(),
        timeout=30,
        what="its last file is rotated",
    )
    wait_until(
        lambda: all(path.suffix == ".lz4" for path in numbered(tend, "old")),
        timeout=60,
        what="its files are archived",
    )
    assert b"".join(content(path) for path in numbered(tend, "old")).endswith(b"end\n")
    tend.run("stop", "--force")  # the next logger finds them by itself
    write_lines(tend, "new", 120000, "--log-size", "128KiB", "--log-keep", "0")
    ended(tend, "new")
    wait_until(lambda: not numbered(tend, "old"), timeout=90, what="the oldest files went")
    wait_until(
        lambda: log_block(tend, "new")["rotated_bytes"] == 0,
        timeout=90,
        what="everything is archived",
    )
    assert is_balanced(log_block(tend, "new"))
    assert [path.read_text() for path in foreign] == ["not tend's\n"] * 3
    write_lines(tend, "old", 1, "--log-keep", "0")  # its name is free again, and so is its number
    ended(tend, "old")
    assert is_balanced(log_block(tend, "old"))


def test_a_removed_file_begins_anew(tend):
    ask = asked(tend, "a")
    file = tend.home / "logs" / "a.log"
    ask()
    gone = file.stat().st_size
    file.unlink()
    ask()
    assert file.read_text() == "line 1\n"
    # the bytes are in the file a moment before they are counted
    wait_until(lambda: log_block(tend, "a")["gone_bytes"] == gone, what="what is gone is counted")
    assert is_balanced(log_block(tend, "a"))


def test_what_follows_a_truncation_arrived_then(tend):
    """Also where the new bytes begin at the same offset as those that were there."""
    ask = asked(tend, "a")
    file = tend.home / "logs" / "a.log"
    ask()
    time.sleep(0.1)  # so that the two times differ
    before = time.time()
    os.truncate(file, 0)
    ask()
    wait_until(
        lambda: json.loads(tend.run("logs", "a", "--json").stdout)["arrived"]
    )  # it is noted behind the move
    entry = json.loads(tend.run("logs", "a", "--json").stdout)
    arrived = datetime.datetime.fromisoformat(entry["arrived"].replace("Z", "+00:00")).timestamp()
    assert entry["line"] == "line 1" and before - 0.01 < arrived < time.time()


def test_a_replaced_file_is_noticed(tend):
    """Moved away as other programs rotate: what was moved stays as it was, and the new file gets
    what comes a second later.
    """
    ask = asked(tend, "a")
    file, aside = tend.home / "logs" / "a.log", tend.home / "logs" / "aside"
    ask()
    file.rename(aside)
    file.write_text("somebody else's\n")

    def noticed():
        ask(wait=False)
        return file.read_text() != "somebody else's\n"

    wait_until(noticed, timeout=30, nap=0.2, what="the logger writes to the file of that name")
    ask()
    lines = (aside.read_text() + file.read_text()).splitlines()
    lines.remove("somebody else's")
    assert lines == [f"line {i}" for i in range(len(lines))] and len(lines) >= 3
    assert is_balanced(log_block(tend, "a"))


def test_a_renamed_folder_of_logs(tend):
    """What was moved stays as it was, and a new folder gets what comes a second later, at once that
    of processes that are new.
    """
    ask = asked(tend, "a")
    logs, aside = tend.home / "logs", tend.home / "aside"
    ask()
    logs.rename(aside)
    start(tend, "b", "sh", "-c", "echo one; exec sleep 1000")
    tend.wait_log("b", "one")

    def noticed():
        ask(wait=False)
        return (logs / "a.log").exists()

    wait_until(noticed, timeout=30, nap=0.2, what="the logger writes to the new folder")
    ask()
    lines = ((aside / "a.log").read_text() + (logs / "a.log").read_text()).splitlines()
    assert lines == [f"line {i}" for i in range(len(lines))] and len(lines) >= 3
    assert is_balanced(log_block(tend, "a"))
    tend.stop_all()


def test_a_folder_or_link_in_the_files_place(tend):
    elsewhere = tend.work / "elsewhere"
    elsewhere.write_text("mine\n")
    ask = asked(tend, "a")
    file = tend.home / "logs" / "a.log"
    ask()
    file.unlink()
    file.symlink_to(elsewhere)
    ask(wait=False)
    wait_until(lambda: log_block(tend, "a")["state"] == 2, timeout=20, what="the link is refused")
    os.mkfifo(tend.work / "pipe")
    (tend.work / "pipe").rename(file)
    # another trouble is told, too
    wait_until(lambda: len(log_events(tend, "a")) == 2, timeout=20, what="the pipe is refused")
    assert log_events(tend, "a") == [
        f"a: log open -> blocked: {os.strerror(errno.ELOOP)}",
        f"a: log blocked -> blocked: {os.strerror(errno.EINVAL)}",
    ]
    file.unlink()
    wait_until(
        lambda: file.exists() and file.read_text() == "line 1\n",
        timeout=20,
        what="it goes on by itself",
    )
    assert elsewhere.read_text() == "mine\n"
    assert is_balanced(log_block(tend, "a"))


not_sanitized = pytest.mark.skipif(
    bool(os.environ.get("SAN_FLAGS")), reason="a sanitizer's library wants to be the first"
)


def preload(tend, source, **env):
    """Give the daemons a library that stands between them and the C library."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler, "tend was built with one"
    (tend.work / "between.c").write_text(source)
    subprocess.run(
        [
            compiler,
            "-shared",
            "-fPIC",
            "-O1",
            "-o",
            tend.work / "between.so",
            tend.work / "between.c",
            "-ldl",
        ],
        check=True,
    )
    tend.env |= {
        "LD_PRELOAD": str(tend.work / "between.so"),
        **{key: str(value) for key, value in env.items()},
    }


OVER_QUOTA = """
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
ssize_t splice(int in, off64_t *at, int out, off64_t *to, size_t n, unsigned flags)
{
	static ssize_t (*next)(int, off64_t *, int, off64_t *, size_t, unsigned);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "splice");
	if (getenv("QUOTA_USED_UP") && access(getenv("QUOTA_USED_UP"), F_OK) == 0)
		return errno = EDQUOT, -1;
	return next(in, at, out, to, n, flags);
}
"""


@not_sanitized
def test_a_used_up_quota(tend):
    """The error is put in by a library, since kernels without support for disk quotas are
    common.
    """
    used_up = tend.work / "used-up"
    preload(tend, OVER_QUOTA, QUOTA_USED_UP=used_up)
    used_up.touch()
    blocked_then_whole(tend, lambda: everything(tend, "a"), errno.EDQUOT, used_up.unlink)


SHIFTED_CLOCK = """
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*next)(clockid_t, struct timespec *);
	static const volatile long *shift;
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
	if (!shift && getenv("CLOCK_SHIFT"))
		shift = mmap(0, 4096, PROT_READ, MAP_SHARED,
			open(getenv("CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC), 0);
	int r = next(id, ts);
	if (r == 0 && id == CLOCK_REALTIME && shift && shift != MAP_FAILED)
		ts->tv_sec += *shift;
	return r;
}
"""


@not_sanitized
def test_the_clock_steps_back(tend):
    """An hour back, in every daemon: not a line is lost, the index's times never fall, and a
    rotation begins with the new time.
    """
    shift = tend.work / "shift"
    shift.write_bytes(bytes(4096))
    preload(tend, SHIFTED_CLOCK, CLOCK_SHIFT=shift)
    ask = asked(tend, "a")
    index = tend.home / "logs" / "a.log.idx"

    def times():
        data = index.read_bytes()
        return [struct.unpack_from("<Q", data, at + 8)[0] for at in range(32, len(data) - 23, 24)]

    ask()
    with shift.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as page:
        before = times()
        page[:8] = struct.pack("<q", -3600)
        for _ in range(3):
            ask()
        after = times()
        assert after == sorted(after) and after[: len(before)] == before
        assert after[-1] < before[-1] + 1000 * 10**9, "the lines got no time of the future"
        tend.run("logs", "rotate", "a")
        ask()
        wait_until(
            lambda: index.exists() and times() and times()[0] < before[0] - 3000 * 10**9,
            timeout=20,
            what="the new file has the new time",
        )
        wait_until(
            lambda: [path.suffix for path in numbered(tend, "a")] == [".lz4"],
            timeout=30,
            what="the old one is archived",
        )
        page[:8] = struct.pack("<q", 0)
        ask()
    assert [line for line in everything(tend, "a").decode().splitlines()] == [
        f"line {i}" for i in range(6)
    ]
    assert is_balanced(log_block(tend, "a"))


def test_a_stopped_logger_loses_nothing(tend):
    """The process waits once its pipe is full, and everything is there when the logger goes on."""
    start(tend, "probe", helper("sleeper"))
    logger = tend.wait_daemon("logger")
    os.kill(logger, signal.SIGSTOP)
    try:
        start(
            tend, "a", sys.executable, "-I", "-S", "-c", LINES, 20000, options=("--restart", "no")
        )
        pid = tend.pid("a")

        def waits():
            with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
                return file.read().startswith("1 ")  # write(2)

        if os.access(f"/proc/{pid}/syscall", os.R_OK) and os.uname().machine == "x86_64":
            wait_until(waits, timeout=20, what="it waits in write(2)")
        status = tend.status("a")
        assert status["state"] == "running" and status["log_blocked"] is True
        assert re.search(
            r"^why +log_blocked: .*the logger does not run$", tend.run("status", "a").stdout, re.M
        )
    finally:
        os.kill(logger, signal.SIGCONT)
    ended(tend, "a")
    check(everything(tend, "a"), 20000)
    assert tend.status("a")["log_blocked"] is False
    assert is_balanced(log_block(tend, "a"))
