"""Twenty attacks on whose ledger it is (docs/attacks-ledgers.md): rules 12 to 14."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from deployer.commands.abort import lease_to_abort
from deployer.commands.adopt import AdoptOptions, adopt
from deployer.commands.move.command import move
from deployer.commands.recover.command import Word, recover
from deployer.commands.retire import retire
from deployer.commands.rollback.command import rollback
from deployer.commands.thaw import thaw
from deployer.output.status import recovery_lines
from deployer.ports import Ports
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.steps.guard import guard
from reconciler.errors import LedgerUnknown, Refused, ToolError
from reconciler.gc.retention import Retention
from reconciler.machine.host_key import make_host_key
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease, Live, Previous
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import LedgerAddress
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import AccountRegion, Label
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from tests.attacks.second import (
    CHANGING,
    HOMED,
    LIVE_DB,
    NET,
    OLD_DB,
    ORG,
    STAGING,
    WWW,
    configured,
    name,
    production,
    standing,
)
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, Scene, service
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, PLACE

AT = ("10.0.1.17",)
KEY = make_host_key().public


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Production, clean."""
    return production(tmp_path)


def yes(_: object) -> bool:
    """`--yes`."""
    return True


def up(ports: Ports, *despite: str) -> str:
    """What the guard of `deployer up` says."""
    return guard(
        ReleaseInputs(ports, ReleaseOptions(despite=frozenset(despite)), lambda _: None)
    ).text


def strange_machine(scene: Scene, address: str) -> None:
    """Somebody else's instance, at that address."""
    scene.heap.add([Resource(INSTANCE, "i-strange", PLACE, {}, "running", addresses=(address,))])
    scene.connector.keys[address] = KEY
    scene.connector.at[address] = scene.reach.machine("i-strange", address)


# 1
def test_move_takes_no_name_that_serves_somebody_else(scene: Scene) -> None:
    """The proposed cure from staging's directory: staging's own machine is not overwritten."""
    name(scene, STAGING, "10.0.7.7")
    before = standing(scene)
    with pytest.raises(Refused, match="serves somebody else"):
        move(configured(scene, STAGING), yes)
    assert standing(scene) == before


def test_move_says_which_record_it_leaves(scene: Scene) -> None:
    """Where staging has no record yet, only the words can tell that this is production."""
    from deployer.cli.move import _move_lines

    shown: list[str] = []

    def look(wanted: object) -> None:
        shown.extend(_move_lines(wanted))  # type: ignore[arg-type]
        raise Refused("a no")

    with pytest.raises(Refused, match="a no"):
        move(configured(scene, STAGING), look)
    assert "shop.example.com" in "\n".join(shown)


# 2
FROZEN = replace(HOMED, lease=Lease(DEAD, NOW + timedelta(minutes=9), "copy"))
COMMANDS: dict[str, Callable[[Ports], object]] = {
    "adopt": lambda ports: adopt(ports, yes, AdoptOptions(replace=str(LIVE))),
    "recover": lambda ports: recover(ports, yes),
    "recover --nobody-live": lambda ports: recover(ports, yes, Word(nobody_live=True)),
    "recover --end-lease": lambda ports: recover(ports, yes, Word(end_lease=True)),
    "move": lambda ports: move(ports, yes),
    "retire": lambda ports: retire(ports, str(LIVE), yes),
    "abort": lease_to_abort,
    "rollback": lambda ports: rollback(ports, discard_writes=True),
    "thaw": thaw,
    "thaw --deployer-is-dead": lambda ports: thaw(ports, deployer_is_dead=True),
    "up": up,
}
ELSEWHERE = {
    "region": ("shop.example.com", replace(PLACE, region="us-east-1")),
    "account": ("shop.example.com", AccountRegion("999999999999", PLACE.region)),
    "record": (STAGING, PLACE),
}


@pytest.mark.parametrize("where", ELSEWHERE)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_acts_by_another_configuration(scene: Scene, command: str, where: str) -> None:
    """While production releases, its database is shut: nothing ends that lease, nothing opens."""
    scene.server.shut(LIVE_DB, FencedAct(44, LIVE, LEDGER), (ROLE,), 1.0)
    scene.ledger = FROZEN
    before = standing(scene)
    with pytest.raises(ToolError):
        COMMANDS[command](configured(scene, *ELSEWHERE[where]))
    assert standing(scene) == before
    assert scene.server.is_shut(LIVE_DB)


@pytest.mark.parametrize("where", ELSEWHERE)
def test_no_sweep_acts_by_another_configuration(scene: Scene, where: str) -> None:
    """It is unknown, and the sweep does not end with 0."""
    before = standing(scene)
    scene.acts.clear()
    assert not sweep(Fleet.of(configured(scene, *ELSEWHERE[where]).managed)).clean
    assert standing(scene) == before
    assert scene.did(*CHANGING) == []


# 3
@pytest.mark.parametrize("word", [Word(), Word(nobody_live=True)], ids=["", "--nobody-live"])
def test_a_damaged_ledger_keeps_its_home(scene: Scene, word: Word) -> None:
    """One space too many: another configuration's `recover` does not write over it."""
    text = encode(HOMED).replace(" gen", "  gen")
    scene.ledgers.zone.texts[scene.address.name] = (text, 60)
    before = standing(scene)
    with pytest.raises((Refused, LedgerUnknown)):
        recover(configured(scene, STAGING), yes, word)
    assert standing(scene) == before


# 6
@pytest.mark.parametrize("shared", [True, False], ids=["on live's machine", "elsewhere"])
def test_also_takes_no_neighbours_record(scene: Scene, *, shared: bool) -> None:
    """`also` names the record of blog's ledger, whatever machine blog is on."""
    blog, at = "blog.example.com", AT if shared else ("10.0.7.7",)
    theirs = replace(HOMED, live=Live(LIVE, at), home=replace(HOMED.home, record=blog))  # type: ignore[type-var]
    text = encode(theirs).replace("shop/", "blog/")
    scene.ledgers.zone.texts["blog._deploy.example.com"] = (text, 60)
    name(scene, blog, *at)
    scene.managed = replace(scene.managed, address=replace(scene.address, also=(blog,)))
    with pytest.raises(Refused) as refused:
        up(scene.ports(also=[blog]))
    assert blog in str(refused.value)


def test_the_cure_does_not_propose_a_neighbours_record(scene: Scene) -> None:
    """Two services on one machine: `up` must not tell shop to move blog's record along."""
    blog = "blog.example.com"
    theirs = replace(HOMED, home=replace(HOMED.home, record=blog))  # type: ignore[type-var]
    text = encode(theirs).replace("shop/", "blog/")
    scene.ledgers.zone.texts["blog._deploy.example.com"] = (text, 60)
    name(scene, blog, *AT)
    with pytest.raises(Refused) as refused:
        up(scene.ports())
    assert "also = [" not in refused.value.cure


# 8
def test_an_old_ledger_is_not_retired_by_a_misspelt_record(scene: Scene) -> None:
    """It knows no record, and the misspelt one is gone, of course: clients still come to live."""
    scene.ledger = CLEAN
    before = standing(scene)
    with pytest.raises(Refused):
        retire(configured(scene, "shpo.example.com"), str(LIVE), yes)
    assert standing(scene) == before


# 9
@pytest.mark.parametrize("command", ["up", "recover", "adopt", "move", "retire"])
def test_an_old_ledger_takes_no_empty_region(scene: Scene, command: str) -> None:
    """Right record, wrong region: the machines cannot be seen there, and it is not the home."""
    scene.ledger = CLEAN
    ports = _empty_region(scene)
    before = standing(scene)
    with pytest.raises(ToolError):
        COMMANDS[command](ports)
    assert standing(scene) == before


def _empty_region(scene: Scene) -> Ports:
    place = replace(PLACE, region="us-east-1")
    ports = configured(scene, "shop.example.com", place)
    heap = type(scene.heap)(scene.acts, place)
    compute = type(scene.compute)(heap)
    return replace(ports, compute=compute, managed=replace(ports.managed, heap=heap))


def test_a_sweep_of_an_empty_region_forgets_nothing(scene: Scene) -> None:
    """By an old ledger: a previous release's machines are out of sight, its database is kept."""
    scene.ledger = CLEAN
    managed = _empty_region(scene).managed
    before = standing(scene)
    sweep(Fleet.of(managed, SweepRequest(Retention(keep=0))))
    assert standing(scene) == before


# 11
def test_a_service_is_not_retired_under_a_second_name(scene: Scene) -> None:
    """The record is gone, `www` leads to live: its clients are named before anything is shut."""
    name(scene, "shop.example.com")
    name(scene, WWW, *AT)
    before = standing(scene)
    with pytest.raises(Refused, match=WWW):
        retire(scene.ports(), str(LIVE), yes, timedelta(hours=1))
    assert standing(scene) == before
    assert not scene.server.is_shut(LIVE_DB)


# 12
def test_a_deadline_ends_with_the_closing(scene: Scene) -> None:
    """`--delete-after 30d`, opened again: live stays on day 31, and it was said what goes."""
    name(scene, "shop.example.com")
    retire(scene.ports(), str(LIVE), yes, timedelta(days=30))
    name(scene, "shop.example.com", *AT)
    shown = recovery_lines(recover(scene.ports(), yes))
    assert any(str(OLD) in one and "2026-12-23" in one for one in shown), shown
    assert scene.sweep().clean
    scene.ledgers.now = NOW + timedelta(days=31)
    scene.sweep()
    assert {"i-17", LIVE_DB} <= scene.heap.ids | scene.databases
    assert not scene.server.is_shut(LIVE_DB)


# 13
def test_nobody_live_is_no_word_about_a_misspelt_record(scene: Scene) -> None:
    """The ledger is gone and `record` is misspelt: another name of the zone leads to live."""
    scene.ledgers.zone.texts.clear()
    before = standing(scene)
    with pytest.raises(Refused, match=r"shop\.example\.com"):
        recover(configured(scene, "shpo.example.com"), yes, Word(nobody_live=True))
    assert standing(scene) == before


# 14, 18
@pytest.mark.parametrize("restored", [True, False], ids=["a zone of an old backup", "a person"])
def test_recover_is_no_rollback_without_its_questions(scene: Scene, *, restored: bool) -> None:
    """The record names a retired release, another is labelled live: its writes would be lost."""
    if restored:
        past = replace(HOMED, gen=30, live=Live(OLD, ("10.0.1.9",)), previous=())
        scene.ledger = past
        for one in list(scene.heap.ids):
            scene.heap.change(one, tags={t.LEDGER: LEDGER.replace("Z1", "Z0")})
    name(scene, "shop.example.com", "10.0.1.9")
    assert not scene.sweep().clean
    before = standing(scene)
    with pytest.raises(Refused, match=str(LIVE)) as refused:
        recover(scene.ports(), yes)
    assert refused.value.cure
    assert standing(scene) == before
    assert scene.server.is_shut(OLD_DB)
    assert not scene.server.is_shut(LIVE_DB)


def test_a_persons_hand_has_a_cure_that_works(scene: Scene) -> None:
    """Every printed cure is followed; `adopt --replace` refuses what carries a deploy-id."""
    name(scene, "shop.example.com", "10.0.1.9")
    before = standing(scene)
    with pytest.raises(Refused) as refused:
        up(scene.ports())
    assert "adopt" not in refused.value.cure, "it refuses a machine that a deploy made"
    for command in ("adopt", "rollback", "retire"):
        with pytest.raises(ToolError):
            COMMANDS[command](scene.ports())
    assert standing(scene) == before


# 15
def test_a_move_that_changes_its_mind_has_one_ledger(scene: Scene) -> None:
    """It died after the tombstone: nobody writes over that, a third zone gets nothing."""
    scene.ledgers.weather = [Weather.REPLY_LOST, Weather.NOT_DONE]
    with pytest.raises(ToolError):
        move(configured(scene, ORG), yes)
    before = standing(scene)
    for ports in (scene.ports(), configured(scene, NET)):
        for command in ("recover", "recover --nobody-live", "adopt", "up", "move", "rollback"):
            with pytest.raises(ToolError) as refused:
                COMMANDS[command](ports)
            assert command == "up" or refused.value.cure, command
        sweep(Fleet.of(ports.managed))
        assert standing(scene) == before
    move(configured(scene, ORG), yes)  # finished, and then back
    move(scene.ports(), yes)
    assert scene.ledger.live == HOMED.live
    assert scene.sweep().clean


# 16
def test_a_forgotten_cron_with_the_old_configuration(scene: Scene) -> None:
    """The old zone has its ledger of before the move again: its sweep harms nothing that moved."""
    there = configured(scene, ORG)
    old = dict(scene.ledgers.zone.texts)
    move(there, yes)
    assert sweep(Fleet.of(there.managed)).clean
    scene.ledgers.zone.texts.update(old)
    before = standing(scene)
    labels = scene.heap.labels()
    sweep(Fleet.of(scene.managed, SweepRequest(Retention(keep=0))))
    assert standing(scene) == before
    assert scene.heap.labels() == labels
    with pytest.raises(ToolError):
        up(scene.ports())


def test_a_forgotten_cron_after_a_release(scene: Scene) -> None:
    """As before, and the moved service has rolled back: the shut database is not opened again."""
    there = configured(scene, ORG)
    old = dict(scene.ledgers.zone.texts)
    move(there, yes)
    rollback(there, discard_writes=True)
    assert scene.server.is_shut(LIVE_DB)
    scene.ledgers.zone.texts.update(old)
    result = sweep(Fleet.of(scene.managed))
    assert scene.server.is_shut(LIVE_DB), "two databases would take writes"
    assert not scene.server.is_shut(OLD_DB)
    assert not result.clean


# 17
def test_despite_is_no_word_about_the_record_itself(scene: Scene) -> None:
    """The record leads to what retention would delete: its name in `--despite` changes nothing."""
    name(scene, "shop.example.com", "10.0.1.9")
    scene.managed = replace(scene.managed, despite=frozenset({"shop.example.com"}))
    before = standing(scene)
    sweep(Fleet.of(scene.managed, SweepRequest(Retention(keep=0))))
    with pytest.raises(Refused):
        up(scene.ports(), "shop.example.com")
    assert standing(scene) == before


# 19
def test_a_rollback_does_not_go_to_a_stranger(scene: Scene) -> None:
    """The adopted machine of before is gone, somebody else's has its address."""
    left = Previous(OLD, NOW - timedelta(minutes=70), ("10.0.1.9",), ids=("i-9",))
    scene.ledger = replace(HOMED, previous=(left,))
    for key in [one for one in scene.heap.held if one[1] in ("i-9", "vol-9", "eni-9")]:
        del scene.heap.held[key]
    strange_machine(scene, "10.0.1.9")
    with pytest.raises(ToolError, match="no machines any more"):
        rollback(scene.ports(), discard_writes=True)
    assert scene.ledgers.pointed_at(scene.address) == AT
    assert scene.heap.at("i-strange").tags == {}


def test_a_closed_service_is_not_opened_on_a_stranger(scene: Scene) -> None:
    """The record is made again at an address that a stranger got meanwhile."""
    name(scene, "shop.example.com")
    retire(scene.ports(), str(LIVE), yes)
    scene.heap.change("i-17", addresses=("10.0.1.99",))
    strange_machine(scene, "10.0.1.17")
    name(scene, "shop.example.com", "10.0.1.17")
    with pytest.raises(Refused):
        recover(scene.ports(), yes)
    assert scene.ledger.live is None
    assert scene.heap.at("i-strange").tags == {}


# 20
def test_a_wildcard_is_a_name(scene: Scene) -> None:
    """It leads to live: refused, and the words that are printed are accepted."""
    name(scene, "*.example.com", *AT)
    with pytest.raises(Refused, match=r"\*\.example\.com") as refused:
        up(scene.ports())
    assert 'also = ["*' not in refused.value.cure, "no configuration accepts that name"
    assert up(scene.ports(), "*.example.com") == "clean"
    scene.heap.change("i-9", tags={t.STATE: Label.RETIRED.value})
    name(scene, "*.example.com", "10.0.1.9")
    before = standing(scene)
    sweep(Fleet.of(scene.managed, SweepRequest(Retention(keep=0))))
    assert standing(scene) == before


# 10
@pytest.mark.parametrize("at", ["10.0.9.9", "10.0.1.17"], ids=["its own", "the original's"])
def test_a_copy_of_an_adopted_machine_gets_nothing(scene: Scene, at: str) -> None:
    """An older ledger names no instance, the original is gone: the copy is pointed at by nobody.

    No label or unit of it changes; it is cloned only where it serves at the record's address.
    """
    scene.ledger = CLEAN
    scene.heap.change("i-17", token="by-hand", tags={t.HOLD: t.HELD_BY_ADOPTION})
    copy = replace(scene.heap.at("i-17"), id="i-copy", addresses=(at,), uses=())
    del scene.heap.held[INSTANCE, "i-17"]
    scene.heap.add([copy])
    scene.acts.clear()
    scene.sweep()
    assert scene.ledgers.pointed_at(scene.address) == AT
    assert scene.heap.at("i-copy") == copy
    assert scene.did("delete", "run", "stop") == []
    if at not in AT:
        with pytest.raises(Refused):
            up(scene.ports())


# 4
@pytest.mark.parametrize("record", ["SHOP.Example.com.", "shop.example.com.", "*.example.com"])
def test_a_record_has_one_spelling(record: str) -> None:
    """No configuration spells a record in another way, so that a claim is compared as it stands."""
    with pytest.raises(ValidationError):
        service(record=record)


@pytest.mark.parametrize("old", [True, False], ids=["an older ledger", "a ledger"])
def test_another_services_file_gets_no_second_ledger(scene: Scene, *, old: bool) -> None:
    """`store.toml` names shop's record, and the machine's tags were taken off."""
    scene.ledger = CLEAN if old else HOMED
    bare = replace(scene.heap.at("i-17"), tags={})
    scene.heap.held[INSTANCE, "i-17"] = bare
    scene.connector.keys[AT[0]] = KEY
    scene.connector.at[AT[0]] = scene.reach.machine("i-17", AT[0])
    ports = configured(scene, replace(scene.address, service="store"))
    home = replace(ports.managed.home, service="store")
    ports = replace(ports, managed=replace(ports.managed, home=home))
    before = standing(scene)
    for command in ("adopt", "up"):
        with pytest.raises(Refused):
            COMMANDS[command](ports)
    assert standing(scene) == before
    assert scene.heap.at("i-17") == bare


# 5
def test_a_zone_that_shadows_gets_no_ledger_by_itself(scene: Scene) -> None:
    """An empty zone `shop.example.com`: only `move`, which shows both, makes a ledger there."""
    shadow = LedgerAddress("shop", "Z9", "shop.example.com", "shop.example.com")
    name(scene, "shop.example.com")
    ports = configured(scene, shadow)
    before = standing(scene)
    for command in ("recover", "recover --nobody-live", "adopt", "up", "rollback", "retire"):
        with pytest.raises(ToolError):
            COMMANDS[command](ports)
    sweep(Fleet.of(ports.managed))
    assert standing(scene) == before


@pytest.mark.xfail(
    strict=True,
    reason="another team's service of the same name, under a ledger of its own, is legitimate and "
    "looks the same: its things are listed apart, and the sweep ends with 0",
)
def test_a_sweep_under_a_shadow_is_not_clean(scene: Scene) -> None:
    """There is no ledger in the shadowing zone, yet machines labelled live name one beside it."""
    shadow = LedgerAddress("shop", "Z9", "shop.example.com", "shop.example.com")
    assert not sweep(Fleet.of(configured(scene, shadow).managed)).clean
