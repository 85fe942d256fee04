"""The reference page: what is checked in is what the program prints, and no name that a controller reads or writes is left out.

Run by ctest with the path of rbg-manager; prints Check's summary line.
"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lib"))
import summary  # noqa: E402

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MANAGER = sys.argv[1]

# Words of Kubernetes' own API and of HTTP that the controllers use.
KUBERNETES = set("""
    Always Apply Background ContainerCreating ContainersReady Delete Error Failed False Initialized Lifecycle Never Normal OnFailure
    Pending PodInitializing PodScheduled Running Succeeded True Unknown Warning
""".split())
# Members of the lifecycle annotation of readiness gates (user agent and key name).
KEYS = {"InstanceReady"}


def text(path):
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)


def controllers():
    return {p.relative_to(ROOT).as_posix(): text(p) for p in sorted((ROOT / "src/controller").rglob("*.c"))}


def rows(kind):
    """First arguments of the rows LABEL(...), EVENT(...) of names_table.c."""
    return re.findall(rf'^    {kind}\(("[^"]+"|\w+)', text(ROOT / "src/common/api/names_table.c"), re.M)


def pages():
    """All of them, as one text."""
    return "".join(p.read_text() for p in [DOCS / "reference.md", *sorted((DOCS / "reference").glob("*.md"))])


class Reference(unittest.TestCase):
    maxDiff = None

    def test_checked_in_pages_are_what_the_program_prints(self):
        printed = subprocess.run([MANAGER, "--print-reference"], check=True, capture_output=True, text=True).stdout
        self.assertGreater(printed.count("\n"), 500)
        parts = re.split(r"^<!-- file: (.*) -->\n", printed, flags=re.M)[1:]
        wanted = dict(zip(parts[::2], parts[1::2]))
        found = {p.relative_to(ROOT).as_posix(): p.read_text() for p in [DOCS / "reference.md", *(DOCS / "reference").glob("*")]}
        self.assertEqual([file for file in wanted.keys() | found.keys() if wanted.get(file) != found.get(file)], [],
                         "these pages are out of date: run hack/generate.sh")

    def test_labels_and_annotations_have_one_row_each(self):
        defined = re.findall(r"^#define ([LA]_\w+)", (ROOT / "include/api/names.h").read_text(), re.M)
        self.assertGreater(len(defined), 40)
        self.assertEqual(sorted(defined), sorted(rows("LABEL") + rows("ANNOTATION")),
                         "names.h and src/common/api/names_table.c must name the same labels and annotations")

    def test_words_of_the_controllers_are_on_the_page(self):
        known = KUBERNETES | KEYS | set(re.findall(r"\w+", pages()))
        unknown = {f"{path}: {word}" for path, code in controllers().items()
                   for word in re.findall(r'"([A-Z][a-z]+[A-Za-z]*)"', code) if word not in known}
        self.assertEqual(sorted(unknown), [], "add a row to src/common/api/names_table.c, then run hack/generate.sh")

    def test_reasons_and_events_on_the_page_are_given(self):
        code = "".join(controllers().values())
        given = set(re.findall(r'"(\w+)"', code))
        stale = [r for r in rows("REASON") + rows("EVENT") if r.strip('"') not in given]
        self.assertEqual(stale, [], "these rows of src/common/api/names_table.c name what no controller gives")

    def test_every_event_that_is_written_has_a_row(self):
        events = set()
        for code in controllers().values():
            events.update(re.findall(r'\baction_on_ok\([^;"]*"(\w+)"', code))
            events.update(re.findall(r'\baction_on_fail\([^;"]*"(\w+)"', code))
            events.update(re.findall(r'\bplan_event\([^;"]*"(?:Normal|Warning)", "(\w+)"', code))
            events.update(re.findall(r'\b(?:role_problem\(\w+, \w+|plan_invalid\(&\w+), "(\w+)"', code))
        self.assertGreater(len(events), 10)
        missing = events - {r.strip('"') for r in rows("EVENT")}
        self.assertEqual(sorted(missing), [], "add EVENT rows to src/common/api/names_table.c")


summary.main()
