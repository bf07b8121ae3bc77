"""Work for a company whose servers and nodes are being broken: what it acknowledged must be there in the end."""
import json
import random
import subprocess
import threading
import uuid

from chaos import TERMINAL, text
from company import WAIT_S, cadre, wait_for

COMMAND_S = 20
RETRY_S = 0.2


class Load:
    """Adds tasks and resolves escalations through the command line for as long as it is told to. A task counts as
    acknowledged when `task add` exited 0; until then the same id is added again."""

    def __init__(self, company, seed, loaders=4, pause_s=0.0, has_room=None):
        """`has_room`: asked twice a second; while it says no, nothing is added. None for not known: as before."""
        self.company, self.seed, self.pause_s, self.has_room = company, seed, pause_s, has_room
        self.acked = {}
        self.resolved = 0
        self.over = threading.Event()
        self.room = threading.Event()
        self.room.set()
        self.threads = [threading.Thread(target=self.add, args=(n,)) for n in range(loaders)]
        self.threads.append(threading.Thread(target=self.resolve))
        if has_room:
            self.threads.append(threading.Thread(target=self.watch_room))

    def cadre(self, *args):
        try:
            return cadre(*args, "--state", self.company.state, timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            return None

    def add(self, number):
        draw = random.Random(self.seed * 1000 + number)
        kinds = {"good": ["--mode", "jobs"], "spoil": ["--mode", "jobs", "--payload", '{"spoil":true}'],
                 "breaks": ["--mode", "breaks"]}
        while not self.over.is_set():
            if not self.room.wait(RETRY_S):
                continue
            task, kind = str(uuid.uuid4()), draw.choices(list(kinds), (12, 1, 1))[0]
            while not self.over.is_set():
                done = self.cadre("task", "add", "--id", task, "--title", kind, *kinds[kind])
                if done and done.returncode == 0:
                    self.acked[task] = kind
                    self.over.wait(self.pause_s)
                    break
                self.over.wait(RETRY_S)

    def watch_room(self):
        while not self.over.wait(0.5):
            found = self.has_room()
            if found is not None:
                (self.room.set if found else self.room.clear)()

    def resolve(self):
        while not self.over.wait(0.5):
            rows = self.cadre("inbox", "--json")
            found = json.loads(rows.stdout) if rows and rows.returncode == 0 else []
            for escalation in found[:1]:
                done = self.cadre("escalation", "resolve", escalation["id"], "--note", "seen")
                self.resolved += bool(done and done.returncode == 0)

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            if thread.ident:
                thread.join()


def settle(company, name, seconds=WAIT_S):
    """Waits until every task of the company `name` has ended and every agent runs."""
    states = f"SELECT status, count(*) FROM cadre.task WHERE company = '{name}' GROUP BY status"
    ended = ", ".join(text(s) for s in TERMINAL)
    rest = f"SELECT count(*) AS n FROM cadre.task WHERE company = '{name}' AND status NOT IN ({ended})"

    def all_ended():
        done = company.psql(rest)
        return done.returncode == 0 and done.stdout.strip() == "0"
    wait_for(lambda: f"every task has ended: {company.psql(states).stdout}\n{company.logs()}", all_ended, seconds, 0.5)
    org = f"SELECT path, state FROM cadre.agent WHERE company = '{name}' AND state <> 'running'"
    wait_for(lambda: f"every agent runs: {company.rows(org)}\n{history(company, name)}\n{company.logs()}",
             lambda: not company.rows(org))


def history(company, name, lines=30):
    """The last of what supervisors told about the agents that do not run, and of their lives."""
    idle = f"a.company = '{name}' AND a.agent IN (SELECT path FROM cadre.agent WHERE state <> 'running')"
    told = (f"SELECT at, id::text, agent, node, state || ' ' || reason || ' ' || cause FROM cadre.agent_event a"
            f" WHERE {idle} UNION ALL SELECT started_at, token::text, agent, node, 'granted ' || epoch ||"
            f" coalesce(' until ' || ended_at || ' ' || end_reason, '') FROM cadre.incarnation a WHERE {idle}")
    return company.psql(f"SELECT * FROM (SELECT * FROM ({told}) t ORDER BY 1 DESC LIMIT {lines}) l ORDER BY 1").stdout
