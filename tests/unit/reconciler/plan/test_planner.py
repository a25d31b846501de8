"""The planner: its order and its scope."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Role, Root
from reconciler.model import tags as t
from reconciler.model.ledger import Kept, Lease, Ledger, Live, Previous
from reconciler.model.resource import DATABASE, INSTANCE, RDS_SNAPSHOT, Gap, Inventory, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Repair, ServicePlan, SweepRequest, wave
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    DIED,
    HOME,
    LIVE,
    NOW,
    OLD,
    PLACE,
    deploy,
    resources,
    root,
    target_group,
)

DEAD_THINGS = {one.id for one in ALL if one.deploy == DEAD}
LEASE = Lease(DEAD, NOW - timedelta(minutes=4), "migrate")


def planned(
    ledger: Ledger = CLEAN,
    resources: tuple[Resource, ...] = ALL,
    ask: SweepRequest | None = None,
    **changes: Any,
) -> ServicePlan:
    """The plan of `shop` in that world; `changes` are of the root."""
    here = {"shop": replace(root(ledger), **changes)}
    return plan(Inventory(resources), here, {"shop": ask or SweepRequest()}).services[0]


def deleted(service_plan: ServicePlan) -> set[str]:
    """Ids of what the plan deletes."""
    return {one.resource.id for one in service_plan.deletes}


def changed(id_: str, **facts: Any) -> tuple[Resource, ...]:
    """The world with one thing changed; `label` is its label."""
    label = facts.pop("label", None)

    def change(one: Resource) -> Resource:
        tags = {**one.tags, t.STATE: label} if label else one.tags
        return replace(one, tags=tags, **facts) if one.id == id_ else one

    return tuple(change(one) for one in ALL)


# What a plan says.


def test_a_clean_service_has_an_empty_plan() -> None:
    """Nothing dead, nothing unfinished: nothing to do."""
    assert planned(resources=tuple(one for one in ALL if one.deploy != DEAD)).empty


def test_rule_3_an_expired_lease_is_ended_before_its_things_go() -> None:
    """The plan's deletions are decided against the ledger that its own swaps will give."""
    service_plan = planned(DIED)
    assert service_plan.end == DIED.lease
    assert deleted(service_plan) == DEAD_THINGS


def test_a_lease_that_runs_protects_and_stops_every_repair() -> None:
    """What is reversible is left alone while anybody holds the lease (rule 10)."""
    held = replace(CLEAN, lease=replace(LEASE, until=NOW))
    service_plan = planned(held, changed("i-17", label="pending"))
    assert service_plan.empty
    assert planned(CLEAN, changed("i-17", label="pending")).repairs == (
        Repair(OLD, Role.PREVIOUS, f"gives up its jobs to {LIVE}"),
        Repair(LIVE, Role.LIVE, "i-17 is labelled pending, should be live"),
    )


def test_an_operator_may_end_a_lease_that_runs() -> None:
    """Also when its holder has renewed it since: the word is about the deploy."""
    held = replace(CLEAN, lease=replace(LEASE, until=NOW))
    seen = replace(LEASE, until=NOW - timedelta(minutes=3), step="image")
    service_plan = planned(held, ask=SweepRequest(only=DEAD, end_lease=seen, operator=True))
    assert service_plan.end == held.lease
    assert deleted(service_plan) == DEAD_THINGS


def test_an_operators_word_is_about_one_deploy() -> None:
    """Another one that has taken the lease since is not ended."""
    other = replace(DEAD, suffix="zzzzz")
    held = replace(CLEAN, lease=Lease(other, NOW, "image"))
    service_plan = planned(held, ask=SweepRequest(only=DEAD, end_lease=LEASE, operator=True))
    assert service_plan.end is None


def test_deletions_run_against_use() -> None:
    """Machines, then what they held, then images, snapshots, databases; by id within."""
    kinds = [one.resource.kind for one in planned().deletes]
    assert kinds == ["instance", "network-interface", "volume", "image", "snapshot", "database"]


def test_a_target_group_is_gone_before_its_machines_are_deleted() -> None:
    """In a wave of its own: a late request may still name it, and finds its machines."""
    group = target_group(DEAD, Label.PENDING, 41)
    machine = next(one for one in ALL if one.id == "i-41")
    assert wave(group) < wave(machine)


def test_only_one_deploys_things_go() -> None:
    """A failing release sweeps itself, not somebody else's leftovers, and forgets nobody."""
    other = replace(DEAD, suffix="zzzzz")
    everything = (*ALL, *resources(other, "v1.4.8", Label.PENDING, 51))
    full = replace(CLEAN, kept=(Kept(replace(DEAD, suffix="yyyyy"), NOW - timedelta(days=1)),))
    service_plan = planned(full, everything, SweepRequest(only=other))
    assert deleted(service_plan) == {one.id for one in everything if one.deploy == other}
    assert service_plan.forget == ()
    assert planned(full, everything).forget


def test_what_somebody_knows_cannot_go_is_passed_by() -> None:
    """A protected machine, and what it uses; everything else of its deploy still goes."""
    [machine] = [one.id for one in ALL if one.deploy == DEAD and one.kind == INSTANCE]
    stay = {machine} | {one.id for one in ALL if machine in one.used_by}
    assert len(stay) > 1
    service_plan = planned(ask=SweepRequest(spare=frozenset({machine})))
    assert deleted(service_plan) == DEAD_THINGS - stay
    assert deleted(planned()) == DEAD_THINGS


def test_what_is_beyond_retention_is_forgotten_and_goes() -> None:
    """In one plan: the database of a previous deploy goes with its machine."""
    service_plan = planned(ask=SweepRequest(Retention(keep=1)))
    assert service_plan.forget == ()
    newer = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=65), ("10.0.1.8",))
    crowded = replace(CLEAN, previous=(newer, *CLEAN.previous))
    service_plan = planned(crowded, ask=SweepRequest(Retention(keep=1)))
    assert service_plan.forget == (OLD,)
    assert deleted(service_plan) == DEAD_THINGS | {one.id for one in ALL if one.deploy == OLD}


def test_nothing_is_forgotten_while_rds_is_out_of_reach() -> None:
    """What cannot be labelled `left` would count as lost once its deploy is forgotten."""
    old = replace(CLEAN, previous=(replace(CLEAN.previous[0], retired=NOW - timedelta(days=400)),))
    asks = {"shop": SweepRequest(Retention(keep=0, keep_for=timedelta(0)))}
    for kind, forgets in ((None, True), (RDS_SNAPSHOT, False), (DATABASE, True)):
        gaps = (Gap(PLACE, kind, "denied"),) if kind else ()
        service_plan = plan(Inventory(ALL, gaps), {"shop": root(old)}, asks).services[0]
        assert bool(service_plan.forget) is forgets, kind


def test_rule_9_what_the_record_names_is_not_forgotten() -> None:
    """Were its address in the record again, un-rooting it would be the first step to an outage."""
    newer = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=65), ("10.0.1.8",))
    crowded = replace(CLEAN, previous=(newer, *CLEAN.previous))
    seen = tuple(one for one in ALL if one.deploy == LIVE)
    service_plan = planned(
        crowded, seen, SweepRequest(Retention(keep=1)), record=("10.0.1.17", "10.0.1.9")
    )
    assert service_plan.forget == ()


def test_who_serves_least_is_repaired_first() -> None:
    """A deploy that was left gives up jobs and writes before the live one takes them."""
    kept = replace(CLEAN, kept=(Kept(DEAD, NOW + timedelta(hours=1)),))
    wrong = tuple(replace(one, tags={**one.tags, t.STATE: "nonsense"}) for one in ALL)
    roles = [one.role for one in planned(kept, wrong).repairs]
    assert roles == [Role.KEPT, Role.PREVIOUS, Role.LIVE]


@pytest.mark.parametrize(
    ("id_", "state", "why"),
    [("db-17", "shut", "db-17 is shut, should be open"), ("db-9", "open", "should be shut")],
)
def test_one_database_takes_writes(id_: str, state: str, why: str) -> None:
    """The live one is opened, a previous one shut, whatever their labels."""
    (repair,) = planned(resources=changed(id_, state=state)).repairs
    assert why in repair.why


def test_a_deploy_that_is_being_made_is_the_holders_business() -> None:
    """The lease holder's database and labels are nobody else's to mend."""
    held = replace(CLEAN, lease=replace(LEASE, until=NOW))
    assert planned(held, changed("db-41", state="shut")).empty


# Rule 11: people win.


def test_rule_11_a_record_moved_by_people_is_reported_and_not_moved_back() -> None:
    """Nothing is swapped; the note says what stands there and what was last written."""
    service_plan = planned(record=("203.0.113.5",))
    assert service_plan.readdress == ()
    assert "says 203.0.113.5, the ledger last wrote 10.0.1.17" in service_plan.notes[0]
    assert planned(record=()).notes


STARTED_AGAIN = {"addresses": ("10.0.1.99", "198.51.100.7"), "public": ("198.51.100.7",)}


def test_rule_11_a_machine_that_was_stopped_and_started_is_followed() -> None:
    """The record still says what we wrote, and the whole set of machines has new addresses."""
    moved = changed("i-17", **STARTED_AGAIN)
    assert planned(resources=moved).readdress == ("198.51.100.7",)
    assert planned(resources=moved, record=("203.0.113.5",)).readdress == ()


@pytest.mark.parametrize(
    "facts",
    [{"state": "stopped"}, {"addresses": (), "public": ()}, {"kind": "volume"}],
    ids=["stopped", "without an address", "not seen"],
)
def test_rule_11_never_to_a_set_that_is_not_whole(facts: dict[str, Any]) -> None:
    """A machine that is down or missing makes no new record."""
    moved = changed("i-17", **{**STARTED_AGAIN, **facts})
    assert planned(resources=moved).readdress == ()


TWO = replace(CLEAN, live=Live(LIVE, ("203.0.113.7", "203.0.113.8")))
TWIN = replace(next(one for one in ALL if one.id == "i-17"), id="i-18")


def test_rule_11_each_machine_keeps_the_address_it_still_has() -> None:
    """Of two machines one was stopped: the other's address stays as it stands."""
    old = "203.0.113.8"
    stays = replace(TWIN, addresses=("10.0.1.18", old), public=(old,))
    pair = (*changed("i-17", **STARTED_AGAIN), stays)
    assert planned(TWO, pair).readdress == ("198.51.100.7", "203.0.113.8")


def test_rule_11_never_to_some_of_the_machines() -> None:
    """Of two machines one is not seen, or has no public address yet: the record stays."""
    started = changed("i-17", **STARTED_AGAIN)
    assert planned(TWO, started).readdress == ()
    assert planned(TWO, (*started, replace(TWIN, addresses=("10.0.1.18",)))).readdress == ()


def test_rule_15_the_record_never_follows_a_copy_of_an_adopted_machine() -> None:
    """An older ledger names no instance: the adopted machine and a copy of it look alike."""
    adopted = changed("i-17", **STARTED_AGAIN)
    adopted = tuple(
        replace(one, token="", tags={**one.tags, t.HOLD: HELD_BY_ADOPTION})
        if one.id == "i-17"
        else one
        for one in adopted
    )
    assert planned(resources=adopted).readdress == ()
    named = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), ("i-17",)))
    assert planned(named, adopted).readdress == ("198.51.100.7",)


def test_rule_11_not_while_somebody_holds_the_lease() -> None:
    """A commit may be under way: the record is the holder's."""
    held = replace(CLEAN, lease=replace(LEASE, until=NOW))
    assert planned(held, changed("i-17", **STARTED_AGAIN)).readdress == ()


# Rule 6.


def test_nothing_is_repaired_while_resources_were_not_described() -> None:
    """What was skipped looked well, and is of the deploy: a repair needs all of it."""
    wrong = changed("i-17", label="pending")
    assert planned(resources=wrong).repairs
    seen = Inventory(wrong, plain={(LIVE, DATABASE): 1})
    [service_plan] = plan(seen, {"shop": root(CLEAN)}, {"shop": SweepRequest()}).services
    assert service_plan.repairs == ()
    assert service_plan.plain == {DATABASE: 1}


def test_rule_6_an_unknown_service_has_an_empty_plan() -> None:
    """No lease is ended, nothing forgotten, repaired, moved or deleted; the problem is said."""
    service_plan = planned(DIED, changed("i-17", label="pending"), fence=99)
    assert service_plan.empty
    assert "generation 99 has been obeyed" in service_plan.problem


def test_strangers_are_listed_apart() -> None:
    """What is of no service of ours is shown, and touched by nobody."""
    alien = Resource(INSTANCE, "i-x", PLACE, {t.ID: "blog/20261123T031502Z-7kq2m"})
    whole = plan(Inventory((*ALL, alien)), {"shop": root()}, {})
    assert [one.resource.id for one in whole.strangers] == ["i-x"]
    assert "i-x" not in {one.resource.id for one in whole.services[0].verdicts}


def test_services_are_planned_in_order() -> None:
    """By name, each with its own roots; one unknown does not stop the other."""
    blog = Root(replace(HOME, service="blog"), NOW, problem="no answer")
    whole = plan(Inventory(ALL), {"shop": root(), "blog": blog}, {})
    assert [one.service for one in whole.services] == ["blog", "shop"]
    assert [one.service for one in whole.unknown] == ["blog"]
    assert deleted(whole.services[1]) == DEAD_THINGS


YOUNG = (Label.PENDING, Label.FAILED, Label.LEFT)


def plan_in(
    ledger: Ledger, resources: tuple[Resource, ...], ask: SweepRequest | None = None
) -> ServicePlan:
    """The plan of `shop` in that world."""
    return plan(
        Inventory(resources), {"shop": root(ledger)}, {"shop": ask or SweepRequest()}
    ).services[0]


def listed_young(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """What `sweep --young` sees: the databases, and of EC2 only what may be garbage."""
    return tuple(one for one in resources if one.kind == DATABASE or one.label in YOUNG)


def changed_in(id_: str, **facts: Any) -> tuple[Resource, ...]:
    """The world with one thing changed_in."""
    return tuple(replace(one, **facts) if one.id == id_ else one for one in ALL)


def test_a_young_sweep_forgets_nobody() -> None:
    """What it does not see it cannot label: forgotten, it would count as lost for ever."""
    older = deploy(60 * 24 * 20, "eeeee")
    long_ago = NOW - timedelta(days=9)
    ledger = replace(CLEAN, previous=(*CLEAN.previous, Previous(older, long_ago, ("10.0.1.3",))))
    retired = resources(older, "v1.4.1", Label.RETIRED, 3)
    everything = (*ALL, *(replace(one, state="shut") for one in retired))
    policy = Retention(keep=1)
    assert plan_in(ledger, everything, SweepRequest(policy)).forget == (older,)
    seen = listed_young(everything)
    assert plan_in(ledger, seen, SweepRequest(policy, unfinished_only=True)).forget == ()


def test_a_young_sweep_starts_no_jobs_beside_those_it_cannot_see() -> None:
    """A commit is finished by a sweep that sees both: who is left stops first, then who is live."""
    new = deploy(3, "fffff")
    ledger = Ledger(
        60, Live(new, ("10.0.1.50",)), (Previous(LIVE, NOW, ("10.0.1.17",)), *CLEAN.previous)
    )
    everything = (*ALL, *resources(new, "v1.6.0", Label.PENDING, 50))
    whole = [one.deploy for one in plan_in(ledger, everything).repairs]
    assert whole == [LIVE, new]
    unfinished = plan_in(ledger, listed_young(everything), SweepRequest(unfinished_only=True))
    assert [one.deploy for one in unfinished.repairs] == [LIVE]  # of `new`, only a label is due
    assert all(
        one.kind == DATABASE
        for repair in unfinished.repairs
        for one in unfinished.resources(repair)
    )


def test_a_copy_of_the_live_machine_gets_no_traffic() -> None:
    """Somebody ended the live machine and launched one more like it: tags are no birth."""
    copy = replace(ALL[0], id="i-copy", token="console", addresses=("10.0.1.77",))
    service_plan = plan_in(CLEAN, (copy, *ALL[1:]))
    assert service_plan.readdress == ()


def test_the_record_never_moves_to_an_address_nobody_can_reach() -> None:
    """Its elastic address taken away, a machine has only the private one left for a while."""
    ledger = replace(CLEAN, live=Live(LIVE, ("203.0.113.7",)))
    bare = changed_in("i-17", addresses=("10.0.1.17", "10.0.1.18"))
    assert plan_in(ledger, bare).readdress == ()


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.1.17", "198.51.100.7", "10.0.1.18"),
        ("10.0.1.17", "10.0.1.18", "198.51.100.7"),
        ("10.0.1.17", "198.51.100.7", "10.0.1.18", "198.51.100.8"),
    ],
)
def test_a_secondary_private_address_is_no_public_one(addresses: tuple[str, ...]) -> None:
    """Wherever AWS lists it: the record that held a public address gets the main public one."""
    ledger = replace(CLEAN, live=Live(LIVE, ("203.0.113.7",)))
    public = tuple(one for one in addresses if one.startswith("198."))
    moved = changed_in("i-17", addresses=addresses, public=public)
    assert plan_in(ledger, moved).readdress == ("198.51.100.7",)


def test_who_is_rolled_back_to_takes_its_jobs_up_again() -> None:
    """A follow-up died between stopping its jobs and labelling it: its old label proves nothing."""
    ledger = Ledger(
        60,
        Live(OLD, ("10.0.1.9",)),
        (Previous(LIVE, NOW, ("10.0.1.17",), rejected=True),),
    )
    states = {f"db-{17}": "shut", f"db-{9}": "open"}
    everything = tuple(
        replace(
            one,
            tags={**one.tags, t.STATE: "live" if one.deploy == OLD else "pending"},
            state=states.get(one.id, one.state),
        )
        for one in ALL
        if one.deploy != DEAD
    )
    roles = [(one.deploy, one.role) for one in plan_in(ledger, everything).repairs]
    assert roles == [(LIVE, Role.PREVIOUS), (OLD, Role.LIVE)]


def test_the_database_that_an_adopted_replacement_may_use_is_left_alone() -> None:
    """People put a machine in the live one's place and adopted it; it works on the old database."""
    stand_in = deploy(1, "ggggg")
    tags = {
        t.ID: str(stand_in),
        t.STATE: "live",
        t.LEDGER: str(ALL[0].tags[t.LEDGER]),
        t.PART: t.part(INSTANCE, PLACE),
        t.HOLD: t.HELD_BY_ADOPTION,
    }
    machine = Resource(INSTANCE, "i-99", PLACE, tags, state="running", addresses=("10.0.1.99",))
    ledger = Ledger(
        60,
        Live(stand_in, ("10.0.1.99",)),
        (Previous(LIVE, NOW - timedelta(days=30), ("10.0.1.17",)), *CLEAN.previous),
    )
    after_retention = replace(ledger, previous=CLEAN.previous)
    left = tuple(
        replace(one, tags={**one.tags, t.STATE: "left"}) if one.deploy == LIVE else one
        for one in ALL
    )
    for case, world in ((ledger, ALL), (after_retention, left)):
        service_plan = plan_in(case, (machine, *world))
        assert not service_plan.problem
        touched = {one.resource.id for one in service_plan.deletes}
        touched |= {
            one.id for repair in service_plan.repairs for one in service_plan.resources(repair)
        }
        assert "db-17" not in touched


def test_a_disk_that_people_hold_keeps_its_machine() -> None:
    """Terminating the machine would take the disk along."""
    held = changed_in("vol-41", tags={**ALL[13].tags, t.HOLD: "the customer's upload"})
    assert ALL[13].id == "vol-41"
    deleted = {one.resource.id for one in plan_in(CLEAN, held).deletes}
    assert not deleted & {"i-41", "vol-41"}
    assert "ami-41" in deleted
