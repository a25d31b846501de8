"""The result of one scope, as a file: what was done there, or why nothing was. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.errors import ConfigError
from reconciler.model.deploy_id import format_time, parse_time

FORMAT = "scope result"
VERSION = 1


@dataclass(frozen=True)
class ScopeResult:
    """How the sweep of one scope ended.

    exit     its exit code;  message, cure: of the error that ended it, '' for none
    answer   what `reconciler sweep --json` answers; empty if an error ended the sweep
    calls    the requests to AWS, each try
    run      the run that it belongs to; '' for a sweep on its own
    """

    scope: str
    exit: int
    began: datetime
    ended: datetime
    message: str = ""
    cure: str = ""
    calls: int = 0
    run: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)


def encode(result: ScopeResult) -> bytes:
    """The result as a file's content."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "scope": result.scope,
        "run": result.run,
        "began": format_time(result.began),
        "ended": format_time(result.ended),
        "exit": result.exit,
        "message": result.message,
        "cure": result.cure,
        "calls": result.calls,
        "answer": dict(result.answer),
    }
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def decode(body: bytes) -> ScopeResult:
    """The result in a file's content. Raises ConfigError for any other content."""
    try:
        document = json.loads(body)
        known = document["format"] == FORMAT
        version = document["version"] if known else VERSION
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError("this is not the result of a scope") from error
    if version != VERSION:
        raise ConfigError(
            f"this result is of version {str(version)[:20]}, we know {VERSION}",
            cure="Read it with the version of reconciler that wrote it",
        )
    try:
        return _result(document if known else {})
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError("this is not the result of a scope") from error


def _result(document: Mapping[str, Any]) -> ScopeResult:
    """Raises ValueError, TypeError, KeyError for what is missing or of another type."""
    answer = document["answer"]
    return ScopeResult(
        _text(document["scope"]),
        int(document["exit"]),
        parse_time(_text(document["began"])),
        parse_time(_text(document["ended"])),
        _text(document["message"]),
        _text(document["cure"]),
        int(document["calls"]),
        _text(document["run"]),
        dict(**answer),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is wanted")
    return value
