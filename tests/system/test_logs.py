"""tend logs and tend logs-aggregator: hand-made files of every kind, and real processes."""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import time

import pytest

from common import script, start
from harness import wait_until


@pytest.fixture
def logs(tend):
    """A home without daemons, and the folder of its logs."""
    folder = tend.home / "logs"
    folder.mkdir(parents=True, mode=0o700)
    tend.home.chmod(0o700)
    return folder


def lines_of(tend, *args, **kwargs):
    return tend.run("logs", *args, **kwargs).stdout.splitlines()


def pack(path, data=None):
    """PATH becomes PATH.lz4, as lz4(1) writes it: without an index."""
    if data is not None:
        path.write_bytes(data)
    subprocess.run(["lz4", "-q", "--rm", path, f"{path}.lz4"], check=True)
    return path.with_name(path.name + ".lz4")


# Of memory, for what must not need more; a sanitizer reserves terabytes.
LIMIT = "" if os.environ.get("SAN_FLAGS") else "ulimit -v 600000; "
LEVELS = "".join(
    f"2026-01-02 03:04:0{i} {level} line {i}\n"
    for i, level in enumerate(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
)


def test_levels_and_what_continues_an_entry(tend, logs):
    (logs / "a.log").write_text(
        LEVELS
        + "Traceback:\n  File x\nKeyError: 'INFO'\n2026-01-02 03:05:00 DEBUG last\n  detail\n"
    )
    assert len(lines_of(tend, "a")) == 4 + 3
    assert lines_of(tend, "a", "--level", "ERROR")[-3:] == [
        "Traceback:",
        "  File x",
        "KeyError: 'INFO'",
    ]
    assert len(lines_of(tend, "a", "--level", "critical")) == 4
    assert lines_of(tend, "a", "--level", "DEBUG")[-1] == "  detail"
    assert lines_of(tend, "a", "--agent", "a", "-n", "1") == ["KeyError: 'INFO'"]


@pytest.mark.parametrize("packed", [False, True])
def test_an_entry_goes_on_in_the_next_file(tend, logs, packed):
    """Files end at a line end, and in the midst of an entry: its rest has its level in whatever
    direction it is read.
    """
    (logs / "a.log.000000001").write_text("INFO 1\nERROR boom\nTraceback:\n")
    (logs / "a.log.000000002").write_text("  File x\n  File y\n")
    (logs / "a.log").write_text("KeyError\nINFO fine\n")
    if packed:
        pack(logs / "a.log.000000001")
        pack(logs / "a.log.000000002")
    for lines in ("0", "9"):
        shown = lines_of(tend, "a", "--level", "ERROR", "-n", lines)
        assert shown == ["ERROR boom", "Traceback:", "  File x", "  File y", "KeyError"]
        assert (
            lines_of(tend, "a", "--level", "ERROR", "--filter", "File", "-n", lines) == shown[2:4]
        )
        assert lines_of(tend, "a", "--level", "ERROR", "--filter", "KeyE", "-n", lines) == shown[4:]


def test_archives_rotated_and_current_are_one(tend, logs):
    expected = [f"2026-01-02 03:04:05 INFO n {i}" for i in range(3000)]
    pack(logs / "a.log.000000001", "".join(f"{x}\n" for x in expected[:1000]).encode())
    (logs / "a.log.000000002").write_text("".join(f"{x}\n" for x in expected[1000:2000]))
    (logs / "a.log").write_text("".join(f"{x}\n" for x in expected[2000:]))
    assert lines_of(tend, "a", "-n", "0") == expected
    assert lines_of(tend, "a", "-n", "2500") == expected[-2500:]
    assert lines_of(tend, "a") == expected[-50:]
    assert lines_of(tend, "a", "--filter", "n 17") == [x for x in expected if "n 17" in x][-50:]
    assert lines_of(tend, "a", "--regex", "n 1(2|3)$") == [expected[12], expected[13]]
    assert lines_of(tend, "a", "--regex", r"\bn\s1[\d]$")[2:4] == [expected[12], expected[13]]
    assert lines_of(tend, "a", "--regex", "n 1$", "--regex", "n 1(2|3)$") == [
        expected[12],
        expected[13],
    ]  # the last one counts
    out = tend.root / "out"
    tend.run("logs", "export", "a", "--output", out)
    assert out.read_text().splitlines() == expected


def test_export_does_not_empty_what_it_reads(tend, logs):
    (logs / "a.log").write_text("INFO a\n")
    link = tend.root / "link"
    link.symlink_to(logs / "a.log")
    for path in (logs / "a.log", link):
        done = tend.run("logs", "export", "a", "--output", path, check=False)
        assert (done.returncode, done.stderr) == (
            1,
            f"tend logs: {path} is one of the files to export\n",
        )
    assert (logs / "a.log").read_text() == "INFO a\n"


def test_odd_bytes_are_made_visible(tend, logs):
    raw = b"INFO a\x00b \xff\xfe \x1b[2J \xe2\x82\xac end\n"
    (logs / "a.log").write_bytes(raw)
    shown = tend.run("logs", "a").stdout
    assert shown == "INFO a\\x00b \\xff\\xfe \\x1b[2J € end\n"
    assert json.loads(tend.run("logs", "a", "--json").stdout)["line"].startswith("INFO a\ufffdb")
    done = subprocess.run(
        tend.argv("logs", "export", "a"), env=tend.env, stdout=subprocess.PIPE, check=True
    )
    assert done.stdout == raw


def test_a_line_of_20_megabytes(tend, logs):
    (logs / "a.log").write_bytes(b"INFO before\nINFO " + b"x" * (20 << 20) + b"\nINFO after\n")
    shown = lines_of(tend, "a")
    assert (len(shown), shown[0], len(shown[1]), shown[2]) == (
        3,
        "INFO before",
        5 + (20 << 20),
        "INFO after",
    )
    assert lines_of(tend, "a", "-n", "1") == ["INFO after"]


def test_damage_is_named_and_the_rest_is_shown(tend, logs):
    path = pack(
        logs / "a.log.000000001",
        b"".join(b"INFO %06d %s\n" % (i, os.urandom(50).hex().encode()) for i in range(20000)),
    )
    with path.open("r+b") as f:
        f.seek(path.stat().st_size // 2)
        f.write(b"\xff" * 64)
    (logs / "a.log").write_text("INFO the current one\n")
    done = tend.run("logs", "a", "-n", "0")
    shown = done.stdout.splitlines()
    assert (
        shown[0].startswith("INFO 000000")
        and shown[-1] == "INFO the current one"
        and 1000 < len(shown) < 20001
    )
    assert "a.log.000000001.lz4: damaged at offset " in done.stderr
    done = tend.run("logs", "export", "a", check=False)
    assert done.returncode == 1 and done.stdout.startswith(
        "INFO 000000"
    )  # a copy that is not whole


def test_more_files_than_descriptors(tend, logs):
    """Archives are then opened one after the other. Where even the current files are too many,
    nothing is shown as if it were all.
    """
    expected = []
    for name in ("a", "b", "c"):
        for i in range(1, 41):
            path = logs / f"{name}.log.{i:09}"
            path.write_text(f"2026-01-02 03:{i:02}:00 INFO {name}\n")
            pack(path)
            expected.append(f"2026-01-02 03:{i:02}:00 INFO {name}")

    def limited(*args):
        command = subprocess.list2cmdline(tend.argv("logs", *args))
        done = subprocess.run(
            ["bash", "-c", f"ulimit -n 48; {command}"],
            env=tend.env,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    for args in (["export"], ["export", "-n", "1000"], ["export", "--since", "2026-01-01"]):
        status, shown, told = limited(*args)
        assert (status, sorted(shown), told) == (0, sorted(expected), "")
    for i in range(60):
        (logs / f"more{i}.log").write_text("INFO\n")
    for args in (["-n", "0"], ["export"], []):
        status, shown, told = limited(*args)
        assert status == 1 and not shown and "Too many open files" in told


def test_since_and_until(tend, logs):
    tend.env["TZ"] = "UTC"
    (logs / "a.log").write_text(LEVELS)
    assert len(lines_of(tend, "a", "--since", "2026-01-02T03:04:03Z")) == 2
    assert (
        len(
            lines_of(
                tend, "a", "--since", "2026-01-02 03:04:02", "--until", "2026-01-02T04:04:03+01:00"
            )
        )
        == 2
    )
    assert lines_of(tend, "a", "--since", "10m") == []
    assert len(lines_of(tend, "a", "--until", "yesterday")) == 4


def test_merges_by_time(tend, logs):
    (logs / "a.log").write_text(
        "".join(f"2026-01-02 03:04:{i:02} INFO a{i}\n" for i in range(0, 60, 2))
    )
    (logs / "b.log").write_text(
        "".join(f"2026-01-02 03:04:{i:02} INFO b{i}\n" for i in range(1, 60, 2))
    )
    for n in ("0", "50"):
        shown = lines_of(tend, "-n", n)
        numbers = [int(x[-2:].lstrip("ab")) for x in shown]
        assert numbers == list(range(60))[-int(n) :]
        assert shown[-1] == "b | 2026-01-02 03:04:59 INFO b59"
    found = tend.run("logs-aggregator", "--filter", "b5", "--lines", "2").stdout
    assert found == "[03:04:57] INFO     b: b57\n[03:04:59] INFO     b: b59\n"


def test_patterns(tend, logs):
    for name in ("api-one", "api-two@err", "web"):
        (logs / f"{name}.log").write_text(f"INFO of {name}\n")
    assert sorted(lines_of(tend, "api-*")) == [
        "api-one | INFO of api-one",
        "api-two | INFO of api-two@err",
    ]
    assert lines_of(tend, "[v-x]eb", "web") == ["INFO of web"]
    done = tend.run("logs", "none*", check=False)
    assert done.returncode == 1 and done.stderr.startswith(
        "tend logs: no log's name matches none*; there are: api-one, "
    )


def test_size_for_people(tend, logs):
    (logs / "a.log").write_bytes(b"INFO x\n" * 100000)
    pack(logs / "a.log.000000001", b"INFO y\n" * 300000)
    (logs / "bb.log").write_text("INFO b\n")
    rows = [x.split() for x in lines_of(tend, "size")]
    assert rows[0] == ["NAME", "CURRENT", "ROTATED", "ARCHIVED", "PACKED", "ON", "DISK", "FILES"]
    assert rows[1][:4] == ["a", "683K", "0B", "2.0M"] and rows[1][-1] == "2"
    assert rows[2] == ["bb", "7B", "0B", "0B", "0B", "7B", "1"]
    assert rows[3][0] == "(all)" and rows[3][-1] == "3"


def test_both_files_of_a_process_count_as_one(tend):
    """Also where another name lies between "a" and "a@err"."""
    for name in ("a", "a-2", "a1"):
        start(
            tend,
            name,
            "sh",
            "-c",
            "echo INFO out; echo INFO err >&2; exec sleep 1000",
            options=["--separate-stderr"],
        )
        wait_until(lambda name=name: tend.log(name) and tend.log(name + "@err"))
    assert [json.loads(x)["files"] for x in lines_of(tend, "size", "--json")] == [
        2,
        2,
        2,
        1,
    ]  # and tend's own
    assert [x["name"] for x in map(json.loads, lines_of(tend, "size", "--json"))] == [
        "a",
        "a-2",
        "a1",
        "tend",
    ]
    shown = tend.run("logs", "--verify").stdout
    assert shown.count(": complete, 18 bytes") == 3


def test_an_empty_answer_is_explained_on_a_terminal(tend, logs):
    (logs / "a.log").write_text("DEBUG x\n")
    assert b"nothing to show of INFO and above; --level DEBUG shows all" in on_a_terminal(
        tend, "logs", "a"
    )
    assert b"nothing to show" in on_a_terminal(
        tend, "logs", "a", "--level", "DEBUG", "--filter", "y"
    )
    assert tend.run("logs", "a").stderr == ""


def test_the_aggregator(tend, logs):
    other = tend.work / "logs"
    other.mkdir()
    (other / "foreign.log").write_text("ERROR 03:04:05 [src] from elsewhere\n")
    (logs / "a.log").write_text(LEVELS)
    assert "ERROR    src: from elsewhere\n" in tend.run("logs-aggregator", cwd=tend.work).stdout
    assert "foreign" not in tend.run("logs-aggregator", "--format", "csv").stdout
    rows = tend.run("logs-aggregator", "--format", "csv", "--level", "ERROR").stdout.splitlines()
    assert (
        rows[0] == "timestamp,level,name,source,message"
        and rows[1].endswith(',ERROR,a,"a","line 3"')
        and len(rows) == 3
    )
    entries = [
        json.loads(x) for x in tend.run("logs-aggregator", "--format", "json").stdout.splitlines()
    ]
    assert [e["level"] for e in entries] == ["INFO", "WARNING", "ERROR", "CRITICAL"]
    stats = json.loads(tend.run("logs-aggregator", "--stats", "--format", "json").stdout)
    assert (stats["source"], stats["lines"], stats["levels"]["ERROR"], stats["size"]) == (
        "a",
        5,
        1,
        len(LEVELS),
    )
    assert stats["path"] == str(logs / "a.log")


@pytest.mark.parametrize(
    "args, status, said",
    [
        (["--regex", "("], 2, "--regex (: "),
        (["--regex", r"\p{L}"], 2, r"--regex \p{L}: \p is not known"),
        (["--level", "LOUD"], 2, "--level LOUD: not a level"),
        (["--lines", "-3"], 2, "--lines -3: not a number"),
        (["--since", "whenever"], 2, "--since whenever: not a time"),
        (["--since", "1h", "--until", "2h"], 2, "--since lies after --until"),
        (["nobody"], 1, "there is no log of nobody; there are: alpha"),
        (["--previous"], 2, "--previous needs the name of one process"),
        (["--follow", "--until", "1m"], 2, "--until and --follow contradict each other"),
        (["alpha@err"], 1, "what alpha wrote to standard error is shown with the rest of its log"),
        (["--output", "x"], 2, "belong to"),
    ],
)
def test_bad_input_is_one_line(tend, logs, args, status, said):
    (logs / "alpha.log").write_text("INFO x\n")
    if args == ["alpha@err"]:
        (logs / "alpha@err.log").write_text("INFO x\n")
    done = tend.run("logs", *args, check=False)
    assert done.returncode == status and said in done.stderr.splitlines()[0] and done.stdout == ""


def test_a_reader_that_leaves(tend, logs):
    (logs / "a.log").write_text("INFO some line\n" * 200000)
    command = subprocess.list2cmdline(tend.argv("logs", "a", "-n", "0"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"],
        env=tend.env,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "INFO some line\n", "")


class Reader:
    """What a following command prints, as it comes."""

    def __init__(self, tend, *args, command="logs"):
        self.child = tend.popen(command, *args, "--follow", text=False)
        self.seen = b""

    def until(self, text, timeout=20):
        deadline = time.monotonic() + timeout
        while text.encode() not in self.seen:
            ready, _, _ = select.select(
                [self.child.stdout], [], [], max(0, deadline - time.monotonic())
            )
            assert ready, f"{text!r} did not come; seen: {self.seen[-500:]!r}"
            piece = os.read(self.child.stdout.fileno(), 65536)
            assert piece, f"it ended: {self.child.stderr.read()!r}"
            self.seen += piece

    def end(self):
        self.child.send_signal(2)
        assert self.child.wait(10) == 0
        return self.seen.decode().splitlines()


def test_follow_over_rotations(tend, logs):
    current = logs / "a.log"
    pack(current, b"INFO packed by hand\n")
    current.write_text("INFO 0\n")
    reader = Reader(tend, "a")
    reader.until("INFO 0\n")
    expected = ["INFO packed by hand", "INFO 0"]
    for i in range(1, 200):
        with current.open("a") as f:
            f.write(f"INFO {i}\n")
        expected.append(f"INFO {i}")
        if i % 20 == 0:
            current.rename(logs / f"a.log.{i // 20:09}")
            if i % 40 == 0:
                pack(logs / f"a.log.{i // 20:09}")
    with current.open("a") as f:
        f.write("INFO half")
        f.flush()
        f.write(" and whole\n")
    reader.until("INFO half and whole\n")
    assert reader.end() == expected + ["INFO half and whole"]


def test_follow_finds_new_logs(tend, logs):
    (logs / "a.log").write_text("INFO a\n")
    reader = Reader(tend)
    reader.until("INFO a\n")
    (logs / "newcomer.log").write_text("INFO here\n")
    reader.until("newcomer | INFO here\n")
    reader.end()


def test_follow_finds_a_named_process_that_begins_to_complain(tend, logs):
    (logs / "a.log").write_text("INFO a\n")
    (logs / "b.log").write_text("INFO b\n")
    reader = Reader(tend, "a", "b")
    reader.until("INFO b\n")
    (logs / "a@err.log").write_text("ERROR 1\n")
    reader.until("a | ERROR 1\n")
    (logs / "c@err.log").write_text("ERROR of another\n")
    (logs / "b@err.log").write_text("ERROR 2\n")
    reader.until("b | ERROR 2\n")
    assert "another" not in "".join(reader.end())


def test_the_aggregator_follows(tend, logs):
    (logs / "a.log").write_text(
        "2026-01-02 03:04:05 - db - ERROR - one\n2026-01-02 03:04:06 - db - ERROR - two\n"
    )
    reader = Reader(tend, "--filter", "o", "--level", "ERROR", command="logs-aggregator")
    reader.until("[03:04:06] ERROR    db: two\n")
    with (logs / "new.log").open("a") as f:
        f.write(
            "2026-01-02 03:04:07 - api - ERROR - four\n2026-01-02 03:04:07 - api - INFO - hello\n2026-01-02 03:04:08 - api - ERROR - so\n"
        )
    reader.until("so\n")
    assert reader.end() == [
        f"[03:04:0{i}] ERROR    {text}"
        for i, text in ((5, "db: one"), (6, "db: two"), (7, "api: four"), (8, "api: so"))
    ]


def test_follow_ends_at_the_first_signal(tend, logs):
    """Wherever it comes: a signal between the question and the sleep was lost once."""
    (logs / "a.log").write_text("INFO 0\n")
    for i in range(40):
        reader = Reader(tend, "a")
        reader.until("INFO 0\n")
        if i % 2:
            with (logs / "a.log").open("a") as f:
                f.write("DEBUG not shown\n")
        reader.child.send_signal((2, 15, 1)[i % 3])
        assert reader.child.wait(10) == 0


def test_follow_ends_when_its_reader_does(tend, logs):
    """Though no line comes that it could fail to write."""
    (logs / "a.log").write_text("INFO 0\n")
    reader = Reader(tend, "a")
    reader.until("INFO 0\n")
    reader.child.stdout.close()
    assert reader.child.wait(10) == 0
    assert reader.child.stderr.read() == b""


def test_follow_goes_on_with_the_entry_at_the_end(tend, logs):
    """What continues it has its level; and a file without a last line end is shown to its end,
    unless it may still grow.
    """
    (logs / "a.log.000000001").write_text("INFO 1\nERROR 2")
    (logs / "a.log").write_text("ERROR 3\n  detail 1\n")
    reader = Reader(tend, "a", "--level", "ERROR")
    reader.until("  detail 1\n")
    with (logs / "a.log").open("a") as f:
        f.write("  detail 2\nINFO 4\n  detail 3\nERROR 5\n")
    reader.until("ERROR 5\n")
    assert reader.end() == ["ERROR 2", "ERROR 3", "  detail 1", "  detail 2", "ERROR 5"]


def test_follow_of_a_line_that_grows(tend, logs):
    """A line is shown once it has its end, and is not read again from its beginning for each piece
    of it.
    """
    (logs / "a.log").write_text("INFO 0\n")
    reader = Reader(tend, "a")
    reader.until("INFO 0\n")
    piece = b"x" * (1 << 20)
    with (logs / "a.log").open("ab", buffering=0) as f:
        f.write(b"INFO ")
        for _ in range(30):
            f.write(piece)
        f.write(b"\nINFO end\n")
    reader.until("INFO end\n", timeout=60)
    shown = reader.end()
    assert [len(x) for x in shown] == [6, 5 + 30 * len(piece), 8]


def test_an_export_of_several_keeps_their_lines_apart(tend, logs):
    (logs / "a.log").write_text("2026-01-02 03:04:01 INFO a")
    (logs / "b.log").write_text("2026-01-02 03:04:02 INFO b\n2026-01-02 03:04:03 INFO c")
    assert tend.run("logs", "export", "a").stdout == "2026-01-02 03:04:01 INFO a"
    assert (
        tend.run("logs", "export").stdout
        == "2026-01-02 03:04:01 INFO a\n2026-01-02 03:04:02 INFO b\n2026-01-02 03:04:03 INFO c"
    )


def test_standard_error_of_its_own_is_merged(tend, logs):
    (logs / "a.log").write_text(
        "".join(f"2026-01-02 03:04:{i:02} INFO out {i}\n" for i in range(0, 10, 2))
    )
    (logs / "a@err.log").write_text(
        "".join(f"2026-01-02 03:04:{i:02} ERROR err {i}\n" for i in range(1, 10, 2))
    )
    (logs / "b.log").write_text("2026-01-02 03:04:30 INFO b\n")
    shown = lines_of(tend, "a")
    assert [x.split()[-1] for x in shown] == [str(i) for i in range(10)] and shown[
        1
    ] == "2026-01-02 03:04:01 ERROR err 1"
    assert "a | 2026-01-02 03:04:01 ERROR err 1" in lines_of(tend)
    streams = [json.loads(x)["stream"] for x in lines_of(tend, "a", "--json")]
    assert streams == ["out", "err"] * 5
    reader = Reader(tend, "a")
    reader.until("err 9\n")
    with (logs / "a@err.log").open("a") as f:
        f.write("ERROR more of it\n")
    reader.until("ERROR more of it\n")
    reader.end()


def on_a_terminal(tend, *args, **env):
    """What a command writes to a terminal, as bytes."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        tend.argv(*args),
        env={**tend.env, "TERM": "xterm", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # EIO: the other end is closed
        pass
    os.close(ours)
    assert child.wait(20) == 0
    return seen


def test_colour_on_a_terminal_only(tend, logs):
    (logs / "a.log").write_text(LEVELS + "ERROR \033[2Jtrick\033]0;title\007\n")
    shown = on_a_terminal(tend, "logs", "a", "--level", "DEBUG")
    assert b"\033[31m" in shown and b"\033[33m" in shown and b"\033[2m" in shown
    assert (
        b"\033[2J" not in shown
        and b"\033]0" not in shown
        and b"\\x1b[2Jtrick\\x1b]0;title\\x07" in shown
    )
    assert b"\033" not in on_a_terminal(tend, "logs", "a", NO_COLOR="1")
    assert b"\033" not in on_a_terminal(tend, "logs", "a", TERM="dumb")
    assert "\033" not in tend.run("logs", "a").stdout


def test_100_megabytes_without_a_newline(tend, logs):
    """Shown whole, raw and archived; the memory that takes is some times the line, and other logs
    are not held up by it.
    """
    piece = b"x" * (1 << 20)
    with (logs / "a.log").open("wb") as f:
        f.write(b"INFO before\nINFO ")
        for _ in range(100):
            f.write(piece)
        f.write(b"\nINFO after\n")
    for step in ("raw", "archived"):
        command = f"{subprocess.list2cmdline(tend.argv('logs', 'a', '-n', '3'))} | wc -lc"
        done = subprocess.run(
            ["bash", "-c", f"{LIMIT}{command}"],
            env=tend.env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert (
            done.stdout.split() == ["3", str(12 + 6 + (100 << 20) + 11)] and done.stderr == ""
        ), step
        assert lines_of(tend, "a", "-n", "1") == ["INFO after"]
        assert lines_of(tend, "a", "--filter", "xINFO") == []
        if step == "raw":
            (logs / "a.log").rename(logs / "a.log.000000001")
            pack(logs / "a.log.000000001")


def test_a_line_longer_than_reading_takes_comes_in_parts(tend, logs):
    with (logs / "a.log").open("wb") as f:
        f.write(b"INFO ")
        f.truncate(300 << 20)
        f.seek(300 << 20)
        f.write(b"\nINFO after\n")
    command = subprocess.list2cmdline(tend.argv("logs", "export", "a"))
    done = subprocess.run(
        ["bash", "-c", f"{LIMIT}{command} | tr -d '\\0' | wc -lc"],
        env=tend.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["2", "17"] and done.stderr == ""
    assert lines_of(tend, "a", "-n", "1") == ["INFO after"]


def test_what_lies_in_front_of_a_long_line_stays_whole(tend, logs):
    with (logs / "a.log").open("wb") as f:
        f.write(
            b"".join(b"INFO before %06d %0100d\n" % (i, i) for i in range(350000))
        )  # of which a part is read with the long line
        f.write(b"INFO ")
        f.seek(100 << 20, os.SEEK_CUR)
        f.write(b"\nINFO after\n")
    command = subprocess.list2cmdline(tend.argv("logs", "a", "-n", "350002"))
    done = subprocess.run(
        ["bash", "-c", f"{command} | cut -c-19 | grep before | uniq | wc -l"],
        env=tend.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("350000\n", "")


def time_index(log, entries):
    """entries: (offset, seconds since 1970). logread/format.h has the form."""
    head = struct.pack("<8s3Q", b"TNDTIDX1", log.stat().st_ino, 0, 0)
    return head + b"".join(
        struct.pack("<QQII", offset, second * 10**9, 1, 0) for offset, second in entries
    )


def test_a_line_that_comes_in_pieces_counts_by_its_beginning(tend, logs):
    log = logs / "a.log"
    lines = ["INFO 1", "INFO " + "x" * 300000, "INFO 3"]
    log.write_text("".join(f"{x}\n" for x in lines))
    (logs / "a.log.idx").write_bytes(
        time_index(log, [(0, 1000), (100, 2000), (200000, 3000), (log.stat().st_size - 7, 4000)])
    )
    for until, shown in ((1000, lines[:2]), (2000, lines[:2]), (3999, lines[:2]), (4000, lines)):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
        assert (
            lines_of(tend, "a", "--until", when)
            == lines_of(tend, "a", "--until", when, "-n", "9")
            == shown
        )
    assert lines_of(tend, "a", "--since", "1970-01-01T00:33:20Z") == lines[2:]


def test_a_search_in_lines_without_levels_is_no_slower(tend, logs):
    """What a line continues is looked for in what was not looked at before, not from the beginning
    for each.
    """
    (logs / "a.log").write_text("".join(f"plain {i}\n" for i in range(300000)))
    began = time.monotonic()
    assert len(lines_of(tend, "a", "--filter", "plain", "-n", "0", timeout=60)) == 300000
    assert len(
        lines_of(tend, "a", "--filter", "7", "-n", "200000", "--level", "INFO", timeout=60)
    ) == sum("7" in str(i) for i in range(300000))
    assert time.monotonic() - began < 30  # it took some minutes


def test_damage_of_a_time_index_is_named(tend, logs):
    """One that is none, one cut short, one with a damaged entry: times are gone, no line is. One of
    another file is what a rotation leaves for a moment.
    """
    log = logs / "a.log"
    log.write_text("INFO 1\nINFO 2\nINFO 3\n")
    good = time_index(log, [(0, 1000), (7, 2000), (14, 3000)])
    other = good[:8] + struct.pack("<Q", 1) + good[16:]
    for index, told, arrived in (
        (good, "", [1000, 2000, 3000]),
        (good[:-5], "", [1000, 2000, 2000]),
        (other, "", [None] * 3),
        (b"", "", [None] * 3),
        (good[:10], "a.log.idx: the time index is cut short in its head\n", [None] * 3),
        (b"\xff" * 500, "a.log.idx: this is not a time index (magic at offset 0)\n", [None] * 3),
        (
            good[:56] + b"\xff" * 24 + good[80:],
            "",
            [1000, 1000, 1000],
        ),  # beyond the end: as if the log were read a moment too early
        (
            good[:64] + bytes(8) + good[72:],
            "a.log.idx: damaged at offset 56: when later lines arrived is not known\n",
            [1000, None, None],
        ),
    ):
        (logs / "a.log.idx").write_bytes(index)
        done = tend.run("logs", "a")
        assert (done.stdout, done.stderr.removeprefix("tend logs: ")) == (log.read_text(), told)
        times = [json.loads(x)["arrived"] for x in lines_of(tend, "a", "--json")]
        assert times == [
            x and time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(x)) for x in arrived
        ]


def archive_of_60000_lines(tend):
    """Of the process p; returns its path."""
    start(tend, "p", "seq", "-f", "INFO line %06g", "1", "60000")
    wait_until(
        lambda: (tend.home / "logs/p.log").exists()
        and (tend.home / "logs/p.log").read_bytes().endswith(b"INFO line 060000\n")
    )
    tend.run("logs", "rotate", "p")
    path = tend.home / "logs/p.log.000000001.lz4"
    wait_until(path.exists)
    return path


def test_damage_of_an_archive_index_is_named(tend):
    """An archive whose index is damaged is read as any LZ4 file; a damaged block is left out; each
    is said with file and offset.
    """
    path = archive_of_60000_lines(tend)
    expected = [f"INFO line {i:06}" for i in range(1, 60001)]
    whole = path.read_bytes()
    assert lines_of(tend, "p", "-n", "0") == expected
    path.write_bytes(whole[:-5] + b"\x00" + whole[-4:])
    assert (
        lines_of(tend, "p", "-n", "0") == expected
    )  # no magic at the end: a foreign file, which is no damage
    path.write_bytes(whole[:-20] + b"\x00" + whole[-19:])
    done = tend.run("logs", "p", "-n", "0")
    assert (
        done.stdout.splitlines() == expected
        and "p.log.000000001.lz4: damaged at offset " in done.stderr
        and "checksum of the index" in done.stderr
    )
    path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    done = tend.run("logs", "p", "-n", "0")
    shown = done.stdout.splitlines()
    assert 40000 < len(shown) < 60000 and shown == expected[-len(shown) :]
    assert "p.log.000000001.lz4: damaged at offset 0: the checksum of the block" in done.stderr
    done = tend.run("logs", "p", "--verify", check=False)
    assert done.returncode == 1 and "can't be read: their archive is damaged" in done.stdout


def test_verify_does_not_take_a_damaged_archive_for_whole(tend):
    """Neither one that is cut short and whose process is not known, nor one with both its index and
    a block damaged.
    """
    path = archive_of_60000_lines(tend)
    whole = path.read_bytes()
    other = tend.home / "logs/other.log.000000001.lz4"

    def verdict(name):
        done = tend.run("logs", "--verify", "--json", name, check=False)
        v = json.loads(done.stdout)
        assert done.returncode == (v["complete"] is False)
        return v["complete"], v["damaged_bytes"]

    assert verdict("p") == (True, 0)
    path.write_bytes(
        whole[:-20] + b"\x00" + whole[-19:]
    )  # the index alone: each line can still be read
    assert verdict("p") == (True, 0)
    path.write_bytes(whole[:1000] + bytes(8) + whole[1008:-20] + b"\x00" + whole[-19:])
    complete, lost = verdict("p")
    assert not complete and lost > 100000
    other.write_bytes(whole)
    assert verdict("other") == (None, 0)
    other.write_bytes(whole[:-100])
    assert verdict("other")[0] is False
    assert "partly damaged" in tend.run("logs", "--verify", "other", check=False).stdout


def test_foreign_files_in_the_folder(tend, logs):
    (logs / "a.log").write_text("INFO a\n")
    (logs / "notes.txt").write_text("INFO not a log\n")
    (logs / "folder.log").mkdir()
    os.mkfifo(logs / "pipe.log")
    (logs / "link.log").symlink_to("/etc/hostname")
    (logs / "a.log.12.lz4").write_bytes(b"not a number of ours")
    (logs / "a.log.000000000").write_text("INFO nor is this\n")
    (logs / "empty.log").touch()
    pack(logs / "foreign.log", b"INFO from lz4\n")
    done = tend.run("logs")
    assert sorted(done.stdout.splitlines()) == ["a       | INFO a", "foreign | INFO from lz4"]
    told = done.stderr.splitlines()
    assert len(told) == 3 and all(
        any(f"{name}.log: can't be read" in line for line in told)
        for name in ("folder", "pipe", "link")
    )


def test_a_real_process_previous_size_and_verify(tend):
    program = script(tend, "p", '#!/bin/bash\necho "INFO run of $$"\nexec sleep 1000\n')
    first = start(tend, "p", program)
    tend.wait_log("p", r"run of \d+")
    tend.run("restart", "p")
    second = tend.pid("p")
    assert first != second
    wait_until(lambda: f"INFO run of {second}" in lines_of(tend, "p"))
    assert lines_of(tend, "p", "--previous") == [f"INFO run of {first}"]
    size = json.loads(tend.run("logs", "size", "p", "--json").stdout)
    assert size["current_bytes"] == (tend.home / "logs/p.log").stat().st_size
    assert tend.run("logs", "p", "--verify").stdout.startswith("p: complete, ")
    with (tend.home / "logs/p.log").open("r+b") as f:
        f.truncate(3)
    done = tend.run("logs", "p", "--verify", check=False)
    assert done.returncode == 1 and ("MISSING" in done.stdout or "taken away" in done.stdout)


# Runs count themselves in a file; the last one stays, the others end at once. Each line says which
# run wrote it.
SHORT_RUNS = """#!/bin/bash
n=$(cat {count} 2>/dev/null || echo 0)
echo $((n + 1)) >{count}
echo "INFO run $n first" "$0"
echo "INFO run $n again" >&2
[ $n -lt {runs} ] && exit 3
exec sleep 1000
"""
EAGER = (
    "--restart",
    "always",
    "--restart-delay",
    "1ms",
    "--restart-max-delay",
    "1ms",
    "--restart-limit",
    "0",
)


@pytest.mark.parametrize("runs", [1, 2, 3, 7])
@pytest.mark.parametrize("apart", [False, True], ids=["", "separate"])
@pytest.mark.parametrize("when", ["before", "while"])
def test_runs_that_pass_before_the_logger_looks(tend, runs, apart, when):
    """The bytes of each are told from those of the others: --previous shows the whole run before
    this one, and nothing else.
    """
    count = tend.work / "count"
    program = script(tend, "p", SHORT_RUNS.format(count=count, runs=runs))
    start(tend, "other", "sleep", "1000")
    logger = tend.wait_daemon("logger")
    options = (*EAGER, *(["--separate-stderr"] if apart else []))
    if when == "while":  # it knows the process, and has moved bytes of a run
        start(tend, "p", program, options=options)
        wait_until(lambda: f"run {runs} again" in tend.log("p") + tend.log("p@err"))
        tend.run("stop", "p")
        count.write_text("0\n")
        tend.run("logs", "rotate", "p")
    os.kill(logger, signal.SIGSTOP)
    if when == "while":
        tend.run("start", "p", "--background")
    else:
        start(tend, "p", program, options=options)
    wait_until(
        lambda: count.exists() and count.read_text().strip() == f"{runs + 1}", what="the last run"
    )
    os.kill(logger, signal.SIGCONT)
    wait_until(lambda: f"run {runs} again" in tend.log("p") + tend.log("p@err"))

    def previous():
        return sorted(x.split(" | ")[-1].split(" /")[0] for x in lines_of(tend, "p", "--previous"))

    expected = [f"INFO run {runs - 1} again", f"INFO run {runs - 1} first"]
    # Between the move of bytes and the note of whose they are some of them may be missing; none is
    # ever of another run.
    wait_until(lambda: previous() == expected, what=f"--previous is {expected}")


def test_runs_of_an_earlier_instance_are_not_the_previous_one(tend):
    """Runs are counted from 1 again; a run with the same number that lies further back is
    another.
    """
    program = script(tend, "p", '#!/bin/bash\necho "INFO run of $$"\nexec sleep 1000\n')

    def next_run():
        pid = tend.pid("p")
        wait_until(lambda: f"INFO run of {pid}" in lines_of(tend, "p"))
        return pid

    start(tend, "p", program)
    next_run()
    tend.run("restart", "p")
    next_run()
    tend.run("stop")
    tend.run("start")
    first = next_run()
    one_line = tend.run("logs", "p", "--previous", check=False)
    assert one_line.returncode == 1 and "has not been restarted" in one_line.stderr
    tend.run("restart", "p")
    next_run()
    assert lines_of(tend, "p", "--previous") == [f"INFO run of {first}"]


def test_follow_after_a_removal_and_a_rotation(tend):
    """What was archived first is not the file that was read, which is gone: it is shown."""
    gate = tend.work / "gate"
    os.mkfifo(gate)
    start(tend, "p", "bash", "-c", f"exec 3<>{gate}; while read line <&3; do echo INFO $line; done")

    def say(line):
        gate.write_text(f"{line}\n")
        wait_until(lambda: f"INFO {line}\n" in tend.log("p"))

    say("1")
    reader = Reader(tend, "p")
    reader.until("INFO 1\n")
    reader.child.send_signal(signal.SIGSTOP)
    (tend.home / "logs/p.log").unlink()
    say("2 and more")
    tend.run("logs", "rotate", "p")
    wait_until(
        lambda: (tend.home / "logs/p.log.000000001.lz4").exists()
        and not (tend.home / "logs/p.log.000000001").exists()
    )
    say("3")
    reader.child.send_signal(signal.SIGCONT)
    reader.until("INFO 3\n")
    assert reader.end() == ["INFO 1", "INFO 2 and more", "INFO 3"]


def test_follow_of_a_real_process_over_rotate(tend):
    program = script(
        tend,
        "p",
        "#!/bin/bash\nfor i in $(seq 400); do echo INFO $i; [ $((i % 40)) = 0 ] && sleep 0.05; done; echo INFO the end; exec sleep 1000\n",
    )
    start(tend, "p", "sleep", "0")
    tend.wait("p", "stopped")
    tend.run("remove", "p")
    reader = Reader(tend, "-n", "0")
    start(tend, "p", program)
    for _ in range(3):
        tend.run("logs", "rotate", "p")
    reader.until("INFO the end\n")
    shown = [x.split(" | ")[1] for x in reader.end() if x.startswith("p ")]
    assert shown == [f"INFO {i}" for i in range(1, 401)] + ["INFO the end"]
