#!/usr/bin/env python3
"""tests/bench/queues/queues.py [--tasks N] [--queue NAME]

Installs, starts and calls the baselines of the task queue benchmark: graphile-worker, pg-boss and BullMQ. As a program
it measures them alone and prints a table, to try the drivers. As a module: install(), then run() against the URL that
the fresh() of a running Postgres or Redis returned.
"""
import argparse
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(HERE))), "build", "bench", "queues")
NODE = os.path.join(CACHE, "node_modules", ".bin", "node")
QUEUES = ("graphile", "pgboss", "bullmq")
INSTALL_S_MAX = 600
START_S_MAX = 60
STOP_S_MAX = 60
RUN_S_MAX = 310  # a driver ends by itself before

MEASURES = [
    ("enqueue, 1 sender", {"phase": "enqueue", "senders": 1}),
    ("enqueue, 10 senders", {"phase": "enqueue", "senders": 10}),
    ("enqueue, 100 senders", {"phase": "enqueue", "senders": 100}),
    ("enqueue, batches of 1,000", {"phase": "enqueue", "batch": 1000}),
    ("drain", {"phase": "drain"}),
    ("both, 10 senders", {"phase": "both", "senders": 10}),
    ("both, batches of 1,000", {"phase": "both", "batch": 1000}),
]
LATENCY_TASKS = 300


def call(words, timeout, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False,
                          **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def same(one, other):
    try:
        with open(one, "rb") as a, open(other, "rb") as b:
            return a.read() == b.read()
    except FileNotFoundError:
        return False


def install():
    """The drivers with their packages in CACHE, and redis-server on the PATH. Cheap when all of it is there."""
    os.makedirs(CACHE, exist_ok=True)
    for name in os.listdir(HERE):
        if name.endswith((".mjs", ".json")):
            shutil.copy(os.path.join(HERE, name), CACHE)
    lock, installed = (os.path.join(CACHE, name) for name in ("package-lock.json", "installed.lock"))
    if not same(lock, installed):
        # Not `npm ci`: it refuses a lock when a registry lacks optional packages that are for other platforms.
        call(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], INSTALL_S_MAX,
             cwd=CACHE)
        shutil.copy(os.path.join(HERE, "package-lock.json"), installed)
    if not shutil.which("redis-server"):
        install_redis()


def install_redis():
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]
    call([*apt, "update"], INSTALL_S_MAX, env=env)
    call([*apt, "install", "-y", "redis-server"], INSTALL_S_MAX, env=env)
    # The package starts a service where it can, now and at boot; where it cannot, the answers do not matter.
    subprocess.run(["sh", "-c", "service redis-server stop; systemctl disable redis-server"], capture_output=True,
                   timeout=STOP_S_MAX, check=False)


def run(queue, url, **options):
    """Calls a driver: run("pgboss", url, phase="drain", tasks=20_000, tuned=True); its README says what it returns."""
    words = [NODE, os.path.join(CACHE, f"{queue}.mjs"), "--url", url]
    for name, value in options.items():
        words += [f"--{name}", {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)]
    return json.loads(call(words, RUN_S_MAX, cwd=CACHE))


class Server:
    """A private server on a free port of 127.0.0.1, its files in a temporary folder, ended by its process id."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="cadre-queues-")
        self.process = None
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            words = self.prepare()
            with open(os.path.join(self.folder, "log"), "wb") as log:
                self.process = subprocess.Popen(words, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_until_ready(self):
        deadline = time.monotonic() + START_S_MAX
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"{type(self).__name__} did not start:\n{log.read()[-2000:]}")
            time.sleep(0.05)


class Postgres(Server):
    """The newest installed PostgreSQL, durable as it comes (fsync, synchronous_commit), with `settings` on top."""

    def __init__(self, settings=None):
        self.settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 300,
                         "fsync": "on", **(settings or {})}
        root = "/usr/lib/postgresql"
        self.bin = os.path.join(root, max(os.listdir(root), key=float), "bin")
        self.databases = 0

    def prepare(self):
        os.chmod(self.folder, 0o711)  # the server runs as another user, who has to pass through
        home = os.path.join(self.folder, "postgres")
        os.mkdir(home, 0o700)
        data = os.path.join(home, "data")
        words = self.not_root(home)
        call([*words, os.path.join(self.bin, "initdb"), "-D", data, "-U", "cadre", "-A", "trust", "-E", "UTF8",
              "--locale=C.UTF-8", "--no-sync", "--no-instructions"], START_S_MAX, cwd="/")
        words += [os.path.join(self.bin, "postgres"), "-D", data, "-c", f"port={self.port}"]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    @staticmethod
    def not_root(home):
        """How to run a program that refuses root: as `postgres` where that user reaches the folder, else in a user
        namespace."""
        if os.getuid():
            return []
        try:
            user = pwd.getpwnam("postgres")
            os.chown(home, user.pw_uid, user.pw_gid)
            words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
            if subprocess.run([*words, "test", "-w", home], timeout=START_S_MAX, check=False).returncode == 0:
                return words
            os.chown(home, 0, 0)
        except KeyError:
            pass
        return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]

    def ready(self):
        words = [os.path.join(self.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "cadre"]
        return subprocess.run(words, timeout=START_S_MAX, check=False).returncode == 0

    def sql(self, statement):
        call([os.path.join(self.bin, "psql"), "-qX", "-v", "ON_ERROR_STOP=1", self.url("postgres"), "-c", statement],
             START_S_MAX)

    def url(self, database):
        return f"postgresql://cadre@127.0.0.1:{self.port}/{database}"

    def fresh(self):
        """The URL of an empty database. The one before is dropped, and its writes are flushed before, not during, what
        is measured next."""
        if self.databases:
            self.sql(f"drop database bench_{self.databases} with (force)")
        self.databases += 1
        self.sql(f"create database bench_{self.databases}")
        self.sql("checkpoint")
        return self.url(f"bench_{self.databases}")


class Redis(Server):
    """Redis that answers a write only when it is on disk, as Postgres does."""

    def prepare(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder, "--save", "",
                "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_S_MAX) as link:
            link.sendall(f"{command}\r\n".encode())
            return link.recv(100).decode()

    def ready(self):
        try:
            return self.ask("PING").startswith("+PONG")
        except OSError:
            return False

    def fresh(self):
        """The URL of a Redis without any key."""
        if not self.ask("FLUSHALL").startswith("+OK"):
            raise RuntimeError("Redis was not flushed")
        return f"redis://127.0.0.1:{self.port}"


def measure(queue, server, tasks, tuned):
    """Yields (what, text) for each line of the table."""
    for what, options in MEASURES:
        url = server.fresh()
        if options["phase"] == "drain":
            run(queue, url, phase="enqueue", tasks=tasks, batch=1000, tuned=tuned)
        seen = run(queue, url, tasks=tasks, tuned=tuned, **options)
        cut = "" if seen["tasks"] == tasks else f" ({seen['tasks']:,} in {seen['seconds']:.0f} s)"
        yield what, f"{seen['per_s']:,.{0 if seen['per_s'] >= 10 else 1}f}/s{cut}"
    seen = run(queue, server.fresh(), phase="latency", tasks=LATENCY_TASKS, tuned=tuned)
    for what in ("added", "started", "completed"):
        p50, p99, _ = seen[f"{what}_ms"]
        yield f"add to {what}, p50 / p99", f"{p50:,.1f} / {p99:,.1f} ms"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--tasks", type=int, default=20_000)
    args.add_argument("--queue", choices=QUEUES, action="append")
    args = args.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with us
    install()
    columns, cells = [], {}
    for queue in args.queue or QUEUES:
        with Redis() if queue == "bullmq" else Postgres() as server:
            for tuned in (False, True):
                columns.append(f"{queue} {'tuned' if tuned else 'default'}")
                for what, text in measure(queue, server, args.tasks, tuned):
                    print(f"{columns[-1]}: {what}: {text}", file=sys.stderr, flush=True)
                    cells.setdefault(what, []).append(text)
    print(f"| {args.tasks:,} tasks | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for what, texts in cells.items():
        print(f"| {what} | {' | '.join(texts)} |")


if __name__ == "__main__":
    main()
