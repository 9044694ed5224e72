"""examples/follow_two_homes.c, on lib/client: two instances followed by one program."""

import os
import signal
import subprocess
import threading

from crashkit import kill_all, start
from harness import TEST_BIN, wait_until

FOLLOW = TEST_BIN.parents[1] / "examples/follow_two_homes"


class Follower:
    """The program at work; what it has printed so far, line by line."""

    def __init__(self, *homes):
        assert FOLLOW.exists(), f"{FOLLOW} is not built: make examples"
        self.lines = []
        self.process = subprocess.Popen(
            [FOLLOW, *homes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"]},
        )
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, line, after=0):
        """Waits until this line was printed, behind the first so many."""
        try:
            wait_until(lambda: line in self.lines[after:], 30)
        except AssertionError:
            raise AssertionError(f"{line!r} is not in {self.lines[after:]}") from None

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(20)
        self.reader.join(20)
        return status


def start_script(tend, name, script):
    return start(tend, name, "sh", "-c", script)


def test_one_program_follows_two_homes_through_all_that_happens(new_tend):
    one, two = new_tend("one"), new_tend("two")
    follower = Follower(one.home, two.home)
    try:
        web = start_script(one, "web", "echo hello of one; exec sleep 1000")
        follower.expect(f"1 web: running, pid {web}")
        db = start_script(two, "db", "echo hello of two >&2; exec sleep 1000")
        follower.expect(f"2 db: running, pid {db}")

        # a crash, and lines that are written then
        said = len(follower.lines)
        os.kill(db, signal.SIGKILL)
        again = two.wait_pid("db", not_pid=db)
        follower.expect(f"2 db: running, pid {again}", after=said)
        follower.expect("2 db| hello of two", after=said)

        # a restart that it asks for itself
        said = len(follower.lines)
        follower.tell("restart 1 web")
        follower.expect("1 web: was restarted", after=said)
        follower.expect("1 web| hello of one", after=said)
        web = one.wait_pid("web", not_pid=web)
        follower.expect(f"1 web: running, pid {web}", after=said)
        follower.tell("restart 2 nobody")
        follower.expect("2 nobody: there is no process named nobody")

        # the death of all daemons, and those that come after them
        said = len(follower.lines)
        kill_all(one)
        follower.expect("1 tend-spawner: dead", after=said)
        said = len(follower.lines)
        job = start_script(one, "job", "exec sleep 1000")
        follower.expect(f"1 job: running, pid {job}", after=said)

        # another table
        said = len(follower.lines)
        two.segment.unlink()
        two.kill_daemon("guardian")
        two.wait_daemons()
        late = start_script(two, "late", "exec sleep 1000")
        follower.expect(f"2 late: running, pid {late}", after=said)

        said = len(follower.lines)
        one.stop_all()
        follower.expect("1: no table", after=said)
        assert not [line for line in follower.lines if line.startswith("1 db") or "2 web" in line]
    finally:
        status = follower.end()
    assert status == 0


def test_the_program_needs_two_homes():
    done = subprocess.run([FOLLOW, "/"], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (1, "usage: follow_two_homes HOME HOME\n")
