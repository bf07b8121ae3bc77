"""Escalations from end to end: a manager's program looks into them, people act, and subscribers miss no step."""
import json
import os
import signal
import subprocess
import threading
import time
import uuid

import node_program
from company import Company, CompanyCase, SharedCompanyCase, alive, cadre, response, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))


def failing(unless="false"):
    """Fails what the tests add, and not what the company itself gives everybody when it starts."""
    return {"command": ["sh", "-c", f"read -r request; {unless} || case $request in *'\"title\":\"by hand\"'*) "
                                    f"echo no disk >&2; exit 3;; esac; {response()}"]}


FAIL = failing()
ONCE = {"attempts": 1, "backoff": {"initial": "10ms", "max": "10ms"}}

# What it decides, if anything, depends on whose problem it is.
INVESTIGATOR = """#!/usr/bin/env python3
import json, os, sys, time
request = json.loads(sys.stdin.readline())
with open(os.environ["SEEN"], "a") as seen:
    seen.write(json.dumps(request) + "\\n")
def say(**line):
    print(json.dumps(line), flush=True)
if request["op"] == "investigate":
    about = request["task"]["payload"]["origin"].rsplit(".", 1)[1]
    if about == "again":
        open(os.environ["FLAG"], "w").close()
        say(type="decision", action="retry", note="the disk is there now")
    elif about == "other":
        say(type="decision", action="reassign", to="ceo.data.well", note="this host has no disk")
    elif about == "given":
        say(type="decision", action="delegate", to="ceo.data.deputy", **{"for": "1s"}, note="your disk")
    elif about == "loop":
        say(type="task", agent="ceo.data.loop", title="by hand", run_after=int((time.time() + 1) * 1_000_000))
        say(type="decision", action="resolve", note="it is done again")
    elif about == "hanging":
        time.sleep(60)
    elif about == "broken":
        sys.exit(4)
say(type="response", agent=request["agent"], timestamp="2026-11-21T00:00:00Z", metrics={},
    alerts=[{"problem": "mine", "message": "an alert"}] if request["op"] == "investigate" else [], recommendations=[])
"""


def worker(run, mode="jobs", **more):
    return {"role": "worker", "mode": mode, "run": run, "retry": ONCE, **more}


class Actions(SharedCompanyCase):
    @classmethod
    def make(cls):
        c = Company({"company": "acting", "nodes": {"one": {"roles": ["control", "work"]}}, "org": {}})
        c.seen = os.path.join(c.folder, "seen")
        c.write("look.py", INVESTIGATOR, 0o755)
        flag = os.path.join(c.folder, "flag")  # What the sick one lacks.
        reports = {name: worker(FAIL) for name in ("other", "given", "hanging", "broken", "silent", "loop")}
        reports |= {"again": worker(failing(f"test -e {flag}")),
                    "well": worker({"command": ["sh", "-c", "cat >/dev/null; " + response()]}),
                    "deputy": {"role": "manager", "on_escalation": {"investigate": "10m"},
                               "reports": {"x": worker(FAIL, "x")}}}
        org = {"ceo": {"role": "ceo", "reports": {
            "data": {"role": "manager", "run": {"command": ["./look.py"], "env": {"SEEN": c.seen, "FLAG": flag}},
                     "on_escalation": {"investigate": "3s", "then": "escalate"}, "concurrency": 8, "reports": reports},
            "desk": {"role": "manager", "on_escalation": {"investigate": "10m"}, "reports": {"q": worker(FAIL, "q")}},
            "ops": {"role": "manager", "on_escalation": {"investigate": "10m"},
                    "reports": {"y": worker(FAIL, "y"), "z": worker(FAIL, "y")}}}}}
        c.write("cadre.yaml", json.dumps({"company": "acting", "nodes": {"one": {"roles": ["control", "work"]}},
                                          "org": org}))
        return c

    def escalation(self, task):
        def find():
            return next((e for e in self.c.json("escalation", "list", "--all") if e["task"] == task), None)
        return wait_for(lambda: f"an escalation about {task}: {self.c.json('escalation', 'list', '--all')}", find)

    def hops(self, escalation):
        return [(h["action"], h["holder"]) for h in self.c.json("escalation", "show", escalation)["hops"]]

    def wait_hops(self, escalation, *last):
        wait_for(lambda: f"{last} in {self.c.json('escalation', 'show', escalation)}\n{self.c.logs()}",
                 lambda: tuple(self.hops(escalation)[-len(last):]) == last)

    def reasons(self, escalation):
        return {h["action"]: h["reason"] for h in self.c.json("escalation", "show", escalation)["hops"]}

    def request_about(self, escalation):
        with open(self.c.seen, encoding="utf-8") as file:
            return next(r for r in map(json.loads, file)
                        if r["op"] == "investigate" and r["task"]["payload"]["escalation"] == escalation)

    def test_the_manager_s_program_decides_to_run_it_again(self):
        task = self.c.add_task("ceo.data.again")
        e = self.escalation(task)
        self.wait_hops(e["id"], ("retried", "ceo.data"), ("resolved", "ceo.data"))
        request = self.request_about(e["id"])
        self.assertEqual((request["op"], request["agent"], request["role"]), ("investigate", "ceo.data", "manager"))
        self.assertEqual(request["task"]["payload"]["evidence"]["attempts"][0]["code"], "exit_code")
        again = self.c.rows(f"SELECT id FROM cadre.task WHERE retry_of = '{task}'")[0]["id"]
        self.assertEqual(self.c.finished(again)["status"], "complete")
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.escalation WHERE problem = 'mine'"), 0,
                         "an investigation raised something of its own")

    def test_it_is_given_to_another_agent_by_decision(self):
        task = self.c.add_task("ceo.data.other")
        e = self.escalation(task)
        self.wait_hops(e["id"], ("reassigned", "ceo.data"), ("resolved", "ceo.data"))
        again = self.c.rows(f"SELECT id, agent FROM cadre.task WHERE retry_of = '{task}'")[0]
        self.assertEqual(again["agent"], "ceo.data.well")
        self.assertEqual(self.c.finished(again["id"])["status"], "complete")

    def test_an_investigation_whose_tasks_fail_ends_at_the_top(self):
        first = self.escalation(self.c.add_task("ceo.data.loop"))
        self.wait_hops(first["id"], ("resolved", "ceo.data"))
        mine = "FROM cadre.escalation WHERE origin = 'ceo.data.loop' AND problem = 'run_failed'"
        wait_for("what came of its task to be in the inbox",
                 lambda: self.c.value(f"SELECT count(*) {mine} AND in_inbox AND status = 'open'") == 1)
        time.sleep(2)
        self.assertEqual(self.c.value(f"SELECT count(*) {mine}"), 2)
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.task WHERE agent = 'ceo.data.loop' AND "
                                      "title = 'by hand'"), 2)

    def test_a_delegate_s_time_ends_and_it_comes_back_up(self):
        e = self.escalation(self.c.add_task("ceo.data.given"))
        # Back with the manager, who may give it away again so often and no more; then it is the ceo's.
        wait_for(lambda: f"the inbox: {self.hops(e['id'])}",
                 lambda: self.c.json("escalation", "show", e["id"])["in_inbox"])
        hops = self.hops(e["id"])
        self.assertEqual(hops.count(("delegated", "ceo.data.deputy")), 5, hops)
        self.assertIn("agents may do so no more", self.reasons(e["id"])["undecided"])

    def test_a_failed_or_late_investigation_passes_it_up(self):
        broken = self.escalation(self.c.add_task("ceo.data.broken"))
        hanging = self.escalation(self.c.add_task("ceo.data.hanging"))
        silent = self.escalation(self.c.add_task("ceo.data.silent"))
        self.wait_hops(broken["id"], ("undecided", "ceo.data"), ("moved", "ceo"))
        self.assertIn("exit code 4", self.reasons(broken["id"])["undecided"])
        self.wait_hops(silent["id"], ("undecided", "ceo.data"), ("moved", "ceo"))
        self.wait_hops(hanging["id"], ("investigating", "ceo.data"), ("moved", "ceo"))
        self.assertIn("the time of ceo.data is over", self.reasons(hanging["id"])["moved"])
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.escalation WHERE problem = 'run_failed' AND "
                                      "origin = 'ceo.data'"), 0)

    def test_people_act_on_the_command_line(self):
        c = self.c
        e = self.escalation(c.add_task("ceo.ops.y"))["id"]
        self.assertIn("sleeps with ceo.ops until", c.run("escalation", "snooze", e[:13], "--for", "2s").stdout)
        self.assertIsNotNone(c.json("escalation", "show", e)["snoozed_until"])
        self.wait_hops(e, ("snoozed", "ceo.ops"), ("woken", "ceo.ops"))
        self.assertIn("lies with ceo.desk until",
                      c.run("escalation", "delegate", e, "--to", "ceo.desk", "--for", "30m").stdout)
        self.assertIn("lies in the inbox of ceo", c.run("escalation", "escalate", e, "--note", "today").stdout)
        refused = c.run("escalation", "escalate", e, code=1)
        self.assertIn("nobody is above", refused.stderr)
        moved = c.json("escalation", "delegate", e, "--to", "ceo.ops", "--for", "1h")
        self.assertEqual((moved["holder"], moved["in_inbox"]), ("ceo.ops", False))
        done = c.run("escalation", "reassign", e, "--to", "ceo.ops.z", "--note", "try there")
        again = done.stdout.split()[-1]
        self.assertEqual(c.finished(again)["agent"], "ceo.ops.z")
        self.assertEqual(c.json("escalation", "show", e)["status"], "resolved")
        second = self.escalation(again)["id"]
        retried = c.run("escalation", "retry", second).stdout.split()[-1]
        self.assertEqual(c.finished(retried)["agent"], "ceo.ops.z")

    def test_errors_say_what_is_allowed(self):
        c = self.c
        e = self.escalation(c.add_task("ceo.ops.y"))["id"]
        for words, code, says in (
                (("snooze", e), 2, "--for 2h"),
                (("snooze", e, "--for", "2"), 2, "--for"),
                (("snooze", e, "--for", "100d"), 1, "at most 90 days"),
                (("snooze", e, "--until", "tomorrow"), 2, "2026-11-30T08:00:00Z"),
                (("delegate", e, "--to", "Data"), 2, "is not an agent's path"),
                (("delegate", e, "--to", "ceo.dat"), 1, "did you mean `ceo.data`?"),
                (("delegate", e, "--to", "ceo.ops.y"), 1, "can't be the judge of that"),
                (("reassign", e), 2, "--to"),
                (("reassign", e, "--to", "ceo.data.well"), 1, "does no tasks of mode y"),
                (("retry", "ffffffff"), 1, "one escalation ffffffff")):
            done = c.run("escalation", *words, code=code)
            self.assertIn(says, done.stderr, words)
        self.assertIn("cadre escalation snooze 0193c2f1 --for 2h", c.run("escalation", "snooze", "--help").stdout)
        script = cadre("completion", "bash").stdout
        for action in ("retry", "reassign", "delegate", "snooze", "escalate"):
            self.assertIn(action, script)
        c.run("escalation", "resolve", e, "--note", "enough")

    def test_a_storm_is_one_line_of_the_brief(self):
        c = self.c
        count = 300
        c.run("task", "add", "--agent", "ceo.ops.z", "--count", count, "--title", "by hand")
        wait_for("all of them have failed", lambda: c.value(
            "SELECT count(*) FROM cadre.task WHERE agent = 'ceo.ops.z' AND status = 'failed'") >= count)
        storm = c.rows("SELECT id, count FROM cadre.escalation WHERE origin = 'ceo.ops.z' AND status <> 'resolved'")
        self.assertEqual(len(storm), 1)
        self.assertGreaterEqual(storm[0]["count"], count)
        self.assertLess(c.value(f"SELECT count(*) FROM cadre.escalation_hop WHERE escalation = '{storm[0]['id']}'"), 20)
        c.run("escalation", "escalate", storm[0]["id"])
        page = c.run("brief", "--now").stdout
        self.assertEqual(page.count("ceo.ops.z: run_failed"), 1, page)
        c.run("escalation", "resolve", storm[0]["id"], "--note", "over")


class Subscriber(CompanyCase):
    """The official JavaScript client as a durable consumer, killed and restarted, while the leader is killed."""

    def setUp(self):
        folder = os.path.join(HERE, "esc_subscriber")
        self.cwd, self.node = node_program.install(folder, os.path.join(folder, "subscriber.mjs"))

    def start_subscriber(self):
        self.out = open(os.path.join(self.c.folder, "subscriber.out"), "ab")
        self.subscriber = subprocess.Popen([self.node, "subscriber.mjs", self.c.state, self.log, "desk"], cwd=self.cwd,
                                           stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)

    def kill_subscriber(self):
        self.subscriber.kill()
        self.subscriber.wait()
        self.out.close()

    def lines(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip().endswith("}")]

    def test_each_step_arrives_once_and_in_order(self):
        workers = {f"w{n}": worker(FAIL, f"m{n}") for n in range(6)}
        self.c = c = self.company({
            "company": "steps", "nodes": {n: {"roles": ["control", "work"]} for n in ("one", "two")},
            "fleet": {"lease": "2s", "run_lease": "5s"},
            "org": {"ceo": {"role": "ceo", "reports": {
                "a": {"role": "manager", "on_escalation": {"investigate": "300ms"}, "reports": {
                    "b": {"role": "manager", "on_escalation": {"investigate": "200ms"}, "reports": workers}}}}}}})
        c.start()
        self.log = os.path.join(c.folder, "steps.log")
        self.start_subscriber()
        self.addCleanup(lambda: self.subscriber.poll() is None and self.kill_subscriber())
        ended = threading.Event()

        def resolve_what_arrives():
            """So that the next failure is a new escalation."""
            while not ended.is_set():
                for e in json.loads(c.run("inbox", "--json", code=None).stdout or "[]"):
                    c.run("escalation", "resolve", e["id"], "--note", "seen", code=None)
                time.sleep(0.2)

        clerk = threading.Thread(target=resolve_what_arrives)
        clerk.start()
        try:
            for round_ in range(8):
                for n in range(6):
                    c.run("task", "add", "--agent", f"ceo.a.b.w{n}", "--id", uuid.uuid4(), "--title", "by hand",
                          code=None)
                time.sleep(0.4)
                self.kill_subscriber()
                if round_ in (2, 5):
                    lead = wait_for("a leader", c.leader)
                    pid = c.node_pid(lead)
                    os.kill(pid, signal.SIGKILL)
                    wait_for(f"node {lead} is started again",
                             lambda: c.node_pid(lead) not in (0, pid) and not alive(pid))
                    wait_for("a leader", c.leader)
                self.start_subscriber()
        finally:
            ended.set()
            clerk.join()
        wait_for("all tasks have ended", lambda: c.value(
            "SELECT count(*) FROM cadre.task WHERE status NOT IN ('failed', 'stale', 'complete')") == 0)
        wait_for("all lie in the inbox or are settled", lambda: c.value(
            "SELECT count(*) FROM cadre.escalation WHERE status = 'open' AND NOT in_inbox") == 0)
        told = c.value("SELECT count(*) FROM cadre.escalation_hop")
        wait_for(lambda: f"{len(self.lines())} of {told} steps\n{open(self.out.name).read()[-2000:]}",
                 lambda: len(self.lines()) >= told, 30)
        time.sleep(1)  # For what should not come.
        self.kill_subscriber()
        self.check(told)

    def check(self, told):
        lines = self.lines()
        self.assertGreater(told, 60, "too little happened to mean anything")
        self.assertEqual(len(lines), told)
        self.assertEqual(len({line["stream_seq"] for line in lines}), told)
        steps = {}
        for line in lines:
            steps.setdefault(line["id"], []).append((line["hop"], line["action"], line["holder"]))
        known = {}
        for row in self.c.rows("SELECT escalation, hop, action, holder FROM cadre.escalation_hop ORDER BY hop"):
            known.setdefault(row["escalation"], []).append((row["hop"], row["action"], row["holder"]))
        self.assertEqual(steps, known)
        for escalation, hops in steps.items():
            self.assertEqual([hop for hop, _, _ in hops], list(range(1, len(hops) + 1)), escalation)
        sums = self.c.escalation_sums()
        self.assertEqual(sums["raised"], sums["resolved"] + sums["open"])
