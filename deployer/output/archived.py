"""An archived run as the plain text of a run: from the journal's stream of events. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args, get_type_hints

from deployer import events as e
from deployer.output.board import Board, fold
from deployer.output.plain_text import line
from deployer.output.summary import failed
from reconciler.model.journal.entry import Entry
from reconciler.util import humanize

_KINDS = {e.kind_of(kind): kind for kind in get_args(e.Event)}


def archived(stream: str) -> Iterator[tuple[datetime, e.Event]]:
    """The events of a stream. Lines and fields that this program does not know are left out."""
    for text in stream.splitlines():
        value = _object(text)
        kind = _KINDS.get(str(value.get("type")))
        if kind is None or "at" not in value:
            continue
        hints = get_type_hints(kind)
        names = [one.name for one in fields(kind) if one.name in value]
        try:
            at = datetime.fromisoformat(value["at"])
            yield at, kind(**{name: _value(hints[name], value[name]) for name in names})
        except (TypeError, ValueError):  # a broken line, or one of an older schema
            continue


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _value(hint: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    is_time = datetime in (hint, *get_args(hint)) and isinstance(value, str)
    return datetime.fromisoformat(value) if is_time else value


def run_lines(stream: str) -> list[str]:
    """The lines of a run in a pipe, with their dates; then how it ended."""
    board, lines = Board(), []
    for at, event in archived(stream):
        board = fold(board, event, at.timestamp())
        for subject, text in line(event, board):
            lines.append(f"{at:%Y-%m-%d %H:%M:%S} {subject:<9} {humanize.one_line(text)}")
        if isinstance(event, e.Result) and event.exit:
            lines += failed(board, event.message, event.detail)
        elif isinstance(event, e.Result):
            lines.append(f"{at:%Y-%m-%d %H:%M:%S} done")
    return lines


def entry_lines(entry: Entry) -> list[str]:
    """What the entry tells where there is no stream: it was not archived, or cannot be read."""
    lines = [f"{entry.id}  {entry.kind} {entry.release} by {entry.by}: {entry.outcome}"]
    lines += [f"  {step.step:<9} {step.text}" for step in entry.steps]
    lines += [entry.why] if entry.why else []
    return [*map(humanize.one_line, lines), *humanize.indented(entry.detail)]
