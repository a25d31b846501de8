"""Traffic that follows the ledger, as a release or a rollback changes it.

The new machines join with weight 0 and are healthy by the load balancer's own word before the
commit. The switch comes right after it; if it fails, any sweep rolls it forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.errors import CloudError, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.ports.service import ManagedService
from reconciler.traffic.port import JoinOrder


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


def refuse_moved(managed: ManagedService, order: JoinOrder, live: DeployId | None) -> None:
    """Right before the commit: traffic is still live's, and the new machines are ready.

    Raises ToolError. People win (rule 11): what they moved meanwhile is not moved back.
    """
    found = managed.routes()
    if found is None:
        return
    if not found.follows(live):
        said = "; ".join(str(route) for route in found.routes)
        raise ToolError(
            f"somebody changed traffic meanwhile ({said}); it is not moved back",
            cure=f"To see how it stands   deployer traffic {managed.name}",
        )
    waiting = managed.traffic.waiting(order)
    if waiting:
        raise ToolError(f"not ready for requests any more: {waiting[0]}")


def switch(managed: ManagedService, order: JoinOrder) -> tuple[str, ...]:
    """Give the order's groups all requests, one route after the other; what could not be done."""
    try:
        for route, group in _switches(managed, order):
            managed.traffic.switch(route, group)
    except ToolError as error:
        return (f"traffic was not switched yet: {error}",)
    return ()


def _switches(managed: ManagedService, order: JoinOrder) -> Iterator[tuple[str, str]]:
    found = managed.routes()
    for route in found.routes if found else ():
        own = next((share for share in route.shares if share.lease == order.lease), None)
        if own is None:
            raise ToolError(f"{route}: the new target group is not in it any more")
        yield route.arn, own.group
