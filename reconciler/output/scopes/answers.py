"""What the commands of a divided sweep answer with --json: their schemas are made from this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from reconciler.output.answers import ReadAnswer


class CellAnswer(TypedDict):
    """An account in a region, its services, and the accounts that hold their ledgers."""

    scope: str
    account: str
    region: str
    services: list[str]
    zone_accounts: list[str]


class ScopesAnswer(TypedDict):
    """`reconciler scopes`: the accounts and regions of the configuration."""

    scopes: list[CellAnswer]


class InventoryAnswer(TypedDict):
    """`reconciler inventory`: how many resources one scope has, and what was not read."""

    scope: str
    resources: int
    gaps: list[str]


class LedgersAnswer(TypedDict):
    """`reconciler ledgers`: scopes that are ready, those without inventory, ledgers not read."""

    scopes: int
    missing: list[str]
    unread: list[str]
    calls: int


class CollatedAnswer(TypedDict):
    """How one scope ended; `exit` is null where it has no result."""

    scope: str
    status: str
    why: str
    exit: int | None
    calls: int


class CollationAnswer(TypedDict):
    """`reconciler collate`: all scopes of a run in one report."""

    complete: bool
    clean: bool
    counts: dict[str, int]
    scopes: list[CollatedAnswer]
    unexpected: list[str]
    removed: dict[str, int]
    calls: int
    completeness: list[ReadAnswer]


ANSWERS: Mapping[str, type] = {
    "reconciler.scopes/1": ScopesAnswer,
    "reconciler.inventory/1": InventoryAnswer,
    "reconciler.ledgers/1": LedgersAnswer,
    "reconciler.collate/1": CollationAnswer,
}
