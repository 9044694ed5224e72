"""What a started process finds: its program, arguments, environment, folder, limits, signals and
descriptors; where its output goes.
"""

import json
import os
import resource
import shutil
import signal
import stat

import pytest

from common import environment, one_line, script, start, stop_everything, world
from harness import AGENTS, fnv1a64, helper, proc_stat, wait_until

PY = """import os, sys
print("agent", os.getcwd(), os.environ.get("PYTHONUNBUFFERED"), sys.argv[1:])
print("name", __file__)
import time; time.sleep(1000)
"""


# ---- agent files


def test_python(tend):
    path = tend.work / "weather.py"
    path.write_text(PY)
    done = tend.run("start", path, "--background", cwd="/")
    assert done.stdout.startswith("weather: started (pid ")
    tend.wait_log("weather", "^name ")
    assert tend.log("weather") == f"agent {tend.work} 1 []\nname {path}\n"
    row = tend.status("weather")
    assert row["service_type"] == "agent" and row["command"] == f"python3 {path}"
    agent = tend.status()["agents"]["weather"]
    assert (agent["status"], agent["pid"], agent["agent_file"]) == (
        "running",
        row["pid"],
        str(path),
    )
    assert agent["working_directory"] == str(tend.work)
    stop_everything(tend)


@pytest.mark.skipif(not shutil.which("node"), reason="no node here")
@pytest.mark.parametrize("suffix", [".js", ".mjs"])
def test_javascript(tend, suffix):
    path = tend.work / f"clock{suffix}"
    path.write_text("console.log('node', process.cwd()); setInterval(() => {}, 1e6)\n")
    tend.run("start", path, "--background")
    assert tend.wait_log("clock", r"^node (.*)$")[1] == str(tend.work)
    stop_everything(tend)


def test_an_executable(tend):
    path = script(tend, "tool.sh", '#!/bin/sh\necho "$0" $# "$PWD"\nexec sleep 1000\n')
    tend.run("start", path, "--background")
    tend.wait_log("tool", "0")
    assert tend.log("tool") == f"{path} 0 {tend.work}\n"


def test_the_suffix_counts_more_than_the_right_to_execute(tend):
    """As people run them: python3 FILE, whatever the first line says; but where that names another
    interpreter, it is told.
    """
    path = script(tend, "a.py", "#!/no/such/python\n" + PY)
    done = tend.run("start", path, "--background")
    tend.wait_log("a", "^agent ")
    assert one_line(done.stderr).endswith(
        f'its #! line names /no/such/python ("tend start --name a -- {path}" runs it by that)\n'
    )


def test_the_interpreter_of_a_virtual_environment(tend):
    """It is the same program, in another folder."""
    (tend.work / "bin").mkdir()
    (tend.work / "bin" / "python").symlink_to("/usr/bin/python3")
    path = script(tend, "a.py", f"#! {tend.work}/bin/python -u\n" + PY)
    assert f"names {tend.work}/bin/python (" in tend.run("start", path, "--background").stderr
    path.chmod(0o644)
    tend.run("stop", "a")
    assert (
        tend.run("start", path, "--background").stderr == ""
    ), "nobody can think that this one is run by itself"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "#!/usr/bin/env python3",
        "#!/usr/bin/env -S python3 -u",
        "#!{python}",
        "#!  {python} -u",
        "#!",
        "#!\n#!/x",
        "#! \t",
        "#",
        "#!python3",
    ],
)
def test_a_first_line_that_says_nothing_else(tend, line):
    path = script(tend, "a.py", line.format(python=shutil.which("python3")) + "\n" + PY)
    assert tend.run("start", path, "--background").stderr == ""
    tend.wait_log("a", "^agent ")


def test_a_relative_path_through_a_link(tend):
    """Name, file and folder are those that were given: whoever moves the link wants the next run to
    be of another file.
    """
    (tend.work / "deep" / "er").mkdir(parents=True)
    (tend.work / "deep" / "er" / "real.py").write_text(PY)
    path = tend.work / "link.py"
    path.symlink_to("deep/er/real.py")
    tend.run("start", "./link.py", "--background", cwd=tend.work)
    tend.wait_log("link", "^name ")
    assert tend.log("link") == f"agent {path.parent} 1 []\nname {path}\n"
    assert tend.run("start", path, "--background").stdout.startswith("link: already running")
    stop_everything(tend)


def test_a_path_with_spaces(tend_spaces):
    folder = tend_spaces.work / "my  agents; rm -rf 'x'"
    folder.mkdir()
    path = folder / "a.py"
    path.write_text(PY)
    tend_spaces.run("start", path, "--background")
    tend_spaces.wait_log("a", "^name ")
    assert tend_spaces.log("a") == f"agent {folder} 1 []\nname {path}\n"
    stop_everything(tend_spaces)


def test_the_examples(tend):
    paths = sorted(AGENTS.glob("*.py"))
    done = tend.run("start", *paths, "--background")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        path.stem for path in paths
    ]
    assert set(tend.status()["agents"]) == {path.stem for path in paths}
    stop_everything(tend)


# ---- the world of a process


def test_arguments(tend):
    arguments = [
        "two words",
        "",
        "a'b\"c\\",
        "$HOME `id` *",
        "-x",
        "--json",
        "é€",
        "line\nend",
        "--",
    ]
    start(tend, "a", helper("env_printer"), "1000", *arguments)
    assert world(tend, "a")["args"] == [helper("env_printer"), "1000", *arguments]


def test_a_program_from_path(tend):
    start(
        tend,
        "a",
        "env_printer",
        "1000",
        env={"PATH": f"/nowhere:{os.path.dirname(helper('env_printer'))}:/bin"},
    )
    assert world(tend, "a")["args"] == ["env_printer", "1000"]


def test_environment(tend):
    outer = {
        "KEEP": "as it is",
        "EMPTY": "",
        "CHANGED": "old",
        "TEND_NAME": "outer",
        "TEND_INSTANCE": "0123",
        "UNICODE": "é",
    }
    options = (
        "--env",
        "CHANGED=new=er",
        "--env",
        "ADDED=1",
        "--env",
        "TWICE=1",
        "--env",
        "TWICE=2",
        "--env",
        "BLANK=",
    )
    start(tend, "a", helper("env_printer"), options=options, env=outer)
    found = environment(world(tend, "a"))
    expected = {
        **tend.env,
        **outer,
        "CHANGED": "new=er",
        "ADDED": "1",
        "TWICE": "2",
        "BLANK": "",
        "TEND_NAME": "a",
        "TEND_INSTANCE": f"{fnv1a64(os.fsencode(tend.home)):016x}",
        "TEND_HOME": str(tend.home),
    }
    assert found == expected


def test_the_environment_of_each_start(tend):
    """It is that of whoever starts the process, not of whoever started the daemons."""
    start(tend, "a", helper("env_printer"), env={"WHO": "first"})
    start(tend, "b", helper("env_printer"), env={"WHO": "second"})
    assert [environment(world(tend, name))["WHO"] for name in "ab"] == ["first", "second"]


@pytest.mark.parametrize("how", ["default", "option"])
def test_folder(tend, how):
    folder = tend.work / "a folder"
    folder.mkdir()
    if how == "default":
        start(tend, "a", helper("env_printer"), cwd=folder)
    else:
        start(tend, "a", helper("env_printer"), options=("--cwd", "a folder"), cwd=tend.work)
    assert world(tend, "a")["cwd"] == str(folder)


def prepare():
    os.umask(0o035)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (777, hard))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM})
    for signo in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGUSR2):
        signal.signal(signo, signal.SIG_IGN)


@pytest.mark.parametrize("disable", ["", "clone3"])
def test_umask_limits_and_signals(tend, disable):
    """umask and the limit of files come from the shell; what it ignores or blocks does not, also
    when it started the daemons.
    """
    tend.env["TEND_DISABLE"] = disable
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    start(tend, "a", helper("env_printer"), preexec_fn=prepare)
    found = world(tend, "a")
    assert found["umask"] == "0035"
    assert (found["nofile_soft"], found["nofile_hard"]) == (777, hard)
    assert found["blocked"] == [] and found["ignored"] == []
    assert found["sid"] == found["pgid"] == found["pid"] == tend.pid("a")
    assert found["ppid"] == tend.daemon_pid("spawner")
    tend.run("restart", "a", cwd="/")  # and it keeps them
    found = json.loads(tend.wait_log("a", r"^\{.*\}\n(\{.*\})$")[1])
    assert (found["umask"], found["nofile_soft"]) == ("0035", 777)


@pytest.mark.parametrize("disable", ["", "clone3", "cgroup"])
def test_descriptors(tend, disable):
    """0 to 2, and the end of the output pipe that keeps it from breaking; nothing of the shell's or
    the daemons'.
    """
    tend.env["TEND_DISABLE"] = disable
    leak = os.open("/dev/zero", os.O_RDONLY)
    start(tend, "a", helper("env_printer"), pass_fds=[leak])
    os.close(leak)
    fds = {fd["fd"]: fd for fd in world(tend, "a")["fds"]}
    run = tend.home / "run"
    assert {n: (fd["kind"], fd["target"], fd["access"]) for n, fd in fds.items()} == {
        0: ("fifo", str(run / "a.in"), "rw"),
        1: ("fifo", str(run / "a.out"), "w"),
        2: ("fifo", str(run / "a.out"), "w"),
        200: ("fifo", str(run / "a.out"), "r"),
    }
    assert not any(fds[n]["nonblock"] for n in (0, 1, 2)), "programs expect descriptors that block"


def test_nothing_is_for_others_to_read(tend):
    os.umask(0o022)
    start(tend, "a", helper("crasher"), "1000", options=("--env", "SECRET=1"))
    tend.wait_log("a", "start")
    for folder, folders, names in os.walk(tend.home):
        for path in [folder, *(os.path.join(folder, name) for name in folders + names)]:
            assert stat.S_IMODE(os.lstat(path).st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(tend.segment.stat().st_mode) == 0o600


# ---- input and output


def test_standard_input_stays_open(tend):
    pid = start(tend, "a", helper("stdin_reader"))
    tend.wait_log("a", "^ready")
    for text in ("one\n", "two\nthree\n"):
        with open(tend.home / "run" / "a.in", "w") as f:  # each writer closes it behind itself
            f.write(text)
        tend.wait_log("a", f"^read: {text.split()[-1]}$")
    assert tend.log("a").splitlines()[1:] == ["read: one", "read: two", "read: three"]
    assert proc_stat(pid)[0] == "S" and tend.status("a")["restarts"] == 0
    # A new run has an input of its own to wait on, too.
    tend.run("restart", "a")
    tend.wait_log("a", r"(?s)ready.*^ready")
    with open(tend.home / "run" / "a.in", "w") as f:
        f.write("again\n")
    tend.wait_log("a", "^read: again$")
    assert "eof" not in tend.log("a")
    stop_everything(tend)


def test_both_outputs_in_order(tend):
    path = script(
        tend,
        "a",
        "#!/bin/sh\ni=0\nwhile [ $i -lt 300 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done\n",
    )
    start(tend, "a", path)
    tend.wait_log("a", "^err 299$")
    assert tend.log("a") == "".join(f"out {i}\nerr {i}\n" for i in range(300))


def test_every_byte(tend):
    """Binary, without a final newline, and written in the last moment."""
    path = script(
        tend, "a", "#!/usr/bin/python3 -ISE\nimport os\nos.write(1, bytes(range(256)) * 100)\n"
    )
    start(tend, "a", path)
    tend.wait("a", "stopped")
    expected = bytes(range(256)) * 100
    log = tend.home / "logs" / "a.log"
    wait_until(
        lambda: log.exists() and log.stat().st_size >= len(expected), what="all of it arrives"
    )
    assert log.read_bytes() == expected


def test_the_log_goes_on_over_restarts_and_stops(tend):
    pids = [start(tend, "a", helper("crasher"), "1000")]
    tend.wait_log("a", f"crasher {pids[-1]} start")
    os.kill(pids[0], signal.SIGKILL)
    pids.append(tend.wait_pid("a", not_pid=pids[0]))
    tend.run("restart", "a")
    pids.append(tend.pid("a"))
    tend.wait_log("a", f"crasher {pids[-1]} start")
    stop_everything(tend)
    tend.must_be_clean = False
    tend.run("start", "a", "--background")
    pids.append(tend.pid("a"))
    tend.wait_log("a", f"crasher {pids[-1]} start")
    assert tend.log("a") == "".join(f"crasher {pid} start\n" for pid in pids)
    stop_everything(tend)
