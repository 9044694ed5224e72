"""Bad input at the command line: each option's value missing, empty, negative, too large, no
number, not UTF-8; very many arguments; outputs that don't take it; narrow terminals.
"""

import os
import re
import select
import signal
import subprocess
import unicodedata

import pytest

from common import on_terminal, start
from harness import TEND_BIN, helper

# Every option that takes a value, with operands that make the command whole, and what its value is.
NUMBERS = {  # and durations, sizes
    "start": [
        "--stop-timeout",
        "--restart-delay",
        "--restart-max-delay",
        "--restart-limit",
        "--stable",
        "--log-size",
        "--log-age",
        "--log-keep",
        "--log-keep-age",
        "--log-keep-bytes",
        "--registry-port",
        "--health-check-interval",
        "--startup-timeout",
    ],
    "stop": ["--timeout"],
    "restart": ["--timeout"],
    "restart-agent": ["--timeout"],
    "wait": ["--timeout"],
    "monitor": ["--interval"],
    "logs": ["--lines"],
    "logs-aggregator": ["--lines"],
}
WORDS = {
    "start": [
        "--restart",
        "--stop-signal",
        "--log-level",
        "--env",
        "--health",
        "--group",
        "--name",
        "--cwd",
    ],
    "logs": ["--level", "--since", "--until", "--format", "--agent"],
    "logs-aggregator": ["--level", "--format"],
    "wait": ["--for"],
    "config": ["--format"],
    "stop": ["--agent"],
}
TEXTS = {  # where any text is a value; those that can't be shown or compiled are said
    "start": ["--registry-host", "--db-path"],
    "list": ["--filter"],
    "monitor": ["--filter"],
    "logs": ["--filter", "--regex", "--output"],
    "logs-aggregator": ["--filter"],
}
REST = {
    "start": ["--name", "n", "--background", "--", "true"],
    "restart": ["n"],
    "restart-agent": ["n"],
    "wait": ["n", "--for", "running"],
    "stop": ["n"],
    "config": ["show"],
}
CONFIGURATION = ("--registry-port", "--health-check-interval", "--startup-timeout")
BAD_NUMBERS = [
    "",
    "-1",
    "99999999999999999999999",
    "many",
    "1x",
    "0x10",
    " ",
    b"\xff\xfe",
    "\x1b[31m",
    "1" * 5000,
]
BAD_WORDS = [
    "",
    "-1",
    "99999999999999999999999",
    "no such word",
    b"\xff\xfe",
    "\x1b[31m",
    "x" * 5000,
]


def cases(table):
    return [(command, option) for command, options in table.items() for option in options]


def attempt(tend, *args):
    """Run it; whatever happens, it ends by itself, says what is wrong in one line, and sends
    nothing to the terminal that drives it.
    """
    argv = [os.fsencode(part) for part in tend.argv()] + [
        part if isinstance(part, bytes) else os.fsencode(part) for part in args
    ]
    done = subprocess.run(
        argv, env=tend.env, cwd=tend.work, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert done.returncode in (0, 1, 2, 3), (args, done)
    err = done.stderr.decode()  # valid UTF-8 in any case
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", err), (args, err)
    if done.returncode == 2:
        lines = err.splitlines()
        assert lines[0].startswith(f"tend {args[0]}: ") and all(
            line.startswith(("usage: ", "       ")) for line in lines[1:]
        ), err
        assert done.stdout == b"", args
    return done.returncode, err


def test_the_tables_are_complete(tend):
    """Each option that takes a value is in one of them."""
    for line in tend.run("complete", 1, "tend", "").stdout.splitlines():
        command = line.split("\t")[0]
        known = {option for table in (NUMBERS, WORDS, TEXTS) for option in table.get(command, [])}
        for option in (
            line.split("\t")[0]
            for line in tend.run("complete", 2, "tend", command, "--").stdout.splitlines()
        ):
            done = tend.run(command, f"{option}=x", check=False)
            takes_none = "takes no value" in done.stderr
            assert takes_none == (option not in known), f"{command} {option}"


@pytest.mark.parametrize("command, option", cases(NUMBERS) + cases(WORDS) + cases(TEXTS))
def test_value_missing(tend, command, option):
    status, err = attempt(tend, command, option)
    assert status == 2 and f"option {option} needs a value" in err
    assert not tend.home.exists()


@pytest.mark.parametrize("command, option", cases(NUMBERS))
def test_bad_numbers(tend, command, option):
    for bad in BAD_NUMBERS:
        status, err = attempt(tend, command, option, bad, *REST.get(command, []))
        beyond = (
            bad in ("-1", "99999999999999999999999") or len(bad) == 5000
        )  # a number, but out of range, as in the configuration
        assert status == (1 if beyond and option in CONFIGURATION else 2) and option.lstrip(
            "-"
        ).replace("-", "_") in err.splitlines()[0].replace("-", "_"), (bad, err)
    assert not tend.home.exists(), "misuse touches nothing"


@pytest.mark.parametrize("command, option", cases(WORDS))
def test_bad_words(tend, command, option):
    for bad in BAD_WORDS:
        if option in ("--name", "--group") and bad == "9" * 23:
            continue  # a name like any other
        status, err = attempt(tend, command, option, bad, *REST.get(command, []))
        assert status in (1, 2) and err, (bad, err)
    assert not tend.home.exists(), "a bad value touches nothing"


@pytest.mark.parametrize("command, option", cases(TEXTS))
def test_odd_texts(tend, command, option):
    rest = ["--registry-only", "--background"] if command == "start" else []
    for odd in ("", "-1", b"\xff\xfe", "\x1b[31m", "x" * 5000, "[", "*(", "\\", "[\\"):
        if command == "start" and odd != b"\xff\xfe" and odd != "":
            continue  # a host or path like any other
        attempt(tend, command, option, odd, *rest)


def test_ten_thousand_arguments(tend):
    start(tend, "a", helper("sleeper"))
    names = ["a"] * 10000
    assert len(tend.run("status", "--json", *names).stdout) < 10000
    assert set(tend.json("list", *names)) == {"a"}
    done = tend.run("status", *(f"n{i}" for i in range(10000)), check=False, timeout=60)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 10000
    done = tend.run(
        "start", "--background", *(f"./n{i}.py" for i in range(10000)), check=False, timeout=60
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) >= 10000
    assert tend.run("logs", *names, "--lines", "1").returncode == 0
    assert tend.run("stop", *names).stdout == "a: stopped\n"
    for command in ("version", "snapshot", "stats", "config"):
        assert attempt(tend, command, *names)[0] == 2


SHOWING = (
    ["status"],
    ["status", "--json"],
    ["status", "a"],
    ["list"],
    ["list", "--json"],
    ["monitor"],
    ["monitor", "--json"],
    ["stats"],
    ["stats", "--json"],
    ["metrics"],
    ["events"],
    ["events", "--json"],
    ["why", "a"],
    ["why", "a", "--json"],
    ["logs"],
    ["logs", "--json"],
    ["logs", "size"],
    ["logs-aggregator"],
    ["logs-aggregator", "--stats"],
    ["snapshot"],
    ["snapshot", "--json"],
    ["config", "show"],
    ["config", "show", "--json"],
    ["config", "path"],
    ["doctor"],
    ["doctor", "--json"],
    ["doctor", "--segment"],
    ["version"],
    ["--version"],
    ["help"],
    ["--help"],
    ["help", "start"],
    ["start", "--help"],
)


@pytest.fixture
def talking(tend):
    start(tend, "a", "sh", "-c", "echo ERROR something; exec sleep 1000")
    tend.wait_log("a", "something")
    return tend


def test_a_reader_that_leaves(talking):
    """tend status | head -1: nobody wants to hear of it."""
    for args in SHOWING:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            talking.argv(*args),
            env=talking.env,
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        os.close(write)
        assert (done.returncode, done.stderr) == (0, ""), args


def test_a_full_disk(talking):
    for args in SHOWING:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                talking.argv(*args),
                env=talking.env,
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
            )
        assert done.returncode == 1, args
        assert re.fullmatch(r"tend[^\n]*: [^\n]*No space left on device\n", done.stderr), (
            args,
            done.stderr,
        )


def test_what_only_acts_acts_on_a_full_disk_too(talking):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            talking.argv("stop", "a"),
            env=talking.env,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1 and "No space left" in done.stderr
    assert talking.status("a")["state"] == "stopped"


def test_a_terminal_is_spared(tend):
    """It gets neither control sequences of others, also from export, nor 100 MB of one line. A file
    or a pipe gets every byte.
    """
    folder = tend.home / "logs"
    folder.mkdir(parents=True, mode=0o700)
    tend.home.chmod(0o700)
    line = b"INFO \x1b]0;title\x07" + b"\xc3\xa4" * 500000 + b"\n"
    (folder / "a.log").write_bytes(line + b"INFO end\n")
    for command in (["logs", "a"], ["logs", "export", "a"], ["logs-aggregator"]):
        text = on_terminal(tend, 80, *command)
        assert "\x1b" not in text and "\\x1b]0;title\\x07" in text
        first, last = text.splitlines()
        cut = re.search(r"ä \.\.\. \((\d+) bytes more\)$", first)
        assert cut and 900000 < int(cut[1]) < 1000000 and last.endswith("end"), (first[-80:], last)
    done = subprocess.run(
        tend.argv("logs", "export", "a"),
        env=tend.env,
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
    )
    assert done.stdout == line + b"INFO end\n"
    assert len(tend.run("logs", "a").stdout) > 500000


def columns_of(text):
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


@pytest.mark.parametrize("columns", [20, 31, 40, 60, 80, 100, 200])
def test_tables_fit_the_terminal(tend, columns):
    wide = "日本語のとても長い引数" * 5
    start(
        tend,
        "an-agent-with-a-rather-long-name-that-goes-on",
        "sh",
        "-c",
        f"exec sleep 1000 # {wide}",
    )
    start(tend, "b", "sh", "-c", "exec sleep 1000 # e\u0301e\u0301e\u0301 \U0001f680\U0001f680")
    tend.run("group", "some-group", "b")
    for command in (["status"], ["status", "--verbose"], ["list", "--services"], ["monitor"]):
        lines = [
            line
            for line in on_terminal(tend, columns, *command).splitlines()
            if not line.startswith("---")
        ]
        begin = next(i for i, line in enumerate(lines) if line.startswith("NAME "))
        table = lines[begin : begin + 3]
        assert len(table) == 3
        for line in table:
            assert columns_of(line) <= columns, line
        assert "STAT" in table[0], "name and state are always there"
        assert table[1].startswith("an-agen") and table[2].startswith("b ")
        if columns < 50:
            assert "…" in table[1].split()[0], "the name was cut"
        at = table[0].index("STAT")
        assert table[2][at - 1] == " " and table[2][at] == "r", table


def test_an_interrupt_ends_a_follower(talking):
    for args in (["logs", "--follow"], ["events", "--follow"], ["monitor", "--continuous"]):
        child = talking.popen(*args)
        ready, _, _ = select.select([child.stdout], [], [], 30)
        assert ready and os.read(child.stdout.fileno(), 100)
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0, args
        assert child.stderr.read() == ""


@pytest.mark.parametrize("role", ["guardian", "spawner", "monitor", "logger"])
@pytest.mark.parametrize("words", [["--nonsense"], ["x"], ["--ready-fd", "x"]])
def test_a_daemon_tells_its_usage(tend, role, words):
    done = subprocess.run(
        [TEND_BIN / f"tend-{role}", *words],
        env=tend.env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=20,
    )
    assert (
        (done.returncode, done.stdout) == (2, "")
        and f"tend-{role}" in done.stderr
        and ("usage: " in done.stderr or words[0] in done.stderr)
    )
    assert not tend.home.exists()


@pytest.mark.parametrize("role", ["guardian", "spawner"])
def test_a_daemon_helps(tend, role):
    done = subprocess.run(
        [TEND_BIN / f"tend-{role}", "--help"],
        env=tend.env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, "") and f"usage: tend-{role} " in done.stdout


@pytest.mark.parametrize(
    "value, reason",
    [
        ("http:http://", "expected a host in the address"),
        ("http:http:///live", "expected a host in the address"),
        ("https://", "expected a host in the address"),
        ("http:", "expected an address that begins with http:// or https://"),
        ("tcp:", "expected HOST:PORT, with a port from 1 to 65535"),
    ],
)
def test_a_probe_of_nobody(tend, value, reason):
    done = tend.run(
        "start", "--name", "n", "--background", "--health", value, "--", "true", check=False
    )
    probe = value.split(":")[0].replace("https", "http")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(
        f"tend start: --health {value}: health.probes.liveness.{probe}: {reason}\n"
    )
    assert not tend.home.exists()
