"""Random faults at leader, nodes, nats-server and Postgres under load; then SQL proves that nothing was lost or doubled.

CADRE_CHAOS_SECONDS (30) of faults; CADRE_CHAOS_SEED draws the same faults again.
"""
import os
import random
import sys
import time
import unittest
import uuid

from chaos import CHECKS, DOCTORED, Chaos, Servers, findings, text
from company import TERMINAL, Company, response, wait_for
from load import Load, settle

NAME = "chaos"
NODES = ("one", "two", "three")
SECONDS = float(os.environ.get("CADRE_CHAOS_SECONDS", "30"))
SEED = int(os.environ.get("CADRE_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
SETTLE_S = 180
# What waits at the end should tell how fast the company recovers, not how much was added.
OPEN_TASKS_MAX = 300

# Appends a row with the id of its task; `spoil` in the payload leaves out what the auditor insists on.
WORK = ("read -r request; task=${request#*'\"task\":'}; task=${task#*'\"id\":\"'}; task=${task%%'\"'*}; value=1; "
        "case $request in *spoil*) value=null;; esac; "
        "printf '{\"type\":\"output\",\"dataset\":\"effect\",\"row\":{\"task\":\"%s\",\"value\":%s}}\\n' \"$task\" "
        "\"$value\"; sleep 0.05; " + response())


def org():
    workers = {f"work-{n}": {"role": "worker", "mode": "jobs", "node": n, "concurrency": 2,
                             "run": {"command": ["sh", "-c", WORK]}, "outputs": {"effect": {"mode": "append"}}}
               for n in NODES}
    return {"company": NAME, "nodes": {n: {"roles": ["control", "work"]} for n in NODES},
            "fleet": {"lease": "2s", "run_lease": "5s"},
            "defaults": {"retry": {"attempts": 50, "backoff": {"initial": "100ms", "max": "500ms"}}, "timeout": "30s"},
            "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": {
                **workers,
                "breaks": {"role": "worker", "mode": "breaks", "retry": {"attempts": 3},
                           "run": {"command": ["sh", "-c", "exit 3"]}},
                "audit": {"role": "auditor", "concurrency": 4, "within": "1m",
                          "audits": [f"ceo.data.work-{n}" for n in NODES],
                          "checks": [{"not_null": ["task", "value"]}]}}}}}}}


def say(line):
    print(line, file=sys.stderr, flush=True)


class Survives(unittest.TestCase):
    def setUp(self):
        self.servers = Servers()
        self.addCleanup(lambda: self.assertEqual(self.servers.close(), {}, "processes were left behind"))
        self.servers.start()
        self.company = Company(org())
        self.addCleanup(lambda: self.assertEqual(self.company.close(), {}, "processes were left behind"))
        self.servers.start_company(self.company)
        self.chaos = Chaos(SEED, self.company, self.servers, NODES)
        self.load = Load(self.company, SEED, has_room=self.has_room)
        self.addCleanup(self.calm)

    def calm(self):
        self.load.stop()
        self.chaos.heal()

    def has_room(self):
        """Asked past the proxies, so that a fault does not hold up the answer."""
        ended = ", ".join(text(s) for s in TERMINAL)
        done = self.servers.c.psql(f"SELECT count(*) < {OPEN_TASKS_MAX} FROM cadre.task WHERE company = {text(NAME)}"
                                   f" AND status NOT IN ({ended})", "superuser")
        return done.stdout.strip() == "t" if done.returncode == 0 else None

    def recovered(self):
        """Waits until a task that is added now has gone all the way to canonical; the seconds that it took."""
        begin = time.monotonic()
        task, states = str(uuid.uuid4()), "SELECT status FROM cadre.task WHERE id = "

        def added():
            done = self.load.cadre("task", "add", "--id", task, "--title", "good", "--mode", "jobs", "--priority", "0")
            return done and done.returncode == 0
        wait_for(lambda: f"a task can be added\n{self.company.logs()}", added)
        self.load.acked[task] = "good"
        wait_for(lambda: f"it is complete: {self.company.psql(states + text(task)).stdout}\n{self.company.logs()}",
                 lambda: self.company.psql(states + text(task)).stdout.strip() == "complete", SETTLE_S)
        return time.monotonic() - begin

    def check(self, **doctored):
        return findings(self.company, NAME, sorted(self.load.acked), **doctored)

    def check_the_checker(self):
        """Each check finds the damage that is done to the same database before it, in a transaction rolled back."""
        good = next(t for t, kind in self.load.acked.items() if kind == "good")
        for name, sql in DOCTORED.items():
            with self.subTest(doctored=name):
                found = self.check(before=sql.format(company=text(NAME), task=f"{text(good)}::uuid"))
                self.assertTrue(any(line.startswith(name) for line in found), f"not seen: {found[:3]}")

    def test_nothing_is_lost_or_doubled(self):
        self.assertEqual(set(DOCTORED), set(CHECKS))
        say(f"chaos: CADRE_CHAOS_SEED={SEED} CADRE_CHAOS_SECONDS={SECONDS:g}")
        self.load.start()
        wait_for("work is under way", lambda: len(self.load.acked) >= 20)
        self.chaos.run(SECONDS, say)
        self.calm()
        begin = time.monotonic()
        recovered = self.recovered()
        settle(self.company, NAME, SETTLE_S)
        say(f"chaos: {len(self.load.acked)} tasks acknowledged, {self.load.resolved} escalations resolved; a new task "
            f"was done after {recovered:.1f} s, all after {time.monotonic() - begin:.1f} s")
        self.assertEqual(self.check(), [], f"seed {SEED}: {self.chaos.done}\n{self.company.logs()}")
        kinds = list(self.load.acked.values())
        self.assertGreater(min(kinds.count(k) for k in ("good", "spoil", "breaks")), 0, "the load says nothing")
        self.check_the_checker()
