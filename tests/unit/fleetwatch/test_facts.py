"""Workers on real input, auditors against the real host: they must agree, and must catch each drill."""

import os
import socket
import time
import unittest
import uuid

import support

NODE = {"node": "iron-pc", "host": os.uname().nodename}


def id_made_at(seconds):
    """A UUID of version 7 with the given time."""
    return str(uuid.UUID(int=(int(seconds * 1000) << 80) | (7 << 76) | (2 << 62)))


class Contract(unittest.TestCase):
    def test_fixture_run(self):
        answer = support.run("ingest.py", FLEETWATCH_ROOT=support.HOST)
        self.assertEqual((answer.code, answer.stderr), (0, ""))
        self.assertEqual(answer.response["metrics"] | {"sockets": 0}, {
            "packages": 7, "upgrades": 4, "security_upgrades": 1, "sockets": 0, "wildcard_sockets": 3})
        self.assertEqual({d: len(answer.rows(d)) for d in ("package", "upgrade", "socket")},
                         {"package": 7, "upgrade": 4, "socket": 7})
        self.assertEqual({(r["node"], r["host"]) for d in ("package", "host") for r in answer.rows(d)},
                         {("iron-pc", os.uname().nodename)})

    def test_lines_are_bounded(self):
        answer = support.run("ingest.py")
        self.assertLess(max(len(line.encode()) for line in answer.lines), 256 * 1024)
        self.assertLessEqual(max(len(m["rows"]) for m in answer.of("output")), 500)
        self.assertEqual(len(answer.rows("package")), answer.response["metrics"]["packages"])

    def test_health_and_refusals(self):
        for program in sorted(p for p in os.listdir(support.PROGRAMS) if p.endswith(".py")):
            with self.subTest(program):
                health = support.ask(program, '{"op":"health","agent":"ceo.x"}\n')
                self.assertEqual((health.code, health.response["agent"]), (0, "ceo.x"))
                self.assertEqual(support.ask(program, '{"op":"dance"}\n').code, 1)
                self.assertEqual(support.ask(program, "not json\n").code, 1)
                self.assertEqual(support.ask(program, "").code, 1)

    def test_no_rows_still_stage_an_output(self):
        with support.Canonical() as data:
            answer = support.run("score.py", **data.environment)
        self.assertEqual(answer.of("output"), [{"type": "output", "dataset": "action", "rows": []}])

    def test_unknown_poison_is_refused(self):
        self.assertEqual(support.run("ingest.py", {"poison": "tea"}, FLEETWATCH_ROOT=support.HOST).code, 1)


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.good = support.run("ingest.py")

    def check(self, dataset, rows, **more):
        answer = support.audit("audit_packages.py", dataset, rows, **more)
        self.assertEqual(answer.code, 0, answer.stderr)
        return answer.checks

    def test_the_truth_passes(self):
        for dataset in ("package", "upgrade", "host", "socket"):
            with self.subTest(dataset):
                self.assertEqual(self.check(dataset, self.good.rows(dataset)), [])

    def test_drills_are_caught(self):
        for poison, check in (("drop", "missing"), ("duplicate", "duplicate"), ("lie", "wrong")):
            with self.subTest(poison):
                answer = support.run("ingest.py", {"poison": poison})
                self.assertTrue(any(m["text"].startswith("drill") for m in answer.of("journal")))
                self.assertEqual(self.check("package", answer.rows("package")), [check])

    def test_drill_by_environment(self):
        answer = support.run("ingest.py", FLEETWATCH_POISON="drop:package")
        self.assertEqual(self.check("package", answer.rows("package")), ["missing"])

    def test_an_upgrade_hidden_or_made_up_is_caught(self):
        rows = self.good.rows("upgrade")
        made_up = dict(NODE, name="dpkg", architecture="amd64", installed="1", candidate="99", security=False)
        rows = [r for r in rows if r["name"] != "dpkg"]
        self.assertIn("unknown" if self.has_no("dpkg") else "wrong", self.check("upgrade", rows + [made_up]))
        if rows:
            self.assertEqual(self.check("upgrade", rows[1:] + self.only("dpkg")), ["missing"])
            turned = [dict(rows[0], security=not rows[0]["security"])] + rows[1:] + self.only("dpkg")
            self.assertEqual(self.check("upgrade", turned), ["wrong"])

    def only(self, name):
        return [r for r in self.good.rows("upgrade") if r["name"] == name]

    def has_no(self, name):
        return not self.only(name)

    def test_identity(self):
        rows = self.good.rows("package")
        self.assertEqual(self.check("package", rows, announced=len(rows) + 1), ["rows_total"])
        self.assertEqual(self.check("package", rows, worker="ceo.data.ingest-iron-vps-01"), ["wrong_node"])
        self.assertEqual(self.check("package", [dict(r, host="elsewhere") for r in rows]), ["wrong_host"])

    def test_what_dpkg_changed_since_is_excused(self):
        changed = id_made_at(1)
        self.assertEqual(self.check("package", self.good.rows("package")[1:], output_id=changed), [])
        self.assertEqual(self.check("package", self.good.rows("package")[1:], output_id=id_made_at(time.time())),
                         ["missing"])


class HostAudit(unittest.TestCase):
    def check(self, dataset, rows, data=None, **more):
        with data or support.Canonical() as canonical:
            answer = support.audit("audit_host.py", dataset, rows, **canonical.environment, **more)
        self.assertEqual(answer.code, 0, answer.stderr)
        return answer

    def test_the_truth_passes_and_lies_do_not(self):
        good = support.run("ingest.py")
        self.assertEqual(self.check("host", good.rows("host")).checks, [])
        for kind in ("disk", "memory", "uptime"):
            with self.subTest(kind):
                lie = [dict(r, value=r["value"] * 3 + 10e12, percent=99.9) if r["kind"] == kind else r
                       for r in good.rows("host")]
                self.assertEqual(set(self.check("host", lie).checks), {f"wrong_{kind}"})
        self.assertEqual(self.check("host", [r for r in good.rows("host") if r["kind"] != "disk"]).checks,
                         ["missing_fact"])

    def test_sockets(self):
        with socket.create_server(("127.0.0.1", 0)) as mine:
            port = mine.getsockname()[1]
            good = support.run("ingest.py").rows("socket")
            self.assertEqual(self.check("socket", good).checks, [])
            without = [r for r in good if r["port"] != port]
            with self.subTest("a new socket is no fault"):
                answer = self.check("socket", without)
                self.assertEqual(answer.checks, [])
                self.assertIn("newer", answer.of("journal")[0]["text"])
            with self.subTest("one that was canonical before and still is there, is missing"):
                self.assertEqual(self.check("socket", without, support.Canonical(socket=good)).checks,
                                 ["missing_socket"])
            with self.subTest("one whose process is older than the reading, is missing"):
                self.assertEqual(
                    self.check("socket", without, output_id=id_made_at(time.time())).checks,
                    ["missing_socket"] if process_age_s() > 60 else [])
            with self.subTest("the same socket under another address is a lie"):
                lie = [dict(r, port=r["port"] ^ 1) if r["port"] == port else r for r in good]
                self.assertEqual(self.check("socket", lie).checks, ["missing_socket"])
            wild = [dict(r, scope="wildcard") if r["port"] == port else r for r in good]
            self.assertEqual(self.check("socket", wild).checks, ["wrong_scope"])
        with self.subTest("one that was closed since is no fault"):
            self.assertEqual(self.check("socket", good).checks, [])


def process_age_s():
    with open("/proc/self/stat", encoding="ascii") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


class Clock(unittest.TestCase):
    def test_pulse(self):
        row = support.run("pulse.py", agent="ceo.ops.pulse").rows("pulse")[0]
        check = lambda rows: support.audit("audit_clock.py", "pulse", rows, worker="ceo.ops.pulse").checks
        self.assertEqual(check([row]), [])
        self.assertEqual(check([]), ["empty"])
        self.assertEqual(check([dict(row, observed_s=row["observed_s"] + 60, host="elsewhere")]), ["clock"])
        self.assertEqual(check([dict(row, observed_s=row["observed_s"] - 3600, host="elsewhere")]), ["clock"])
        self.assertEqual(check([dict(row, uptime_s=row["uptime_s"] / 2)]), ["uptime"])
        self.assertEqual(check([dict(row, load15=row["load15"] + 500)]), ["load"])
        self.assertEqual(check([dict(row, load1=-1)]), ["implausible"])
        self.assertEqual(check([dict(row, host="elsewhere", uptime_s=5)]), [])


class Text(unittest.TestCase):
    def test_every_program_is_executable_and_named_in_the_config(self):
        with open(os.path.join(support.PROGRAMS, "../fleetwatch.yaml"), encoding="utf-8") as file:
            config = file.read()
        for program in sorted(p for p in os.listdir(support.PROGRAMS) if p.endswith(".py")):
            with self.subTest(program):
                self.assertTrue(os.access(os.path.join(support.PROGRAMS, program), os.X_OK))
                self.assertIn(f"[./fleetwatch/{program}]", config)

    def test_auditors_share_no_parser_with_workers(self):
        for program in sorted(p for p in os.listdir(support.PROGRAMS) if p.startswith("audit_")):
            with open(os.path.join(support.PROGRAMS, program), encoding="utf-8") as file:
                imported = {name.strip() for line in file if line.startswith("from lib import")
                            for name in line.split("import")[1].split(",")}
            self.assertLessEqual(imported, {"canonical", "contract", "witness"}, program)
        with open(os.path.join(support.PROGRAMS, "lib/witness.py"), encoding="utf-8") as file:
            self.assertEqual([line for line in file if line.startswith("from lib")], ["from lib import contract\n"])

    def test_unreadable_canonical_data_is_a_failure_not_a_pass(self):
        answer = support.audit("audit_score.py", "action", [], CADRE_BIN="/bin/false")
        self.assertEqual((answer.code, answer.response), (1, None))
        self.assertEqual(support.run("digest.py").code, 1)


if __name__ == "__main__":
    unittest.main()
