"""Faults on real processes, chosen by a seed, and a checker that asks the database what they did.

`Servers` keeps a Postgres and a nats-server alive for another company, whose every connection to them passes a `Proxy`
that can be cut or stalled, for all or for one process. `Chaos` draws the faults. `CHECKS` is what must hold afterwards.
"""
import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

from company import TERMINAL, Company

SERVER_NODE = "keeper"


def ports_of(pid):
    """Local TCP ports of a process."""
    inodes = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if f"socket:[{row[9]}]" in inodes}


class Proxy:
    """A TCP proxy before one server. Closed, it ends what comes; held, it takes bytes and passes none on."""

    def __init__(self, url):
        """`url`: of nats-server, or of a Postgres on TCP or on a socket, which stands in the query as `host`."""
        self.target = urllib.parse.urlsplit(url)
        options = dict(urllib.parse.parse_qsl(self.target.query))
        folder, port = options.pop("host", None), options.pop("port", None)
        self.socket_file = folder and f"{folder}/.s.PGSQL.{port}"
        # What the query names would win over the proxy's own place.
        self.target = self.target._replace(query=urllib.parse.urlencode(options))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.closed = False
        self.held_pid = None  # 0: everybody
        self.links = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self):
        login = self.target.netloc.rpartition("@")[0]
        place = f"127.0.0.1:{self.listener.getsockname()[1]}"
        return self.target._replace(netloc=f"{login}@{place}" if login else place).geturl()

    def serve(self):
        while True:
            try:
                client, peer = self.listener.accept()
            except OSError:
                return
            # Without it each small answer waits up to 40 ms for the other side's acknowledgement.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.connect, args=(client, peer[1]), daemon=True).start()

    def reach(self):
        """A connection to the server itself."""
        if not self.socket_file:
            server = socket.create_connection((self.target.hostname, self.target.port), 5)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return server
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            server.settimeout(5)
            server.connect(self.socket_file)
        except OSError:
            server.close()
            raise
        return server

    def connect(self, client, port):
        server = None
        try:
            if not self.closed:
                server = self.reach()
                server.settimeout(None)
        except OSError:
            pass
        if server is None:
            client.close()
            return
        pid = self.held_pid
        held = threading.Event()
        if pid == 0 or (pid and port in ports_of(pid)):
            held.set()
        with self.lock:
            self.links[port] = (client, server, held)
        back = threading.Thread(target=self.pump, args=(server, client, held), daemon=True)
        back.start()
        self.pump(client, server, held)
        back.join()
        with self.lock:
            self.links.pop(port, None)
        client.close()
        server.close()

    @staticmethod
    def pump(source, sink, held):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while held.is_set():
                    time.sleep(0.01)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self, closed):
        """Ends every connection; while `closed`, new ones, too."""
        self.closed = closed
        with self.lock:
            links = list(self.links.values())
        for client, server, held in links:
            held.clear()
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def hold(self, pid):
        """Nothing passes for the process, or with 0 for anybody; with None everything passes again."""
        ports = ports_of(pid) if pid else set()
        self.held_pid = pid
        with self.lock:
            for port, (_, _, held) in self.links.items():
                if pid == 0 or port in ports:
                    held.set()
                else:
                    held.clear()

    def close(self):
        self.listener.close()
        self.cut(True)


class Servers:
    """A company of one agent whose `up` keeps Postgres and nats-server alive."""

    def __init__(self):
        self.c = Company({"company": "servers", "nodes": {SERVER_NODE: {"roles": ["control", "work"]}},
                          "org": {"ceo": {"role": "ceo"}}})

    def start(self):
        self.c.start()
        runtime = self.c.runtime()
        self.bus = Proxy(runtime["nats_url"])
        self.database = Proxy(runtime["database"]["superuser_url"])

    def start_company(self, company):
        """Starts `company` behind the proxies. It has the passwords of this one: they share the roles."""
        os.mkdir(company.state, 0o700)
        with open(os.path.join(self.c.state, "secrets.json"), encoding="utf-8") as file:
            secrets = file.read()
        path = os.path.join(company.state, "secrets.json")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets)
        company.up("--detach", "--nats", self.bus.url, "--postgres", self.database.url)

    def close(self):
        left = self.c.close()
        for proxy in (self.bus, self.database):
            proxy.close()
        return left


class Chaos:
    """Faults at a company and its servers, drawn from a seed: the same seed draws the same kinds, places and times.
    Which node leads, and how far the work is, is up to the machine."""

    KINDS = ("kill node", "kill leader", "kill bus", "kill database", "freeze node", "freeze leader", "freeze bus",
             "freeze database", "cut bus", "cut database", "hold bus", "hold database", "part node from bus",
             "part node from database")

    def __init__(self, seed, company, servers, nodes):
        self.random = random.Random(seed)
        self.company, self.servers, self.nodes = company, servers, nodes
        self.frozen = set()
        self.done = []

    def draw(self):
        """Kind, place, length of the fault and of the rest after it, in seconds."""
        r = self.random
        return r.choice(self.KINDS), r.choice(self.nodes), r.uniform(0.2, 3.5), r.uniform(0.2, 1.5)

    def pid_of(self, what, place):
        if what == "bus":
            return self.servers.c.runtime()["nats_pid"]
        if what == "database":
            return self.servers.c.runtime()["postgres_pid"]
        if what == "leader":
            with contextlib.suppress(AssertionError, ValueError):
                place = self.company.leader() or place
        return self.company.node_pid(place)

    def proxy(self, what):
        return self.servers.bus if what == "bus" else self.servers.database

    def strike(self, kind, place, seconds):
        words = kind.split()
        act, what = words[0], words[-1]
        if act in ("kill", "freeze"):
            pid = self.pid_of(what, place)
            if pid == 0:
                return
            with contextlib.suppress(ProcessLookupError):
                if act == "kill":
                    os.kill(pid, signal.SIGKILL)
                    return
                self.frozen.add(pid)
                os.kill(pid, signal.SIGSTOP)
                time.sleep(seconds)
            self.thaw()
        elif act == "cut":
            self.proxy(what).cut(True)
            time.sleep(seconds)
            self.proxy(what).cut(False)
        else:
            pid = 0 if act == "hold" else self.company.node_pid(place)
            self.proxy(what).hold(pid or 0)
            time.sleep(seconds)
            self.proxy(what).hold(None)

    def thaw(self):
        for pid in self.frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.frozen.clear()

    def run(self, seconds, say):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            kind, place, length, rest = self.draw()
            say(f"{until - time.monotonic():6.1f} s left: {kind} {place} {length:.1f} s")
            self.strike(kind, place, length)
            self.done.append(kind)
            time.sleep(rest)

    def heal(self):
        self.thaw()
        for proxy in (self.servers.bus, self.servers.database):
            proxy.hold(None)
            proxy.closed = False


# What must hold when all is quiet: a name, and a SELECT of the rows that break it. {company} is quoted already,
# {acked} the ids whose enqueue was acknowledged; `effect` is a dataset to which each run of mode `jobs` appends a row.
ENDED = ", ".join(f"'{s}'" for s in TERMINAL)
CHECKS = {
    "acknowledged and not there":
        "SELECT id FROM unnest({acked}::uuid[]) AS a (id) WHERE NOT EXISTS (SELECT 1 FROM cadre.task t"
        " WHERE t.company = {company} AND t.id = a.id)",
    "not ended":
        f"SELECT id FROM cadre.task WHERE company = {{company}} AND status NOT IN ({ENDED})",
    "two successful runs":
        "SELECT task AS id FROM cadre.run WHERE company = {company} AND status = 'succeeded'"
        " GROUP BY task HAVING count(*) > 1",
    "complete without a successful run":
        "SELECT id FROM cadre.task t WHERE company = {company} AND status = 'complete' AND NOT EXISTS (SELECT 1"
        " FROM cadre.run r WHERE r.company = t.company AND r.task = t.id AND r.status = 'succeeded')",
    "ended twice":
        "SELECT data->>'id' AS id FROM cadre.event WHERE company = {company} AND what LIKE 'task%'"
        f" AND data->>'status' IN ({ENDED}) GROUP BY data->>'id' HAVING count(*) > 1",
    "effect not once":
        "SELECT t.id FROM cadre.task t LEFT JOIN cadre.canonical k ON k.company = t.company AND k.dataset = 'effect'"
        " AND k.row->>'task' = t.id::text WHERE t.company = {company} AND t.mode = 'jobs' GROUP BY t.id, t.status"
        " HAVING count(k.key) <> CASE t.status WHEN 'complete' THEN 1 ELSE 0 END",
    "canonical without verdict":
        "SELECT c.key AS id FROM cadre.canonical c JOIN cadre.output o ON o.company = c.company AND o.id = c.output"
        " WHERE c.company = {company} AND (cardinality(o.auditors) = 0 OR (SELECT count(*) FROM cadre.verdict v"
        " WHERE v.company = c.company AND v.output = c.output AND v.passed AND v.auditor = ANY (o.auditors))"
        " < cardinality(o.auditors))",
    "raised and neither open nor resolved":
        "SELECT h.escalation AS id FROM cadre.escalation_hop h LEFT JOIN cadre.escalation e ON e.company = h.company"
        " AND e.id = h.escalation AND e.status IN ('open', 'acknowledged', 'resolved') WHERE h.company = {company}"
        " AND h.action = 'raised' GROUP BY h.escalation HAVING count(*) <> 1 OR count(e.id) <> 1",
    "failed without an escalation":
        "SELECT t.id FROM cadre.task t WHERE t.company = {company} AND t.status = 'failed' AND NOT EXISTS (SELECT 1"
        " FROM cadre.escalation e WHERE e.company = t.company AND (e.task = t.id OR e.count > 1))",
    "gap in the events":
        "SELECT max(seq) AS id FROM cadre.event WHERE company = {company} HAVING max(seq) <> count(*) + (SELECT"
        " coalesce(sum(rows), 0) FROM cadre.pruned WHERE company = {company} AND \"table\" = 'event')",
    "run that never ended":
        "SELECT id FROM cadre.run WHERE company = {company} AND status = 'active'",
}

# Ways to break the database, each of which the check of the same name must find.
DOCTORED = {
    "acknowledged and not there": "DELETE FROM cadre.task WHERE company = {company} AND id = {task}",
    "not ended": "UPDATE cadre.task SET status = 'queued', finished_at = NULL WHERE company = {company} AND id = {task}",
    "two successful runs":
        "INSERT INTO cadre.run SELECT company, gen_random_uuid(), task, attempt + 100, agent, incarnation, node,"
        " node_life, status, lease_until, progress, metrics, alerts, recommendations, error_code, error, stderr_tail,"
        " started_at, ended_at FROM cadre.run WHERE company = {company} AND task = {task} AND status = 'succeeded'",
    "complete without a successful run": "DELETE FROM cadre.run WHERE company = {company} AND task = {task}",
    "ended twice":
        "INSERT INTO cadre.event_batch (company, first_seq, last_seq, events) SELECT company, 1000000000, 1000000000,"
        " json_build_array(json_build_array(subject, what, data))"
        " FROM cadre.event WHERE company = {company} AND data->>'id' = {task}::text"
        " AND data->>'status' = 'complete'",
    "effect not once":
        "INSERT INTO cadre.canonical SELECT company, dataset, worker, key || '+', row, output, at FROM cadre.canonical"
        " WHERE company = {company} AND row->>'task' = {task}::text",
    "canonical without verdict":
        "DELETE FROM cadre.verdict v USING cadre.output o WHERE v.company = {company} AND o.company = v.company"
        " AND o.id = v.output AND o.task = {task}",
    "raised and neither open nor resolved":
        "DELETE FROM cadre.escalation WHERE company = {company} AND id = (SELECT min(id::text)::uuid"
        " FROM cadre.escalation WHERE company = {company})",
    "failed without an escalation":
        "DELETE FROM cadre.escalation WHERE company = {company}",
    "gap in the events":
        "DELETE FROM cadre.event_batch WHERE company = {company} AND first_seq = 1",
    "run that never ended":
        "UPDATE cadre.run SET status = 'active', ended_at = NULL WHERE company = {company} AND task = {task}",
}


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


def findings(company, name, acked, before=""):
    """What is wrong with the company `name`: name of the check and ids. `before` is run first and rolled back."""
    values = {"company": text(name), "acked": text("{" + ",".join(acked) + "}")}
    parts = " UNION ALL ".join(f"SELECT {text(check)} AS what, q.id::text FROM ({sql.format(**values)}) q"
                               for check, sql in CHECKS.items())
    runtime = company.runtime()["database"]
    url = urllib.parse.urlsplit(runtime["superuser_url"])._replace(path="/" + runtime["name"]).geturl()
    script = ("BEGIN; SET LOCAL session_replication_role = replica; " + (before and before + "; ") +
              f"SELECT what || ' ' || coalesce(id, '-') FROM ({parts}) found; ROLLBACK")
    # Not as an argument: thousands of ids are longer than one may be.
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"], input=script,
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.splitlines()
