"""What holds of a plan in any world: found by search, not by example."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from reconciler.gc import ownership
from reconciler.gc.desired_state import DESIRED
from reconciler.gc.verdict import Reason, Role
from reconciler.model import ledger as ledgers
from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.resource import APART, DATABASE, IMAGE, INSTANCE, RDS_INSTANCE, Gap, Resource
from reconciler.model.tags import Label
from reconciler.plan.service_plan import ServicePlan, wave
from reconciler.plan.standby import Standby, units_of, units_tag
from reconciler.sweep.runner import ROUNDS
from tests.support.shared_databases import databases, users
from tests.support.shop_world import HOME, LEDGER, PLACE
from tests.support.strategies import World, strangers, worlds

HOLDS = ("wait", "", " ")
"""Values of the tag: its presence holds."""

# What holds in any world.


@given(worlds())
def test_every_thing_has_its_verdict_and_its_reason(world: World) -> None:
    """Keep and collect together are all that is the service's, each once and with words."""
    service_plan = world.plan
    mine = [one for one in world.inventory.resources if one.deploy and one.deploy.service == "shop"]
    assert [one.resource.key for one in service_plan.verdicts] == [one.key for one in mine]
    assert all(one.text for one in service_plan.verdicts)
    assert {one.resource.key for one in service_plan.deletes} == {
        one.resource.key for one in service_plan.verdicts if one.collect
    }
    event("unknown" if service_plan.problem else f"deletes: {bool(service_plan.deletes)}")


@given(worlds())
def test_only_what_is_proved_ours_and_dead_is_ever_deleted(world: World) -> None:
    """Never rooted, foreign, held, in doubt, shared, witnessed, unlabelled or of an unknown scope.

    Said again in other words than the rules': from the ledger after the plan's own swaps.
    """
    service_plan = world.plan
    after = _after(world.root.ledger, service_plan, world)
    things_here = ownership.index(world.inventory.resources, PLACE)
    for one in (verdict.resource for verdict in service_plan.deletes):
        assert not users(after, one) if one.kind == DATABASE else one.deploy not in after.rooted
        assert one.tags[t.LEDGER] == HOME.ledger
        assert one.tags[t.PART] == f"{one.kind}@{PLACE.account}/{PLACE.region}"
        assert not [key for key in one.tags if key.startswith("aws:") or key == t.HOLD]
        assert ownership.doubt(one, HOME, things_here) == ""
        assert not one.shared
        assert not set(one.addresses) & set(world.root.record)
        gone = one.deploy in service_plan.forget
        assert gone or one.tags[t.STATE] in ("pending", "failed", "left")
    if service_plan.deletes:
        assert world.root.fence <= world.root.ledger.gen
        assert not world.root.problem
        assert {gap.kind for gap in world.inventory.gaps} <= {DATABASE}


@given(worlds())
def test_the_database_that_live_uses_is_neither_dropped_nor_shut(world: World) -> None:
    """Whoever made it, and whatever became of that deploy: kept, and its repair opens it.

    One that rooted deploys share is never dropped, and never opened for one that is not live.
    """
    service_plan = world.plan
    after = _after(world.root.ledger, service_plan, world)
    live = after.live.id if after.live else None
    for repair in service_plan.repairs:
        for one in databases(service_plan.resources(repair)):
            assert (live in users(after, one)) == (repair.role is Role.LIVE)
    for one in (verdict.resource for verdict in service_plan.deletes):
        assert one.kind != DATABASE or not users(after, one)
    event(f"shared: {any(after.database_of(one) != one for one in after.rooted)}")


@given(worlds())
def test_what_a_name_leads_to_is_neither_forgotten_nor_deleted(world: World) -> None:
    """Of a deploy any of whose addresses stands under any name nothing goes (rules 9 and 13).

    Where the names could not be read, nothing goes of what once served and still has an address,
    but a database of a deploy that is kept and uses another's.
    """
    names, record = world.root.names, set(world.root.record)
    service_plan = world.plan
    rooted = _after(world.root.ledger, service_plan, world).rooted
    at = {one.deploy: set[str]() for one in world.inventory.resources}
    for one in world.inventory.resources:
        at[one.deploy] |= set(one.addresses)
    held = {address for found in names.held.values() for address in found}
    for deploy in {one.resource.deploy for one in service_plan.deletes}:
        assert not at[deploy] & (held | record)
        served = any(
            one.label is Label.LEFT for one in world.inventory.resources if one.deploy == deploy
        )
        assert not (names.problem and served and at[deploy]) or deploy in rooted
    assert not [one for one in service_plan.forget if at.get(one, set()) & held]
    assert not (names.problem and service_plan.forget)
    event(f"names: {bool(held)}, kept by one: {bool(service_plan.witnesses)}")


@given(worlds())
def test_what_is_deleted_is_used_by_nothing_that_stays(world: World) -> None:
    """In either direction, and whoever the user is."""
    ids = {one.resource.id for one in world.plan.deletes}
    for one in world.inventory.resources:
        if one.id in ids:
            assert set(one.used_by) <= ids
        else:
            assert not set(one.uses) & ids


@given(worlds(), st.lists(st.sampled_from([*Label, "", "nonsense"]), min_size=40, max_size=40))
def test_labels_protect_and_never_condemn(world: World, labels: list[str]) -> None:
    """Whatever is written on things, what the ledger names afterwards is not deleted."""
    resources = tuple(
        replace(one, tags={**one.tags, t.STATE: str(label)})
        for one, label in zip(world.inventory.resources, labels, strict=False)
    )
    other = world.holding((*resources, *world.inventory.resources[len(resources) :]))
    service_plan = other.plan
    after = _after(world.root.ledger, service_plan, other)
    for one in (verdict.resource for verdict in service_plan.deletes):
        assert not users(after, one) if one.kind == DATABASE else one.deploy not in after.rooted


@given(worlds(), st.randoms(use_true_random=False))
def test_the_same_world_gives_the_same_plan(world: World, random: Any) -> None:
    """A plan can be shown, compared and applied: it depends on nothing but the world."""
    assert replace(world).plan == world.plan
    shuffled = list(world.inventory.resources)
    random.shuffle(shuffled)
    other = world.holding(tuple(shuffled)).plan
    service_plan = world.plan
    assert [one.resource for one in other.deletes] == [one.resource for one in service_plan.deletes]
    assert [(one.role, one.deploy) for one in other.repairs] == [
        (one.role, one.deploy) for one in service_plan.repairs
    ]
    assert (other.end, other.forget, other.readdress, other.notes) == (
        service_plan.end,
        service_plan.forget,
        service_plan.readdress,
        service_plan.notes,
    )


@given(worlds())
def test_deletions_are_sorted(world: World) -> None:
    """By wave, then by id: nothing is deleted before what uses it."""
    order = [(wave(one.resource), one.resource.id) for one in world.plan.deletes]
    assert order == sorted(order)


@given(worlds(), st.sampled_from(ownership.KINDS))
def test_a_page_that_was_not_read_adds_no_deletion(world: World, kind: str) -> None:
    """Knowing less never condemns: a kind is hidden, and said to be.

    But for one thing, which the README states: RDS may be out of reach where all else is done, and
    then a label that stands there alone does not tell that the ledger is older than it should be.
    """
    assume(kind not in APART or not world.plan.problem)
    seen = tuple(one for one in world.inventory.resources if one.kind != kind)
    less = world.holding(seen, Gap(PLACE, kind, "throttled"))
    assert less.deleted <= world.deleted


@given(worlds(), strangers())
def test_strangers_change_no_verdict_on_ours(world: World, others: tuple[Resource, ...]) -> None:
    """Another company may do in its account what it likes."""
    known = {one.key for one in world.inventory.resources}
    more = tuple(one for one in others if one.key not in known)
    both = world.holding((*world.inventory.resources, *more)).plan
    before = {one.resource.key: one.reason for one in world.plan.verdicts}
    after = {one.resource.key: one.reason for one in both.verdicts}
    assert {key: after[key] for key in before} == before
    assert (both.end, both.forget, both.repairs) == (
        world.plan.end,
        world.plan.forget,
        world.plan.repairs,
    )


@given(worlds(), st.sampled_from(HOLDS))
def test_a_held_thing_is_never_deleted(world: World, reason: str) -> None:
    """The tag on each thing, whatever it says, and there is nothing left to delete (rule 16)."""
    held = tuple(
        replace(one, tags={**one.tags, t.HOLD: reason}) for one in world.inventory.resources
    )
    assert not world.holding(held).deleted


@given(worlds(), st.sampled_from(HOLDS))
def test_a_held_machine_keeps_what_it_needs(world: World, reason: str) -> None:
    """Only machines are held: neither database nor image of their releases goes (rule 16)."""
    held = tuple(
        replace(one, tags={**one.tags, t.HOLD: reason}) if one.kind == INSTANCE else one
        for one in world.inventory.resources
    )
    releases = {
        one.deploy for one in held if one.kind == INSTANCE and one.tags.get(t.LEDGER) == LEDGER
    }
    gone = {
        one.resource.deploy for one in world.holding(held).plan.deletes if _is_needed(one.resource)
    }
    assert not gone & releases


def _is_needed(one: Resource) -> bool:
    return one.kind in (DATABASE, RDS_INSTANCE, IMAGE)


@given(worlds())
def test_an_applied_plan_leaves_nothing_to_do(world: World) -> None:
    """Carried out, it is empty within the rounds that a sweep makes; and it was never in vain."""
    for _ in range(ROUNDS):
        service_plan = world.plan
        if service_plan.empty:
            return
        world = _applied(world, service_plan)
    assert world.plan.empty


def _after(ledger: Ledger, service_plan: ServicePlan, world: World) -> Ledger:
    """The ledger after the plan's swaps, by the transitions' own rules."""
    if service_plan.end:
        operator = not ledgers.expired(service_plan.end, world.root.now)
        ending = Ending(service_plan.end, world.root.now, operator=operator)
        ledger = ledgers.end(ledger, ending)
    if service_plan.readdress:
        ledger = ledger_transitions.readdress(ledger, service_plan.readdress)
    for deploy in service_plan.forget:
        ledger = ledgers.forget(ledger, deploy)
    return ledger


def _applied(world: World, service_plan: ServicePlan) -> World:
    """The world after everything in the plan went well."""
    gone = {one.resource.key for one in service_plan.deletes}
    verdicts = {one.resource.key: one for one in service_plan.verdicts}
    repaired = {(one.deploy, one.role) for one in service_plan.repairs}
    rests = {one.machine.key: one.stage for one in service_plan.rests}

    def mend(one: Resource) -> Resource:
        verdict = verdicts.get(one.key)
        if one.key in rests:
            stage = rests[one.key]
            told = {**one.tags, t.UNITS: units_tag(units_of(one.tags[t.UNITS]), stage)}
            return replace(
                one, tags=told, state="stopped" if stage is Standby.PARKED else one.state
            )
        role = verdict.reason if verdict else None
        if one.deploy in service_plan.forget and role not in (Reason.FOREIGN, Reason.LOOK_ALIKE):
            one = replace(one, tags={**one.tags, t.STATE: "left"})
        if verdict is None or not isinstance(role, Role) or (verdict.deploy, role) not in repaired:
            return one
        wanted = DESIRED[role]
        if one.kind != DATABASE:
            told = {t.UNITS: world.root.units} if one.kind == INSTANCE else {}
            return replace(one, tags={**one.tags, t.STATE: wanted.label.value, **told})
        state = {True: "open", False: "shut", None: one.state}[wanted.writable]
        return replace(one, state=state)

    left = tuple(mend(one) for one in world.inventory.resources if one.key not in gone)
    record = service_plan.readdress or world.root.record
    after = _after(world.root.ledger, service_plan, world)
    return replace(world.holding(left), root=replace(world.root, ledger=after, record=record))
