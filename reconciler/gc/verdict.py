"""The words of `mark`: a verdict with its reason, and the root set it is judged by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.errors import Refused, ToolError
from reconciler.gc.base_images import NO_BASES, Bases
from reconciler.gc.other_names import OtherNames
from reconciler.gc.ownership import ServiceLocation
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.resource import Resource
from reconciler.model.tags import Label


class Reason(StrEnum):
    """Why a thing is kept; UNROOTED is the only one that collects."""

    FOREIGN = "foreign"
    LOOK_ALIKE = "look-alike"
    UNKNOWN = "unknown scope"
    LIVE = "live"
    PREVIOUS = "previous"
    KEPT = "kept"
    LEASE = "lease held"
    HELD = "held"
    LOST = "lost"
    WITNESSED = "witnessed by DNS"
    YOUNG = "too young"
    IN_USE = "in use"
    UNROOTED = "unrooted"


ROOTED = frozenset({Reason.LIVE, Reason.PREVIOUS, Reason.KEPT, Reason.LEASE})
KEPT = frozenset({Reason.HELD, Reason.LOST, Reason.IN_USE, Reason.YOUNG, Reason.LOOK_ALIKE})
"""Why something is kept though nothing roots it."""

CONDEMNED = frozenset({Label.PENDING, Label.FAILED, Label.LEFT})
"""Labels of what may be garbage once it is not rooted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Keep or collect one thing, with the reason and its words."""

    resource: Resource
    reason: Reason
    text: str

    @property
    def collect(self) -> bool:
        """Whether the thing is garbage."""
        return self.reason is Reason.UNROOTED


@dataclass(frozen=True)
class Root:
    """One service's root set, read after the heap.

    `problem` says why the service is unknown ('' when it is not); then nothing of it is touched.
    `cure` is what whoever could not read it said to do, `refusal` what to raise. `record` is what
    the A record says now (empty: there is none), `also` what the names say that go along with it,
    `names` all other names as far as they were asked for (`reconciler.gc.name_witnesses`). `now` is
    the ledger's Date. `fence` is the highest generation that anything of the service is seen to
    have obeyed. `heap_age` is how long before `now` the heap was listed. `units` is the digest of
    the configured set of units ('' where nobody is told of any). `bases` are the images that any
    configured service names.
    """

    home: ServiceLocation
    now: datetime
    ledger: Ledger = field(default_factory=lambda: Ledger(gen=0))
    record: tuple[str, ...] = ()
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: OtherNames = field(default_factory=OtherNames)
    problem: str = ""
    cure: str = ""
    refusal: type[ToolError] = Refused
    fence: int = 0
    min_age: timedelta = timedelta(0)
    heap_age: timedelta = timedelta(0)
    units: str = ""
    bases: Bases = NO_BASES


Roots = Mapping[str, Root]
"""By service."""


def role(ledger: Ledger, deploy: DeployId) -> Reason | None:
    """What the ledger says `deploy` is; None when it does not name it."""
    if deploy not in ledger.rooted:
        return None
    if ledger.live is not None and ledger.live.id == deploy:
        return Reason.LIVE
    if ledger.find_previous(deploy) is not None:
        return Reason.PREVIOUS
    return Reason.KEPT if ledger.is_kept(deploy) else Reason.LEASE
