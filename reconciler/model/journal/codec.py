"""An entry as the object that is stored, and back. Pure.

`docs/journal.schema.json` is its schema. Within one schema number fields may be added; a reader
ignores those that it does not know. `writer` and `revision` never recur together, so no body does.
"""

from __future__ import annotations

import json
import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.entry import Entry

SCHEMA = "1"
ENTRY, EVENTS = ".json", ".events.jsonl"
"""Ends of the keys: the entry, and the stream of events beside it."""


class CorruptEntry(ValueError):
    """A stored object is not an entry of this schema."""


@dataclass(frozen=True)
class StoredEntry:
    """An entry as it is stored: who wrote it, and which of his writes it is."""

    entry: Entry
    writer: str
    revision: int


def key(of: DeployId, end: str = ENTRY, writer: str = "") -> str:
    """The object's key below the journal's prefix. With `writer` one that nobody else uses."""
    return f"{of}{f'.{writer}' if writer else ''}{end}"


def encode(stored: StoredEntry) -> bytes:
    """The object's bytes: indented JSON, for people who open it in the console."""
    head = {"schema": SCHEMA, "writer": stored.writer, "revision": stored.revision}
    value = {**head, "service": stored.entry.id.service, **_plain(stored.entry)}
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def decode(body: bytes) -> StoredEntry:
    """The entry in the bytes. Raises CorruptEntry."""
    try:
        value = json.loads(body)
        entry = _dataclass(Entry, value)
        stored = StoredEntry(entry, str(value["writer"]), int(value["revision"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CorruptEntry(f"not an entry: {type(error).__name__}: {error}") from error
    if value.get("schema") != SCHEMA:
        raise CorruptEntry(f"not an entry of schema {SCHEMA}")
    return stored


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, DeployId):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, DeployId):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _dataclass(cls: type[Any], value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"an object is wanted, not {type(value).__name__}")
    given, hints = {}, get_type_hints(cls)
    for one in fields(cls):
        if one.name in value:
            given[one.name] = _typed(hints[one.name], value[one.name])
        elif one.default is MISSING:
            raise KeyError(one.name)
    return cls(**given)


def _typed(hint: Any, value: Any) -> Any:
    """The value as `hint` says. Raises ValueError, TypeError."""
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return None if value is None else _typed(arguments[0], value)
    if get_origin(hint) is tuple:
        return tuple(_typed(arguments[0], item) for item in _is(list, value))
    if hint is DeployId:
        return DeployId.parse(_is(str, value))
    if hint is datetime:
        return _moment(_is(str, value))
    if is_dataclass(hint):
        return _dataclass(hint, value)  # type: ignore[arg-type]
    return float(_is(int | float, value)) if hint is float else _is(hint, value)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    return moment


def _is(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{kind} is wanted, not {type(value).__name__}")
    return value
