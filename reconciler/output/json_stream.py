"""The JSON stream lines that all commands share; the deployer's events use the same format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SCHEMA = "1"
"""Number of the published schema, `docs/events.schema.json`."""


def version_line() -> str:
    """Always the first line."""
    from importlib.metadata import version  # late: it costs as much as all of this package

    return _line({"type": "version", "schema": SCHEMA, "deployer": version("deploysweep")})


def result_line(
    code: int,
    message: str = "",
    detail: str = "",
    cure: str = "",
    answer: Mapping[str, Any] | None = None,
    *,
    alone: bool = False,
) -> str:
    """Always the last line: exit code, reason and cure, or the answer.

    `alone`: no version line came before it, so it says itself of which schema it is.
    """
    head = {"schema": f"events/{SCHEMA}"} if alone else {}
    words = {"message": message, "detail": detail, "cure": cure}
    return _line(
        {**head, "type": "result", "at": now(), "exit": int(code), **words, "answer": answer or {}}
    )


def item_line(item: Mapping[str, Any]) -> str:
    """A line between the first and the last; `item` has its `type`."""
    head = {"type": item["type"], "at": now()}
    return _line(head | dict(item))


def now() -> str:
    """The current time in the stream's format: `2026-11-23T03:15:02.125Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
