"""Runs a script's unittest cases and ends with the line that Check prints, which hack/test.sh counts."""
import sys
import unittest


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    bad = len(result.failures) + len(result.errors)
    percent = 100 * (result.testsRun - bad) // max(result.testsRun, 1)
    print(f"{percent}%: Checks: {result.testsRun}, Failures: {len(result.failures)}, Errors: {len(result.errors)}")
    sys.exit(bad > 0 or result.testsRun == 0)
