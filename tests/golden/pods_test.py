"""The rows of tests/e2e/whole_api_pods.py without a cluster: each broken template is refused, each odd one is taken. That a real
API server says the same of a Deployment is shown in tests/e2e/test_whole_api_pods.py.

Run by ctest with the path of rbg-manager; prints Check's summary line.
"""
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / d) for d in ("lib", "e2e")]
import summary  # noqa: E402
from whole_api_pods import BROKEN, ODD, SOONER, component, standalone  # noqa: E402

RBG = Path(sys.argv[1]).parent / "kubectl-rbg"
MAKERS = {"standalone": standalone, "component": component}


def documents(templates):
    """One group for each template and each way of writing it."""
    for i, template in enumerate(templates):
        for how, make in MAKERS.items():
            _, group = make(template)
            group["metadata"] = {"name": f"row-{i}-{how}", "namespace": "default"}
            yield group


def refused(rows):
    """{name of a row: [ways in which it is refused]}"""
    names = list(rows)
    stream = "\n---\n".join(json.dumps(d) for d in documents(rows[n] for n in names))
    done = subprocess.run([RBG, "lint", "-f", "-"], input=stream, capture_output=True, text=True)
    found = {name: set() for name in names}
    for line in done.stderr.splitlines() + done.stdout.splitlines():
        row = line.partition("RoleBasedGroup/row-")[2].partition(":")[0]
        if not row or "warning" in line.lower():
            continue
        number, how = row.split("-")
        found[names[int(number)]].add(how)
    return {name: sorted(ways) for name, ways in found.items()}


class Pods(unittest.TestCase):
    def test_broken_templates_are_refused(self):
        found = refused(BROKEN)
        self.assertGreater(len(found), 200)
        self.assertEqual({n: w for n, w in found.items() if w != sorted(MAKERS)}, {})

    def test_odd_templates_are_taken(self):
        found = refused(ODD)
        self.assertGreater(len(found), 50)
        self.assertEqual({n: w for n, w in found.items() if w}, {})

    def test_groups_differ_on_purpose(self):
        found = refused({name: template for name, (template, _) in SOONER.items()})
        wanted = {name: sorted(how for how, taken in zip(MAKERS, both[1:]) if not taken) for name, (_, both) in SOONER.items()}
        self.assertEqual(found, wanted)


summary.main()
