"""Traffic that follows the ledger, as a release or a rollback changes it.

The new machines join with weight 0 and are healthy by the load balancer's own word before the
commit. The switch comes right after it; if it fails, any sweep rolls it forward.
"""

from __future__ import annotations

from collections.abc import Iterable

from deployer.release.context import ReleaseContext
from deployer.release.inferred_settings import birth_tags
from reconciler.errors import CloudError, ToolError
from reconciler.model.ledger import Ledger
from reconciler.model.resource import TARGET_GROUP
from reconciler.ports.service import ManagedService
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import TrafficReading
from reconciler.util.backoff import Backoff


def traffic(run: ReleaseContext) -> str:
    """The step before live is shut: make what leads to the new machines, without any requests yet.

    Nothing that is made while writes are refused may have to be accounted for.
    """
    run.created.drain = run.ports.managed.traffic.drain()
    tags = birth_tags(run).of(TARGET_GROUP)
    order = JoinOrder(run.deploy, run.created.launched, tags)
    run.created.join_order = order  # before the call: a lost reply is looked up by the names
    run.created.joined = run.ports.managed.traffic.join(order)
    return joined_words(run.created.joined)


def joined_words(joined: Iterable[str]) -> str:
    """The names of the target groups that were made; an Elastic IP needs none."""
    return ", ".join(group.split("/")[1] for group in joined) or "nothing to make"


def health(run: ReleaseContext) -> str:
    """Register the machines, and wait until the load balancer itself calls each of them healthy."""
    managed, order = run.ports.managed, run.created.join_order
    if order is None:
        raise ToolError("nothing leads to the new machines")
    managed.traffic.register(order)
    limit = run.within(run.ports.service.limits.boot)
    wait_until_ready(managed, order, run.looks(Backoff(first=0.2, longest=3.0, deadline=limit)))
    return f"{len(order.machines)} healthy"


def wait_until_ready(managed: ManagedService, order: JoinOrder, attempts: Iterable[float]) -> None:
    """Wait until every machine may get requests. Raises CloudError with what is missing."""
    waiting: tuple[str, ...] = ()
    for _ in attempts:
        waiting = managed.traffic.waiting(order)
        if not waiting:
            return
    raise CloudError(
        f"not ready for requests: {waiting[0] if waiting else 'not asked'}",
        detail="\n".join(waiting),
        cure="correct the health check of the target group, or raise limits.boot",
    )


def refuse_moved(
    managed: ManagedService, order: JoinOrder | None, ledger: Ledger
) -> TrafficReading:
    """Right before the commit: traffic is still live's, and the new machines are ready.

    Returns what was read: the switch takes requests from nobody else. Raises ToolError. People win
    (rule 11): what they moved meanwhile is not moved back.
    """
    found = managed.routes(ledger) if order is not None else None
    if found is None or order is None:
        return TrafficReading(())
    if not found.follows(ledger.live.id if ledger.live else None) or found.blocked:
        said = "; ".join(str(route) for route in found.routes)
        raise ToolError(
            f"somebody changed traffic meanwhile ({said}); it is not moved back",
            cure=f"To see how it stands   deployer traffic {managed.name}",
        )
    waiting = managed.traffic.waiting(order)
    if waiting:
        raise ToolError(f"not ready for requests any more: {waiting[0]}")
    return found


def switch(
    managed: ManagedService, order: JoinOrder | None, gen: int, before: TrafficReading
) -> tuple[str, ...]:
    """Give the order all requests, one route after the other; what could not be done.

    A switch has no fence, and this process may have slept since its commit of generation `gen`: so
    the ledger is read once more. `before` is what was read right before that commit.
    """
    if order is None:
        return ()
    holders = {route.arn: route.holders for route in before.routes}
    try:
        _refuse_changed(managed, gen)
        for route, taker in managed.traffic.takers(order):
            managed.traffic.switch(route, taker, holders.get(route, ()))
    except ToolError as error:
        return (f"traffic was not switched yet: {error}",)
    return ()


def _refuse_changed(managed: ManagedService, gen: int) -> None:
    if managed.ledgers.read(managed.address).ledger.gen != gen:
        raise ToolError("the ledger has changed since the commit")
