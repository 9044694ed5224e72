"""What a process inherits over fork and execve, item by item as docs/surroundings.md lists it:
reset, kept, or taken from the command that starts it.
"""

import ctypes
import functools
import json
import os
import platform
import re
import resource
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from common import as_root, ordinary_user, script, start
from crashkit import one_line_error
from harness import ROLES, alive, helper, wait_gone, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
SYSCALLS = {
    "x86_64": {"ioprio_set": 251, "ioprio_get": 252, "set_mempolicy": 238, "clone3": 435},
    "aarch64": {"ioprio_set": 30, "ioprio_get": 31, "set_mempolicy": 237, "clone3": 435},
}[platform.machine()]
SANITIZED = "SAN_FLAGS" in os.environ
ADDR_NO_RANDOMIZE, PR_SET_TIMERSLACK, PR_SET_THP_DISABLE = 0x40000, 29, 41
LIMITS = {
    name: getattr(resource, f"RLIMIT_{name}")
    for name in (
        "CORE",
        "STACK",
        "FSIZE",
        "CPU",
        "AS",
        "DATA",
        "NPROC",
        "NOFILE",
        "MEMLOCK",
        "SIGPENDING",
    )
}
IDLE_IO = 3 << 13
NICE = min(
    os.getpriority(os.PRIO_PROCESS, 0) + 7, 19
)  # other than ours, and one that anybody may choose


def memory_policies(pid):
    """What /proc/PID/numa_maps names, but for a kernel without NUMA."""
    path = Path(f"/proc/{pid}/numa_maps")
    return (
        {line.split()[1] for line in path.read_text().splitlines()}
        if path.exists()
        else {"default"}
    )


def surroundings(pid):
    """What the kernel says of a process."""
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    return {
        "nice": os.getpriority(os.PRIO_PROCESS, pid),
        "scheduler": os.sched_getscheduler(pid),
        "io": LIBC.syscall(SYSCALLS["ioprio_get"], 1, pid),
        "cpus": os.sched_getaffinity(pid),
        "oom": int(Path(f"/proc/{pid}/oom_score_adj").read_text()),
        "limits": {name: resource.prlimit(pid, which) for name, which in LIMITS.items()},
        "personality": int(Path(f"/proc/{pid}/personality").read_text(), 16),
        "slack": int(Path(f"/proc/{pid}/timerslack_ns").read_text()),
        "coredump": int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16),
        "memory": memory_policies(pid),
        "thp": status.get("THP_enabled", "1").strip(),
        "ignored": int(status["SigIgn"], 16),
        "blocked": int(status["SigBlk"], 16),
    }


def odd(limits=()):
    """In the child that becomes tend: all of it otherwise than usual, as far as anybody may."""
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    assert LIBC.syscall(SYSCALLS["ioprio_set"], 1, 0, IDLE_IO) == 0
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    Path("/proc/self/oom_score_adj").write_text("321")
    Path("/proc/self/coredump_filter").write_text("0x1")
    for name, pair in dict(limits).items():
        resource.setrlimit(LIMITS[name], pair)
    LIBC.prctl(PR_SET_TIMERSLACK, 777777, 0, 0, 0)
    LIBC.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    LIBC.syscall(
        SYSCALLS["set_mempolicy"], 2, ctypes.byref(ctypes.c_ulong(1)), 64
    )  # bound to node 0
    LIBC.personality(ADDR_NO_RANDOMIZE)


def soft(**values):
    """Soft limits, the hard ones as they are."""
    return {name: (value, resource.getrlimit(LIMITS[name])[1]) for name, value in values.items()}


ODD_LIMITS = {
    "CORE": 4096,
    "STACK": 2 << 20,
    "FSIZE": 50 << 20,
    "CPU": 5000,
    "AS": 1 << 49,
    "DATA": 1 << 48,
    "NOFILE": 400,
    "SIGPENDING": 99,
}
TAKEN = ("nice", "scheduler", "io", "cpus", "oom", "limits")


KEEP_CORES = {
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":disable_coredump=0"
}  # a sanitizer lowers the limit before main()


def plain():
    """What this very process would hand on."""
    return {key: value for key, value in surroundings(os.getpid()).items() if key in TAKEN}


def taken(pid):
    return {key: value for key, value in surroundings(pid).items() if key in TAKEN}


def odd_ones():
    return {
        **plain(),
        "nice": NICE,
        "scheduler": os.SCHED_BATCH,
        "io": IDLE_IO,
        "cpus": {min(os.sched_getaffinity(0))},
        "oom": 321,
        "limits": {**plain()["limits"], **soft(**ODD_LIMITS)},
    }


# ---- taken: from the command that starts the process


@as_root
@pytest.mark.parametrize("disable", ["", "clone3"])
def test_a_process_gets_what_its_own_command_has(tend, disable):
    """Not what the command had that started the daemons; and whoever restarts it, it keeps it."""
    tend.env.update(TEND_DISABLE=disable, **KEEP_CORES)
    first = start(
        tend, "first", "sleep", "1000", preexec_fn=functools.partial(odd, soft(**ODD_LIMITS))
    )
    assert taken(first) == odd_ones()
    assert taken(start(tend, "second", "sleep", "1000")) == plain()
    again = start(
        tend, "third", "sleep", "1000", preexec_fn=functools.partial(odd, soft(**ODD_LIMITS))
    )
    assert taken(again) == odd_ones()
    tend.run("restart", "second", preexec_fn=odd)
    assert taken(tend.pid("second")) == plain()
    tend.kill_daemon("spawner")
    tend.kill(first)
    assert taken(tend.wait_pid("first", not_pid=first)) == odd_ones()
    tend.stop_all()


@as_root
def test_hard_limits_are_taken_as_well(tend):
    tend.env.update(KEEP_CORES)
    start(tend, "first", "sleep", "1000")
    pid = start(
        tend,
        "low",
        "sleep",
        "1000",
        preexec_fn=functools.partial(odd, {"CORE": (0, 1000), "NOFILE": (300, 301)}),
    )
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 1000)
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (300, 301)
    tend.stop_all()


@as_root
def test_what_the_kernel_refuses_is_said(tend):
    """A user without rights can't go back from a higher nice: the daemons try, a start says so in a
    line, and doctor names the value.
    """
    with ordinary_user(tend) as user:

        def low():
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        first = tend.run(
            "start",
            "--background",
            "--name",
            "first",
            "--",
            "sleep",
            "1000",
            preexec_fn=low,
            **user,
        )
        assert first.stderr == ""
        second = tend.run(
            "start", "--background", "--name", "second", "--", "sleep", "1000", **user
        )
        assert second.stderr.count("\n") == 1 and "core_bytes, nice" in second.stderr, second
        pid = int(re.search(r"pid (\d+)", second.stdout)[1])
        assert os.getpriority(os.PRIO_PROCESS, pid) == NICE
        doctor = tend.run("doctor", check=False, **user).stdout
        assert re.search(rf"nice.* {NICE}\b", doctor) and "core_bytes" in doctor, doctor
        tend.run("stop", **user)


def test_a_specification_of_an_earlier_build(tend):
    """Without the object: what the daemons have, and the limit of files that it names."""
    start(tend, "a", "sleep", "1000")
    tend.run("stop", "a")
    path = tend.home / "specs" / "a.json"
    spec = json.loads(path.read_text())
    assert set(spec["surroundings"]) == {
        "nice",
        "oom_score_adj",
        "scheduler",
        "priority",
        "io_priority",
        "cpus",
        "limits",
    }
    del spec["surroundings"]
    spec["open_files"] = 345
    path.write_text(json.dumps(spec))
    tend.run("start", "a", "--background")
    found = surroundings(tend.pid("a"))
    assert found["limits"]["NOFILE"] == (
        345,
        resource.prlimit(tend.daemon_pid("spawner"), resource.RLIMIT_NOFILE)[1],
    )
    assert found["nice"] == os.getpriority(os.PRIO_PROCESS, tend.daemon_pid("spawner"))
    tend.stop_all()


def may_raise_limits():
    return int(re.search(r"CapEff:\t(\w+)", Path("/proc/self/status").read_text())[1], 16) >> 24 & 1


# ---- reset: what the daemons have, whoever started them


@as_root
def test_the_daemons_have_defaults(tend):
    limits = {
        **soft(**ODD_LIMITS),
        "STACK": (2 << 20, 2 << 20),
        "CORE": (4096, 4096),
        "FSIZE": (50 << 20, 50 << 20),
    }
    start(tend, "a", "sleep", "1000", preexec_fn=functools.partial(odd, limits))
    ceiling = resource.RLIM_INFINITY if may_raise_limits() else None
    everywhere = set(
        map(
            int,
            re.findall(r"\d+", Path("/sys/devices/system/cpu/online").read_text().split("-")[0]),
        )
    )
    for role, pid in tend.wait_daemons().items():
        found = surroundings(pid)
        assert (found["nice"], found["scheduler"], found["oom"]) == (0, os.SCHED_OTHER, 0), role
        assert found["io"] >> 13 != 3 and everywhere <= found["cpus"], role
        assert (found["personality"], found["slack"], found["coredump"], found["thp"]) == (
            0,
            50000,
            0x33,
            "1",
        ), role
        assert found["memory"] == {"default"}, role
        assert found["limits"]["CORE"] == (
            0,
            ceiling or 4096,
        ), role  # CAP_SYS_RESOURCE lifts what the command had
        assert found["limits"]["FSIZE"] == (ceiling or 50 << 20, ceiling or 50 << 20), role
        assert found["limits"]["STACK"] == (
            8 << 20 if ceiling else 2 << 20,
            ceiling or 2 << 20,
        ), role
        assert found["limits"]["NOFILE"][0] == found["limits"]["NOFILE"][1], role
    process = surroundings(tend.pid("a"))
    assert (process["personality"], process["slack"], process["coredump"], process["thp"]) == (
        0,
        50000,
        0x33,
        "1",
    )
    assert process["memory"] == {"default"}
    tend.stop_all()


def deaf():
    """Every signal that can be is ignored and blocked."""
    for signo in set(range(1, 65)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
        signal.signal(signo, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


def test_signals_that_are_ignored_or_blocked(tend):
    """SIGCHLD ignored would take the ends of all processes from the daemons, SIGTERM blocked their
    own.
    """
    pid = start(tend, "a", "sleep", "1000", preexec_fn=deaf)
    found = surroundings(pid)
    assert (found["ignored"], found["blocked"]) == (0, 0)
    own = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert {
        role: surroundings(daemon)["ignored"] for role, daemon in tend.wait_daemons().items()
    } == dict.fromkeys(ROLES, own)
    start(tend, "b", "sh", "-c", "exit 7", options=("--restart", "no"))
    tend.wait("b", "stopped")
    assert any(event.get("exit_code") == 7 for event in tend.events("b")), tend.events("b")
    for role in ("spawner", "logger", "monitor", "guardian"):
        old = tend.kill_daemon(role)
        tend.wait_daemon(role, not_pid=old)
    tend.stop_all()
    assert not alive(pid)


def deaf_with_an_alarm():
    signal.setitimer(signal.ITIMER_REAL, 0.7)
    deaf()


def test_a_guardian_that_someone_executes(tend):
    """Signals as above; and alarm(2) outlives execve: it would end the guardian, or be ignored with
    SIGALRM.
    """
    guardian = subprocess.Popen(
        [tend.bin / "tend-guardian"],
        env=tend.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=deaf_with_an_alarm,
    )
    tend.children.append(guardian)
    tend.wait_daemons()
    found = surroundings(guardian.pid)
    assert found["blocked"] == sum(
        1 << signo - 1 for signo in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    )  # it reads them
    assert found["ignored"] == 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    with pytest.raises(subprocess.TimeoutExpired):
        guardian.wait(1.5)
    tend.stop_all()
    assert guardian.wait(20) == 0


def test_a_guardian_without_standard_descriptors(tend):
    """What it says must not go into the file that gets the number."""
    guardian = subprocess.Popen(
        ["sh", "-c", 'exec "$0" <&- >&- 2>&-', tend.bin / "tend-guardian"], env=tend.env
    )
    tend.children.append(guardian)
    tend.wait_daemons()
    assert [os.readlink(f"/proc/{guardian.pid}/fd/{n}") for n in range(3)] == ["/dev/null"] * 3
    tend.stop_all()
    assert guardian.wait(20) == 0


@pytest.mark.parametrize("mask", [0o777, 0o700, 0o277])
def test_a_umask_that_takes_all_from_ourselves(tend, mask):
    pid = start(tend, "a", "sh", "-c", "umask; exec sleep 1000", preexec_fn=lambda: os.umask(mask))
    tend.wait_log("a", f"^0*{mask:o}$")
    for folder in (tend.home, *(tend.home / name for name in ("run", "logs", "specs"))):
        assert folder.stat().st_mode & 0o777 == 0o700
    tend.stop_all()
    assert not alive(pid)


# ---- limits of the command line and of daemons that can't raise them


def hard(**limits):
    def prepare():
        for name, value in limits.items():
            resource.setrlimit(LIMITS[name], (value, value))

    return prepare


@as_root
@pytest.mark.skipif(SANITIZED, reason="a sanitizer needs more for itself")
@pytest.mark.parametrize("who", ["root", "user"])
def test_a_small_stack(tend, who):
    """64 KB, of which no path fits into a frame: programs and their threads make room for
    themselves.
    """
    with ordinary_user(tend) as user:
        options = {**(user if who == "user" else {}), "preexec_fn": hard(STACK=64 << 10)}
        if who == "root":
            os.chown(tend.root, 0, 0)
            tend.segment = tend.segment.with_name(tend.segment.name.replace("-65534-", "-0-"))
        tend.run(
            "start",
            "--background",
            "--name",
            "a",
            "--log-size",
            "50000",
            "--",
            "sh",
            "-c",
            "seq 20000; echo end; exec sleep 1000",
            **options,
        )
        tend.wait_log("a", "^end$", timeout=40)
        wait_until(lambda: list((tend.home / "logs").glob("a.log.*")), what="a rotation")
        assert tend.run("status", **options).stdout.startswith("HEALTHY")
        assert "complete" in tend.run("logs", "a", "--verify", **options).stdout
        tend.run("stop", **options)


@as_root
def test_tend_log_has_reached_the_limit_on_files(tend):
    """SIGXFSZ ended guardian, spawner and monitor with their next message. A user can't raise what
    ulimit -f has set.
    """
    with ordinary_user(tend) as user:
        options = {**user, "preexec_fn": hard(FSIZE=4 << 20)}
        tend.run(
            "start",
            "--background",
            "--name",
            "a",
            "--restart",
            "always",
            "--",
            "sleep",
            "1000",
            **options,
        )
        daemons = tend.wait_daemons()
        log = tend.home / "logs" / "tend.log"
        with open(log, "ab") as f:
            f.write(b"x" * ((4 << 20) - 10 - log.stat().st_size))
        for role in ("monitor", "logger"):
            tend.kill_daemon(role)
            tend.wait_daemon(role, not_pid=daemons[role])
        row = json.loads(tend.run("status", "--json", **options).stdout)["processes"][0]
        tend.kill(row["pid"])
        wait_gone(row["pid"])

        def again():
            now = json.loads(tend.run("status", "--json", **options).stdout)["processes"][0]
            return now["status"] == "running" and now["pid"] not in (0, row["pid"])

        wait_until(again, what="it is restarted")
        assert [tend.daemon_pid(role) for role in ("guardian", "spawner")] == [
            daemons[role] for role in ("guardian", "spawner")
        ]
        assert tend.run("status", **options).stdout.startswith("HEALTHY")
        tend.run("start", **options)
        tend.run("stop", **options)


@as_root
def test_a_table_that_is_larger_than_files_may_be(tend):
    with ordinary_user(tend) as user:
        done = tend.run(
            "start",
            "--background",
            "--name",
            "a",
            "--",
            "sleep",
            "1000",
            check=False,
            **user,
            preexec_fn=hard(FSIZE=100 << 10),
        )
        one_line_error(done, "/dev/shm", "ulimit -f")
        assert not list(tend.segment.parent.glob(tend.segment.name + "*"))


# ---- signals and the command line


FOREGROUND = 'nohup_or_not="$1"; shift; trap "" INT TERM; [ "$nohup_or_not" = nohup ] && trap "" HUP; exec "$@"'


def catches(pid, signo):
    return (
        int(re.search(r"SigCgt:\t(\w+)", Path(f"/proc/{pid}/status").read_text())[1], 16)
        >> signo - 1
        & 1
    )


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_a_start_in_the_background_of_a_script_can_be_ended(tend, signo):
    """A shell without job control starts what ends in & with SIGINT ignored; a start that stays
    takes it all the same.
    """
    argv = [
        "sh",
        "-c",
        FOREGROUND,
        "sh",
        "no",
        *tend.argv("start", "--name", "a", "--", "sleep", "1000"),
    ]
    child = subprocess.Popen(
        argv,
        env=tend.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    tend.children.append(child)
    wait_until(
        lambda: catches(child.pid, signal.SIGTERM)
        and tend.run("status", "a", check=False).returncode == 0,
        what="it stays with it",
    )
    pid = wait_until(lambda: tend.pid("a"), what="it runs")
    child.send_signal(signo)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0 and "a: stopped" in out, out + err
    wait_gone(pid)
    tend.must_be_clean = True


def test_nohup_stays_so(tend):
    argv = [
        "sh",
        "-c",
        FOREGROUND,
        "sh",
        "nohup",
        *tend.argv("start", "--name", "a", "--", "sleep", "1000"),
    ]
    child = subprocess.Popen(
        argv,
        env=tend.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    tend.children.append(child)
    wait_until(
        lambda: catches(child.pid, signal.SIGTERM)
        and tend.run("status", "a", check=False).returncode == 0,
        what="it stays with it",
    )
    assert surroundings(child.pid)["ignored"] >> signal.SIGHUP - 1 & 1
    child.send_signal(signal.SIGHUP)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0 and "a: stopped" in out, out + err
    tend.must_be_clean = True


# ---- what else stands in the list


@as_root
def test_what_can_not_be_given_back_is_told(tend):
    """no_new_privs, groups, capabilities and namespaces are the daemons' for good; doctor tells
    where they are not one's own.
    """
    with ordinary_user(tend) as user:
        tend.run(
            "start",
            "--background",
            "--name",
            "a",
            "--",
            "sleep",
            "1000",
            **user,
            preexec_fn=lambda: LIBC.prctl(38, 1, 0, 0, 0),
        )
        doctor = tend.run("doctor", check=False, **{**user, "extra_groups": [12345]}).stdout
        assert "no_new_privs" in doctor and "12345" in doctor, doctor
        tend.run("stop", **user)


def test_a_capacity_that_is_no_number(tend):
    done = tend.run(
        "start",
        "--background",
        "--name",
        "a",
        "--",
        "sleep",
        "1000",
        check=False,
        env={"TEND_CAPACITY": "abc"},
    )
    one_line_error(done, "TEND_CAPACITY", "'abc'", "1 to")


# ---- a filter of system calls that knows no clone3


def without_clone3():
    """As engines of older containers do it: EPERM, where the C library goes on after ENOSYS
    only.
    """

    def ins(code, jt, jf, k):
        return struct.pack("HBBI", code, jt, jf, k)

    program = (
        ins(0x20, 0, 0, 0)
        + ins(0x15, 0, 1, SYSCALLS["clone3"])
        + ins(0x06, 0, 0, 0x00050001)
        + ins(0x06, 0, 0, 0x7FFF0000)
    )
    buf = ctypes.create_string_buffer(program, len(program))

    class Fprog(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    fprog = Fprog(len(program) // 8, ctypes.addressof(buf))
    assert LIBC.prctl(38, 1, 0, 0, 0) == 0 and LIBC.prctl(22, 2, ctypes.byref(fprog), 0, 0) == 0


def test_without_clone3(tend):
    """Daemons, processes, probes, threads that compress: all of them are made with other calls."""
    health = tend.work / "health.json"
    health.write_text(
        json.dumps(
            {
                "probes": {
                    "liveness": {"exec": ["sh", "-c", f"touch {tend.work}/probed"], "interval": 0.2}
                }
            }
        )
    )
    options = ("--log-size", "20000", "--health", health)
    start(
        tend,
        "a",
        "sh",
        "-c",
        "seq 20000; echo end; exec sleep 1000",
        options=options,
        preexec_fn=without_clone3,
    )
    tend.wait_log("a", "^end$")
    if not SANITIZED:  # then the logger has no filter of its own, and no thread
        wait_until(lambda: list((tend.home / "logs").glob("a.log.*.lz4")), what="an archive")
    wait_until(lambda: (tend.work / "probed").exists(), what="a probe")
    start(tend, "c", "sh", "-c", "exit 3", options=("--restart", "no"))
    tend.wait("c", "stopped")
    for role in ("spawner", "logger", "monitor", "guardian"):
        old = tend.kill_daemon(role)
        tend.wait_daemon(role, not_pid=old)
    # Of a command's threads the filter leaves none; what it would show is in the log.
    done = tend.run(
        "start", "--name", "f", "--restart", "no", "--", "echo", "hello", preexec_fn=without_clone3
    )
    assert "can't be shown" in done.stderr and "f: started" in done.stdout, done
    tend.wait_log("f", "^hello$")
    tend.stop_all()
