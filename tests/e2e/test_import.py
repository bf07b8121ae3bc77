"""Many tasks at once: `task import`, and `task cancel` and `task retry` by filter."""
import json
import os
import pty
import signal
import subprocess

import company
from company import BINARY, COMMAND_S, Company, SharedCompanyCase, wait_for

MINIMAL = os.path.join(company.ROOT, "config", "examples", "minimal.yaml")
AGENT = "ceo.data.disks"
LATER = "2099-01-01T00:00:00Z"  # Tasks of this time stay queued.


def json_lines(title, count, **more):
    return [json.dumps({"title": f"{title} {n}", "run_after": LATER, "payload": {"n": n}, **more})
            for n in range(1, count + 1)]


class Import(SharedCompanyCase):
    @classmethod
    def make(cls):
        with open(MINIMAL, encoding="utf-8") as file:
            return Company(file.read())

    def file(self, name, lines):
        return self.c.write(name, "".join(line + "\n" for line in lines))

    def count(self, where):
        return self.c.value(f"SELECT count(*) FROM cadre.task WHERE {where}")

    def piped(self, text, *args):
        return subprocess.run([BINARY, *args, "--state", self.c.state], input=text, capture_output=True, text=True,
                              timeout=COMMAND_S * company.SLOWNESS, check=False)

    def test_bad_lines_are_named_and_the_rest_is_there_once(self):
        lines = json_lines("many", 2000)
        lines[2] = '{"titel":"x"}'
        lines[699] = '{"title":'
        lines[1999] = '{"agent":"ceo.data.nobody","title":"many"}'
        path = self.file("many.jsonl", lines)
        done = self.c.run("task", "import", path, "--agent", AGENT, code=1)
        self.assertEqual(done.stdout, "1,997 added, 3 refused\n")
        errors = done.stderr.splitlines()
        self.assertEqual(len(errors), 3, done.stderr)
        self.assertTrue(errors[0].startswith(f"{path}:3: titel: there is no such field; did you mean `title`?"), errors)
        self.assertTrue(errors[1].startswith(f"{path}:700: not JSON: it goes wrong at byte 10"), errors)
        self.assertTrue(errors[2].startswith(f"{path}:2000: "), errors)
        self.assertIn("ceo.data.nobody", errors[2])
        self.assertEqual(self.count("title LIKE 'many %' AND status = 'queued'"), 1997)
        self.assertEqual(self.c.value("SELECT count(DISTINCT title) FROM cadre.task WHERE title LIKE 'many %'"), 1997)

        again = json.loads(self.c.run("task", "import", path, "--agent", AGENT, "--json", code=1).stdout)
        self.assertEqual((again["added"], again["there_already"], again["refused_count"]), (0, 1997, 3))
        self.assertEqual([r["line"] for r in again["refused"]], [3, 700, 2000])

        lines[2], lines[699], lines[1999] = json_lines("mended", 3)
        mended = self.c.run("task", "import", self.file("many.jsonl", lines), "--agent", AGENT)
        self.assertEqual(mended.stdout, "3 added, 1,997 were there already\n")
        self.assertEqual(self.count("title LIKE 'many %'"), 1997)

    def test_atomic_sends_all_or_nothing(self):
        bad = {"syntax": "{", "field": '{"prio":1}', "agent": '{"agent":"ceo.data.disk"}', "mode": '{"mode":"nobodys"}'}
        for name, line in bad.items():
            with self.subTest(name=name):
                path = self.file("atomic.jsonl", [*json_lines("atomic", 600, agent=AGENT), line])
                done = self.c.run("task", "import", "--atomic", path, code=1)
                self.assertEqual(done.stdout, "nothing was sent: 1 refused\n")
                self.assertIn(f"{path}:601: ", done.stderr)
                self.assertEqual(self.count("title LIKE 'atomic %'"), 0)
        done = self.piped("\n".join(json_lines("atomic", 600, agent=AGENT)), "task", "import", "-", "--atomic")
        self.assertEqual((done.returncode, done.stdout), (0, "600 added\n"), done.stderr)
        self.assertEqual(self.count("title LIKE 'atomic %'"), 600)

    def test_csv(self):
        rows = ["agent,title,payload.city,payload.note,priority,run_after",
                f'{AGENT},"csv, ""one""",Ulm,"two', f'lines",0,{LATER}',
                f"{AGENT},csv two,,,7,{LATER}", f"{AGENT},csv three,Köln,,,{LATER}"]
        path = self.file("tasks.csv", rows)
        done = self.c.run("task", "import", path, code=1)
        self.assertEqual(done.stdout, "2 added, 1 refused\n")
        self.assertTrue(done.stderr.startswith(f"{path}:4: priority: "), done.stderr)
        found = self.c.rows("SELECT title, priority, payload FROM cadre.task WHERE title LIKE 'csv%' ORDER BY priority")
        payload = {"city": "Ulm", "note": "two\nlines"}
        self.assertEqual(found, [{"title": 'csv, "one"', "priority": 0, "payload": payload},
                                 {"title": "csv three", "priority": 2, "payload": {"city": "Köln"}}])
        done = self.c.run("task", "import", self.file("other.csv", ["agent,tittle", f"{AGENT},x"]), code=1)
        self.assertEqual(done.stdout, "nothing was sent: 1 refused\n")
        self.assertIn("other.csv:1: tittle: there is no such field; did you mean `title`?", done.stderr)

    def test_stdin(self):
        text = "\n".join(json_lines("piped", 3, mode="disks"))
        for expected in ("3 added\n", "0 added, 3 were there already\n"):
            done = self.piped(text, "task", "import", "-", "--agent", AGENT)
            self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
        done = self.piped("mode,title\n", "task", "import", "-", "--format", "csv")
        self.assertEqual((done.returncode, done.stdout), (0, "0 added\n"), done.stderr)

    def test_interrupted_it_says_how_far_it_came_and_goes_on(self):
        lines = json_lines("stopped", 700, agent=AGENT)
        with subprocess.Popen([BINARY, "task", "import", "-", "--state", self.c.state], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdin.write("".join(line + "\n" for line in lines[:600]) + '{"agent":"ce')
            process.stdin.flush()
            wait_for("the first batch is in", lambda: self.count("title LIKE 'stopped %'") == 500)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(20 * company.SLOWNESS), 1)
            self.assertIn("all is in up to line 500; the same command goes on from there", process.stderr.read())
            process.stdin.close()
        done = self.piped("\n".join(lines), "task", "import", "-")
        self.assertEqual(done.stdout, "200 added, 500 were there already\n", done.stderr)

    def test_what_can_not_be_read_is_said(self):
        for path, code in ((os.path.join(self.c.folder, "nothing.jsonl"), 2), (self.c.folder, 2)):
            self.assertIn("can't read", self.c.run("task", "import", path, code=code).stderr)
        long = self.file("long.jsonl", ['{"title":"' + "x" * 720_000 + '"}', *json_lines("after", 1, agent=AGENT)])
        done = self.c.run("task", "import", long, code=1)
        self.assertEqual(done.stdout, "1 added, 1 refused\n")
        self.assertIn(f"{long}:1: the line is longer than 716800 bytes", done.stderr)
        wide = self.file("wide.jsonl", json_lines("wide", 5, agent=AGENT, depends_on=[], payload="y" * 400_000))
        self.assertEqual(self.c.run("task", "import", wide).stdout, "5 added\n")

    def test_cancel_and_retry_by_filter(self):
        path = self.file("some.jsonl", json_lines("Some", 1200, agent=AGENT))
        self.c.run("task", "import", path)
        by_filter = ("task", "cancel", "--title", "some", "--agent", AGENT)
        self.assertEqual(self.c.run(*by_filter, "--dry-run").stdout, "1,200 tasks match\n")
        done = self.c.run(*by_filter, code=2)
        self.assertIn("this would cancel 1,200 tasks: say --yes", done.stderr)
        self.assertEqual(self.count("title LIKE 'Some %' AND status = 'queued'"), 1200)
        self.assertEqual(self.c.run(*by_filter, "--yes").stdout, "1,200 cancelled\n")
        self.assertEqual(self.count("title LIKE 'Some %' AND status = 'stale'"), 1200)
        self.assertEqual(self.c.run(*by_filter, "--yes").stdout, "0 cancelled\n")

        again = ("task", "retry", "--status", "stale", "--title", "some 117")
        self.assertEqual(self.c.json(*again, "--dry-run")["matched"], 11)  # 117 and 1170 to 1179.
        self.assertIn("this would retry 11 tasks", self.c.run(*again, code=2).stderr)
        self.assertEqual(self.c.run(*again, "--yes").stdout, "11 run again\n")
        self.assertEqual(self.c.run(*again, "--yes").stdout, "0 run again\n")
        self.assertEqual(self.count("title LIKE 'Some 117%' AND retry_of IS NOT NULL"), 11)
        self.assertEqual(self.count("title LIKE 'Some %'"), 1211)

    def test_ids_and_filters_do_not_mix(self):
        for words in (["cancel"], ["retry"], ["cancel", "--status", "complete"], ["retry", "--status", "queued"],
                      ["cancel", "--status", "quued"], ["list", "--status", "opn"],
                      ["cancel", "00000000-0000-0000-0000-000000000000", "--mode", "disks"], ["cancel", "7"]):
            with self.subTest(words=words):
                self.assertTrue(self.c.run("task", *words, code=2).stderr.startswith("cadre: "))
        self.assertIn("there is no task",
                      self.c.run("task", "cancel", "00000000-0000-0000-0000-000000000000", code=1).stderr)

    def test_a_terminal_is_asked(self):
        path = self.file("asked.jsonl", json_lines("asked", 5, agent=AGENT))
        self.c.run("task", "import", path)
        words = [BINARY, "task", "cancel", "--title", "asked", "--state", self.c.state]
        for answer, left in (("n\n", 5), ("y\n", 0)):
            parent, child = pty.openpty()
            with subprocess.Popen(words, stdin=child, stdout=child, stderr=child) as process:
                os.close(child)
                os.write(parent, answer.encode())
                said = b""
                try:
                    while piece := os.read(parent, 4096):
                        said += piece
                except OSError:
                    pass
                process.wait(20 * company.SLOWNESS)
            os.close(parent)
            self.assertIn(b"cancel 5 tasks? [y/N]", said)
            self.assertEqual(self.count("title LIKE 'asked %' AND status = 'queued'"), left)

    def test_pages_of_a_list_are_the_whole(self):
        path = self.file("paged.jsonl", json_lines("Paged", 25, agent=AGENT))
        self.c.run("task", "import", path)
        seen, after = [], []
        while rows := self.c.json("task", "list", "--title", "paged", "--status", "queued,active", "--agent", AGENT,
                                  "--limit", "10", *after):
            seen += [row["id"] for row in rows]
            after = ["--after", rows[-1]["id"]]
        self.assertEqual((len(seen), len(set(seen))), (25, 25))


class Completion(company.CompanyCase):
    def test_files_are_offered_where_one_is_expected(self):
        script = ('source <("$0" completion bash); COMP_WORDS=(cadre "$@"); COMP_CWORD=$#; _cadre; '
                  'echo "${COMPREPLY[*]}"')

        def offered(*words):
            return subprocess.run(["bash", "-c", script, BINARY, *words], capture_output=True, text=True, timeout=30,
                                  stdin=subprocess.DEVNULL, check=True).stdout.split()
        self.assertIn("import", offered("task", ""))
        self.assertEqual(offered("task", "import", "back"), [])  # Then bash itself completes files.
        self.assertEqual(offered("task", "import", "--at"), ["--atomic"])
        self.assertEqual(offered("task", "import", "backlog.csv", "--fo"), ["--format"])
        self.assertEqual(offered("task", "cancel", "--dry"), ["--dry-run"])
