"""The guards of the protocol as data, and the product's source without one of them.

`guards/*.toml` has one table for each: its name, the rule that asks for it (docs/protocol.md), the
function (or file) that holds it, its source text, and what stands there without it. The text must
occur exactly once in that function, so that the list cannot outlive the code that it describes.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = Path(__file__).parent / "guards"


class Outdated(Exception):
    """An entry does not match the source any more: correct the entry in `tests/mutants/guards`."""


@dataclass(frozen=True)
class Guard:
    """One guard. `file` is relative to the project, `scope` a function in it ('': all of it)."""

    name: str
    rule: str
    file: str
    scope: str
    has: str
    without: str

    @property
    def place(self) -> str:
        """Where it stands, as in the table: `reconciler/model/ledger.py::acquire`."""
        return f"{self.file}::{self.scope}" if self.scope else self.file

    def removed(self, source: str) -> str:
        """The file's source without the guard. Raises Outdated if the entry does not match."""
        start, end = _span(source, self.scope) if self.scope else (0, len(source))
        inside = source[start:end]
        if inside.count(self.has) != 1:
            raise Outdated(f"{self.name}: {self.place} has its text {inside.count(self.has)} times")
        changed = source[:start] + inside.replace(self.has, self.without) + source[end:]
        if ast.dump(_parsed(changed, self)) == _meaning(source):
            raise Outdated(f"{self.name}: without it, {self.place} means the same")
        return changed


@cache
def guards() -> tuple[Guard, ...]:
    """Every guard, in the order of the tables."""
    return tuple(one for path in sorted(TABLES.glob("*.toml")) for one in _read(path))


def _read(path: Path) -> list[Guard]:
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["guard"]
    return [_guard(entry) for entry in entries]


def _guard(entry: dict[str, str]) -> Guard:
    file, _, scope = entry["at"].partition("::")
    has, without = (entry[key].strip("\n") for key in ("has", "without"))
    return Guard(entry["name"], entry["rule"], file, scope, has, without)


def _parsed(source: str, guard: Guard) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise Outdated(f"{guard.name}: {guard.file} is no Python without it: {error}") from error


@lru_cache(maxsize=4)
def _tree(source: str) -> ast.Module:
    """Of a file as it is: a file's guards stand together in the tables."""
    return ast.parse(source)


@lru_cache(maxsize=4)
def _meaning(source: str) -> str:
    return ast.dump(_tree(source))


def _span(source: str, scope: str) -> tuple[int, int]:
    """Where the function `name` or `Class.method` begins and ends in the source."""
    nodes: list[ast.AST] = [_tree(source)]
    for name in scope.split("."):
        inside = [child for node in nodes for child in ast.iter_child_nodes(node)]
        nodes = [child for child in inside if getattr(child, "name", "") == name]
    if len(nodes) != 1 or not isinstance(nodes[0], ast.FunctionDef):
        raise Outdated(f"there is no one function {scope}")
    lines = source.splitlines(keepends=True)
    first, last = nodes[0].lineno - 1, nodes[0].end_lineno or 0
    return sum(map(len, lines[:first])), sum(map(len, lines[:last]))
