"""The example company: true numbers about this host, and what happens when an ingest worker lies."""
import json
import os
import shutil
import subprocess

import company
from company import CompanyCase, processes_of, wait_for

WORKERS = ("ceo.data.ingest-iron-pc", "ceo.data.ingest-iron-vps-01", "ceo.data.ingest-iron-worker-02")
POISONED = "ceo.data.ingest-iron-pc"


def example():
    with open(os.path.join(company.ROOT, "config", "fleetwatch.yaml"), encoding="utf-8") as file:
        return file.read()


def packages_of_this_host():
    listed = subprocess.run(["dpkg-query", "-f", ".\n", "-W"], capture_output=True, text=True, check=True)
    return len(listed.stdout.splitlines())


class Fleetwatch(CompanyCase):
    def fleetwatch(self, text):
        c = self.company(text)
        shutil.copytree(os.path.join(company.ROOT, "config", "fleetwatch"), os.path.join(c.folder, "fleetwatch"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        return c

    def canonical(self, c, dataset="package"):
        rows = c.rows("SELECT worker, count(*) AS n,"
                      " count(DISTINCT (row->>'name') || ':' || (row->>'architecture')) AS kinds"
                      f" FROM cadre.canonical WHERE dataset = '{dataset}' GROUP BY worker")
        return {r["worker"]: (r["n"], r["kinds"]) for r in rows}

    def test_once_tells_the_truth_about_this_host(self):
        c = self.fleetwatch(example())
        packages = packages_of_this_host()
        page = c.up("--once").stdout
        self.assertEqual(processes_of(c.folder), {}, "--once left processes behind")
        for worker in WORKERS:
            self.assertIn(f"{worker}: packages={packages} ", page)
        self.assertIn("escalations: 0 raised = 0 resolved + 0 open", page)

        c.start()
        self.assertEqual(self.canonical(c), {worker: (packages, packages) for worker in WORKERS})
        self.assertEqual(c.escalation_sums(), {"raised": 0, "resolved": 0, "open": 0})
        self.assertEqual(c.rows("SELECT title, status FROM cadre.task WHERE status <> 'complete'"), [])
        self.assertEqual(c.value("SELECT count(*) FROM cadre.task"), 6, "a second `up` repeats no round")
        unblessed = c.value("SELECT count(*) FROM cadre.canonical k WHERE NOT EXISTS (SELECT 1 FROM cadre.verdict v"
                            " WHERE v.output = k.output AND v.passed AND v.auditor <> k.worker)")
        self.assertEqual(unblessed, 0)

    def test_poison_is_stopped_and_reaches_the_inbox(self):
        c = self.poisoned()
        c.start_in_front()

        packages = packages_of_this_host()
        expected = {w: (packages, packages) for w in WORKERS if w != POISONED}
        wait_for(lambda: f"data of the others: {self.canonical(c)}\n{c.logs()}", lambda: self.canonical(c) == expected)
        task = wait_for("the poisoned task has failed", lambda: c.rows(
            f"SELECT id, status, error_code FROM cadre.task WHERE agent = '{POISONED}' AND status = 'failed'"))[0]
        self.assertEqual(task["error_code"], "audit_failed")
        outputs = c.rows(f"SELECT dataset, status FROM cadre.output WHERE worker = '{POISONED}'")
        self.assertIn(("package", "rejected"), {(o["dataset"], o["status"]) for o in outputs})

        raised = c.escalation_about(task["id"])
        self.assertEqual((raised["problem"], raised["cause_code"]), ("audit_failed", "audit_failed"))
        self.assertEqual((raised["holder"], raised["origin"], raised["count"]), ("ceo", POISONED, 1))
        self.see_evidence(c, raised)
        self.repeat(c, raised)
        self.settle(c, raised)
        self.try_to_bless_by_hand(c)

    def poisoned(self):
        """The example with one worker that lies."""
        honest = "run: {command: [./fleetwatch/ingest.py]}"
        lying = "run: {command: [./fleetwatch/ingest.py], env: {FLEETWATCH_POISON: drop}}"
        text = example()
        start = text.index("ingest-iron-pc:")
        self.assertIn(honest, text[start:])
        text = text[:start] + text[start:].replace(honest, lying, 1)
        text = text.replace("{investigate: 0s, then: escalate}", "{investigate: 100ms, then: escalate}")
        return self.fleetwatch(text)

    def see_evidence(self, c, raised):
        shown = c.json("escalation", "show", raised["id"])
        verdicts = c.rows("SELECT auditor, findings FROM cadre.verdict WHERE NOT passed AND output IN"
                          f" (SELECT id FROM cadre.output WHERE worker = '{POISONED}')")
        messages = [f["message"] for v in verdicts for f in v["findings"]]
        self.assertTrue(any(m in shown["cause"] for m in messages), f"{shown['cause']!r} says none of {messages}")
        evidence = json.dumps(shown["evidence"])
        samples = [r for v in verdicts for f in v["findings"] for r in f["sample_rows"]]
        self.assertTrue(samples)
        self.assertIn(samples[0]["name"], evidence)
        hops = [h["action"] for h in shown["hops"]]
        self.assertEqual(hops[0], "raised")
        self.assertIn("moved", hops)

    def repeat(self, c, raised):
        """The same failure again is the same escalation, counted."""
        again = c.finished(c.add_task(POISONED))
        self.assertEqual((again["status"], again["error_code"]), ("failed", "audit_failed"))
        wait_for(lambda: f"count 2 of {c.json('escalation', 'list')}",
                 lambda: c.json("escalation", "show", raised["id"])["count"] == 2)
        audits = [e for e in c.json("escalation", "list", "--all") if e["problem"] == "audit_failed"]
        self.assertEqual([e["id"] for e in audits], [raised["id"]])

    def settle(self, c, raised):
        c.run("escalation", "ack", raised["id"], "--note", "looking")
        self.assertEqual(c.json("escalation", "show", raised["id"])["status"], "acknowledged")
        self.assertIn(raised["id"], [e["id"] for e in c.json("inbox")])
        before = c.escalation_sums()
        self.assertEqual(before["raised"], before["resolved"] + before["open"])
        c.run("escalation", "resolve", raised["id"], "--note", "poison removed")
        shown = c.json("escalation", "show", raised["id"])
        self.assertEqual((shown["status"], shown["note"]), ("resolved", "poison removed"))
        self.assertNotIn(raised["id"], [e["id"] for e in c.json("inbox")])
        after = c.escalation_sums()
        self.assertEqual(after, {"raised": before["raised"], "resolved": before["resolved"] + 1,
                                 "open": before["open"] - 1})
        self.assertIn(f"{after['raised']} raised = {after['resolved']} resolved + {after['open']} open",
                      c.run("brief", "--now").stdout)

    def try_to_bless_by_hand(self, c):
        """Not even the writer's own role can make the rejected rows canonical."""
        bad = "FROM cadre.output WHERE worker = '%s' AND status = 'rejected' LIMIT 1" % POISONED
        attempts = {
            "no_promotion_without_verdict":
                "INSERT INTO cadre.promotion (company, output, worker, dataset)"
                f" SELECT company, id, worker, dataset {bad}",
            "canonical_company_output_fkey":
                "INSERT INTO cadre.canonical (company, dataset, worker, key, row, output)"
                f" SELECT company, dataset, worker, 'forged', '{{}}', id {bad}",
            # The table's own constraint would refuse it too; the trigger is asked first.
            "has no say in it":
                "INSERT INTO cadre.verdict (company, id, output, worker, auditor, passed)"
                f" SELECT company, gen_random_uuid(), id, worker, worker, true {bad}",
        }
        for constraint, query in attempts.items():
            done = c.psql(query, role="writer")
            self.assertNotEqual(done.returncode, 0, query)
            # The trigger has no constraint of its own in psql's terse message; it says what it is about.
            word = "nothing becomes canonical" if constraint == "no_promotion_without_verdict" else constraint
            self.assertIn(word, done.stderr)
        self.assertNotIn(POISONED, self.canonical(c))
