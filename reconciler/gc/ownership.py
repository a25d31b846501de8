"""Proof of ownership: a copied tag does not prove who created a resource (protocol.md).

AWS Backup, DLM, CopyImage, RDS restores and the console's "launch more like this" copy tags. So a
resource is ours only if what its id derives matches values that only the create call could set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from reconciler.database.state_comment import making_name
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    MAKING,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    SNAPSHOT,
    TARGET_GROUP,
    TEMPLATE,
    VOLUME,
    Resource,
)
from reconciler.model.tags import HELD_BY_ADOPTION, AccountRegion
from reconciler.traffic.target_group import is_born

EARLY = timedelta(minutes=5)
LATE = timedelta(hours=24)
"""A deploy lives at most 24 h, so it created all its resources within that time of its birth."""

Things = Mapping[tuple[str, str], Resource]
"""All resources seen in one account and region, by kind and id."""


@dataclass(frozen=True)
class ServiceLocation:
    """Where a service's resources are created: its ledger, its account and region.

    `was` are the addresses that the ledger had before it was moved, newest first.
    """

    service: str
    ledger: str
    place: AccountRegion
    was: tuple[str, ...] = ()

    def owns(self, ledger: str | None) -> bool:
        """Whether a tag or state comment that names `ledger` names this service's ledger."""
        return bool(self.ledger) and ledger in (self.ledger, *self.was)


def index(resources: tuple[Resource, ...], place: AccountRegion) -> Things:
    """The resources of one account and region, by kind and id."""
    return {
        (resource.kind, resource.id): resource for resource in resources if resource.place == place
    }


def doubt(resource: Resource, home: ServiceLocation, resources: Things) -> str:
    """Why `resource` is not proved to be created by the deploy in its tags; '' if it is."""
    deploy = resource.deploy
    if deploy is None:
        return "its deploy-id does not parse"
    proof = _PROOFS.get(resource.kind)
    if proof is None:
        return f"a {resource.kind} is nothing that a deploy makes"
    return (
        copied(resource, home)
        or _of_another_service(resource)
        or _outside_its_time(resource, deploy)
        or proof(_Case(resource, deploy, home, resources))
    )


def copied(resource: Resource, home: ServiceLocation) -> str:
    """How its tags show that they were written for another resource; '' if they do not.

    The only check for an adopted machine: no deploy created it, but its tags are its own.
    """
    if resource.place != home.place:
        return f"it is in {resource.place}, the service in {home.place}"
    if resource.tags.get(t.PART) != t.part(resource.kind, home.place):
        return f"its tags were born on {resource.tags.get(t.PART, 'nothing')!r}"
    return ""


def is_adopted(resource: Resource, home: ServiceLocation) -> bool:
    """A backup of an adopted machine has its tags and hold, but not its kind and place."""
    return resource.hold == HELD_BY_ADOPTION and not copied(resource, home)


@dataclass(frozen=True)
class Adopted:
    """What the ledger knows of an adopted machine: its addresses and ids (rule 15).

    `ids` is empty in a ledger that an older version wrote.
    """

    at: Sequence[str] = ()
    ids: Sequence[str] = ()


def stands_in(resource: Resource, known: Adopted, resources: Things) -> str:
    """How an instance shows that it only has an adopted machine's tags; '' if it does not.

    A second instance started with all its tags ("launch more like this") has the same kind and
    place. The ledger names the adopted instance; if an older ledger does not, the adopted instance
    is the one that holds an address of the ledger.
    """
    at = known.at
    if resource.kind == INSTANCE and known.ids:
        return "" if resource.id in known.ids else f"its tags are those of {', '.join(known.ids)}"
    if resource.kind != INSTANCE or set(at) & set(resource.addresses):
        return ""
    for other in resources.values():
        if other.deploy == resource.deploy and set(at) & set(other.addresses):
            return f"its tags are those of {other.id}, which holds the ledger's address"
    return ""


def _of_another_service(resource: Resource) -> str:
    foreign = sorted(key for key in resource.tags if key.startswith("aws:"))
    return f"it carries another service's tag {foreign[0]}" if foreign else ""


def _outside_its_time(resource: Resource, deploy: DeployId) -> str:
    # Every start resets an instance's launch time (aws.md §1): its launch token proves more.
    if resource.created is None or resource.kind == INSTANCE:
        return ""
    if deploy.born - EARLY <= resource.created <= deploy.born + LATE:
        return ""
    return (
        f"it was created {resource.created:%Y-%m-%d %H:%M}, not within a day of its deploy's birth"
    )


class _Case(NamedTuple):
    resource: Resource
    deploy: DeployId
    home: ServiceLocation
    resources: Things

    def strange(self, other: Resource | None) -> bool:
        """Whether `other` is not, or not provably, of the same deploy."""
        return (
            other is None
            or other.deploy != self.deploy
            or bool(doubt(other, self.home, self.resources))
        )


def _instance(case: _Case) -> str:
    if case.deploy.owns_token(case.resource.token, case.resource.zone):
        return ""
    return "its launch token is not one of its deploy's"


def _attached(case: _Case) -> str:
    """Volume, interface: created with an instance, so the instance must be the deploy's own."""
    for holder in case.resource.used_by:
        if case.strange(case.resources.get((INSTANCE, holder))):
            return f"it is attached to {holder}, which this deploy did not make"
    return ""


def _image(case: _Case) -> str:
    same = case.resource.name == case.deploy.image_name
    return "" if same else "its name is not its deploy's"


def _snapshot(case: _Case) -> str:
    """CreateImage names the image in the snapshot's description; a copy or backup does not.

    If the image still exists, it must be the deploy's own and contain this snapshot; if it was
    already deregistered (a sweep died in between), the description is the proof.
    """
    resource = case.resource
    if not resource.source.startswith("ami-"):
        return "it was not made by CreateImage"
    image = case.resources.get((IMAGE, resource.source))
    if image is None:
        return ""
    if case.strange(image):
        return f"its image {image.id} is not its deploy's"
    if image.uses and resource.id not in image.uses:
        return f"its image {image.id} does not hold it"
    return ""


def _address(case: _Case) -> str:
    """An address has no name, token or creation time: no value that only its create call sets.

    Why the checks here are enough (docs/adr/0010): AWS never creates an address from another one,
    so its tags were never copied with it, and a transfer clears them. Tags that people copied by
    hand name the kind they were written for; and what holds the address must be the deploy's.
    """
    for holder in case.resource.used_by:
        known = case.resources.get((INSTANCE, holder)) or case.resources.get((INTERFACE, holder))
        if case.strange(known):
            return f"it is associated with {holder}, which this deploy did not make"
    return ""


def _named(case: _Case) -> str:
    """Group, key pair, template: a name is unique in its place, and set in the create call."""
    if case.deploy.owns_name(case.resource.name):
        return ""
    return f"its name is not its deploy's, {case.deploy.stem}"


def _rds(case: _Case) -> str:
    """A restore inherits its source's tags, but never its identifier (aws.md §8)."""
    if case.resource.name == case.deploy.rds_identifier:
        return ""
    return f"its identifier is not its deploy's, {case.deploy.rds_identifier}"


def _rds_snapshot(case: _Case) -> str:
    """Only manual snapshots that are no copies: AWS names automated and AWS Backup snapshots."""
    if case.resource.type != "manual":
        return f"it is an {case.resource.type or 'unknown'} snapshot, not made by a deploy"
    if case.resource.source:
        return f"it is a copy of {case.resource.source}"
    return _rds(case)


def _database(case: _Case) -> str:
    """Its name, and a state comment that names itself; a database in creation has none yet."""
    home = case.home
    names = {case.deploy.database_name(address) for address in (home.ledger, *home.was)}
    if case.resource.state == MAKING:
        names = {making_name(name) for name in names}
    ours = case.resource.name in names
    return case.resource.doubt if ours or case.resource.doubt else "its name is not its deploy's"


def _target_group(case: _Case) -> str:
    return "" if is_born(case.resource) else "its name is not the one of its maker and its route"


_Proof = Callable[[_Case], str]

_PROOFS: Mapping[str, _Proof] = {
    INSTANCE: _instance,
    VOLUME: _attached,
    INTERFACE: _attached,
    IMAGE: _image,
    SNAPSHOT: _snapshot,
    ADDRESS: _address,
    KEY_PAIR: _named,
    GROUP: _named,
    TEMPLATE: _named,
    RDS_INSTANCE: _rds,
    RDS_SNAPSHOT: _rds_snapshot,
    DATABASE: _database,
    TARGET_GROUP: _target_group,
}

KINDS = tuple(_PROOFS)
"""The kinds whose ownership can be proved. A resource of another kind is never garbage."""
