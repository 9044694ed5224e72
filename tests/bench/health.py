#!/usr/bin/python3
"""tests/bench/health.py - what a cycle of the monitor costs with 1,000 agents and a registry that
lists them all, what memory the daemons take then, and how soon a waiting "tend wait" knows of a
change of health. Environment: TEND_BIN, BENCH_BIN, BENCH_N (agents, default 1000), BENCH_CYCLES
(default 8).
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/system"))
from fake_registry import FakeRegistry, entry  # noqa: E402

TEND_BIN = Path(os.environ.get("TEND_BIN", TOP / "build/bin"))
BENCH_BIN = Path(os.environ.get("BENCH_BIN", TOP / "build/plain/tests/bench"))
N = int(os.environ.get("BENCH_N", "1000"))
CYCLES = int(os.environ.get("BENCH_CYCLES", "8"))
ROUNDS = 60


class Instance:
    def __init__(self, registry, interval_ms):
        self.home = tempfile.mkdtemp(prefix="tend-bench-")
        self.env = dict(
            os.environ,
            TEND_HOME=self.home,
            TEND_REGISTRY="none",
            TEND_CAPACITY=str(N + 24),
            MCP_MESH_REGISTRY_URL=registry.url,
            TEND_MONITOR_INTERVAL_MS=str(interval_ms),
        )

    def run(self, *args):
        return subprocess.run(
            [TEND_BIN / "tend", *map(str, args)],
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))

    def close(self):
        subprocess.run(
            [TEND_BIN / "tend", "stop", "--force"], env=self.env, check=False, capture_output=True
        )
        shutil.rmtree(self.home, ignore_errors=True)


def on_cpu_ns(pid):
    """Of all its threads, by the scheduler's own count."""
    return sum(
        int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )


def pss_mb(pid):
    return (
        int(
            re.search(
                r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M
            ).group(1)
        )
        / 1024
    )


def bench_cycle():
    registry = FakeRegistry()
    registry.agents = [entry(f"s{i:05}", tools=["x"] * 3) for i in range(N)]
    folder = tempfile.mkdtemp(
        prefix="sleepers-", dir=BENCH_BIN
    )  # hard links need the file system of the program
    tend = Instance(registry, 5000)
    try:
        paths = [f"{folder}/s{i:05}" for i in range(N)]
        for path in paths:
            os.link(BENCH_BIN / "sleeper", path)
        tend.run("start", "--background", *paths)
        deadline = time.monotonic() + 120
        while sum(a["health"] == "healthy" for a in tend.json("status")["agents"].values()) < N:
            assert time.monotonic() < deadline, "not all agents became healthy"
            time.sleep(1)
        time.sleep(35)  # beyond the time in which new agents are asked about more often
        status = tend.json("status")
        pid, began = status["daemons"]["monitor"]["pid"], status["monitor"]
        cpu, requests = on_cpu_ns(pid), len(registry.requests)
        times = []
        while tend.json("status")["monitor"]["cycles"] < began["cycles"] + CYCLES:
            before = time.perf_counter()
            tend.run("status")
            times.append((time.perf_counter() - before) * 1e3)
            time.sleep(0.02)
        cycles = tend.json("status")["monitor"]["cycles"] - began["cycles"]
        cpu, requests = on_cpu_ns(pid) - cpu, len(registry.requests) - requests
        size = len(json.dumps({"agents": registry.agents}))
        print(
            f"a cycle of {N} agents: {cpu / cycles / 1e6:.1f} ms of CPU (goal <= 50), {requests / cycles:.2f} requests (goal 1), an answer is "
            f"{size >> 10} KB",
            flush=True,
        )
        memory = {role: pss_mb(daemon["pid"]) for role, daemon in status["daemons"].items()}
        print(
            f"  memory (PSS, MB): {', '.join(f'{role} {mb:.2f}' for role, mb in memory.items())}, together {sum(memory.values()):.2f}",
            flush=True,
        )
        print(
            f"  tend status meanwhile: median {statistics.median(times):.1f} ms, p99 {sorted(times)[int(len(times) * 0.99)]:.1f} ms",
            flush=True,
        )
    finally:
        tend.close()
        shutil.rmtree(folder, ignore_errors=True)
        registry.close()


def is_asleep(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def exit_after(child, change):
    """Real time at which a waiting child had ended, in ns; change lets it."""
    deadline = time.monotonic() + 10
    while not is_asleep(child.pid) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.03)
    change()
    child.wait()
    return time.time_ns()


def bench_wait():
    registry = FakeRegistry()
    tend = Instance(registry, 100)
    delays, floor = [], []
    try:
        path = Path(tend.home) / "web"
        shutil.copy(BENCH_BIN / "sleeper", path)
        tend.run("start", "--background", path)
        for _ in range(ROUNDS):
            registry.agents = [entry("web", "unhealthy")]
            while tend.json("status", "web")["processes"][0]["health_check"] != "unhealthy":
                time.sleep(0.02)
            child = subprocess.Popen(
                [TEND_BIN / "tend", "wait", "web", "--for", "healthy"],
                env=tend.env,
                stdout=subprocess.DEVNULL,
            )
            ended = exit_after(child, lambda: setattr(registry, "agents", [entry("web")]))
            delays.append(
                (ended - tend.json("snapshot")["rows"][0]["health"]["since_real_ns"]) / 1e6
            )
            child = subprocess.Popen(["sleep", "1000"])
            killed = []
            ended = exit_after(child, lambda: (killed.append(time.time_ns()), child.terminate()))
            floor.append((ended - killed[0]) / 1e6)
        print(
            f"a change of health -> tend wait has ended: median {statistics.median(delays):.2f} ms, slowest of {ROUNDS} {max(delays):.2f} ms (goal <= 10); "
            f"SIGTERM -> sleep has ended: {statistics.median(floor):.2f} and {max(floor):.2f} ms",
            flush=True,
        )
    finally:
        tend.close()
        registry.close()


bench_wait()
bench_cycle()
