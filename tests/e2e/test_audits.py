"""How auditors work: as many outputs at once as their `concurrency` says, and no more."""
import json
import os

from company import Company, SharedCompanyCase, response, wait_for

AT_ONCE = 3
TASKS = 8

WORK = ("read -r request; task=${request#*'\"task\":'}; task=${task#*'\"id\":\"'}; task=${task%%'\"'*}; "
        "printf '{\"type\":\"output\",\"dataset\":\"made\",\"row\":{\"task\":\"%s\"}}\\n' \"$task\"; " + response())
# Goes on once as many audits as allowed were seen at once, or after 10 s; notes how many it saw.
MEET = ("mkdir -p meeting; me=$(mktemp -p meeting); n=0; "
        f"while [ ! -e met ] && [ $n -lt 100 ]; do [ $(ls meeting | wc -l) -lt {AT_ONCE} ] || touch met; "
        "sleep 0.1; n=$((n+1)); done; ls meeting | wc -l >> seen; rm $me; " + response())


class Audits(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "audits", "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "work": {"role": "worker", "concurrency": 4, "run": {"command": ["sh", "-c", WORK]},
                                     "outputs": {"made": {"mode": "append"}}},
                            "audit": {"role": "auditor", "audits": ["ceo.work"], "concurrency": AT_ONCE,
                                      "run": {"command": ["sh", "-c", MEET]}}}}}})

    def test_an_auditor_checks_as_many_outputs_at_once_as_its_concurrency_says(self):
        for task in [self.c.add_task("ceo.work") for _ in range(TASKS)]:
            self.assertEqual(self.c.finished(task)["status"], "complete")
        with open(os.path.join(self.c.folder, "seen"), encoding="ascii") as file:
            seen = [int(line) for line in file]
        self.assertEqual(len(seen), self.c.value("SELECT count(*) FROM cadre.output"), "one process per output")
        self.assertEqual(max(seen), AT_ONCE)


def audited(worker, check):
    """A worker whose outputs have one check."""
    return {worker: {"role": "worker", "concurrency": 4, "run": {"command": ["sh", "-c", WORK]},
                     "outputs": {"made": {"mode": "append"}}},
            f"audit-{worker}": {"role": "auditor", "audits": [f"ceo.{worker}"], "concurrency": 8, "checks": [check]}}


class SlowAuditor(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "slow-audits", "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            **audited("slow", {"sql": "SELECT row FROM cadre.output_row WHERE output = $1"
                                                      " AND pg_sleep(2) IS NULL"}),
                            **audited("quick", {"not_null": ["task"]})}}}})

    def test_a_slow_auditor_keeps_only_its_own_pipeline_waiting(self):
        slow = [self.c.add_task("ceo.slow") for _ in range(TASKS)]
        in_review = "SELECT count(*) FROM cadre.task WHERE agent = 'ceo.slow' AND status = 'review'"
        wait_for(lambda: f"all slow ones wait for their verdict: {self.c.rows('SELECT agent, status FROM cadre.task')}",
                 lambda: self.c.value(in_review) >= TASKS - 3)
        for task in [self.c.add_task("ceo.quick") for _ in range(3)]:
            self.assertEqual(self.c.finished(task)["status"], "complete")
        self.assertGreater(self.c.value(in_review), 0, "the quick ones waited for the slow ones")
        for task in slow:
            self.assertEqual(self.c.finished(task)["status"], "complete")


# As many rows as the task says, of prices that begin where it says, into the dataset of the worker's name.
ROWS = ("import json,sys\n"
        "run=json.loads(sys.stdin.readline()); p=run['task']['payload']\n"
        "for i in range(p['rows']):\n"
        "  row={'id': i, 'price': p.get('from', 0) + i, 'node': 'n%d' % (i % 3), 'note': p.get('note')}\n"
        "  print(json.dumps({'type':'output','dataset':run['agent'].split('.')[1],'row':row}))\n"
        "print(json.dumps({'type':'response','agent':run['agent'],'timestamp':'2026-11-21T00:00:00Z','metrics':{},"
        "'alerts':[],'recommendations':[]}))\n")
# Says what it was given.
COUNT = ("import json,sys\n"
         "header=json.loads(sys.stdin.readline())['output']; rows=[json.loads(l)['key'] for l in sys.stdin]\n"
         "open('given','a').write(json.dumps([header['rows_total'], header.get('rows_given'), rows]) + '\\n')\n"
         "print(json.dumps({'type':'response','agent':'','timestamp':'2026-11-21T00:00:00Z','metrics':{},'alerts':[],"
         "'recommendations':[]}))\n")


def made_by(dataset, mode="replace"):
    return {"role": "worker", "run": {"command": ["python3", "-c", ROWS]}, "retry": {"attempts": 1},
            "outputs": {dataset: {"key": ["id"], "mode": mode}}}


class Checks(SharedCompanyCase):
    """Drift, samples, other datasets: on outputs of a real run, in the real database."""

    @classmethod
    def make(cls):
        def audit(worker, *checks, **more):
            return {"role": "auditor", "audits": [f"ceo.{worker}"], **({"checks": checks} if checks else {}), **more}
        return Company({"company": "checks", "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "prices": made_by("prices"),
                            "prices-audit": audit("prices", {"name": "as before", "drift": {
                                "row_count": "30%", "nulls": "20%", "shift": 3, "columns": ["price", "note"]}}),
                            "hosts": made_by("hosts"),
                            "hosts-audit": audit("hosts", {"unique": ["id"]}),
                            "facts": made_by("facts"),
                            "facts-audit": audit("facts", {"name": "known", "references": {
                                "column": "node", "dataset": "hosts"}},
                                {"name": "as many", "total": {"dataset": "hosts"}},
                                {"name": "as much", "total": {
                                    "column": "price", "dataset": "hosts", "tolerance": "1%"}}),
                            "many": made_by("many"),
                            "many-audit": audit("many", {"not_null": ["note"], "sample": {"rows": 7}},
                                                sample={"share": "10%"}, run={"command": ["python3", "-c", COUNT]})}}}})

    def run_of(self, worker, **payload):
        return self.c.finished(self.c.add_task(f"ceo.{worker}", "--payload", json.dumps(payload)))

    def verdict_of(self, task):
        (output,) = task["outputs"]
        (verdict,) = output["verdicts"]
        return verdict

    def test_drift_is_found_against_what_was_promoted(self):
        first = self.run_of("prices", rows=100, note="x")
        self.assertEqual(first["status"], "complete")
        self.assertEqual(self.verdict_of(first)["notes"],
                         ["as before: no earlier output to compare with, so it passed"])
        self.assertEqual(self.run_of("prices", rows=90, note="x")["status"], "complete")
        for payload, why in (({"rows": 40, "note": "x"}, "40 rows where 95 are usual, 57.9 % fewer"),
                             ({"rows": 95, "note": ""}, "note: 100.0 % without a value where 0.0 % are usual"),
                             ({"rows": 95, "note": "x", "from": 500}, "price: median 547 where 47 is usual"),
                             # What was rejected is no history: the same again is found again.
                             ({"rows": 40, "note": "x"}, "40 rows where 95 are usual")):
            task = self.run_of("prices", **payload)
            self.assertEqual((task["status"], task["error_code"]), ("failed", "audit_failed"))
            self.assertIn(why, task["error"])
        self.assertEqual(self.run_of("prices", rows=100, note="x")["status"], "complete")
        stats = self.c.rows("SELECT rows, columns FROM cadre.output_stats WHERE dataset = 'prices' ORDER BY at")
        self.assertEqual([s["rows"] for s in stats], [100, 90, 40, 95, 95, 40, 100])
        self.assertEqual(stats[0]["columns"]["price"]["q50"], 49.5)
        self.assertEqual(stats[0]["columns"]["note"], {"values": 100})

    def test_other_datasets_are_looked_up(self):
        missing = self.run_of("facts", rows=2)
        self.assertEqual(missing["error_code"], "audit_failed")
        findings = {f["check"]: f for f in self.verdict_of(missing)["findings"]}
        self.assertEqual(set(findings), {"known", "as many", "as much"})
        self.assertEqual(findings["known"]["count"], 2)
        self.assertEqual({s["node"] for s in findings["known"]["sample_rows"]}, {"n0", "n1"})
        self.assertEqual(self.run_of("hosts", rows=5)["status"], "complete")
        self.assertEqual(self.run_of("facts", rows=5)["status"], "complete")
        findings = [f["message"] for f in self.verdict_of(self.run_of("facts", rows=5, **{"from": 1}))["findings"]]
        self.assertEqual(findings, ["as much: the sum of price is 15 where the canonical rows of hosts have 10"
                                    " (1.0 % apart are allowed)"])

    def test_a_sample_is_said_of_and_is_the_same_for_all_who_look(self):
        verdict = self.verdict_of(self.run_of("many", rows=200, note="x"))
        self.assertEqual((verdict["passed"], verdict["rows_total"], verdict["rows_checked"]), (True, 200, 7))
        self.assertEqual(verdict["notes"],
                         ["sample: looked at 20 of 200 rows", "not_null note: looked at 7 of 200 rows"])
        with open(os.path.join(self.c.folder, "given"), encoding="ascii") as file:
            total, given, keys = json.loads(file.readline())
        self.assertEqual((total, given, len(set(keys))), (200, 20, 20))
        bad = self.verdict_of(self.run_of("many", rows=200))
        self.assertFalse(bad["passed"])
        self.assertIn("7 rows without a value", bad["findings"][0]["message"])
        self.assertLessEqual(len(bad["findings"][0]["sample_rows"]), 5)
