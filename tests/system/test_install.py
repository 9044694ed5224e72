"""make install: the programs find each other, the reader's library serves a program of one's own,
and make uninstall takes all of it away.
"""

import os
import shutil
import subprocess

import pytest

from harness import TOP, Tend, wait_until

SOURCES = (
    "lib shm guardian spawner monitor logger registry cli docs examples tools tests Makefile VERSION"
).split()


def make(tree, *args):
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MAKE", "MFLAGS", "TEND_"))
    }
    done = subprocess.run(
        ["make", "--no-print-directory", *args],
        cwd=tree,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"make {' '.join(args)}:\n{done.stdout}"


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources with what was built of them: flags that differ must not build anything
    anew under the other tests.
    """
    copy = tmp_path / "tree"
    copy.mkdir()
    for name in SOURCES:
        if (TOP / name).is_dir():
            shutil.copytree(
                TOP / name,
                copy / name,
                ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"),
            )
        else:
            shutil.copy2(TOP / name, copy / name)
    if (TOP / "build/plain").exists():
        shutil.copytree(
            TOP / "build/plain",
            copy / "build/plain",
            ignore=shutil.ignore_patterns("tests", "results"),
        )
    return copy


@pytest.mark.timeout(900)
def test_install_use_uninstall(tree, tmp_path, new_tend):
    prefix = tmp_path / "prefix"
    make(tree, "install", f"PREFIX={prefix}")
    assert {
        "bin/tend",
        "bin/mcp_mesh_dev",
        "libexec/tend/tend-guardian",
        "lib/libtendshm.a",
        "lib/pkgconfig/tendshm.pc",
        "include/tendshm.h",
        "share/man/man1/tend.1",
        "share/man/man5/tend-shm.5",
        "share/man/man8/tend-guardian.8",
    } <= set(files_below(prefix))

    tend = new_tend()
    tend.argv = lambda *args: [str(prefix / "bin/tend"), *map(str, args)]
    tend.run("start", "--name", "a", "--background", "--", "sleep", "600")
    guardian = tend.wait_daemons()["guardian"]
    assert os.readlink(f"/proc/{guardian}/exe") == str(prefix / "libexec/tend/tend-guardian")

    watch = build_example(prefix, tmp_path)
    check_example(watch, tend)

    make(tree, "uninstall", f"PREFIX={prefix}")
    assert files_below(prefix) == []
    assert not (prefix / "libexec/tend").exists() and not (prefix / "include/tend").exists()


def build_example(prefix, tmp_path):
    env = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "tendshm"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    program = tmp_path / "watch_changes"
    subprocess.run(
        [
            "gcc",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            program,
            TOP / "examples/watch_changes.c",
            *flags,
            *os.environ.get("SAN_FLAGS", "").split(),
        ],
        check=True,
        timeout=120,
    )
    return program


def check_example(program, tend: Tend):
    """It tells of a restart, follows a table that is made again, and ends with the instance."""
    out = tend.work / "watch.out"
    with open(out, "w") as to:
        watcher = subprocess.Popen(
            [program], env=tend.env, stdin=subprocess.DEVNULL, stdout=to, stderr=to
        )
    tend.children.append(watcher)
    wait_until(lambda: "a: running" in out.read_text(), 20, "the watcher's first look")
    old = tend.pid("a")
    tend.run("signal", "a", "KILL")
    new = tend.wait_pid("a", not_pid=old)
    wait_until(
        lambda: f"a: running, pid {new}" in out.read_text(),
        20,
        "the restart in the watcher's output",
    )
    tend.segment.unlink()
    wait_until(tend.segment.exists, 20, "a new segment")
    tend.run("start", "--name", "b", "--background", "--", "sleep", "600")
    wait_until(
        lambda: "b: running" in out.read_text(),
        20,
        "a process of the new table in the watcher's output",
    )
    tend.stop_all()
    assert watcher.wait(20) == 0
    assert out.read_text().endswith("the instance has ended\n")
