"""What scripts rely on: JSON that parses, exit codes, completion."""
import json
import os
import subprocess

import company
from company import BINARY, Company, SharedCompanyCase, cadre, temp_folder, wait_for

MINIMAL = os.path.join(company.ROOT, "config", "examples", "minimal.yaml")


class Running(SharedCompanyCase):
    @classmethod
    def make(cls):
        with open(MINIMAL, encoding="utf-8") as file:
            text = file.read()
        text += ("\n      ops: {role: manager, reports: {clock: {role: worker, run: {command: [sh, -c, 'exit 0']}}}}\n"
                 "schedules:\n  nightly: {agent: ceo.data.disks, cron: \"0 3 * * *\", watcher: ceo.ops.clock}\n")
        return Company(text)

    def test_listings_are_json(self):
        c = self.c
        c.run("brain", "set", "role/disks", '{"rule":"count twice"}')
        self.assertEqual(c.json("status")["company"], "minimal")
        lists = {("org",): "path", ("agent", "list"): "path", ("task", "list"): "id", ("schedule", "list"): "name",
                 ("data", "list"): "dataset", ("brain", "list"): "key", ("escalation", "list"): "id",
                 ("inbox",): "id", ("task", "list", "--status", "complete"): "id"}
        for words, key in lists.items():
            with self.subTest(words=words):
                rows = c.json(*words)
                self.assertTrue(rows, "nothing listed")
                self.assertTrue(all(r[key] for r in rows))
        rows = c.json("data", "show", "disk", "--all")
        self.assertEqual(len(rows["rows"]), c.value("SELECT count(*) FROM cadre.canonical WHERE dataset = 'disk'"))
        for words in (["agent", "show", "ceo.data.disks"], ["agent", "logs", "ceo.data.disks"], ["brief"],
                      ["schedule", "show", "nightly"], ["task", "show", c.json("task", "list")[0]["id"]]):
            with self.subTest(words=words):
                c.json(*words)
        self.assertEqual(json.loads(c.run("brain", "get", "role/disks").stdout)["rule"], "count twice")

    def test_an_agent_stays_down_from_terminate_to_start(self):
        c = self.c
        worker = "ceo.data.disks"

        def state():
            return next(a["state"] for a in c.json("agent", "list") if a["path"] == worker)

        self.assertIn("done on", c.run("agent", "terminate", worker).stdout)
        wait_for("it stops", lambda: state() == "stopped")
        task = c.add_task(worker)
        c.run("agent", "start", worker)
        wait_for("it runs", lambda: state() == "running")
        self.assertEqual(c.finished(task)["status"], "complete")

    def test_an_agent_that_was_deleted_is_unknown_to_its_supervisor_until_it_is_added(self):
        c = self.c
        worker = "ceo.data.disks"

        def refused(order, why):
            self.assertIn(why, c.run("agent", order, worker, code=1).stderr)
        refused("delete", "runs")
        refused("add", "runs")
        refused("start", "runs")
        c.run("agent", "terminate", worker)
        refused("add", "does not run")
        c.run("agent", "delete", worker)
        refused("start", "deleted")
        refused("terminate", "deleted")
        task = c.add_task(worker)
        c.run("agent", "add", worker)
        self.assertEqual(c.finished(task)["status"], "complete")
        refused("add", "runs")

    def test_reading_changes_nothing(self):
        before = self.c.value("SELECT count(*) FROM cadre.event")
        for words in (["status"], ["org"], ["task", "list"], ["schedule", "list"], ["inbox"], ["data", "list"],
                      ["brief"]):
            self.c.run(*words)
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.event"), before)

    def test_what_is_not_there_is_a_finding(self):
        for words in (["task", "show", "00000000-0000-0000-0000-000000000000"], ["agent", "show", "ceo.nobody"],
                      ["escalation", "show", "ffffffff"], ["task", "add", "--agent", "ceo.nobody"],
                      ["schedule", "trigger", "never"], ["brain", "get", "nothing"]):
            with self.subTest(words=words):
                done = self.c.run(*words, code=1)
                self.assertTrue(done.stderr.strip(), "says nothing")

    def test_schedule_runs_by_hand(self):
        before = self.c.value("SELECT count(*) FROM cadre.task WHERE agent = 'ceo.data.disks'")
        self.c.run("schedule", "trigger", "nightly")
        company.wait_for("the scheduled task is complete", lambda: self.c.value(
            "SELECT count(*) FROM cadre.task WHERE agent = 'ceo.data.disks' AND status = 'complete'") > before)

    def test_idempotency_key_names_one_task(self):
        for _ in range(2):
            self.c.run("task", "add", "--agent", "ceo.data.disks", "--key", "only-once")
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.task WHERE idempotency_key = 'only-once'"), 1)


class Alone(company.CompanyCase):
    def test_usage_errors(self):
        for words in ([], ["no-such-command"], ["status", "--no-such-option"], ["task", "add", "--priority", "9"],
                      ["escalation", "resolve", "abc"], ["completion", "tcsh"], ["up", "--once", "--detach"]):
            with self.subTest(words=words):
                done = cadre(*words)
                self.assertEqual(done.returncode, 2)
                self.assertTrue(done.stderr.strip(), "says nothing")

    def test_no_fleet(self):
        folder = temp_folder()
        self.addCleanup(os.rmdir, folder)
        for words in (["status"], ["inbox"], ["task", "list"], ["task", "add", "--agent", "ceo"]):
            with self.subTest(words=words):
                done = cadre(*words, "--state", os.path.join(folder, "nothing"))
                self.assertEqual(done.returncode, 3)
                self.assertIn("cadre up", done.stderr)
        self.assertEqual(cadre("down", "--state", os.path.join(folder, "nothing")).returncode, 0)

    def test_help_of_everything(self):
        done = cadre("--help-all")
        self.assertEqual(done.returncode, 0)
        for word in ("up", "down", "status", "inbox", "escalation", "Exit codes"):
            self.assertIn(word, done.stdout)

    def test_version(self):
        done = cadre("version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^cadre \d+\.\d+\.\d+ ")
        self.assertIn("commit", json.loads(cadre("version", "--json").stdout))

    def test_schema(self):
        schema = json.loads(cadre("config", "schema").stdout)
        self.assertEqual(schema["type"], "object")
        self.assertIn("org", schema["properties"])

    def test_examples_pass(self):
        for name in ("fleetwatch.yaml", "examples/minimal.yaml", "examples/reference.yaml"):
            with self.subTest(name=name):
                done = cadre("config", "check", os.path.join(company.ROOT, "config", name))
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_plan(self):
        with open(MINIMAL, encoding="utf-8") as file:
            text = file.read()
        c = self.company(text)
        self.assertEqual(json.loads(cadre("config", "plan", MINIMAL, c.config, "--json").stdout), [])
        other = c.write("other.yaml", text + "      ops: {role: manager}\n")
        steps = json.loads(cadre("config", "plan", c.config, other, "--json").stdout)
        self.assertEqual([(s["action"], s["subject"]) for s in steps], [("start", "ceo.ops")])

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            done = cadre("completion", shell)
            self.assertEqual(done.returncode, 0)
            self.assertIn("escalation", done.stdout)
            if shell == "bash":
                checked = subprocess.run(["bash", "-n"], input=done.stdout, capture_output=True, text=True, check=False)
                self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_completion_completes(self):
        script = cadre("completion", "bash").stdout
        ask = (f'{script}\nspec=$(complete -p cadre); f=${{spec##*-F }}; f=${{f%% *}}\n'
               'COMP_WORDS=(cadre esc); COMP_CWORD=1; COMP_LINE="cadre esc"; COMP_POINT=9; "$f" cadre esc cadre\n'
               'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": os.path.dirname(BINARY) + ":" + os.environ["PATH"]})
        self.assertEqual([w.strip() for w in done.stdout.split()], ["escalation"], done.stderr)
