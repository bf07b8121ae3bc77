"""A flood of new tasks: it is slowed down, and nobody else is."""
import json
import os
import subprocess
import threading
import time

from company import BINARY, Company, SharedCompanyCase, response, wait_for

SENDERS = 4
EACH = 25_000
RSS_GROWTH_MAX = 150 << 20


class Flood(SharedCompanyCase):
    @classmethod
    def make(cls):
        run = {"command": ["sh", "-c", response()]}
        return Company({"company": "flood", "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "later": {"role": "worker", "run": run}, "now": {"role": "worker", "run": run}}}}})

    def rss(self):
        return self.c.value("SELECT max(rss_bytes) FROM cadre.node")

    def test_it_neither_starves_claims_and_ends_of_runs_nor_grows_memory(self):
        self.c.run("agent", "pause", "ceo.later")
        before = self.rss()
        files = []
        for sender in range(SENDERS):
            path = os.path.join(self.c.folder, f"flood-{sender}.jsonl")
            with open(path, "w", encoding="ascii") as file:
                for n in range(EACH):
                    file.write(json.dumps({"agent": "ceo.later", "title": f"{sender}/{n}", "payload": "x" * 250}) + "\n")
            files.append(path)
        senders = [subprocess.Popen([BINARY, "task", "import", path, "--state", self.c.state], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True) for path in files]
        waits, peak = [], 0
        while any(s.poll() is None for s in senders):
            began = time.monotonic()
            self.assertEqual(self.c.finished(self.c.add_task("ceo.now"))["status"], "complete")
            waits.append(time.monotonic() - began)
            peak = max(peak, self.rss())
        for sender in senders:
            self.assertEqual(sender.wait(), 0, sender.stderr.read())
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.task WHERE title LIKE '%/%'"), SENDERS * EACH)
        self.assertGreater(len(waits), 2, "the flood was over before anything else was tried")
        self.assertLess(max(waits), 5, f"tasks of others took {waits} s")
        self.assertLess(peak - before, RSS_GROWTH_MAX)
        # What came in order comes out in order, though only its head is in memory.
        self.c.run("agent", "resume", "ceo.later")
        first = "SELECT count(*) FROM cadre.task WHERE agent = 'ceo.later' AND status = 'complete'"
        wait_for("the backlog is worked on", lambda: self.c.value(first) > 20)
