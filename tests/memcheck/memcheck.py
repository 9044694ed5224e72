#!/usr/bin/python3
"""All four daemons under valgrind, through a whole scenario: no wrong access, no leak, no
descriptor left. make memcheck runs it.

Environment: TEND_BIN and TEST_BIN as for the system tests. Exit status 1 if anything was found.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from harness import ROLES, TEND_BIN, Tend, helper, wait_until  # noqa: E402

SKIPPED = "*/sleep,*/sh,*/dash,*/bash,*/true,*/tests/bin/*"  # what is supervised runs as it is
VALGRIND = [
    "valgrind",
    "--quiet",
    "--trace-children=yes",
    f"--trace-children-skip={SKIPPED}",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect,possible",
    "--num-callers=20",
    "--suppressions=" + str(Path(__file__).with_name("valgrind.supp")),
]
PATIENCE = 120  # seconds; valgrind takes twenty times as long


def descriptors(tend):
    return {role: len(os.listdir(f"/proc/{tend.daemon_pid(role)}/fd")) for role in ROLES}


def start(tend, name, *command, options=()):
    return tend.run(
        "start",
        "--background",
        "--name",
        name,
        *options,
        "--",
        *command,
        timeout=PATIENCE,
        check=False,
    )


def scenario(tend):
    """A start, a crash loop, a failure to start, stops, a kill, a rotation into archives, separate
    standard error, probes, a removal.
    """
    start(tend, "steady", helper("sleeper"))
    start(
        tend,
        "crashes",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 3",
        options=(
            "--separate-stderr",
            "--restart-delay",
            "1ms",
            "--restart-max-delay",
            "1ms",
            "--restart-limit",
            "5/1m",
        ),
    )
    start(tend, "nowhere", "/nonexistent/program")
    start(tend, "stubborn", helper("term_ignorer"), options=("--stop-timeout", "100ms"))
    start(
        tend,
        "talks",
        helper("flooder"),
        "20000",
        options=("--log-size", "200k", "--health", "exec:true"),
    )
    wait_until(lambda: "end 20000" in tend.log("talks"), PATIENCE, "all output")
    wait_until(
        lambda: tend.status("crashes")["state"] == "failed", PATIENCE, "the crash loop is over"
    )
    wait_until(lambda: list((tend.home / "logs").glob("talks.log.*.lz4")), PATIENCE, "an archive")
    for command in (
        ["restart", "steady"],
        ["signal", "steady", "USR1"],
        ["stop", "stubborn"],
        ["stop", "crashes"],
        ["logs", "talks"],
        ["status"],
    ):
        tend.run(*command, timeout=PATIENCE, check=False)
    for name in ("steady", "stubborn", "crashes", "talks"):
        tend.run("stop", name, timeout=PATIENCE, check=False)
        tend.run("remove", name, timeout=PATIENCE)
    wait_until(lambda: tend.status()["processes"] == [], PATIENCE, "an empty table")


def settled(tend, before):
    """The descriptors are no more than before; what the daemons still close they close soon."""
    try:
        wait_until(
            lambda: all(now <= before[role] for role, now in descriptors(tend).items()),
            30,
            "no more descriptors than before",
            nap=0.2,
        )
    except AssertionError:
        return [f"descriptors before {before}, after {descriptors(tend)}"]
    return []


def run(tend, reports):
    guardian = subprocess.Popen(
        [
            *VALGRIND,
            f"--log-file={reports}/%p",
            str(TEND_BIN / "tend-guardian"),
            "--home",
            str(tend.home),
        ],
        env=tend.env,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tend.wait_daemons(PATIENCE)
    for _ in range(
        2
    ):  # so that whatever is made at first use, or kept for what was removed once, is there
        scenario(tend)
    before = descriptors(tend)
    scenario(tend)
    found = settled(tend, before)
    start(tend, "adopted", helper("sleeper"))
    for role in (
        "spawner",
        "logger",
        "monitor",
    ):  # each ends in order and is followed by another, which takes over
        old = tend.kill_daemon(role, signal.SIGTERM)
        tend.wait_daemon(role, not_pid=old, timeout=PATIENCE)
    tend.run("stop", "adopted", timeout=PATIENCE)
    tend.run("stop", timeout=PATIENCE)
    if guardian.wait(PATIENCE) != 0:
        found.append(f"the guardian exited with {guardian.returncode}")
    return found


def main():
    tend = Tend()
    # Its copy-on-write stacks and filters are beyond valgrind; what they do is tested elsewhere.
    tend.env["TEND_DISABLE"] = "clone3,seccomp"
    reports = tend.work / "reports"
    reports.mkdir()
    try:
        found = run(tend, reports)
        checked = 0
        for report in sorted(reports.iterdir()):
            # "--PID--" lines tell of system calls that this valgrind does not know (pidfd_open).
            text = re.sub(r"^--\d+--.*\n", "", report.read_text(), flags=re.M)
            text = re.sub(r"^==\d+== ?", "", text, flags=re.M).strip()
            checked += 1
            if text:
                found.append(text)
    finally:
        complaints = tend.close()
    for text in found + complaints:
        print(text)
    print(
        f"memcheck: {checked} programs ran under valgrind, {len(found) + len(complaints)} findings"
    )
    return 1 if found or complaints else 0


if __name__ == "__main__":
    sys.exit(main())
