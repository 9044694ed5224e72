"""An agent that works for a few seconds and then crashes, with a traceback and exit status 1. It is
what a supervisor is for.

    $ python3 crash_agent.py 5          crashes after five seconds; without an argument after
    $CRASH_AFTER, else three

tend starts it again, waits longer each time it crashes too soon, and gives up when it has crashed
too often: "tend why crash_agent" tells the story.
"""

import os
import sys
import time


def main():
    seconds = float(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CRASH_AFTER", "3"))
    print(f"pid {os.getpid()} starts work that is going to fail in {seconds:g} s", flush=True)

    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        print(f"working, {left:.1f} s to go", flush=True)
        time.sleep(min(left, 1.0))

    recipe = {"flour": 500, "water": 350}
    # Not caught on purpose: Python prints the traceback on standard error, which tend keeps in the
    # same log, and exits with status 1.
    print(f"salt: {recipe['salt']} g")


if __name__ == "__main__":
    main()
