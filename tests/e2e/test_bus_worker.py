"""Programs in other languages as workers over NATS: `run: {bus: {}}`, with the examples of actors/program/examples."""
import json
import os
import signal
import subprocess
import sys
import time
import uuid

import node_program
from company import BINARY, ROOT, SLOWNESS, Company, Nats, SharedCompanyCase, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(ROOT, "actors", "program", "examples")
NAMES = ("script", "killed", "frozen", "raw", "snake", "cancelled", "restarted", "late", "bridge")


# Who dies here, or has to learn something soon, is missed soon; on a slow machine not because of that alone.
SOON = f"{int(500 * SLOWNESS)}ms"
HEARTBEATS = {"killed": SOON, "frozen": SOON, "cancelled": SOON, "restarted": SOON, "bridge": "2s"}
PATIENT = "10s"


def agent(name):
    return {"role": "worker", "timeout": "60s", "outputs": {"word": {"key": ["word"]}},
            "run": {"bus": {"heartbeat": HEARTBEATS.get(name, PATIENT), "programs_max": 2}},
            "retry": {"attempts": 3, "backoff": {"initial": "50ms", "max": "100ms"}}}


class ProgramsCase(SharedCompanyCase):
    """Starts the examples, and asks what became of their tasks."""

    @classmethod
    def setUpClass(cls):
        cls.folder, cls.node = node_program.install(os.path.join(HERE, "bus_worker"),
                                                    os.path.join(EXAMPLES, "worker.mjs"))
        super().setUpClass()

    def spawn(self, words, **options):
        """A program that ends with the test; its output is in a file, `said`."""
        path = os.path.join(self.c.folder, f"{uuid.uuid4().hex}.out")
        with open(path, "wb") as out:
            started = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
                                       **options)
        self.addCleanup(self.end_program, started)
        started.out = path
        return started

    @staticmethod
    def end_program(started):
        if started.poll() is None:
            started.send_signal(signal.SIGCONT)
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()

    def script(self, name):
        return self.spawn([self.node, "worker.mjs", f"ceo.data.{name}", self.c.state])

    @staticmethod
    def said(started):
        with open(started.out, encoding="utf-8", errors="replace") as file:
            return file.read()

    def add(self, name, words, slow_ms=0):
        return self.c.add_task(f"ceo.data.{name}", "--payload", json.dumps({"words": words, "slow_ms": slow_ms}))

    def status_of(self, task):
        return self.c.value(f"SELECT status FROM cadre.task WHERE id = '{task}'")

    def runs(self, task):
        return self.c.rows(f"SELECT attempt, status, error_code FROM cadre.run WHERE task = '{task}' ORDER BY attempt")

    def canonical(self, name):
        rows = self.c.json("data", "show", "word", "--worker", f"ceo.data.{name}", "--all")["rows"]
        return sorted(row["row"]["word"] for row in rows)

    def wait_for_rows(self, task, count=1):
        """Until rows of the task's present run are staged."""
        wait_for(lambda: f"rows of {task}: {self.runs(task)}\n{self.c.logs()}", lambda: self.c.value(
            f"SELECT coalesce(max(o.row_count), 0) FROM cadre.output o JOIN cadre.run r ON r.id = o.run "
            f"WHERE r.task = '{task}' AND r.status = 'active'") >= count)

    def wait_complete(self, task):
        done = self.c.finished(task, 20)
        self.assertEqual(done["status"], "complete", f"{done}\n{self.c.logs()}")


class Programs(ProgramsCase):
    @classmethod
    def make(cls):
        reports = {name: agent(name) for name in NAMES}
        reports["late"]["timeout"] = "1s"
        reports["late"]["retry"]["attempts"] = 1
        reports["audit"] = {"role": "auditor", "audits": [f"ceo.data.{name}" for name in NAMES],
                            "checks": [{"not_null": ["word", "letters"]}, {"unique": ["word"]}]}
        return Company({"company": "programs", "fleet": {"lease": "2s", "run_lease": "5s"},
                        "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": reports}}}}})

    def test_tasks_wait_for_a_program_and_its_output_becomes_canonical(self):
        task = self.add("script", ["one", "three"])
        wait_for("the agent runs, and says so",
                 lambda: "ceo.data.script: no program attached" in self.c.run("status").stdout)
        self.assertIn("no program attached", self.c.run("agent", "show", "ceo.data.script").stdout)
        time.sleep(0.5)
        self.assertEqual((self.status_of(task), self.runs(task)), ("queued", []), "taken without anybody to do it")
        worker = self.script("script")
        self.wait_complete(task)
        self.assertEqual(self.canonical("script"), ["one", "three"])
        self.assertEqual(self.runs(task), [{"attempt": 1, "status": "succeeded", "error_code": None}])
        (program,) = self.c.json("agent", "show", "ceo.data.script")["programs"]
        self.assertEqual(program["name"], f"worker.mjs {worker.pid}")
        self.assertNotIn("ceo.data.script: no program", self.c.run("status").stdout)
        log = self.c.json("agent", "logs", "ceo.data.script")
        self.assertIn("attempt 1 of 2 words", [line["text"] for line in log])

    def test_a_killed_program_loses_its_task_to_another_once(self):
        first = self.script("killed")
        words = [f"word-{n:02}" for n in range(20)]
        task = self.add("killed", words, slow_ms=60)
        self.wait_for_rows(task, 3)
        first.kill()
        second = self.script("killed")
        self.wait_complete(task)
        self.assertEqual(self.runs(task), [{"attempt": 1, "status": "failed", "error_code": "worker_gone"},
                                           {"attempt": 2, "status": "succeeded", "error_code": None}])
        self.assertEqual(self.canonical("killed"), words)
        wait_for("it says so", lambda: self.said(second).count("done ") == 1)

    def test_what_a_frozen_program_says_late_is_refused(self):
        first = self.script("frozen")
        task = self.add("frozen", [f"word-{n}" for n in range(10)], slow_ms=200)
        self.wait_for_rows(task)
        first.send_signal(signal.SIGSTOP)
        wait_for(lambda: f"its run is taken away: {self.runs(task)}",
                 lambda: self.runs(task)[0]["error_code"] == "worker_gone")
        second = self.script("frozen")
        self.wait_complete(task)
        first.send_signal(signal.SIGCONT)
        wait_for(lambda: f"it learns it: {self.said(first)}", lambda: ": stale_run: " in self.said(first))
        wait_for(lambda: f"it attaches again: {self.said(first)}",
                 lambda: "attaches again: unknown_session" in self.said(first))
        self.assertEqual([r["status"] for r in self.runs(task)], ["failed", "succeeded"])
        self.assertEqual(len(self.canonical("frozen")), 10)
        self.end_program(second)
        next_task = self.add("frozen", ["again"])
        self.wait_complete(next_task)

    def test_a_cancelled_task_is_told_to_its_program(self):
        worker = self.script("cancelled")
        task = self.add("cancelled", [f"word-{n}" for n in range(100)], slow_ms=100)
        self.wait_for_rows(task)
        self.c.run("task", "cancel", task)
        wait_for(lambda: f"it learns it: {self.said(worker)}", lambda: ": cancelled: " in self.said(worker), 10)
        self.assertEqual(self.status_of(task), "stale")
        self.wait_complete(self.add("cancelled", ["next"]))
        self.assertEqual(self.canonical("cancelled"), ["next"])

    def test_a_program_attaches_again_to_an_agent_that_was_started_again(self):
        worker = self.script("restarted")
        self.wait_complete(self.add("restarted", ["before"]))
        self.c.run("agent", "kill", "ceo.data.restarted")
        wait_for(lambda: f"it attaches again: {self.said(worker)}\n{self.c.logs()}",
                 lambda: "attaches again: unknown_session" in self.said(worker))
        self.wait_complete(self.add("restarted", ["after"]))
        self.assertEqual(self.canonical("restarted"), ["after"])

    def test_a_program_of_python_and_the_command_line_does_a_task(self):
        self.spawn([sys.executable, os.path.join(EXAMPLES, "worker.py"), "ceo.data.snake", self.c.state],
                   env={**os.environ, "CADRE_BIN": BINARY})
        self.wait_complete(self.add("snake", ["un", "due", "tre"]))
        self.assertEqual(self.canonical("snake"), ["due", "tre", "un"])
        bad = self.c.add_task("ceo.data.snake", "--payload", "{}")
        done = self.c.finished(bad, 20)
        self.assertEqual((done["status"], [r["error_code"] for r in self.runs(bad)]), ("failed", ["worker_failed"]),
                         "said to be not worth another try")
        self.assertIn("bad_payload: KeyError('words')", json.dumps(done))
        self.wait_complete(self.add("snake", ["un"]))

    def bridge(self):
        """`cadre worker`, to talk to by hand."""
        started = subprocess.Popen([BINARY, "worker", "ceo.data.bridge", "--state", self.c.state], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: [pipe.close() for pipe in (started.stdin, started.stdout, started.stderr)])
        self.addCleanup(self.end_program, started)
        return started

    def test_the_command_line_names_a_bad_line_and_keeps_the_others(self):
        bridge = self.bridge()
        task = self.add("bridge", [])
        request = json.loads(bridge.stdout.readline())
        self.assertEqual((request["op"], request["task"]["id"]), ("run", task))
        lines = [json.dumps({"type": "output", "dataset": "word", "row": {"word": word, "letters": 1}}) for word in "abc"]
        bridge.stdin.write("\n".join([lines[0], "nonsense", "", lines[1], "x" * 2_000_000, "\1" * 300_000, lines[2],
                                      '{"type":"response","metrics":{}}']) + "\n")
        bridge.stdin.flush()
        said = [json.loads(bridge.stdout.readline()) for _ in range(4)]
        self.assertEqual([line["op"] for line in said], ["refused", "refused", "refused", "done"])
        self.assertIn("nonsense", said[0]["error"]["message"])
        self.assertEqual([line["error"]["code"] for line in said[:3]], ["bad_output", "too_large", "too_large"])
        self.wait_complete(task)
        self.assertEqual(self.canonical("bridge"), ["a", "b", "c"])
        # Taken away: what still comes of it is dropped, and the next one is served.
        task = self.add("bridge", [])
        self.assertEqual(json.loads(bridge.stdout.readline())["task"]["id"], task)
        self.c.run("task", "cancel", task)
        self.assertEqual(json.loads(bridge.stdout.readline())["code"], "cancelled")
        bridge.stdin.write(lines[0] + '\n{"type":"response"}\n')
        bridge.stdin.flush()
        task = self.add("bridge", [])
        self.assertEqual(json.loads(bridge.stdout.readline())["task"]["id"], task)
        # It ends in mid-run: the task is another's at once.
        bridge.stdin.close()
        self.assertEqual(bridge.wait(10), 1)
        self.assertIn("ended in mid-run", bridge.stderr.read())
        other = self.bridge()
        self.assertEqual(json.loads(other.stdout.readline())["task"]["attempt"], 2)
        other.stdin.write('{"type":"response"}\n')
        other.stdin.flush()
        self.wait_complete(task)
        other.terminate()
        self.assertEqual(other.wait(10), 0)

    def test_a_run_over_its_time_is_taken_away(self):
        worker = self.script("late")
        task = self.add("late", [f"word-{n}" for n in range(100)], slow_ms=100)
        self.assertEqual(self.c.finished(task, 20)["status"], "failed")
        self.assertEqual([r["error_code"] for r in self.runs(task)], ["timed_out"])
        wait_for(lambda: f"it learns it: {self.said(worker)}", lambda: ": timed_out: " in self.said(worker), 10)

    # What a program may get wrong, said with raw NATS -----------------------------------------------------------------

    def call(self, nats, verb, **body):
        return json.loads(nats.request(f"cadre.programs.worker.ceo.data.raw.{verb}", json.dumps(body).encode()))

    def refused(self, code, answer):
        self.assertEqual(answer.get("error", {}).get("code"), code, answer)
        self.assertTrue(answer["error"]["message"], answer)
        return answer["error"]

    def test_what_is_wrong_is_refused_by_name(self):
        with Nats(self.c.runtime()["nats_url"]) as nats:
            self.refused("unknown_kind", self.call(nats, "dance"))
            subject = "cadre.programs.worker.ceo.data.raw.attach"
            self.refused("bad_message", json.loads(nats.request(subject, b"{nonsense")))
            self.refused("bad_message", self.call(nats, "attach", protocol=1))
            self.refused("bad_value", self.call(nats, "attach", name="x", protocol=2))
            self.refused("unknown_session", self.call(nats, "claim", session="0.nobody", seq=1))
            self.refused("unknown_session", self.call(nats, "heartbeat", session="0.nobody", runs=[]))
            sessions = [self.call(nats, "attach", name=f"program {n}", protocol=1)["session"] for n in range(2)]
            third = self.refused("busy", self.call(nats, "attach", name="third", protocol=1))
            self.assertGreater(third["retry_after_ms"], 0)
            for session in sessions:
                self.assertEqual(self.call(nats, "claim", session=session, seq=1, wait_ms=100), {"op": "none"})
                self.call(nats, "detach", session=session)
            self.refused("unknown_session", self.call(nats, "claim", session=sessions[0], seq=2))

    def test_bad_reports_lose_nothing(self):
        with Nats(self.c.runtime()["nats_url"]) as nats:
            told = self.call(nats, "attach", name="raw", protocol=1)
            session, other = told["session"], self.call(nats, "attach", name="other", protocol=1)["session"]
            task = self.add("raw", [])
            claimed = self.call(nats, "claim", session=session, seq=1, wait_ms=20_000)
            self.assertEqual((claimed["op"], claimed["agent"], claimed["task"]["id"], claimed["task"]["attempt"]),
                             ("run", "ceo.data.raw", task, 1))
            self.assertEqual(self.call(nats, "claim", session=session, seq=1), claimed, "a repeat gets the same run")
            run = claimed["run"]

            def row(word):
                return {"type": "output", "dataset": "word", "row": {"word": word, "letters": len(word)}}

            def report(seq, *lines, **other_fields):
                fields = {"session": session, "run": run, "seq": seq, "lines": lines, **other_fields}
                return self.call(nats, "report", **fields)

            for _ in range(2):  # A repeat adds nothing.
                self.assertEqual(report(1, row("a"), {"type": "journal", "text": "begun"}),
                                 {"run": run, "seq": 1, "status": "active"})
            self.assertEqual(self.c.value(f"SELECT row_count AS n FROM cadre.output WHERE run = '{run}'"), 1,
                             "answered before it was durable")
            self.assertIn("where 2 is next", self.refused("bad_sequence", report(5, row("b")))["message"])
            self.assertIn("line 4", self.refused("bad_output", report(2, row("b"), {"type": "nothing"}))["message"])
            self.refused("bad_output", report(2, row("b"), "not json"))
            self.refused("bad_output", report(2, {"type": "output", "dataset": "elsewhere", "row": {}}))
            self.refused("bad_message", report(2))
            self.refused("too_large", report(2, *[row("b")] * 1_001))
            self.refused("too_large", report(2, {"type": "journal", "text": "x" * 600_000}))
            self.refused("too_large", report(2, *[{"type": "journal", "text": "x" * 100_000}] * 15))
            self.refused("stale_run", report(2, row("b"), run=str(uuid.uuid4())))
            self.refused("stale_run", report(2, row("b"), session=other))
            self.refused("unknown_session", report(2, row("b"), session="0.nobody"))
            stop = self.call(nats, "heartbeat", session=other, runs=[run])["stop"]
            self.assertEqual([(s["run"], s["code"]) for s in stop], [(run, "stale_run")])
            self.assertEqual(self.call(nats, "heartbeat", session=session, runs=[run]), {"stop": []})
            for _ in range(2):
                self.assertEqual(report(2, row("b"), {"type": "response", "metrics": {"n": 2}})["status"], "complete")
            self.refused("stale_run", report(3, row("c")))
            self.wait_complete(task)
            self.assertEqual(self.canonical("raw"), ["a", "b"])
            self.assertEqual(self.call(nats, "detach", session=session), {"detached": True})
            self.call(nats, "detach", session=other)


class Moves(ProgramsCase):
    @classmethod
    def make(cls):
        return Company({"company": "moves", "fleet": {"lease": "2s", "run_lease": "5s"},
                        "nodes": {"one": {"roles": ["control"]}, "two": {"roles": ["work"]},
                                  "three": {"roles": ["work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": {
                            "mover": {**agent("mover"), "node": ["two", "three"], "failback": "never"},
                            "audit": {"role": "auditor", "audits": ["ceo.data.mover"], "checks": [{"unique": ["word"]}]},
                        }}}}}})

    def where(self, task):
        return [run["node"] for run in self.c.rows(f"SELECT node FROM cadre.run WHERE task = '{task}' ORDER BY attempt")]

    def test_a_program_follows_its_agent_to_another_node(self):
        worker = self.script("mover")
        task = self.add("mover", [f"word-{n}" for n in range(10)], slow_ms=100)
        self.wait_for_rows(task)
        self.c.run("drain", "two")
        self.wait_complete(task)
        self.assertEqual(self.where(task), ["two"], "what it works on is finished first")
        task = self.add("mover", [f"word-{n}" for n in range(15)], slow_ms=100)
        self.wait_for_rows(task)
        os.kill(self.c.node_pid("three"), signal.SIGKILL)
        self.wait_complete(task)
        self.assertEqual(self.where(task)[0], "three")
        self.assertEqual([run["status"] for run in self.runs(task)][1:], ["succeeded"])
        self.assertEqual(len(self.canonical("mover")), 15)
        self.assertIn("attaches again: unknown_session", self.said(worker))
