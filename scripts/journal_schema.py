"""The published schema of the journal's entries, made from the entries themselves.

PYTHONPATH=. .venv/bin/python scripts/journal_schema.py > docs/journal.schema.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from typing import Any, get_type_hints

from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.codec import SCHEMA
from reconciler.model.journal.entry import Entry, ResourceRecord, StepRecord
from scripts.events_schema import MOMENT, of_hint

_ID = {"type": "string", "pattern": "^[a-z][a-z0-9-]*/[0-9]{8}T[0-9]{6}Z-[a-z2-9]{5}$"}
_HEAD = {
    "schema": {"const": SCHEMA},
    "writer": {"type": "string", "description": "The process that wrote it."},
    "revision": {"type": "integer", "description": "Which of its writes this is, from 1."},
    "service": {"type": "string"},
}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one object."""
    value = _object(Entry)
    value["properties"] = {**_HEAD, **value["properties"], "began": MOMENT}
    value["required"] = list(value["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"An entry of the journal, schema {SCHEMA}",
        **value,
    }


def _object(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    properties = {one.name: _field(hints[one.name]) for one in fields(cls)}
    return {
        "type": "object",
        "description": " ".join((cls.__doc__ or "").split()),
        "properties": properties,
        "required": list(properties),
    }


def _field(hint: Any) -> dict[str, Any]:
    if hint is DeployId:
        return _ID
    for cls in (StepRecord, ResourceRecord):
        if hint == tuple.__class_getitem__((cls, ...)):
            return {"type": "array", "items": _object(cls)}
    return of_hint(hint)


def text() -> str:
    """The schema as the text of its file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
