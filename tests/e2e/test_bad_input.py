"""Bad config, bad agents, bad messages, bad servers: each is refused with place and reason, and the rest goes on."""
import json
import os
import socket
import unittest
import uuid

from company import Company, CompanyCase, Nats, SharedCompanyCase, cadre, free_port, processes_of, response, wait_for

# The first round is well; only a task by hand meets the defect.
WELL = "read -r request; case $request in *'\"title\":\"round\"'*) " + response() + "; exit 0;; esac; "
OUTPUT = '{"type":"output","dataset":"%s","row":{"id":1}}'

WELL_MADE = WELL.replace("printf", "echo '" + OUTPUT % "thing" + "' | sed s/:1/:0/; printf", 1)

WORKERS = {
    "garbage": "echo 'this is no JSON'; " + response(),
    "half": "printf '{\"type\":\"resp'",
    "longline": "head -c 104857600 /dev/zero | tr '\\0' x; " + response(),
    "flood": "line=$(head -c 60000 /dev/zero | tr '\\0' x); "
             "yes '{\"type\":\"journal\",\"text\":\"'$line'\"}' | head -c 104857600; " + response(),
    "hang": "sleep 600",
    "exit3": "echo 'the disk is on fire' >&2; exit 3",
    "mute": "exit 0",
    "undeclared": f"echo '{OUTPUT % 'secret'}'; " + response(),
}


def worker(script, **more):
    return {"role": "worker", "run": {"command": ["sh", "-c", WELL + script]}, **more}


def small(name="bad", reports=None):
    reports = reports or {"healthy": {"role": "worker", "run": {"command": ["sh", "-c", response()]}}}
    return {"company": name, "nodes": {"only": {"roles": ["control", "work"]}},
            "defaults": {"retry": {"attempts": 1}, "timeout": "20s"},
            "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": reports}}}}}


class BadAgents(SharedCompanyCase):
    @classmethod
    def make(cls):
        reports = {name: worker(script) for name, script in WORKERS.items()}
        reports["hang"]["timeout"] = "1s"
        reports["flood"]["run"]["output_bytes_max"] = "1MiB"
        reports["garbage"]["outputs"] = {"thing": {"key": ["id"]}}
        reports["gone"] = {"role": "worker", "run": {"command": ["./gone.sh"]}}
        reports["healthy"] = {"role": "worker", "run": {"command": ["sh", "-c", response()]}}
        reports["audit"] = {"role": "auditor", "audits": ["ceo.data.garbage"], "checks": [{"unique": ["id"]}]}
        c = Company(small(reports=reports))
        c.write("gone.sh", "#!/bin/sh\n" + response() + "\n", 0o755)
        return c

    def fails(self, name, code, *words):
        """A task of the worker fails with the code, is in the inbox with that cause, and others work meanwhile."""
        c, agent = self.c, f"ceo.data.{name}"
        task = c.add_task(agent)
        other = c.add_task("ceo.data.healthy")
        self.assertEqual(c.finished(other)["status"], "complete")
        ended = c.finished(task)
        self.assertEqual((ended["status"], ended["error_code"]), ("failed", code), ended["error"])
        self.assertEqual(len(ended["runs"]), 1)
        run = ended["runs"][0]
        self.assertEqual((run["status"], run["error_code"]), ("failed", code))
        raised = c.escalation_about(task)
        self.assertEqual((raised["origin"], raised["cause_code"], raised["holder"]), (agent, code, "ceo"))
        shown = c.json("escalation", "show", raised["id"])
        self.assertEqual(shown["cause"], ended["error"])
        for word in words:
            self.assertIn(word, shown["cause"])
        agents = {a["path"]: a["state"] for a in c.json("org")}
        self.assertEqual(agents[agent], "running", "a failed run does not take the agent down")
        return ended

    def test_garbage_on_stdout(self):
        self.fails("garbage", "bad_output", "line 1", "this is no JSON")
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.canonical"), 0)

    def test_half_a_line(self):
        self.fails("half", "bad_output", "no newline", "resp")

    def test_flood_in_one_line(self):
        self.fails("longline", "too_large")

    def test_flood_of_good_lines(self):
        self.fails("flood", "too_large")

    def test_hang(self):
        self.fails("hang", "timed_out")
        self.assertEqual([c for c in processes_of(self.c.folder).values() if "sleep 600" in c], [])

    def test_exit_code_with_stderr(self):
        ended = self.fails("exit3", "exit_code", "3")
        self.assertIn("the disk is on fire", ended["runs"][0]["stderr_tail"])

    def test_exit_without_response(self):
        self.fails("mute", "no_response")

    def test_undeclared_dataset(self):
        self.fails("undeclared", "refused", "secret")
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.output WHERE dataset = 'secret'"), 0)

    def test_command_that_is_gone(self):
        self.assertEqual(self.c.finished(self.c.add_task("ceo.data.gone"))["status"], "complete")
        os.remove(os.path.join(self.c.folder, "gone.sh"))
        self.fails("gone", "command_not_found", "gone.sh")


class BadMessages(SharedCompanyCase):
    @classmethod
    def make(cls):
        # The auditor passes the round's row and thinks for ever about any other.
        maker = WELL_MADE + (OUTPUT % "thing").join(("echo '", "'; ")) + response()
        return Company(small("messages", {
            "healthy": {"role": "worker", "run": {"command": ["sh", "-c", response()]}},
            "maker": {"role": "worker", "outputs": {"thing": {"key": ["id"]}}, "run": {"command": ["sh", "-c", maker]}},
            "checker": {"role": "auditor", "audits": ["ceo.data.maker"], "within": "10m", "timeout": "10m", "run":
                        {"command": ["sh", "-c", "if grep -q '\"id\": *1}'; then sleep 600; fi; " + response()]}}}))

    def setUp(self):
        self.nats = Nats(self.c.runtime()["nats_url"])
        self.addCleanup(self.nats.__exit__)
        self.subject = "cadre.messages.cmd.batch"

    def goes_on(self):
        self.assertEqual(self.c.finished(self.c.add_task("ceo.data.healthy"))["status"], "complete")

    def batch(self, *commands, company="messages"):
        return json.dumps({"version": 1, "id": str(uuid.uuid4()), "company": company, "from": "cli", "incarnation": 0,
                           "kind": "command_batch", "body": {"commands": list(commands)}}).encode()

    def add(self, task, **more):
        return {"id": str(uuid.uuid4()), "from": "cli", "kind": "task_add",
                "body": {"id": task, "agent": "ceo.data.healthy", "title": "from outside", **more}}

    def test_malformed_messages_get_an_error_reply(self):
        for body in (b"garbage", b"\xc1\xc1\xc1\xff", b"", b"{\"version\":1,", b"{}", b"[" * 5000, b"\x00" * 1000):
            with self.subTest(body=body[:20]):
                reply = self.nats.request(self.subject, body)
                self.assertIn(b"error_reply", reply)
                self.assertIn(b"bad_message", reply)
        self.goes_on()

    def test_other_kinds_and_companies_are_refused(self):
        foreign = self.nats.request(self.subject, self.batch(self.add(str(uuid.uuid4())), company="other"))
        self.assertEqual(json.loads(foreign)["body"]["error"]["code"], "wrong_company")
        drop = {"id": str(uuid.uuid4()), "kind": "drop_table", "body": {}}
        unknown = self.nats.request(self.subject, self.batch(drop))
        self.assertNotIn(b"committed", unknown)
        self.goes_on()

    def test_json_from_outside_is_committed(self):
        for content_type in (None, "application/json"):
            task = str(uuid.uuid4())
            command = self.add(task, payload={"by": "hand"})
            for _ in range(2):  # A repeat of the same command is the same task.
                reply = json.loads(self.nats.request(self.subject, self.batch(command), content_type))
                self.assertEqual(reply["kind"], "command_outcomes")
                (outcome,) = reply["body"]["outcomes"]
                self.assertEqual((outcome["status"], outcome["command"]), ("committed", command["id"]))
            self.assertEqual(self.c.finished(task)["status"], "complete")
            self.assertEqual(self.c.value(f"SELECT count(*) FROM cadre.task WHERE id = '{task}'"), 1)

    def test_one_bad_command_fails_alone(self):
        good = str(uuid.uuid4())
        bad = self.add(str(uuid.uuid4()))
        bad["body"]["agent"] = "ceo.data.nobody"
        reply = json.loads(self.nats.request(self.subject, self.batch(bad, self.add(good))))
        self.assertEqual([o["status"] for o in reply["body"]["outcomes"]], ["rejected", "committed"])
        self.assertEqual(self.c.finished(good)["status"], "complete")

    def test_a_forged_verdict_is_refused(self):
        """A worker can't bless its own output, nor can an agent that nobody made its auditor."""
        task = self.c.add_task("ceo.data.maker")
        output = wait_for("the output waits for its auditor", lambda: self.c.rows(
            f"SELECT id FROM cadre.output WHERE task = '{task}' AND status = 'sealed'"))[0]["id"]
        for forger in ("ceo.data.maker", "ceo.data.healthy"):
            verdict = {"id": str(uuid.uuid4()), "output": output, "auditor": forger, "passed": True}
            command = {"id": str(uuid.uuid4()), "from": forger, "kind": "verdict_add", "body": verdict}
            reply = json.loads(self.nats.request(self.subject, self.batch(command)))
            self.assertEqual(reply["body"]["outcomes"][0]["status"], "rejected", forger)
        self.assertEqual(self.c.value(f"SELECT status FROM cadre.output WHERE id = '{output}'"), "sealed")
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.canonical WHERE (row->>'id')::int = 1"), 0)
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.canonical"), 1)

    def test_second_up_is_refused_by_name(self):
        again = cadre("up", "--config", self.c.config, "--state", self.c.state, "--detach")
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"pid {self.c.runtime()['pid']}", again.stderr)
        self.goes_on()

    def test_reader_may_not_write(self):
        for query in ("INSERT INTO cadre.brain (company, key, content, by) VALUES ('messages', 'k', '1', 'me')",
                      "UPDATE cadre.task SET title = 'mine'", "DELETE FROM cadre.event_batch",
                      "CREATE TABLE cadre.mine (a int)", "SET ROLE cadre_writer",
                      "INSERT INTO cadre.reader_grant VALUES ('cadre_reader', 'other')"):
            with self.subTest(query=query):
                # Its sessions are read-only by default; that it may not write must not rest on a default.
                done = self.c.psql(f"BEGIN READ WRITE; {query}; COMMIT", role="reader")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("permission denied", done.stderr)


class BadRound(CompanyCase):
    def test_once_ends_though_a_worker_failed(self):
        """What needs a failed worker can't run: the round is over, says so, and the exit code tells."""
        def needs(*names):
            return {"role": "worker", "needs": [f"ceo.data.{n}" for n in names],
                    "run": {"command": ["sh", "-c", response()]}}
        broken = {"role": "worker", "run": {"command": ["sh", "-c", "echo 'no disk' >&2; exit 3"]}}
        c = self.company(small("round", {"broken": broken, "next": needs("broken"), "last": needs("next"),
                                         "alone": needs()}))
        done = cadre("up", "--config", c.config, "--state", c.state, "--once", timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("ceo.data.alone  complete", done.stdout)
        self.assertIn("ceo.data.broken  failed", done.stdout)
        self.assertIn("1 raised = 0 resolved + 1 open", done.stdout)


class BadConfig(CompanyCase):
    def refused(self, text):
        c = self.company(text)
        outs = []
        for words in (["config", "check", c.config], ["up", "--config", c.config, "--state", c.state, "--detach"]):
            done = cadre(*words)
            self.assertEqual(done.returncode, 2, done.stderr)
            outs.append(done.stderr)
        self.assertFalse(os.path.exists(os.path.join(c.state, "runtime.json")))
        return c, outs

    def test_unknown_key_has_place_and_proposal(self):
        text = ("company: small\nnodes:\n  only: {roles: [control, work]}\norg:\n  ceo:\n    role: ceo\n    reports:\n"
                "      work:\n        role: worker\n        timeuot: 5s\n        run: {command: [sh, -c, 'exit 0']}\n")
        c, outs = self.refused(text)
        for out in outs:
            self.assertIn(f"{c.config}:10:9:", out)
            self.assertIn("timeuot", out)
            self.assertIn("timeout", out.replace("timeuot", ""))
        problems = json.loads(cadre("config", "check", c.config, "--json").stdout)["problems"]
        self.assertEqual([(p["line"], p["column"]) for p in problems], [(10, 9)])

    def test_broken_yaml(self):
        c, outs = self.refused("company: small\nnodes: {only: [control\norg: : :\n")
        for out in outs:
            self.assertRegex(out, rf"{c.config}:\d+:\d+:")

    def test_no_file(self):
        done = cadre("up", "--config", "/nonexistent/cadre.yaml", "--detach")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nonexistent/cadre.yaml", done.stderr)


class BadServers(CompanyCase):
    def refused(self, *options):
        c = self.company(small("servers"))
        done = cadre("up", "--config", c.config, "--state", c.state, *options, timeout=60)
        self.assertIn(done.returncode, (1, 3), done.stderr)
        self.assertFalse(os.path.exists(os.path.join(c.state, "runtime.json")))
        return done.stderr

    def test_nobody_at_the_postgres_url(self):
        port = free_port()
        self.assertIn(str(port), self.refused("--postgres", f"postgresql://cadre@127.0.0.1:{port}/postgres", "--once"))

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.assertIn(str(port), self.refused("--nats-port", port, "--once"))
