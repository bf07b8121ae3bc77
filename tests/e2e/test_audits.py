"""How auditors work: as many outputs at once as their `concurrency` says, and no more."""
import os

from company import Company, SharedCompanyCase, response, wait_for

AT_ONCE = 3
TASKS = 8

WORK = ("read -r request; task=${request#*'\"task\":'}; task=${task#*'\"id\":\"'}; task=${task%%'\"'*}; "
        "printf '{\"type\":\"output\",\"dataset\":\"made\",\"row\":{\"task\":\"%s\"}}\\n' \"$task\"; " + response())
# Goes on once as many audits as allowed were seen at once, or after 10 s; notes how many it saw.
MEET = ("mkdir -p meeting; me=$(mktemp -p meeting); n=0; "
        f"while [ ! -e met ] && [ $n -lt 100 ]; do [ $(ls meeting | wc -l) -lt {AT_ONCE} ] || touch met; "
        "sleep 0.1; n=$((n+1)); done; ls meeting | wc -l >> seen; rm $me; " + response())


class Audits(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "audits", "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "work": {"role": "worker", "concurrency": 4, "run": {"command": ["sh", "-c", WORK]},
                                     "outputs": {"made": {"mode": "append"}}},
                            "audit": {"role": "auditor", "audits": ["ceo.work"], "concurrency": AT_ONCE,
                                      "run": {"command": ["sh", "-c", MEET]}}}}}})

    def test_an_auditor_checks_as_many_outputs_at_once_as_its_concurrency_says(self):
        for task in [self.c.add_task("ceo.work") for _ in range(TASKS)]:
            self.assertEqual(self.c.finished(task)["status"], "complete")
        with open(os.path.join(self.c.folder, "seen"), encoding="ascii") as file:
            seen = [int(line) for line in file]
        self.assertEqual(len(seen), self.c.value("SELECT count(*) FROM cadre.output"), "one process per output")
        self.assertEqual(max(seen), AT_ONCE)


def audited(worker, check):
    """A worker whose outputs have one check."""
    return {worker: {"role": "worker", "concurrency": 4, "run": {"command": ["sh", "-c", WORK]},
                     "outputs": {"made": {"mode": "append"}}},
            f"audit-{worker}": {"role": "auditor", "audits": [f"ceo.{worker}"], "concurrency": 8, "checks": [check]}}


class SlowAuditor(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "slow-audits", "nodes": {"one": {"roles": ["control", "work"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            **audited("slow", {"sql": "SELECT row FROM cadre.output_row WHERE output = $1"
                                                      " AND pg_sleep(2) IS NULL"}),
                            **audited("quick", {"not_null": ["task"]})}}}})

    def test_a_slow_auditor_keeps_only_its_own_pipeline_waiting(self):
        slow = [self.c.add_task("ceo.slow") for _ in range(TASKS)]
        in_review = "SELECT count(*) FROM cadre.task WHERE agent = 'ceo.slow' AND status = 'review'"
        wait_for(lambda: f"all slow ones wait for their verdict: {self.c.rows('SELECT agent, status FROM cadre.task')}",
                 lambda: self.c.value(in_review) >= TASKS - 3)
        for task in [self.c.add_task("ceo.quick") for _ in range(3)]:
            self.assertEqual(self.c.finished(task)["status"], "complete")
        self.assertGreater(self.c.value(in_review), 0, "the quick ones waited for the slow ones")
        for task in slow:
            self.assertEqual(self.c.finished(task)["status"], "complete")
