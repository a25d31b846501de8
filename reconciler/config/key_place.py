"""Finds where in a TOML file a key stands, so that a message can name line and column; pure.

The path is that of `problems`: `database.admin`, `smoke[2].http` (the second table of that name),
`app.jobs[1]` (an item of a list: the key's own place). A key that is missing stands where its table
begins. Keys in inline tables and dotted keys are found by their table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*(["']?)([A-Za-z0-9_-]+)\1\s*[=.]""")
_ITEM = re.compile(r"\[\d+\]$")


class Place(NamedTuple):
    """Both counted from 1, as tomllib does."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"(at line {self.line}, column {self.column})"


def find(text: str, key: str) -> Place | None:
    """The place of the key, else of the innermost table around it; None if neither is there."""
    known = dict(reversed(list(_places(text))))  # of the same path the first
    wanted = key
    while wanted and wanted not in known:
        shorter = _ITEM.sub("", wanted)
        wanted = shorter if shorter != wanted else wanted.rpartition(".")[0]
    return known.get(wanted)


def _places(text: str) -> Iterator[tuple[str, Place]]:
    table, seen = "", Counter[str]()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = header[2].replace('"', "").replace("'", "")
            if header[1] == "[[":
                seen[table] += 1
                table = f"{table}[{seen[table]}]"
            yield table, Place(number, header.start(2) + 1)
        elif key:
            path = f"{table}.{key[2]}" if table else key[2]
            yield path, Place(number, key.start(2) + 1)
