"""The ranking and the page, on made-up canonical data, and their auditors on what is wrong with them."""

import unittest

import support
import score


def place(node="a", host="h1"):
    return {"node": node, "host": host}


def upgrade(name, security=False, held=False, **where):
    return {**place(**where), "name": name, "architecture": "amd64", "installed": "1", "candidate": "2",
            "security": security, "suite": "s", "held": held}


def listener(address, port, scope, protocol="tcp", process="", **where):
    return {**place(**where), "protocol": protocol, "address": address, "port": port, "scope": scope, "pid": 1,
            "inode": 1, "uid": 0, "sockets": 1, "process": process}


def fact(kind, subject, value, total=None, **where):
    percent = round(100 * value / total, 1) if total else None
    return {**place(**where), "kind": kind, "subject": subject, "value": value, "unit": "u", "total": total,
            "percent": percent, "detail": ""}


def package(name, **where):
    return {**place(**where), "name": name, "architecture": "amd64", "version": "1", "status": "installed"}


def sample():
    data = {
        "package": [package("bash"), package("nginx"), package("openssl"), package("tool")],
        "upgrade": [upgrade("bash"), upgrade("nginx", True), upgrade("openssl", True), upgrade("tool", held=True)],
        "socket": [listener("0.0.0.0", 80, "wildcard", process="nginx"), listener("127.0.0.1", 25, "loopback"),
                   listener("::", 22, "wildcard", process="sshd"), listener("0.0.0.0", 40000, "wildcard", "udp"),
                   listener("8.8.8.8", 53, "public"), listener("10.0.0.1", 99, "private")],
        "host": [fact("disk", "/", 92, 100), fact("disk", "/srv", 97, 100), fact("disk", "/ok", 50, 100),
                 fact("memory", "ram", 10, 100), fact("lists", "apt", 2), fact("unit", "x.service", 1),
                 fact("process", "zombie", 0), fact("reboot", "required", 0)]}
    # A second node on the same host reads the same things; a third stands elsewhere.
    for rows in data.values():
        rows += [dict(r, node="b") for r in rows]
    data["package"].append(package("bash", node="c", host="h2"))
    data["upgrade"].append(upgrade("bash", node="c", host="h2"))
    data["host"] += [fact("disk", "/", 10, 100, node="c", host="h2"), fact("lists", "apt", None, node="c", host="h2")]
    return data


class Score(unittest.TestCase):
    def setUp(self):
        self.data = sample()
        self.actions = score.rank(self.data)

    def scores(self):
        return {(a["host"], a["kind"], a["subject"]): a["score"] for a in self.actions}

    def test_order(self):
        self.assertEqual([(a["score"], a["kind"], a["host"], a["subject"]) for a in self.actions], [
            (95, "disk", "h1", "disk:/srv"), (94, "security", "h1", "nginx:amd64"),
            (90, "security", "h1", "openssl:amd64"), (80, "socket", "h1", "tcp/0.0.0.0/80"),
            (80, "socket", "h1", "tcp/::/22"), (75, "unit", "h1", "x.service"), (70, "disk", "h1", "disk:/"),
            (70, "socket", "h1", "tcp/8.8.8.8/53"), (55, "lists", "h2", "apt"), (20, "upgrade", "h1", "bash:amd64"),
            (20, "upgrade", "h2", "bash:amd64"), (10, "upgrade", "h1", "tool:amd64")])
        self.assertEqual([a["rank"] for a in self.actions], list(range(1, 13)))

    def test_nodes_of_one_host_share_an_action(self):
        first = self.actions[0]
        self.assertEqual((first["node"], first["nodes"]), ("a", "a,b"))

    def test_each_says_what_to_do(self):
        self.assertTrue(all(a["do"] and a["why"] for a in self.actions))
        do = {a["subject"]: a["do"] for a in self.actions}
        self.assertEqual(do["nginx:amd64"], "apt-get install --only-upgrade nginx")
        self.assertEqual(do["apt"], "apt-get update")

    def test_expected_sockets_ask_for_nothing(self):
        subjects = {a["subject"] for a in score.rank(self.data, {"tcp/22"})}
        self.assertNotIn("tcp/::/22", subjects)
        self.assertIn("tcp/0.0.0.0/80", subjects)

    def test_input_order_does_not_matter(self):
        turned = {name: rows[::-1] for name, rows in self.data.items()}
        self.assertEqual(score.rank(turned), self.actions)


class Auditors(unittest.TestCase):
    def setUp(self):
        self.data = support.Canonical(**sample())
        self.addCleanup(self.data.folder.cleanup)
        self.env = self.data.environment
        self.actions = support.run("score.py", **self.env).rows("action")

    def score_checks(self, actions, **more):
        return support.audit("audit_score.py", "action", actions, worker="ceo.research.score", **self.env,
                             **more).checks

    def page(self):
        self.data.put("action", self.actions)
        return support.run("digest.py", **self.env).rows("page")

    def page_checks(self, rows):
        return support.audit("audit_page.py", "page", rows, worker="ceo.content.digest", **self.env).checks

    def without(self, subject):
        kept = [a for a in self.actions if a["subject"] != subject]
        return [dict(a, rank=i) for i, a in enumerate(kept, 1)]

    def test_the_true_ranking_passes(self):
        self.assertEqual(self.score_checks(self.actions), [])
        expected = {"FLEETWATCH_EXPECTED": "tcp/22, tcp/80"}
        rows = support.run("score.py", **self.env, **expected).rows("action")
        self.assertEqual(len(rows), len(self.actions) - 2)
        self.assertEqual(self.score_checks(rows, **expected), [])
        self.assertEqual(self.score_checks(rows), ["missing_socket"])

    def test_what_is_left_out_is_found(self):
        for subject, kind in (("openssl:amd64", "security"), ("tcp/::/22", "socket"), ("disk:/", "disk"),
                              ("tool:amd64", "upgrade"), ("x.service", "unit")):
            with self.subTest(subject):
                self.assertEqual(self.score_checks(self.without(subject)), [f"missing_{kind}"])

    def test_what_has_no_cause_is_found(self):
        last = dict(self.actions[-1], rank=len(self.actions) + 1, score=5)
        for kind, subject in (("upgrade", "ghost:amd64"), ("unit", "y.service"), ("disk", "disk:/ok")):
            with self.subTest(kind):
                made_up = dict(last, kind=kind, subject=subject)
                checks = self.score_checks(self.actions + [made_up])
                self.assertIn(f"groundless_{kind}", checks)

    def test_order_and_ranks(self):
        swapped = [dict(a) for a in self.actions]
        swapped[1]["rank"], swapped[9]["rank"] = swapped[9]["rank"], swapped[1]["rank"]
        self.assertEqual(set(self.score_checks(swapped)), {"class_order", "order"})
        self.assertEqual(self.score_checks([dict(a, rank=a["rank"] + 1) for a in self.actions]), ["rank"])
        self.assertEqual(set(self.score_checks(self.actions + [dict(self.actions[-1], rank=13)])), {"duplicate"})
        self.assertEqual(self.score_checks([dict(a, do="") if a["rank"] == 3 else a for a in self.actions]),
                         ["nothing_to_do"])
        self.assertEqual(self.score_checks(self.actions, announced=99), ["rows_total"])

    def test_the_true_page_passes(self):
        rows = self.page()
        self.assertEqual(self.page_checks(rows), [])
        self.assertLessEqual(len(rows), 40)
        self.assertEqual(rows[0]["text"], "Hosts watched: 2, by 3 nodes. Things to do: 12.")
        self.assertIn("4 packages, 4 upgrades of which 2 close security holes, 6 listening sockets of which 3",
                      rows[1]["text"])
        self.assertEqual([r["line"] for r in rows], list(range(1, len(rows) + 1)))

    def test_false_pages_do_not(self):
        rows = self.page()

        def changed(line, **fields):
            return [dict(r, **fields) if r["line"] == line else r for r in rows]

        claims = [dict(c, value=c["value"] + 1) if c["claim"] == "security_upgrades" else c for c in rows[1]["claims"]]
        text = rows[1]["text"]
        self.assertEqual(self.page_checks(changed(2, claims=claims)), ["unclaimed_number", "wrong_claim"])
        self.assertEqual(self.page_checks(changed(2, text=text.replace("2 close", "0 close"))), ["unclaimed_number"])
        self.assertEqual(self.page_checks(changed(2, text=text + " `leftpad` is compromised.")), ["unknown_name"])
        self.assertEqual(self.page_checks(changed(2, claims=[{"claim": "vibes", "value": 4}, *rows[1]["claims"]])),
                         ["wrong_claim"])
        self.assertEqual(self.page_checks(rows[:3]), ["top_left_out"])
        self.assertEqual(set(self.page_checks([])), {"no_page", "top_left_out"})

    def test_a_page_without_data(self):
        with support.Canonical() as empty:
            rows = support.run("digest.py", **empty.environment).rows("page")
            self.assertEqual([r["text"] for r in rows], ["No canonical data yet."])
            self.assertEqual(support.audit("audit_page.py", "page", rows, **empty.environment).checks, [])

    def test_a_large_fleet_stays_within_forty_lines(self):
        for name in ("package", "upgrade", "socket", "host"):
            rows = [dict(r, node=f"n{i}", host=f"h{i}") for i in range(30) for r in sample()[name] if r["node"] == "a"]
            self.data.put(name, rows)
        self.actions = support.run("score.py", **self.env).rows("action")
        rows = self.page()
        self.assertEqual((len(rows), self.page_checks(rows), self.score_checks(self.actions)), (40, [], []))


if __name__ == "__main__":
    unittest.main()
