"""What test_orphans.py runs as init of namespaces of its own (pid, mounts, /dev/shm), so that tend
orphans --kill reaches nobody else.

    python3 -I -S orphans_inside.py VARIANT BIN OTHER_BIN SLEEPER FOLDER

Each variant makes processes that look as if nobody looked after them any more, and of which that
can't be told: they are listed with the reason, or not at all, and never ended. Prints "well".
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

variant, BIN, OTHER_BIN, SLEEPER, top = sys.argv[1:]
HOME, NONE = top + "/home", top + "/none"
UID = 12345


def run(*args, home=HOME, bin=BIN, prefix=(), check=True):
    env = {**os.environ, "TEND_HOME": home}
    return subprocess.run(
        [*prefix, bin + "/tend", *args],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=check,
        env=env,
    )


def start(*argv, **options):
    """A process s that is not restarted; returns its pid."""
    run(
        "start",
        "--background",
        "--restart",
        "no",
        "--name",
        "s",
        "--",
        *(argv or [SLEEPER]),
        **options,
    )
    return json.loads(run("status", "s", "--json", **options).stdout)["processes"][0]["pid"]


def state(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]
    return ""


def alive(pid):
    return state(pid) not in ("", "Z", "X")


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def running(path):
    """The pids of those that run this program, or one whose name begins with it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            exe = os.readlink(f"/proc/{pid}/exe")
            if exe == path or os.path.basename(exe).startswith(path):
                found.append(int(pid))
    return found


def lose_daemons():
    pids = running("tend-")
    for signo in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(
                ProcessLookupError
            ):  # what the spawner has forked to write a file ends by itself
                os.kill(pid, signo)
    until(lambda: not any(map(alive, pids)))


def daemon(role):
    with open(f"{HOME}/run/{role}.lock") as f:
        return int(f.read().split()[0])


def remove_home():
    while os.path.exists(HOME):  # a save of processes.json may be under way
        shutil.rmtree(HOME, ignore_errors=True)


def left_alone(pid, *words):
    """It is listed with this reason (without one: not at all), and --kill does not end it."""
    found = json.loads(run("orphans", "--json", home=NONE).stdout)
    assert [o["pid"] for o in found] == ([pid] if words else []), found
    for o in found:
        assert o["orphan"] is False and all(word in o["reason"] for word in words), o
    done = run("orphans", "--kill", home=NONE).stdout
    assert (
        ("0 ended, the others are left alone" in done and "can't tell: " in done)
        if words
        else done == "no orphans\n"
    ), done
    assert alive(pid)


def other_user():
    """Of root: others' processes are theirs to end, also when their home is gone."""
    os.mkdir(HOME, 0o700)
    os.chown(HOME, UID, UID)
    pid = start(prefix=("setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"))
    left_alone(pid)
    lose_daemons()
    left_alone(pid, "another user")
    shutil.rmtree(HOME)
    left_alone(pid, "another user")


def boxed(prepare, *unshare):
    """An instance in further namespaces; returns the pid of its process, and what ends the box."""
    script = f'{prepare}"$1/tend" start --name s --restart no --background -q -- "$2"; sleep 1000'
    box = subprocess.Popen(
        ["unshare", *unshare, "sh", "-c", script, "sh", BIN, SLEEPER],
        env={**os.environ, "TEND_HOME": HOME},
    )
    until(lambda: running(SLEEPER))
    (pid,) = running(SLEEPER)
    return pid, box


def container():
    pid, box = boxed("", "-p", "-f", "--mount-proc", "--kill-child=KILL")
    left_alone(pid)
    lose_daemons()
    left_alone(pid, "another pid namespace")
    shutil.rmtree(HOME)
    left_alone(pid, "another pid namespace")
    box.kill()
    box.wait()


def private_mount():
    """The home is there in its own mounts only."""
    pid, box = boxed(f"mount -t tmpfs -o mode=700 none {top}; mkdir -m 700 {HOME}; ", "-m")
    left_alone(pid)
    lose_daemons()
    assert not os.path.exists(HOME)
    left_alone(pid, "another mount namespace")
    box.kill()
    box.wait()


def writable_home():
    pid = start()
    os.chmod(HOME, 0o770)
    left_alone(pid)
    lose_daemons()
    left_alone(pid, "can't be opened", "others can write")


def renamed_home():
    pid = start()
    os.rename(HOME, HOME + "2")
    left_alone(pid)
    lose_daemons()
    left_alone(pid, "was moved", HOME + "2/run/s.out")
    run("start", home=HOME + "2")
    assert alive(pid)
    left_alone(pid, "was moved")


def home_gone_under_daemons():
    """They live, and stop their processes when they are asked to."""
    pid = start()
    guardian, spawner = (daemon(role) for role in ("guardian", "spawner"))
    remove_home()
    left_alone(pid)
    os.kill(guardian, signal.SIGSTOP)  # it does not start another spawner
    os.kill(spawner, signal.SIGKILL)
    until(lambda: state(spawner) in ("", "Z"))
    left_alone(pid)


def daemons_that_are_no_ancestors():
    """They took it over when it was init's child already; then their home was removed."""
    pid = start()
    lose_daemons()
    run("start")
    remove_home()
    left_alone(pid, "a daemon of it lives")


def other_layout():
    pid = start(bin=OTHER_BIN)
    left_alone(pid)
    lose_daemons()
    left_alone(pid, "table can't be read")


def no_table():
    pid = start()
    lose_daemons()
    for name in os.listdir("/dev/shm"):
        os.unlink("/dev/shm/" + name)
    left_alone(pid, "tend start")
    run("start")
    assert alive(pid)
    left_alone(pid)


def too_few_descriptors():
    """Whatever can't be opened for want of descriptors proves nothing."""
    pid = start()
    lose_daemons()
    orphan = start(home=HOME + "-gone")
    lose_daemons()
    shutil.rmtree(HOME + "-gone")
    for limit in range(3, 24):
        done = run(
            "orphans",
            "--kill",
            home=NONE,
            prefix=("prlimit", f"--nofile={limit}:{limit}"),
            check=False,
        )
        assert alive(pid), (limit, done)
    assert not alive(orphan), "with enough descriptors it is told"


def changed_home():
    """What a process starts with another TEND_HOME bears marks that contradict each other."""
    pid = start("/bin/sh", "-c", f"TEND_HOME={top}/nowhere {SLEEPER} & wait")
    until(lambda: running(SLEEPER))
    (child,) = running(SLEEPER)
    left_alone(child, "contradict")
    lose_daemons()
    left_alone(child, "contradict")
    assert alive(pid)


def own_root():
    """In a root folder of its own there is no home; outside there is."""
    jail = top + "/jail"
    os.makedirs(jail)
    shutil.copy(SLEEPER, jail + "/sleeper")
    (libraries,) = [
        subprocess.run(["ldd", SLEEPER], capture_output=True, text=True, check=False).stdout
    ]
    for word in libraries.split():
        if word.startswith("/"):
            os.makedirs(jail + os.path.dirname(word), exist_ok=True)
            shutil.copy(word, jail + word)
    chroot = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin")
    pid = start(chroot, jail, "/sleeper")
    until(lambda: os.readlink(f"/proc/{pid}/root") == jail)
    left_alone(pid)
    lose_daemons()
    left_alone(pid, "root folder")


globals()[variant]()
print("well")
