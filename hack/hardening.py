#!/usr/bin/env python3
"""Fails when a program is not built as it has to be shipped. Reads the ELF file itself: no other tool is needed.

  hack/hardening.py PROGRAM...

Each must be position independent, with read-only relocations that are bound at the start, no executable stack, no code that is
writable, no path of its own to look for libraries in; it must call the stack protector and the C library's checking functions,
and on x86 its functions must begin with endbr64. That stacks are probed and variables zeroed can't be seen in a file: where
PROGRAM's directory has a compile_commands.json, its flags are looked at."""

import json
import os
import struct
import sys

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 3, 0x6474E551, 0x6474E552
DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_RPATH, DT_TEXTREL, DT_BIND_NOW = 5, 6, 10, 15, 22, 24
DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 29, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 4, 8, 1, 0x08000000
ET_DYN, X86_64, AARCH64 = 3, 62, 183
ENDBR64 = b"\xf3\x0f\x1e\xfa"
# Every way in from outside has one: the functions whose address is taken are some hundreds.
ENDBR64_MIN = 100
FLAGS = ("-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3")


class Elf:
    """A 64-bit little-endian ELF file: what the loader sees of it."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("is not a 64-bit little-endian ELF file")
        self.type, self.machine = struct.unpack_from("<HH", self.data, 16)
        at, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        # type, flags, offset, vaddr, paddr, filesz, memsz, align
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.data, at + i * size) for i in range(count)]
        self.dynamic = list(self._dynamic())
        self.tags = dict(self.dynamic)

    def segment(self, kind):
        return next((s for s in self.segments if s[0] == kind), None)

    def _dynamic(self):
        segment = self.segment(PT_DYNAMIC)
        for at in range(segment[2], segment[2] + segment[5], 16) if segment else ():
            tag, value = struct.unpack_from("<QQ", self.data, at)
            if tag == 0:
                return
            yield tag, value

    def _offset(self, address):
        for kind, _, offset, start, _, size, _, _ in self.segments:
            if kind == PT_LOAD and start <= address < start + size:
                return offset + address - start
        raise ValueError(f"has nothing at {address:#x}")

    def names(self):
        """The dynamic symbols' names: what it takes from libraries is among them."""
        start, size = self._offset(self.tags[DT_STRTAB]), self.tags[DT_STRSZ]
        return {n.decode() for n in self.data[start:start + size].split(b"\0")}

    def code(self):
        return b"".join(self.data[s[2]:s[2] + s[5]] for s in self.segments if s[0] == PT_LOAD and s[1] & 1)


def faults(path):
    """What is missing, each as half a sentence."""
    elf = Elf(path)
    flags, flags_1 = elf.tags.get(DT_FLAGS, 0), elf.tags.get(DT_FLAGS_1, 0)
    stack, names = elf.segment(PT_GNU_STACK), elf.names()
    if elf.type != ET_DYN or not flags_1 & DF_1_PIE or not elf.segment(PT_INTERP):
        yield "is not position independent (-pie)"
    if not elf.segment(PT_GNU_RELRO):
        yield "has no read-only relocations (-z relro)"
    if not (DT_BIND_NOW in elf.tags or flags & DF_BIND_NOW or flags_1 & DF_1_NOW):
        yield "binds functions late (-z now)"
    if not stack or stack[1] & 1:
        yield "has an executable stack"
    if any(s[0] == PT_LOAD and s[1] & 1 and s[1] & 2 for s in elf.segments):
        yield "has code that is writable"
    if DT_TEXTREL in elf.tags or flags & DF_TEXTREL:
        yield "has relocations in its code"
    if DT_RPATH in elf.tags or DT_RUNPATH in elf.tags:
        yield "has a path of its own for libraries (RPATH)"
    if "__stack_chk_fail" not in names:
        yield "has no stack protector (-fstack-protector-strong)"
    if not any(n.endswith("_chk") and n != "__stack_chk_fail" for n in names):
        yield "calls none of the checking functions (-D_FORTIFY_SOURCE)"
    if elf.machine == X86_64 and elf.code().count(ENDBR64) < ENDBR64_MIN:
        yield "has functions without endbr64 (-fcf-protection=full)"
    yield from missing_flags(path, elf.machine)


def missing_flags(path, machine):
    """Of the commands that compiled the project's own sources."""
    commands = os.path.join(os.path.dirname(os.path.abspath(path)), "compile_commands.json")
    if not os.path.exists(commands):
        return
    with open(commands, encoding="utf-8") as f:
        rows = json.load(f)
    for flag in FLAGS + (("-fcf-protection=full",) if machine == X86_64 else ()):
        without = [row["file"] for row in rows if flag not in row["command"].split()]
        if without:
            yield f"is compiled without {flag}: {without[0]} and {len(without) - 1} more files"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    bad = 0
    for path in sys.argv[1:]:
        try:
            found = list(faults(path))
        except (OSError, ValueError, struct.error) as e:
            found = [str(e)]
        for fault in found:
            print(f"{path} {fault}", file=sys.stderr)
        bad += bool(found)
        if not found:
            print(f"{path} is hardened")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
