"""Recover: the ledger written anew from the labels, above every generation seen anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.recover import Recovery, recover
from reconciler import tags as t
from reconciler.errors import CannotConnect, DatabaseError, Refused, SwapLost
from reconciler.fence import FencedAct
from reconciler.ledger import Live
from reconciler.machine_acts import Act, obey
from reconciler.resource import INSTANCE, Gap
from tests.fakes.scene import ROLE, Scene
from tests.shop_world import CLEAN, GATE, LEDGER, LIVE, OLD, PLACE

LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))


def yes(_: Recovery) -> bool:
    """A person who has looked."""
    return True


def lose(scene: Scene) -> None:
    """Somebody deleted the TXT record."""
    scene.ledgers.zone.texts.clear()


def test_a_deleted_ledger_is_written_anew(scene: Scene) -> None:
    """Live is whom the record names, previous who is labelled so; then all is known again."""
    lose(scene)
    assert scene.plan().unknown
    recover(scene.ports(), yes)
    assert scene.ledger.live == CLEAN.live
    assert [(one.id, one.at) for one in scene.ledger.previous] == [(OLD, ("10.0.1.9",))]
    assert scene.plan().unknown == ()
    assert scene.sweep().clean


@pytest.mark.parametrize("where", ["database", "machine", "text"])
def test_the_generation_is_above_every_one_that_is_seen(scene: Scene, where: str) -> None:
    """No late act of an earlier time is obeyed (rule 10)."""
    if where == "database":
        scene.server.shut(OLD_DB, FencedAct(77, OLD, LEDGER), (ROLE,), 1.0)
    elif where == "machine":
        obey(scene.reach.machine("i-17"), GATE, Act(77, str(LIVE), app="run", jobs="run"))
    lose(scene)
    if where == "text":
        scene.ledgers.zone.texts[scene.address.name] = ('"v=2 gen=77 whatever"', 60)
    assert recover(scene.ports(), yes).new.gen == 78
    assert scene.ledger.gen == 78


def test_a_restored_zone_file_is_overtaken(scene: Scene) -> None:
    """The old text is read, and what it knows better than the labels is kept."""
    rejected = tuple(replace(one, rejected=True) for one in CLEAN.previous)
    scene.ledger = replace(CLEAN, gen=1, previous=rejected)
    assert "has been obeyed" in scene.plan().unknown[0].problem
    done = recover(scene.ports(), yes)
    assert done.old
    assert done.new.gen > 2
    assert scene.ledger.previous == rejected


def test_everything_is_shown_before_anything_is_written(scene: Scene) -> None:
    """A no writes nothing."""
    lose(scene)
    shown: list[Recovery] = []

    def no(recovery: Recovery) -> bool:
        shown.append(recovery)
        return False

    with pytest.raises(Refused, match="nothing was written"):
        recover(scene.ports(), no)
    assert scene.ledgers.zone.texts == {}
    assert any(str(LIVE) in one and "labelled live" in one for one in shown[0].found)


def test_what_could_not_be_asked_is_said(scene: Scene) -> None:
    """A machine out of reach may have obeyed a higher generation: a person decides."""
    lose(scene)
    scene.reach.down["i-9"] = CannotConnect("no route", kind="no-route")
    assert any("i-9 could not be asked" in one for one in recover(scene.ports(), yes).doubts)


def test_rule_6_not_from_half_a_picture(scene: Scene) -> None:
    """What cannot be listed cannot be named, and would then be lost."""
    lose(scene)
    scene.heap.gaps.append(Gap(PLACE, INSTANCE, "throttled"))
    with pytest.raises(Refused, match="half a picture"):
        recover(scene.ports(), yes)
    scene.heap.gaps.clear()
    scene.reach.server_down = DatabaseError("connection refused")
    with pytest.raises(Refused, match="half a picture"):
        recover(scene.ports(), yes)
    assert scene.ledgers.zone.texts == {}


def test_copies_are_not_named(scene: Scene) -> None:
    """Launched more like live, at another address: it is no part of the deploy."""
    lose(scene)
    copy = replace(scene.heap.at("i-17"), id="i-copy", token="", addresses=("10.0.9.9",), uses=())
    scene.heap.add([copy])
    done = recover(scene.ports(), yes)
    assert done.new.live == Live(LIVE, ("10.0.1.17",))
    assert not any("2 machines" in one for one in done.found)


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (("203.0.113.5",), "no deploy"),
        (("10.0.1.17", "10.0.1.9"), " and "),
        (("10.0.1.17", "203.0.113.5"), "only some of the addresses"),
    ],
)
def test_who_is_live_is_not_guessed(scene: Scene, at: tuple[str, ...], says: str) -> None:
    """The record must name the machines of one deploy, all of it."""
    lose(scene)
    scene.ledgers.point(scene.address, *at)
    with pytest.raises(Refused, match=says):
        recover(scene.ports(), yes)
    assert scene.ledgers.zone.texts == {}


def test_without_a_record_nobody_is_live(scene: Scene) -> None:
    """Whoever served is kept as previous: nothing is lost."""
    lose(scene)
    scene.ledgers.point(scene.address)
    recover(scene.ports(), yes)
    assert scene.ledger.live is None
    assert {one.id for one in scene.ledger.previous} == {LIVE, OLD}


def test_an_adopted_machine_is_named(scene: Scene) -> None:
    """It has no birth to prove: its hold says that people put it there."""
    scene.heap.change("i-17", token="by-hand", tags={t.HOLD: t.HELD_BY_ADOPTION})
    lose(scene)
    recover(scene.ports(), yes)
    assert scene.ledger.live == CLEAN.live


def test_a_ledger_that_came_back_meanwhile_wins(scene: Scene) -> None:
    """It was restored while a person was reading: the swap is against what was read."""
    lose(scene)
    scene.ledgers.meddlers.append(lambda: setattr(scene, "ledger", CLEAN))
    with pytest.raises(SwapLost):
        recover(scene.ports(), yes)
    assert scene.ledger == CLEAN
