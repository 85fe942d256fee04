#!/usr/bin/env python3
"""The lists of what is in the image: its SPDX document, and what scanners find in /var/lib/dpkg/status.d."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "hack", "image"))
import packages  # noqa: E402 - from hack/image

DIGEST = "sha256:" + "ab" * 32


def libc():
    listed = subprocess.run(["ldd", sys.executable], check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(line.split()[2] for line in listed.splitlines() if "libc.so.6" in line)


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.found = packages.of("/", [libc()])

    def test_a_library_leads_to_its_package(self):
        self.assertEqual(list(self.found), ["libc6"])
        self.assertRegex(self.found["libc6"]["Version"], r"^[0-9.]+-")

    def test_extracted_packages_are_known_by_their_lists(self):
        with tempfile.TemporaryDirectory() as top:
            os.makedirs(os.path.join(top, "packages"))
            os.makedirs(os.path.join(top, "usr/lib/x"))
            files = {"packages/liby.control": "Package: liby\nVersion: 1:2+b1\nArchitecture: arm64\nDescription: y\n more\n",
                     "packages/liby.list": "/\n/lib/x/liby.so.1\n", "usr/lib/x/liby.so.1": ""}
            for name, text in files.items():
                with open(os.path.join(top, name), "w", encoding="ascii") as f:
                    f.write(text)
            found = packages.of(top, [os.path.join(top, "usr/lib/x/liby.so.1")])
            self.assertEqual(found["liby"]["Version"], "1:2+b1")
            self.assertIn("pkg:deb/debian/liby@1%3A2%2Bb1?arch=arm64&distro=debian-12", str(packages.debian_package(found["liby"])))

    def test_scanners_find_the_packages(self):
        with tempfile.TemporaryDirectory() as base:
            packages.write_status(base, self.found)
            with open(os.path.join(base, packages.STATUS, "libc6"), encoding="utf-8") as f:
                lines = f.read().splitlines()
            self.assertIn("Package: libc6", lines)
            self.assertIn("Status: install ok installed", lines)
            self.assertIn(f"Version: {self.found['libc6']['Version']}", lines)
            self.assertIn("Source: glibc", lines)

    def test_the_document_is_whole(self):
        def document():
            return packages.spdx("repo/image:1", DIGEST, "1.2.3", "abc1234", "2026-01-01T00:00:00Z", __file__, self.found)

        d = document()
        self.assertEqual(d, document(), "the same image, the same document")
        for key in ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"):
            self.assertTrue(d[key], key)
        ids = [p["SPDXID"] for p in d["packages"]]
        self.assertEqual(len(ids), len(set(ids)))
        for p in d["packages"]:
            self.assertRegex(p["SPDXID"], r"^SPDXRef-[A-Za-z0-9.-]+$")
            for key in ("name", "versionInfo", "downloadLocation"):
                self.assertTrue(p[key], key)
        for r in d["relationships"]:
            self.assertIn(r["spdxElementId"], ids + ["SPDXRef-DOCUMENT"])
            self.assertIn(r["relatedSpdxElement"], ids)
        kinds = {(r["relationshipType"], r["relatedSpdxElement"]) for r in d["relationships"]}
        self.assertIn(("DESCRIBES", "SPDXRef-image"), kinds)
        self.assertIn(("CONTAINS", "SPDXRef-deb-libc6"), kinds)
        self.assertIn(("DYNAMIC_LINK", "SPDXRef-deb-libc6"), kinds)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
