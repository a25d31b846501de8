"""The ledger: who is live, who is kept for rollback, who holds the lease (protocol.md).

A value and pure transitions. Each raises the generation by one, so that no value ever repeats, and
returns a new Ledger or raises NotAllowed. Edges store it by compare-and-swap, as ledger_codec says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from reconciler.model.deploy_id import DeployId

STEP_LIMIT = 16


class NotAllowed(Exception):
    """A transition's requirement does not hold; the message says which."""


@dataclass(frozen=True)
class LedgerHome:
    """What the ledger belongs to: its A record, and the machines' account and region.

    `traffic` are the listeners that send clients to the live deploy, where the A record does not.
    A configuration that names another home is refused (rule 12).
    """

    record: str
    account: str
    region: str
    traffic: tuple[str, ...] = ()

    def __str__(self) -> str:
        through = f" through {', '.join(self.traffic)}" if self.traffic else ""
        return f"{self.record}{through} in {self.account}/{self.region}"


class Via(StrEnum):
    """Which address of each of its machines the A record has for a deploy."""

    PRIVATE = "private"
    PUBLIC = "public"
    ELASTIC = "elastic"


@dataclass(frozen=True)
class Live:
    """The deploy that serves, and the addresses the ledger last wrote into the A record.

    `ids` are the instances of an adopted deploy: no launch token proves them, and a copy that is
    started with their tags must not be taken for them (rule 15). `via` is None in an older ledger,
    and where no `Via` describes `at`. `db` is the deploy whose database it uses; None: its own.
    """

    id: DeployId
    at: tuple[str, ...]
    ids: tuple[str, ...] = ()
    via: Via | None = None
    db: DeployId | None = None


@dataclass(frozen=True)
class Previous:
    """A deploy that served and is kept for rollback; `rejected` if it was rolled back from.

    `count` is the number of its machines: with `via` it says how to find its addresses
    (`reconciler.traffic.release_addresses`). Where `via` is None, `at` has them as text.
    """

    id: DeployId
    retired: datetime
    at: tuple[str, ...] = ()
    rejected: bool = False
    ids: tuple[str, ...] = ()
    count: int = 0
    via: Via | None = None
    db: DeployId | None = None


@dataclass(frozen=True)
class Kept:
    """Evidence of a failed deploy: rooted until that time, never promotable, blocks nothing."""

    id: DeployId
    until: datetime
    db: DeployId | None = None


@dataclass(frozen=True)
class Lease:
    """The exclusive right to change the service, held by one id until a time."""

    id: DeployId
    until: datetime
    step: str


@dataclass(frozen=True)
class Ledger:
    """The root set of one service. `gen` is the generation, from 1; `previous` is newest first.

    `home` is None in a ledger that an older version wrote. `was` are the addresses that the ledger
    had before it was moved, newest first: resources created under them are still its own. `moved`
    is the address it was moved to: then it refuses everything. `left` was live when it left.
    """

    gen: int
    live: Live | None = None
    previous: tuple[Previous, ...] = ()
    kept: tuple[Kept, ...] = ()
    lease: Lease | None = None
    home: LedgerHome | None = None
    was: tuple[str, ...] = ()
    moved: str = ""
    left: Live | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a ledger: False for `NO_LEDGER` alone."""
        return self.gen > 0

    @cached_property
    def rooted(self) -> frozenset[DeployId]:
        """Every id the ledger names."""
        return frozenset(self.named)

    @property
    def named(self) -> tuple[DeployId, ...]:
        """The ids in the order of the text, one for each entry."""
        served = (self.live, self.left, *self.previous)
        others = (*self.kept, self.lease)
        return tuple(entry.id for entry in (*served, *others) if entry is not None)

    @property
    def live_addresses(self) -> tuple[str, ...]:
        """The addresses that the ledger last wrote into the A record; () if nothing is live."""
        return self.live.at if self.live else ()

    def find_previous(self, deploy: DeployId) -> Previous | None:
        """The entry of `deploy` among the previous ones."""
        return next((entry for entry in self.previous if entry.id == deploy), None)

    def find_served(self, deploy: DeployId) -> Live | Previous | None:
        """The entry of `deploy`, live, left or previous."""
        served = (self.live, self.left, *self.previous)
        return next((entry for entry in served if entry and entry.id == deploy), None)

    def database_of(self, deploy: DeployId) -> DeployId:
        """The deploy whose database `deploy` uses: its own, or the one that it shares (ADR 23)."""
        entries = (self.find_served(deploy), *self.kept)
        shared = (entry.db for entry in entries if entry and entry.id == deploy)
        return next(shared, None) or deploy

    def user_of(self, owner: DeployId) -> DeployId | None:
        """The first deploy in the order of the text (live) that uses the database of `owner`."""
        return next((one for one in self.named if self.database_of(one) == owner), None)


NO_LEDGER = Ledger(gen=0)
"""The ledger of a service that has none. One that could not be read is an error, never this."""


def next_generation(ledger: Ledger, **changes: Any) -> Ledger:
    """Applies the changes and raises the generation: no value ever repeats."""
    return replace(ledger, gen=ledger.gen + 1, **changes)


def require(condition: bool, reason: str) -> None:
    """Raise NotAllowed with the reason unless the condition holds."""
    if not condition:
        raise NotAllowed(reason)


def _holds(ledger: Ledger, mine: DeployId) -> Lease:
    lease = ledger.lease
    if lease is None:
        raise NotAllowed(f"{mine} holds no lease: it was ended")
    require(lease.id == mine, f"the lease is held by {lease.id}, not by {mine}")
    return lease


def with_old_live(ledger: Ledger, now: datetime, *, rejected: bool = False) -> tuple[Previous, ...]:
    """The previous deploys once the live deploy is replaced."""
    old = ledger.live
    if old is None:
        return ledger.previous
    at, count = (old.at, 0) if old.via is None else ((), len(old.at))
    left = Previous(old.id, now, at, rejected, old.ids, count, old.via, old.db)
    return left, *ledger.previous


def acquire(ledger: Ledger, mine: DeployId, until: datetime, step: str = "lease") -> Ledger:
    """Takes the lease. Requires that none is held: an expired lease is ended first (rule 3)."""
    require(ledger.lease is None, "the lease is held")
    require(ledger.left is None, "the service has left")
    require(mine not in ledger.rooted, f"{mine} is rooted already")
    return next_generation(ledger, lease=Lease(mine, until, step[:STEP_LIMIT]))


def renew(ledger: Ledger, mine: DeployId, until: datetime, step: str) -> Ledger:
    """Changes the lease's time and step. Requires that the lease is mine.

    The time may move back (while live is shut, a lease is short): it only decides when a lease may
    be ended, and a late copy of an older renewal names a past generation.
    """
    _holds(ledger, mine)
    return next_generation(ledger, lease=Lease(mine, until, step[:STEP_LIMIT]))


@dataclass(frozen=True)
class Cutover:
    """What a commit does: `to` becomes live at `at`; `seen` is the live id read at the start.

    `via` and `db` are those of a new deploy; of a previous one the ledger knows them.
    """

    to: DeployId
    at: tuple[str, ...]
    seen: DeployId | None
    now: datetime
    via: Via | None = None
    db: DeployId | None = None


def commit(ledger: Ledger, mine: DeployId, cut: Cutover) -> Ledger:
    """Make `cut.to` live and clear the lease; the A record changes in the same batch.

    Requires: the lease is mine; `live` is what I read at the start; `to` is my own id or one of
    `previous`; what is shared is live's. Going back to an older deploy marks the replaced one as
    rejected; rolling forward again marks none.
    """
    _holds(ledger, mine)
    old = ledger.live
    require((old.id if old else None) == cut.seen, "another deploy went live meanwhile")
    known = ledger.find_previous(cut.to)
    require(cut.to == mine or known is not None, f"{cut.to} is neither mine nor a previous deploy")
    require(bool(cut.at), "nothing to point the record at")
    # A database that nobody uses is garbage for ever: no commit may root it again.
    shares = cut.db is None or (old is not None and cut.db == ledger.database_of(old.id))
    require(shares, f"the live deploy does not use the database of {cut.db}")
    back = old is not None and known is not None and goes_back(known, old.id)
    rest = tuple(one for one in with_old_live(ledger, cut.now, rejected=back) if one.id != cut.to)
    ids, via, db = (known.ids, known.via, known.db) if known else ((), cut.via, cut.db)
    live = Live(cut.to, cut.at, ids, via, db)
    return next_generation(ledger, live=live, previous=rest, lease=None)


def goes_back(to: Previous, live: DeployId) -> bool:
    """Whether `to` is older than `live`: then a switch to it rejects `live`.

    If both were born in the same second, the one that was rejected before is the newer.
    """
    return to.id.born < live.born or (to.id.born == live.born and not to.rejected)


@dataclass(frozen=True)
class Ending:
    """Who ends a lease and why: its holder, its time is past at `now`, or an operator orders it.

    `keep` roots the ended deploy as evidence until that time.
    """

    seen: Lease
    now: datetime
    mine: DeployId | None = None
    operator: bool = False
    keep: datetime | None = None


def expired(lease: Lease, now: datetime) -> bool:
    """Whether the lease is past its time. It stays valid up to and including its second."""
    return now > lease.until


def end(ledger: Ledger, ending: Ending) -> Ledger:
    """Clears the lease. Requires that it equals the lease seen, and a right to end it."""
    lease = ledger.lease
    require(lease is not None and lease == ending.seen, "the lease is not the one seen")
    right = ending.operator or ending.mine == ending.seen.id or expired(ending.seen, ending.now)
    require(right, f"the lease of {ending.seen.id} has not run out")
    kept = ledger.kept
    if ending.keep is not None and ending.seen.id not in (ledger.rooted - {ending.seen.id}):
        kept = (*kept, Kept(ending.seen.id, ending.keep))
    return next_generation(ledger, lease=None, kept=kept)


def forget(ledger: Ledger, deploy: DeployId) -> Ledger:
    """Drops a previous or kept deploy. Requires no lease, and its resources labelled `left`."""
    require(ledger.lease is None, "the lease is held")
    known = ledger.find_previous(deploy) is not None or deploy in {one.id for one in ledger.kept}
    require(known, f"{deploy} is neither previous nor kept")
    return next_generation(
        ledger,
        previous=tuple(entry for entry in ledger.previous if entry.id != deploy),
        kept=tuple(evidence for evidence in ledger.kept if evidence.id != deploy),
    )
