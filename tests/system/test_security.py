"""docs/security.md, row by row: what another user can try, what the daemons have given up, and
where secrets go.
"""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from crashkit import kill_all, one_line_error, saved, settled, sleepers, start, works
from fake_registry import FakeRegistry, entry
from harness import ROLES, TEND_BIN, TOP, fnv1a64, helper, identity, wait_gone, wait_until

OTHER_UID, OWN_UID = 65534, 65533

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def attack(text, *args, uid=OTHER_UID):
    """Run a Python program as another user, with no rights of ours; returns what it printed. It
    reports its own failures: it must exit with 0.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PRELUDE + text, *map(str, args)],
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# Prints the name of the error that an attempt ends in, or "done" if it succeeds.
PRELUDE = """
import errno, os, signal, socket, sys
def attempt(fn, *args, **kw):
    try:
        fn(*args, **kw)
    except OSError as e:
        print(errno.errorcode[e.errno])
    else:
        print("done")
"""


@pytest.fixture
def open_tend(tend):
    """An instance on a path that anybody may walk, so that only what tend itself sets protects
    it.
    """
    tend.root.chmod(0o755)
    return tend


def capabilities(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return {
        key: value
        for key, value in re.findall(r"^(Cap\w+|NoNewPrivs|Seccomp):\s+(\w+)$", status, re.M)
    }


# ---- another user


@as_root
def test_another_user_can_not_reach_the_segment(open_tend):
    sleepers(open_tend, 1)
    said = attack(
        """
p = sys.argv[1]
attempt(os.open, p, os.O_RDONLY)
attempt(os.open, p, os.O_RDWR)
attempt(os.unlink, p)
attempt(os.rename, p, p + ".gone")
attempt(os.chmod, p, 0o666)
attempt(os.truncate, p, 0)
""",
        open_tend.segment,
    )
    assert said == ["EACCES", "EACCES", "EPERM", "EPERM", "EPERM", "EACCES"]
    works(open_tend)


@as_root
def test_another_user_can_not_reach_the_home(open_tend):
    start(open_tend, "s", helper("sleeper"))
    said = attack(
        """
home = sys.argv[1]
attempt(os.listdir, home)
for name in ("specs/s.json", "processes.json", "logs/s.log", "logs/tend.log", "run/guardian.lock"):
    attempt(os.open, home + "/" + name, os.O_RDONLY)
for name in ("run/s.in", "run/s.out", "run/bell.spawner", "run/bell.guardian"):
    attempt(os.open, home + "/" + name, os.O_WRONLY | os.O_NONBLOCK)
attempt(os.open, home + "/run/upgrade", os.O_WRONLY | os.O_CREAT)
""",
        open_tend.home,
    )
    assert said == ["EACCES"] * 11


@as_root
def test_another_user_can_not_signal_trace_or_read_the_daemons(open_tend):
    start(open_tend, "s", helper("sleeper"))
    pids = [*open_tend.wait_daemons().values(), open_tend.pid("s")]
    said = attack(
        """
for pid in map(int, sys.argv[1:]):
    attempt(os.kill, pid, signal.SIGHUP)
    attempt(os.open, f"/proc/{pid}/environ", os.O_RDONLY)
    attempt(os.open, f"/proc/{pid}/mem", os.O_RDWR)
    attempt(os.listdir, f"/proc/{pid}/fd")
""",
        *pids,
    )
    assert said == ["EPERM", "EACCES", "EACCES", "EACCES"] * 5
    assert list(open_tend.wait_daemons().values()) == pids[:4]


def tend_as(uid, home, *args):
    env = {
        "TEND_HOME": str(home),
        "HOME": "/nonexistent",
        "PATH": os.environ["PATH"],
        "TEND_REGISTRY": "none",
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        [str(TEND_BIN / "tend"), *args],
        user=uid,
        group=uid,
        extra_groups=[],
        env=env,
        cwd="/",
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def needs_readable_programs():
    done = subprocess.run(
        ["/usr/bin/test", "-x", TEND_BIN / "tend"],
        user=OTHER_UID,
        group=OTHER_UID,
        extra_groups=[],
        cwd="/",
    )
    if done.returncode:
        pytest.skip(f"user {OTHER_UID} can't execute {TEND_BIN}/tend")


@as_root
@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["start", "--background", "--name", "x", "--", "true"],
        ["stop"],
        ["upgrade"],
        ["logs", "s"],
        ["doctor"],
    ],
)
def test_another_user_gets_nothing_from_our_home(open_tend, command):
    needs_readable_programs()
    sleepers(open_tend, 1)
    done = tend_as(OTHER_UID, open_tend.home, *command)
    one_line_error(done, str(open_tend.home))
    assert "ermission denied" in done.stderr or "belongs to user" in done.stderr
    open_tend.home.chmod(0o755)  # even with the door open it is not theirs
    one_line_error(tend_as(OTHER_UID, open_tend.home, *command), "belongs to user 0")
    works(open_tend)


@as_root
def test_root_does_not_run_from_another_users_home(open_tend):
    home = open_tend.work / "theirs"
    home.mkdir()
    os.chown(home, OTHER_UID, OTHER_UID)
    for command in (["status"], ["start", "--background", "--name", "x", "--", "true"]):
        one_line_error(
            open_tend.run(*command, env={"TEND_HOME": str(home)}, check=False),
            f"belongs to user {OTHER_UID}",
        )
    assert list(home.iterdir()) == []


def test_a_home_that_others_may_write_is_refused(tend):
    tend.home.mkdir()
    for mode in (0o770, 0o707, 0o1777):
        tend.home.chmod(mode)
        one_line_error(
            tend.run("start", "--background", "--name", "x", "--", "true", check=False),
            "others can write",
            "chmod go-w",
        )
    tend.home.chmod(0o700)
    works(tend)


@pytest.mark.parametrize(
    "mode, safe", [(0o777, False), (0o1777, True), (0o702, False), (0o755, True)]
)
def test_a_home_that_others_may_exchange_is_told(tend, mode, safe):
    """Who may write to the folder above it can rename it, and put another in its place."""
    start(tend, "a", helper("sleeper"))
    tend.root.chmod(mode)
    done = tend.run("doctor", check=False)
    assert ("yours alone" in done.stdout) == safe
    if not safe:
        assert done.returncode == 1 and re.search(
            rf"PROBLEM +home: others can put another in its place, for {tend.root} belongs",
            done.stdout,
        )


@as_root
def test_a_home_in_another_users_folder_is_told(tend):
    start(tend, "a", helper("sleeper"))
    os.chown(tend.root, OTHER_UID - 1, 0)
    assert (
        f"for {tend.root} belongs to user {OTHER_UID - 1}" in tend.run("doctor", check=False).stdout
    )


@as_root
def test_a_temporary_name_that_another_user_takes(open_tend):
    """The table is made under a name that nobody can know before: neither its first making nor a
    later one can be kept from coming to pass.
    """
    needs_readable_programs()
    home = open_tend.work / "own"
    home.mkdir()
    os.chown(home, OWN_UID, OWN_UID)
    open_tend.work.chmod(0o755)
    segment = Path(f"/dev/shm/tend-{OWN_UID}-{fnv1a64(os.fsencode(home)):016x}")
    bait = segment.with_name(segment.name + ".new")
    try:
        bait.touch()
        os.chown(bait, OTHER_UID, OTHER_UID)
        done = tend_as(OWN_UID, home, "start", "--background", "--name", "x", "--", "sleep", "1000")
        assert done.returncode == 0, done.stderr
        segment.unlink()
        wait_until(segment.exists, what="the table is made again")
        assert bait.stat().st_uid == OTHER_UID
        assert "running" in tend_as(OWN_UID, home, "status", "x").stdout
    finally:
        tend_as(OWN_UID, home, "stop")
        bait.unlink()
    assert not segment.exists()


@as_root
@pytest.mark.parametrize("kind", ["file", "wide open file", "link", "fifo", "folder"])
def test_a_name_that_another_user_took_first(open_tend, kind):
    """/dev/shm is everybody's, and the name can be known: who takes it can keep an instance from
    starting there, and nothing more.
    """
    needs_readable_programs()
    home = open_tend.work / "own"
    home.mkdir()
    os.chown(home, OWN_UID, OWN_UID)
    segment = Path(f"/dev/shm/tend-{OWN_UID}-{fnv1a64(os.fsencode(home)):016x}")
    bait = open_tend.work / "bait"
    bait.write_text("bait")
    os.chown(bait, OWN_UID, OWN_UID)
    make = {
        "file": lambda: segment.touch(0o600),
        "wide open file": lambda: (segment.touch(), segment.chmod(0o666)),
        "link": lambda: segment.symlink_to(bait),
        "fifo": lambda: os.mkfifo(segment, 0o666),
        "folder": lambda: segment.mkdir(),
    }
    try:
        make[kind]()
        os.chown(segment, OTHER_UID, OTHER_UID, follow_symlinks=False)
        open_tend.work.chmod(0o755)
        done = tend_as(OWN_UID, home, "start", "--background", "--name", "x", "--", "true")
        assert done.returncode == 1 and segment.name in done.stderr and done.stdout == ""
        for words in (["doctor", "--segment"], ["doctor"], ["status"], ["orphans"]):
            assert tend_as(OWN_UID, home, *words).returncode in (0, 1)  # and waits for nobody
        assert bait.read_text() == "bait"
        assert (segment.lstat().st_uid, list(home.glob("specs/x.json"))) == (OTHER_UID, [])
    finally:
        segment.rmdir() if kind == "folder" else segment.unlink(missing_ok=True)
    try:  # and once the name is free all is well
        done = tend_as(OWN_UID, home, "start", "--background", "--name", "x", "--", "sleep", "1000")
        assert done.returncode == 0, done.stderr
    finally:
        assert tend_as(OWN_UID, home, "stop").returncode == 0


@as_root
def test_an_instance_of_an_ordinary_user_needs_no_right(open_tend):
    needs_readable_programs()
    home = open_tend.work / "own"
    home.mkdir()
    os.chown(home, OWN_UID, OWN_UID)
    open_tend.work.chmod(0o755)
    try:
        assert (
            tend_as(
                OWN_UID,
                home,
                "start",
                "--background",
                "--name",
                "x",
                "--",
                "sh",
                "-c",
                "echo hello; exec sleep 1000",
            ).returncode
            == 0
        )
        log = home / "logs/x.log"
        wait_until(lambda: log.exists() and "hello" in log.read_text(), what="its output")
        for role in ROLES:
            pid = int((home / "run" / f"{role}.lock").read_text().split()[0])
            assert capabilities(pid)["CapPrm"] == "0" * 16
            assert capabilities(pid)["NoNewPrivs"] == ("1" if role == "logger" else "0")
    finally:
        assert tend_as(OWN_UID, home, "stop").returncode == 0


# ---- modes and links


def test_nothing_in_the_home_is_for_others(tend):
    start(
        tend,
        "s",
        "sh",
        "-c",
        "umask 0; echo out; echo err >&2; exec sleep 1000",
        options=("--separate-stderr", "--env", "A=b"),
    )
    tend.wait_log("s", "out")
    tend.run("config", "set", "debug_mode", "true")
    tend.run("logs", "--rotate", "s", check=False)
    tend.run("stop", "s")
    wait_until((tend.home / "processes.json").exists, what="processes.json is saved")
    seen = 0
    for path in [tend.home, *tend.home.rglob("*")]:
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # a temporary file that has got its name meanwhile
            continue
        assert (
            stat.S_IMODE(mode) & 0o077 == 0 and not path.is_symlink()
        ), f"{path} has mode {mode:o}"
        assert not stat.S_ISSOCK(mode)
        seen += 1
    assert seen > 15
    assert stat.S_IMODE(tend.segment.stat().st_mode) == 0o600


@pytest.mark.parametrize("folder", ["run", "logs", "specs"])
def test_a_folder_of_the_home_that_is_a_link_is_not_followed(tend, folder):
    elsewhere = tend.work / "elsewhere"
    elsewhere.mkdir()
    tend.home.mkdir(mode=0o700)
    (tend.home / folder).symlink_to(elsewhere)
    one_line_error(
        tend.run("start", "--background", "--name", "x", "--", "true", check=False),
        "symbolic links are not followed",
    )
    assert list(elsewhere.iterdir()) == []


def test_a_log_that_is_a_link_is_not_written_through(tend):
    victim = tend.work / "victim"
    victim.write_text("mine\n")
    (tend.home / "logs").mkdir(parents=True, mode=0o700)
    tend.home.chmod(0o700)
    (tend.home / "logs/x.log").symlink_to(victim)
    start(tend, "x", "sh", "-c", "echo theirs; exec sleep 1000")
    wait_until(lambda: tend.status("x"), what="x")
    works(tend)
    assert victim.read_text() == "mine\n"


def test_no_daemon_listens_anywhere(tend):
    """Doorbells are FIFOs in run/: there is no socket to connect to, of any kind."""
    sleepers(tend, 1)
    settled(tend)
    for role in ROLES:
        folder = Path(f"/proc/{tend.daemon_pid(role)}/fd")
        assert [
            os.readlink(fd) for fd in folder.iterdir() if os.readlink(fd).startswith("socket:")
        ] == []


# ---- the registry


def test_the_registry_listens_on_loopback_only(tend):
    program = TEND_BIN / "tend-registry"
    done = subprocess.run(
        [program, "--host", "0.0.0.0", "--port", "0", "--db", tend.work / "r.db"],
        capture_output=True,
        text=True,
        timeout=20,
        env=tend.env,
    )
    assert done.returncode != 0 and "--public" in done.stderr


@pytest.fixture
def registry(tend):
    log = open(tend.work / "registry.log", "w+")
    child = subprocess.Popen(
        [TEND_BIN / "tend-registry", "--port", "0", "--db", tend.work / "r.db"],
        stderr=log,
        stdout=log,
        env=tend.env,
    )

    def listening():
        return re.search(r"listening on \S+?:(\d+)", (tend.work / "registry.log").read_text())

    child.port = int(wait_until(listening, what="the registry listens")[1])
    yield child
    child.terminate()
    assert child.wait(20) == 0


@as_root
def test_another_user_may_talk_to_the_registry_but_not_end_or_fill_it(tend, registry):
    """Its API has no passwords: any local user can register and list. Not more: its database is
    0600, and what it takes has limits.
    """
    (tend.work).chmod(0o755)
    said = attack(
        """
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
s.sendall(b"GET /agents HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n")
print(s.recv(12).split()[1].decode())
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
s.sendall(b"POST /agents/register HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Length: 999999999999\\r\\nConnection: close\\r\\n\\r\\n")
try:
    for _ in range(1 << 12):
        s.sendall(b"x" * (1 << 16))
except OSError:
    pass
print("refused")
attempt(os.kill, int(sys.argv[3]), signal.SIGTERM)
attempt(os.open, sys.argv[2], os.O_RDONLY)
""",
        registry.port,
        tend.work / "r.db",
        registry.pid,
    )
    assert said == ["200", "refused", "EPERM", "EACCES"]
    assert registry.poll() is None


def test_the_registry_has_given_up_what_it_does_not_need(registry):
    found = capabilities(registry.pid)
    assert (
        found["NoNewPrivs"] == "1" and int(found["CapEff"], 16) & ~(1 << 1) == 0
    )  # CAP_DAC_OVERRIDE
    assert found["CapBnd"] == "0" * 16 or os.geteuid() != 0
    limits = Path(f"/proc/{registry.pid}/limits").read_text()
    if not os.environ.get("SAN_FLAGS"):
        assert found["Seccomp"] == "2"
        assert re.search(r"^Max data size +1073741824 ", limits, re.M)


# ---- what the daemons have given up


def test_the_daemons_have_given_up_what_they_do_not_need(tend):
    start(tend, "s", helper("sleeper"))
    settled(tend)
    own = capabilities("self")
    found = {role: capabilities(tend.daemon_pid(role)) for role in ROLES}
    # CAP_SYS_RESOURCE; CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_KILL.
    assert int(found["logger"]["CapEff"], 16) & ~(1 << 24) == 0
    assert int(found["monitor"]["CapEff"], 16) & ~(1 << 19 | 1 << 2 | 1 << 5) == 0
    assert found["logger"]["NoNewPrivs"] == "1"
    if not os.environ.get("SAN_FLAGS"):
        assert found["logger"]["Seccomp"] == "2"
        assert (
            "Max data size             1073741824"
            in Path(f"/proc/{tend.daemon_pid('logger')}/limits").read_text()
        )
    # Whatever a process may do by itself it may do here: nothing of that is inherited.
    process = capabilities(tend.pid("s"))
    for key in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp"):
        assert process[key] == own[key] == found["spawner"][key] == found["guardian"][key], key


def test_a_probe_has_the_rights_of_its_user(tend):
    """The monitor has dropped its own capabilities; the programs that it runs begin with those of
    the user.
    """
    report = tend.work / "report"
    probe = tend.work / "probe"
    probe.write_text(
        f"#!/bin/sh\ngrep -E '^(Cap(Eff|Bnd)|NoNewPrivs)' /proc/self/status > {report}.new && mv {report}.new {report}\n"
    )
    probe.chmod(0o755)
    start(tend, "s", helper("sleeper"), options=("--health", f"exec:{probe}"))
    wait_until(report.exists, 30, "the probe ran")
    own = capabilities("self")
    for key, value in re.findall(r"^(\w+):\s+(\w+)$", report.read_text(), re.M):
        assert value == own[key], key


# ---- secrets


def test_secrets_stay_in_the_specification(tend):
    """Of the environment nothing is shown, of arguments no value whose name says that it is a
    secret.
    """
    marks = ("s3cr3t-env", "s3cr3t-arg", "s3cr3t-next", "s3cr3t-url")
    start(tend, "s", helper("sleeper"), options=("--env", f"DB_PASSWORD={marks[0]}"))
    fails = [
        "sh",
        "-c",
        "exit 3",
        "--",
        f"--token={marks[1]}",
        "--api-key",
        marks[2],
        f"postgres://me:{marks[3]}@host/db",
    ]
    start(tend, "t", *fails, restart="no", options=("--env", f"TOKEN={marks[0]}"), check=False)
    start(tend, "u", "/nonexistent", f"--password={marks[1]}", check=False)
    tend.wait("t", "stopped")
    spec = json.loads((tend.home / "specs/t.json").read_text())
    assert f"TOKEN={marks[0]}" in spec["env"] and fails[4:] == spec["argv"][4:]
    shown = [tend.segment.read_bytes().decode(errors="replace"), tend.log("tend")]
    for command in (
        ["status"],
        ["status", "--verbose"],
        ["list"],
        ["events"],
        ["why", "t"],
        ["why", "s"],
        ["snapshot"],
        ["stats"],
        ["doctor"],
        ["doctor", "--segment"],
        ["status", "--json"],
        ["list", "--json"],
        ["snapshot", "--json"],
        ["events", "--json"],
        ["monitor", "--once"],
        ["metrics"],
        ["orphans"],
        ["config", "show"],
    ):
        done = tend.run(*command, check=False)
        shown.append(done.stdout + done.stderr)
    for text in shown:
        assert not [mark for mark in marks if mark in text], text[:2000]
    assert "--token=*** --api-key *** postgres://***@host/db" in shown[3]
    tend.kill_daemon("spawner")  # what a new one says about them, too
    tend.wait_daemon("spawner")
    settled(tend)
    assert not [mark for mark in marks if mark in tend.log("tend")]


def test_the_login_of_a_registry_is_not_shown(tend):
    """An address such as http://NAME:PASSWORD@HOST is used as it is and shown without the login: in
    the table, logs, files for the CLI and JSON.
    """
    registry, mark = FakeRegistry(), "s3cr3t-login"
    try:
        tend.env.update(
            MCP_MESH_REGISTRY_URL=registry.url.replace("://", f"://me:{mark}@"),
            TEND_MONITOR_INTERVAL_MS="150",
        )
        agent = tend.work / "web.sh"
        agent.write_text("#!/bin/sh\nexec sleep 1000\n")
        agent.chmod(0o755)
        registry.agents = [entry("web")]
        tend.run("start", "--background", agent)
        registry.agents = [entry("web")]
        tend.run("wait", "web", "--for", "healthy", "--timeout", "20s")
        registry.agents = []
        wait_until(lambda: tend.status("web")["health_check"] == "unhealthy", 20, "web unhealthy")
    finally:
        registry.close()
    wait_until(
        lambda: tend.json("status", "--json")["registry"]["answers"] == "unreachable",
        20,
        "the registry unreachable",
    )
    shown = [
        tend.segment.read_bytes().decode(errors="replace"),
        tend.log("tend"),
        (tend.home / "run/agents.json").read_text(),
    ]
    for command in (
        ["status"],
        ["status", "web"],
        ["list"],
        ["events"],
        ["why", "web"],
        ["doctor"],
        ["doctor", "--segment"],
        ["status", "--json"],
        ["list", "--json"],
        ["snapshot", "--json"],
        ["monitor", "--json", "--verbose"],
        ["metrics"],
    ):
        done = tend.run(*command, check=False)
        shown.append(done.stdout + done.stderr)
    assert any("://***@" in text for text in shown)
    for text in shown:
        assert mark not in text, text[:2000]


def test_every_row_of_the_threat_table_names_a_test_that_exists():
    text = (TOP / "docs/security.md").read_text()
    here = Path(__file__).parent
    rows = re.findall(r"^\| (?!what|---|who)([^|]+)\|([^|]+)\|([^|]+)\|$", text, re.M)
    assert len(rows) > 15
    for what, _, tests in rows:
        names = re.findall(r"`(\w+)(?:\.py)?(?:::(\w+))?`", tests)
        assert names, f"no test for: {what}"
        for file, test in names:
            source = (
                (here / f"{file}.py").read_text()
                if test
                else (here / "test_security.py").read_text()
            )
            assert f"def {test or file}(" in source, f"{file} {test}"


@as_root
def test_another_user_can_not_imitate_a_process(open_tend):
    """Where the table is lost, processes are known again by their marks. One of another user that
    bears the same ones is not taken over.
    """
    pid = start(open_tend, "c", helper("sleeper"))
    saved(open_tend, {"c": identity(pid)})
    marks = {
        "TEND_HOME": str(open_tend.home),
        "TEND_NAME": "c",
        "TEND_INSTANCE": f"{fnv1a64(os.fsencode(open_tend.home)):016x}",
    }
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"],
        user=OTHER_UID,
        group=OTHER_UID,
        extra_groups=[],
        env=marks,
        start_new_session=True,
    ) as impostor:
        try:
            wait_until(
                lambda: b"TEND_NAME=c" in Path(f"/proc/{impostor.pid}/environ").read_bytes(),
                what="it bears the marks",
            )
            kill_all(open_tend)
            open_tend.segment.unlink()
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)
            start(open_tend, "other", helper("sleeper"))
            assert open_tend.wait_pid("c", not_pid=pid) != impostor.pid
            assert impostor.poll() is None
        finally:
            impostor.kill()
    open_tend.stop_all()
