"""What may be done about one service, item by item: a sweep restricted to it does no more. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Reason
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource


@dataclass(frozen=True)
class ApprovedAction:
    """A thing that may be deleted, and the deploy it was garbage of."""

    kind: str
    id: str
    deploy: DeployId

    @staticmethod
    def of(resource: Resource) -> ApprovedAction:
        """The thing as an item. Raises ValueError for what no deploy's tag names."""
        if resource.deploy is None:
            raise ValueError(f"{resource.id} names no deploy")
        return ApprovedAction(resource.kind, resource.id, resource.deploy)


@dataclass(frozen=True)
class ApprovedActions:
    """What was agreed to of one service, in the order in which it is done.

    end      the deploy whose lease may be ended;  finish: deploys to finish, each in its role
    repoint  the addresses the record may get;  forget: deploys;  delete: things
    """

    home: ServiceLocation
    end: DeployId | None = None
    finish: frozenset[tuple[DeployId, Reason]] = frozenset()
    repoint: tuple[str, ...] = ()
    forget: tuple[DeployId, ...] = ()
    delete: tuple[ApprovedAction, ...] = ()

    def may_delete(self, resource: Resource) -> bool:
        """Whether the thing is on it, and everything that it goes with."""
        ids = {one.id for one in self.delete}
        listed = resource.deploy is not None and ApprovedAction.of(resource) in self.delete
        return listed and ids.issuperset(resource.used_by)
