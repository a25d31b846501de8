"""Move: the ledger follows its record; at no moment are there two that say who is live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.move.command import Move, move
from deployer.ports import Ports
from reconciler.errors import CloudUnclear, ConfigError, DirtRemains, LedgerUnknown, Refused
from reconciler.model import ledger as ledgers
from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease, LedgerHome, NotAllowed, Previous
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import LedgerAddress
from reconciler.model.resource import DATABASE, Gap
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from reconciler.sweep.snapshot import observe
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, PLACE, deploy

HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))
AT = ("10.0.1.17",)
THERE = LedgerAddress("shop", "Z2", "example.org", "shop.example.org", PLACE.account, PLACE.region)
ELSEWHERE = ["www.example.com", THERE]


def decline(_: object) -> None:
    """The user says no."""
    raise Refused("a no")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop under a ledger that knows its home; nothing is left behind."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD], replace(CLEAN, home=HOME))


def yes(_: Move) -> bool:
    """A person who has looked."""
    return True


def at(scene: Scene, place: str | LedgerAddress) -> Ports:
    """The ports of a configuration that names another record."""
    ports = scene.ports()
    old = ports.managed.address
    address = replace(old, record=place) if isinstance(place, str) else place
    home = replace(ports.managed.home, ledger=str(address))
    return replace(ports, managed=replace(ports.managed, address=address, home=home))


def ledger_at(scene: Scene, ports: Ports) -> str:
    """What stands at the address that a configuration names."""
    return scene.ledgers.zone.texts.get(ports.managed.address.name, ("",))[0]


@pytest.mark.parametrize("place", ELSEWHERE, ids=["inside the zone", "another zone"])
def test_the_service_goes_on_at_its_new_name(scene: Scene, place: str | LedgerAddress) -> None:
    """The new name points at the live machines; the sweep knows everything; the old is closed."""
    ports = at(scene, place)
    done = move(ports, yes)
    assert scene.ledgers.pointed_at(ports.managed.address) == AT
    new = scene.ledgers.read(ports.managed.address).ledger
    assert new is not None
    assert (new.live, new.previous, new.home) == (CLEAN.live, CLEAN.previous, done.home)
    assert new.gen > CLEAN.gen
    assert sweep(Fleet.of(ports.managed)).clean
    assert scene.heap.at("i-17").tags[t.LEDGER] == str(ports.managed.address)
    unknown = scene.plan().unknown  # by the configuration of before
    assert [one.service for one in unknown] == ["shop"]
    before = ledger_at(scene, ports)
    assert not move(ports, yes).closed
    assert ledger_at(scene, ports) == before, "a second move changes nothing"


@pytest.mark.parametrize("broken", [0, 1], ids=["closing the old", "making the new"])
@pytest.mark.parametrize("weather", [Weather.NOT_DONE, Weather.DONE_UNHEARD])
def test_an_interrupted_move_is_finished(scene: Scene, broken: int, weather: Weather) -> None:
    """Nobody can release, sweep or recover in between; the same command goes on."""
    ports = at(scene, THERE)
    scene.ledgers.weather = [Weather.REPLY_LOST] * broken + [weather]
    with pytest.raises(DirtRemains if broken else CloudUnclear):
        move(ports, yes)
    resources = set(scene.heap.ids)
    scene.sweep()
    sweep(Fleet.of(ports.managed))
    assert set(scene.heap.ids) == resources
    assert scene.did("delete", "label", "run", "stop") == []
    move(ports, yes)
    assert sweep(Fleet.of(ports.managed)).clean
    assert set(scene.heap.ids) == resources


def test_a_no_changes_nothing(scene: Scene) -> None:
    """What would be done is shown first."""
    before = dict(scene.ledgers.zone.texts)
    with pytest.raises(Refused, match="a no"):
        move(at(scene, THERE), decline)
    assert scene.ledgers.zone.texts == before


def test_an_older_ledger_is_told_its_home(scene: Scene) -> None:
    """One that an older version wrote knows no record: moving it to where it is says so."""
    scene.ledger = CLEAN
    move(scene.ports(), yes)
    assert scene.ledger.home == HOME
    assert scene.sweep().clean


def test_there_and_back(scene: Scene) -> None:
    """A tombstone is overwritten by a younger generation; what was born anywhere is known."""
    there, here = at(scene, THERE), scene.ports()
    move(there, yes)
    gen = scene.ledgers.stands(THERE).gen
    move(here, yes)
    assert scene.ledger.gen > gen
    assert scene.ledger.was == (str(THERE), LEDGER)
    assert scene.sweep().clean
    with pytest.raises(LedgerUnknown, match="was moved"):
        scene.ledgers.read(THERE)


def _held(scene: Scene) -> None:
    scene.ledger = replace(scene.ledger, lease=Lease(DEAD, NOW + timedelta(minutes=1), "copy"))


def _taken(scene: Scene) -> None:
    scene.ledgers.zone.records["www.example.com"] = replace(
        scene.ledgers.zone.records["shop.example.com"], addresses=("203.0.113.9",)
    )


def _claimed(scene: Scene) -> None:
    other = replace(scene.ledger, home=replace(HOME, record="www.example.com"))
    text = encode(other).replace("shop/", "blog/")
    scene.ledgers.zone.texts["blog._deploy.example.com"] = (text, 60)


def _nobody(scene: Scene) -> None:
    scene.ledger = replace(scene.ledger, live=None)


def _full(scene: Scene) -> None:
    long = ("255.255.255.255",) * 73
    entries = tuple(Previous(deploy(n, "aaaaa"), NOW, long) for n in (7, 8, 9))
    scene.ledger = replace(scene.ledger, previous=entries)


@pytest.mark.parametrize(
    ("strike", "says"),
    [
        (_held, "holds the lease"),
        (_taken, "serves somebody else"),
        (_claimed, "belongs to the ledger blog._deploy.example.com"),
        (_nobody, "there is nothing to move"),
        (_full, "no room for a later rollback"),
    ],
)
def test_what_cannot_be_moved_is_refused(
    scene: Scene, strike: Callable[[Scene], None], says: str
) -> None:
    """In words with a cure, and with nothing changed."""
    strike(scene)
    before = dict(scene.ledgers.zone.texts)
    with pytest.raises(Refused, match=says) as refused:
        move(at(scene, "www.example.com"), yes)
    assert refused.value.cure
    assert scene.ledgers.zone.texts == before


def test_machines_do_not_move(scene: Scene) -> None:
    """Another account or region is another life of the service: the way there is said."""
    ports = scene.ports()
    address = replace(ports.managed.address, region="us-east-1")
    home = replace(ports.managed.home, place=replace(PLACE, region="us-east-1"))
    ports = replace(ports, managed=replace(ports.managed, address=address, home=home))
    with pytest.raises(ConfigError, match="us-east-1") as refused:
        move(ports, yes)
    assert "deployer retire shop" in refused.value.cure


def test_where_it_comes_from_must_be_known(scene: Scene) -> None:
    """Nothing live names another ledger: there is nothing to move from."""
    scene.ledgers.zone.texts.clear()
    for one in list(scene.heap.ids):
        scene.heap.change(one, tags={t.LEDGER: str(THERE)})
    with pytest.raises(Refused, match="names no other ledger"):
        move(at(scene, THERE), yes)
    with pytest.raises(Refused, match="there is no ledger"):
        move(scene.ports(), yes)


def test_live_is_shown_before_it_is_moved(scene: Scene) -> None:
    """Who is live, the new name, and whether the ledger goes elsewhere."""
    shown: list[Move] = []

    def look(wanted: Move) -> None:
        shown.append(wanted)
        raise Refused("a no")

    with pytest.raises(Refused):
        move(at(scene, THERE), look)
    (wanted,) = shown
    assert (wanted.live.id, wanted.home.record) == (LIVE, "shop.example.org")
    assert wanted.elsewhere


def test_databases_stay_their_deploys(scene: Scene) -> None:
    """Born under the old ledger's hash: they are known, fenced, shut, opened and dropped."""
    ports = at(scene, THERE)
    scene.server.shut(OLD_DB, FencedAct(77, OLD, LEDGER), (ROLE,), 1.0)
    with pytest.raises(NotAllowed):
        ledger_transitions.close(ledgers.acquire(CLEAN, DEAD, NOW), str(THERE))
    scene.ledger = replace(scene.ledger, gen=80)
    move(ports, yes)
    ledger = scene.ledgers.stands(THERE)
    world = observe(Fleet.of(ports.managed))
    assert world.roots["shop"].fence == 77, "a fence of before the move counts"
    assert {one.name for one in world.inventory.resources if one.kind == DATABASE} == {
        LIVE_DB,
        OLD_DB,
    }
    act = FencedAct(ledger.gen, LIVE, str(THERE), ledger.was)
    scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    with pytest.raises(Refused, match="no memory of being it"):
        scene.server.thaw(LIVE_DB, FencedAct(ledger.gen + 9, LIVE, LEDGER))
    assert sweep(Fleet.of(ports.managed)).clean, "it is live's: the sweep opens it"
    assert not scene.server.is_shut(LIVE_DB)
    forgotten = replace(ledger, gen=ledger.gen + 1, previous=())
    for one in list(scene.heap.ids):
        if scene.heap.at(one).deploy == OLD:
            scene.heap.change(one, tags={t.STATE: "left"})
    scene.ledgers.put(THERE, forgotten)
    assert sweep(Fleet.of(ports.managed)).clean
    assert scene.databases == {LIVE_DB}


def test_a_move_that_was_begun_elsewhere_is_finished_first(scene: Scene) -> None:
    """Two new ledgers would both be made from one tombstone."""
    scene.ledger = ledger_transitions.close(scene.ledger, "Z9/shop._deploy.example.net")
    with pytest.raises(LedgerUnknown, match="was moved to Z9"):
        move(at(scene, THERE), yes)


def test_an_older_ledger_is_moved_only_where_its_machines_are_seen(scene: Scene) -> None:
    """It names neither account nor region: another account's things may be meant."""
    scene.ledger = replace(scene.ledger, home=None)
    scene.heap.held.clear()
    with pytest.raises(Refused, match="nothing that the ledger of shop names"):
        move(at(scene, "www.example.com"), yes)
    assert scene.ledger.home is None


def test_rule_6_nothing_is_moved_by_half_a_picture(scene: Scene) -> None:
    """What could not be listed could not be tagged anew."""
    scene.heap.gaps.append(Gap(PLACE, "instance", "denied"))
    with pytest.raises(Refused, match="could not be read"):
        move(at(scene, "www.example.com"), yes)
    assert not scene.did("swap")


def test_a_record_that_people_moved_is_settled_before_its_ledger_moves(scene: Scene) -> None:
    """Rule 11: the new name would lead to machines that the old one was moved away from."""
    records = scene.ledgers.zone.records
    records["shop.example.com"] = replace(records["shop.example.com"], addresses=("203.0.113.9",))
    with pytest.raises(Refused, match="somebody moved it"):
        move(at(scene, THERE), yes)
    assert not scene.did("swap")


def test_at_no_moment_two_ledgers_say_who_is_live(scene: Scene) -> None:
    """The old one is a tombstone before the new one is written: either of them may be the last."""
    stood: list[str] = []
    old = scene.address.name
    look = [lambda: None, lambda: stood.append(scene.ledgers.zone.texts[old][0])]
    scene.ledgers.meddlers.extend(look)
    move(at(scene, THERE), yes)
    assert "moved=" in stood[0]
