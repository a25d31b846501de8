"""The port to the resources of one account and region. AWS implements it in `reconciler.aws`.

The use cases have to call in this order: inventory first, ledger last (rule 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reconciler.model.outcome import Outcome
from reconciler.model.resource import Inventory, Resource
from reconciler.model.tag_summary import Groups, TagSummary
from reconciler.model.tags import AccountRegion, Label


class CloudInventory(Protocol):
    """The EC2 resources of one place (account and region)."""

    @property
    def place(self) -> AccountRegion:
        """The account and region."""

    def scan(self, *, unfinished_only: bool = False) -> Inventory:
        """Describes every resource that has `deploy-id`.

        `unfinished_only`: only the labels pending, failed and left. What could not be read is a
        gap, never an absence.
        """

    def machines_of(self, service: str) -> Inventory:
        """Describes the machines that a deploy of the service claims to have made, and no more.

        Raises CloudError, AccessDenied: without its machines nothing of a service is known.
        """

    def tag_summary(self) -> TagSummary:
        """The tag index's summary of every resource with `deploy-id`: nothing is described.

        An index that was not read completely has a gap for every kind.
        """

    def describe_groups(self, groups: Groups) -> Inventory:
        """Describes the resources of a tag summary; those deleted meanwhile are missing."""

    def describe(self, resources: Sequence[Resource]) -> Inventory:
        """Describes the same resources again, by id; deleted ones are missing."""

    def tagged(self, resources: Sequence[Resource]) -> Inventory:
        """The same resources with the tags that they have now; otherwise perhaps as they were.

        For EC2's own kinds. What shows no `deploy-id` is missing, which does not say that it is
        gone. Tags that could not be read are a gap for every kind asked for.
        """

    def volumes(self, ids: Sequence[str]) -> Inventory:
        """The volumes of these ids, whatever their tags; deleted ones are missing.

        What could not be read is a gap.
        """

    def label(
        self, resources: Sequence[Resource], label: Label, units: str = ""
    ) -> tuple[Outcome, ...]:
        """Writes `deploy-state` on each, and `units` on machines; one outcome per resource."""

    def unparkable(self, machines: Sequence[Resource]) -> Mapping[str, str]:
        """Why a machine that halts itself would not be stopped, by id: it would be terminated.

        Machines that would stop are missing. Raises CloudError, AccessDenied.
        """
        ...

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        """Requests the deletion of resources of one kind, in batches, splitting failing ones.

        PENDING means requested: `describe` confirms the deletion later.
        """
