"""The traffic of a rollback: what leads to the older release is made anew, and switched to.

A target group is never used again: it belongs to one lease, so that a late request of an earlier
one names another group.
"""

from __future__ import annotations

from deployer import events as e
from deployer.commands.rollback.context import RollbackContext
from deployer.commands.rollback.databases import open_older
from deployer.release.traffic_switch import (
    joined_words,
    refuse_moved,
    switch,
    wait_until_ready,
)
from reconciler.errors import ToolError
from reconciler.model.resource import TARGET_GROUP
from reconciler.model.tags import BirthTags
from reconciler.traffic.port import JoinOrder
from reconciler.util.backoff import Backoff


def join(run: RollbackContext) -> str:
    """Make what leads to the target's machines, without any requests yet; wait for their health."""
    managed, machines = run.ports.managed, run.seen.machines(run.target.id)
    run.drain = managed.traffic.drain()
    release = run.release(run.target.id)
    place, ledger = managed.home.place, str(managed.address)
    tags = BirthTags(run.target.id, ledger, place, release, run.ports.by).of(TARGET_GROUP)
    order = JoinOrder(run.lease.mine, tuple(machine.id for machine in machines), tags)
    run.join_order = order  # before the call: a lost reply is looked up by the names
    run.joined = managed.traffic.join(order)
    managed.traffic.register(order)
    limit = run.ports.service.limits.boot.total_seconds()
    pace = Backoff(first=0.2, longest=3.0, deadline=limit, sleep=run.lease.sleep)
    wait_until_ready(managed, order, pace.attempts())
    return joined_words(run.joined)


def account(run: RollbackContext) -> tuple[str, ...]:
    """Settle a create whose reply was lost, while the lease is still ours (rule 8)."""
    if run.join_order is None or run.joined:
        return ()
    try:
        run.joined = run.ports.managed.traffic.create(run.join_order)
    except ToolError as error:
        return (f"whether a target group was made is not known: {error}",)
    return ()


def commit(run: RollbackContext) -> None:
    """The ledger's swap, with the A record or before the switch of what follows it."""
    managed, order, target = run.ports.managed, run.join_order, run.target
    before = refuse_moved(managed, order, run.lease.ledger)
    if run.opening is not None:
        run.opening.thaw.refuse_open(run.shut)
    run.lease.commit(target.id, run.at, run.live.id, point=managed.traffic.in_batch)
    open_older(run)
    for line in switch(managed, order, run.lease.generation, before):
        run.emit(e.Warned(line))  # the follow-up, or any sweep, goes on with it
