"""How much is worked on at once: limits of a mode and of a key, and what is paused."""
import time

from company import Company, SharedCompanyCase, response, wait_for

NAP = "sleep 0.3; " + response()


def worker(mode, slots):
    return {"role": "worker", "mode": mode, "concurrency": slots, "run": {"command": ["sh", "-c", NAP]}}


class Limits(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "limits", "nodes": {"one": {"roles": ["control"]}},
                        "modes": {"tight": {"concurrency": 2}, "keyed": {"per_key": 2}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "a": worker("tight", 4), "b": worker("tight", 4), "c": worker("keyed", 8),
                            "d": worker("held", 2)}}}})

    def at_once(self, which):
        """The most runs of these tasks that were under way at a time, as their own times say."""
        return self.c.value(
            "WITH r AS (SELECT r.started_at, r.ended_at FROM cadre.run r JOIN cadre.task t ON t.id = r.task WHERE "
            + which + ") SELECT max(n) FROM (SELECT (SELECT count(*) FROM r o WHERE o.started_at <= r.started_at"
            " AND o.ended_at > r.started_at) AS n FROM r) s")

    def all_done(self, which, count):
        wait_for(lambda: f"{count} of {which} are done: {self.c.rows('SELECT mode, status, error FROM cadre.task')}\n"
                 f"{self.c.logs()}",
                 lambda: self.c.value(f"SELECT count(*) FROM cadre.task t WHERE {which} AND status = 'complete'") == count)

    def test_a_mode_has_no_more_runs_than_its_concurrency(self):
        self.c.run("task", "add", "--mode", "tight", "--count", 8)
        self.all_done("mode = 'tight'", 8)
        self.assertEqual(self.at_once("t.mode = 'tight'"), 2)

    def test_tasks_of_a_key_wait_for_each_other_and_nobody_else_for_them(self):
        self.c.run("task", "add", "--mode", "keyed", "--concurrency-key", "customer 7", "--count", 6, "--title", "keyed")
        self.c.run("task", "add", "--mode", "keyed", "--count", 2, "--title", "other")
        self.all_done("title IN ('keyed', 'other')", 8)
        self.assertEqual(self.at_once("t.concurrency_key = 'customer 7'"), 2)
        # They came last, and did not stand in line behind the key.
        self.assertEqual(self.c.value(
            "SELECT count(*) FROM cadre.run r JOIN cadre.task t ON t.id = r.task WHERE t.title = 'other' AND r.started_at"
            " < (SELECT max(started_at) FROM cadre.run r JOIN cadre.task t ON t.id = r.task"
            " WHERE t.concurrency_key = 'customer 7')"), 2)

    def test_what_is_paused_waits_and_goes_on_when_it_is_resumed(self):
        mode = lambda: next(m for m in self.c.json("mode", "list") if m["name"] == "held")
        self.assertEqual(mode()["paused_at"], None)
        self.c.run("mode", "pause", "held", "--reason", "the bank is down")
        self.c.run("agent", "pause", "ceo.c", "--reason", "looked at")
        self.c.run("task", "add", "--mode", "held", "--count", 3, "--title", "waits")
        self.c.run("task", "add", "--agent", "ceo.c", "--title", "waits")
        time.sleep(1)
        self.assertEqual(mode()["queued"], 3)
        self.assertEqual(mode()["paused_reason"], "the bank is down")
        status = self.c.run("status").stdout
        self.assertIn("mode held since", status)
        self.assertIn(": the bank is down", status)
        self.assertIn("ceo.c since", status)
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.task WHERE title = 'waits' AND status = 'queued'"), 4)
        self.c.run("mode", "resume", "held")
        self.c.run("agent", "resume", "ceo.c")
        self.all_done("title = 'waits'", 4)
        self.assertEqual(mode()["paused_at"], None)
        self.assertIn("no agent claims its tasks", self.c.run("mode", "pause", "hold", code=1).stderr)
        self.assertIn("agent ceo.x: not in the org", self.c.run("agent", "pause", "ceo.x", code=1).stderr)
