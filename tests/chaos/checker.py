#!/usr/bin/env python3
"""Checks an instance of tend from outside: reads /proc, the segment as shm/README.md documents it,
and files. It runs no program of tend and asks no daemon.

    checker.py HOME TRUTH [--expect FILE] [--stopped] [--timeout SECONDS]

TRUTH is the folder in which each witness (tests/bin/witness.c) keeps its own record. FILE is a JSON
object of what should be there, by name of process:
    "up"        true: it should run
    "runs"      how many runs there should have been; absent: any number
    "signals"   the signals that may have ended a run of it ("stop" commands and the like)
    "phantoms"  how many runs may have ended by SIGKILL before their program began (a fault in the
                launch itself)
    "outages"   [[from, to, who], ...] in seconds since the boot: times in which daemons were dead.
                How a run ended that ended then may be "lost", and what lay in its pipe as well.
                What is allowed for this reason is collected in ALLOWED
    "foreign"   true: no witness; only whether it runs is looked at
Without it, whatever the table holds is taken as expected. --stopped: the instance has ended, and
nothing of it may be left.

What does not hold yet is looked at again until the time is over. Exit status 0: all holds; 1: each
line of output is something that does not.
"""

import argparse
import functools
import glob
import json
import os
import re
import signal
import struct
import sys
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ROLES = ("guardian", "spawner", "monitor", "logger")
STATE_RUNNING, STATE_STOPPING = 2, 3
EVENT_STATE = 1
AT_REST = (0, 5, 6)
# (name, run, what, who was dead): what could not be known, or was lost, since nobody lived to see
# it.
ALLOWED = set()


@functools.cache
def read_table():
    """The documented reader of the table, in Python."""
    loader = SourceFileLoader("read_table", str(TOP / "examples/read_table.py"))
    module = module_from_spec(spec_from_loader("read_table", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


@functools.cache
def documented():
    """What shm/README.md says: the numbers of the regions, and {struct: {field: (offset,
    type)}}.
    """
    text = (TOP / "shm/README.md").read_text()
    regions = {m[2]: int(m[1]) for m in re.finditer(r"^\| (\d+) \| (\w+) \| \d+ \|", text, re.M)}
    types = {"u8": "B", "u16": "H", "u32": "I", "i32": "i", "u64": "Q"}
    structs = {}
    for part in re.split(r"^### struct ", text, flags=re.M)[1:]:
        rows = re.finditer(r"^\| (\d+) \| (\d+) \| (\w+) \| (\w+) \|", part, re.M)
        structs[part.split(",")[0]] = {m[4]: (int(m[1]), types.get(m[3], f"{m[2]}s")) for m in rows}
    return regions, structs


def record(struct_name, data, *fields):
    """{field: value} of these fields of a record, or of a mapping of memory from its beginning
    on.
    """
    layout = documented()[1][struct_name]
    found = {f: struct.unpack_from("=" + layout[f][1], data, layout[f][0])[0] for f in fields}
    return {f: v.split(b"\0")[0].decode() if isinstance(v, bytes) else v for f, v in found.items()}


# ---- /proc


def stat_of(pid):
    """(state letter, parent, start ticks), or None."""
    text = read_bytes(f"/proc/{pid}/stat").decode(errors="replace")
    if not text:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[1]), int(fields[19])


def is_alive(pid, ticks=None):
    st = stat_of(pid)
    return st is not None and st[0] not in "ZX" and (ticks is None or st[2] == ticks)


def pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def read_bytes(path):
    """All of a file, nothing if it can't be read. A look at all processes opens hundreds: this is
    twice as fast as Path.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    data = b""
    try:
        while part := os.read(fd, 1 << 16):
            data += part
    except OSError:
        pass
    finally:
        os.close(fd)
    return data


def instance_hash(home):
    value = 0xCBF29CE484222325
    for byte in os.fsencode(os.path.realpath(home)):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def supervised(home):
    """{pid: name} of living processes that the instance has started, as their environment says."""
    mark = b"TEND_INSTANCE=" + instance_hash(home).encode()
    found = {}
    for pid in pids():
        environ = read_bytes(f"/proc/{pid}/environ")
        if mark in environ and mark in environ.split(b"\0") and is_alive(pid):
            names = [e[10:].decode() for e in environ.split(b"\0") if e.startswith(b"TEND_NAME=")]
            found[pid] = names[0] if names else "?"
    return found


def daemons(home):
    """{role: [pid]} by command line. What a daemon has forked and not yet made another program
    bears its parent's, and is none.
    """
    found = {role: [] for role in ROLES}
    for pid in pids():
        argv = read_bytes(f"/proc/{pid}/cmdline").split(b"\0")
        role = os.fsdecode(os.path.basename(argv[0])).removeprefix("tend-")
        if role in found and os.fsencode(home) in argv and is_alive(pid):
            found[role].append(pid)
    for role, own in found.items():
        found[role] = [pid for pid in own if (st := stat_of(pid)) and st[1] not in own]
    return found


# ---- the table


class Table:
    def __init__(self, home):
        self.path = f"/dev/shm/tend-{os.geteuid()}-{instance_hash(home)}"
        t = read_table()
        self.get, self.latch = t.get, t.latch
        self.map, self.regions = t.attach(self.path)

    def region(self, name):
        return self.regions[documented()[0][name]]

    def blocks(self, region, i):
        return self.latch(self.map, self.region(region), i)

    def rows(self):
        """{name: dict} of the rows in use."""
        found = {}
        at = self.region("shared")[0]
        for slot in range(record("seg_shared", self.map[at : at + 384], "high")["high"]):
            gen = self.get("I", self.map, self.region("gens")[0] + 4 * slot)
            ident = record("pt_ident", self.blocks("idents", slot), "name", "gen")
            life = record(
                "pt_life",
                self.blocks("lives", slot),
                "gen",
                "pid",
                "state",
                "want",
                "start_ticks",
                "life",
            )
            if gen & 1 and ident["gen"] == life["gen"] == gen:
                found[ident["name"]] = {"slot": slot, **life}
        return found

    def daemons(self):
        return {
            role: record("pt_daemon", self.blocks("daemons", i), "pid", "restarts")
            for i, role in enumerate(ROLES)
        }

    def monitor(self, *fields):
        return record("pt_monitor", self.blocks("monitor", 0), *fields)

    def events(self):
        """The spawner's events that can still be read, oldest first, and whether all there ever
        were are among them.
        """
        at, stride, count = self.region("spawner_events")
        entries = count - 1
        head = self.get("Q", self.map, at)
        found = []
        for pos in range(max(0, head - entries), head):
            here = at + stride * (1 + pos % entries)
            ev = record(
                "pt_event",
                self.map[here : here + stride],
                "seq",
                "gen",
                "pid",
                "wait_status",
                "kind",
                "from",
                "to",
                "exit_kind",
                "name",
                "real_ns",
            )
            if ev["seq"] == pos + 1 == self.get("Q", self.map, here):
                found.append(ev)
        return found, head <= entries


def told_runs(events, name, gen):
    """What the events tell of a process, of this row of it only (None: of all there were): [[pid,
    end]], end None while it runs, else "exit N", "signal N" or "lost".
    """
    runs = []
    for ev in events:
        if (
            ev["kind"] != EVENT_STATE
            or ev["name"] != name
            or (gen is not None and ev["gen"] != gen)
        ):
            continue
        if ev["to"] == STATE_RUNNING and ev["from"] != STATE_RUNNING:
            runs.append([ev["pid"], None])
        elif ev["from"] in (STATE_RUNNING, STATE_STOPPING) and runs and runs[-1][1] is None:
            if ev["exit_kind"] == 1:
                status = ev["wait_status"]
                runs[-1][1] = (
                    f"signal {status & 0x7F}" if status & 0x7F else f"exit {status >> 8 & 0xFF}"
                )
            elif ev["to"] != STATE_STOPPING:
                runs[-1][1] = "lost"
    return runs


# ---- logs


def lz4_block(data, out):
    """One LZ4 block, appended to the bytearray out."""
    at = 0
    while at < len(data):
        token = data[at]
        at += 1
        length = token >> 4
        if length == 15:
            while True:
                length += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        out += data[at : at + length]
        at += length
        if at >= len(data):
            return
        distance = data[at] | data[at + 1] << 8
        at += 2
        length = token & 15
        if length == 15:
            while True:
                length += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        for _ in range(length + 4):
            out.append(out[-distance])


def lz4_file(data):
    """All frames of an LZ4 file, skippable ones skipped (lz4_Frame_format.md)."""
    out, at = bytearray(), 0
    while at + 4 <= len(data):
        magic = struct.unpack_from("<I", data, at)[0]
        if magic & 0xFFFFFFF0 == 0x184D2A50:
            at += 8 + struct.unpack_from("<I", data, at + 4)[0]
            continue
        if magic != 0x184D2204:
            raise ValueError("no LZ4 frame")
        flags = data[at + 4]
        at += 6 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0) + 1
        while size := struct.unpack_from("<I", data, at)[0]:
            block = data[at + 4 : at + 4 + (size & 0x7FFFFFFF)]
            if size >> 31:
                out += block
            else:
                lz4_block(block, out)
            at += 4 + (size & 0x7FFFFFFF) + (4 if flags & 16 else 0)
        at += 4 + (4 if flags & 4 else 0)
    return bytes(out)


def log_bytes(home, name):
    """Everything that was captured of a process, oldest first. Files may be renamed while we look:
    then None.
    """
    folder = Path(home) / "logs"
    before = sorted(os.listdir(folder)) if folder.is_dir() else []
    found = {}
    for entry in before:
        if m := re.fullmatch(re.escape(name) + r"\.log(?:\.(\d{9}))?(\.lz4)?", entry):
            key = (int(m[1]) if m[1] else 10**9, 0)
            if key not in found or m[2]:
                found[key] = (entry, bool(m[2]))
    data = b""
    for _, (entry, packed) in sorted(found.items()):
        try:
            raw = (folder / entry).read_bytes()
        except FileNotFoundError:
            return None
        data += lz4_file(raw) if packed else raw
    same = lambda names: [
        n for n in names if n.startswith(name + ".log") and not n.endswith((".idx", ".tmp"))
    ]  # noqa: E731
    return (
        data
        if same(before) == same(sorted(os.listdir(folder)) if folder.is_dir() else [])
        else None
    )


# ---- what a witness recorded


class Witness:
    def __init__(self, truth, name):
        self.name = name
        lines = read_bytes(Path(truth) / f"{name}.lines")
        self.lines = list(
            struct.unpack(f"={len(lines) // 8}Q", lines[: len(lines) // 8 * 8])
        )  # first: what it holds must be in the log by now
        text = read_bytes(Path(truth) / f"{name}.runs").decode().splitlines()
        self.doubles = [line for line in text if line.startswith("double")]
        self.runs = [
            tuple(map(int, line.split()[1:])) for line in text if not line.startswith("double")
        ]
        ends = [
            tuple(map(int, line.split()))
            for line in read_bytes(Path(truth) / f"{name}.ends").decode().splitlines()
        ]
        self.ends = {run: status for run, status, _ in ends}
        self.ended_at = {run: at / 1e9 for run, _, at in ends}

    def nobody_saw(self, run, expect, what):
        """It ended in a time in which that can't be held against anyone. Which runs these are is
        remembered.
        """
        at = self.ended_at.get(run)
        for begin, end, who in expect.get("outages", ()):
            if at is not None and begin <= at <= end:
                ALLOWED.add((self.name, run, what, who))
                return True
        return False

    def written(self, run):
        return self.lines[run] if run < len(self.lines) else 0


# ---- the invariants; each yields complaints


def check_runs(truth, name, rows, events, complete, expect, earlier):
    """earlier: what the witness had recorded well before the events were read, so that they must
    tell of it by now.
    """
    w = Witness(truth, name)
    if w.doubles:
        yield f"{name}: two runs at once: {w.doubles}"
    if "runs" in expect and len(w.runs) != expect["runs"]:
        yield f"{name}: {len(w.runs)} runs, expected {expect['runs']}"
    told = told_runs(events, name, rows().get(name, {}).get("gen"))
    allowed = {f"signal {int(s)}" for s in expect.get("signals", ())}
    real = {pid for pid, _ in w.runs}
    phantoms = [
        run
        for run in told
        if run[0] not in real and (run[1] in allowed or run[1] == f"signal {int(signal.SIGKILL)}")
    ]
    unasked = [run for run in phantoms if run[1] not in allowed]
    if len(unasked) > expect.get("phantoms", 0):
        yield f"{name}: events tell of runs that never were: {unasked}"
    told = [
        run
        for run in told
        if run not in phantoms and not (run[0] not in real and run[1] is None and run is told[-1])
    ]
    runs = list(enumerate(w.runs))
    known = [pid for pid, _ in w.runs]
    while len(runs) > len(earlier.runs) and (not told or runs[-1][1][0] != told[-1][0]):
        runs.pop()  # begun after the events were read
    if not complete:
        runs = runs[-len(told) :] if told else []
    if [run[0] for run in told] != [pid for _, (pid, _) in runs]:
        yield f"{name}: runs {known[-20:]}, events tell of {[run[0] for run in told][-20:]}"
        return
    for (number, (pid, ticks)), (_, end) in zip(runs, told, strict=True):
        last = number == len(w.runs) - 1
        if end is None and is_alive(pid, ticks):
            row = rows().get(name)
            if (
                row
                and (
                    row["pid"] != pid
                    or row["state"] != STATE_RUNNING
                    or row["start_ticks"] != ticks
                )
                and is_alive(pid, ticks)
            ):
                yield f"{name}: pid {pid} runs, the table says {row}"
            continue
        if end is None and number in w.ends and number not in earlier.ends:
            continue  # it has ended after the events were read
        true = f"exit {w.ends[number]}" if number in w.ends else None
        if end == "lost" and w.nobody_saw(number, expect, "end"):
            pass
        elif end is None:
            yield f"{name}: run {number} (pid {pid}) has ended ({true}), no event tells of it"
        elif end != true and not (end in allowed and (true is None or last)):
            yield f"{name}: run {number} (pid {pid}) ended with {true}, events say {end}"


def check_log(home, truth, name, expect):
    """Of what is written just now the last lines may still lie in the pipe: looked at again a
    little later.
    """
    for _ in range(5):
        complaints = list(compare_log(home, truth, name, expect))
        if not complaints:
            break
        time.sleep(0.02)
    return complaints


def compare_log(home, truth, name, expect, settle=0.01):
    before = Witness(truth, name)
    time.sleep(settle)
    data = log_bytes(home, name)
    after = Witness(truth, name)
    if data is None:
        yield f"{name}: its log files are changing"
        return
    text = data.decode(errors="replace").splitlines()
    at = 0
    for run, (pid, ticks) in enumerate(before.runs):
        count = 0
        while at < len(text) and text[at] == f"{name} {run} {count}":
            at, count = at + 1, count + 1
        # A run that was killed may have written one line more than it could note; so may one that
        # is just writing.
        most = after.written(run) + (0 if run in before.ends else 1)
        if count < before.written(run) and before.nobody_saw(run, expect, "output"):
            continue
        if not before.written(run) <= count <= most:
            yield f"{name}: run {run} (pid {pid}) wrote {before.written(run)} lines, {count} are in the log"
            return
    rest = [
        line
        for line in text[at:]
        if not (
            len(before.runs) < len(after.runs) and line.startswith(f"{name} {len(before.runs)} ")
        )
    ]
    if rest:
        yield f"{name}: the log holds what nobody wrote at its place: {rest[:3]}"


def settles(predicate, tries=10):
    for _ in range(tries):
        if predicate():
            return True
        time.sleep(0.01)
    return False


def check_processes(home, table, rows, expect):
    marked = supervised(home)
    wanted = {
        row["pid"]: name
        for name, row in rows.items()
        if row["pid"] and row["state"] == STATE_RUNNING
    }
    # They come and go while we look: what does not fit is looked at again.
    for pid, name in marked.items():
        if (
            pid not in wanted
            and not expect.get(name, {}).get("foreign")
            and not settles(
                lambda pid=pid, name=name: not is_alive(pid)
                or table.rows().get(name, {}).get("pid") == pid
            )
        ):
            yield f"process {pid} of {name} runs, the table knows nothing of it"
    for pid, name in wanted.items():
        if pid not in marked and not settles(
            lambda pid=pid, name=name: is_alive(pid) or table.rows().get(name, {}).get("pid") != pid
        ):
            yield f"{name}: the table says that pid {pid} runs, it does not"
    for name, e in expect.items():
        row = rows.get(name)
        if e.get("up") and not settles(
            lambda name=name: table.rows().get(name, {}).get("state") == STATE_RUNNING
        ):
            yield f"{name} should run: {row}"
        if e.get("up") is False and row and row["state"] not in AT_REST:
            yield f"{name} should not run: {row}"
    for name in rows.keys() - expect.keys():
        yield f"row {name}: nobody asked for it"


def check_daemons(home, table):
    found, records = daemons(home), table.daemons()
    for role in ROLES:
        if len(found[role]) != 1:
            yield f"{role}: {len(found[role])} of them run: {found[role]}"
        elif records[role]["pid"] != found[role][0]:
            yield f"{role}: pid {found[role][0]} runs, the table says {records[role]['pid']}"


def check_files(home, rows):
    names = "|".join(re.escape(name) for name in rows) or "-"
    logs = r"[A-Za-z0-9._-]+(@err)?\.log(\.\d{9}(\.lz4)?)?(\.idx)?"
    allowed = {
        ".": r"processes\.json|specs|logs|run|monitor\.json|cli_config\.json",
        "specs": rf"({names})\.json",
        "logs": logs,
        "run": rf"(guardian|spawner|monitor|logger|start|config|specs|saver)\.lock|bell\.\w+|cgroup|registry\.url|agents\.json|alerts|({names})(\.in|\.out|@err\.out)",
    }
    for folder, pattern in allowed.items():
        for entry in (
            sorted(os.listdir(Path(home) / folder)) if (Path(home) / folder).is_dir() else ()
        ):
            if not re.fullmatch(pattern, entry):
                yield f"left over: {folder}/{entry}"
            if (
                folder == "logs"
                and re.fullmatch(r".*\.\d{9}", entry)
                and (Path(home) / folder / (entry + ".lz4")).exists()
            ):
                yield f"both {entry} and its archive are there"
    for path in glob.glob(f"/dev/shm/tend-{os.geteuid()}-{instance_hash(home)}?*"):
        yield f"left over: {path}"


def check_descriptors(home, rows, found):
    """Each thing is open once in a daemon; nothing that was deleted; nothing of a process that is
    gone.
    """
    for role, own in found.items():
        for pid in own:
            seen = {}
            for fd in glob.glob(f"/proc/{pid}/fd/*"):
                try:
                    target = os.readlink(fd)
                except OSError:
                    continue
                seen.setdefault(target, []).append(int(os.path.basename(fd)))
            for target, fds in seen.items():
                limit = (
                    3
                    if target.endswith("/logs/tend.log")
                    else 2
                    if target.endswith("/logs")
                    else 2 * len(rows) + 6
                    if target == "anon_inode:[pidfd]"
                    else 1
                )
                if target == "anon_inode:[signalfd]" and role == "logger":
                    limit = 2  # signals that end it, and those of pipes
                if (
                    target == "/dev/null"
                    or target == "anon_inode:[eventfd]"
                    or target.startswith(("pipe:", "socket:"))
                ):
                    limit = 3
                if len(fds) > limit:
                    yield f"{role} {pid}: descriptors {sorted(fds)} are all {target}"
                if target.endswith(" (deleted)") and "/tend" in target:
                    yield f"{role} {pid}: descriptor {fds[0]} is {target}"
                m = re.fullmatch(re.escape(str(home)) + r"/run/(.*?)(@err)?\.(in|out)", target)
                if m and (m[1] not in rows or m[3] == "in"):
                    yield f"{role} {pid}: still has {target}"


def check_cgroups(home, rows):
    folder = read_bytes(Path(home) / "run/cgroup").decode().strip()
    for entry in os.listdir(folder) if folder and os.path.isdir(folder) else ():
        if os.path.isdir(os.path.join(folder, entry)) and entry not in rows:
            yield f"left over: cgroup {folder}/{entry}"


def check_running(home, truth, expect):
    """All invariants of an instance that runs. Returns complaints."""
    try:
        table = Table(home)
    except (OSError, SystemExit) as e:
        return [f"no table: {e}"]
    rows = table.rows()
    if expect is None:
        expect = {name: {"up": row["state"] == STATE_RUNNING} for name, row in rows.items()}
    earlier = {name: Witness(truth, name) for name in expect}
    time.sleep(0.03)
    events, complete = table.events()
    complaints = list(check_daemons(home, table)) + list(check_processes(home, table, rows, expect))
    for name, e in expect.items():
        if e.get("foreign"):
            continue
        complaints += check_runs(truth, name, table.rows, events, complete, e, earlier[name])
        complaints += check_log(home, truth, name, e)
    complaints += check_files(home, rows)
    complaints += check_descriptors(home, rows, daemons(home))
    complaints += check_cgroups(home, rows)
    return complaints


def check_stopped(home, truth, expect):
    """Nothing of an instance that was stopped is left but what is on disk, and the logs are
    whole.
    """
    complaints = [f"process {pid} of {name} still runs" for pid, name in supervised(home).items()]
    complaints += [f"{role} {pid} still runs" for role, own in daemons(home).items() for pid in own]
    complaints += [
        f"left over: {path}"
        for path in glob.glob(f"/dev/shm/tend-{os.geteuid()}-{instance_hash(home)}*")
    ]
    complaints += [
        f"left over: {path}" for path in glob.glob(glob.escape(f"{home}/run") + "/bell.*")
    ]
    rows = (
        [name.removesuffix(".json") for name in os.listdir(Path(home) / "specs")]
        if (Path(home) / "specs").is_dir()
        else []
    )
    complaints += check_files(home, rows)
    folder = read_bytes(Path(home) / "run/cgroup").decode().strip()
    if folder and os.path.isdir(folder):
        complaints.append(f"left over: cgroup {folder}")
    for name, e in (expect or {}).items():
        if not e.get("foreign"):
            complaints += check_log(home, truth, name, e)
    return complaints


def check(home, truth, expect=None, stopped=False, timeout=10.0):
    """Look until all holds or the time is over; returns the complaints of the last look."""
    deadline = time.monotonic() + timeout
    nap = 0.01
    while True:
        complaints = (check_stopped if stopped else check_running)(str(home), str(truth), expect)
        if not complaints or time.monotonic() > deadline:
            return complaints
        time.sleep(nap)
        nap = min(nap * 1.5, 0.3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("home")
    parser.add_argument("truth")
    parser.add_argument("--expect")
    parser.add_argument("--stopped", action="store_true")
    parser.add_argument("--timeout", type=float, default=10)
    a = parser.parse_args()
    expect = json.loads(Path(a.expect).read_text()) if a.expect else None
    complaints = check(a.home, a.truth, expect, a.stopped, a.timeout)
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
