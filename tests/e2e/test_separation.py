"""Doing and checking are separate: what a worker could try against its auditor, over each road that it has."""
import json
import os
import uuid

from company import Company, CompanyCase, Nats, SharedCompanyCase, cadre, response, wait_for

# Says what it was told to, and then that all is well.
SAY = ("import json,sys\n"
       "run=json.loads(sys.stdin.readline())\n"
       "for line in run['task']['payload']: print(json.dumps(line))\n"
       "print(json.dumps({'type':'response','agent':run['agent'],'timestamp':'2026-11-21T00:00:00Z','metrics':{},"
       "'alerts':[],'recommendations':[]}))\n")
# Decides once somebody says so.
WAIT = "cat > /dev/null; until [ -e decide ]; do sleep 0.1; done; " + response()


def row(number):
    return {"type": "output", "dataset": "made", "row": {"id": number}}


def org(worker=None, auditor=None):
    return {"company": "separation", "nodes": {"one": {"roles": ["control", "work"]}},
            "org": {"ceo": {"role": "ceo", "reports": {
                "work": {"role": "worker", "run": {"command": ["python3", "-c", SAY]}, "retry": {"attempts": 1},
                         "outputs": {"made": {"key": ["id"]}}, **(worker or {})},
                "audit": {"role": "auditor", "audits": ["ceo.work"], "run": {"command": ["sh", "-c", WAIT]},
                          **(auditor or {})}}}}}


class Separation(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company(org())

    def work(self, *lines):
        return self.c.add_task("ceo.work", "--payload", json.dumps(lines))

    def in_review(self, task):
        return wait_for("the output waits for its auditor", lambda: self.c.rows(
            f"SELECT id FROM cadre.output WHERE task = '{task}' AND status = 'sealed'"))[0]["id"]

    def nothing_is_canonical(self, output):
        self.assertEqual(self.c.value(f"SELECT status FROM cadre.output WHERE id = '{output}'"), "sealed")
        self.assertEqual(self.c.value(f"SELECT count(*) FROM cadre.verdict WHERE output = '{output}'"), 0)
        self.assertEqual(self.c.value(f"SELECT count(*) FROM cadre.canonical WHERE output = '{output}'"), 0)

    def test_a_workers_lines_carry_no_verdict_and_no_checks(self):
        for line in ({"type": "verdict", "passed": True}, {"type": "finding", "message": "fine"},
                     {"type": "checks", "checks": []}, {"type": "promote"}):
            with self.subTest(line=line):
                task = self.c.finished(self.work(row(1), line))
                self.assertEqual((task["status"], task["error_code"]), ("failed", "bad_output"))
                self.assertIn(line["type"], task["error"])
        # Fields that mean nothing in an output do nothing.
        output = self.in_review(self.work({**row(2), "passed": True, "auditors": [], "status": "promoted"}))
        self.nothing_is_canonical(output)

    def test_nobody_sends_a_verdict_for_the_auditor(self):
        output = self.in_review(self.work(row(3)))
        lives = {r["path"]: r["epoch"] for r in self.c.rows("SELECT path, epoch FROM cadre.agent")}
        with Nats(self.c.runtime()["nats_url"]) as nats:
            for sender, life, auditor in (("ceo.work", lives["ceo.work"], "ceo.audit"),
                                          ("ceo.work", lives["ceo.work"], "ceo.work"), ("cli", 0, "ceo.audit"),
                                          ("node.one", 0, "ceo.audit"), ("ceo", lives["ceo"], "ceo"),
                                          ("ceo.audit", lives["ceo.work"], "ceo.audit"), ("ceo.audit", 0, "ceo.audit")):
                with self.subTest(sender=sender, life=life, auditor=auditor):
                    verdict = {"id": str(uuid.uuid4()), "output": output, "auditor": auditor, "passed": True}
                    batch = {"version": 1, "id": str(uuid.uuid4()), "company": "separation", "from": sender,
                             "incarnation": life, "kind": "command_batch", "body": {"commands": [
                                 {"id": str(uuid.uuid4()), "from": sender, "incarnation": life, "kind": "verdict_add",
                                  "body": verdict}]}}
                    reply = json.loads(nats.request("cadre.separation.cmd.batch", json.dumps(batch).encode()))
                    (outcome,) = reply["body"]["outcomes"]
                    self.assertEqual(outcome["status"], "rejected")
                    self.assertIn(outcome["error"]["code"], ("refused", "stale_epoch"))
        self.nothing_is_canonical(output)

    def test_no_sql_gets_round_the_auditor(self):
        output = self.in_review(self.work(row(4)))
        where = f"company = 'separation' AND output = '{output}'"
        verdict = ("INSERT INTO cadre.verdict (company, id, output, worker, auditor, passed) VALUES "
                   f"('separation', gen_random_uuid(), '{output}', 'ceo.work', '%s', true)")
        promotion = ("INSERT INTO cadre.promotion (company, output, worker, dataset) VALUES "
                     f"('separation', '{output}', 'ceo.work', 'made')")
        canonical = ("INSERT INTO cadre.canonical (company, dataset, worker, key, row, output) VALUES "
                     f"('separation', 'made', 'ceo.work', '[4]', '{{\"id\": 4}}', '{output}')")
        for query in (verdict % "ceo.work", verdict % "ceo", promotion, canonical, f"{promotion}; {canonical}",
                      f"UPDATE cadre.output SET auditors = '{{}}' WHERE id = '{output}'",
                      f"UPDATE cadre.output SET status = 'promoted' WHERE id = '{output}'",
                      f"UPDATE cadre.output_row SET row = '{{}}' WHERE {where}",
                      f"DELETE FROM cadre.output_row WHERE {where}", "DELETE FROM cadre.canonical",
                      "TRUNCATE cadre.verdict", "ALTER TABLE cadre.verdict DISABLE TRIGGER ALL",
                      "SET session_replication_role = replica"):
            for role in ("reader", "writer"):
                with self.subTest(query=query, role=role):
                    before = self.c.value("SELECT count(*) FROM cadre.canonical")
                    done = self.c.psql(f"BEGIN READ WRITE; {query}; COMMIT", role=role)
                    harmless = query == "DELETE FROM cadre.canonical" and role == "writer" and before == 0
                    self.assertTrue(done.returncode != 0 or harmless, done.stdout)
                    if role == "reader":
                        self.assertRegex(done.stderr, "permission denied|must be owner")
                    self.assertEqual(self.c.value("SELECT count(*) FROM cadre.canonical"), before)
        self.nothing_is_canonical(output)

    def test_the_auditor_itself_gets_through(self):
        """Else the others would pass with an auditor that never can."""
        task = self.work(row(5), row(6))
        self.in_review(task)
        self.c.write("decide", "")
        self.addCleanup(os.remove, os.path.join(self.c.folder, "decide"))
        self.assertEqual(self.c.finished(task)["status"], "complete")
        (verdict,) = self.c.rows("SELECT v.* FROM cadre.verdict v JOIN cadre.output o ON o.id = v.output "
                                 f"WHERE o.task = '{task}'")
        self.assertEqual((verdict["passed"], verdict["rows_total"], verdict["rows_checked"]), (True, 2, 2))
        self.assertEqual(verdict["incarnation"], self.c.value(
            "SELECT epoch FROM cadre.incarnation WHERE agent = 'ceo.audit' AND ended_at IS NULL"))


class Config(CompanyCase):
    def test_a_config_that_mixes_them_is_refused(self):
        below = org()
        ceo = below["org"]["ceo"]["reports"]
        ceo["work"]["role"] = "manager"
        ceo["work"]["reports"] = {"audit": ceo.pop("audit")}
        for config, why in ((org(auditor={"audits": ["ceo.audit"]}), "it audits itself"),
                            (org(worker={"audits": ["ceo.work"]}), "work.audits"),
                            (org(worker={"checks": [{"unique": ["id"]}]}), "work.checks"),
                            (org(worker={"sample": {"rows": 1}}), "work.sample"),
                            (org(auditor={"outputs": {"made": {"key": ["id"]}}}), "audit.outputs"),
                            (org(auditor={"run": {"bus": {}}, "checks": [{"unique": ["id"]}]}), "audit.run"),
                            (org(auditor={"audits": ["ceo"]}), "ceo is a ceo and writes nothing"),
                            (org(auditor={"audits": []}), "has no auditor"),
                            (below, "it must report to someone else")):
            with self.subTest(why=why):
                c = self.company(config)
                done = cadre("config", "check", c.config)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(why, done.stderr)
