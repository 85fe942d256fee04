#!/usr/bin/env python3
"""hack/hardening.py finds each thing that a program may lack: every row is a program that lacks just that."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "hack"))
import hardening  # noqa: E402 - from hack/

# Many functions whose address is taken, a copy of unknown length, an array on the stack.
SOURCE = """
#include <stdio.h>
#include <string.h>
%s
int (*volatile all[])(int) = {%s};
int main(int argc, char **argv) {
    char text[64];
    strcpy(text, argv[0]);
    printf("%%s %%d\\n", text, all[argc](argc));
    return 0;
}
""" % ("\n".join(f"static int f{i}(int n) {{ return n + {i}; }}" for i in range(120)), ", ".join(f"f{i}" for i in range(120)))
GOOD = ["-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fPIE", "-pie", "-Wl,-z,relro,-z,now"]
X86 = os.uname().machine == "x86_64"
CET = ["-fcf-protection=full"] if X86 else []


def build(where, flags):
    source, program = os.path.join(where, "p.c"), os.path.join(where, "p")
    with open(source, "w", encoding="ascii") as f:
        f.write(SOURCE)
    subprocess.run(["cc", "-w", *flags, "-o", program, source], check=True)
    return program


class Hardening(unittest.TestCase):
    def faults(self, flags):
        with tempfile.TemporaryDirectory() as where:
            return list(hardening.faults(build(where, flags)))

    def test_a_good_program_has_no_fault(self):
        self.assertEqual(self.faults(GOOD + CET), [])

    def test_each_lack_is_found(self):
        rows = [(["-no-pie", "-fno-pie"], "position independent"), (["-Wl,-z,norelro"], "read-only relocations"),
                (["-Wl,-z,lazy"], "late"), (["-Wl,-z,execstack"], "executable stack"),
                (["-Wl,-rpath,/tmp"], "RPATH"), (["-fno-stack-protector"], "stack protector"),
                (["-U_FORTIFY_SOURCE"], "FORTIFY")]
        if X86:
            rows.append((["-fcf-protection=none"], "endbr64"))
        for flags, said in rows:
            found = self.faults(GOOD + CET + flags)
            self.assertTrue(any(said in f for f in found), f"{flags}: {found}")

    def test_a_file_compiled_without_a_flag_is_found(self):
        with tempfile.TemporaryDirectory() as where:
            program = build(where, GOOD + CET)
            with open(os.path.join(where, "compile_commands.json"), "w", encoding="ascii") as f:
                f.write('[{"file": "a.c", "command": "cc -fstack-protector-strong -D_FORTIFY_SOURCE=3 -fcf-protection=full"}]')
            found = list(hardening.faults(program))
            self.assertEqual(found, ["is compiled without -fstack-clash-protection: a.c and 0 more files"])

    def test_what_is_no_program_is_said(self):
        done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "hack/hardening.py"), __file__], check=False,
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ELF", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
