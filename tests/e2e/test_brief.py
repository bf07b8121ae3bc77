"""The ceo's brief: its three forms, what is new since the last one, and its own bounds under a storm."""
import html.parser
import json
import re

from company import Company, SharedCompanyCase, wait_for

METRICS = ("printf '{\"type\":\"response\",\"agent\":\"x\",\"timestamp\":\"2026-11-21T00:00:00Z\",\"metrics\":{\"rows\":7},"
           "\"alerts\":[],\"recommendations\":[\"buy a disk\"]}\\n'")
FORMS = ((), ("--html",), ("--json",))


class Tags(html.parser.HTMLParser):
    """Names of elements as they open and close; whether each was closed in its order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen = [], set()
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


class Brief(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company({"company": "briefed", "nodes": {"one": {"roles": ["control"]}},
                        "org": {"ceo": {"role": "ceo", "reports": {
                            "well": {"role": "worker", "run": {"command": ["sh", "-c", METRICS]}},
                            "broken": {"role": "worker", "retry": {"attempts": 1},
                                       "run": {"command": ["sh", "-c", "echo oops >&2; exit 3"]}}}}}})

    def sql(self, statement):
        done = self.c.psql(statement, role="writer")
        self.assertEqual(done.returncode, 0, done.stderr)

    def brief(self):
        return json.loads(self.c.run("brief", "--now", "--json").stdout)

    def run_one(self, agent, status):
        self.c.run("task", "add", "--agent", agent)
        wait_for(lambda: f"{agent} is {status}: {self.c.json('task', 'list')}", lambda: all(
            t["status"] in ("complete", "failed") for t in self.c.json("task", "list", "--agent", agent)))
        self.assertEqual({t["status"] for t in self.c.json("task", "list", "--agent", agent)}, {status})

    def test_1_a_day_of_the_company(self):
        # The first round of a new company runs every worker once.
        for e in wait_for("the first failure is in the inbox", lambda: self.c.json("inbox")):
            self.c.run("escalation", "resolve", e["id"], "--note", "before the day began")
        first = self.brief()
        self.assertEqual(first["version"], 1)
        self.run_one("ceo.well", "complete")
        self.run_one("ceo.broken", "failed")
        wait_for("it is in the inbox", lambda: self.c.json("inbox"))
        busy = self.brief()
        self.assertEqual(busy["since"][:19], first["as_of"][:19])
        self.assertEqual([(d["origin"], d["problem"], d["news"]) for d in busy["decisions"]],
                         [("ceo.broken", "run_failed", "new")])
        self.assertEqual(busy["since_last"]["decisions"],
                         {"new": 1, "still_open": 0, "gone": 0, "again": 0, "exact": True})
        self.assertEqual([f["agents"] for f in busy["failures"]], [["ceo.broken"]])
        self.assertEqual([m["metrics"] for m in busy["metrics"]], [{"rows": 7}])
        self.assertEqual(busy["recommendations"], [{"from": "ceo.well", "text": "buy a disk"}])
        still = self.brief()
        self.assertEqual(still["since_last"]["decisions"],
                         {"new": 0, "still_open": 1, "gone": 0, "again": 0, "exact": True})
        if not still["since_last"]["counts"]:  # Findings are looked for meanwhile.
            self.assertTrue(still["since_last"]["nothing"], still["since_last"])
            self.assertIn("- Nothing changed.\n", self.c.run("brief").stdout)

        # The command that it names settles it.
        named = re.search(r"`cadre (escalation resolve [0-9a-f-]+) --note", self.c.run("brief").stdout).group(1)
        self.c.run(*named.split(), "--note", "mended")
        after = self.brief()
        self.assertEqual(after["decisions"], [])
        self.assertEqual(after["since_last"]["decisions"]["gone"], 1)
        self.c.run("agent", "pause", "ceo.well", "--reason", "looked at")
        self.assertEqual(self.brief()["since_last"]["paused"], ["agent ceo.well"])
        self.c.run("agent", "resume", "ceo.well")
        self.assertEqual(self.brief()["since_last"]["resumed"], ["agent ceo.well"])

    def test_2_every_form_is_one_page_in_a_storm(self):
        """Ten thousand escalations with causes of 10 KB that are markup, of agents that would like to be seen."""
        self.c.run("brief", "--now")
        self.sql("INSERT INTO cadre.escalation (company, id, origin, problem, fingerprint, severity, cause_code, cause,"
                   " status, holder, in_inbox) SELECT 'briefed', gen_random_uuid(), 'ceo.well', 'p' || i % 7, 'f' || i,"
                   " 'error', 'internal', repeat(E'</li><script>alert(1)</script> `x` [a](b)\\n# ', 200), 'open', 'ceo',"
                   " true FROM generate_series(1, 10000) i")
        self.addCleanup(self.sql, "DELETE FROM cadre.escalation WHERE fingerprint LIKE 'f%'")
        for form in FORMS:
            page = self.c.run("brief", "--now", *form).stdout
            self.assertLess(len(page.encode()), 128 * 1024, form)
            if form == ("--json",):
                self.assertGreaterEqual(json.loads(page)["totals"]["decisions"], 10_000)
                continue
            self.assertLess(page.count("\n"), 161 if form else 121)
            self.assertRegex(page, r"\b1000\d decisions wait for you")
        tags = Tags(self.c.run("brief", "--html").stdout)
        self.assertEqual(tags.seen - {"html", "head", "meta", "title", "body", "div", "h1", "h2", "p", "ul", "li", "strong",
                                      "bdi", "code", "br", "span"}, set())
