"""A pool: one worker in the config, several equal agents under a dynamic supervisor."""
import os
import signal

from company import Company, SharedCompanyCase, response, wait_for

SIZE = 3
MEMBERS = [f"ceo.pool.fetch-{n}" for n in range(1, SIZE + 1)]
MODE = "fetch"

# Ends once as many runs as the pool has members were seen at once, or fails after 20 s.
MEET = (f"mkdir -p meeting; touch meeting/$CADRE_AGENT; n=0; while [ $(ls meeting | wc -l) -lt {SIZE} ]; do "
        "sleep 0.1; n=$((n+1)); [ $n -lt 200 ] || exit 1; done; " + response())


class Pool(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "pools", "fleet": {"lease": "2s", "run_lease": "5s"},
                        "nodes": {"one": {"roles": ["control"]}, "two": {"roles": ["control"]},
                                  "three": {"roles": ["work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {"pool": {
                            "role": "manager", "supervise": {"strategy": "dynamic"}, "reports": {
                                MODE: {"role": "worker", "instances": SIZE, "run": {"command": ["sh", "-c", MEET]}}}}}}}})

    def agent(self, path):
        return next(a for a in self.c.json("agent", "list") if a["path"] == path)

    def all_run(self):
        wait_for(lambda: f"the pool runs: {self.c.json('agent', 'list')}\n{self.c.logs()}",
                 lambda: all(self.agent(path)["state"] == "running" for path in ["ceo.pool", *MEMBERS]))

    def lives(self):
        """Of each member: how many lives it had."""
        return {row["agent"]: row["n"] for row in self.c.rows(
            "SELECT agent, count(*) AS n FROM cadre.incarnation GROUP BY agent") if row["agent"] in MEMBERS}

    def test_its_members_share_the_tasks_of_one_mode(self):
        self.all_run()
        self.c.run("task", "add", "--mode", MODE, "--title", "meet", "--count", SIZE)
        wait_for(lambda: f"they meet: {self.c.rows('SELECT status, error FROM cadre.task')}\n{self.c.logs()}",
                 lambda: self.c.value("SELECT count(*) FROM cadre.task WHERE title = 'meet' AND status = 'complete'")
                 == SIZE)
        self.assertEqual(sorted(os.listdir(os.path.join(self.c.folder, "meeting"))), MEMBERS)

    def test_a_member_fails_alone(self):
        self.all_run()
        before = self.lives()
        self.c.run("agent", "kill", MEMBERS[1])
        wait_for(lambda: f"it lives again: {self.lives()}\n{self.c.logs()}",
                 lambda: self.lives() == {**before, MEMBERS[1]: before[MEMBERS[1]] + 1})
        self.all_run()

    def test_a_member_is_taken_out_and_added_again(self):
        self.all_run()

        def refused(order, why):
            self.assertIn(why, self.c.run("agent", order, MEMBERS[2], code=1).stderr)
        refused("add", "runs")
        refused("delete", "only adds and terminates")
        self.c.run("agent", "terminate", MEMBERS[2])
        wait_for("it stops", lambda: self.agent(MEMBERS[2])["state"] == "stopped")
        refused("start", "only adds and terminates")
        self.assertEqual(self.agent(MEMBERS[1])["state"], "running")
        self.c.run("agent", "add", MEMBERS[2])
        self.all_run()

    def test_a_new_leader_adopts_it(self):
        self.all_run()
        lead = wait_for("a leader", self.c.leader)
        pid = self.c.node_pid(lead)
        before = self.lives()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: f"{lead} is replaced\n{self.c.logs()}", lambda: self.c.leader() not in (None, lead))
        self.all_run()
        self.c.run("agent", "restart", MEMBERS[0])  # Answered by the new supervisor, once it knows them.
        self.all_run()
        self.assertEqual(self.lives(), {**before, MEMBERS[0]: before[MEMBERS[0]] + 1}, "not adopted")
