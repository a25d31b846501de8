"""The published schemas of the answers with --json, made from the types of the answers.

PYTHONPATH=. .venv/bin/python scripts/answer_schemas.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from deployer.output.answers import ANSWERS as OF_READING
from deployer.output.command_answers import ANSWERS as OF_CHANGING
from reconciler.output.answers import ANSWERS as OF_THE_RECONCILER
from reconciler.output.scopes.answers import ANSWERS as OF_SCOPES

ANSWERS: Mapping[str, type] = {**OF_READING, **OF_CHANGING, **OF_THE_RECONCILER, **OF_SCOPES}
FOLDER = Path(__file__).resolve().parents[1] / "docs/schemas"
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def file_of(name: str) -> Path:
    """`deployer.status/1` → `docs/schemas/deployer.status-1.json`."""
    return FOLDER / f"{name.replace('/', '-')}.json"


def schema(name: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of one answer. Other fields may come: readers ignore them."""
    found: dict[str, dict[str, Any]] = {}
    answer = ANSWERS[name]
    top = _object(answer, found)
    top["properties"] = {"schema": {"const": name}, **top["properties"]}
    top["required"] = ["schema", *top["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **top,
        "$defs": dict(sorted(found.items())),
    }


def _object(cls: type, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    optional = {key for key, hint in hints.items() if get_origin(hint) is NotRequired}
    every = cls.__total__  # type: ignore[attr-defined]
    return {
        "type": "object",
        "description": " ".join((cls.__doc__ or "").split()),
        "properties": {key: _of(hint, found) for key, hint in hints.items()},
        "required": [key for key in hints if key not in optional] if every else [],
    }


def _of(hint: Any, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _of(arguments[0], found)
    if origin in (Union, UnionType):
        return {"anyOf": [_of(one, found) for one in arguments]}
    if origin is list:
        return {"type": "array", "items": _of(arguments[0], found)}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _of(arguments[1], found)}
    if is_typeddict(hint):
        if hint.__name__ not in found:
            found[hint.__name__] = {}  # a type that contains itself would not end
            found[hint.__name__] = _object(hint, found)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return {} if hint is Any else {"type": _PLAIN[hint]}


def index() -> str:
    """The page that lists them."""
    rows = [
        f"| `{name}` | {' '.join((ANSWERS[name].__doc__ or '').split())} | "
        f"[{file_of(name).name}]({file_of(name).name}) |"
        for name in sorted(ANSWERS)
    ]
    return "\n".join([_HEAD, *rows, ""])


_HEAD = """\
# Answers with --json

Made by `scripts/answer_schemas.py`. Every answer is one object whose `schema` names its form and
the version of that: `"schema": "deployer.status/1"`. Within a version fields are added, and none
changes its meaning or is removed: readers ignore fields that they do not know. `null` is what is
not known.

A command that changes something writes a stream, one object a line: first `{"type": "version",
"schema": "1", …}`, then events, last a `result` with the exit code, the reason and the next
command; [events.schema.json](../events.schema.json) has them all. The `answer` of that result is
one of the objects below; `up` and `rollback` have none beside their events. Where a command that
only reads fails, it writes that result alone, with `"schema": "events/1"`. `reconciler run` logs
in its own lines; [journal.schema.json](../journal.schema.json) is what a journal keeps.

Two answers have a grammar that is not ours, and no `schema`: `reconciler policy` (IAM's), and
`deployer sandbox env` (variables and their values).

| schema | what it is | file |
|---|---|---|"""


def write() -> None:
    """Write the folder anew."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name in ANSWERS:
        file_of(name).write_text(text(name), encoding="utf-8")
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")


def text(name: str) -> str:
    """The text of one file."""
    return json.dumps(schema(name), indent=1) + "\n"


if __name__ == "__main__":
    write()
