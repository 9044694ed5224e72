"""What the documentation says of commands, options, defaults and files is what the programs do."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from common import free_port
from harness import TEND_BIN, TOP, wait_until

FOLDERS = [
    *sorted(f"lib/{path.name}" for path in (TOP / "lib").iterdir()),
    *"shm guardian spawner monitor logger registry cli tests tools docs examples".split(),
]
TEXTS = sorted([TOP / "README.md", *TOP.glob("*/*.md"), *TOP.glob("lib/*/*.md")])


def text(path):
    return (TOP / path).read_text()


def commands_of(tend):
    return re.findall(r"^  ([a-z-]+) {2,}", tend.run("help").stdout, re.M)


def options_of(tend, command):
    usage_and_help = tend.run("help", command).stdout
    return set(re.findall(r"--[a-z][a-z-]+", usage_and_help.split("Examples:")[0]))


def plain(roff):
    """A manual page as plain text, its font changes and escaped hyphens taken away."""
    return re.sub(r"\\f[BIRP]", "", roff).replace("\\-", "-")


def page_of(command):
    """The manual page of a command, as make builds it."""
    return subprocess.run(
        [TOP / "tools/manpage.sh", TEND_BIN / "tend", command, "1.2.3"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def offered(tend, *words):
    """What the completion offers for the last word."""
    lines = tend.run("complete", len(words), "tend", *words).stdout.splitlines()
    return {line.split("\t")[0] for line in lines}


def test_every_command_and_option_is_documented(tend):
    """Help, manual page, completion and docs/manual.md know the same commands and options, and the
    programs take them.
    """
    page, manual = plain(text("docs/man/tend.1")), text("docs/manual.md")
    commands = commands_of(tend)
    assert {"start", "stop", "status", "help"} <= set(commands)
    assert offered(tend, "") == set(commands)
    for command in commands:
        assert re.search(rf"tend {command}\b", page), f"tend {command} is not in tend.1"
        assert re.search(
            rf"^\| .*`{command}\b", manual, re.M
        ), f"{command} is not in docs/manual.md's table of commands"
        explained = options_of(tend, command)
        listed = set(
            re.findall(
                r"--[a-z][a-z-]+",
                " ".join(re.findall(r'^\.B "(.*)"$', plain(page_of(command)), re.M)),
            )
        )
        taken = offered(tend, command, "--")
        assert explained - {"--version"} == taken, f"{command}: help and what it takes"
        assert listed == taken, f"{command}: manual page and what it takes"
        for option in explained:
            assert option in manual, f"{command} {option} is not in docs/manual.md"


def test_defaults_are_those_of_the_code(tend):
    """The table of options in docs/manual.md, the help text, and config/spec.h."""
    header = text("lib/config/spec.h")
    number = {key: int(value) for key, value in re.findall(r"#define SPEC_(\w+)\s+(\d+)u", header)}
    help_text, manual, page = (
        tend.run("help", "start").stdout,
        text("docs/manual.md"),
        plain(page_of("start")),
    )

    def span(ms):
        return f"{ms}ms" if ms < 1000 else f"{ms // 1000}s"

    expected = {
        "--stop-timeout": span(number["STOP_TIMEOUT_MS"]),
        "--restart-delay": span(number["RESTART_DELAY_MS"]),
        "--restart-max-delay": span(number["RESTART_MAX_DELAY_MS"]),
        "--restart-limit": f"{number['RESTART_LIMIT']}/{number['RESTART_WINDOW_MS'] // 60000}m",
        "--stable": span(number["STABLE_MS"]),
    }
    for option, default in expected.items():
        about = " ".join(
            re.search(rf"^  {option} (.*(?:\n {{8,}}.*)*)", help_text, re.M)[1].split()
        )  # however it is wrapped
        assert re.search(
            rf"\(default {re.escape(default)}[);:]", about
        ), f"help of {option}: {default}"
        assert re.search(
            rf"^\| `{option} \S+` \| {re.escape(default)} \|", manual, re.M
        ), f"docs/manual.md, {option}: {default}"
        assert re.search(
            rf'^\.B "{option} .*"\n[^.]*\(default\s{re.escape(default)}[);:]', page, re.M
        ), f"tend-start.1, {option}: {default}"


def test_limits_are_those_of_the_code():
    manual, layout, table, ring = (
        text("docs/manual.md"),
        text("shm/layout.h"),
        text("shm/table.h"),
        text("shm/ring.h"),
    )

    def of(name, source):
        return int(re.search(rf"#define {name}\s+(\d+)u", source)[1])

    assert (
        f"| {of('PT_CAPACITY_DEFAULT', table):,}; up to {of('PT_CAPACITY_MAX', table):,} by"
        in manual
    )
    assert f"| commands under way | {of('PT_COMMANDS', ring)};" in manual
    assert f"| shown command | {of('PT_COMMAND_TEXT', table) - 1} bytes" in manual
    events = (
        "{:,} of the spawner, {:,} of the monitor, {:,} of the logger, {:,} of the guardian".format(
            *(
                of(f"SEG_EVENTS_{role}", layout)
                for role in ("SPAWNER", "MONITOR", "LOGGER", "GUARDIAN")
            )
        )
    )
    assert events in manual


def test_every_folder_has_a_readme_and_every_link_leads_somewhere():
    for folder in FOLDERS:
        assert (TOP / folder / "README.md").exists(), f"{folder}/README.md"
    for path in TEXTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.relative_to(TOP)}: {target}"


def test_the_files_that_folder_readmes_name_exist():
    """The first column of each table whose first column is "file": `name.c`, or `name` for name.c
    and name.h.
    """
    for path in TEXTS:
        for table in re.findall(r"^\| file \|.*\n\| --- .*\n((?:\|.*\n)+)", path.read_text(), re.M):
            for cell in re.findall(r"^\| ([^|]*)", table, re.M):
                for name in re.findall(r"`([A-Za-z0-9_*./-]+)", cell):
                    assert list(path.parent.glob(name)) or list(
                        path.parent.glob(f"{name}.[ch]")
                    ), f"{path.relative_to(TOP)}: {name}"


PAGES = [path for path in (TOP / "docs/man").iterdir() if path.is_file()]


@pytest.mark.parametrize(
    "page", [*sorted(path.name for path in PAGES), "start", "logs", "config", "version", "status"]
)
def test_man_pages_have_no_warnings(page, tmp_path):
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("man or groff is not installed")
    path = TOP / "docs/man" / page
    if not path.exists():
        path = tmp_path / f"tend-{page}.1"
        path.write_text(page_of(page))
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", path],
        capture_output=True,
        text=True,
        env={"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == ""


def test_pictures_show_what_was_captured():
    """tools/picture.py: each piece of text with its colour, at its column; and the pictures that
    are there are whole.
    """
    capture = (
        "\x1b[1mNAME\x1b[0m  x\n\x1b[36mweb |\x1b[39m <&> \x1b[31mred\n and on\x1b[0m 日本 z\n\n"
    )
    made = subprocess.run(
        [TOP / "tools/picture.py", "a <title>"],
        input=capture,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    root = ElementTree.fromstring(made)
    texts = [
        (e.text, e.get("fill"), e.get("font-weight"), e.get("x"), e.get("y"))
        for e in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    by_text = {text.strip(): (fill, weight, float(x), int(y)) for text, fill, weight, x, y in texts}
    assert list(by_text) == ["NAME", "x", "web |", "<&>", "red", "and on", "日本 z"]
    assert by_text["NAME"][1] == "bold" and by_text["x"][1] is None
    assert (
        by_text["red"][0] == by_text["and on"][0] != by_text["日本 z"][0]
        and by_text["web |"][0] != by_text["<&>"][0]
    )
    assert (
        by_text["NAME"][2] == by_text["web |"][2]
        and by_text["NAME"][3] < by_text["red"][3] < by_text["and on"][3]
    )
    pictures = list((TOP / "docs/pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        assert f"pictures/{picture.name}" in text("README.md") + text("docs/manual.md"), picture
        assert any(
            "tend" in (e.text or "") or "web" in (e.text or "")
            for e in ElementTree.parse(picture).iter()
        )


# ---- the tour


def tour():
    """(command, what it printed) of each in the README, in order."""
    section = text("README.md").split("## A short tour\n")[1].split("\n## ")[0]
    commands = []
    for line in re.findall(r"^ {4}(.*)$", section, re.M):
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def settled(lines):
    """Without changes of health: how many there are depends on when the monitor looked."""
    return [line for line in lines if not re.search(r": health \w+ -> \w+$", line)]


def like(lines):
    """What matches these lines with other numbers, times and columns, in another folder."""
    pattern = []
    for line in lines:
        line = line.replace("/home/ann/tend", str(TOP)).strip()
        # An amount ("1m10s", "9.4M"), or a sample that is not there yet.
        parts = re.split(r"((?<![\w/])(?:[\d.]+[a-zA-Z%]*)+(?![\w/])|(?<= )-(?= ))", line)
        words = (
            r"(?:[\d.]+[a-zA-Z%]*)+|-" if i % 2 else re.sub(r"(\\ )+", " +", re.escape(part))
            for i, part in enumerate(parts)
        )
        pattern.append("".join(f"(?:{word})" for word in words))
    return re.compile(" *\n *".join(pattern))


def test_the_tour_of_the_readme_works_as_printed(tend):
    """Each command, as it stands there, prints what stands there, but for numbers; what only shows
    is asked again until it does. Port and home are the test's own, and python3 is Debian's: a
    version manager's is a script with children of its own while it looks for one.
    """
    port = free_port()
    env = {**tend.env, "PATH": f"{TEND_BIN}:/usr/bin:/bin", "COLUMNS": "1000"}
    commands = tour()
    assert len(commands) > 6
    for command, printed in commands:
        expected = like(line.replace("8123", str(port)) for line in settled(printed))
        command = command.replace("8123", str(port)).replace("~/.mcp_mesh", str(tend.home))

        def shown():
            done = subprocess.run(
                ["bash", "-c", command], cwd=TOP, env=env, capture_output=True, text=True
            )
            assert done.stderr == "", (command, done)
            return "\n".join(settled(done.stdout.strip().splitlines()))

        if command.split()[1] in ("status", "why"):
            wait_until(lambda: expected.fullmatch(shown()), 120, f"{command}: {expected.pattern}")
        else:
            output = shown()
            assert expected.fullmatch(output), (command, output, expected.pattern)


def test_the_readme_can_be_read_in_one_go():
    lines = text("README.md").splitlines()
    assert len(lines) <= 150
    assert any("make demo" in line for line in lines[:15])


# ---- the layers


def test_the_folders_of_the_design_are_those_of_the_layers():
    """docs/design.md, section 1, and tools/layers.txt: the same folders, which may use the same."""
    table = text("docs/design.md").split("## 1.")[1].split("\n\n## 2.")[0]
    shown = {}
    for folder, uses in re.findall(r"^\| `([^`|]+)/` \|.*\| ([^|]+) \|$", table, re.M):
        words = re.sub(r"\(.*?\)", "", uses).split(",")
        shown[folder] = {word.strip(" `").rstrip("/") for word in words} - {"libc"}
    rules = {}
    for line in text("tools/layers.txt").splitlines():
        if line and not line.startswith("#") and ":" not in line:
            folder, *fields = re.split(r"\s{2,}", line.strip())
            rules[folder] = {word for field in fields if field != "-" for word in field.split()}
    assert shown == rules
    assert set(rules) >= {"shm", "cli", "lib/base"}
