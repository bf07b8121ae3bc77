"""A whole company in a temporary folder, driven through the `cadre` binary, psql and raw NATS as people would.

`Company` starts it with `up --detach`, asks the command line and the database about it, and leaves nothing behind:
`close` stops it in order and reports (then ends) whatever process still belongs to its folder.
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("CADRE_BINARY") or os.path.join(ROOT, "build", "release", "cadre"))
POLL_S = 0.05
WAIT_S = 60
COMMAND_S = 120
SLOWNESS = float(os.environ.get("CADRE_TEST_SLOWNESS") or 1)  # Of the binary: more than 1 under a sanitizer.
TERMINAL = ("complete", "failed", "superseded", "stale")


def cadre(*args, timeout=COMMAND_S, cwd=None, env=None):
    """Runs the binary to its end; never longer than `timeout` seconds (times SLOWNESS)."""
    return subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, errors="replace",
                          timeout=timeout * SLOWNESS, cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=False)


def wait_for(what, condition, seconds=WAIT_S, poll_s=POLL_S):
    """The first true value of `condition`; fails with `what` (text, or a function that makes it) when time is up."""
    seconds *= SLOWNESS
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(poll_s)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def temp_folder():
    """A folder that the identity of the private Postgres may pass through."""
    folder = tempfile.mkdtemp(prefix="cadre-e2e-")
    os.chmod(folder, 0o711)
    return folder


def process_state(pid):
    """State letter, parent and start of a process; None once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return fields[0], int(fields[1]), int(fields[19])
    except (OSError, IndexError):
        return None


def alive(pid):
    state = process_state(pid)
    return state is not None and state[0] != "Z"


def children_of(parent):
    found = []
    for name in os.listdir("/proc"):
        state = process_state(name) if name.isdigit() else None
        if state and state[0] != "Z" and state[1] == parent:
            found.append(int(name))
    return found


def processes_of(folder):
    """Processes whose command line, environment or working folder names `folder`: pid to command line."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid() or not alive(name):
            continue
        words = b""
        for part in ("cmdline", "environ"):
            with contextlib.suppress(OSError), open(f"/proc/{name}/{part}", "rb") as file:
                words += file.read()
        with contextlib.suppress(OSError):
            words += os.readlink(f"/proc/{name}/cwd").encode()
        if folder.encode() in words:
            found[int(name)] = words.split(b"\0\0", 1)[0].replace(b"\0", b" ")[:200].decode(errors="replace")
    return found


def psql(url, query):
    """Runs SQL; the finished process."""
    return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", query],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)


class Company:
    """One company: its folder, its config file and its state directory."""

    def __init__(self, config):
        """`config`: the file's content, as text or as a dict (JSON is YAML, too)."""
        self.folder = temp_folder()
        self.state = os.path.join(self.folder, "state")
        self.foreground = None
        self.config = self.write("cadre.yaml", config if isinstance(config, str) else json.dumps(config, indent=1))

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def up(self, *options, code=0):
        done = cadre("up", "--config", self.config, "--state", self.state, *options)
        if done.returncode != code:
            raise AssertionError(f"cadre up exited {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.logs()}")
        return done

    def start(self):
        return self.up("--detach")

    def start_in_front(self):
        """Starts `up` as a child of the test and returns once its database can be asked, before the first round."""
        with open(os.path.join(self.folder, "up.out"), "wb") as out:
            self.foreground = subprocess.Popen([BINARY, "up", "--config", self.config, "--state", self.state],
                                               stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        runtime = os.path.join(self.state, "runtime.json")
        wait_for(self.logs, lambda: os.path.exists(runtime) or self.foreground.poll() is not None)

    def down(self):
        return cadre("down", "--state", self.state)

    def run(self, *args, code=0):
        done = cadre(*args, "--state", self.state)
        if code is not None and done.returncode != code:
            raise AssertionError(f"cadre {' '.join(map(str, args))} exited {done.returncode}, not {code}\n"
                                 f"{done.stdout}\n{done.stderr}")
        return done

    def json(self, *args):
        return json.loads(self.run(*args, "--json").stdout)

    def runtime(self):
        with open(os.path.join(self.state, "runtime.json"), encoding="utf-8") as file:
            return json.load(file)

    def node_pid(self, name):
        return next(n["pid"] for n in self.runtime()["nodes"] if n["name"] == name)

    def leader(self):
        """Name of the node that leads now; None between two reigns."""
        lead = self.json("status")["leader"]
        return lead["node"] if lead and not lead["ended_at"] and not lead["lease_over"] else None

    def logs(self, lines=15):
        """The end of each log, for the message of a failed test."""
        out = []
        folder = os.path.join(self.state, "logs")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                out.append(f"-- {name}\n{''.join(file.readlines()[-lines:])}")
        return "\n".join(out)

    # The database -------------------------------------------------------------------------------------------------

    def psql(self, query, role="reader"):
        """Runs SQL as `reader`, `writer`, `migrator` or `superuser`; the finished process."""
        return psql(self.runtime()["database"][f"{role}_url"], query)

    def rows(self, query):
        """Rows of a SELECT as dicts."""
        done = self.psql(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) q")
        if done.returncode:
            raise AssertionError(f"{query}\n{done.stderr}")
        return json.loads(done.stdout)

    def value(self, query):
        """The only column of the only row."""
        (row,) = self.rows(query)
        (value,) = row.values()
        return value

    # Tasks and escalations ----------------------------------------------------------------------------------------

    def add_task(self, agent, *options):
        """Adds a task for an agent; its id."""
        task = str(uuid.uuid4())
        self.run("task", "add", "--agent", agent, "--id", task, "--title", "by hand", *options)
        return task

    def finished(self, task, seconds=WAIT_S):
        """The task with its runs, once it has ended."""
        wait_for(lambda: f"{self.json('task', 'show', task)}\n{self.logs()}",
                 lambda: self.value(f"SELECT status FROM cadre.task WHERE id = '{task}'") in TERMINAL, seconds)
        return self.json("task", "show", task)

    def escalation_about(self, task, seconds=WAIT_S):
        """The escalation in the inbox that names the task."""
        return wait_for(lambda: f"an escalation about {task}: {self.json('escalation', 'list')}",
                        lambda: next((e for e in self.json("inbox") if e["task"] == task), None), seconds)

    def escalation_sums(self):
        return self.rows("SELECT count(*) AS raised, count(*) FILTER (WHERE status = 'resolved') AS resolved,"
                         " count(*) FILTER (WHERE status IN ('open', 'acknowledged')) AS open FROM cadre.escalation")[0]

    # Its end ------------------------------------------------------------------------------------------------------

    def close(self):
        """Stops it, ends what is left by process id, removes the folder; what was left, by pid."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.down()
        if self.foreground:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.foreground.wait(10 * SLOWNESS)
        left = {}
        with contextlib.suppress(AssertionError):
            wait_for("no process", lambda: not processes_of(self.folder), 5)
        for pid, command in processes_of(self.folder).items():
            left[pid] = command
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left:
            with contextlib.suppress(AssertionError):
                wait_for("they are dead", lambda: not processes_of(self.folder), 5)
            if self.foreground:
                self.foreground.wait(10 * SLOWNESS)
        shutil.rmtree(self.folder, ignore_errors=True)
        return left


class CompanyCase(unittest.TestCase):
    """A test with companies of its own, each closed at the end; a process that stays behind fails the test."""

    def company(self, config):
        company = Company(config)
        self.addCleanup(self.end, company)
        return company

    def end(self, company):
        self.assertEqual(company.close(), {}, "processes were left behind")


class SharedCompanyCase(unittest.TestCase):
    """Tests of one class on one company, which must go on whatever each of them does to it."""

    c: Company

    @classmethod
    def make(cls):
        """The company of the class, not started."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.c = cls.make()
        cls.addClassCleanup(cls.end)
        cls.c.start()

    @classmethod
    def end(cls):
        left = cls.c.close()
        if left:
            raise AssertionError(f"processes were left behind: {left}")


class Nats:
    """The text protocol of NATS over a socket: what a program without our codecs sees."""

    def __init__(self, url, seconds=20):
        place = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port), seconds)
        self.stream = self.socket.makefile("rb")
        assert self.stream.readline().startswith(b"INFO")
        self.inbox = f"_INBOX.{uuid.uuid4().hex}"
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "test",
                   "version": "1", "user": place.username, "pass": place.password}
        self.send(f"CONNECT {json.dumps(options)}\r\nSUB {self.inbox} 1\r\nPING\r\n".encode())
        while not (line := self.stream.readline()).startswith(b"PONG"):
            assert line and not line.startswith(b"-ERR"), line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, subject, body, content_type=None):
        """Publishes `body` and returns the reply's bytes."""
        if content_type is None:
            self.send(f"PUB {subject} {self.inbox} {len(body)}\r\n".encode() + body + b"\r\n")
        else:
            head = f"NATS/1.0\r\nContent-Type: {content_type}\r\n\r\n".encode()
            self.send(f"HPUB {subject} {self.inbox} {len(head)} {len(head) + len(body)}\r\n".encode() + head + body +
                      b"\r\n")
        return self.reply()

    def reply(self):
        return self.next()[1]

    def next(self):
        """The subject and the bytes of the next message."""
        while True:
            line = self.stream.readline()
            assert line, "the server closed the connection"
            words = line.decode().split()
            if words[:1] == ["PING"]:
                self.send(b"PONG\r\n")
            elif words[:1] == ["MSG"]:
                return words[1], self.stream.read(int(words[-1]) + 2)[:-2]
            elif words[:1] == ["HMSG"]:
                head, whole = int(words[-2]), int(words[-1])
                data = self.stream.read(whole + 2)[:-2]
                assert not data.startswith(b"NATS/1.0 503"), "nobody listens on the subject"
                return words[1], data[head:]
            assert words[:1] != ["-ERR"], line


def response(agent="$CADRE_AGENT"):
    """A line of shell that ends a run well."""
    return (f"printf '{{\"type\":\"response\",\"agent\":\"%s\",\"timestamp\":\"2026-11-21T00:00:00Z\",\"metrics\":{{}},"
            f"\"alerts\":[],\"recommendations\":[]}}\\n' \"{agent}\"")
