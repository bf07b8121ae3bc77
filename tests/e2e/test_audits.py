"""How auditors work: as many outputs at once as their `concurrency` says, and no more."""
import os

from company import Company, SharedCompanyCase, response

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
