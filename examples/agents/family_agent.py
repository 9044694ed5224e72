"""An agent with a family: a parent that forks a worker. Both write to the same log.

Two things are worth watching here:

* Stopping it gracefully. SIGTERM asks the parent to end; it passes the wish on to its worker, waits
  for it, says goodbye and exits with 0. tend signals the whole tree, so the worker may get the
  signal twice: a handler that only notes the wish doesn't mind.
* Killing the parent with SIGKILL. Nobody can tidy up after that, and the worker would be left over,
  unsupervised. tend knows the whole tree, ends what is left of it, and starts the family anew.
"""

import os
import select
import signal
import sys
import time

WORK_SECONDS = float(os.environ.get("WORK_SECONDS", "2"))


def say(who, text):
    # One write for the whole line: two processes that share a log can't tear each other's lines (up
    # to 4 KB, the kernel's promise for pipes).
    os.write(
        sys.stdout.fileno(), f"{time.strftime('%H:%M:%S')} {who}[{os.getpid()}] {text}\n".encode()
    )


def catch_sigterm():
    """Turn SIGTERM into a byte in a pipe, so that one select() waits for work and for the end
    alike. Returns the read end.
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    # Python writes the signal's number into this descriptor the moment it arrives; the handler
    # itself has nothing left to do.
    signal.set_wakeup_fd(write_end)
    signal.signal(signal.SIGTERM, lambda signo, frame: None)
    return read_end


def told_to_stop(wakeup, seconds):
    """Wait that long at most. True if SIGTERM came, at once when it does."""
    return bool(select.select([wakeup], [], [], seconds)[0])


def worker():
    wakeup = catch_sigterm()
    say("worker", "is at work")
    done = 0
    while not told_to_stop(wakeup, WORK_SECONDS):
        done += 1
        say("worker", f"did piece {done}")
    say("worker", "puts its tools away")


def parent():
    # Catch before the fork: a signal that comes in between must not find the default, which is to
    # die without a word.
    wakeup = catch_sigterm()
    child = os.fork()
    if child == 0:
        try:
            worker()
        finally:
            os._exit(0)  # the child of a fork must not run the parent's exit handlers

    # A pidfd becomes readable when the worker ends: select() watches the child and the wish to stop
    # together.
    watch = os.pidfd_open(child)
    say("parent", f"has a worker, {child}")
    ready, _, _ = select.select([wakeup, watch], [], [])

    if wakeup in ready:
        say("parent", "was asked to stop, and asks the worker")
        os.kill(
            child, signal.SIGTERM
        )  # it can't be another process: it isn't reaped yet, so its pid is still its own
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    say("parent", f"saw the worker end ({code}); goodbye")
    return 0 if wakeup in ready else 1  # a worker that ends by itself is a failure of the family


if __name__ == "__main__":
    sys.exit(parent())
