#!/usr/bin/env python3
"""worker.py PATH [STATE]: works for the agent PATH of a company that runs, with Python and the `cadre` command alone.

A task's payload is {"words": ["one", "two"]}; its output is a row for each word, in the dataset `word`.
"""
import json
import os
import subprocess
import sys


def rows_of(words):
    return [{"word": word, "letters": len(word)} for word in words]


def work(bridge):
    def say(**line):
        print(json.dumps(line), file=bridge.stdin, flush=True)

    for line in bridge.stdout:
        news = json.loads(line)
        if news["op"] != "run":  # done: it is durable. stop: it was taken away. refused: a line was wrong.
            print(line, end="", file=sys.stderr)
            continue
        try:
            rows = rows_of(news["task"]["payload"]["words"])
            say(type="output", dataset="word", rows=rows)
            say(type="response", agent=news["agent"], metrics={"words": len(rows)})
        except (KeyError, TypeError) as error:
            say(type="failure", code="bad_payload", message=repr(error), retryable=False)


if __name__ == "__main__":
    command = [os.environ.get("CADRE_BIN", "cadre"), "worker", sys.argv[1], "--name", f"worker.py {os.getpid()}"]
    if len(sys.argv) > 2:
        command += ["--state", sys.argv[2]]
    # When this program ends, however it does, stdin of the bridge ends, and so does the bridge.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        work(started)
