"""Findings: silence planted in a running company, found by whoever is to find it; and none where nothing is wrong."""
import http.server
import json
import os
import shutil
import threading

import company
from company import CompanyCase, SLOWNESS, cadre, response, wait_for

RUNBOOK = "Ask ceo.data.work, who runs by the schedule `beat`.\n"
WATCHER = "ceo.ops.clock"
WORKER = "ceo.data.work"


class Outside:
    """A service outside that counts pings and answers with `status`."""

    def __init__(self):
        outside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outside.asked.append(self.path)
                self.send_response(outside.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.asked, self.status = [], 200
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/secret-path"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def config(url):
    return {"company": "findings", "documents": ["runbook.md"], "dead_man": {"url": url, "every": "1s", "attempts": 2},
            "nodes": {"head": {"roles": ["control", "work"]}, "side": {"roles": ["work"]}},
            "org": {"ceo": {"role": "ceo", "reports": {
                "ops": {"role": "manager", "reports": {
                    "clock": {"role": "worker", "run": {"command": ["sh", "-c", response()]}}}},
                "data": {"role": "manager", "reports": {
                    "work": {"role": "worker", "run": {"command": ["sh", "-c", response()]}}}}}}},
            "schedules": {"beat": {"agent": WORKER, "cron": "@every 2s", "watcher": WATCHER, "grace": "2s"}}}


class Findings(CompanyCase):
    def up(self):
        outside = Outside()
        self.addCleanup(outside.close)
        c = self.company(config(outside.url))
        c.write("runbook.md", RUNBOOK)
        c.start()
        return c, outside

    def sql(self, c, query):
        """Behind the back of the only writer."""
        done = c.psql(query, "migrator")
        self.assertEqual(done.returncode, 0, done.stderr)

    def settled(self, c):
        """Everything has been looked for at least once since this leader began; whether all is well."""
        wait_for(lambda: f"all kinds are looked for\n{c.logs()}",
                 lambda: c.value("SELECT count(*) FROM cadre.finding_look") >= 17)

    def open(self, c, kind):
        return next((f for f in c.rows("SELECT *, (evidence ->> 'missing') AS missing FROM cadre.finding"
                                       " WHERE cleared_at IS NULL") if f["kind"] == kind), None)

    def found(self, c, kind, seconds=60):
        return wait_for(lambda: f"a finding {kind}: {c.rows('SELECT * FROM cadre.finding')}\n{c.logs()}",
                        lambda: self.open(c, kind), seconds)

    def gone(self, c, kind, seconds=60):
        wait_for(lambda: f"no finding {kind}: {c.rows('SELECT * FROM cadre.finding')}\n{c.logs()}",
                 lambda: not self.open(c, kind), seconds)

    def test_a_company_without_faults_has_none_and_what_is_planted_is_found(self):
        c, outside = self.up()
        self.settled(c)
        done = c.run("findings", "--now")
        self.assertEqual(done.stdout.strip(), "no findings")
        self.assertEqual(c.json("findings"), [])
        self.assertEqual(c.escalation_sums()["raised"], 0)
        watch = c.rows("SELECT * FROM cadre.watch")
        self.assertEqual([(w["schedule"], w["watcher"], w["node"]) for w in watch], [("beat", WATCHER, "side")],
                         "the watcher lives on another node than the leader")
        self.assertGreater(len(outside.asked), 3)

        with self.subTest("a document that names nobody, which nothing changes"):
            c.write("runbook.md", RUNBOOK + "Else ask ceo.data.wrk, or look at the schedule `beats`.\n")
            done = c.run("findings", "--now", code=1)
            self.assertIn("runbook.md: ceo.data.wrk", done.stdout)
            found = json.loads(c.run("findings", "--json", code=1).stdout)
            self.assertEqual([(f["kind"], f["subject"], f["owner"]) for f in found],
                             [("document_names_nobody", "runbook.md: beats", "ceo"),
                              ("document_names_nobody", "runbook.md: ceo.data.wrk", "ceo")])
            self.assertIn("did you mean", found[1]["what"])
            self.assertTrue(all(f["to_do"] and f["deadline"] > f["first_seen"] for f in found))
            self.assertEqual(len(c.json("inbox")), 2)
            c.write("runbook.md", RUNBOOK)
            self.assertEqual(c.run("findings", "--now").stdout.strip(), "no findings")
            self.assertEqual(c.json("inbox"), [])
            self.assertEqual(len(c.json("findings", "--all")), 2)

        with self.subTest("tasks that wait for each other"):
            tasks = [c.add_task(WORKER, "--draft") for _ in range(2)]
            pair = f"('findings', '{tasks[0]}', '{tasks[1]}'), ('findings', '{tasks[1]}', '{tasks[0]}')"
            self.sql(c, f"INSERT INTO cadre.task_dependency VALUES {pair}")
            c.run("findings", "--now", code=1)
            self.assertEqual(self.open(c, "circular_blockers")["subject"], min(tasks))
            c.run("task", "cancel", tasks[0])
            c.run("findings", "--now")

        with self.subTest("the outside service does not get the ping"):
            outside.status = 500
            self.assertIn("status 500", self.found(c, "dead_man_failing")["what"])
            self.assertNotIn("secret-path", json.dumps(c.rows("SELECT * FROM cadre.finding")) + c.logs(1000))
            outside.status = 200
            self.gone(c, "dead_man_failing")

        with self.subTest("a watcher that was stopped"):
            c.run("agent", "terminate", WATCHER)
            self.assertEqual(self.found(c, "schedule_unwatched")["subject"], "beat")
            self.assertEqual(self.found(c, "schedule_unwatched")["owner"], "ceo.ops")
            c.run("agent", "start", WATCHER)
            self.gone(c, "schedule_unwatched")

    def late_by(self, c, finding):
        """Seconds from the end of the grace of the oldest fire that waits until the finding was there."""
        due = json.loads(json.dumps(finding["evidence"]))["fires"][0]["due"]
        return c.value(f"SELECT extract(epoch FROM '{finding['first_seen']}'::timestamptz - '{due}'::timestamptz"
                       " - interval '2 seconds')::float8")

    def test_a_job_that_does_not_fire_and_one_that_does_not_start_are_said_in_time(self):
        c, _ = self.up()
        fired = "SELECT count(*) FROM cadre.fire WHERE outcome = 'effect'"
        wait_for(lambda: f"it fires\n{c.logs()}", lambda: c.value(fired) >= 2)
        self.sql(c, "CREATE FUNCTION cadre.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
               " CREATE TRIGGER never BEFORE UPDATE ON cadre.fire FOR EACH ROW WHEN (OLD.fired_at IS NULL AND NEW.fired_at IS NOT NULL)"
               " EXECUTE FUNCTION cadre.never()")
        late = self.found(c, "fire_late", 20)
        self.assertEqual((late["subject"], late["missing"], late["owner"]), ("beat", "fired", "ceo.data"))
        self.assertLess(self.late_by(c, late), 1 * SLOWNESS)
        wait_for("it is in the inbox", lambda: [e for e in c.json("inbox") if e["problem"] == "fire_late"], 10)
        self.sql(c, "DROP TRIGGER never ON cadre.fire")
        self.gone(c, "fire_late")
        self.assertEqual([e for e in c.json("inbox") if e["problem"] == "fire_late"], [])

        c.run("agent", "terminate", WORKER)
        late = self.found(c, "fire_late", 20)
        self.assertEqual((late["subject"], late["missing"]), ("beat", "started"))
        c.run("agent", "start", WORKER)
        self.gone(c, "fire_late")

    def test_a_watcher_where_the_leader_is_has_eyes_on_another_node_where_there_is_one(self):
        outside = Outside()
        self.addCleanup(outside.close)
        settings = config(outside.url)
        settings["org"]["ceo"]["reports"]["ops"]["reports"]["clock"]["node"] = "head"
        c = self.company(settings)
        c.write("runbook.md", RUNBOOK)
        c.start()
        eyes = "SELECT node FROM cadre.watch WHERE schedule = 'beat' AND looked_at > clock_timestamp() - interval '7 s'"
        looked = lambda node: wait_for(lambda: f"{node} looks: {c.rows('SELECT * FROM cadre.watch')}\n{c.logs()}",
                                       lambda: c.rows(eyes) == [{"node": node}], 30)
        looked("side")
        home = c.value(f"SELECT node FROM cadre.agent WHERE path = '{WATCHER}' AND state = 'running'")
        self.assertEqual((home, c.leader()), ("head", "head"))
        c.run("agent", "terminate", WORKER)
        self.assertEqual(self.found(c, "fire_late", 20)["missing"], "started")
        self.assertEqual(c.rows(eyes), [{"node": "side"}])
        c.run("agent", "start", WORKER)
        self.gone(c, "fire_late")
        c.run("drain", "side")
        looked("head")
        c.run("drain", "side", "--undo")
        looked("side")
        self.settled(c)
        self.gone(c, "fire_late")  # Its worker may have moved.
        self.assertEqual([f for f in c.json("findings", "--all") if f["kind"] != "fire_late"], [])

    def test_without_a_company_it_says_so(self):
        done = cadre("findings", "--state", os.path.join(company.temp_folder(), "nothing"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("cadre up", done.stderr)


class Examples(CompanyCase):
    def clean(self, text, files=None):
        c = self.company(text)
        if files:
            shutil.copytree(os.path.join(company.ROOT, "config", files), os.path.join(c.folder, files),
                            ignore=shutil.ignore_patterns("__pycache__"))
        c.start()
        wait_for(lambda: f"all kinds are looked for\n{c.logs()}",
                 lambda: c.value("SELECT count(*) FROM cadre.finding_look") >= 16, 90)
        wait_for("all is done", lambda: c.value("SELECT count(*) FROM cadre.task WHERE finished_at IS NULL") == 0, 90)
        self.assertEqual(c.run("findings", "--now", code=None).stdout.strip(), "no findings")
        self.assertEqual(c.json("findings", "--all"), [], "none at any time since it began")
        self.assertEqual(c.escalation_sums()["raised"], 0)

    def test_the_smallest_company_has_no_findings(self):
        with open(os.path.join(company.ROOT, "config", "examples", "minimal.yaml"), encoding="utf-8") as file:
            self.clean(file.read())

    def test_the_example_company_has_no_findings(self):
        with open(os.path.join(company.ROOT, "config", "fleetwatch.yaml"), encoding="utf-8") as file:
            self.clean(file.read(), "fleetwatch")
