"""Groups (@NAME), patterns, any number of names, and --quiet."""

import re

from common import one_line, start
from harness import helper


def web(tend, *names, group="web"):
    for name in names:
        start(tend, name, helper("sleeper"), options=("--group", group))


def up(tend):
    return {row["name"] for row in tend.status()["processes"] if row["status"] == "running"}


def test_a_group_is_all_that_was_put_there(tend):
    web(tend, "a", "b")
    web(tend, "c", group="db")
    start(tend, "loner", helper("sleeper"))
    assert re.findall(r"^([a-z]\w*) ", tend.run("list", "@web").stdout, re.M) == ["a", "b"]
    assert set(tend.json("list", "@web", "loner")) == {"a", "b", "loner"}
    assert {row["name"] for row in tend.json("status", "@db")["processes"]} == {"c"}
    assert re.search(r"^group +web$", tend.run("status", "a").stdout, re.M)
    assert tend.run("stop", "@web", "c").stdout == "a: stopped\nb: stopped\nc: stopped\n"
    assert up(tend) == {"loner"}
    out = tend.run("start", "@web", "--background").stdout
    assert re.fullmatch(r"a: started \(pid \d+\)\nb: started \(pid \d+\)\n", out), out
    assert up(tend) == {"a", "b", "loner"}
    before = tend.pid("a"), tend.pid("loner")
    tend.run("restart", "@web")
    assert tend.pid("a") != before[0] and tend.pid("loner") == before[1]


def test_the_logs_of_a_group(tend):
    for name, group in (("a", "web"), ("b", "web"), ("c", "db")):
        start(
            tend,
            name,
            "sh",
            "-c",
            f"echo line of {name}; exec sleep 1000",
            options=("--group", group),
        )
        tend.wait_log(name, "line of")
    out = tend.run("logs", "@web").stdout
    assert sorted(out.splitlines()) == ["a | line of a", "b | line of b"]


def test_nobody_is_in_it(tend):
    start(tend, "a", helper("sleeper"))
    for command in (["stop"], ["status"], ["list"], ["restart"], ["logs"], ["start"], ["remove"]):
        done = tend.run(*command, "@nosuch", check=False)
        assert done.returncode == 1, command
        assert "no process is in the group nosuch" in one_line(done.stderr)
    assert tend.status("a")["status"] == "running"


def test_a_group_is_kept_and_can_be_changed(tend):
    web(tend, "a")
    tend.run("stop")
    assert "a: started" in tend.run("start", "@web", "--background").stdout
    tend.run("stop", "a")
    web(tend, "a", group="other")
    assert tend.run("status", "@web", check=False).returncode == 1
    assert {row["name"] for row in tend.json("status", "@other")["processes"]} == {"a"}


def test_what_is_no_group(tend):
    for bad in ("", "@web", "a b", "-x", ".x", "x" * 64, "a/b"):
        done = tend.run(
            "start",
            f"--group={bad}",
            "--name",
            "a",
            "--background",
            "--",
            helper("sleeper"),
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, ""), bad
        assert "--group" in done.stderr.splitlines()[0]


def test_hundreds_of_names(tend):
    """Known and unknown, patterns and repetitions: each process once, each unknown said."""
    web(tend, "a", "b")
    done = tend.run(
        "status",
        "--json",
        *(["a", "b", "*", "@web"] * 100),
        *(f"no{i}" for i in range(100)),
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.count('"service_type"') == 2
    assert len(done.stderr.splitlines()) == 100


def test_quiet(tend):
    """Nothing on standard output, the same exit status, complaints as ever."""
    done = tend.run("start", "--quiet", "--name", "a", "--background", "--", helper("sleeper"))
    assert (done.stdout, done.stderr) == ("", "")
    assert tend.run("status", "-q", "a").stdout == ""
    for command in (["restart", "a"], ["signal", "a", "WINCH"], ["stop", "a"]):
        assert tend.run(*command, "--quiet").stdout == ""
    done = tend.run("status", "-q", "a", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    done = tend.run("stop", "-q", "nosuch", check=False)
    assert (done.returncode, done.stdout) == (1, "") and "nosuch" in one_line(done.stderr)
    assert tend.run("remove", "a", "-q").stdout == ""
    assert tend.run("stop", "-q").stdout == ""


def test_waiting_for_several(tend):
    web(tend, "a", "b")
    start(tend, "late", helper("sleeper"))
    tend.run("wait", "@web", "late", "--for", "running", "--timeout", "20")
    tend.run("stop", "late")
    tend.run("wait", "lat*", "--for", "stopped", "--timeout", "20")
    done = tend.run("wait", "a", "late", "--for", "running", "--timeout", "0.2", check=False)
    assert done.returncode == 1 and "late is not running" in one_line(done.stderr)
    done = tend.run("wait", "a", "nosuch", "--for", "running", check=False)
    assert done.returncode == 1 and "nosuch" in one_line(done.stderr)


def test_the_group_of_what_runs_already(tend):
    """Nothing is started again: a group is a word for people."""
    start(tend, "a", helper("sleeper"))
    start(tend, "b", helper("sleeper"))
    before = tend.pid("a"), tend.pid("b")
    out = tend.run(
        "start", "--name", "a", "--group", "web", "--background", "--", helper("sleeper")
    ).stdout
    assert out == f"a: already running (pid {before[0]})\na: now in the group web\n"
    assert "already running" in tend.run("start", "b", "--group", "web", "--background").stdout
    assert [row["name"] for row in tend.json("status", "@web")["processes"]] == ["a", "b"]
    assert (tend.pid("a"), tend.pid("b")) == before
    assert (
        tend.run("start", "b", "--group", "web", "--background").stdout
        == f"b: already running (pid {before[1]})\n"
    )
    tend.run("restart", "b")
    assert tend.json("group") == {"web": ["a", "b"]}, "what is started again keeps it"
    done = tend.run("start", "--group", "web", check=False)
    assert done.returncode == 2


def test_changing_groups(tend):
    assert "no process is in a group" in tend.run("group").stdout
    assert tend.json("group") == {}
    for name in ("a", "b1", "b2"):
        start(tend, name, helper("sleeper"))
    before = tend.pid("a")
    assert (
        tend.run("group", "web", "a", "b*").stdout
        == "a: now in the group web\nb1: now in the group web\nb2: now in the group web\n"
    )
    assert tend.run("group", "@web", "a").stdout == "a: already in the group web\n"
    assert tend.run("group", "db", "b2").stdout == "b2: now in the group db\n"
    assert tend.run("group").stdout.splitlines() == [
        "GROUP  COUNT  NAMES",
        "db         1  b2",
        "web        2  a, b1",
    ]
    assert tend.run("group", "db").stdout.splitlines() == [
        "GROUP  COUNT  NAMES",
        "db         1  b2",
    ]
    assert tend.json("group", "web") == {"web": ["a", "b1"]}
    lines = tend.run("status", "--verbose").stdout.splitlines()
    group = lines[1].split().index("GROUP")
    assert [line.split()[group] for line in lines[2:5]] == ["web", "web", "db"]
    assert "GROUP" not in tend.run("status").stdout
    tend.run("stop")
    assert (
        tend.run("group", "--none", "@web").stdout == "a: now in no group\nb1: now in no group\n"
    ), "no daemon is needed"
    assert tend.json("group") == {"db": ["b2"]}
    tend.run("start")
    assert tend.pid("a") != before and tend.json("group") == {"db": ["b2"]}
    tend.run("group", "--none", "b2")
    assert "GROUP" not in tend.run("status", "--verbose").stdout


def test_bad_groups(tend):
    start(tend, "apple", helper("sleeper"))
    for words, said in (
        (["web", "aple"], "did you mean apple?"),
        (["web", "x*"], "no process matches"),
        (["web", "@no"], "no process is in"),
        (["no"], "no process is in"),
    ):
        done = tend.run("group", *words, check=False)
        assert (done.returncode, done.stdout) == (1, "") and said in one_line(done.stderr), words
    for words in (
        ["a b", "apple"],
        ["--none"],
        ["", "apple"],
        ["@@x", "apple"],
        ["\udcff", "apple"],
        ["x" * 64, "apple"],
    ):
        done = tend.run("group", *words, check=False)
        assert (done.returncode, done.stdout) == (2, ""), words
    (tend.home / "specs/apple.json").write_text("{")
    done = tend.run("group", "web", "apple", "--json", check=False)
    assert done.returncode == 1 and '"failed"' in done.stdout


def test_why_and_events_of_several(tend):
    web(tend, "a", "b")
    start(tend, "loner", helper("sleeper"))
    start(tend, "gone", "true", options=("--restart", "no"))
    tend.wait("gone", "stopped")
    tend.run("remove", "gone")
    out = tend.run("why", "@web", "gone", "a").stdout
    assert re.findall(r"^(?:(\w+): running for|(\w+) is no longer)", out, re.M) == [
        ("a", ""),
        ("b", ""),
        ("", "gone"),
    ]
    assert [doc["name"] for doc in tend.json("why", "@web", "gone")] == ["a", "b", "gone"]
    assert [doc["name"] for doc in tend.json("why", "lon*")] == [
        "loner"
    ], "a list, whatever matches"
    assert tend.json("why", "a")["name"] == "a"
    done = tend.run("why", "a", "nosuch", "x*", check=False)
    assert (
        done.returncode == 1
        and done.stdout.startswith("a: running")
        and len(done.stderr.splitlines()) == 2
    )
    done = tend.run("why", "x*", check=False)
    assert (done.returncode, done.stdout) == (1, "")

    def names(*operands):
        return {
            line.split()[1].rstrip(":")
            for line in tend.run("events", *operands).stdout.splitlines()
        }

    assert names("@web", "gone") == {"a", "b", "gone"}
    assert names("lon*", "guardian", "spawner") >= {"loner"} and "a" not in names("lon*")
    assert names("nosuch") == set()
    done = tend.run("events", "@nosuch", check=False)
    assert (done.returncode, done.stdout) == (1, "") and "nosuch" in one_line(done.stderr)
