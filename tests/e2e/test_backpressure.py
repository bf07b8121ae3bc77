"""A flood of new tasks: it is slowed down, and nobody else is."""
import json
import os
import subprocess
import time
import uuid

from company import BINARY, Company, Nats, SharedCompanyCase, response, wait_for

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


class Full(SharedCompanyCase):
    """The writer's queue for new tasks holds 2,048 messages. While the database holds the writer up, they come to that."""
    MESSAGES = 2_500
    HELD_S = 3

    @classmethod
    def make(cls):
        return Company({"company": "full", "fleet": {"lease": "15s"}, "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "now": {"role": "worker", "run": {"command": ["sh", "-c", response()]}}}}}})

    def test_what_does_not_fit_is_refused_with_a_time_to_wait_and_nothing_is_lost(self):
        self.c.run("agent", "pause", "ceo.now")
        holder = subprocess.Popen(
            ["psql", "-Xq", self.c.runtime()["database"]["migrator_url"], "-c",
             f"BEGIN; LOCK TABLE cadre.task IN EXCLUSIVE MODE; SELECT pg_sleep({self.HELD_S}); COMMIT"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(holder.wait)
        wait_for("the table is locked", lambda: self.c.value(
            "SELECT count(*) FROM pg_locks WHERE relation = 'cadre.task'::regclass AND mode = 'ExclusiveLock'"))
        nats = Nats(self.c.runtime()["nats_url"])
        self.addCleanup(nats.__exit__)
        committed, refused = set(), {}

        def send(tasks):
            for task in tasks:
                command = {"id": task, "from": "cli", "kind": "task_add",
                           "body": {"id": task, "agent": "ceo.now", "title": "full"}}
                body = json.dumps({"version": 1, "id": task, "company": "full", "from": "cli", "incarnation": 0,
                                   "kind": "command_batch", "body": {"commands": [command]}}).encode()
                nats.send(f"PUB cadre.full.cmd.batch {nats.inbox}.{task} {len(body)}\r\n".encode() + body + b"\r\n")

        def answered(count):
            for _ in range(count):
                to, reply = nats.next()
                task, body = to.rsplit(".", 1)[1], json.loads(reply)["body"]
                if "error" in body:
                    self.assertEqual(body["error"]["code"], "busy")
                    refused[task] = body["error"]["retry_after_ms"]
                else:
                    self.assertEqual([o["status"] for o in body["outcomes"]], ["committed"])
                    committed.add(task)

        nats.send(f"SUB {nats.inbox}.* 2\r\n".encode())
        send(str(uuid.uuid4()) for _ in range(self.MESSAGES))
        answered(self.MESSAGES)
        self.assertGreater(len(refused), 0, "everything fitted")
        self.assertGreater(len(committed), 2_000)
        self.assertGreater(min(refused.values()), 0)
        self.assertLessEqual(max(refused.values()), 2_000)
        time.sleep(max(refused.values()) / 1000)
        again, refused = refused, {}
        send(again)
        answered(len(again))
        self.assertEqual(refused, {})
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.task WHERE title = 'full'"), self.MESSAGES)
