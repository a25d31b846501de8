"""The planner: its order and its scope."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Root
from reconciler.model import tags as t
from reconciler.model.ledger import Kept, Lease, Ledger, Live, Previous
from reconciler.model.resource import DATABASE, INSTANCE, RDS_SNAPSHOT, Gap, Inventory, Resource
from reconciler.model.tags import Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Repair, ServicePlan, SweepRequest
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
    resources,
    root,
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
        Repair(LIVE, Reason.LIVE, "i-17 is labelled pending, should be live"),
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
    assert roles == [Reason.KEPT, Reason.PREVIOUS, Reason.LIVE]


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


def test_rule_11_a_machine_that_was_stopped_and_started_is_followed() -> None:
    """The record still says what we wrote, and the whole set of machines has new addresses."""
    moved = changed("i-17", addresses=("10.0.1.99", "198.51.100.7"), public=("198.51.100.7",))
    assert planned(resources=moved).readdress == ("198.51.100.7",)
    assert planned(resources=moved, record=("203.0.113.5",)).readdress == ()


@pytest.mark.parametrize(
    "facts",
    [{"state": "stopped"}, {"addresses": ()}, {"kind": "volume"}],
    ids=["stopped", "without an address", "not seen"],
)
def test_rule_11_never_to_a_set_that_is_not_whole(facts: dict[str, Any]) -> None:
    """A machine that is down or missing makes no new record."""
    moved = changed("i-17", **{"addresses": ("10.0.1.99",), **facts})
    assert planned(resources=moved).readdress == ()


def test_rule_11_each_machine_keeps_the_address_it_still_has() -> None:
    """Of two machines one was stopped: the other's address stays as it stands."""
    twin = replace(next(one for one in ALL if one.id == "i-17"), id="i-18")
    new, old = "198.51.100.7", "203.0.113.8"
    stays = replace(twin, addresses=("10.0.1.18", old), public=(old,))
    pair = (*changed("i-17", addresses=("10.0.1.17", new), public=(new,)), stays)
    ledger = replace(CLEAN, live=Live(LIVE, ("203.0.113.7", "203.0.113.8")))
    assert planned(ledger, pair).readdress == ("198.51.100.7", "203.0.113.8")


def test_rule_11_not_while_somebody_holds_the_lease() -> None:
    """A commit may be under way: the record is the holder's."""
    held = replace(CLEAN, lease=replace(LEASE, until=NOW))
    assert planned(held, changed("i-17", addresses=("10.0.1.99",))).readdress == ()


# Rule 6.


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
