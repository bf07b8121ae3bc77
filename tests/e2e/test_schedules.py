"""The ledger of schedules: each fire is expected before it is due and ends in one outcome, whoever leads."""
import datetime
import os
import signal

from company import CompanyCase, SharedCompanyCase, Company, cadre, response, wait_for

NODES = ("one", "two", "three")
UNIQUE = "SELECT count(*) = count(DISTINCT (schedule, due_at)) FROM cadre.fire"


def config(nodes, schedules, workers):
    reports = {name: {"role": "worker", "timeout": "30s", "retry": {"attempts": 10, "backoff": {"initial": "100ms"}},
                      "run": {"command": ["sh", "-c", script]}} for name, script in workers.items()}
    return {"company": "clockwork", "nodes": {n: {"roles": ["control", "work"]} for n in nodes},
            "fleet": {"lease": "2s", "run_lease": "5s"},
            "org": {"ceo": {"role": "ceo", "reports": {"data": {"role": "manager", "reports": reports}}}},
            "schedules": {name: {"watcher": "ceo.data", **keys} for name, keys in schedules.items()}}


class Ledger(SharedCompanyCase):
    @classmethod
    def make(cls):
        return Company(config(("one",), {
            "beat": {"agent": "ceo.data.quick", "cron": "@every 2s"},
            "rush": {"agent": "ceo.data.slow", "cron": "* * * * * *"},
            "held": {"agent": "ceo.data.hands", "cron": "*/2 * * * * *"},
            "nightly": {"agent": "ceo.data.night", "cron": "0 3 * * *", "tz": "Europe/Rome"},
        }, {"quick": response(), "slow": "sleep 3; " + response(), "hands": response(), "night": response()}))

    def fires(self, schedule, *outcomes):
        among = ", ".join(f"'{o}'" for o in outcomes)
        return self.c.value(f"SELECT count(*) FROM cadre.fire WHERE schedule = '{schedule}' AND outcome IN ({among})")

    def row(self, schedule):
        return next(r for r in self.c.json("schedule", "list") if r["name"] == schedule)

    def test_a_fire_goes_through_all_five_steps(self):
        c = self.c
        wait_for("three fires with effect", lambda: self.fires("beat", "effect") >= 3)
        steps = c.rows("SELECT * FROM cadre.fire WHERE schedule = 'beat' AND outcome = 'effect' ORDER BY due_at LIMIT 3")
        for f in steps:
            self.assertLess(f["expected_at"], f["due_at"], "it was written down after it was due")
            moments = [f[s] for s in ("due_at", "fired_at", "started_at", "finished_at", "effect_at")]
            self.assertEqual(moments, sorted(moments))
        late = c.value("SELECT max(extract(epoch FROM fired_at - fire_at)) FROM cadre.fire WHERE schedule = 'beat'"
                       " AND kind = 'cron' AND fired_at IS NOT NULL")
        self.assertLess(late, 1)
        told = [r["status"] for r in c.rows(
            "SELECT data->>'status' AS status FROM cadre.event WHERE what = 'fire' AND"
            f" data->>'schedule' = 'beat' AND (data->>'due')::timestamptz = '{steps[0]['due_at']}' ORDER BY seq")]
        self.assertEqual(told, ["due", "fired", "started", "effect"])

    def test_overlap_is_seen(self):
        wait_for("skipped fires", lambda: self.fires("rush", "skipped") >= 2)
        self.assertIn("still under way; overlap: skip", self.c.value(
            "SELECT reason FROM cadre.fire WHERE schedule = 'rush' AND outcome = 'skipped' LIMIT 1"))
        self.assertEqual(self.c.value("SELECT count(*) FROM cadre.run r JOIN cadre.run o ON r.agent = o.agent AND"
                                      " r.agent = 'ceo.data.slow' AND r.id < o.id AND o.started_at < r.ended_at"), 0)
        self.assertIn("skipped", self.c.run("schedule", "list").stdout)

    def test_the_listing_knows_the_last_and_the_next_five(self):
        wait_for("five fires", lambda: self.fires("beat", "effect") >= 5)
        row = self.row("beat")
        self.assertEqual(len(row["last"]), 5)
        self.assertEqual(len(row["next"]), 5)
        self.assertEqual(row["next"], sorted(row["next"]))
        self.assertLess(row["last_due"], row["next_due"])
        self.assertEqual(len(self.row("nightly")["next"]), 5)
        shown = self.c.json("schedule", "show", "beat", "--limit", "200")
        self.assertTrue(any(f["outcome"] == "effect" for f in shown["fires"]))
        self.assertIn("EFFECT", self.c.run("schedule", "show", "beat").stdout)

    def test_pause_and_resume(self):
        c = self.c
        wait_for("it fires", lambda: self.fires("held", "effect") >= 1)
        c.run("schedule", "pause", "held", "--reason", "the bank is down")
        wait_for("cancelled fires", lambda: self.fires("held", "cancelled") >= 2)
        self.assertEqual(c.value("SELECT DISTINCT reason FROM cadre.fire WHERE schedule = 'held' AND"
                                 " outcome = 'cancelled'"), "paused by cli: the bank is down")
        status = c.run("status").stdout
        self.assertIn("schedule held", status)
        self.assertIn("the bank is down", status)
        self.assertEqual(c.json("status")["paused_schedules"][0]["name"], "held")
        self.assertIn("paused", c.run("schedule", "list").stdout)
        c.run("schedule", "trigger", "held")
        wait_for("a fire by hand", lambda: c.value(
            "SELECT count(*) FROM cadre.fire WHERE schedule = 'held' AND kind = 'manual' AND outcome = 'effect'") == 1)
        before = self.fires("held", "effect")
        c.run("schedule", "resume", "held")
        wait_for("it fires again", lambda: self.fires("held", "effect") > before)
        self.assertEqual(c.json("status")["paused_schedules"], [])

    def test_trigger_and_backfill(self):
        c = self.c
        task = c.run("schedule", "trigger", "nightly").stdout.strip()
        self.assertEqual(c.finished(task)["status"], "complete")
        today = datetime.datetime.now(datetime.timezone.utc).date()
        words = ("schedule", "backfill", "nightly", "--from", today - datetime.timedelta(days=4), "--upto",
                 today - datetime.timedelta(days=1))
        before = c.value("SELECT count(*) FROM cadre.fire WHERE schedule = 'nightly'")
        planned = c.json(*words, "--dry-run")
        self.assertEqual(len(planned["moments"]), 3)
        self.assertEqual(c.value("SELECT count(*) FROM cadre.fire WHERE schedule = 'nightly'"), before)
        self.assertIn("--yes", c.run(*words, code=2).stderr)
        self.assertEqual(c.json(*words, "--yes")["added"], 3)
        wait_for("three fires of the past", lambda: c.value(
            "SELECT count(*) FROM cadre.fire WHERE kind = 'backfill' AND outcome = 'effect'") == 3)
        again = c.json(*words, "--yes")
        self.assertEqual((again["moments"], again["already"], again["added"]), ([], 3, 0))
        self.assertIn("0 moments that did not fire, 3 that did or still may", c.run(*words, "--yes").stdout)
        self.assertEqual(c.value("SELECT count(DISTINCT (payload->'fire'->>'due')::timestamptz) FROM cadre.task"
                                 " WHERE schedule = 'nightly' AND payload->'fire'->>'kind' = 'backfill'"), 3)

    def test_mistakes_are_answered(self):
        for words in (["show", "nigthly"], ["pause", "nigthly"], ["resume", "nigthly"], ["trigger", "nigthly"],
                      ["backfill", "nigthly", "--from", "2026-01-01", "--upto", "2026-01-02"]):
            with self.subTest(words=words):
                self.assertIn("did you mean `nightly`?", self.c.run("schedule", *words, code=1).stderr)
        self.assertIn("2026-11-21T08:00:00Z", self.c.run("schedule", "backfill", "nightly", "--from", "yesterday",
                                                         "--upto", "2026-01-02", code=2).stderr)
        for sub in ("list", "show", "trigger", "pause", "backfill"):
            self.assertIn("cadre schedule", cadre("schedule", sub, "--help").stdout)
        self.assertIn("backfill", cadre("completion", "bash").stdout)


class Readers(CompanyCase):
    def test_reading_changes_nothing(self):
        c = self.company(config(("one",), {"nightly": {"agent": "ceo.data.night", "cron": "0 3 * * *"}},
                                {"night": response()}))
        c.start()
        wait_for("the next fire is expected", lambda: c.value("SELECT count(*) FROM cadre.fire") > 0)
        ledger = ("SELECT (SELECT md5(string_agg(f::text || f.xmin, '|' ORDER BY f::text)) FROM cadre.fire f) ||"
                  " (SELECT md5(string_agg(s::text || s.xmin, '|' ORDER BY s::text)) FROM cadre.schedule s)"
                  " || (SELECT count(*) FROM cadre.task) AS all")
        before = c.value(ledger)
        for words in (["list"], ["list", "--json"], ["show", "nightly"], ["show", "nightly", "--json"],
                      ["backfill", "nightly", "--from", "2026-01-01", "--upto", "2026-02-01", "--dry-run"]):
            c.run("schedule", *words)
        self.assertEqual(c.value(ledger), before)


class KilledLeader(CompanyCase):
    def test_a_leader_killed_around_a_fire_loses_and_doubles_none(self):
        c = self.company(config(NODES, {"beat": {"agent": "ceo.data.quick", "cron": "* * * * * *", "overlap": "allow"}},
                                {"quick": response()}))
        c.start()
        done = "SELECT count(*) FROM cadre.fire WHERE outcome = 'effect'"
        wait_for("it fires", lambda: c.value(done) >= 3)
        reigns = c.value("SELECT count(*) FROM cadre.leader")
        for _ in range(3):
            lead = wait_for("a leader", c.leader)
            # At the very instant of the next one: as it is due.
            due = c.value("SELECT extract(epoch FROM min(fire_at)) FROM cadre.fire WHERE outcome = 'expected'"
                          " AND fire_at > clock_timestamp() + interval '300 ms'")
            pid = c.node_pid(lead)
            wait_for("the instant", lambda: datetime.datetime.now().timestamp() >= due, poll_s=0.001)
            os.kill(pid, signal.SIGKILL)
            reigns += 1
            wait_for("the next leader", lambda: c.value("SELECT count(*) FROM cadre.leader") >= reigns)
            before = c.value(done)
            wait_for("it goes on", lambda: c.value(done) >= before + 3)
        end = c.value("SELECT date_trunc('second', clock_timestamp())")
        wait_for(lambda: f"all are over: {c.rows('SELECT * FROM cadre.open_fire WHERE fired_at IS NOT NULL')}",
                 lambda: c.value(f"SELECT count(*) FROM cadre.fire WHERE due_at <= '{end}' AND ended_at IS NULL") == 0)
        sums = c.rows(
            "SELECT count(*) AS fires, count(*) FILTER (WHERE outcome = 'effect') AS effect,"
            " extract(epoch FROM max(due_at) - min(due_at))::int + 1 AS moments,"
            " count(DISTINCT task) FILTER (WHERE outcome = 'effect') AS tasks"
            f" FROM cadre.fire WHERE due_at <= '{end}'")[0]
        self.assertEqual(sums["fires"], sums["moments"], "a moment has no fire")
        self.assertEqual(sums["effect"], sums["fires"], c.rows(
            f"SELECT outcome, reason, count(*) FROM cadre.fire WHERE due_at <= '{end}' GROUP BY outcome, reason"))
        self.assertEqual(sums["tasks"], sums["effect"])
        self.assertTrue(c.value(UNIQUE))
        self.assertEqual(c.value("SELECT count(*) FROM cadre.task t WHERE schedule = 'beat' AND NOT EXISTS"
                                 " (SELECT 1 FROM cadre.fire f WHERE f.task = t.id)"), 0)
        self.assertEqual(c.value("SELECT count(*) FROM (SELECT task FROM cadre.run WHERE status = 'succeeded'"
                                 " GROUP BY task HAVING count(*) > 1) q"), 0)
