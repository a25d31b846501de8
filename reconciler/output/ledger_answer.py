"""A ledger in the answers with --json. Pure."""

from __future__ import annotations

from typing import TypedDict


class LiveAnswer(TypedDict):
    """The live release in the ledger: where, and by which kind of address."""

    id: str
    via: str | None
    at: list[str]


class PreviousAnswer(TypedDict):
    """A previous release in the ledger."""

    id: str
    retired: str
    machines: int
    via: str | None
    at: list[str]
    rejected: bool


class KeptAnswer(TypedDict):
    """A failed release that is kept as evidence."""

    id: str
    until: str


class LeaseAnswer(TypedDict):
    """Who holds the lease, until when, in which step."""

    id: str
    until: str
    step: str


class LedgerAnswer(TypedDict, total=False):
    """A ledger; empty if there is none."""

    gen: int
    live: LiveAnswer | None
    previous: list[PreviousAnswer]
    kept: list[KeptAnswer]
    lease: LeaseAnswer | None
