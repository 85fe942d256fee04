#!/usr/bin/env python3
"""Puts the files of the image together: DIR/base (linker, libraries, CA certificates, users) and
DIR/program (the manager). Which libraries: those that the program and they themselves name as
NEEDED, read from the ELF files, so that it works for a foreign architecture too.

DIR/packages.json says which Debian packages they are from; so does var/lib/dpkg/status.d in the image, where scanners look."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

import packages  # beside this file

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import hardening  # noqa: E402 - one directory above

UID = 65532
FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{UID}:{UID}:nonroot:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{UID}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
CA = "etc/ssl/certs/ca-certificates.crt"  # made from what the package brings
CA_OWNED = "usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt"


def needed(path):
    """The sonames that an ELF file needs, and its interpreter or None."""
    text = subprocess.run(["readelf", "--wide", "--dynamic", "--program-headers", path], check=True,
                          stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    interpreter = re.search(r"\[Requesting program interpreter: (.*)\]", text)
    return (re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", text),
            interpreter and interpreter.group(1))


def library(soname, directories):
    for directory in directories:
        path = os.path.join(directory, soname)
        if os.path.exists(path):
            return path
    sys.exit(f"rootfs.py: {soname} is not in {' '.join(directories)}")


def closure(program, directories):
    """soname -> file, of everything that the program loads at its start."""
    found, queue = {}, needed(program)[0]
    while queue:
        soname = queue.pop()
        if soname not in found:
            found[soname] = library(soname, directories)
            queue += needed(found[soname])[0]
    return found


def put(source, target, mode):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(os.path.realpath(source), target)
    os.chmod(target, mode)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--sysroot", required=True)
    parser.add_argument("--triplet", required=True)
    parser.add_argument("--strip", required=True)
    parser.add_argument("directory")
    o = parser.parse_args()
    base, program = (os.path.join(o.directory, d) for d in ("base", "program"))
    # In this order: where /lib is no link to usr/lib, what is needed to boot is in /lib.
    directories = [os.path.join(o.sysroot, d, o.triplet) for d in ("lib", "usr/lib")]

    faults = list(hardening.faults(o.program))
    if faults:
        sys.exit("".join(f"rootfs.py: {o.program} {fault}\n" for fault in faults))
    manager = os.path.join(program, "manager")
    put(o.program, manager, 0o755)
    subprocess.run([o.strip, "--strip-all", manager], check=True)
    interpreter = needed(manager)[1].lstrip("/")
    libraries = closure(manager, directories)
    linker = libraries.pop(os.path.basename(interpreter), None) or library(
        os.path.basename(interpreter), directories)
    ca = os.path.join(o.sysroot, CA)
    found = packages.of(o.sysroot, [linker, *libraries.values(), os.path.join(o.sysroot, CA_OWNED)])
    put(linker, os.path.join(base, interpreter), 0o755)
    for soname, path in libraries.items():
        target = os.path.join(base, "lib", o.triplet, soname)
        put(path, target, 0o644)
        subprocess.run([o.strip, "--strip-unneeded", target], check=True)
    put(ca, os.path.join(base, CA), 0o644)
    packages.write_status(base, found)
    with open(os.path.join(o.directory, "packages.json"), "w", encoding="utf-8") as f:
        json.dump(found, f, indent=1, sort_keys=True)
    for name, text in {**FILES, **packages.RELEASE}.items():
        with open(os.path.join(base, name), "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(os.path.join(base, name), 0o644)
    print(f"image: {len(libraries)} libraries and the linker", file=sys.stderr)


main()
