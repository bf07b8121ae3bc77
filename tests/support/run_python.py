"""run_python.py FOLDER REPORT [-k NAME]: runs FOLDER/test_*.py with unittest and writes `PASSED FAILED` to REPORT."""
import sys
import unittest


def main(folder: str, report: str, options: list[str]) -> int:
    loader = unittest.TestLoader()
    if options[:1] == ["-k"]:
        loader.testNamePatterns = [f"*{options[1]}*"]
    result = unittest.TextTestRunner(verbosity=2).run(loader.discover(folder))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed - len(result.skipped)
    with open(report, "w", encoding="ascii") as out:
        out.write(f"{max(passed, 0)} {failed}\n")
    return 1 if failed else 0


sys.dont_write_bytecode = True
sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
