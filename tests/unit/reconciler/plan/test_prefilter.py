"""A sweep that describes only what is not plainly kept does what one does that describes all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, event, given

from reconciler.gc.retention import Retention, StandbyPolicy
from reconciler.gc.verdict import Root
from reconciler.model import tags as t
from reconciler.model.ledger import acquire
from reconciler.model.resource import DATABASE, INSTANCE, VOLUME, Inventory, Resource
from reconciler.model.tag_summary import KEYS, Group, TagSummary, grouped
from reconciler.model.tags import AccountRegion, Label
from reconciler.plan.prefilter import choose
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from reconciler.sweep.indexed_scan import look_at
from reconciler.sweep.snapshot import alive
from tests.fakes.inventory import FakeHeap
from tests.support.shop_world import ALL, CLEAN, HOME, LIVE, NOW, OLD, PLACE, UNITS, deploy
from tests.support.strategies import World, worlds

ROOT = Root(HOME, NOW, CLEAN, ("10.0.1.17",))


def glanced(world: World) -> Inventory:
    """What the thin look sees of a world."""
    databases = tuple(one for one in world.inventory.resources if one.kind == DATABASE)
    tagged = [one for one in world.inventory.resources if one.kind != DATABASE and t.ID in one.tags]
    seen = [_look(world, place, tagged, databases) for place in {one.place for one in tagged}]
    resources = [resource for one in seen for resource in one.resources]
    resources += databases
    plain = {key: count for one in seen for key, count in one.plain.items()}
    ordered = tuple(sorted(resources, key=lambda one: one.key))
    return Inventory(ordered, world.inventory.gaps, plain=plain)


def _look(
    world: World, place: AccountRegion, tagged: list[Resource], databases: tuple[Resource, ...]
) -> Inventory:
    heap = FakeHeap(place=place)
    heap.add(one for one in tagged if one.place == place)
    tag_summary = heap.tag_summary()
    choice = choose(tag_summary, databases, {"shop": world.root}, {"shop": world.ask})
    return look_at(heap, tag_summary, choice)


def acts(service_plan: ServicePlan) -> object:
    """All that a plan does."""
    deletes = sorted((one.resource.key, one.text) for one in service_plan.deletes)
    repairs = [
        (one.deploy, one.role, sorted(_keys(service_plan.resources(one))))
        for one in service_plan.repairs
    ]
    swaps = (service_plan.end, service_plan.forget, service_plan.readdress)
    rests = sorted((one.machine.id, one.stage) for one in service_plan.rests)
    return deletes, repairs, rests, swaps, service_plan.problem, service_plan.notes


def _keys(resources: Iterable[Resource]) -> list[tuple[str, str, str]]:
    return [one.key for one in resources]


# A world of many resources is long in words; it is shortened before it is shown.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(worlds())
def test_it_does_the_same_in_any_world(world: World) -> None:
    """Whatever is not described would have been kept, and nothing of it would have been mended."""
    assume(not world.ask.unfinished_only and not world.root.problem)
    ordered = sorted(alive(world.inventory).resources, key=lambda one: one.key)
    whole = world.holding(tuple(ordered))
    thin = replace(world, inventory=glanced(whole))
    assert acts(thin.plan) == acts(whole.plan)
    event(f"kept unseen: {bool(thin.inventory.plain)}")


@pytest.mark.parametrize(
    ("units", "state", "rests"),
    [
        (UNITS, "running", True),
        (f"{UNITS} drained", "running", True),
        (f"{UNITS} parked", "running", True),
        (f"{UNITS} parked", "stopped", False),
        ("of yesterday parked", "stopped", False),
    ],
)
def test_machines_that_are_due_for_rest_are_described(units: str, state: str, rests: bool) -> None:
    """A tag that says `parked` may have come late: only EC2 knows whether the machine runs."""
    old = [one for one in ALL if one.deploy == OLD and one.kind == INSTANCE]
    machine = replace(old[0], state=state, tags={**old[0].tags, t.UNITS: units})
    policy = StandbyPolicy(timedelta(minutes=1), "stop", timedelta(minutes=30))
    ask = SweepRequest(Retention(standby=policy), 60)
    root = replace(ROOT, units=UNITS)
    world = World(Inventory((machine,)), root, ask)
    thin = replace(world, inventory=glanced(world))
    assert [one.id for one in thin.inventory.resources] == [machine.id]
    assert bool(thin.plan.rests) is rests
    assert thin.plan.repairs == ()


@pytest.mark.parametrize(("units", "rests"), [(UNITS, True), (f"{UNITS} drained", False)])
def test_machines_that_run_on_are_described_until_they_are_drained(units: str, rests: bool) -> None:
    """With `park = "run"` the tag says all: a fleet of them costs a sweep no description."""
    old = [one for one in ALL if one.deploy == OLD and one.kind == INSTANCE]
    machine = replace(old[0], state="running", tags={**old[0].tags, t.UNITS: units})
    policy = StandbyPolicy(timedelta(minutes=1), "run", timedelta(minutes=30))
    root = replace(ROOT, units=UNITS)
    world = World(Inventory((machine,)), root, SweepRequest(Retention(standby=policy), 60))
    thin = replace(world, inventory=glanced(world))
    assert bool(thin.inventory.resources) is rests
    assert bool(thin.plan.rests) is rests
    assert bool(world.plan.rests) is rests


@given(worlds())
def test_what_is_not_described_is_counted(world: World) -> None:
    """Described, or plainly kept and of one of the deploys that the ledger names."""
    assume(not world.root.problem)
    seen = glanced(world)
    mine = [one for one in world.inventory.resources if one.deploy and one.deploy.service == "shop"]
    shown = {one.key for one in seen.resources}
    hidden = [one for one in mine if one.key not in shown]
    assert sum(seen.plain.values()) == len(hidden)
    assert {one.deploy for one in hidden} <= set(world.root.ledger.rooted)


def census_of(*resources: Resource) -> TagSummary:
    """The index of these things."""
    rows = ((one.kind, one.id, key, one.tags.get(key, "")) for one in resources for key in KEYS)
    return TagSummary(PLACE, grouped(rows))


def wanted(tag_summary: TagSummary, root: Root = ROOT) -> set[str]:
    """Ids of what is described."""
    found = choose(tag_summary, (), {"shop": root}, {"shop": SweepRequest()}).wanted
    return {one for ids in found.values() for one in ids}


@pytest.fixture
def healthy() -> TagSummary:
    """Live and previous machines, labelled as they should be; the record names one of two."""
    more = [replace(one, id=f"{one.id}-2") for one in ALL if one.deploy == LIVE]
    kept = [one for one in ALL if one.deploy in CLEAN.rooted and one.kind != DATABASE]
    return census_of(*kept, *(one for one in more if one.kind != DATABASE))


def test_nothing_of_a_healthy_service_is_described(healthy: TagSummary) -> None:
    """That is the point."""
    assert wanted(healthy) == set()


@pytest.mark.parametrize(
    "root",
    [
        replace(ROOT, record=("203.0.113.9",)),
        replace(ROOT, ledger=replace(CLEAN, live=None)),
    ],
    ids=["the record was moved", "nobody is live"],
)
def test_an_odd_service_is_described_whole(healthy: TagSummary, root: Root) -> None:
    """Only addresses tell what is wrong."""
    assert wanted(healthy, root) == {one for ids in healthy.groups.values() for one in ids}


@pytest.mark.parametrize(
    ("state", "label", "whole"),
    [("shut", "retired", False), ("open", "retired", True), ("shut", "live", True)],
)
def test_what_may_not_be_forgotten_after_all_is_repaired(
    healthy: TagSummary, state: str, label: str, whole: bool
) -> None:
    """A forgetting may be kept from happening: then a deviation of that deploy is a repair."""
    (shut,) = (one for one in ALL if one.deploy == OLD and one.kind == DATABASE)
    groups = {
        group._replace(label=label) if group.deploy == str(OLD) else group: ids
        for group, ids in healthy.groups.items()
    }
    ask = SweepRequest(Retention(keep=0))
    census = TagSummary(PLACE, groups)
    found = choose(census, (replace(shut, state=state),), {"shop": ROOT}, {"shop": ask})
    assert (LIVE in {deploy for deploy, _ in found.plain}) is not whole


def test_a_wrong_label_describes_its_whole_service(healthy: TagSummary) -> None:
    """A repair needs every thing of its deploy, and of the one that takes over."""
    first = next(
        group for group in healthy.groups if group.deploy == str(LIVE) and group.kind == VOLUME
    )
    wrong = {**healthy.groups, first._replace(label="pending"): healthy.groups[first]}
    del wrong[first]
    everything = {one for ids in wrong.values() for one in ids}
    assert wanted(replace(healthy, groups=wrong)) == everything


def test_nobody_looks_at_labels_under_a_lease(healthy: TagSummary) -> None:
    """What is under way is its holder's business."""
    held = acquire(CLEAN, deploy(0, "zzzzz"), NOW + timedelta(minutes=10))
    wrong = {group._replace(label="pending"): ids for group, ids in healthy.groups.items()}
    assert wanted(replace(healthy, groups=wrong), replace(ROOT, ledger=held)) == set()


def test_the_machines_of_a_record_that_names_each_are_described() -> None:
    """A stop and start may have changed their addresses (rule 11); nothing else is looked at."""
    kept = [one for one in ALL if one.deploy in CLEAN.rooted and one.kind != DATABASE]
    machines = {one.id for one in kept if one.kind == INSTANCE and one.deploy == LIVE}
    assert wanted(census_of(*kept)) == machines


def test_what_has_no_id_is_in_no_group() -> None:
    """Half a row is nobody's; a label that is missing is ''."""
    rows = [(VOLUME, "vol-1", t.STATE, "live"), (VOLUME, "vol-2", t.ID, "shop/x")]
    assert grouped(rows) == {Group(VOLUME, "shop/x", ""): ["vol-2"]}


def test_labels_that_protect_do_not_condemn() -> None:
    """A label that nobody knows is looked at, not taken for the right one."""
    one = Resource(VOLUME, "vol-1", PLACE, {t.ID: str(LIVE), t.STATE: "nonsense"})
    assert Label.LIVE.value not in one.tags.values()
    assert wanted(census_of(one)) == {"vol-1"}
