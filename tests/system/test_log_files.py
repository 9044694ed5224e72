"""What becomes of a process's output on the disk: rotation, archives, retention, standard error
apart, the logger's deaths, a file system that is full.
"""

import errno
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from common import start
from harness import helper, wait_until

# Numbered lines as fast as it can, so many, then "end".
LINES = """
import os, sys
count, data = int(sys.argv[1]), b""
for i in range(count):
    data += b"%010d %s\\n" % (i, b"x" * (i % 90))
    if len(data) > 30000 or i == count - 1:
        while data:
            data = data[os.write(1, data):]
os.write(1, b"end\\n")
"""


def log_block(tend, name):
    return next(row["log"] for row in tend.json("snapshot")["rows"] if row["ident"]["name"] == name)


def is_balanced(log):
    kept = (
        "file_bytes",
        "err_file_bytes",
        "rotated_bytes",
        "archived_bytes",
        "deleted_bytes",
        "gone_bytes",
    )
    return log["base_bytes"] + log["captured_bytes"] == sum(log[key] for key in kept)


def numbered(tend, name):
    """The rotated files of a log, oldest first."""
    return sorted(
        path
        for path in (tend.home / "logs").glob(f"{name}.log.*")
        if re.search(r"\.\d{9}(\.lz4)?$", path.name)
    )


def content(path):
    if path.suffix != ".lz4":
        return path.read_bytes()
    return subprocess.run(["lz4", "-dc", path], check=True, stdout=subprocess.PIPE).stdout


def everything(tend, name):
    files = [content(path) for path in numbered(tend, name)]
    assert all(data.endswith(b"\n") for data in files), "a rotated file does not end at a line end"
    return b"".join(files) + (tend.home / "logs" / f"{name}.log").read_bytes()


def check(data, count):
    lines = data.decode().splitlines()
    assert lines.pop() == "end"
    assert len(lines) == count
    for expected, line in enumerate(lines):
        if not line.startswith(f"{expected:010d} "):
            raise AssertionError(f"line {expected} is {line!r}")


def write_lines(tend, name, count, *options):
    return start(
        tend,
        name,
        sys.executable,
        "-I",
        "-S",
        "-c",
        LINES,
        count,
        options=("--restart", "no", *options),
    )


def newest(tend, name):
    """The end of a log: of the current file, or of the last rotated one where that has just
    begun.
    """
    for path in [tend.home / "logs" / f"{name}.log"] + numbered(tend, name)[::-1]:
        try:
            data = content(path)
        except (
            FileNotFoundError,
            subprocess.CalledProcessError,
        ):  # renamed, or compressed, meanwhile
            continue
        if data:
            return data
    return b""


def ended(tend, name):
    """The log ends with the writer's last line."""
    wait_until(lambda: newest(tend, name).endswith(b"end\n"), timeout=60, what=f"the end of {name}")


def test_rotation_at_full_speed_keeps_every_line_whole(tend):
    write_lines(tend, "a", 100000, "--log-size", "256KiB", "--log-keep", "0")
    ended(tend, "a")
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0,
        timeout=60,
        what="everything is archived",
    )
    log = log_block(tend, "a")
    assert log["rotations"] == log["archives"] == len(numbered(tend, "a")) >= 15
    data = everything(tend, "a")
    check(data, 100000)
    assert is_balanced(log) and log["captured_bytes"] == len(data) and log["deleted_bytes"] == 0
    for path in numbered(tend, "a"):
        assert path.suffix == ".lz4" and 256 * 1024 <= len(content(path)) < 256 * 1024 + 200
        subprocess.run(["lz4", "-t", path], check=True, stderr=subprocess.DEVNULL)
    assert log["archived_lines"] == sum(content(path).count(b"\n") for path in numbered(tend, "a"))
    assert log["archive_file_bytes"] == sum(path.stat().st_size for path in numbered(tend, "a"))


def test_retention_by_count(tend):
    write_lines(tend, "a", 100000, "--log-size", "256KiB", "--log-keep", "3")
    ended(tend, "a")
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0
        and log_block(tend, "a")["archives"] == 3,
        timeout=60,
        what="three archives",
    )
    log = log_block(tend, "a")
    assert len(numbered(tend, "a")) == 3 and log["deleted_bytes"] > 0
    assert is_balanced(log)
    data = everything(tend, "a")
    assert log["deleted_lines"] + data.count(b"\n") == 100001
    assert data.endswith(b"end\n") and int(data[:10]) == log["deleted_lines"]


def test_retention_over_all(tend):
    tend.env["TEND_LOG_TOTAL_BYTES"] = "1MiB"
    for name in "ab":
        write_lines(tend, name, 60000, "--log-size", "128KiB", "--log-keep", "0")
    for name in "ab":
        ended(tend, name)

    def total():
        files = [
            path
            for path in (tend.home / "logs").iterdir()
            if not path.name.endswith((".idx", ".tmp")) and path.name[0] in "ab"
        ]
        return sum(path.stat().st_size for path in files)

    wait_until(
        lambda: all(log_block(tend, name)["rotated_bytes"] == 0 for name in "ab"),
        timeout=60,
        what="everything is archived",
    )
    wait_until(lambda: total() <= 1 << 20, timeout=30, what="the limit is kept")
    assert all(is_balanced(log_block(tend, name)) for name in "ab")


def test_standard_error_apart(tend):
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; kill -9 $$"
    start(tend, "a", "bash", "-c", script, options=("--restart", "no", "--separate-stderr"))
    wait_until(lambda: tend.status("a")["state"] == "failed", what="it has failed")
    logs = tend.home / "logs"
    wait_until(
        lambda: (logs / "a@err.log").exists()
        and (logs / "a@err.log").read_text() == "err 1\nerr 2\nerr 3\n",
        what="standard error",
    )
    assert (logs / "a.log").read_text() == "out 1\nout 2\nout 3\n"
    wait_until(lambda: log_block(tend, "a")["captured_bytes"] == 36, what="both are counted")
    log = log_block(tend, "a")
    assert log["err_captured_bytes"] == 18 and log["err_file_bytes"] == 18 and is_balanced(log)
    tend.run("remove", "a")
    assert not list((tend.home / "run").glob("a*")), "its FIFOs went with it"


def test_the_process_holds_its_own_end_of_both_pipes(tend):
    pid = start(tend, "a", helper("sleeper"), options=("--separate-stderr",))
    ends = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in ("1", "2", "200", "201")}
    run = os.path.realpath(tend.home / "run")
    assert ends == {
        "1": f"{run}/a.out",
        "2": f"{run}/a@err.out",
        "200": f"{run}/a.out",
        "201": f"{run}/a@err.out",
    }
    guardian = tend.wait_daemon("guardian")

    def held():
        try:
            return {os.readlink(entry) for entry in os.scandir(f"/proc/{guardian}/fd")}
        except FileNotFoundError:  # one was closed meanwhile
            return set()

    # The ends reach the guardian before the process is started, but it takes them when it is its
    # turn to run.
    wait_until(
        lambda: {f"{run}/a.out", f"{run}/a@err.out"} <= held(),
        what="the guardian holds the pipes too",
    )


def runs_in_index(tend, name):
    """{life: offset of its first byte}"""
    try:
        data = (tend.home / "logs" / f"{name}.log.idx").read_bytes()
    except FileNotFoundError:
        return {}
    entries = [struct.unpack_from("<QQII", data, at) for at in range(32, len(data) - 23, 24)]
    assert all(
        a[0] <= b[0] and a[1] <= b[1] for a, b in zip(entries, entries[1:])
    ), "offsets and times never fall"
    return {life: offset for offset, _, life, _ in reversed(entries)}


def test_the_index_tells_where_each_run_begins(tend):
    gate = tend.home / "gate"
    script = f"echo run; echo more; read line < {gate}; kill -9 $$"
    tend.home.mkdir(mode=0o700, exist_ok=True)
    os.mkfifo(gate)
    start(
        tend,
        "a",
        "bash",
        "-c",
        script,
        options=("--restart-limit", "4/1m", "--restart-delay", "10ms"),
    )
    for run in range(1, 6):  # each run waits until the logger has heard of it
        try:
            wait_until(lambda: len(runs_in_index(tend, "a")) == run, 30)
        except AssertionError:
            raise AssertionError(
                f"{run} runs, not {runs_in_index(tend, 'a')} of {tend.log('a')!r} with {log_block(tend, 'a')}"
            ) from None
        gate.write_text("go\n")
    wait_until(lambda: tend.status("a")["state"] == "failed", what="it has failed")
    assert tend.wait_log("a", r"(?s)\A(run\nmore\n){5}\Z")
    assert runs_in_index(tend, "a") == {life: (life - 1) * 9 for life in range(1, 6)}


def test_old_age_rotates(tend):
    start(tend, "a", "bash", "-c", "echo one; sleep 100", options=("--log-age", "1s"))
    wait_until(lambda: log_block(tend, "a")["archives"] == 1, timeout=20, what="it is a second old")
    assert everything(tend, "a") == b"one\n"


def test_deaths_of_the_logger_while_it_rotates(tend):
    """The logger dies as often as the guardian starts it without delay; thousands of deaths are the
    unit test's.
    """
    write_lines(tend, "a", 400000, "--log-size", "128KiB", "--log-keep", "0")
    for _ in range(3):
        pid = tend.wait_daemon("logger")
        os.kill(pid, signal.SIGKILL)
        tend.wait_daemon("logger", not_pid=pid)
    ended(tend, "a")
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0,
        timeout=60,
        what="everything is archived",
    )
    check(everything(tend, "a"), 400000)
    assert is_balanced(log_block(tend, "a"))


def threads_of(pid):
    """Their names."""
    try:
        return {
            task.joinpath("comm").read_text().strip()
            for task in Path(f"/proc/{pid}/task").iterdir()
        }
    except OSError:
        return set()


@pytest.mark.timeout(240)
def test_deaths_of_a_logger_with_two_movers(tend):
    """Where several pipes are always full, a second thread of the logger moves bytes, too, if there
    is a processor for it.
    """
    names, lines, gate = [f"f{i}" for i in range(4)], 100000, tend.work / "gate"
    os.mkfifo(gate)
    for name in names:
        start(
            tend,
            name,
            "sh",
            "-c",
            f': < "{gate}"; exec "{helper("flooder")}" {lines} 1000',
            options=("--log-size", "4MiB", "--log-keep", "0"),
        )
    opened = os.open(gate, os.O_WRONLY)  # and kept so, until the last of them has come by
    seen = False
    for _ in range(3):
        pid = tend.wait_daemon("logger")
        wait_until(
            lambda: "mover" in threads_of(pid) or newest(tend, "f0").endswith(b"end %d\n" % lines),
            what="the second mover, or the end",
        )
        seen = seen or "mover" in threads_of(pid)
        os.kill(pid, signal.SIGKILL)
        tend.wait_daemon("logger", not_pid=pid)
    assert seen == (len(os.sched_getaffinity(0)) > 1)
    for name in names:
        wait_until(
            lambda name=name: newest(tend, name).endswith(b"end %d\n" % lines),
            timeout=60,
            what=f"the end of {name}",
        )
        wait_until(
            lambda name=name: log_block(tend, name)["rotated_bytes"] == 0,
            timeout=60,
            what="everything is archived",
        )
        got = everything(tend, name).splitlines()
        assert got.pop() == b"end %d" % lines and len(got) == lines
        assert all(len(line) == 999 and int(line[:10]) == n for n, line in enumerate(got))
        assert is_balanced(log_block(tend, name))
    os.close(opened)


def test_where_splice_is_refused_a_flood_is_not_held_up(tend):
    """Once each turn moved one batch of 64 KB and then napped, which is 11 MB a second: these 200
    MB took 18 s. They take half a second.
    """
    tend.env["TEND_DISABLE"] = "splice"
    start(tend, "f", helper("flooder"), "200000", "1000")
    wait_until(
        lambda: newest(tend, "f").endswith(b"end 200000\n"), timeout=12, what="the end of the flood"
    )


def test_tends_own_log_is_rotated_without_losing_a_line(tend):
    start(tend, "a", helper("sleeper"))
    own = tend.home / "logs" / "tend.log"
    before = own.read_bytes()
    with own.open("ab") as file:
        file.write(b"x" * 99 + b"\n")
        file.truncate(len(before))  # what stays is what the daemons wrote
        file.seek(0, os.SEEK_END)
        file.write((b"y" * 99 + b"\n") * 170000)
    pid = tend.wait_daemon("logger")
    os.kill(pid, signal.SIGKILL)  # a new one looks, and the guardian has something to say
    tend.wait_daemon("logger", not_pid=pid)
    wait_until(
        lambda: [path.suffix for path in numbered(tend, "tend")] == [".lz4"],
        timeout=60,
        what="it is archived",
    )
    os.kill(tend.wait_daemon("logger"), signal.SIGKILL)
    wait_until(
        lambda: own.exists() and own.stat().st_size > 0, what="the guardian writes to the new file"
    )
    assert everything(tend, "tend").startswith(before)
