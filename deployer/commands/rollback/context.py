"""One rollback in progress: its fixed inputs and its results so far."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta

from deployer import events as e
from deployer.checks.service_state import ServiceState
from deployer.ports import Ports
from deployer.release.clock import elapsed
from deployer.release.lease_holder import LeaseHolder
from reconciler.database.port import PreparedThaw
from reconciler.errors import Refused
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live, Previous
from reconciler.model.reading import Reading
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import SweepRequest
from reconciler.traffic.port import JoinOrder

_OFFERED = 3
"""So many previous deploys are offered by name; the detail lists all."""

LOOK = "To see what there is     deployer history SERVICE"


@dataclass(frozen=True)
class Opening:
    """The prepared thaw of the older database, an act of `generation`: the commit's.

    `since` is the time of `elapsed` when it was prepared: the server gives up an old one.
    """

    thaw: PreparedThaw
    generation: int
    since: float


@dataclass
class RollbackContext:
    """One rollback in progress.

    `machines` and `at` are the target's machines and addresses, once all of them run. `rows` is the
    part of `lost` that is about the database. `marked` is the label that is written beside the
    commit.
    """

    ports: Ports
    emit: e.Listener
    discard_writes: bool
    seen: ServiceState
    reading: Reading
    live: Live
    target: Previous
    lease: LeaseHolder
    began: float = field(default_factory=time.monotonic)
    lost: str = ""
    rows: str = ""
    shut: str = ""
    frozen_at: float | None = None
    machines: tuple[Resource, ...] = ()
    at: tuple[str, ...] = ()
    join_order: JoinOrder | None = None
    joined: tuple[str, ...] = ()
    drain: timedelta | None = None
    opening: Opening | None = None
    marked: Future[None] | None = None

    def release(self, deploy: DeployId) -> str:
        """A deploy's release name, from its machines' tags."""
        machines = self.seen.machines(deploy)
        said = next(
            (machine.tags[t.RELEASE] for machine in machines if t.RELEASE in machine.tags), ""
        )
        return said or str(deploy)

    def thawed(self, *, cut_over: bool) -> None:
        """Report that writes are accepted again: by the older database, or by the newer one."""
        if self.frozen_at is not None:
            self.emit(e.FreezeEnded(elapsed() - self.frozen_at, cut_over))
            self.frozen_at = None

    def put_back(self) -> SweepRequest:
        """What an undo sweeps: what was made for it goes, what was started for it rests again."""
        ttl, mine = self.reading.drain_ttl, self.lease.mine
        retention = self.ports.managed.retention
        return SweepRequest(retention, ttl, only=mine, rest_again=self.target.id)

    @property
    def rejects(self) -> bool:
        """Going back rejects the deploy that is left; rolling forward again rejects none."""
        return ledgers.goes_back(self.target, self.live.id)


def choose(ledger: Ledger, service: str, to: DeployId | None, park: str = "") -> Previous:
    """The previous deploy to return to. Raises Refused, listing the choices."""
    if to is not None:
        found = ledger.find_previous(to)
    else:
        found = next((entry for entry in ledger.previous if not entry.rejected), None)
    if found is not None:
        return found
    known = "\n".join(
        f"{entry.id}{' (rejected)' if entry.rejected else ''}" for entry in ledger.previous
    )
    what = (
        f"{to} is not a previous deploy of {service}"
        if to
        else (f"{service} has no previous deploy that was good")
    )
    nothing = "there are no previous deploys"
    if park == "terminate":
        nothing += ': with park = "terminate" they are deleted as soon as they serve nobody'
    raise Refused(
        what,
        detail=f"previous:\n{known}" if known else nothing,
        cure="\n".join(
            f"To choose that one   deployer rollback {service} --to {entry.id}"
            for entry in ledger.previous[:_OFFERED]
        )
        if known
        else f"To see what there is     deployer status {service}",
    )
