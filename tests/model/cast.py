"""Who and what the models are about: the deploys of one service, their things, and strangers.

Values only. The things are the product's own `Resource`s, so that its own rules judge them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from reconciler.gc.ownership import ServiceLocation
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, LedgerHome, Live, Previous, Via
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import AccountRegion

PLACE = AccountRegion("123456789012", "eu-west-1")
ZONE = "eu-west-1a"
ADDRESS = "Z1/shop._deploy.example.com"
HOME = ServiceLocation("shop", ADDRESS, PLACE)
EARLY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
UNTIL = EARLY + timedelta(days=1)
SOON = EARLY + timedelta(seconds=90)
"""Until when a lease is renewed while live is shut: sooner than it was taken for."""

LATE = EARLY + timedelta(days=365)
"""Readers may find it EARLY or LATE: a lease runs out, and retention is over, at any moment."""

DRAIN = timedelta(seconds=121)
"""A little more than retention waits after a deploy was left (with a record's TTL of 60 s)."""


def moment(gen: int) -> datetime:
    """When a generation came to be: one a minute, so that times add nothing to a world."""
    return EARLY + timedelta(minutes=gen)


ELSEWHERE = ("192.0.2.1",)
"""Where a person points the record: at nothing of ours."""

GONE = ""
"""The label of a thing that does not exist."""


def deploy(age: int, suffix: str) -> DeployId:
    """An id born `age` hours before EARLY."""
    return DeployId("shop", EARLY - timedelta(hours=age), suffix)


OLD, NOW = deploy(9, "aaaaa"), deploy(8, "bbbbb")
FIRST, SECOND = deploy(2, "ccccc"), deploy(1, "ddddd")
BACK, FORTH = deploy(0, "eeeee"), deploy(0, "fffff")
"""Previous and live at the start; two releases; rollbacks' own ids, of which nothing is made."""

DEPLOYS = (OLD, NOW, FIRST, SECOND)
NAMES = {OLD: "old", NOW: "now", FIRST: "first", SECOND: "second", BACK: "back", FORTH: "forth"}


def at(of: DeployId) -> tuple[str, ...]:
    """The address of a deploy's machine."""
    return (f"10.0.1.{DEPLOYS.index(of) + 1}",)


def beginning(*, previous: bool) -> Ledger:
    """The ledger before anybody moves."""
    left = (Previous(OLD, EARLY, count=1, via=Via.PRIVATE),) if previous else ()
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    return Ledger(1, live=Live(NOW, at(NOW), via=Via.PRIVATE), previous=left, home=home)


@dataclass(frozen=True)
class Stranger:
    """A thing that carries a deploy's tags and is none of its."""

    name: str
    of: DeployId
    label: str
    foreign: bool = False


STRANGERS = (
    Stranger("a copy of old's machine", OLD, "retired"),
    Stranger("a copy of first's machine", FIRST, "pending"),
    Stranger("another company's first", FIRST, "pending", foreign=True),
)


def _tags(of: DeployId, label: str, ledger: str = ADDRESS) -> dict[str, str]:
    part = t.part(INSTANCE, PLACE)
    return {t.ID: str(of), t.STATE: label, t.LEDGER: ledger, t.PART: part}


@cache
def machine(of: DeployId, label: str) -> Resource:
    """The one machine of a deploy."""
    return Resource(
        INSTANCE,
        f"i-{of.suffix}",
        PLACE,
        _tags(of, label),
        state="running",
        token=of.client_token(ZONE),
        zone=ZONE,
        addresses=at(of),
    )


@cache
def stranger(one: Stranger, label: str) -> Resource:
    """A stranger, as listed: with copied tags and another launch token, or of another ledger."""
    ledger = "Z2/shop._deploy.example.org" if one.foreign else ADDRESS
    copied = replace(
        machine(one.of, label),
        id=f"i-{one.name.replace(' ', '-')}",
        tags=_tags(one.of, label, ledger),
        addresses=("172.16.0.9",),
    )
    return copied if one.foreign else replace(copied, token="")


THINGS: tuple[DeployId | Stranger, ...] = (*DEPLOYS, *STRANGERS)
"""The heap of the model is a tuple of labels, one for each of these."""


def resource(place: int, label: str) -> Resource:
    """The thing at a place of the heap, as the inventory lists it."""
    one = THINGS[place]
    return machine(one, label) if isinstance(one, DeployId) else stranger(one, label)


PLACES = {resource(n, "pending").id: n for n in range(len(THINGS))}
"""Of a resource's id in the heap."""


def name_of(place: int) -> str:
    """A thing's name in a trace."""
    one = THINGS[place]
    return f"{NAMES[one]}'s machine" if isinstance(one, DeployId) else one.name
