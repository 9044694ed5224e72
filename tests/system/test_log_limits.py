"""Limits on logs: output without line ends, retention by bytes and age, numbers that are used up,
rotations that fail.
"""

import os
import re
import struct
import sys
import time
from pathlib import Path

import pytest

from common import start
from harness import helper, wait_until
from syscalls import Recorder
from test_log_files import content, everything, is_balanced, log_block, numbered

BEGIN_OF_ARCHIVE = b"\x04\x22\x4d\x18"  # of an LZ4 frame
TIDX_MAGIC = b"TNDTIDX1"


def begun(tend, name, *command, options=()):
    start(tend, name, sys.executable, "-c", *command, options=("--restart", "no", *options))


def sizes(tend, name):
    """What its old files take on the disk, but for time indexes."""
    return sum(path.stat().st_size for path in numbered(tend, name))


def is_archived(tend, name, count):
    found = numbered(tend, name)
    return len(found) == count and all(path.suffix == ".lz4" for path in found) and found


# ---- lines that do not end


def test_progress_made_with_carriage_returns_is_cut_at_twice_the_limit(tend):
    begun(
        tend,
        "bar",
        "import os\nfor i in range(100): os.write(1, b'\\rprogress %2d ' % i + b'#' * 20000)\nos.write(1, b'\\nend\\n')",
        options=("--log-size", "64KiB", "--log-keep", "0"),
    )
    tend.wait_log("bar", r"^end$")
    written = b"".join(b"\rprogress %2d " % i + b"#" * 20000 for i in range(100)) + b"\nend\n"
    files = wait_until(lambda: is_archived(tend, "bar", len(written) // (2 << 16)), what="archives")
    assert b"".join(everything_of(tend, "bar", files)) == written
    tend.run("logs", "export", "bar", "--output", tend.work / "out")
    assert (tend.work / "out").read_bytes() == written
    assert tend.run("logs", "bar", "--verify").stdout.startswith("bar: complete")
    assert is_balanced(log_block(tend, "bar"))
    tend.stop_all()


def everything_of(tend, name, files):
    parts = [content(path) for path in files]
    assert all(len(part) == 2 << 16 for part in parts), [len(part) for part in parts]
    return [*parts, (tend.home / "logs" / f"{name}.log").read_bytes()]


def test_what_never_ends_its_line_is_cut_when_it_is_twice_as_old(tend):
    start(tend, "a", "sh", "-c", "printf 'no end'; exec sleep 1000", options=("--log-age", "1s"))
    archives = wait_until(lambda: is_archived(tend, "a", 1), what="a rotated file")
    assert b"no end" in archives[0].read_bytes()
    assert tend.run("logs", "a", "--verify").stdout.startswith("a: complete")
    tend.stop_all()


# ---- limits on bytes


NOTHING_SPECIAL = (
    "INFO request served in 12 ms, nothing special happened\n" * 40000
)  # 2.2 MB, whose archive is small


def parts(count, text="NOTHING"):
    """A process that begins so many parts, and goes on with the next when the one before was
    rotated.
    """
    return f"""
import os, sys, time
NOTHING = {NOTHING_SPECIAL[:55]!r} * 40000
def rotated():
    files = os.listdir(sys.argv[1])
    return max((int(f[6:15]) for f in files if f.startswith("p.log.0")), default=0)
for part in range({count}):
    sys.stdout.write("part %d begins\\n" % part + {text})
    sys.stdout.flush()
    while rotated() < part + 1: time.sleep(0.01)
print("end", flush=True)
time.sleep(1000)
"""


def test_a_file_is_compressed_before_it_counts(tend):
    script = tend.work / "parts.py"
    script.write_text(parts(4))
    start(
        tend,
        "p",
        sys.executable,
        script,
        tend.home / "logs",
        options=("--log-size", "2MiB", "--log-keep-bytes", "1MiB"),
    )
    tend.wait_log("p", r"^end$")
    files = wait_until(lambda: is_archived(tend, "p", 4), what="four archives")
    assert sizes(tend, "p") < 1 << 20, files
    assert re.findall(rb"(?m)^part \d begins$", everything(tend, "p")) == [
        b"part %d begins" % i for i in range(4)
    ]
    tend.stop_all()


def test_so_it_is_where_all_logs_have_one_limit(tend):
    tend.env[
        "TEND_LOG_TOTAL_BYTES"
    ] = "5MiB"  # the current file counts, too, and three raw ones would not fit
    script = tend.work / "parts.py"
    script.write_text(parts(4))
    start(tend, "p", sys.executable, script, tend.home / "logs", options=("--log-size", "2MiB"))
    tend.wait_log("p", r"^end$")
    wait_until(lambda: is_archived(tend, "p", 4), what="four archives")
    tend.stop_all()


def test_what_is_too_large_as_an_archive_goes(tend):
    script = tend.work / "parts.py"
    script.write_text(
        parts(4, text="os.urandom(1500000).hex() + chr(10)")
    )  # 3 MB each, compressed or not
    start(
        tend,
        "p",
        sys.executable,
        script,
        tend.home / "logs",
        options=("--log-size", "2MiB", "--log-keep-bytes", "7MiB"),
    )
    tend.wait_log("p", r"^end$", timeout=60)
    wait_until(lambda: is_archived(tend, "p", 2), what="as many archives as fit")
    assert numbered(tend, "p")[-1].name == "p.log.000000004.lz4"
    assert 4 << 20 < sizes(tend, "p") <= 7 << 20
    assert is_balanced(log_block(tend, "p"))
    tend.stop_all()


@pytest.mark.parametrize(("limit", "left"), [("7MiB", (3, 4)), ("1MiB", (4,))])
def test_a_full_disk_costs_the_oldest_archive_and_never_the_newest_raw_file(tend, limit, left):
    """Archives can't be synced from the third on: two of 3 MB and what stays raw are more than the
    limit.
    """
    script = tend.work / "parts.py"
    script.write_text(parts(4, text="os.urandom(1500000).hex() + chr(10)"))
    recorder = Recorder(
        tend,
        "start",
        "--name",
        "p",
        "--background",
        "--log-size",
        "2MiB",
        "--log-keep-bytes",
        limit,
        "--",
        sys.executable,
        script,
        tend.home / "logs",
        calls="fsync,ftruncate,unlinkat",
        inject=("fsync:error=ENOSPC:when=5+",),
    )
    tend.wait_log("p", r"^end$", timeout=60)
    names = [f"p.log.{i:09}" for i in left]
    wait_until(
        lambda: [path.name for path in numbered(tend, "p")] == names,
        60,
        f"raw files {left}, and no others",
    )
    tries = tend.log("tend").count("can't compress")
    wait_until(
        lambda: tend.log("tend").count("can't compress") > tries + 1, 60, "two more looks at them"
    )
    assert [path.name for path in numbered(tend, "p")] == names
    assert is_balanced(log_block(tend, "p"))
    tend.stop_all()
    recorder.child.wait(30)


def test_a_limit_below_the_size_of_a_file_is_told(tend):
    done = tend.run(
        "start",
        "--name",
        "a",
        "--background",
        "--log-size",
        "2MiB",
        "--log-keep-bytes",
        "1MiB",
        "--",
        helper("sleeper"),
    )
    assert "--log-keep-bytes 1.0M is less than --log-size 2.0M" in done.stderr, done.stderr
    done = tend.run(
        "start",
        "--name",
        "b",
        "--background",
        "--log-size",
        "2MiB",
        "--log-keep-bytes",
        "2MiB",
        "--",
        helper("sleeper"),
    )
    assert done.stderr == ""
    done = tend.run(
        "start",
        "--name",
        "c",
        "--background",
        "--log-size",
        "2MiB",
        "--",
        helper("sleeper"),
        env={"TEND_LOG_TOTAL_BYTES": "1MiB"},
    )
    assert "TEND_LOG_TOTAL_BYTES 1.0M is less than --log-size 2.0M" in done.stderr, done.stderr
    tend.stop_all()


# ---- numbers


def test_files_with_the_last_numbers_are_renamed_and_rotation_goes_on(tend):
    start(tend, "a", "sh", "-c", "echo one; exec sleep 1000")
    tend.wait_log("a", "one")
    tend.run("logs", "rotate", "a")
    logs = tend.home / "logs"
    for number in (999999998, 999999999):
        (logs / f"a.log.{number}").write_text(f"{number}\n")
    tend.kill_daemon("logger")
    tend.wait_daemon("logger")
    tend.run("restart", "a")
    tend.wait_log("a", "one")
    done = tend.run("logs", "rotate", "a")
    assert done.stdout.strip().endswith("rotated") and done.stderr == ""
    files = wait_until(lambda: is_archived(tend, "a", 4), what="four archives")
    assert [path.name for path in files] == [f"a.log.{i:09}.lz4" for i in (1, 2, 3, 4)]
    assert everything(tend, "a") == b"one\n999999998\n999999999\none\n"
    tend.stop_all()


# ---- rotations


def test_a_rotation_that_fails_is_told(tend):
    recorder = Recorder(
        tend,
        "start",
        "--name",
        "a",
        "--background",
        "--",
        "sh",
        "-c",
        "echo one; exec sleep 1000",
        calls="renameat2",
        inject=("renameat2:error=EACCES",),
    )
    tend.wait_log("a", "one")
    for names in (["a"], []):
        done = tend.run("logs", "rotate", *names, check=False)
        assert (
            done.returncode == 1 and "can't rotate logs/a.log: Permission denied" in done.stderr
        ), done
    assert not numbered(tend, "a")
    tend.stop_all()
    recorder.finish()


def test_a_file_system_that_can_not_rename_without_replacing_rotates(tend):
    recorder = Recorder(
        tend,
        "start",
        "--name",
        "a",
        "--background",
        "--",
        "sh",
        "-c",
        "echo one; exec sleep 1000",
        calls="renameat2",
        inject=("renameat2:error=EINVAL",),
    )
    tend.wait_log("a", "one")
    (tend.home / "logs" / "a.log.000000001").write_text("somebody else's\n")
    done = tend.run("logs", "rotate", "a", check=False)
    assert done.returncode == 1 and "File exists" in done.stderr, done  # never over a file
    tend.run("logs", "rotate", "a")
    assert "a.log.000000002" in {path.name.removesuffix(".lz4") for path in numbered(tend, "a")}
    assert (tend.home / "logs" / "a.log.000000001").read_text() == "somebody else's\n"
    tend.stop_all()
    recorder.finish()


def test_an_archive_whose_folder_can_not_be_synced_replaces_nothing(tend):
    """The second sync of the archiver is that of the folder."""
    recorder = Recorder(
        tend,
        "start",
        "--name",
        "a",
        "--background",
        "--",
        "sh",
        "-c",
        "echo one; exec sleep 1000",
        calls="fsync,renameat,unlinkat",
        inject=("fsync:error=EIO:when=2",),
    )
    tend.wait_log("a", "one")
    tend.run("logs", "rotate", "a")
    tend.wait_log(
        "tend", r"can't compress logs/a\.log\.000000001, tried again in 10 s: .*Input/output error"
    )
    assert [path.name for path in numbered(tend, "a")] == ["a.log.000000001"]
    wait_until(lambda: is_archived(tend, "a", 1), 60, "the archive of the second try")
    tend.stop_all()
    recorder.child.wait(30)


def test_a_follower_gets_every_byte_of_what_is_cut(tend):
    go = tend.work / "go"
    begun(
        tend,
        "a",
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nfor i in range(40): os.write(1, b'%010d' % i * 1000)\nos.write(1, b'\\nend\\n')",
        options=("--log-size", "64KiB", "--log-keep", "0"),
    )
    follower = tend.popen("logs", "a", "--follow")
    wait_until(
        lambda: "inotify"
        in str([os.path.realpath(f) for f in Path(f"/proc/{follower.pid}/fd").iterdir()]),
        what="the follower",
    )
    go.touch()
    seen = ""
    while not seen.endswith("end\n"):
        seen += follower.stdout.readline()
    follower.terminate()
    assert seen.replace("\n", "") == "".join(f"{i:010}" * 1000 for i in range(40)) + "end"
    wait_until(lambda: is_archived(tend, "a", 3), what="three archives")
    tend.stop_all()


# ---- age


def aged_log(tend, name, seconds):
    """A log whose one line came so long ago, by its time index; the file itself is new."""
    logs = tend.home / "logs"
    logs.mkdir(parents=True, mode=0o700)
    tend.home.chmod(0o700)
    path = logs / f"{name}.log"
    path.write_text("old\n")
    st = path.stat()
    head = TIDX_MAGIC + struct.pack("<QQQ", st.st_ino, st.st_dev, 0)
    (logs / f"{name}.log.idx").write_bytes(
        head + struct.pack("<QQII", 0, time.time_ns() - seconds * 10**9, 1, 0)
    )
    return path


def test_an_old_file_goes_by_its_last_line_not_by_its_rotation(tend):
    aged_log(tend, "a", 7200)
    start(tend, "a", helper("sleeper"), options=("--log-keep-age", "1h"))
    tend.run("logs", "rotate", "a")
    wait_until(lambda: not numbered(tend, "a"), what="the end of the old file")
    assert log_block(tend, "a")["deleted_lines"] == 1
    tend.stop_all()


def test_an_old_file_does_not_go_by_its_own_time(tend):
    aged_log(tend, "a", 1800)
    start(tend, "a", helper("sleeper"), options=("--log-keep-age", "1h"))
    tend.run("logs", "rotate", "a")
    archive = wait_until(lambda: is_archived(tend, "a", 1), what="an archive")[0]
    os.utime(archive, (0, 0))
    tend.kill_daemon("logger")
    tend.wait_daemon("logger")
    tend.run("logs", "rotate")  # the new logger has looked at it
    assert archive.exists() and log_block(tend, "a")["archives"] == 1
    tend.stop_all()


# ---- a process that comes again


def test_a_process_that_comes_again_while_its_file_is_archived_keeps_it(tend):
    """The archiver has its work, and is held up before it makes the first file: who looks into the
    folder then sees none of it.
    """
    recorder = Recorder(
        tend,
        "start",
        "--name",
        "a",
        "--background",
        "--restart",
        "no",
        "--",
        "echo",
        "one",
        calls="unlinkat",
        inject=("unlinkat:delay_enter=3000000",),
        paths=("a.log.000000001.lz4.tmp",),
    )
    tend.wait_log("a", "one")
    tend.wait("a", "stopped")
    tend.run("logs", "rotate", "a")
    tasks = Path(f"/proc/{tend.daemon_pid('logger')}/task")
    wait_until(
        lambda: "archiver\n" in [(task / "comm").read_text() for task in tasks.iterdir()],
        what="the archiver",
    )
    tend.run("remove", "a")
    start(tend, "a", helper("sleeper"))
    wait_until(lambda: is_archived(tend, "a", 1), 30, "the archive")
    wait_until(lambda: log_block(tend, "a")["archives"] == 1, 30, "the archive in the table")
    log = log_block(tend, "a")
    assert is_balanced(log) and log["gone_bytes"] == 0
    tend.stop_all()
    recorder.finish()
