"""The published schema of the event stream, made from the events themselves.

PYTHONPATH=. .venv/bin/python scripts/events_schema.py > docs/events.schema.json
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

from deployer import events

MOMENT = {"type": "string", "format": "date-time"}
_TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: MOMENT,
    Any: {},
}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one line of the stream."""
    kinds = get_args(events.Event)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Events of the deployer, schema {events.SCHEMA}",
        "description": (
            "One JSON object a line: first a version line, last a result. "
            "Readers ignore types and fields they do not know."
        ),
        "oneOf": [{"$ref": f"#/$defs/{events.kind_of(kind)}"} for kind in kinds],
        "$defs": {events.kind_of(kind): _event(kind) for kind in kinds},
    }


def _event(cls: type[events.Event]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    stamp = {} if cls is events.Version else {"at": MOMENT}
    properties = {"type": {"const": events.kind_of(cls)}, **stamp}
    properties |= {field.name: _field(field, hints[field.name]) for field in fields(cls)}
    return {
        "type": "object",
        "description": " ".join((cls.__doc__ or "").split()),
        "properties": properties,
        "required": list(properties),
    }


def _field(one: Field[Any], hint: Any) -> dict[str, Any]:
    known = one.default is not MISSING and one.default not in (None, ())
    return of_hint(hint) | (
        {"default": one.default} if known and one.default != events.STEPS else {}
    )


def of_hint(hint: Any) -> dict[str, Any]:
    """The schema of a value of this type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return {"anyOf": [of_hint(argument) for argument in arguments]}
    if origin is tuple:
        return {"type": "array", "items": of_hint(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": of_hint(arguments[1])}
    return dict(_TYPES[hint])


def text() -> str:
    """The schema as the text of its file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
