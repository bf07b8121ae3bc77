"""Runs the programs of fleetwatch as Cadre does, and reads what they say."""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.abspath(os.path.join(HERE, "../../../config/fleetwatch"))
HOST = os.path.join(HERE, "fixtures/host")
WORKER = "ceo.data.ingest-iron-pc"
sys.dont_write_bytecode = True
sys.path.insert(0, PROGRAMS)


class Answer:
    """What a program printed, by type."""

    def __init__(self, done):
        self.code = done.returncode
        self.stderr = done.stderr
        self.lines = done.stdout.splitlines()
        self.messages = [json.loads(line) for line in self.lines]

    def of(self, kind):
        return [m for m in self.messages if m["type"] == kind]

    def rows(self, dataset):
        return [row for m in self.of("output") if m["dataset"] == dataset for row in m["rows"]]

    @property
    def checks(self):
        return sorted(m["check"] for m in self.of("finding"))

    @property
    def response(self):
        return self.messages[-1] if self.messages and self.messages[-1]["type"] == "response" else None


def ask(program, text, **environment):
    env = {"PATH": "/usr/bin:/bin", "CADRE_NODE": "iron-pc", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return Answer(subprocess.run([os.path.join(PROGRAMS, program)], input=text, capture_output=True, text=True, env=env,
                                 timeout=120, check=False))


def run(program, payload=None, agent=WORKER, **environment):
    request = {"op": "run", "company": "fleetwatch", "agent": agent, "role": "worker", "brain": {}, "deadline": "",
               "task": {"id": "t", "attempt": 1, "mode": "m", "title": "t", "payload": payload}}
    return ask(program, json.dumps(request) + "\n", **environment)


def audit(program, dataset, rows, worker=WORKER, announced=None, output_id="x", **environment):
    header = {"id": output_id, "dataset": dataset, "worker": worker,
              "rows_total": len(rows) if announced is None else announced}
    lines = [{"op": "audit", "company": "fleetwatch", "agent": "a", "role": "auditor", "output": header,
              "deadline": ""}]
    lines += [{"type": "row", "dataset": dataset, "key": str(i), "row": row} for i, row in enumerate(rows)]
    return ask(program, "".join(json.dumps(line) + "\n" for line in lines), **environment)


class Canonical:
    """A folder of canonical data behind a stand-in for the `cadre` program."""

    def __init__(self, **datasets):
        self.folder = tempfile.TemporaryDirectory()
        for name, rows in datasets.items():
            self.put(name, rows)

    def put(self, name, rows):
        with open(os.path.join(self.folder.name, name + ".json"), "w", encoding="utf-8") as file:
            json.dump({"rows": [{"worker": WORKER, "key": str(i), "row": row} for i, row in enumerate(rows)]}, file)

    @property
    def environment(self):
        return {"CADRE_BIN": os.path.join(HERE, "fake_cadre.py"), "CADRE_STATE": "/nonexistent",
                "FAKE_CADRE_DATA": self.folder.name}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()
