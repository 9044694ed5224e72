"""What a terminal, or who looks over a shoulder, must not get from what tend prints."""

import json
import stat

from common import start
from fake_registry import FakeRegistry, entry
from harness import wait_until
from test_registry_health import row, start_agent, use

CSI, OVERRIDE, DELETE, LINE = "\x9b", "\u202e", "\x7f", "\u2028"
TEXT = f"x{CSI}31m{OVERRIDE}y{DELETE}z{LINE}"
COMMANDS = (
    "logs a --json",
    "logs-aggregator --json",
    "logs export a --format json",
    "status --json",
    "status a --json",
    "monitor --json",
    "snapshot --json",
    "list --services --json",
    "why a --json",
    "stats --json",
    "events --json",
    "doctor --json",
)


def test_json_drives_no_terminal(tend):
    start(tend, "a", "sh", "-c", f"printf '%s\\n' '{TEXT}'; exec sleep 1000")
    tend.wait_log("a", "31m")
    for words in COMMANDS:
        text = tend.run(*words.split(), check=False).stdout
        assert not {CSI, OVERRIDE, DELETE, LINE} & set(text), (words, text)
        if words not in (
            "stats --json",
            "events --json",
            "doctor --json",
            "why a --json",
            "list --services --json",
        ):
            assert "\\u009b31m\\u202ey\\u007fz\\u2028" in text, (words, text)
    assert json.loads(tend.run("logs", "a", "--json").stdout)["message"] == TEXT
    tend.stop_all()


def test_what_a_registry_says_drives_no_terminal(tend):
    server = FakeRegistry()
    try:
        use(tend, server)
        server.agents = [
            entry(
                "web",
                id=f"web-{TEXT}",
                status=f"healthy{TEXT}",
                endpoint=f"http://localhost:1/{TEXT}",
                version=TEXT,
                agent_type=TEXT,
                capabilities=[{"name": TEXT}],
                dependencies=[{"capability": TEXT}],
            )
        ]
        start_agent(tend)
        file = tend.home / "run" / "agents.json"
        wait_until(lambda: file.exists() and "31m" in file.read_text(), what="the list")
        wait_until(lambda: row(tend)["health"]["registry_id"], what="the agent in the table")
        texts = [
            file.read_text(),
            *(
                tend.run(*words.split(), check=False).stdout
                for words in (
                    "list --json",
                    "list",
                    "status",
                    "status web",
                    "status --json",
                    "status web --json",
                    "why web --json",
                    "snapshot --json",
                    "monitor --json",
                    "list --verbose",
                )
            ),
        ]
        for text in texts:
            assert not {CSI, OVERRIDE, DELETE, LINE} & set(text), text
        assert json.loads(texts[0])["agents"][0]["version"] == TEXT
        listed = r"listed as web-x\u009b31m\u202ey\x7fz\u2028, "
        assert listed in tend.run("status", "web").stdout
    finally:
        server.close()
    tend.stop_all()


def test_an_export_is_for_its_owner_and_never_in_the_home(tend):
    start(tend, "a", "sh", "-c", "echo one; exec sleep 1000")
    tend.wait_log("a", "one")
    out = tend.work / "out"
    tend.run("logs", "export", "a", "--output", out, umask=0o022)
    assert out.read_text() == "one\n" and stat.S_IMODE(out.stat().st_mode) == 0o600
    tend.run("logs", "export", "a", "--output", "out", cwd=tend.work)
    (tend.work / "link").symlink_to(tend.home / "processes.json")
    (tend.work / "folder").symlink_to(tend.home / "specs")
    before = {path: path.read_bytes() for path in (tend.home / "specs").glob("*.json")}
    assert before
    for target in (
        tend.home / "processes.json",
        tend.home / "new",
        tend.work / "link",
        tend.work / "folder" / "a.json",
        tend.home / "logs" / "a.log",
    ):
        done = tend.run("logs", "export", "a", "--output", target, check=False)
        assert done.returncode == 1 and (
            "own folder" in done.stderr or "one of the files" in done.stderr
        ), done
    done = tend.run(
        "logs", "export", "a", "--output", "a.json", check=False, cwd=tend.home / "specs"
    )
    assert done.returncode == 1 and "own folder" in done.stderr
    assert {path: path.read_bytes() for path in before} == before and not (
        tend.home / "new"
    ).exists()
    assert "processes" in json.loads((tend.home / "processes.json").read_text())
    assert tend.run("logs", "export", "a", "--output", "/dev/stdout").stdout == "one\n"
    tend.stop_all()
