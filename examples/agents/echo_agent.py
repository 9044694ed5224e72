"""An agent that talks over standard input and output, as programs that speak the Model Context
Protocol over stdio do.

It answers each line that it reads with one line of JSON, and it ends when its input ends. Under
most supervisors such a program dies at once: they give it /dev/null to read, and that is at its end
from the beginning. tend gives it an input that stays open, so it lives until it is told to stop.

    $ echo hello | python3 echo_agent.py       ends by itself, since the input ends
    $ tend start echo_agent.py --background    runs on

A thread logs a heartbeat every few seconds (environment HEARTBEAT, seconds), so that its log shows
that it lives.
"""

import json
import os
import sys
import threading

HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT", "2"))

# Two threads write. Each line is one write under one lock, so lines can't be torn or mixed.
_output = threading.Lock()


def emit(**fields):
    with _output:
        # Python collects output in a buffer of 8 KB when it isn't a terminal; without flush the log
        # would stay empty for minutes.
        print(json.dumps(fields), flush=True)


def heartbeat(stopped):
    beats = 0
    # Event.wait is the sleep that can be cut short: set() ends it at once, so the program never
    # ends late because of its heartbeat.
    while not stopped.wait(HEARTBEAT_SECONDS):
        beats += 1
        emit(event="heartbeat", beats=beats, pid=os.getpid())


def main():
    stopped = threading.Event()
    beating = threading.Thread(target=heartbeat, args=(stopped,), daemon=True)
    beating.start()
    emit(event="ready", pid=os.getpid())

    answered = 0
    for line in sys.stdin:  # ends at end of file, and only there
        answered += 1
        emit(event="answer", number=answered, text=line.rstrip("\n"))

    stopped.set()
    beating.join()
    emit(event="end of input", answered=answered)
    return 0


if __name__ == "__main__":
    sys.exit(main())
