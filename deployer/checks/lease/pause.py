"""A pause: a lease that a person holds. Who and why is a tag on the live machines. Pure.

The ledger may be public and has no room for words, so it says `paused` alone. The tag names the
lease that it belongs to; one that is left over, or was copied, names another and says nothing.
"""

from __future__ import annotations

from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease
from reconciler.plan.service_plan import ServicePlan

PAUSED = "paused"
"""The lease's step."""


def tag_of(pause: DeployId, by: str, reason: str) -> str:
    """The tag's value: `<id> ann@laptop: the disk is being grown`."""
    return f"{pause} {by}: {' '.join(reason.split())}"[: t.VALUE_LIMIT]


def reason_of(service_plan: ServicePlan, lease: Lease) -> str:
    """`by ann@laptop: the disk is being grown`, as the live machines' tags say; '' if none does."""
    for verdict in service_plan.verdicts:
        id_, _, words = verdict.resource.tags.get(t.PAUSED, "").partition(" ")
        if id_ == str(lease.id) and words:
            return f"by {words}"
    return ""
