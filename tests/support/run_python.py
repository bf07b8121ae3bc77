"""run_python.py FOLDER REPORT REASONS [-k NAME]: runs FOLDER/test_*.py with unittest, writes `PASSED FAILED` to REPORT
and appends a line for each failure, what failed and why, to REASONS.

SIGTERM, which is how a time limit ends it, fails the test that runs, lets it clean up, and starts no other."""
import signal
import sys
import unittest

REASON_CHARS = 300


class TimeIsUp(Exception):
    pass


class Result(unittest.TextTestResult):
    def startTestRun(self):
        super().startTestRun()
        signal.signal(signal.SIGTERM, self.end)

    def end(self, *_):
        self.stop()
        raise TimeIsUp("the time limit of the suite")


def reason(traceback: str) -> str:
    """The line with the exception, which stands after the last frames; its message may go on for pages."""
    frames = traceback.rpartition("Traceback (most recent call last):")[2]
    lines = [line for line in frames.splitlines() if line and not line.startswith(" ")]
    return (lines[0] if lines else "no reason given")[:REASON_CHARS]


def main(folder: str, report: str, reasons: str, options: list[str]) -> int:
    loader = unittest.TestLoader()
    if options[:1] == ["-k"]:
        loader.testNamePatterns = [f"*{options[1]}*"]
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(loader.discover(folder))
    broken = [(test.id(), reason(trace)) for test, trace in result.failures + result.errors]
    broken += [(test.id(), "was expected to fail, and passed") for test in result.unexpectedSuccesses]
    passed = result.testsRun - len(broken) - len(result.skipped)
    with open(report, "w", encoding="ascii") as out:
        out.write(f"{max(passed, 0)} {len(broken)}\n")
    with open(reasons, "a", encoding="utf-8", errors="replace") as out:
        out.writelines(f"{name}: {why}\n" for name, why in broken)
    return 1 if broken else 0


sys.dont_write_bytecode = True
sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
