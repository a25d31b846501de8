"""The sweep: the order of its acts, on fakes that tell everything that was read and done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.errors import Refused
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Role
from reconciler.model import ledger as led
from reconciler.model import tags as t
from reconciler.model.ledger import Kept, Lease, Ledger, Previous
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import DATABASE, INSTANCE, Inventory, Resource
from reconciler.model.tags import AccountRegion, Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from tests.fakes.ledgers import Weather
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, DIED, LIVE, NOW, OLD, PLACE, resources, root
from tests.support.sweeps import (
    CHANGING,
    CROWDED,
    DEAD_DB,
    DEAD_IDS,
    DELETING,
    LIVE_DB,
    NEWER,
    OLD_DB,
    ONE_KEPT,
    fates,
    only_live,
)

# What a sweep does.


def test_a_dead_release_goes_whole(scene: Scene) -> None:
    """Machine with disk and interface, image, snapshot, database; nothing else is touched."""
    before = scene.heap.ids
    result = scene.sweep()
    assert result.clean
    assert set(fates(result).values()) == {OutcomeStatus.GONE}
    assert scene.heap.ids == before - DEAD_IDS
    assert scene.databases == {LIVE_DB, OLD_DB}
    assert scene.did("swap") == []
    assert {one.resource.id for one in scene.told} == DEAD_IDS | {DEAD_DB}


def test_a_clean_world_is_only_read(scene: Scene) -> None:
    """Nothing is written, not even a label or a generation."""
    only_live(scene)
    assert scene.sweep().clean
    assert scene.did(*CHANGING) == []


def test_a_sweep_twice_is_a_sweep_once(scene: Scene) -> None:
    """The second finds nothing to do."""
    scene.sweep()
    scene.acts.clear()
    assert scene.sweep().clean
    assert scene.did(*CHANGING) == []


def test_young_leaves_the_old_alone(scene: Scene) -> None:
    """The minor sweep looks at what may be garbage only, and collects the same."""
    assert scene.sweep(unfinished_only=True).clean
    assert not scene.heap.ids & DEAD_IDS


# Rule 2: the heap first, the ledger last.


def born_between(scene: Scene) -> None:
    """After the first look, whatever it is at, a release begins: lease first, then a machine."""
    newborn = replace(DEAD, suffix="qqqqq")

    def begin(_: str) -> None:
        scene.acts.then = lambda _: None
        scene.ledgers.put(scene.address, replace(CLEAN, lease=Lease(newborn, NOW, "launch")))
        scene.heap.add(resources(newborn, "v2", Label.PENDING, 77)[:-1])

    scene.acts.then = begin


def test_rule_2_heap_before_ledger(scene: Scene) -> None:
    """A deploy born between the two looks is no garbage: its root is read after its things."""
    only_live(scene)
    born_between(scene)
    service_plan = scene.plan().services[0]
    assert service_plan.deletes == ()
    assert scene.acts == ["scan", "read shop"]


def test_rule_2_heap_before_ledger_before_every_wave(scene: Scene) -> None:
    """The collector's second look is in the same order, and at both sides."""
    scene.sweep()
    waves = [n for n, act in enumerate(scene.acts) if act.startswith(DELETING)]
    assert len(waves) == 4
    for wave in waves:
        machines = scene.acts[wave] == "delete i-41"  # their disks and interfaces by their tags
        looks = ["describe", "describe", "tags"] if machines else ["describe"]
        assert scene.acts[wave - len(looks) - 1 : wave] == [*looks, "read shop"]


# Rule 3: un-root by a swap, then delete.


def test_rule_3_an_expired_lease_is_ended_before_its_things_go(scene: Scene) -> None:
    """The swap is the first change of all."""
    scene.ledger = DIED
    result = scene.sweep()
    assert result.clean
    assert result.ended == (DEAD,)
    assert scene.did(*CHANGING)[0] == "swap 45"
    assert {one.status for one in scene.told} == {OutcomeStatus.GONE}  # not even tried before
    assert not scene.heap.ids & DEAD_IDS


def test_rule_3_no_deletion_when_the_swap_is_lost(scene: Scene) -> None:
    """Its holder was alive after all and renewed the lease: then it is no garbage."""
    scene.ledger = DIED
    assert DIED.lease is not None
    alive = led.renew(DIED, DEAD, NOW + timedelta(minutes=10), "start")
    scene.ledgers.meddlers.append(lambda: setattr(scene, "ledger", alive))
    result = scene.sweep()
    assert "changed by somebody else" in result.trouble[0]
    assert scene.did(*CHANGING) == []
    assert scene.ledger == alive


@pytest.mark.parametrize("weather", [Weather.NOT_DONE, Weather.DONE_UNHEARD, Weather.LATE])
def test_rule_4_no_deletion_when_the_swap_is_unclear(scene: Scene, weather: Weather) -> None:
    """In this round nothing goes; a later sweep reads the ledger and goes on from there."""
    scene.ledger = DIED
    scene.ledgers.weather.append(weather)
    first = scene.sweep()
    assert not first.clean
    assert scene.did(*DELETING) == []
    scene.ledgers.deliver()
    assert scene.sweep().clean
    assert not scene.heap.ids & DEAD_IDS


def test_rule_4_a_late_duplicate_changes_nothing(scene: Scene) -> None:
    """The end of a lease arrives twice: the generation has moved on."""
    scene.ledger = DIED
    scene.ledgers.weather.append(Weather.TWICE)
    assert scene.sweep().clean
    stands = led.acquire(scene.ledger, replace(DEAD, suffix="qqqqq"), NOW)
    scene.ledger = stands
    assert scene.ledgers.deliver() == [False]
    assert scene.ledger == stands


def test_rule_3_retention_labels_then_forgets_then_deletes(scene: Scene) -> None:
    """Between label and swap it is still rooted; between swap and deletion it is garbage."""
    only_live(scene)
    scene.ledger = CROWDED
    result = scene.sweep(ONE_KEPT)
    assert result.clean
    assert result.forgotten == (OLD,)
    acts = [one.split()[0] for one in scene.did(*CHANGING)]
    assert acts[:3] == ["label", "swap", "delete"]
    assert {one.status for one in scene.told} == {OutcomeStatus.GONE}  # not even tried before
    assert "label left ami-9 eni-9 i-9 snap-9 vol-9" in scene.acts
    assert "i-9" not in scene.heap.ids
    assert OLD_DB not in scene.databases
    assert scene.ledger.previous == (NEWER,)


def test_rule_3_nothing_is_forgotten_that_could_not_be_labelled(scene: Scene) -> None:
    """It would be not rooted and labelled retired: lost, and the service unknown."""
    only_live(scene)
    scene.ledger = CROWDED
    scene.heap.unlabelled["vol-9"] = "UnauthorizedOperation"
    result = scene.sweep(ONE_KEPT)
    assert "vol-9 could not be labelled" in result.trouble[0]
    assert not result.clean
    assert scene.ledger == CROWDED
    assert scene.did(*DELETING) == []


def test_a_sweep_that_died_between_label_and_swap_is_no_matter(scene: Scene) -> None:
    """Labelled left, yet rooted: kept, and not labelled back beside a sweep that forgets it."""
    only_live(scene)
    scene.heap.change("i-9", tags={t.STATE: "left"})
    assert scene.sweep().clean
    assert scene.did(*CHANGING) == []
    scene.ledger = CROWDED
    assert scene.sweep(ONE_KEPT).forgotten == (OLD,)
    assert "i-9" not in scene.heap.ids


def test_copies_of_what_is_forgotten_are_not_touched(scene: Scene) -> None:
    """A backup in another region has the deploy's tags: it is neither labelled nor in the way."""
    only_live(scene)
    scene.ledger = CROWDED
    scene.heap.add(
        [
            Resource(
                "image",
                "ami-backup",
                AccountRegion(PLACE.account, "us-east-1"),
                {**scene.heap.at("ami-9").tags, "aws:backup:source-resource": "i-9"},
            )
        ]
    )
    before = scene.heap.at("ami-backup")
    assert scene.sweep(ONE_KEPT).clean
    assert scene.heap.at("ami-backup") == before
    assert "i-9" not in scene.heap.ids


def test_evidence_past_its_time_is_forgotten_and_goes(scene: Scene) -> None:
    """`--keep-failed 2h` is over."""
    scene.ledger = replace(CLEAN, kept=(Kept(DEAD, NOW - timedelta(seconds=1)),))
    result = scene.sweep()
    assert (result.clean, result.forgotten) == (True, (DEAD,))
    assert not scene.heap.ids & DEAD_IDS


# Items, scopes, rounds.


def test_one_items_failure_never_stops_the_others(scene: Scene) -> None:
    """A protected machine stays with what it uses; image, snapshot and database go."""
    scene.heap.protected["i-41"] = "OperationNotPermitted: termination protection"
    result = scene.sweep()
    found = fates(result)
    assert found["i-41"] is OutcomeStatus.BLOCKED
    assert {found["ami-41"], found["snap-41"], found[DEAD_DB]} == {OutcomeStatus.GONE}
    assert scene.heap.ids & DEAD_IDS == {"i-41", "vol-41", "eni-41"}
    assert not result.clean
    assert {one.resource.id for one in result.left.services[0].deletes} == {
        "i-41",
        "vol-41",
        "eni-41",
    }


def test_only_one_deploys_things_go(scene: Scene) -> None:
    """A failing release sweeps itself, never a neighbour's leftovers."""
    other = replace(DEAD, suffix="qqqqq")
    scene.heap.add(resources(other, "v2", Label.PENDING, 77)[:-1])
    scene.sweep(SweepRequest(only=other))
    assert "i-77" not in scene.heap.ids
    assert scene.heap.ids >= DEAD_IDS


def test_an_operators_word_ends_a_lease_and_sweeps(scene: Scene) -> None:
    """`abort`: also a lease that still runs."""
    lease = Lease(DEAD, NOW + timedelta(minutes=5), "migrate")
    scene.ledger = replace(CLEAN, lease=lease)
    result = scene.sweep(SweepRequest(only=DEAD, end_lease=lease, operator=True))
    assert (result.ended, result.clean) == ((DEAD,), True)
    assert not scene.heap.ids & DEAD_IDS


def test_what_is_listed_late_is_collected_in_a_later_round(scene: Scene) -> None:
    """EC2's listings lag: a sweep goes on while there is progress."""
    scene.heap.unlisted["snap-41"] = 1
    result = scene.sweep()
    assert result.clean
    assert not scene.heap.ids & DEAD_IDS


def test_a_plan_that_is_refused_is_not_carried_out(scene: Scene) -> None:
    """The breaker sees every plan before anything of it is done."""

    def refuse(_: object) -> None:
        raise Refused("too much at once")

    scene.ledger = DIED
    with pytest.raises(Refused):
        scene.sweep(approve=refuse)
    assert scene.did(*CHANGING) == []


def test_a_later_rounds_plan_is_refused_as_well(scene: Scene) -> None:
    """What comes up while the sweep is under way counts with what it has done."""
    scene.heap.unlisted["snap-41"] = 1
    plans: list[object] = []

    def refuse_the_second(plan: object) -> None:
        plans.append(plan)
        if len(plans) > 1:
            raise Refused("too much at once")

    with pytest.raises(Refused):
        scene.sweep(approve=refuse_the_second)
    assert scene.heap.ids & DEAD_IDS == {"snap-41"}


def test_what_is_left_is_said(scene: Scene) -> None:
    """The result names what there still is to do, with its reason."""
    scene.heap.protected["i-41"] = "protected"
    result = scene.sweep()
    (service_plan,) = result.left.services
    assert service_plan.deletes[0].reason is Reason.UNROOTED
    assert service_plan.deletes[0].resource.kind == INSTANCE
    assert {one.id for one in ALL if one.deploy == LIVE and one.kind != DATABASE} <= scene.heap.ids


RECENT = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=3), ("10.0.1.8",))
BUSY = replace(CLEAN, previous=(RECENT, replace(CLEAN.previous[0], retired=RECENT.retired)))


def planned(ledger: Ledger, resources: tuple[Resource, ...], age: timedelta) -> ServicePlan:
    """What a sweep plans whose listing is so old."""
    roots = {"shop": replace(root(ledger), heap_age=age)}
    return plan(Inventory(resources), roots, {"shop": SweepRequest(Retention(keep=1))}).services[0]


def test_nobody_is_forgotten_who_served_when_the_heap_was_listed() -> None:
    """The listing may lack its things: not labelled `left`, they would count as lost for ever."""
    assert planned(BUSY, ALL, timedelta(0)).forget == (OLD,)
    assert planned(BUSY, ALL, timedelta(minutes=2)).forget == ()


def test_the_label_left_is_not_taken_back() -> None:
    """Another sweep is about to forget that deploy: labelled `retired` again it would be lost."""
    leaving = tuple(
        replace(one, tags={**one.tags, t.STATE: "left"}) if one.deploy == OLD else one
        for one in ALL
    )
    assert [one for one in planned(CLEAN, leaving, timedelta(0)).repairs if one.deploy == OLD] == []


def test_a_deploy_gone_back_to_is_no_longer_leaving() -> None:
    """It serves: the label `left`, which a sweep wrote before it lost its swap, is mended."""
    live = CLEAN.live
    assert live is not None
    leaving = tuple(
        replace(one, tags={**one.tags, t.STATE: "left"}) if one.deploy == live.id else one
        for one in ALL
    )
    repairs = planned(CLEAN, leaving, timedelta(0)).repairs
    assert [one.deploy for one in repairs if one.role is Role.LIVE] == [live.id]
