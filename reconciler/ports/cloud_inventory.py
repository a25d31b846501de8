"""The port to the resources of one account and region. AWS implements it in `reconciler.aws`.

The order of calls matters, and is the use cases' business: heap first, ledger last (rule 2).
"""

from __future__ import annotations

from collections.abc import Sequence
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
        ...

    def scan(self, *, unfinished_only: bool = False) -> Inventory:
        """Everything that carries `deploy-id`, described.

        `young`: only the labels pending, failed and left. What could not be read is a gap, never
        an absence.
        """
        ...

    def tag_summary(self) -> TagSummary:
        """What the tag index says of everything that carries `deploy-id`: nothing is described.

        An index that was not read whole has a gap for every kind.
        """
        ...

    def describe_groups(self, groups: Groups) -> Inventory:
        """What a census named, described; what is gone meanwhile is missing."""
        ...

    def describe(self, resources: Sequence[Resource]) -> Inventory:
        """The same things as they are now, by id; those that are gone are missing."""
        ...

    def label(
        self, resources: Sequence[Resource], label: Label, units: str = ""
    ) -> tuple[Outcome, ...]:
        """Write `deploy-state` on each, and `units` on machines; one outcome an item."""
        ...

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        """Ask for the deletion of resources of one kind, in batches, splitting failing ones.

        PENDING means asked for: `describe` says later whether it is gone.
        """
        ...
