#!/usr/bin/env python3
"""Print tend's process table, read straight from shared memory as shm/README.md describes it:
read_table.py [--json].
"""
import json, mmap, os, stat, struct, sys, time

STATES = "stopped starting running stopping backoff failed completed".split()
VERDICTS = "unknown healthy degraded unhealthy failed".split()
SHARED, GENS, DAEMON, IDENT, LIFE, HEALTH = 0, 1, 3, 6, 7, 10  # numbers of regions


def get(form, data, at):
    return struct.unpack_from("=" + form, data, at)[0]


def word(names, number):
    return names[number] if number < len(names) else "unknown"


def path_of_segment():
    home = os.path.realpath(os.environ.get("TEND_HOME") or os.path.expanduser("~/.mcp_mesh"))
    value = 0xCBF29CE484222325
    for byte in os.fsencode(home):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return "/dev/shm/tend-%d-%016x" % (os.geteuid(), value)


def attach(path):
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    st = os.fstat(fd)
    if (
        not stat.S_ISREG(st.st_mode)
        or st.st_uid != os.geteuid()
        or st.st_mode & 0o77
        or st.st_size < 4096
    ):
        sys.exit("%s: no segment of ours" % path)
    m = mmap.mmap(fd, st.st_size, prot=mmap.PROT_READ)
    os.close(fd)
    if m[:8] != b"TENDSMH1":
        sys.exit("%s: no segment, or not complete yet" % path)
    if get("I", m, 8) != 5:
        sys.exit("%s: layout version %d, this program reads 5" % (path, get("I", m, 8)))
    regions = [
        struct.unpack_from("=QII", m, 624 + 16 * i) for i in range(17)
    ]  # offset, stride, count
    if get("Q", m, 24) != st.st_size or any(o + s * c > st.st_size for o, s, c in regions):
        sys.exit("%s: damaged header" % path)
    return m, regions


def latch(m, region, i):
    """The current copy of record i: two copies lie behind a version whose lowest bit says which one
    it is.
    """
    at, size = region[0] + region[1] * i, (region[1] - 8) // 2
    while True:
        version = get("Q", m, at)
        side = at + 8 + (version & 1) * size
        record = m[side : side + size]
        if get("Q", m, at) == version:
            return record


def read_row(m, regions, slot):
    """None: free, being changed just now, or nonsense."""
    gen = get("I", m, regions[GENS][0] + 4 * slot)
    ident, life, health = (latch(m, regions[r], slot) for r in (IDENT, LIFE, HEALTH))
    if (
        not gen & 1
        or not get("I", m, regions[GENS][0] + 4 * slot)
        == get("I", ident, 80)
        == get("I", life, 92)
        == gen
    ):
        return None
    known = get("I", health, 64) == gen
    return {
        "name": ident[:64].split(b"\0")[0].decode("utf-8", "replace"),
        "state": word(STATES, life[116]),
        "pid": get("i", life, 80),
        "health": word(VERDICTS, health[92] if known else 0),
        "memory_bytes": get("Q", health, 32) if known else 0,
        "restarts": get("I", life, 100),
    }


def main():
    try:
        m, regions = attach(path_of_segment())
    except OSError as e:
        sys.exit("no instance of tend runs: %s" % e)
    high = min(get("I", m, regions[SHARED][0] + 136), regions[GENS][2])
    rows = [row for row in (read_row(m, regions, slot) for slot in range(high)) if row]
    records = [
        (name, latch(m, regions[DAEMON], i))
        for i, name in enumerate("guardian spawner monitor logger".split())
    ]
    daemons = {
        n: {"pid": get("i", r, 24), "restarts": get("I", r, 28), "since": get("Q", r, 0) // 10**9}
        for n, r in records
    }
    if "--json" in sys.argv[1:]:
        return print(json.dumps({"processes": rows, "daemons": daemons}))
    line = "%-24s %-10s %8s %-10s %14s %8s"
    print(line % ("NAME", "STATE", "PID", "HEALTH", "MEMORY", "RESTARTS"))
    for r in rows:
        print(
            line
            % (
                ascii(r["name"])[1:-1],
                r["state"],
                r["pid"] or "-",
                r["health"],
                r["memory_bytes"],
                r["restarts"],
            )
        )
    for name, d in daemons.items():
        since = time.strftime("%FT%TZ", time.gmtime(d["since"]))
        print("%-24s pid %d since %s, restarts %d" % (name, d["pid"], since, d["restarts"]))


if __name__ == "__main__":
    main()
