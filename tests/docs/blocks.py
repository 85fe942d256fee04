"""Command blocks of Markdown pages: what is typed, and what is printed below it.

A block is run when the line before it is a comment that says so:

    <!-- run -->                what follows "$ " is typed, the lines below are what it prints
    <!-- run: fails -->         the same; the last command of the block exits with another code than 0
    <!-- run: picture -->       as the first; hack/docs/terminal.py draws it, too
    <!-- run: quiet -->         there is no "$ ", every line is typed, and nothing is compared

A line that ends with a backslash, or opens a here-document or a quotation, goes on in the next. In what is printed a line "..." stands for any
number of lines. Times, addresses and made-up names are masked before the two are compared, and so is the width of columns."""

import dataclasses
import re

MARK = re.compile(r"<!-- run(?:: (fails|quiet|picture))? -->\s*")
AGE = r"(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?"
MASKS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"(?<![\w./:-])(?=\d)" + AGE + r"(?![\w.%:-])", "AGE"),
    (r"\b\d{1,3}(\.\d{1,3}){3}\b", "ADDRESS"),
    (r"-[0-9a-f]{8,10}-[a-z0-9]{5}\b", "-POD"),
    (r"[ \t]+", " "),
]


@dataclasses.dataclass
class Command:
    line: int        # of the page, from 1, where it begins
    text: str
    printed: list    # of lines
    end: int         # the line after what it prints


@dataclasses.dataclass
class Block:
    page: str
    line: int
    mode: str        # "", "fails", "picture" or "quiet"
    commands: list


def masked(line):
    for pattern, name in MASKS:
        line = re.sub(pattern, lambda m, name=name: name if m.group() else "", line)
    return line.strip()


def same(printed, actual):
    """Do the lines that a page shows match those that were printed?"""
    want, have = [masked(line) for line in printed], [masked(line) for line in actual]
    while want and not want[-1]:
        want.pop()
    while have and not have[-1]:
        have.pop()

    def match(w, h):
        if w == len(want):
            return h == len(have)
        if want[w] == "...":
            return any(match(w + 1, k) for k in range(h, len(have) + 1))
        return h < len(have) and want[w] == have[h] and match(w + 1, h + 1)
    return match(0, 0)


def here_document(text):
    found = re.search(r"<<-?\s*'?(\w+)'?", text)
    return found and found.group(1)


def goes_on(text, end):
    """end: what ends its here-document, or None."""
    if end:
        return text.rsplit("\n", 1)[-1].strip() != end
    return text.endswith("\\") or text.count("'") % 2 == 1


def commands_of(lines, first, quiet):
    """lines: of the block; first: the number of the first one."""
    commands, k = [], 0
    while k < len(lines):
        if not quiet and not lines[k].startswith("$ "):
            if commands:
                commands[-1].printed.append(lines[k])
                commands[-1].end = first + k + 1
            k += 1
            continue
        begin, text = k, lines[k] if quiet else lines[k][2:]
        end = here_document(text)
        while k + 1 < len(lines) and goes_on(text, end):
            k += 1
            text += "\n" + lines[k]
        k += 1
        if text.strip():
            commands.append(Command(first + begin, text, [], first + k))
    return commands


def blocks_of(page, text):
    blocks, lines, k = [], text.split("\n"), 0
    while k < len(lines):
        mark = MARK.fullmatch(lines[k])
        k += 1
        if not mark:
            continue
        if k == len(lines) or not lines[k].startswith("```"):
            raise ValueError(f"{page}:{k}: no block follows the comment")
        begin = k + 1
        end = lines.index("```", begin)
        mode = mark.group(1) or ""
        blocks.append(Block(page, begin + 1, mode, commands_of(lines[begin:end], begin + 1, mode == "quiet")))
        k = end + 1
    return blocks


def rewritten(text, changes):
    """The page with other lines below its commands. changes: of (command, lines)."""
    lines = text.split("\n")
    for command, printed in sorted(changes, key=lambda c: -c[0].line):
        first = command.end - len(command.printed) - 1
        lines[first:command.end - 1] = printed
    return "\n".join(lines)
