"""Programs that leave their session and ignore SIGTERM: none of them outlives its node, and nobody else is touched."""
import os
import signal
import subprocess

from company import CompanyCase, alive, cadre, process_state, processes_of, wait_for

# Leaves two processes in sessions of their own, one of them an orphan at once, and hangs.
HOLD = "#!/bin/sh\ntrap '' TERM\necho $$ >>pids\nwhile :; do sleep 1; done\n"
SCRIPT = "setsid ./hold & setsid sh -c 'setsid ./hold &'; trap '' TERM; while :; do sleep 1; done"

CONFIG = {"company": "leftovers", "nodes": {"one": {"roles": ["control", "work"]}},
          "fleet": {"lease": "2s", "run_lease": "3s"},
          "defaults": {"timeout": "60s", "retry": {"attempts": 10, "backoff": {"initial": "100ms", "max": "500ms"}}},
          "org": {"ceo": {"role": "ceo", "reports": {"work": {"role": "worker", "mode": "jobs",
                                                              "run": {"command": ["bash", "-c", SCRIPT]}}}}}}


def identity(pid):
    """What names a process for good: its pid and its start."""
    state = process_state(pid)
    return (pid, state[2]) if state else None


def still_there(people):
    return [p for p in people if alive(p[0]) and identity(p[0]) == p]


class Leftovers(CompanyCase):
    def setUp(self):
        environment = {"PATH": os.environ["PATH"], "CADRE_COMPANY": "leftovers", "CADRE_NODE": "one",
                       "CADRE_SCRATCH": "/elsewhere/state/scratch/one/run-abcdef"}
        self.bystander = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
        self.addCleanup(self.bystander.wait)
        self.addCleanup(self.bystander.kill)

    def started(self):
        c = self.company(CONFIG)
        c.write("hold", HOLD, 0o755)
        c.start_in_front()
        return c, self.left_by_a_run(c)

    def left_by_a_run(self, c):
        path = os.path.join(c.folder, "pids")
        text = wait_for(c.logs, lambda: (t := self.read(path)).count("\n") >= 2 and t)
        return [identity(int(pid)) for pid in text.split()]

    def read(self, path):
        try:
            with open(path, encoding="ascii") as file:
                return file.read()
        except OSError:
            return ""

    def test_a_killed_node_leaves_nothing(self):
        c, left = self.started()
        pid = c.node_pid("one")
        os.kill(pid, signal.SIGKILL)
        wait_for("the node is started again", lambda: c.node_pid("one") not in (0, pid))
        wait_for(c.logs, lambda: len(self.read(os.path.join(c.folder, "pids")).split()) >= 4)
        self.assertEqual(still_there(left), [])
        self.assertIsNone(self.bystander.poll())

    def test_a_second_node_of_the_same_name_does_not_start(self):
        c, left = self.started()
        second = cadre("node", "--name", "one", "--config", c.config, "--state", c.state)
        self.assertEqual(second.returncode, 1)
        self.assertIn("does this node run already?", second.stderr)
        self.assertEqual(still_there(left), left)

    def test_what_survives_everything_is_ended_by_the_next_node(self):
        c, left = self.started()
        keeper, node = c.runtime()["pid"], c.node_pid("one")
        # The keeper would end them: it is held until the node is dead, and never sees that.
        os.kill(keeper, signal.SIGSTOP)
        os.kill(node, signal.SIGKILL)
        wait_for("the node is dead", lambda: not alive(node))
        os.kill(keeper, signal.SIGKILL)
        c.foreground.wait()
        wait_for(lambda: f"only what left its session lives on: {processes_of(c.folder)}",
                 lambda: {p for p, _ in left} <= processes_of(c.folder).keys() and
                 not any("cadre" in os.path.basename(w.split()[0]) for w in processes_of(c.folder).values() if w))
        self.assertEqual(still_there(left), left)
        os.remove(os.path.join(c.folder, "pids"))
        c.start_in_front()
        self.left_by_a_run(c)
        self.assertEqual(still_there(left), [])
        self.assertIn("that an earlier life of this node left running", c.logs(100))
        self.assertIsNone(self.bystander.poll())
