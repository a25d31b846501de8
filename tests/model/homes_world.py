"""The world of the third model: two ledgers, three records, two deploys, and who acts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from reconciler.model.ledger import Ledger, LedgerHome
from reconciler.model.reading import LedgerAddress
from reconciler.model.resource import Inventory, Resource
from reconciler.model.tags import LEDGER, Label
from tests.model import cast
from tests.model.cast import FIRST, NOW, PLACE
from tests.model.common import put

Record = tuple[str, ...]

COM = LedgerAddress("shop", "Z1", "example.com", "shop.example.com", PLACE.account, PLACE.region)
WWW = replace(COM, record="www.example.com")
ORG = LedgerAddress("shop", "Z2", "example.org", "shop.example.org", PLACE.account, PLACE.region)
CONFIGURED = (COM, WWW, ORG)
"""Three configurations of a service `shop`: the first two mean the same ledger."""

ZONES = (0, 0, 1)
"""For each configuration, where its ledger stands among the texts."""

DEPLOYS = (NOW, FIRST)
GONE = ""
UNLIVED = frozenset({Label.RETIRED.value, Label.LEFT.value, GONE})


@dataclass(frozen=True)
class Scenario:
    """Who takes part. The numbers are configurations, as indexes into CONFIGURED.

    second_name  the second record names the live machine too; else a stranger's
    """

    name: str
    deployers: tuple[int, ...] = ()
    sweeps: tuple[int, ...] = ()
    recovers: tuple[int, ...] = ()
    adopts: tuple[int, ...] = ()
    movers: int = 0
    deletes_record: bool = False
    second_name: bool = False


class Actor(NamedTuple):
    """Where an actor stands: its next step, the ledger it goes by, and the heap as it saw it."""

    kind: str
    config: int
    pc: str
    seen: Ledger | None = None
    saw: tuple[tuple[str, str], ...] = ()


class World(NamedTuple):
    """Two ledgers, three A records, and for each deploy the label and the ledger on its machine."""

    texts: tuple[Ledger | None, ...]
    records: tuple[Record, ...]
    heap: tuple[tuple[str, str], ...]
    actors: tuple[Actor, ...]


Step = tuple[str, World]


def done(world: World, me: int) -> World:
    """The world in which that actor has ended."""
    return goes(world, me, "done")


def goes(world: World, me: int, pc: str, **more: object) -> World:
    """The world in which that actor stands at `pc`."""
    changed = world.actors[me]._replace(pc=pc, **more)  # type: ignore[arg-type]
    return world._replace(actors=put(world.actors, me, changed))


def home_of(address: LedgerAddress) -> LedgerHome:
    """What a configured ledger is the ledger of."""
    return LedgerHome(address.record, address.account, address.region)


def place_of(resource: Resource) -> int:
    """Where a machine stands in the heap."""
    assert resource.deploy is not None
    return DEPLOYS.index(resource.deploy)


def labelled(heap: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The heap once a release has written its labels."""
    return (("retired", heap[0][1]), ("live", heap[1][1]))


def listed(heap: tuple[tuple[str, str], ...]) -> Inventory:
    """The heap as a sweep lists it."""
    found = [
        replace(one, tags={**one.tags, LEDGER: ledger})
        for deploy, (label, ledger) in zip(DEPLOYS, heap, strict=True)
        if label
        for one in [cast.machine(deploy, label)]
    ]
    return Inventory(tuple(found))
