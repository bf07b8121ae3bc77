"""Processes, nodes and the leader are killed with -9 in mid-work; nothing is lost and nothing is done twice."""
import contextlib
import os
import signal

from company import CompanyCase, alive, children_of, processes_of, response, wait_for

NODES = ("one", "two", "three")
RETRY = {"attempts": 10, "backoff": {"initial": "100ms", "max": "500ms"}}


def fleet(name, script, outputs=None, auditors=None):
    """Three nodes that may all lead, a worker of mode `jobs` on each."""
    workers = {}
    for node in NODES:
        workers[f"work-{node}"] = {"role": "worker", "mode": "jobs", "node": node, "concurrency": 2,
                                   "run": {"command": ["sh", "-c", script]}}
        if outputs:
            workers[f"work-{node}"]["outputs"] = outputs
    return {"company": name, "nodes": {n: {"roles": ["control", "work"]} for n in NODES},
            "fleet": {"lease": "2s", "run_lease": "5s"}, "defaults": {"retry": RETRY, "timeout": "30s"},
            "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": {
                **workers, **(auditors or {})}}}}}}


class Killed(CompanyCase):
    def done(self, c):
        return c.value("SELECT count(*) FROM cadre.task WHERE title = 'job' AND status = 'complete'")

    def wait_done(self, c, least, seconds=90):
        sums = "SELECT status, count(*) FROM cadre.task GROUP BY status"
        wait_for(lambda: f"{least} done: {c.rows(sums)}\n{c.logs()}",
                 lambda: self.done(c) >= least, seconds)

    def kill_node(self, c, name):
        """Kills a node with -9 and waits until another process is in its place."""
        pid = c.node_pid(name)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"node {name} is started again", lambda: c.node_pid(name) not in (0, pid) and not alive(pid))

    def kill_worker_process(self, c):
        """Kills one process of a worker with -9, until a run is on record that ended so."""
        def strike():
            for node in c.runtime()["nodes"]:
                for child in children_of(node["pid"]):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                        return c.value("SELECT count(*) FROM cadre.run WHERE error_code = 'signalled'") > 0
            return False
        wait_for("a killed process is on record", strike)

    def follower(self, c):
        lead = wait_for("a leader", c.leader)
        return lead, next(n for n in NODES if n != lead)

    def check_ledger(self, c, tasks):
        """Each job complete by exactly one successful run, and the ledger of events whole."""
        self.assertEqual(c.rows("SELECT status, count(*) AS n FROM cadre.task WHERE title = 'job' GROUP BY status"),
                         [{"status": "complete", "n": tasks}])
        wrong = c.rows("SELECT t.id, count(r.id) AS runs FROM cadre.task t LEFT JOIN cadre.run r"
                       " ON r.company = t.company AND r.task = t.id AND r.status = 'succeeded'"
                       " GROUP BY t.id HAVING count(r.id) <> 1")
        self.assertEqual(wrong, [])
        self.assertEqual(c.value("SELECT count(*) FROM cadre.run WHERE status = 'active'"), 0)
        self.assertEqual(c.value("SELECT count(*) FROM cadre.task WHERE status = 'failed'"), 0)
        seq = c.rows("SELECT min(seq), max(seq), count(*) AS n FROM cadre.event")[0]
        self.assertEqual((seq["min"], seq["max"]), (1, seq["n"]))
        epochs = [r["epoch"] for r in c.rows("SELECT epoch FROM cadre.leader ORDER BY since, epoch")]
        self.assertEqual(epochs, list(range(1, len(epochs) + 1)))
        return epochs

    def test_thousand_tasks_survive_kills(self):
        tasks = 1000
        c = self.company(fleet("killed", "sleep 0.05; " + response()))
        c.start()
        c.run("task", "add", "--mode", "jobs", "--count", tasks, "--title", "job")
        self.wait_done(c, 20)
        self.kill_worker_process(c)
        self.wait_done(c, 150)
        lead, other = self.follower(c)
        self.kill_node(c, other)
        self.assertLess(self.done(c), tasks, "the node was killed too late to mean anything")
        self.wait_done(c, 350)
        lead, _ = self.follower(c)
        self.kill_node(c, lead)
        self.assertLess(self.done(c), tasks, "the leader was killed too late to mean anything")
        self.wait_done(c, tasks)
        epochs = self.check_ledger(c, tasks)
        self.assertGreaterEqual(len(epochs), 2, "nobody took over from the killed leader")
        status = c.json("status")
        self.assertEqual({status["leader"]["node"], *status["followers"]}, set(NODES))
        self.assertEqual([(r["node"], r["epoch"], r["end_reason"]) for r in status["earlier_reigns"]][-1],
                         (lead, epochs[0], "replaced"))
        spread = c.rows("SELECT agent, count(*) AS n FROM cadre.run WHERE status = 'succeeded' GROUP BY agent")
        self.assertEqual(len(spread), len(NODES))

        self.assertEqual(c.down().returncode, 0)
        c.start()
        self.assertGreater(self.check_ledger(c, tasks)[-1], epochs[-1])
        self.assertEqual(c.finished(c.add_task("ceo.data.work-one"))["status"], "complete")

    def test_servers_and_then_everything_killed_at_once(self):
        tasks = 400
        c = self.company(fleet("servers", "sleep 0.05; " + response()))
        c.start()
        c.run("task", "add", "--mode", "jobs", "--count", tasks, "--title", "job")
        for least, server in ((20, "nats_pid"), (100, "postgres_pid")):
            self.wait_done(c, least)
            pid = c.runtime()[server]
            os.kill(pid, signal.SIGKILL)
            wait_for(f"{server}: started again\n{c.logs()}", lambda s=server, p=pid: c.runtime()[s] not in (0, p))
            wait_for("the database answers", lambda: c.psql("SELECT 1").returncode == 0)
        self.wait_done(c, 180)
        self.assertLess(self.done(c), tasks, "too late to mean anything")
        os.kill(c.runtime()["pid"], signal.SIGKILL)
        wait_for(lambda: f"its processes end with it: {processes_of(c.folder)}", lambda: not processes_of(c.folder), 30)
        c.start()
        self.wait_done(c, tasks)
        self.check_ledger(c, tasks)

    def test_effects_happen_once_each(self):
        tasks = 300
        script = ("read -r request; task=${request#*'\"task\":'}; task=${task#*'\"id\":\"'}; task=${task%%'\"'*}; "
                  "printf '{\"type\":\"output\",\"dataset\":\"effect\",\"row\":{\"task\":\"%s\"}}\\n' \"$task\"; "
                  "sleep 0.05; ")
        auditor = {"audit": {"role": "auditor", "concurrency": 4, "within": "1m",
                             "audits": [f"ceo.data.work-{n}" for n in NODES], "checks": [{"not_null": ["task"]}]}}
        c = self.company(fleet("effects", script + response(), {"effect": {"mode": "append"}}, auditor))
        c.start()
        c.run("task", "add", "--mode", "jobs", "--count", tasks, "--title", "job")
        self.wait_done(c, 30)
        _, other = self.follower(c)
        self.kill_node(c, other)
        self.assertLess(self.done(c), tasks, "the node was killed too late to mean anything")
        self.wait_done(c, 100)
        lead, _ = self.follower(c)
        self.kill_node(c, lead)
        self.wait_done(c, tasks)
        self.check_ledger(c, tasks)
        wrong = c.rows("SELECT t.id, count(k.key) AS n FROM cadre.task t LEFT JOIN cadre.canonical k"
                       " ON k.company = t.company AND k.dataset = 'effect' AND k.row->>'task' = t.id::text"
                       " GROUP BY t.id HAVING count(k.key) <> 1")
        self.assertEqual(wrong, [])
        self.assertEqual(c.value("SELECT count(*) FROM cadre.canonical"), c.value("SELECT count(*) FROM cadre.task"))
