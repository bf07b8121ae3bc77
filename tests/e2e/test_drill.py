"""`cadre drill` on a running company: what it breaks comes back, what it says is true, and where it refuses."""
import json
import os
import signal
import subprocess

from chaos import Servers
from company import BINARY, CompanyCase, alive, process_state, response, wait_for
from test_kills import NODES, fleet

FAULTS = ["agent", "node", "freeze", "leader", "bus", "database"]


def small(name="small", **more):
    return {"company": name, "nodes": {"only": {"roles": ["control", "work"]}}, "fleet": {"lease": "1s"},
            "org": {"ceo": {"role": "ceo", "reports": {"job": {"role": "worker",
                                                               "run": {"command": ["sh", "-c", response()]}}}}}, **more}


class Drilled(CompanyCase):
    def drill(self, c, *words, code=0):
        return json.loads(c.run("drill", *words, "--json", code=code).stdout)

    def test_every_fault_under_load(self):
        c = self.company(fleet("drilled", "sleep 0.2; " + response()))
        c.start()
        c.run("task", "add", "--mode", "jobs", "--count", 300, "--title", "job")
        before = c.runtime()
        report = self.drill(c, "all", code=None)
        self.assertTrue(report["passed"], f"{report}\n{c.logs()}")
        self.assertEqual([d["fault"] for d in report["drills"]], FAULTS)
        for drill in report["drills"]:
            with self.subTest(fault=drill["fault"]):
                self.assertEqual((drill["lost"], drill["done_twice"], drill["missing"]), (0, 0, []))
                self.assertLessEqual(drill["noticed_ms"], drill["recovered_ms"])
                self.assertLessEqual(drill["recovered_ms"], drill["whole_ms"])
        after = c.runtime()
        for server in ("nats_pid", "postgres_pid"):
            self.assertNotEqual(before[server], after[server])
        self.assertGreaterEqual(sum(n not in after["nodes"] for n in before["nodes"]), 1)
        self.assertEqual(c.value("SELECT count(*) FROM cadre.brain_history WHERE key = 'drill'"), 2 * len(FAULTS))
        states = c.rows("SELECT path, state FROM cadre.agent WHERE state <> 'running'")
        self.assertEqual(states, [])

    def test_one_fault_for_people(self):
        c = self.company(small())
        c.start()
        pid = c.node_pid("only")
        text = c.run("drill", "node", "only").stdout
        for words in (f"node only (pid {pid}, the leader)", "ceo.job", "lost        0", "done twice  0"):
            self.assertIn(words, text)
        self.assertFalse(alive(pid))
        self.assertIn("skipped", c.run("drill", "all").stdout)

    def test_what_does_not_recover_in_time_fails(self):
        c = self.company(small())
        c.start()
        report = self.drill(c, "freeze", "only", "--within", 1, code=1)
        self.assertFalse(report["passed"])
        self.assertIsNone(report["drills"][0]["whole_ms"])
        self.assertIn("only is still stopped", report["drills"][0]["missing"])
        self.assertNotEqual(process_state(c.node_pid("only"))[0], "T")

    def test_a_frozen_node_goes_on_when_the_drill_is_killed(self):
        c = self.company(small(fleet={"lease": "60s", "run_lease": "60s"}))
        c.start()
        pid = c.node_pid("only")
        for how in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=how), subprocess.Popen([BINARY, "drill", "freeze", "only", "--state", c.state],
                                                            stdout=subprocess.DEVNULL) as drill:
                wait_for("it is stopped", lambda: process_state(pid)[0] == "T")
                drill.send_signal(how)
                drill.wait(20)
                wait_for("it goes on", lambda: process_state(pid)[0] != "T")

    def test_refusals_strike_nothing(self):
        c = self.company(small(production=True))
        c.start()
        before = c.runtime()
        self.assertIn("production", c.run("drill", "leader", code=2).stderr)
        for words in (["node", "nobody"], ["agent", "ceo.nobody"], ["freeze", "nobody"]):
            self.assertIn("nobody", c.run("drill", *words, "--yes", code=1).stderr)
        self.assertEqual(c.runtime(), before)
        self.assertTrue(self.drill(c, "agent", "ceo.job", "--yes")["passed"])
        c.write("cadre.yaml", "company: [")
        self.assertIn("--yes", c.run("drill", "leader", code=2).stderr)

    def test_servers_of_others_are_spared(self):
        servers = Servers()
        self.addCleanup(lambda: self.assertEqual(servers.close(), {}, "processes were left behind"))
        servers.start()
        c = self.company(small("guest"))
        servers.start_company(c)
        before = servers.c.runtime()
        for server in ("bus", "database"):
            self.assertIn("given to `up`", c.run("drill", server, code=1).stderr)
        skipped = [d["fault"] for d in self.drill(c, "all")["drills"] if "skipped" in d]
        self.assertEqual(skipped, ["node", "freeze", "bus", "database"])
        self.assertEqual(servers.c.runtime(), before)

    def test_nothing_is_up(self):
        c = self.company(small())
        done = c.run("drill", "leader", code=3)
        self.assertIn("cadre up", done.stderr)
