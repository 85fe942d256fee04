#!/usr/bin/env python3
"""Runs the commands that the documentation shows, page by page and in order, and compares what they print with what is shown.

    run.py [--update] KUBECONFIG PAGE...    --update: writes what is printed now into the pages

The programs (kubectl, helm, kubectl-rbg) come from PATH; commands run in the project's folder. Blocks are described in blocks.py.
The last line is "N passed, N failed"; one block is one test."""

import os
import subprocess
import sys
import threading

from blocks import blocks_of, rewritten, same

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARK = "@@ended@@"
PATIENCE = 300  # seconds for one command


class Shell:
    """One shell for all blocks of a page, so that a job in the background goes on."""

    def __init__(self, kubeconfig):
        environment = {**os.environ, "KUBECONFIG": kubeconfig, "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        self.process = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=ROOT, env=environment, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)

    def run(self, text):
        """The lines that the command printed, and its exit code."""
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        self.process.stdin.write(f"{text}\ncode=$?; echo; echo {MARK} $code\n")
        lines = []
        for line in self.process.stdout:
            if line.startswith(MARK):
                watchdog.cancel()
                return "".join(lines).removesuffix("\n").split("\n"), int(line.split()[1])
            lines.append(line)
        return [*"".join(lines).split("\n"), f"(ended after {PATIENCE} s, or by the command)"], -1

    def end(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()


def trimmed(lines):
    return "\n".join(line.rstrip() for line in lines).rstrip("\n").split("\n")


def run_block(shell, block, update, changes):
    """None, or what is wrong."""
    for command in block.commands:
        lines, code = shell.run(command.text)
        failing = block.mode == "fails" and command is block.commands[-1]
        if (code != 0) != failing:
            return f"line {command.line}: exit code {code}\n$ {command.text}\n" + "\n".join(lines)
        if block.mode == "quiet" or same(command.printed, lines):
            continue
        if not update:
            return (f"line {command.line}: prints something else\n$ {command.text}\n--- shown\n" + "\n".join(command.printed) +
                    "\n--- printed\n" + "\n".join(lines))
        changes.append((command, trimmed(lines)))
    return None


def run_page(kubeconfig, page, update):
    """How many blocks passed and failed."""
    path = os.path.join(ROOT, page)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    shell, changes, passed, failed = Shell(kubeconfig), [], 0, 0
    try:
        for block in blocks_of(page, text):
            problem = run_block(shell, block, update, changes)
            passed, failed = passed + (not problem), failed + bool(problem)
            print(f"{'FAIL' if problem else 'ok  '} {page}:{block.line}" + (f" {problem}" if problem else ""), flush=True)
    finally:
        shell.end()
    if changes:
        with open(path, "w", encoding="utf-8") as f:
            f.write(rewritten(text, changes))
    return passed, failed


def main(arguments):
    update = "--update" in arguments
    kubeconfig, *pages = [a for a in arguments if a != "--update"]
    results = [run_page(kubeconfig, page, update) for page in pages]
    passed, failed = sum(r[0] for r in results), sum(r[1] for r in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
