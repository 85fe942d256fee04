"""The rules that no compiler checks: which layer may include which, what interfaces keep to themselves, how long a file
and how wide a line may be, where braces stand.

The arrows are those of docs/architecture.md. A layer may also include itself. Run by ctest; prints Check's summary line.
"""
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lib"))
import summary  # noqa: E402

ROOT = Path(__file__).parents[2]
ARROWS = {
    "base": "",
    "doc": "base",
    "kube": "doc base",
    "api": "doc base",
    "serve": "doc base",
    "webhook": "api serve doc base",
    "controller": "api kube doc base",
    "sim": "controller webhook api doc base",
    "manager": "controller webhook api kube serve doc base",
    "cli": "sim controller webhook api kube serve doc base",
}
PRIVATE = re.compile(r"^(curl/|microhttpd|gnutls/|yaml\.h|json-c/)")  # libraries that no interface shows
LONGEST, WIDEST = 800, 132
GENERATED = "generated"  # the folder of sources that a program prints
LONE_BRACE = re.compile(r"\)\n\{\n")  # of a function, which belongs to the line before
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def sources():
    return sorted(p for d in ("src", "include") for p in (ROOT / d).rglob("*") if p.suffix in (".c", ".h"))


def tests():
    return sorted(p for p in (ROOT / "tests").rglob("*") if p.suffix in (".c", ".h"))


def written():
    """Those that people write, the tests too."""
    return [p for p in sources() if p.parent.name != GENERATED] + tests()


def name(path):
    return path.relative_to(ROOT).as_posix()


def layer(path):
    """The layer that a file of this tree belongs to; None if it is in no layer's folder."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "include" or parts[:2] == ("src", "common"):
        found = parts[1] if parts[0] == "include" else parts[2]
    else:
        found = parts[1]
    return found if found in ARROWS else None


def resolve(path, wanted):
    """The file that `#include "wanted"` in path means, searched as the compiler does it."""
    for folder in (path.parent, ROOT / "include", ROOT / "src"):
        if (folder / wanted).is_file():
            return (folder / wanted).resolve()
    return None


def broken(path, text):
    """What is wrong with the includes of a file: a list of sentences."""
    mine, out = layer(path), []
    for quoted, library in INCLUDE.findall(text):
        if library:
            if path.is_relative_to(ROOT / "include") and PRIVATE.match(library):
                out.append(f"{name(path)}: an interface includes <{library}>; keep it to the .c files")
            continue
        target = resolve(path, quoted)
        other = layer(target) if target else None
        if not other:
            out.append(f'{name(path)}: "{quoted}" is no file of this tree')
        elif other != mine and other not in ARROWS[mine].split():
            out.append(f'{name(path)}: {mine} may not include {other} ("{quoted}"); it may: {ARROWS[mine] or "nothing"}')
    return out


class Layers(unittest.TestCase):
    maxDiff = None

    def test_every_file_is_in_a_layer(self):
        self.assertGreater(len(sources()), 100)  # the walk found the tree
        self.assertGreater(len(tests()), 60)
        self.assertEqual([name(p) for p in sources() if not layer(p)], [])

    def test_includes_follow_the_arrows(self):
        self.assertEqual([b for p in sources() for b in broken(p, p.read_text())], [])

    def test_the_arrows_have_no_cycle(self):
        order = list(ARROWS)  # lower layers come first
        for at, allowed in ARROWS.items():
            for to in allowed.split():
                self.assertLess(order.index(to), order.index(at), f"{at} -> {to}")

    def test_forbidden_includes_are_found(self):
        self.assertEqual(len(broken(ROOT / "include/base/str.h", '#include "doc/json.h"\n')), 1)
        self.assertEqual(len(broken(ROOT / "src/common/api/kinds.c", '#include "kube/client.h"\n')), 1)
        self.assertEqual(len(broken(ROOT / "src/webhook/webhook.c", '#  include "controller/core/plan.h"\n')), 1)
        self.assertEqual(len(broken(ROOT / "include/kube/client.h", "#include <curl/curl.h>\n")), 1)
        self.assertEqual(len(broken(ROOT / "src/cli/main.c", '#include "manager/print.h"\n')), 1)
        self.assertEqual(len(broken(ROOT / "src/common/kube/client.c", '#include "no/such.h"\n')), 1)
        self.assertEqual(broken(ROOT / "src/common/kube/client.c", '#include <curl/curl.h>\n#include "doc/json.h"\n'), [])

    def test_files_are_of_readable_length(self):
        lengths = {name(p): p.read_text().count("\n") for p in written()}
        self.assertEqual({n: c for n, c in lengths.items() if c > LONGEST}, {})

    def test_lines_are_of_readable_width(self):
        wide = [f"{name(p)}:{i}" for p in written()
                for i, line in enumerate(p.read_text().splitlines(), 1) if len(line) > WIDEST]
        self.assertEqual(wide, [])

    def test_braces_are_written_in_one_way(self):
        self.assertEqual([name(p) for p in sources() + tests() if LONE_BRACE.search(p.read_text())], [])


summary.main()
