"""The tags that every resource gets when created, and those people may add (protocol.md).

Keys use a hyphen: a '/' or a space would break instance tags in the metadata service (aws.md §1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.deploy_id import DeployId

ID = "deploy-id"
STATE = "deploy-state"
LEDGER = "deploy-ledger"
PART = "deploy-part"
HOST_KEY = "deploy-host-key"
RELEASE = "deploy-release"
BY = "deploy-by"
HOLD = "deploy-hold"
NOTICED = "deploy-noticed"
UNITS = "deploy-units"
"""On a finished machine: the digest of the set of units that it has obeyed."""
SHARES = "deploy-database"
"""On a machine whose release shares a database: the deploy-id that the database is named after."""
LEASE = "deploy-lease"
"""On a target group: the id of the release or rollback that made it."""
LISTENER = "deploy-listener"
"""On a target group: the ARN of the listener or rule that it was made for."""
DRAINED = "deploy-drained"
"""On a target group that traffic has left: until when requests may still be in flight."""
PAUSED = "deploy-paused"
"""On a live machine: the id of a pause, who paused the service, and why."""
NAME = "Name"

OWN = (
    *(BY, DRAINED, HOLD, HOST_KEY, ID, LEASE, LEDGER, LISTENER),
    *(NOTICED, PART, PAUSED, RELEASE, SHARES, STATE, UNITS),
)
"""Every key that this tool writes but `Name`. Another `deploy-…` tag is somebody else's."""

HELD_BY_ADOPTION = "adopted"
"""Value of `deploy-hold` on what `adopt` tagged: no deploy created it, so no sweep deletes it."""

VALUE_LIMIT = 256
KEY_LIMIT = 128
TAGS_LIMIT = 50
"""Of one resource, without those that AWS writes (`aws:…`)."""
ROOM_FOR_OTHERS = TAGS_LIMIT - len({*OWN, NAME} - {LEASE, LISTENER, DRAINED})
"""Tags that a machine may have beside ours; these three are of target groups."""


class Label(StrEnum):
    """Values of `deploy-state`. They may protect, never condemn."""

    PENDING = "pending"
    LIVE = "live"
    RETIRED = "retired"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True)
class AccountRegion:
    """An account and a region: where a resource is."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"


def part(kind: str, place: AccountRegion) -> str:
    """Value of `deploy-part`: kind and place of creation; a copied tag names another of either."""
    return f"{kind}@{place}"


@dataclass(frozen=True)
class BirthTags:
    """What a deploy writes on everything it creates, in the create call itself."""

    deploy: DeployId
    ledger: str
    place: AccountRegion
    release: str
    by: str
    host_key: str = ""

    def of(self, kind: str) -> dict[str, str]:
        """Tags of a new resource of `kind` (instance, volume, image, …)."""
        tags = {
            ID: str(self.deploy),
            STATE: Label.PENDING.value,
            LEDGER: self.ledger,
            PART: part(kind, self.place),
            RELEASE: self.release[:VALUE_LIMIT],
            BY: self.by[:VALUE_LIMIT],
            NAME: f"{self.deploy.service} {self.release}"[:VALUE_LIMIT],
        }
        if kind == "instance" and self.host_key:
            tags[HOST_KEY] = self.host_key
        return tags


_LABELS = {one.value: one for one in Label}  # used for every resource: the enum's lookup is slow


def label_of(tags: Mapping[str, str]) -> Label | None:
    """The label; None if there is none or an unknown one (which then protects)."""
    return _LABELS.get(tags.get(STATE, ""))


def own_keys(tags: Mapping[str, str]) -> list[str]:
    """The keys of the tags that are ours. `Name` is not: people look for it in the console."""
    return [key for key in tags if key in OWN]
