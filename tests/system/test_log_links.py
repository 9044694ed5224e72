"""Symbolic links among the logs, in place of whatever may be there: none is followed. Nothing
outside is shown, changed or removed, and capture goes on.
"""

import os
import shutil
import sys

import pytest

from common import start
from crashkit import settled
from harness import helper, wait_until
from test_log_files import LINES, everything, log_block, numbered, write_lines

SECRET = b"secret " * 8 + b"\n"


class Elsewhere:
    """A folder that is not tend's, with files in the formats of logs; nothing of it may be shown,
    and all of it must stay as it is.
    """

    def __init__(self, tend):
        self.folder = tend.work / "elsewhere"
        self.folder.mkdir()
        (self.folder / "text").write_bytes(SECRET * 1000)
        start(tend, "model", "sh", "-c", f"cat {self.folder}/text; exec sleep 1000")
        wait_until(lambda: tend.log("model").count("\n") == 1000, what="the model's log")
        index = tend.home / "logs/model.log.idx"
        wait_until(
            lambda: index.exists() and index.stat().st_size > 32,
            what="its time index, which is written behind the bytes",
        )
        shutil.copy2(index, self.folder / "idx")
        tend.run("logs", "rotate", "model")
        wait_until(
            lambda: [path.suffix for path in numbered(tend, "model")] == [".lz4"],
            what="its archive",
        )
        (archive,) = numbered(tend, "model")
        shutil.copy2(archive, self.folder / "lz4")
        tend.run("stop", "model")
        tend.run("remove", "model")
        for path in (tend.home / "logs").glob("model*"):
            path.unlink()
        self.before = self.state()

    def state(self):
        return {
            path.name: (
                path.read_bytes(),
                path.stat().st_mtime_ns,
                path.stat().st_ino,
                path.stat().st_nlink,
            )
            for path in self.folder.iterdir()
        }

    def check(self, tend):
        """Nothing changed, and no command shows it."""
        assert self.state() == self.before
        for words in (
            ["a", "--lines", "0"],
            ["--lines", "0"],
            ["a", "--lines", "0", "--json"],
            ["a", "--filter", "secret"],
            ["a", "--previous"],
            ["export", "a"],
            ["export", "--format", "csv"],
            ["a", "--verify"],
            ["size"],
            ["a", "--since", "1h"],
        ):
            assert "secret" not in tend.run("logs", *words, check=False, timeout=60).stdout, words
        assert "secret" not in tend.run("logs-aggregator", "--stats", check=False).stdout
        assert self.state() == self.before


def link(tend, name, target):
    path = tend.home / "logs" / name
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path


def more(tend, count):
    """The process runs once more, and so many more lines are captured."""
    before = log_block(tend, "a")["captured_bytes"]
    (tend.work / "count").write_text(str(count))
    tend.run("start", "a")
    wait_until(lambda: tend.status("a")["state"] == "completed", timeout=60, what="its end")
    wait_until(
        lambda: log_block(tend, "a")["captured_bytes"] > before
        and log_block(tend, "a")["state"] != 2,
        timeout=60,
        what="all is captured",
    )


@pytest.fixture
def logged(tend):
    """A process with archives, at rest, and the folder elsewhere."""
    outside = Elsewhere(tend)
    tend.outside = outside
    command = f"import os; exec({LINES!r}.replace('sys.argv[1]', 'open(sys.argv[1]).read()'))"
    (tend.work / "count").write_text("12000")
    start(
        tend,
        "a",
        sys.executable,
        "-I",
        "-S",
        "-c",
        command,
        tend.work / "count",
        options=("--restart", "no", "--log-size", "64KiB", "--log-keep", "0"),
    )
    wait_until(lambda: tend.status("a")["state"] == "completed", timeout=60, what="its end")
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0
        and log_block(tend, "a")["archives"] >= 5,
        timeout=60,
        what="all is archived",
    )
    return tend


def test_links_in_place_of_old_files_are_not_read(logged):
    """Found by a running logger, by its successor, and by readers while no daemon lives."""
    tend, outside = logged, logged.outside.folder
    first, second, third = numbered(tend, "a")[:3]
    link(tend, first.name, outside / "lz4")
    link(tend, second.name, outside / "text")
    link(tend, third.name, outside)
    link(tend, "a.log.000000900", outside / "text")
    link(tend, "a.log.000000900.idx", outside / "idx")
    link(tend, "a.log.000000901.lz4", outside / "lz4")
    link(tend, "a.log.000000902.del", outside / "text")
    link(tend, "a.log.000000903.lz4.tmp", outside / "text")
    link(tend, "tend.log.000000900", outside / "text")
    link(tend, "gone.log", outside / "text")  # of a process that was removed
    link(tend, "gone.log.000000001.lz4", outside / "lz4")
    logged.outside.check(tend)
    tend.kill_daemon("logger")
    settled(tend)
    more(tend, 5000)
    logged.outside.check(tend)
    tend.stop_all()
    logged.outside.check(tend)
    assert b"%010d" % 4999 in everything_own(tend)


def everything_own(tend):
    """What the files that are not links hold."""
    for path in numbered(tend, "a"):
        if path.is_symlink():
            path.unlink()
    return everything(tend, "a")


def test_links_in_place_of_what_is_written_next(logged):
    """The current index, and the names that the next rotated files and their archives are to
    have.
    """
    tend, outside = logged, logged.outside.folder
    last = int(numbered(tend, "a")[-1].name.split(".")[2])
    link(tend, "a.log.idx", outside / "idx")
    for n in range(last + 1, last + 12):
        link(tend, f"a.log.{n:09d}.lz4.tmp", outside / "text")
        if n % 3 == 0:
            link(tend, f"a.log.{n:09d}", outside / "text")
        if n % 3 == 1:
            link(tend, f"a.log.{n:09d}.lz4", outside / "lz4")
        if n % 3 == 2:
            link(tend, f"a.log.{n:09d}.idx", outside / "idx")
    more(tend, 12000)
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0, timeout=60, what="all is archived"
    )
    logged.outside.check(tend)
    tend.kill_daemon("logger")
    settled(tend)
    more(tend, 12000)
    wait_until(
        lambda: log_block(tend, "a")["rotated_bytes"] == 0, timeout=60, what="all is archived"
    )
    logged.outside.check(tend)
    tend.stop_all()
    logged.outside.check(tend)
    data = everything_own(tend)
    assert data.count(b"end\n") == 3 and data.count(b"\n") == 3 * 12001


def test_retention_removes_links_and_not_what_they_lead_to(logged):
    tend, outside = logged, logged.outside.folder
    for path in numbered(tend, "a")[:3]:
        link(tend, path.name, outside / "lz4")
    link(tend, "a.log.000000002", outside / "text")
    link(tend, "gone.log", outside / "text")
    link(tend, "gone.log.000000001.lz4", outside / "lz4")
    link(tend, "gone.log.000000002", outside)
    tend.run("stop")
    tend.env["TEND_LOG_TOTAL_BYTES"] = "100KiB"
    start(tend, "b", helper("sleeper"))
    more(tend, 12000)

    def total():
        return sum(
            path.lstat().st_size
            for path in (tend.home / "logs").iterdir()
            if path.name[0] in "ag" and not path.name.endswith((".idx", ".tmp"))
        )

    wait_until(lambda: total() <= 100 << 10, timeout=60, what="the limit is kept")
    logged.outside.check(tend)
    assert os.path.isdir(outside)
    tend.stop_all()
    logged.outside.check(tend)
