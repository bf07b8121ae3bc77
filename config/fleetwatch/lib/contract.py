"""The command contract: one request on stdin, JSON Lines on stdout, a response at the end."""

import datetime
import json
import os
import sys

LINE_BYTES_MAX = 240 * 1024
ROWS_PER_LINE_MAX = 500
SAMPLE_ROWS_MAX = 5


class Failed(Exception):
    """The work can't be done; the text says why. The program ends with exit code 1 and no response."""


class Agent:
    """The request, and the way to answer it."""

    def __init__(self, request, lines, out):
        self.request = request
        self.op = request.get("op", "run")
        self.path = request.get("agent", "")
        self.payload = (request.get("task") or {}).get("payload") or {}
        self.output_header = request.get("output") or {}
        self._lines = lines
        self._out = out
        self.metrics = {}
        self.alerts = []
        self.recommendations = []
        self.findings = 0

    def rows(self):
        """The rows to audit, in order, until the end of stdin."""
        found = []
        for line in self._lines:
            if line.strip():
                message = json.loads(line)
                if message.get("type") == "row":
                    found.append(message["row"])
        return found

    def emit(self, kind, **fields):
        self._out.write(json.dumps({"type": kind, **fields}, separators=(",", ":"), ensure_ascii=False))
        self._out.write("\n")

    def journal(self, text, level="info", **data):
        self.emit("journal", level=level, text=text, data=data)

    def progress(self, done, total, text):
        self.emit("progress", done=done, total=total, text=text)

    def output(self, dataset, rows):
        """Stages rows, as many lines as the limits ask for. No rows still stage an output: an empty one."""
        chunk, size = [], 0
        for row in rows:
            row_bytes = len(json.dumps(row, ensure_ascii=False).encode()) + 1
            if chunk and (len(chunk) >= ROWS_PER_LINE_MAX or size + row_bytes > LINE_BYTES_MAX):
                self.emit("output", dataset=dataset, rows=chunk)
                chunk, size = [], 0
            chunk.append(row)
            size += row_bytes
        if chunk or not rows:
            self.emit("output", dataset=dataset, rows=chunk)

    def metric(self, name, value):
        self.metrics[name] = value
        self.emit("metric", name=name, value=value)

    def alert(self, level, problem, message):
        self.alerts.append({"level": level, "problem": problem, "message": message})

    def finding(self, check, message, rows):
        """One finding for all `rows` concerned; none for no rows."""
        rows = list(rows)
        if not rows:
            return
        self.findings += 1
        self.emit("finding", check=check, message=message, count=len(rows), sample_rows=rows[:SAMPLE_ROWS_MAX])

    def respond(self):
        self.emit("response", agent=self.path, timestamp=utc_now(), metrics=self.metrics, alerts=self.alerts,
                  recommendations=self.recommendations)
        self._out.flush()


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def node_name():
    return os.environ.get("CADRE_NODE") or os.uname().nodename


def host_name():
    return os.uname().nodename


def root():
    """Where the host's files are read below: "/" except in tests."""
    return os.environ.get("FLEETWATCH_ROOT") or "/"


def made_at(output_id):
    """Seconds since the epoch at which an output was begun, out of its id (UUID version 7); None for other ids."""
    digits = str(output_id).replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        return int(digits[:12], 16) / 1000.0
    except ValueError:
        return None


def main(handlers):
    """Reads the request, calls `handlers[op](agent)`, writes the response. Returns the exit code."""
    out = sys.stdout
    out.reconfigure(encoding="utf-8", errors="backslashreplace")
    lines = iter(sys.stdin.buffer)
    first = next(lines, b"")
    try:
        request = json.loads(first)
        if not isinstance(request, dict):
            raise ValueError("not an object")
    except ValueError as error:
        print(f"no request on stdin: {error}", file=sys.stderr)
        return 1
    agent = Agent(request, lines, out)
    try:
        if agent.op != "health":
            if agent.op not in handlers:
                raise Failed(f"unknown op {agent.op!r}, expected one of {sorted(handlers)}")
            handlers[agent.op](agent)
        agent.respond()
        return 0
    except Failed as error:
        out.flush()
        print(error, file=sys.stderr)
        return 1
