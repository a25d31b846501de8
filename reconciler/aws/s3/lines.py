"""A ledger's text as an object has it: its strings, a line each (docs/adr/0025). Pure."""

from __future__ import annotations


def as_lines(text: str) -> str:
    """A ledger's text as an object has it: a line for each string."""
    return text[1:-1].replace('" "', "\n") + "\n"


def from_lines(lines: str) -> str:
    """The text of an object's lines. What does not end as ours is no ledger's text."""
    end = "" if lines.endswith("\n") else "(cut off)"
    return '"' + lines.removesuffix("\n").replace("\n", '" "') + end + '"'
