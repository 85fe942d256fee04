#!/usr/bin/env python3
"""Draws a terminal with what README.md shows in the blocks that are marked "run: picture": a session that a test plays and compares.

    terminal.py [--check]    writes docs/images/session.svg; --check: fails if it would be another

The lines appear one after the other, once; all at once for those who asked their system for less motion."""

import html
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/docs"))
from blocks import blocks_of

PICTURE = os.path.join(ROOT, "docs/images/session.svg")
LINE, CHAR, MARGIN, HEAD = 18, 7.83, 16, 34   # pixels; 13 px monospace is 7.83 wide
STYLE = """
  .frame { fill: #ffffff; stroke: #d0d7de } .bar { fill: #f6f8fa; stroke: #d0d7de } .dot { fill: #d0d7de }
  text { font: 13px ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
  .prompt { fill: #0969da } .typed { font-weight: 600 }
  .line { opacity: 0; animation: appear .01s forwards }
  @keyframes appear { to { opacity: 1 } }
  @media (prefers-reduced-motion: reduce) { .line { opacity: 1; animation: none } }
  @media (prefers-color-scheme: dark) {
    .frame { fill: #0d1117; stroke: #3d444d } .bar { fill: #151b23; stroke: #3d444d } .dot { fill: #3d444d }
    text { fill: #e6edf3 } .prompt { fill: #79c0ff }
  }
"""


def lines(page):
    """(text, typed, seconds until it appears)"""
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        blocks = [b for b in blocks_of(page, f.read()) if b.mode == "picture"]
    out, at = [], 0.3
    for command in (c for b in blocks for c in b.commands):
        for text in command.text.split("\n"):
            out.append((text, True, at))
            at += 0.7
        for text in command.printed:
            if text and text != "...":
                out.append((text, False, at))
                at += 0.12
        at += 0.5
    return out


def drawn(rows):
    width = round(MARGIN * 2 + CHAR * (2 + max(len(text) for text, _, _ in rows)))
    height = HEAD + MARGIN + LINE * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="A terminal session: the '
           f'commands and their output are those of the README">', f"<style>{STYLE}</style>",
           f'<rect class="frame" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
           f'<path class="bar" d="M.5 24 V8.5 a8 8 0 0 1 8-8 H{width - 8.5} a8 8 0 0 1 8 8 V24 z"/>']
    out += [f'<circle class="dot" cx="{x}" cy="12" r="5"/>' for x in (18, 34, 50)]
    for n, (text, typed, at) in enumerate(rows):
        y = HEAD + LINE * n + 12
        prompt = '<tspan class="prompt">$ </tspan>' if typed else ""
        words = f'<tspan class="typed">{html.escape(text)}</tspan>' if typed else html.escape(text)
        out.append(f'<text class="line" xml:space="preserve" x="{MARGIN}" y="{y}" style="animation-delay: {at:.2f}s">{prompt}{words}</text>')
    return "\n".join([*out, "</svg>", ""])


def main(arguments):
    picture = drawn(lines("README.md"))
    if "--check" in arguments:
        with open(PICTURE, encoding="utf-8") as f:
            if f.read() != picture:
                sys.exit("docs/images/session.svg is out of date: run hack/docs/terminal.py")
        return
    with open(PICTURE, "w", encoding="utf-8") as f:
        f.write(picture)


main(sys.argv[1:])
