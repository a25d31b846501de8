"""What a run has read, could not read, or skipped: account × region × kind. Pure.

Unknown is not empty (protocol.md, rule 6): a sweep that reports "clean" must also report its scope.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.model.tags import AccountRegion

EVERYWHERE = "*"
"""As a region: all regions of an account that could not be entered; which ones is unknown."""

GLOBAL = "global"
"""As a region: Route 53 has none."""

INDEX = "tags"
LEDGER = "ledger"
NAME = "name"
MACHINE = "machine"
"""What is read besides the kinds of resources: tag index, ledgers, other names, machines."""


class ReadStatus(StrEnum):
    """Whether a scope was read; the best status first."""

    READ = "read"
    NOT_CONFIGURED = "not configured"
    SKIPPED = "skipped"
    FAILED = "failed"


_WORSE = tuple(ReadStatus)


@dataclass(frozen=True)
class Read:
    """One row: a kind in one account and region (of one service, if it is read per service).

    pages, calls   answers, and requests that were answered; 0 if the tag index names none
    note           why it was not read, in one line
    """

    place: AccountRegion
    kind: str
    status: ReadStatus = ReadStatus.READ
    pages: int = 0
    calls: int = 0
    note: str = ""
    service: str = ""


def merged(reads: Iterable[Read]) -> tuple[Read, ...]:
    """One row per account, region, kind: the worst status, every note, pages and calls summed."""
    found: dict[tuple[str, str], Read] = {}
    for read in reads:
        key = (str(read.place), read.kind)
        found[key] = _both(found[key], read) if key in found else replace(read, service="")
    return tuple(found[key] for key in sorted(found, key=lambda key: key[0]))


def _both(one: Read, other: Read) -> Read:
    notes = dict.fromkeys(each for each in (one.note, other.note) if each)
    return replace(
        one,
        status=max(one.status, other.status, key=_WORSE.index),
        pages=one.pages + other.pages,
        calls=one.calls + other.calls,
        note="; ".join(notes),
    )


def all_read(reads: Iterable[Read]) -> bool:
    """Whether nothing that is configured failed or was skipped."""
    whole = (ReadStatus.READ, ReadStatus.NOT_CONFIGURED)
    return all(read.status in whole for read in reads)
