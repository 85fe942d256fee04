#!/usr/bin/env python3
"""Every link between the pages leads somewhere: to a file of the repository, and to a heading where it names one."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import summary

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")


def pages():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], check=False,
                            stdout=subprocess.PIPE, text=True)
    return listed.stdout.split() or ["README.md"]


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        return CODE.sub("", f.read())


def links(text):
    return [a or b for a, b in LINK.findall(text)]


def anchors(page):
    """As GitHub makes them of headings: lower case, no punctuation, hyphens for spaces."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        text = re.sub(r"^```.*?^```$", "", f.read(), flags=re.M | re.S)
    found = set()
    for heading in re.findall(r"^#+ +(.*?) *$", text, re.M):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.add(name if name not in found else next(f"{name}-{n}" for n in range(1, 99) if f"{name}-{n}" not in found))
    return found


def problem(page, link):
    if re.match(r"[a-z]+:", link):
        return None
    path, _, anchor = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    if not os.path.exists(os.path.join(ROOT, target)):
        return f"{target} does not exist"
    if anchor and (not target.endswith(".md") or anchor not in anchors(target)):
        return f"{target} has no heading #{anchor}"
    return None


class Links(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        wrong = [f"{page}: {link}: {problem(page, link)}" for page in pages() for link in links(read(page)) if problem(page, link)]
        self.assertEqual(wrong, [])

    def test_a_link_to_nothing_is_found(self):
        self.assertEqual(links("[a](b.md) `[c](d.md)`\n<img src=\"e.svg\">"), ["b.md", "d.md", "e.svg"])
        self.assertIsNotNone(problem("README.md", "docs/nothing.md"))
        self.assertIsNotNone(problem("README.md", "docs/install.md#nothing"))
        self.assertIsNone(problem("docs/install.md", "../README.md#what-it-is"))
        self.assertIsNone(problem("docs/install.md", "https://example.com/"))

    def test_there_are_pages(self):
        self.assertIn("docs/install.md", pages())


summary.main()
