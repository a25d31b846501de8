"""The approved actions on one service: a sweep restricted to them does no more. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Role
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource


@dataclass(frozen=True)
class ApprovedAction:
    """A resource that may be deleted, and the deploy whose garbage it was."""

    kind: str
    id: str
    deploy: DeployId

    @staticmethod
    def of(resource: Resource) -> ApprovedAction:
        """The resource as an action. Raises ValueError if its tags name no deploy."""
        if resource.deploy is None:
            raise ValueError(f"{resource.id} names no deploy")
        return ApprovedAction(resource.kind, resource.id, resource.deploy)


@dataclass(frozen=True)
class ApprovedActions:
    """The approved actions on one service, in the order in which they are done.

    end      the deploy whose lease may be ended;  finish: deploys to finish, each in its role
    repoint  the addresses the record may get;  forget: deploys;  delete: resources
    """

    home: ServiceLocation
    end: DeployId | None = None
    finish: frozenset[tuple[DeployId, Role]] = frozenset()
    repoint: tuple[str, ...] = ()
    forget: tuple[DeployId, ...] = ()
    delete: tuple[ApprovedAction, ...] = ()

    def may_delete(self, resource: Resource) -> bool:
        """Whether the resource is approved, and every resource that uses it."""
        ids = {action.id for action in self.delete}
        listed = resource.deploy is not None and ApprovedAction.of(resource) in self.delete
        return listed and ids.issuperset(resource.used_by)
