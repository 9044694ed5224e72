#!/usr/bin/env python3
"""Run a command whenever a process has failed for good or turned unhealthy; the event's sentence is
its standard input.

    tend events --follow --json | examples/on_failure.py mail -s 'tend: trouble' ann@example.org
"""
import json, subprocess, sys

BAD = {("state", "failed"), ("health", "unhealthy")}

for line in sys.stdin:
    event = json.loads(line)
    if (event["event"], event["to"]) in BAD:
        subprocess.run(sys.argv[1:] or ["cat"], input=event["text"] + "\n", text=True, check=False)
