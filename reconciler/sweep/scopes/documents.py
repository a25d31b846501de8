"""Values of a run as JSON documents, and back: coverage, gaps, errors. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.errors import (
    AccessDenied,
    CloudError,
    ConfigError,
    LedgerUnknown,
    Refused,
    ToolError,
)
from reconciler.model.coverage import Read, ReadStatus
from reconciler.model.resource import Gap
from reconciler.model.tags import AccountRegion

Document = dict[str, Any]

_ERRORS: Mapping[str, type[ToolError]] = {
    one.__name__: one for one in (AccessDenied, CloudError, ConfigError, LedgerUnknown, Refused)
}
VERSION = 1


def written(format_: str, document: Document) -> bytes:
    """The document as a file's content."""
    whole = {"format": format_, "version": VERSION, **document}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


_ANEW = "take the file away, and repeat the command that writes it"


def opened(format_: str, body: bytes) -> Document:
    """The document in a file's content. Raises ConfigError for any other."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"this is no {format_}: it is not JSON", cure=_ANEW) from error
    if not isinstance(found, dict) or found.get("format") != format_:
        raise ConfigError(f"this is no {format_} of ours", cure=_ANEW)
    if found.get("version") != VERSION:
        version = str(found.get("version"))[:20]
        raise ConfigError(
            f"this {format_} is of version {version}, we know {VERSION}",
            cure="Let one version of reconciler do the whole run",
        )
    return found


def place_of(text: str) -> AccountRegion:
    """The place written as `ACCOUNT/REGION`."""
    account, _, region = text.partition("/")
    return AccountRegion(account, region)


def read_json(read: Read) -> Document:
    """A row of the completeness table."""
    return {
        "place": str(read.place),
        "kind": read.kind,
        "status": read.status.value,
        "pages": read.pages,
        "calls": read.calls,
        "note": read.note,
        "service": read.service,
    }


def read_of(row: Document) -> Read:
    """The row again."""
    status = ReadStatus(row["status"])
    counts = row["pages"], row["calls"]
    return Read(place_of(row["place"]), row["kind"], status, *counts, row["note"], row["service"])


def gap_json(gap: Gap) -> Document:
    """What could not be read."""
    return {
        "place": str(gap.place),
        "kind": gap.kind,
        "reason": gap.reason,
        "cure": gap.cure,
        "refusal": gap.refusal.__name__,
    }


def gap_of(row: Document) -> Gap:
    """The gap again."""
    refusal = _ERRORS.get(row["refusal"], Refused)
    return Gap(place_of(row["place"]), row["kind"], row["reason"], row["cure"], refusal)


def error_json(error: ToolError) -> Document:
    """Why a ledger could not be read."""
    kind = type(error).__name__
    return {"kind": kind if kind in _ERRORS else "CloudError", "why": error.message}


def error_of(row: Document) -> ToolError:
    """The error again."""
    return _ERRORS[row["kind"]](row["why"])
