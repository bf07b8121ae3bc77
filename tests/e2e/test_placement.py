"""Where agents run: drains, failback, and a node that is gone with nobody to take its place."""
import os
import signal

from company import CompanyCase, response, wait_for


def fleet(name, script, **worker):
    """The ceo on `head`; a worker on `left`, else on `right`."""
    return {"company": name, "fleet": {"lease": "2s", "run_lease": "10s"},
            "nodes": {"head": {"roles": ["control", "work"]}, "left": {"roles": ["work"]}, "right": {"roles": ["work"]}},
            "org": {"ceo": {"role": "ceo", "node": "head", "reports": {"data": {
                "role": "manager", "node": "head", "reports": {"work": {
                    "role": "worker", "node": ["left", "right"], "run": {"command": ["sh", "-c", script]}, **worker}}}}}}}


WORKER = "ceo.data.work"


class Placement(CompanyCase):
    def place(self, c):
        """The node of the worker, once it runs there."""
        return next((a["node"] for a in c.json("agent", "list") if a["path"] == WORKER and a["state"] == "running"), None)

    def at(self, c, node, seconds=30):
        wait_for(lambda: f"{WORKER} on {node}: {c.json('agent', 'list')}\n{c.logs()}",
                 lambda: self.place(c) == node, seconds)

    def test_a_drain_finishes_what_runs_and_moves_the_agent(self):
        c = self.company(fleet("drained", "sleep 2; " + response()))
        c.start()
        self.at(c, "left")
        task = c.add_task(WORKER)
        wait_for("it runs", lambda: c.value(f"SELECT status FROM cadre.task WHERE id = '{task}'") == "active")
        done = c.run("drain", "left")
        self.assertIn("left is empty", done.stdout)
        shown = c.finished(task)
        self.assertEqual((shown["status"], shown["attempt"]), ("complete", 1))
        self.assertEqual([r["node"] for r in shown["runs"]], ["left"])
        self.at(c, "right")
        states = {n["name"]: n["state"] for n in c.json("status")["nodes"]}
        self.assertEqual(states["left"], "draining")
        again = c.finished(c.add_task(WORKER))
        self.assertEqual([(r["node"], r["status"]) for r in again["runs"]], [("right", "succeeded")])
        c.run("drain", "left", "--undo")
        self.at(c, "left")
        self.assertEqual(c.value("SELECT count(*) FROM cadre.escalation"), 0)

    def test_a_leader_that_drains_hands_over(self):
        config = fleet("handed", response())
        config["nodes"]["left"]["roles"] = ["control", "work"]
        c = self.company(config)
        c.start()
        first = wait_for("somebody leads", c.leader)
        other = "left" if first == "head" else "head"
        c.run("drain", first, code=None)
        wait_for(lambda: f"{other} leads\n{c.logs()}", lambda: c.leader() == other)
        self.assertEqual(c.finished(c.add_task(WORKER))["status"], "complete")
        # The last control node leads on: better one that is to go than none.
        c.run("drain", other, code=None)
        self.assertEqual(c.finished(c.add_task(WORKER))["status"], "complete")
        self.assertEqual(c.leader(), other)

    def test_what_can_run_nowhere_else_stays_and_is_named(self):
        c = self.company(fleet("bound", response()))
        c.start()
        self.at(c, "left")
        c.run("drain", "right")
        done = c.run("drain", "left", "--json", code=1)
        self.assertIn(WORKER, done.stdout)
        self.assertEqual(self.place(c), "left")
        self.assertEqual(c.run("drain", "nowhere", code=2).stderr.count("there is no node 'nowhere'"), 1)

    def test_a_frozen_node_s_agent_runs_elsewhere_and_comes_back(self):
        c = self.company(fleet("frozen", response()))
        c.start()
        self.at(c, "left")
        pid = c.node_pid("left")
        os.kill(pid, signal.SIGSTOP)
        try:
            self.at(c, "right")
            self.assertEqual(c.finished(c.add_task(WORKER))["status"], "complete")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.at(c, "left")
        self.assertEqual(c.finished(c.add_task(WORKER))["status"], "complete")

    def test_with_failback_never_a_new_leader_leaves_it_where_it_is(self):
        c = self.company(fleet("settled", response(), failback="never"))
        c.start()
        self.at(c, "left")
        c.run("drain", "left")
        self.at(c, "right")
        c.run("drain", "left", "--undo")
        epoch = c.value(f"SELECT epoch FROM cadre.agent WHERE path = '{WORKER}'")
        pid = c.node_pid("head")
        os.kill(pid, signal.SIGKILL)
        wait_for("head is started again", lambda: c.node_pid("head") not in (0, pid))
        wait_for(lambda: f"it leads\n{c.logs()}", lambda: c.leader() == "head")
        self.assertEqual(c.finished(c.add_task(WORKER))["status"], "complete")
        self.at(c, "right")
        self.assertEqual(c.value(f"SELECT epoch FROM cadre.agent WHERE path = '{WORKER}'"), epoch,
                         "it was restarted without need")
