"""Who outside is told: mail, webhooks, ntfy and Slack, against real servers, with failures in between."""
import datetime
import email
import email.policy
import glob
import hashlib
import hmac
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest.mock

from company import BINARY, COMMAND_S, SLOWNESS, CompanyCase, free_port, response, wait_for
from receivers import Hooks, Mails, certificate

SECRET = "hunter2-of-the-hook"
TOKEN = "hunter2-of-ntfy"
PASSWORD = "hunter2-of-the-mail"
WRONG = "hunter3-of-the-mail"
RETRY = {"attempts": 50, "backoff": {"initial": "200ms", "max": "1s"}}
# Nothing that is owed to the channel `stuck` becomes part of a message.
HOLD = ("CREATE FUNCTION cadre.hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER hold BEFORE UPDATE ON cadre.notification FOR EACH ROW WHEN (OLD.channel = 'stuck')"
        " EXECUTE FUNCTION cadre.hold()")


def mail_by(server, scheme="smtp", **email):
    return {"to": ["anna@example.org"], "from": "cadre@example.org", "smtp": f"{scheme}://127.0.0.1:{server.port}",
            **email}


def config(channels, nodes=1):
    return {"company": "told", "nodes": {f"n{i}": {"roles": ["control", "work"]} for i in range(nodes)},
            "notify": {"channels": channels},
            "org": {"ceo": {"role": "ceo", "reports": {
                "fine": {"role": "worker", "run": {"command": ["sh", "-c", response()]}},
                "bad": {"role": "worker", "concurrency": 4, "retry": {"attempts": 1},
                        "run": {"command": ["sh", "-c", "echo 'no <such> thing é' >&2; exit 3"]}}}}}}


class Told(CompanyCase):
    def setUp(self):
        patched = unittest.mock.patch.dict(os.environ, {"HOOK_SECRET": SECRET, "NTFY_TOKEN": TOKEN,
                                                           "MAIL_PASSWORD": PASSWORD, "MAIL_WRONG": WRONG})
        patched.start()
        self.addCleanup(patched.stop)

    def hooks(self, port=0, tls=None, ask_who=False):
        hooks = Hooks(port, tls, ask_who)
        self.addCleanup(hooks.close)
        return hooks

    def mails(self, *options):
        mails = Mails(*options)
        self.addCleanup(mails.close)
        return mails

    def certificate(self, *name):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return certificate(folder.name, *name)

    def start(self, channels, nodes=1, files=(), more_nodes=()):
        settings = config(channels, nodes)
        settings["nodes"].update(more_nodes)
        c = self.company(settings)
        for name, text in files:
            c.write(name, text)
        c.start()
        return c

    def trouble(self, c):
        """A worker fails; the escalation in the inbox about it."""
        c.add_task("ceo.bad")
        return wait_for(lambda: f"an escalation of ceo.bad: {c.json('escalation', 'list')}",
                        lambda: next((e for e in c.json("inbox") if e["origin"] == "ceo.bad"), None))

    def all_over(self, c, seconds=60):
        wait_for(lambda: f"nothing is owed: {c.json('notify', 'status')}\n{c.logs()}",
                 lambda: all(row["owed"] == 0 for row in c.json("notify", "status")), seconds)

    def assert_silent(self, c):
        """No secret is in a log, a listing or the database's rows about channels."""
        shown = "".join(c.run("notify", *words).stdout for words in (
            ("status",), ("status", "--json"), ("list", "--limit", 9999), ("list", "--json")))
        shown += json.dumps(c.rows("SELECT * FROM cadre.notification")
                            + c.rows("SELECT * FROM cadre.notification_channel")
                            + c.rows("SELECT cause, evidence FROM cadre.escalation"))
        for path in glob.glob(os.path.join(c.state, "logs", "*")):
            with open(path, encoding="utf-8", errors="replace") as file:
                shown += file.read()
        for secret in (SECRET, TOKEN, PASSWORD, WRONG, "/topic", "/services/"):
            self.assertNotIn(secret, shown)

    def test_every_kind_of_channel_tells_of_an_escalation_and_of_a_brief(self):
        hooks, mails = self.hooks(), self.mails()
        url = f"http://127.0.0.1:{hooks.port}"
        c = self.start({
            "mail": {"email": {"to": ["anna@example.org", "ben@example.org"], "from": "cadre@example.org",
                               "smtp": f"smtp://127.0.0.1:{mails.port}"}, "brief": True},
            "hook": {"webhook": {"url": f"{url}/hook", "secret": "${env:HOOK_SECRET}"}, "brief": True,
                     "resolved": True},
            "phone": {"ntfy": {"url": f"{url}/topic", "token": "${env:NTFY_TOKEN}"}},
            "chat": {"slack": {"url": f"{url}/services/T1"}},
            "high": {"webhook": {"url": f"{url}/high"}, "severity": "critical"}})
        read = lambda raw: email.message_from_bytes(raw, policy=email.policy.default)
        mailed = lambda subject: [m for m in mails.accepted if read(m[2])["Subject"] == subject]
        hooked = lambda kind: [h for h in hooks.at("/hook") if json.loads(h[1])["kind"] == kind]
        e = self.trouble(c)
        subject = "[told] error: run_failed at ceo.bad"
        wait_for(lambda: f"all four hear: {c.json('notify', 'status')}\n{c.logs()}",
                 lambda: mailed(subject) and hooked("escalations") and hooks.at("/") and hooks.at("/services/T1"))

        (sender, recipients, raw), = mailed(subject)
        self.assertEqual((sender, recipients), ("cadre@example.org", ["anna@example.org", "ben@example.org"]))
        mail = read(raw)
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        self.assertTrue(mail["Message-ID"].endswith("@example.org>"))
        self.assertLess(abs(mail["Date"].datetime.timestamp() - time.time()), 120)
        self.assertIn(e["id"], mail.get_body(("plain",)).get_content())
        self.assertIn(e["id"], mail.get_body(("html",)).get_content())
        self.assertFalse(mail.defects)

        (headers, body), = hooked("escalations")
        t, v1 = (part.split("=", 1)[1] for part in headers["X-Cadre-Signature"].split(","))
        self.assertEqual(v1, hmac.new(SECRET.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest())
        self.assertLess(abs(int(t) - time.time()), 120)
        said = json.loads(body)
        self.assertEqual((said["id"], said["kind"], said["count"], said["severity"]),
                         (headers["X-Cadre-Id"], "escalations", 1, "error"))
        self.assertEqual(said["escalations"][0]["id"], e["id"])

        (headers, body), = hooks.at("/")
        self.assertEqual(headers["Authorization"], f"Bearer {TOKEN}")
        said = json.loads(body)
        self.assertEqual((said["topic"], said["priority"]), ("topic", 4))
        (_, body), = hooks.at("/services/T1")
        self.assertIn("run_failed at ceo.bad", json.loads(body)["text"])

        c.run("brief", "--now")
        c.run("escalation", "resolve", e["id"], "--note", "mended")
        briefs = c.value("SELECT count(*) FROM cadre.brief")  # `up` writes the first by itself.
        self.assertGreaterEqual(briefs, 1)
        wait_for(lambda: f"the briefs and the end: {c.json('notify', 'status')}",
                 lambda: len(mailed("[told] brief")) >= briefs and len(hooked("escalations")) == 2)
        ended = next(s for _, b in hooked("escalations") for s in json.loads(b)["escalations"]
                     if s["what"] == "resolved")
        self.assertEqual((ended["id"], ended["note"]), (e["id"], "mended"))
        page = read(mailed("[told] brief")[-1][2])
        self.assertIn("# Brief of told", page.get_body(("plain",)).get_content())
        self.assertIn("<html", page.get_body(("html",)).get_content())
        self.all_over(c)
        self.assertEqual(len({headers["X-Cadre-Id"] for headers, _ in hooks.at("/hook")}), len(hooks.at("/hook")))
        self.assertEqual(len(hooked("brief")), c.value("SELECT count(*) FROM cadre.brief"))
        self.assertFalse(hooks.at("/high"))
        self.assert_silent(c)

    def test_what_could_not_be_delivered_is_once_the_server_is_back(self):
        port = free_port()
        c = self.start({"hook": {"webhook": {"url": f"http://127.0.0.1:{port}/hook"}, "retry": RETRY},
                        "busy": {"webhook": {"url": f"http://127.0.0.1:{port}/busy"}, "retry": RETRY}})
        first = self.trouble(c)
        wait_for(lambda: f"a failed attempt: {c.json('notify', 'status')}",
                 lambda: all(row["last_error"] for row in c.json("notify", "status")))
        self.assertIn("Couldn't connect", c.run("notify", "status").stdout)
        waits, = c.json("notify", "list", "--channel", "hook")
        self.assertEqual((waits["status"], waits["cause"], waits["subject"], waits["title"]),
                         ("owed", "escalation", first["id"], "run_failed at ceo.bad"))
        self.assertGreaterEqual(waits["attempts"], 1)
        self.assertTrue(waits["next_at"])
        self.assertIn("Couldn't connect", waits["last_error"])
        hooks = self.hooks(port)
        hooks.answers["/busy"] = 503
        wait_for(lambda: f"the hook hears: {c.json('notify', 'status')}", lambda: hooks.at("/hook"))
        wait_for("some are refused", lambda: hooks.refused >= 2)
        hooks.answers.clear()
        wait_for(lambda: f"busy hears: {c.json('notify', 'status')}", lambda: hooks.at("/busy"))
        self.all_over(c)
        for path in ("/hook", "/busy"):
            (_, body), = hooks.at(path)
            self.assertEqual([e["id"] for e in json.loads(body)["escalations"]], [first["id"]])
        self.assertEqual({(m["channel"], m["status"], m["next_at"], m["last_error"]) for m in c.json("notify", "list")},
                         {("hook", "sent", None, None), ("busy", "sent", None, None)})
        self.assertEqual([e["problem"] for e in c.json("inbox")], ["run_failed"])

    def test_what_is_refused_for_good_is_an_escalation_that_the_others_get(self):
        hooks, mails = self.hooks(), self.mails()
        mails.refuse_recipients = True
        hooks.answers["/gone"] = 410
        c = self.start({
            "mail": {"email": {"to": ["anna@example.org"], "from": "cadre@example.org",
                               "smtp": f"smtp://127.0.0.1:{mails.port}"}},
            "gone": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/gone"}},
            "hook": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/hook"}}})
        self.trouble(c)
        failed = lambda: sorted(e["cause"] for e in c.json("inbox") if e["problem"] == "notification_failed")
        wait_for(lambda: f"two failures: {c.json('inbox')}", lambda: len(failed()) == 2)
        self.assertEqual(failed()[0], "channel gone could not deliver: the server answered 410")
        self.assertIn("channel mail could not deliver", failed()[1])
        self.assertIn("550", failed()[1])
        self.all_over(c)
        told = [e["problem"] for _, body in hooks.at("/hook") for e in json.loads(body)["escalations"]]
        self.assertEqual(sorted(told), ["notification_failed", "notification_failed", "run_failed"])
        counts = {row["name"]: row["failed"] for row in c.json("notify", "status")}
        self.assertGreaterEqual(counts["gone"], 1)
        self.assertEqual(counts["hook"], 0)
        refused = hooks.refused
        time.sleep(2)
        self.assertEqual(hooks.refused, refused, "it is tried for ever")

    def test_quiet_hours_hold_back_and_a_digest_gathers(self):
        hooks = self.hooks()
        now = datetime.datetime.now(datetime.timezone.utc)
        quiet = {"from": f"{now - datetime.timedelta(hours=1):%H:%M}", "to": f"{now + datetime.timedelta(hours=2):%H:%M}"}
        url = f"http://127.0.0.1:{hooks.port}"
        channels = {"night": {"webhook": {"url": f"{url}/night"}, "quiet_hours": quiet},
                    "digest": {"webhook": {"url": f"{url}/digest"}, "digest": "8s"}}
        c = self.start(channels)
        began = time.monotonic()
        self.trouble(c)
        for task in [c.add_task("ceo.bad") for _ in range(2)]:
            c.finished(task)
        wait_for("the digest", lambda: hooks.at("/digest"))
        self.assertGreater(time.monotonic() - began, 7)
        (_, body), = hooks.at("/digest")
        self.assertEqual(json.loads(body)["count"], 1)  # The same problem, counted.
        self.assertFalse(hooks.at("/night"))
        self.assertEqual({r["name"]: r["owed"] for r in c.json("notify", "status")}, {"digest": 0, "night": 1})
        self.assertIn("sent", c.run("notify", "test", "night").stdout)
        self.assertEqual([json.loads(body)["kind"] for _, body in hooks.at("/night")], ["test"])
        # The night is over.
        c.down()
        del channels["night"]["quiet_hours"]
        c.write("cadre.yaml", json.dumps(config(channels)))
        c.start()
        wait_for(lambda: f"the held back: {c.json('notify', 'status')}", lambda: len(hooks.at("/night")) == 2)
        self.all_over(c)

    def test_the_leader_is_killed_and_nothing_is_lost(self):
        hooks = self.hooks()
        hooks.answers["/hook"] = 503
        c = self.start({"hook": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/hook"}, "retry": RETRY}}, nodes=2)
        first = self.trouble(c)
        wait_for("an attempt", lambda: hooks.refused)
        for _ in range(3):
            leader = wait_for("a leader", c.leader)
            os.kill(c.node_pid(leader), signal.SIGKILL)
            time.sleep(1)
        hooks.answers.clear()
        wait_for(lambda: f"it is delivered: {c.json('notify', 'status')}\n{c.logs()}", lambda: hooks.at("/hook"))
        self.all_over(c)
        ids = {headers["X-Cadre-Id"] for headers, _ in hooks.at("/hook")}
        told = {e["id"] for _, body in hooks.at("/hook") for e in json.loads(body)["escalations"]}
        owed = {row["subject"] for row in c.rows("SELECT subject FROM cadre.notification")}
        self.assertIn(first["id"], told)
        self.assertEqual(told, owed)
        self.assertEqual(len(ids), c.value("SELECT count(DISTINCT delivery) FROM cadre.notification"))

    def test_messages_leave_from_a_node_with_the_role_egress_while_there_is_one(self):
        hooks = self.hooks(ask_who=True)
        c = self.start({"hook": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/hook"}}},
                       more_nodes={"gate": {"roles": ["egress"]}})
        is_now = lambda state: wait_for(
            lambda: f"gate is {state}: {c.json('status')}",
            lambda: c.value("SELECT state FROM cadre.node WHERE name = 'gate'") == state)
        is_now("up")
        first = self.trouble(c)
        self.all_over(c)
        (_, body), = hooks.at("/hook")
        self.assertEqual([e["id"] for e in json.loads(body)["escalations"]], [first["id"]])
        c.run("drain", "gate")
        is_now("draining")
        c.run("notify", "test", "hook")
        c.run("drain", "gate", "--undo")
        is_now("up")
        c.run("notify", "test", "hook")
        names = {c.node_pid(name): name for name in ("n0", "gate")}
        self.assertEqual([names.get(pid) for pid in hooks.senders], ["gate", "n0", "gate"])

    def without_database(self, c, node):
        """Runs this node by hand, in place of the one that `up` keeps, with a database that is nowhere."""
        keeper = c.runtime()["pid"]
        os.kill(keeper, signal.SIGSTOP)  # Else it would start the node again.
        self.addCleanup(os.kill, keeper, signal.SIGCONT)
        os.kill(c.node_pid(node), signal.SIGKILL)
        with open(os.path.join(c.state, "logs", f"node-{node}-by-hand.log"), "wb") as log:
            process = subprocess.Popen(
                [BINARY, "node", "--name", node, "--config", c.config, "--state", c.state,
                 "--postgres-reader", "postgresql://cadre_reader@127.0.0.1:1/nowhere"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: f"{node} is up, the one by hand: {c.json('status')}\n{c.logs()}", lambda: c.rows(
            f"SELECT 1 FROM cadre.node WHERE name = '{node}' AND state = 'up' AND pid = {process.pid}"))

    def test_the_leader_stands_in_for_an_egress_node_that_cannot_send(self):
        hooks = self.hooks(ask_who=True)
        url = f"http://127.0.0.1:{hooks.port}"
        c = self.start({"hook": {"webhook": {"url": f"{url}/hook"}},
                        "stuck": {"webhook": {"url": f"{url}/stuck"}, "severity": "critical"}},
                       more_nodes={"gate": {"roles": ["egress"]}})
        self.without_database(c, "gate")
        held = c.psql(HOLD, "migrator")
        self.assertEqual(held.returncode, 0, held.stderr)
        stuck = subprocess.Popen([BINARY, "notify", "test", "stuck", "--state", c.state], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(stuck.wait)
        self.addCleanup(stuck.kill)
        began = time.monotonic()
        first = self.trouble(c)
        wait_for(lambda: f"the hook hears: {c.json('notify', 'list')}\n{c.logs()}", lambda: hooks.at("/hook"))
        self.assertGreater(time.monotonic() - began, 30, "the leader sent what it was for the node to send")
        (_, body) = hooks.at("/hook")[0]
        self.assertIn(first["id"], [e["id"] for e in json.loads(body)["escalations"]])
        self.assertEqual(set(hooks.senders), {c.node_pid("n0")})
        # What nobody sends: it is said who should have.
        _, why = stuck.communicate(timeout=COMMAND_S * SLOWNESS)
        self.assertEqual(stuck.returncode, 1)
        self.assertIn("stuck: not sent within 60 s; node gate, which has the role egress, should have sent it", why)
        with open(os.path.join(c.state, "logs", "node-n0.log"), encoding="utf-8", errors="replace") as file:
            said = [line for line in file if "stands in for it" in line]
        self.assertEqual(len(said), 1, said)
        self.assertIn("node gate has the role egress", said[0])

    def test_a_channel_that_left_the_config_is_still_listed(self):
        hooks = self.hooks()
        channels = {name: {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/{name}"}} for name in ("kept", "old")}
        c = self.start(channels)
        c.run("notify", "test", "old")
        c.down()
        del channels["old"]
        c.write("cadre.yaml", json.dumps(config(channels)))
        c.start()
        self.assertEqual([row["name"] for row in c.json("notify", "status")], ["kept"])
        messages = c.json("notify", "list", "--channel", "old")
        self.assertIn(("test", "sent"), [(m["cause"], m["status"]) for m in messages])
        self.assertEqual(c.run("notify", "list", "--channel", "old", "--status", "owed").stdout, "no messages\n")
        after = f"old/{messages[-1]['id']}"
        self.assertEqual(c.run("notify", "list", "--channel", "old", "--after", after).stdout, "no messages\n")
        self.assertIn("there are: kept\n", c.run("notify", "list", "--channel", "older", code=1).stderr)

    def test_trying_a_channel_says_what_became_of_it(self):
        hooks = self.hooks()
        hooks.answers["/bad"] = 404
        c = self.start({"good": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/good"}, "severity": "critical"},
                        "bad": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/bad"}, "severity": "critical"}})
        self.assertEqual(c.run("notify", "test", "good").stdout, "good: sent\n")
        self.assertEqual(json.loads(hooks.at("/good")[0][1])["kind"], "test")
        self.assertIn("the server answered 404", c.run("notify", "test", "bad", code=1).stderr)
        self.assertIn("there are: good, bad", c.run("notify", "test", "bat", code=1).stderr)
        self.assertNotIn("notification_failed", [e["problem"] for e in c.json("inbox")])
        self.assertIn("cadre notify test mail", c.run("notify", "test", "--help").stdout)
        self.assert_listed(c)

    def test_mail_goes_through_tls_to_who_logs_in(self):
        tls, pem = self.certificate("mx")
        login = ("cadre", PASSWORD)
        later, at_once = self.mails(tls, False, login), self.mails(tls, True, login)
        who = {"user": "cadre", "password": "${env:MAIL_PASSWORD}"}
        c = self.start({"later": {"email": mail_by(later, tls="required", **who), "ca": "${file:mx.pem}"},
                        "once": {"email": mail_by(at_once, "smtps", **who), "ca": pem}}, files=[("mx.pem", pem)])
        self.trouble(c)
        for server in (later, at_once):
            wait_for(lambda: f"the mail is there: {c.json('notify', 'status')}", lambda: server.accepted)
        self.all_over(c)
        for server in (later, at_once):
            self.assertEqual((len(server.accepted), server.encrypted), (1, 1))
            self.assertEqual(server.logins, [("cadre", PASSWORD, True)])
        self.assert_silent(c)

    def test_a_wrong_password_is_an_escalation_that_does_not_show_it(self):
        tls, pem = self.certificate("mx")
        hooks, mails = self.hooks(), self.mails(tls, False, ("cadre", PASSWORD))
        who = {"user": "cadre", "password": "${env:MAIL_WRONG}"}
        c = self.start({"mail": {"email": mail_by(mails, tls="required", **who), "ca": pem},
                        "hook": {"webhook": {"url": f"http://127.0.0.1:{hooks.port}/hook"}}})
        self.trouble(c)
        failed = lambda: [e["cause"] for e in c.json("inbox") if e["problem"] == "notification_failed"]
        wait_for(lambda: f"the failure: {c.json('inbox')}\n{c.logs()}", failed)
        self.assertEqual(failed(), ["channel mail could not deliver: Login denied (the server said 535)"])
        self.all_over(c)
        self.assertEqual(mails.logins, [("cadre", WRONG, True)])  # Once: too many wrong ones lock a mailbox.
        self.assertFalse(mails.accepted)
        told = [e["problem"] for _, body in hooks.at("/hook") for e in json.loads(body)["escalations"]]
        self.assertEqual(sorted(told), ["notification_failed", "run_failed"])
        self.assertNotIn(WRONG, str(hooks.accepted))
        self.assertEqual(c.json("notify", "list", "--channel", "mail")[0]["last_error"],
                         "Login denied (the server said 535)")
        self.assert_silent(c)

    def test_a_login_that_is_refused_for_now_is_tried_again(self):
        mails = self.mails(None, False, ("cadre", PASSWORD))
        mails.busy_logins = 1
        c = self.start({"mail": {"email": mail_by(mails, user="cadre", password="${env:MAIL_PASSWORD}"),
                                 "retry": RETRY}})
        self.trouble(c)
        wait_for(lambda: f"the mail is there: {c.json('notify', 'list')}\n{c.logs()}", lambda: mails.accepted)
        self.all_over(c)
        self.assertEqual(mails.logins, [("cadre", PASSWORD, False)] * 2)
        self.assertEqual([(m["status"], m["attempts"]) for m in c.json("notify", "list")], [("sent", 2)])
        self.assertEqual([e["problem"] for e in c.json("inbox")], ["run_failed"])
        self.assert_silent(c)

    def test_a_server_that_is_not_trusted_gets_neither_mail_nor_password(self):
        tls, pem = self.certificate("mx")
        named, named_pem = self.certificate("named", "DNS:mx.example.org")
        login = ("cadre", PASSWORD)
        trusted, elsewhere = self.mails(tls, False, login), self.mails(named, True, login)
        clear, hooks = self.mails(None, False, login), self.hooks(tls=tls)
        who = {"user": "cadre", "password": "${env:MAIL_PASSWORD}"}
        url = f"https://127.0.0.1:{hooks.port}/hook"
        channels = {
            "unknown": {"email": mail_by(trusted, tls="required", **who)},  # The system does not know who signed it,
            "local": {"email": mail_by(trusted, **who)},  # also where encryption is not required,
            "other": {"email": mail_by(trusted, tls="required", **who), "ca": named_pem},  # nor does this one,
            "name": {"email": mail_by(elsewhere, "smtps", **who), "ca": named_pem},  # and this is another server.
            "clear": {"email": mail_by(clear, tls="required", **who)},
            "hook": {"webhook": {"url": url, "secret": "${env:HOOK_SECRET}"}}}
        c = self.start({**{name: {**channel, "severity": "critical"} for name, channel in channels.items()},
                        "fine": {"webhook": {"url": url}, "ca": pem, "severity": "critical"}})
        for name in channels:
            said = "Requested SSL level failed" if name == "clear" else "SSL peer certificate"
            self.assertIn(f"{name}: {said}", c.run("notify", "test", name, code=1).stderr)
        self.assertEqual([m.accepted + m.logins for m in (trusted, elsewhere, clear)], [[], [], []])
        self.assertFalse(hooks.accepted)
        self.assertEqual(c.run("notify", "test", "fine").stdout, "fine: sent\n")
        self.assertEqual(len(hooks.at("/hook")), 1)
        self.assert_silent(c)

    def assert_listed(self, c):
        """The list of what `test_trying_a_channel...` sent, page by page and by filters."""
        everything = c.json("notify", "list")
        self.assertEqual([(m["channel"], m["title"], m["status"], m["attempts"]) for m in everything],
                         [("bad", "test", "failed", 1), ("good", "test", "sent", 1)])
        self.assertEqual(c.json("notify", "list", "--status", "failed"), everything[:1])
        self.assertEqual(c.json("notify", "list", "--channel", "good"), everything[1:])
        page = c.run("notify", "list", "--limit", 1).stdout
        self.assertIn("the server answered 404", page)
        after = f"bad/{everything[0]['id']}"
        self.assertIn(f"(more: --after {after})", page)
        self.assertEqual(c.json("notify", "list", "--limit", 1, "--after", after), everything[1:])
        self.assertEqual(c.run("notify", "list", "--status", "owed").stdout, "no messages\n")
        self.assertIn("there are: bad, good", c.run("notify", "list", "--channel", "bat", code=1).stderr)
        self.assertIn("CHANNEL/ID of a message (`cadre notify list --json`",
                      c.run("notify", "list", "--after", "bad", code=2).stderr)
        self.assertIn("there is no message", c.run("notify", "list", "--after", after[:-4] + "0000", code=1).stderr)


if __name__ == "__main__":
    unittest.main()
