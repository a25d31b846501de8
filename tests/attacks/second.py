"""The second configuration, other names, and what must not have been touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deployer.ports import Ports
from reconciler.model.ledger import LedgerHome
from reconciler.model.reading import ARecord, LedgerAddress
from reconciler.model.tags import AccountRegion
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, OLD, PLACE

HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
HOMED = replace(CLEAN, home=HOME)
STAGING, WWW = "staging.example.com", "www.example.com"
LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))
CHANGING = ("swap", "label", "delete", "drop", "shut", "thaw", "run", "stop", "tag")
ORG = LedgerAddress("shop", "Z2", "example.org", "shop.example.org", PLACE.account, PLACE.region)
NET = LedgerAddress("shop", "Z3", "example.net", "shop.example.net", PLACE.account, PLACE.region)


def production(root: Path) -> Scene:
    """The shop under a ledger that knows its home: live, one previous release, no dirt."""
    return Scene(root, [one for one in ALL if one.deploy != DEAD], HOMED)


def configured(scene: Scene, record: str | LedgerAddress, place: AccountRegion = PLACE) -> Ports:
    """The ports of another configuration of the same service."""
    ports = scene.ports()
    old = ports.managed.address
    address = replace(old, record=record) if isinstance(record, str) else record
    address = replace(address, account=place.account, region=place.region)
    home = replace(ports.managed.home, ledger=str(address), place=place)
    service = ports.service.model_copy(update={"record": address.record})
    return replace(
        ports, service=service, managed=replace(ports.managed, address=address, home=home)
    )


def name(scene: Scene, which: str, *addresses: str) -> None:
    """Somebody writes another A record, or removes it."""
    scene.ledgers.point(replace(scene.address, record=which), *addresses)


def standing(scene: Scene) -> tuple[dict[str, tuple[str, int]], dict[str, ARecord], set[str]]:
    """All that stands in the zones, and every thing that is there."""
    zone = scene.ledgers.zone
    return dict(zone.texts), dict(zone.records), scene.heap.ids | scene.databases
