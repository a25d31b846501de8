"""What a soak has seen, as values: what the judge judges, and what a story is told from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Played:
    """An act that has ended: when (seconds since the start), how, and what it said last.

    `hung` where it had to be killed because it did not end by itself.
    """

    began: float
    ended: float
    actor: str
    what: str
    code: int
    said: str = ""
    hung: bool = False


@dataclass(frozen=True)
class Seen:
    """The ledger's text since a moment (seconds since the start)."""

    at: float
    ledger: str


@dataclass(frozen=True)
class Switch:
    """Live has changed, and the orders that both databases hold; `back` for a rollback.

    `acknowledged` are the orders that had been acknowledged when it was seen. A database is None
    where it could not be read.
    """

    at: float
    was: str
    now: str
    back: bool
    acknowledged: frozenset[str]
    before: frozenset[str] | None
    after: frozenset[str] | None


@dataclass(frozen=True)
class Rest:
    """How it was when everybody had stopped and sweeps had had their time.

    sweeps     exit codes of the last sweeps, of which the last must be 0
    plan       the exit code of `plan --exit-code` after them, and what it said
    unrooted   things that the ledger does not root, by kind;  missing: what a rooted one lacks
    orders     what the live database holds;  writable: databases that take writes
    """

    sweeps: tuple[int, ...] = ()
    plan: int = 0
    planned: str = ""
    ledger: str = ""
    unrooted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    live: str = ""
    orders: frozenset[str] = frozenset()
    writable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Everything: what clients saw, what everybody did, how the ledger went, how it rests."""

    asked: int
    failures: tuple[str, ...]
    acknowledged: frozenset[str]
    refused: int
    switches: tuple[Switch, ...]
    rest: Rest
    acts: tuple[Played, ...] = ()
    ledgers: tuple[Seen, ...] = ()
    faults: Mapping[str, int] = field(default_factory=dict)
