"""Block-style YAML of JSON documents, as much of it as Kubernetes objects need: the standard library has none."""

import json
import re

# What every YAML 1.1 and 1.2 reader takes for a string without quotes.
PLAIN = re.compile(r"[A-Za-z/.][A-Za-z0-9 /._()+=-]*(?<! )")
NOT_STRINGS = re.compile(r"(?i:y|n|yes|no|true|false|on|off|null|nan|\.nan|[-+]?\.inf|[0-9.]+(e[0-9]+)?)")


class Raw(str):
    """Text that is written as it is: template code."""


def scalar(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str) and PLAIN.fullmatch(value) and not NOT_STRINGS.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def block(value, indent=""):
    """The lines of a value; empty collections and scalars are one line."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from entry(f"{indent}{scalar(key)}:", child, indent + "  ")
    elif isinstance(value, list) and value:
        for child in value:
            lines = list(block(child, indent + "  "))
            yield f"{indent}- {lines[0].lstrip()}"
            yield from lines[1:]
    else:
        yield indent + scalar(value)


def entry(head, child, indent):
    if isinstance(child, dict) and child:
        yield head
        yield from block(child, indent)
    elif isinstance(child, list) and child:
        yield head
        yield from block(child, indent[:-2])  # dashes are not indented
    else:
        yield f"{head} {scalar(child)}"


def dump(value):
    return "\n".join(block(value)) + "\n"
