#!/usr/bin/env python3
"""A complete worker: reads its request, notes, stages rows, responds."""
import json
import sys

request = json.loads(sys.stdin.readline())


def say(**line):
    print(json.dumps(line), flush=True)


say(type="journal", level="info", text="started", data={"task": request["task"]["id"]})
say(type="progress", done=1, total=2)
say(type="output", dataset="package", rows=[{"host": "a", "name": "curl"}, {"host": "b", "name": "git"}])
say(type="metric", name="packages", value=2)
say(type="response", agent=request["agent"], timestamp="2026-11-21T00:00:00Z",
    metrics={}, alerts=[], recommendations=[])
