"""What the benchmarks of the writer share: building and calling bench_storage, medians, tables."""
import json
import os
import signal
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.join(ROOT, "build", "release", "bench", "bench_storage")
RUN_S_MAX = 900

sys.path.insert(0, os.path.join(ROOT, "tests", "bench", "queues"))


def build(program="bench_storage"):
    done = subprocess.run([os.path.join(ROOT, "deploy", "build"), "release", program], stdout=sys.stderr,
                          check=False)
    if done.returncode:
        sys.exit(done.returncode)


def run(server_url, *words, program="bench_storage"):
    """One call of a program of ours against a superuser's URL; what it measured."""
    done = subprocess.run([os.path.join(os.path.dirname(BINARY), program), *map(str, words)], capture_output=True, text=True, timeout=RUN_S_MAX,
                          env={**os.environ, "CADRE_TEST_POSTGRES": server_url}, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"bench: {program} {' '.join(map(str, words))} exited {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def end_on_sigterm():
    """Ends as with Ctrl-C, so that the servers end with us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def say(line):
    print(line, file=sys.stderr, flush=True)


class Figures:
    """What was measured, by name: one number a round."""

    def __init__(self):
        self.seen = {}

    def add(self, name, number):
        self.seen.setdefault(name, []).append(number)
        say(f"  {name}: {number:,.4g}")

    def median(self, name):
        return statistics.median(self.seen[name])

    def summary(self):
        return {name: {"median": statistics.median(all_), "min": min(all_), "max": max(all_), "rounds": len(all_)}
                for name, all_ in self.seen.items()}

    def ratios(self, pairs):
        """`pairs`: name -> (ours, theirs), of figures that both were measured."""
        return {name: round(self.median(ours) / self.median(theirs), 2)
                for name, (ours, theirs) in pairs.items() if ours in self.seen and theirs in self.seen}

    def cell(self, name):
        """For a table: the median and the spread; empty if it was not measured."""
        if name not in self.seen:
            return ""
        all_ = self.seen[name]
        least, middle, most = (short(n) for n in (min(all_), statistics.median(all_), max(all_)))
        return middle if len(all_) == 1 else f"{middle} ({least} to {most})"

    def report(self, ratios, as_json, tables=None):
        """`tables`: text to print instead of every figure; those of README.md."""
        if as_json:
            print(json.dumps({"figures": self.summary(), "ratio": ratios}, indent=1))
            return
        if tables:
            print("\n\n".join(tables))
            return
        print("| what | median | least | most | rounds |\n|---|---|---|---|---|")
        for name, s in self.summary().items():
            print(f"| {name} | {s['median']:,.4g} | {s['min']:,.4g} | {s['max']:,.4g} | {s['rounds']} |")
        print("\n| ratio of medians | |\n|---|---|")
        for name, ratio in ratios.items():
            print(f"| {name} | {ratio} |")


def short(number):
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def table(head, *rows):
    """Markdown; `head` and each row are lists of cells, short rows are filled up."""
    full = [head, *([*row, *[""] * (len(head) - len(row))] for row in rows)]
    lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in full]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
