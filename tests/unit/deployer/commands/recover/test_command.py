"""Recover: the ledger written anew from the labels, above every generation seen anywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.abort import abort
from deployer.commands.recover.command import Recovery, Word, recover
from reconciler.errors import (
    CannotConnect,
    CloudError,
    DatabaseError,
    DirtRemains,
    LedgerUnknown,
    Refused,
    SwapLost,
)
from reconciler.machine.unit_control import Act, obey
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Cutover, Kept, Lease, Ledger, LedgerHome, Live, Previous, Via
from reconciler.model.ledger_codec import encode
from reconciler.model.resource import DATABASE, INSTANCE, Gap
from reconciler.model.tags import Label
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    GATE,
    LEDGER,
    LIVE,
    NOW,
    OLD,
    PLACE,
    resources,
)

HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
RESTORED = LEDGER.replace("Z1/", "Z0/")
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
    assert [(one.id, one.count, one.via) for one in scene.ledger.previous] == [
        (OLD, 1, Via.PRIVATE)
    ]
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
    assert done.old.exists
    assert done.new.gen > 2
    assert scene.ledger.previous == rejected


def test_everything_is_shown_before_anything_is_written(scene: Scene) -> None:
    """A no writes nothing."""
    lose(scene)
    shown: list[Recovery] = []

    def no(recovery: Recovery) -> None:
        shown.append(recovery)
        raise Refused("a no")

    with pytest.raises(Refused, match="a no"):
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
    assert done.new.live == Live(LIVE, ("10.0.1.17",), via=Via.PRIVATE)
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


@pytest.mark.parametrize("lost", [True, False], ids=["ledger lost", "ledger there"])
@pytest.mark.parametrize("label", ["live", "pending", "retired"])
def test_rule_14_without_a_record_nobody_is_unlived(
    scene: Scene, label: str, *, lost: bool
) -> None:
    """A record that is gone, or misspelt, never makes who is live a previous one.

    Not by the labels either: whoever went live a moment ago is still labelled `pending`.
    """
    _relabel_live(scene, label)
    if lost:
        lose(scene)
    scene.ledgers.point(scene.address)
    before = dict(scene.ledgers.zone.texts)
    with pytest.raises(Refused, match="would unlive it") as refused:
        recover(scene.ports(), yes)
    assert scene.ledgers.zone.texts == before
    if not lost:
        assert "make it again: 10.0.1.17" in refused.value.cure
        assert f"deployer retire shop --nobody-live {LIVE}" in refused.value.cure


def _relabel_live(scene: Scene, label: str) -> None:
    for one in list(scene.heap.ids):
        if scene.heap.at(one).deploy == LIVE:
            scene.heap.change(one, tags={t.STATE: label})


def test_a_closed_service_whose_ledger_is_lost(scene: Scene) -> None:
    """By a person's word: who served is kept as previous, nothing is lost."""
    _relabel_live(scene, "retired")
    lose(scene)
    scene.ledgers.point(scene.address)
    with pytest.raises(Refused, match="has no A record") as refused:
        recover(scene.ports(), yes)
    assert "deployer recover shop --nobody-live" in refused.value.cure
    recover(scene.ports(), yes, Word(nobody_live=True))
    assert scene.ledger.live is None
    assert {one.id for one in scene.ledger.previous} == {LIVE, OLD}
    recover(scene.ports(), yes)  # now the ledger says that it is closed
    assert scene.ledger.live is None


def test_an_adopted_machine_is_named(scene: Scene) -> None:
    """It has no birth to prove: its hold says that people put it there, the ledger which it is."""
    scene.heap.change("i-17", token="by-hand", tags={t.HOLD: t.HELD_BY_ADOPTION})
    lose(scene)
    recover(scene.ports(), yes)
    assert scene.ledger.live == Live(LIVE, ("10.0.1.17",), ("i-17",), Via.PRIVATE)


def test_rule_12_the_home_is_written_and_another_is_refused(scene: Scene) -> None:
    """What is written anew knows whose it is; another service's ledger is not written over."""
    recover(scene.ports(), yes)
    assert scene.ledger.home == HOME
    other = replace(HOME, record="www.example.com")
    scene.ledgers.put(scene.address, replace(scene.ledger, home=other))
    before = scene.ledger
    with pytest.raises(LedgerUnknown, match=r"www\.example\.com") as refused:
        recover(scene.ports(), yes)
    assert "shop.example.com" in refused.value.message
    assert scene.ledger == before


def test_a_living_lease_is_ended_apart(scene: Scene) -> None:
    """It is shown with what would be garbage; a yes to the ledger is no word about the holder."""
    lease = Lease(DEAD, NOW + timedelta(minutes=5), "copy")
    scene.ledger = replace(CLEAN, lease=lease)
    scene.heap.add(
        one for one in resources(DEAD, "v1.4.9", Label.PENDING, 41) if one.kind != DATABASE
    )
    shown: list[Recovery] = []

    def look(recovery: Recovery) -> bool:
        shown.append(recovery)
        return True

    with pytest.raises(Refused, match="may be at work") as refused:
        recover(scene.ports(), look)
    assert scene.ledger.lease == lease
    assert shown[0].lease == lease
    assert any(str(DEAD) in one for one in shown[0].garbage)
    assert "--end-lease" in refused.value.cure
    recover(scene.ports(), yes, Word(end_lease=True))
    assert scene.ledger.lease is None


def restore_zone(scene: Scene) -> None:
    """The resources name a zone that was deleted; its restored one has another id."""
    for one in list(scene.heap.ids):
        if scene.heap.at(one).tags.get(t.LEDGER) == LEDGER:
            scene.heap.change(one, tags={t.LEDGER: RESTORED})


def test_tags_that_failed_after_the_ledger_are_written_by_the_same_command(scene: Scene) -> None:
    """Exit 4, for the ledger is written; the cure is pasted."""
    restore_zone(scene)
    scene.compute.failing["tag"] = CloudError("ec2:CreateTags did not answer")
    with pytest.raises(DirtRemains, match="is written, but not everything followed") as failed:
        recover(scene.ports(), yes)
    assert failed.value.cure == "To finish it         deployer recover shop"
    scene.compute.failing.clear()
    recover(scene.ports(), yes)
    assert scene.heap.at("i-17").tags[t.LEDGER] == LEDGER


def test_a_restored_zone_is_proved_and_the_things_are_tagged_anew(scene: Scene) -> None:
    """Its id is another, its name is not: `was` names the old id, and all goes on (rule 12)."""
    restore_zone(scene)
    unknown = scene.plan().unknown
    assert "deleted and restored" in unknown[0].problem
    assert not scene.sweep().clean
    assert scene.did("delete", "label", "swap") == []
    done = recover(scene.ports(), yes)
    assert any("Z0" in one for one in done.doubts)
    assert scene.ledger.was == (RESTORED,)
    assert scene.ledger.live == CLEAN.live
    assert scene.heap.at("i-17").tags[t.LEDGER] == LEDGER
    assert scene.plan().unknown == ()


def test_a_ledger_that_came_back_meanwhile_wins(scene: Scene) -> None:
    """It was restored while a person was reading: the swap is against what was read."""
    lose(scene)
    scene.ledgers.meddlers.append(lambda: setattr(scene, "ledger", CLEAN))
    with pytest.raises(SwapLost):
        recover(scene.ports(), yes)
    assert scene.ledger == CLEAN


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def test_an_image_whose_machine_is_gone_does_not_keep_a_service_unknown(scene: Scene) -> None:
    """People ended an old machine by hand, then the ledger was lost: recover has to cure that."""
    for kind, id_ in list(scene.heap.held):
        if id_ in ("i-9", "vol-9", "eni-9"):
            del scene.heap.held[(kind, id_)]
    scene.ledger = replace(CLEAN, gen=2, previous=())
    assert scene.plan().unknown
    recover(scene.ports(), lambda _: True)
    assert [one.id for one in scene.ledger.previous] == [OLD]
    assert not scene.plan().unknown


def test_a_rejected_deploy_stays_rejected(scene: Scene) -> None:
    """Otherwise the next rollback, which takes the newest good one, goes back to it."""
    left = Previous(OLD, NOW - timedelta(hours=1), rejected=True, count=1, via=Via.PRIVATE)
    evidence = Kept(DEAD, NOW + timedelta(hours=1))
    scene.ledger = replace(CLEAN, previous=(left,), kept=(evidence,))
    recover(scene.ports(), lambda _: True)
    assert scene.ledger.previous == (left,)
    assert scene.ledger.kept == (evidence,)


def test_a_public_service_goes_back_to_public_addresses(scene: Scene) -> None:
    """A record that holds public addresses never gets a private one."""
    for id_, private, second, public in (
        ("i-17", "10.0.1.17", "10.0.1.18", "203.0.113.17"),
        ("i-9", "10.0.1.9", "10.0.1.10", "203.0.113.9"),
    ):
        scene.heap.change(id_, addresses=(private, second, public), public=(public,))
    scene.ledgers.zone.texts.clear()
    scene.ledgers.point(scene.address, "203.0.113.17")
    recover(scene.ports(), lambda _: True)
    assert scene.ledger.live == Live(LIVE, ("203.0.113.17",), via=Via.PUBLIC)
    assert [(one.count, one.via) for one in scene.ledger.previous] == [(1, Via.PUBLIC)]


def test_an_abort_that_came_too_late_does_not_say_that_it_aborted(scene: Scene) -> None:
    """Between the question and its answer the release went live."""
    lease = Lease(DEAD, NOW + timedelta(minutes=9), "smoke")
    held = replace(CLEAN, lease=lease)
    cut = Cutover(DEAD, ("10.0.1.41",), LIVE, NOW)
    scene.ledger = ledgers.commit(held, DEAD, cut)
    with pytest.raises(Refused, match="went live"):
        abort(scene.ports(), lease)


def test_an_empty_ledger_is_not_written(tmp_path: Path) -> None:
    """Nothing of the service is found: a ledger that roots nothing would block a move to it."""
    scene = Scene(tmp_path, ())
    lose(scene)
    scene.ledgers.point(scene.address)
    with pytest.raises(Refused, match="nothing to recover"):
        recover(scene.ports(), yes)
    assert not scene.did("swap")


def test_rule_12_another_name_may_be_the_real_one(scene: Scene) -> None:
    """No ledger says which name the service has, and clients come by another than the record."""
    lose(scene)
    scene.ledgers.zone.records["www.example.com"] = scene.ledgers.zone.records["shop.example.com"]
    with pytest.raises(Refused, match=r"www\.example\.com leads to machines"):
        recover(scene.ports(), yes)
    assert not scene.did("swap")


def test_rule_12_a_record_that_another_ledger_has_gets_no_second_one(scene: Scene) -> None:
    """Two ledgers of one record would take production from each other."""
    lose(scene)
    text = encode(replace(CLEAN, home=HOME)).replace("shop/", "blog/")
    scene.ledgers.zone.texts["blog._deploy.example.com"] = (text, 60)
    with pytest.raises(Refused, match="belongs to the ledger blog"):
        recover(scene.ports(), yes)
    assert not scene.did("swap")


def test_rule_14_a_record_at_a_retired_deploy_needs_a_word(scene: Scene) -> None:
    """A person pointed it there, or the zone is an old backup: live's writes would be left."""
    lose(scene)
    scene.ledgers.point(scene.address, "10.0.1.9")
    with pytest.raises(Refused, match="which is retired"):
        recover(scene.ports(), yes)
    assert not scene.did("swap")
    recover(scene.ports(), yes, Word(replace=str(LIVE)))
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == OLD


def damaged(scene: Scene, ledger: Ledger) -> None:
    """Somebody edited the TXT record: it is no ledger any more."""
    scene.ledger = ledger
    text, ttl = scene.ledgers.zone.texts[scene.address.name]
    scene.ledgers.zone.texts[scene.address.name] = (text.replace("gen=", "gen=x"), ttl)


def test_a_rejected_release_stays_rejected(scene: Scene) -> None:
    """The labels do not say it, the damaged text does: no rollback may choose it."""
    rejected = tuple(replace(one, rejected=True) for one in CLEAN.previous if one.id == OLD)
    damaged(scene, replace(CLEAN, previous=rejected))
    recover(scene.ports(), yes)
    assert [(one.id, one.rejected) for one in scene.ledger.previous] == [(OLD, True)]


def test_a_release_at_work_is_not_ended_by_a_damaged_ledger(scene: Scene) -> None:
    """Its lease still stands in the text; `--yes` alone is no word about its holder."""
    damaged(scene, replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=5), "copy")))
    scene.heap.add(
        one for one in resources(DEAD, "v1.4.9", Label.PENDING, 41) if one.kind != DATABASE
    )
    with pytest.raises(Refused, match="may be at work") as refused:
        recover(scene.ports(), yes)
    assert str(DEAD) in refused.value.message
    assert "garbage afterwards: " in refused.value.detail
    recover(scene.ports(), yes, Word(end_lease=True))
    assert scene.ledger.lease is None
