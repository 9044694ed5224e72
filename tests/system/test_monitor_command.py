"""tend monitor, stats and metrics: what they print, and how monitor behaves on a terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from common import start
from harness import TOP, helper, wait_until

HEADER = "NAME                 PID      STATUS     HEALTH       UPTIME     RESTARTS"


class Terminal:
    """tend under a pseudo-terminal; screen() is what it wrote since the last picture began."""

    def __init__(self, tend, *args, columns=100, lines=30):
        self.child, self.fd = pty.fork()
        if self.child == 0:
            os.execve(tend.argv()[0], tend.argv(*args), {**tend.env, "TERM": "xterm"})
        self.resize(columns, lines)
        self.text = ""

    def resize(self, columns, lines):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, timeout):
        ready, _, _ = select.select([self.fd], [], [], timeout)
        try:
            piece = os.read(self.fd, 65536).decode(errors="replace") if ready else ""
        except OSError:
            return None
        self.text += piece
        return piece

    def wait_for(self, pattern, timeout=20):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.text, re.S):
                return match
            if self.read(0.2) is None:
                break
        raise AssertionError(f"no {pattern!r} in {self.text!r}")

    def local_flags(self):
        return termios.tcgetattr(self.fd)[3]

    def end(self):
        while self.read(20):
            pass
        _, status = os.waitpid(self.child, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def ran(tend):
    start(tend, "web", helper("sleeper"))
    start(tend, "api", helper("sleeper"))
    start(tend, "down", helper("sleeper"))
    tend.run("stop", "down")
    return tend


def test_nothing(tend):
    assert tend.run("monitor").stdout == "No managed processes found.\n"
    assert tend.json("monitor") == {}
    assert tend.json("stats")["total_processes"] == 0
    assert "tend_supervised 0" in tend.run("metrics").stdout


def test_table(ran):
    lines = ran.run("monitor").stdout.splitlines()
    assert lines[0] == HEADER and lines[1] == "-" * 80
    assert [line.split()[0] for line in lines[2:]] == ["api", "down", "web"]
    pid = ran.pid("web")
    assert re.fullmatch(rf"web {{18}}{pid:<8} running    (healthy|unknown) +\d+s +0", lines[4])
    assert re.match(r"down {17}- {8}(stopped|killed)", lines[3])
    assert len(ran.run("monitor", "--filter", "e").stdout.splitlines()) == 3
    assert "Total: 3, running: 2" in ran.run("monitor", "--verbose").stdout


def test_json(ran):
    found = ran.json("monitor")
    assert list(found) == ["api", "down", "web"]
    assert set(found["web"]) == {
        "pid",
        "name",
        "command",
        "start_time",
        "status",
        "health_check",
        "last_seen",
        "restarts",
    }
    assert (
        found["web"]["pid"] == ran.pid("web")
        and found["web"]["status"] == "running"
        and found["down"]["pid"] == 0
    )
    more = ran.json("monitor", "--verbose", "--filter", "web")
    assert (
        set(more) == {"web"}
        and more["web"]["service_type"] == "service"
        and more["web"]["uptime"] > 0
    )


@pytest.mark.parametrize("interval", ["0", "-1", "x", "", "0s", "0.0001", "49ms"])
def test_intervals(tend, interval):
    assert tend.run("monitor", "--continuous", "--interval", interval, check=False).returncode == 2


def test_on_a_terminal(ran):
    screen = Terminal(ran, "monitor", "--continuous", "--interval", "300")
    screen.wait_for("Refreshing every 5m0?s?.*Ctrl")
    assert screen.text.count("\x1b[2J") == 0 and "\x1b[?1049h" in screen.text
    wait_until(lambda: not screen.local_flags() & termios.ICANON, what="keys are taken")
    screen.text = ""
    ran.run("stop", "web")  # shows without waiting for the interval
    screen.wait_for(r"web +- ")
    screen.text = ""
    screen.resize(60, 30)
    os.kill(screen.child, signal.SIGWINCH)
    screen.wait_for(r"\x1b\[H\x1b\[KMCP[^\n]*\n\x1b\[K={60}\r\n")
    os.write(screen.fd, b"q")
    screen.wait_for(r"\x1b\[\?1049l")
    assert screen.end() == 0


def test_a_small_terminal(ran):
    """Lines are cut, rows are left out, and it says so: nothing scrolls."""
    screen = Terminal(ran, "monitor", "--continuous", "--interval", "300", columns=40, lines=9)
    screen.wait_for("Refreshing")
    screen.resize(40, 9)
    screen.text = ""
    os.kill(screen.child, signal.SIGWINCH)
    picture = screen.wait_for(r"\x1b\[H.*and 2 more.*Refreshing[^\n]*\n")[0]
    assert picture.count("\n") <= 8 and "\x1b[?7l" not in picture
    os.write(screen.fd, b"q")
    screen.wait_for(r"\x1b\[\?7h\x1b\[\?25h")
    assert screen.end() == 0


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_as_it_was(ran, signo):
    screen = Terminal(ran, "monitor", "--continuous")
    screen.wait_for("Refreshing")
    wait_until(lambda: not screen.local_flags() & termios.ICANON, what="keys are taken")
    os.kill(screen.child, signo)
    screen.wait_for(r"\x1b\[\?25h\x1b\[\?1049l")
    wait_until(
        lambda: screen.local_flags() & termios.ICANON and screen.local_flags() & termios.ECHO,
        what="the terminal is as it was",
    )
    assert screen.end() == 0


def test_redirected(ran):
    child = ran.popen("monitor", "--continuous", "--interval", "100ms")
    titles = 0
    for line in child.stdout:
        assert "\x1b" not in line
        titles += line.startswith("MCP Mesh Process Monitor - ")
        if titles == 3:
            break
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)
    assert child.returncode == 0
    done = subprocess.run(
        f"'{ran.argv()[0]}' monitor --continuous --interval 100ms | head -1",
        shell=True,
        env=ran.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=30,
    )
    assert done.stderr == b"" and done.stdout.startswith(b"MCP Mesh")


def test_continuous_json(ran):
    child = ran.popen("monitor", "--continuous", "--json", "--interval", "100ms")
    decoder, text, seen = json.JSONDecoder(), "", 0
    while seen < 2:
        text += child.stdout.readline()
        try:
            found, end = decoder.raw_decode(text.lstrip())
        except json.JSONDecodeError:
            continue
        assert set(found) == {"api", "down", "web"}
        text = text.lstrip()[end:]
        seen += 1
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=20)
    assert child.returncode == 0


def test_stats(ran):
    found = ran.json("stats", "--system")
    assert (
        found["total_processes"] == 3
        and found["status_breakdown"]["running"] == 2
        and found["service_breakdown"] == {"service": 3}
    )
    assert found["avg_uptime"] > 0 and found["system_load"]["cpus"] >= 1
    assert "system_load" not in ran.json("stats")
    assert "processes: 3\n" in ran.run("stats").stdout


NAME_OF_METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(
    rf'({NAME_OF_METRIC})(?:\{{([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[n"\\])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[n"\\])*")*)\}})? '
    r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
)


def read_metrics(text):
    """Prometheus' text format, strictly: {family: (type, [(name, labels, value)])}. Each family is
    whole, has a type and a help, and no sample twice.
    """
    assert text.endswith("\n")
    families, family = {}, None
    for line in text.splitlines():
        if match := re.fullmatch(rf"# HELP ({NAME_OF_METRIC}) (\S.*)", line):
            family = match[1]
            assert family not in families, f"{family} begins twice"
            families[family] = ["", []]
        elif match := re.fullmatch(rf"# TYPE ({NAME_OF_METRIC}) (gauge|counter)", line):
            assert match[1] == family and not families[family][0] and not families[family][1], line
            assert match[2] != "counter" or family.endswith("_total"), line
            families[family][0] = match[2]
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == family and families[family][0], line
            assert match[2] not in [labels for labels, _ in families[family][1]], f"twice: {line}"
            assert families[family][0] != "counter" or float(match[3]) >= 0, line
            families[family][1].append((match[2], float(match[3])))
    return families


def test_metrics_follow_the_format(ran):
    ran.run(
        "start",
        "--name",
        "odd",
        "--background",
        "--",
        "sh",
        "-c",
        'sleep 1000 # "quoted" back\\slash',
    )
    wait_until(
        lambda: "tend_process_resident_memory_bytes{" in ran.run("metrics").stdout, what="a sample"
    )
    families = read_metrics(ran.run("metrics").stdout)
    names = {labels for labels, _ in families["tend_process_up"][1]}
    assert names == {f'name="{name}"' for name in ("api", "down", "odd", "web")}


def test_an_idle_screen_costs_nothing(ran):
    """It sleeps on the change counter: while nothing happens it is not even scheduled."""
    screen = Terminal(ran, "monitor", "--continuous", "--interval", "300")
    screen.wait_for("Refreshing")
    wait_until(lambda: not screen.local_flags() & termios.ICANON, what="keys are taken")
    for name in ("web", "api"):
        wait_until(
            lambda: next(r for r in ran.json("snapshot")["rows"] if r["ident"]["name"] == name)[
                "health"
            ]["sampled_real_ns"]
        )

    def switches():
        text = open(f"/proc/{screen.child}/status").read()
        return sum(
            int(n) for n in re.findall(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", text, re.M)
        )

    def is_still():
        before, changes = switches(), ran.json("snapshot")["segment"]["changes"]
        time.sleep(2)
        return switches() == before and ran.json("snapshot")["segment"]["changes"] == changes

    wait_until(is_still, 20)  # the first time may meet the end of the beginning
    os.write(screen.fd, b"q")
    assert screen.end() == 0


def test_metrics_pass_promtool(ran):
    tool = subprocess.run(
        [TOP / "tools/promtool.sh"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
    )
    if tool.returncode:
        pytest.skip("no promtool here: " + tool.stderr.strip())
    wait_until(
        lambda: "tend_process_resident_memory_bytes{" in ran.run("metrics").stdout, what="a sample"
    )
    text = ran.run("metrics").stdout
    checked = subprocess.run(
        [tool.stdout.strip(), "check", "metrics"],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0 and checked.stdout == "", checked.stdout
    assert 'tend_process_up{name="web"} 1' in text and 'tend_process_up{name="down"} 0' in text


def test_openmetrics_pass_their_own_parser(ran):
    """Of the standard's authors; it refuses what is not strictly in its form."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    wait_until(
        lambda: "tend_process_resident_memory_bytes{" in ran.run("metrics").stdout, what="a sample"
    )
    text = ran.run("metrics", "--openmetrics").stdout
    assert text.endswith("\n# EOF\n")
    families = {f.name: f for f in parser.text_string_to_metric_families(text)}
    classic = read_metrics(ran.run("metrics").stdout)
    suffix = {"counter": "_total", "info": "_info"}
    assert {f.name + suffix.get(f.type, "") for f in families.values()} == set(classic)
    assert all(
        f.documentation and f.type in ("gauge", "counter", "info") for f in families.values()
    )
    assert (
        families["tend_process"].type == "info"
        and families["tend_process_restarts"].type == "counter"
    )
    assert (
        families["tend_process_cpu_seconds"].unit == "seconds"
        and families["tend_process_resident_memory_bytes"].unit == "bytes"
    )
    assert {s.labels["name"]: s.value for s in families["tend_process_up"].samples} == {
        "api": 1,
        "down": 0,
        "web": 1,
    }
    for broken in (
        text.replace("# EOF\n", ""),
        text.replace("tend_process_restarts counter", "tend_process_restarts_total counter"),
    ):
        with pytest.raises(ValueError):
            list(parser.text_string_to_metric_families(broken))
