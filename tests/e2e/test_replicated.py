"""`cadre up --ha`: any one nats-server dies, the replica of Postgres is away, the primary dies with its disk and the
replica is promoted, all under load; SQL and a subscriber prove that nothing was lost, left out or repeated."""
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
import unittest
import uuid

from chaos import findings
from company import ROOT, CompanyCase, Nats, cadre, children_of, psql, wait_for
from test_chaos import WORK
from test_kills import NODES, RETRY

NAME = "replicated"
STREAM = "CADRE_EVENTS"
LOADERS = 3
WAITING = "pg_stat_activity WHERE wait_event = 'SyncRep'"


def org():
    workers = {f"work-{n}": {"role": "worker", "mode": "jobs", "node": n, "concurrency": 2,
                             "run": {"command": ["sh", "-c", WORK]}, "outputs": {"effect": {"mode": "append"}}}
               for n in NODES}
    return {"company": NAME, "nodes": {n: {"roles": ["control", "work"]} for n in NODES},
            "fleet": {"lease": "2s", "run_lease": "5s"}, "defaults": {"retry": {**RETRY, "attempts": 50},
                                                                      "timeout": "30s"},
            "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": {
                **workers,
                "audit": {"role": "auditor", "concurrency": 4, "within": "1m",
                          "audits": [f"ceo.data.work-{n}" for n in NODES],
                          "checks": [{"not_null": ["task", "value"]}]}}}}}}}


class Load:
    """Adds tasks one after the other; acknowledged is what `task add` said so about. The same id is added until then."""

    def __init__(self, company):
        self.company, self.acked, self.over = company, [], threading.Event()
        self.threads = [threading.Thread(target=self.add) for _ in range(LOADERS)]
        for thread in self.threads:
            thread.start()

    def add(self):
        while not self.over.is_set():
            task, done = str(uuid.uuid4()), None
            while not (done and done.returncode == 0) and not self.over.is_set():
                done = cadre("task", "add", "--id", task, "--title", "job", "--mode", "jobs",
                             "--state", self.company.state)
            if done and done.returncode == 0:
                self.acked.append(task)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def more(self, what, count=10, seconds=30):
        """Waits until some more are acknowledged."""
        least = len(self.acked) + count
        wait_for(lambda: f"{what}: tasks are acknowledged again\n{self.company.logs()}",
                 lambda: len(self.acked) >= least, seconds)


class Subscriber:
    """A durable consumer of every event. It waits until its acknowledgement is confirmed, so what it hears again after
    that is a repeat."""

    def __init__(self, urls):
        self.urls, self.over = urls, threading.Event()
        self.heard, self.confirmed, self.repeats = {}, set(), []  # Place in the stream: sequence; places; sequences.
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        turn = 0
        while not self.over.is_set():
            turn += 1
            with contextlib.suppress(OSError, AssertionError, ValueError, IndexError), \
                    Nats(self.urls[turn % len(self.urls)], 3) as bus:
                self.create(bus)
                while not self.over.is_set():
                    self.pull(bus)
            self.over.wait(0.1)

    def create(self, bus):
        config = {"durable_name": "counter", "deliver_policy": "all", "ack_policy": "explicit", "max_deliver": -1,
                  "ack_wait": 5_000_000_000, "replay_policy": "instant", "max_ack_pending": 1000}
        answer = json.loads(bus.request(f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.counter",
                                        json.dumps({"stream_name": STREAM, "config": config}).encode()))
        assert "error" not in answer, answer

    def pull(self, bus):
        ask = json.dumps({"batch": 100, "expires": 300_000_000}).encode()
        bus.send(f"PUB $JS.API.CONSUMER.MSG.NEXT.{STREAM}.counter {bus.inbox} {len(ask)}\r\n".encode() + ask + b"\r\n")
        got = []
        for _ in range(100):
            head, reply = self.message(bus)
            if reply is None:
                break
            got.append((head, reply))
        for head, reply in got:
            self.take(bus, head, reply)

    @staticmethod
    def message(bus):
        """Headers and reply subject of the next message; without the latter, it is the end of the pull."""
        while True:
            line = bus.stream.readline()
            assert line, "the server closed the connection"
            words = line.decode().split()
            if words[0] == "PING":
                bus.send(b"PONG\r\n")
            elif words[0] in ("MSG", "HMSG"):
                data = bus.stream.read(int(words[-1]) + 2)
                reply = next((w for w in words[3:] if w.startswith("$JS.ACK.")), None)
                lines = data[:int(words[-2])].decode().split("\r\n") if words[0] == "HMSG" else []
                return dict(h.split(": ", 1) for h in lines[1:] if ": " in h), reply

    def take(self, bus, head, reply):
        seq, place = int(head["Cadre-Seq"]), int(reply.split(".")[5])
        if place in self.confirmed:
            self.repeats.append(seq)
        self.heard[place] = seq
        bus.request(reply, b"+ACK")
        self.confirmed.add(place)

    def in_order(self):
        return [seq for _, seq in sorted(self.heard.items())]

    def stop(self):
        self.over.set()
        self.thread.join()


class Documented(unittest.TestCase):
    def test_the_config_of_the_cluster_is_valid_with_its_example(self):
        folder = os.path.join(ROOT, "deploy", "replicated")
        env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin")
        with open(os.path.join(folder, "nats.env.example"), encoding="utf-8") as file:
            for word in shlex.split(file.read(), comments=True):
                name, _, setting = word.partition("=")
                env[name] = setting
        check = ["nats-server", "-t", "-c", os.path.join(folder, "nats.conf")]
        done = subprocess.run(check, capture_output=True, text=True, timeout=20, env=env, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        del env["CADRE_NATS_ROUTE_3"]
        done = subprocess.run(check, capture_output=True, text=True, timeout=20, env=env, check=False)
        self.assertNotEqual(done.returncode, 0, "a setting that is missing is not missed")


class AnyOneServerMayDie(CompanyCase):
    def server(self, name):
        return next(s for s in self.c.runtime()["servers"] if s["name"] == name)

    def kill(self, name):
        """Kills a server with -9 and waits until it was started again."""
        pid = self.server(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: f"{name} is started again\n{self.c.logs()}", lambda: self.server(name)["pid"] not in (0, pid))

    def status_names_a_server_that_is_down(self, name):
        conf = os.path.join(self.c.state, name, "nats.conf")
        os.rename(conf, conf + ".away")
        os.kill(self.server(name)["pid"], signal.SIGKILL)
        wait_for(lambda: f"{name} is down: {self.c.run('status').stdout}",
                 lambda: f"TROUBLE  server: {name} is down" in self.c.run("status").stdout)
        os.rename(conf + ".away", conf)
        wait_for(lambda: f"{name} is up: {self.c.run('status').stdout}",
                 lambda: f"{name} up" in self.c.run("status").stdout)

    def cluster_is_whole(self, but):
        """All three hold the whole stream again, as one of the others sees it."""
        def whole():
            for name in ("nats-1", "nats-2", "nats-3"):
                with contextlib.suppress(OSError, AssertionError, ValueError, KeyError):
                    if name != but:
                        with Nats(self.server(name)["url"], 3) as bus:
                            told = json.loads(bus.request(f"$JS.API.STREAM.INFO.{STREAM}", b""))["cluster"]
                        return "leader" in told and [r["current"] for r in told["replicas"]] == [True, True]
            return False
        wait_for(lambda: f"the stream is on three servers\n{self.c.logs()}", whole, 30)

    def as_superuser(self, name, query):
        done = psql(self.server(name)["url"], query)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def commits_wait(self):
        wait_for(lambda: f"a commit waits for the replica\n{self.c.logs()}",
                 lambda: self.as_superuser("postgres", f"SELECT count(*) FROM {WAITING}") != "0", 30)

    def replica_away(self):
        """Commits wait for it, and go on when it is back."""
        replica = self.server("postgres-2")["pid"]
        frozen = [replica, *children_of(replica)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        self.commits_wait()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        self.load.more("after the replica was away")

    def lose_the_primary(self):
        """Its last commits do not reach the replica, and an impatient person cancels their waiting: Postgres answers
        them then, but they are in doubt and must not be acknowledged. It dies, and its disk with it."""
        pid = self.server("postgres")["pid"]
        sender = int(self.as_superuser("postgres", "SELECT pid FROM pg_stat_replication"))
        os.kill(sender, signal.SIGSTOP)
        self.commits_wait()
        self.as_superuser("postgres", f"SELECT pg_cancel_backend(pid) FROM {WAITING}")
        self.commits_wait()
        for victim in (pid, sender):
            os.kill(victim, signal.SIGKILL)
        shutil.rmtree(os.path.join(self.c.state, "postgres", "data"), ignore_errors=True)
        said = self.c.run("promote-replica").stdout
        for words in ("postgres is stopped", "postgres-2 is the primary now", "postgres is its replica"):
            self.assertIn(words, said)
        self.load.more("after the promotion")
        self.assertEqual(self.as_superuser("postgres", "SELECT pg_is_in_recovery()"), "t")
        self.assertEqual(self.as_superuser("postgres-2", "SELECT sync_state FROM pg_stat_replication"), "sync")
        self.assertEqual(self.c.runtime()["postgres_pid"], self.server("postgres-2")["pid"])

    def settle(self):
        rest = f"SELECT count(*) AS n FROM cadre.task WHERE company = '{NAME}' AND status <> 'complete'"
        states = f"SELECT status, count(*) FROM cadre.task WHERE company = '{NAME}' GROUP BY status"
        wait_for(lambda: f"all complete: {self.c.rows(states)}\n{self.c.logs()}", lambda: self.c.value(rest) == 0, 90)

    def check(self):
        self.assertEqual(findings(self.c, NAME, sorted(self.load.acked)), [])
        last = self.c.value("SELECT max(seq) FROM cadre.event")
        wait_for(lambda: f"the subscriber heard all {last} events, not {len(self.subscriber.heard)}",
                 lambda: len(self.subscriber.heard) >= last, 30)
        self.subscriber.stop()
        self.assertEqual(self.subscriber.in_order(), list(range(1, last + 1)), "a gap, a repeat or out of order")
        self.assertEqual(self.subscriber.repeats, [])

    def test_under_load_leaves_no_gap_and_no_repeat(self):
        self.c = self.company(org())
        self.c.up("--ha", "--detach")
        names = [s["name"] for s in self.c.runtime()["servers"]]
        self.assertEqual(names, ["postgres", "postgres-2", "nats-1", "nats-2", "nats-3"])
        self.assertEqual([(s["name"], s["state"]) for s in self.c.json("status")["servers"]],
                         [(name, "up") for name in names])
        self.load = Load(self.c)
        self.addCleanup(self.load.stop)
        self.subscriber = Subscriber([self.server(n)["url"] for n in names[2:]])
        self.addCleanup(self.subscriber.stop)
        self.load.more("at the start", seconds=60)
        self.assertEqual(self.as_superuser("postgres", "SELECT sync_state FROM pg_stat_replication"), "sync")
        for name in names[2:]:
            self.kill(name)
            self.load.more(f"after {name} was killed")
            self.cluster_is_whole(but=name)
        self.status_names_a_server_that_is_down(names[-1])
        self.replica_away()
        self.lose_the_primary()
        self.load.stop()
        self.settle()
        self.check()

        self.assertEqual(self.c.down().returncode, 0)
        self.c.start()
        self.assertEqual(self.as_superuser("postgres-2", "SELECT pg_is_in_recovery()"), "f")
        self.assertEqual(self.c.finished(self.c.add_task("ceo.data.work-one"))["status"], "complete")
