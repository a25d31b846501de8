"""Plans that would have cost data, traffic or a service: found by review, kept as tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger, Live, Previous
from reconciler.model.resource import DATABASE, INSTANCE, Inventory, Resource
from reconciler.model.tags import Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    LIVE,
    NOW,
    OLD,
    PLACE,
    deploy,
    resources,
    root,
)

YOUNG = (Label.PENDING, Label.FAILED, Label.LEFT)


def planned(
    ledger: Ledger, resources: tuple[Resource, ...], ask: SweepRequest | None = None
) -> ServicePlan:
    """The plan of `shop` in that world."""
    return plan(
        Inventory(resources), {"shop": root(ledger)}, {"shop": ask or SweepRequest()}
    ).services[0]


def listed_young(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """What `sweep --young` sees: the databases, and of EC2 only what may be garbage."""
    return tuple(one for one in resources if one.kind == DATABASE or one.label in YOUNG)


def changed(id_: str, **facts: Any) -> tuple[Resource, ...]:
    """The world with one thing changed."""
    return tuple(replace(one, **facts) if one.id == id_ else one for one in ALL)


def test_a_young_sweep_forgets_nobody() -> None:
    """What it does not see it cannot label: forgotten, it would count as lost for ever."""
    older = deploy(60 * 24 * 20, "eeeee")
    long_ago = NOW - timedelta(days=9)
    ledger = replace(CLEAN, previous=(*CLEAN.previous, Previous(older, long_ago, ("10.0.1.3",))))
    retired = resources(older, "v1.4.1", Label.RETIRED, 3)
    everything = (*ALL, *(replace(one, state="shut") for one in retired))
    policy = Retention(keep=1)
    assert planned(ledger, everything, SweepRequest(policy)).forget == (older,)
    seen = listed_young(everything)
    assert planned(ledger, seen, SweepRequest(policy, unfinished_only=True)).forget == ()


def test_a_young_sweep_starts_no_jobs_beside_those_it_cannot_see() -> None:
    """A commit is finished by a sweep that sees both: who is left stops first, then who is live."""
    new = deploy(3, "fffff")
    ledger = Ledger(
        60, Live(new, ("10.0.1.50",)), (Previous(LIVE, NOW, ("10.0.1.17",)), *CLEAN.previous)
    )
    everything = (*ALL, *resources(new, "v1.6.0", Label.PENDING, 50))
    whole = [one.deploy for one in planned(ledger, everything).repairs]
    assert whole == [LIVE, new]
    unfinished = planned(ledger, listed_young(everything), SweepRequest(unfinished_only=True))
    assert unfinished.repairs
    assert all(
        one.kind == DATABASE
        for repair in unfinished.repairs
        for one in unfinished.resources(repair)
    )


def test_a_copy_of_the_live_machine_gets_no_traffic() -> None:
    """Somebody ended the live machine and launched one more like it: tags are no birth."""
    copy = replace(ALL[0], id="i-copy", token="console", addresses=("10.0.1.77",))
    service_plan = planned(CLEAN, (copy, *ALL[1:]))
    assert service_plan.readdress == ()


def test_the_record_never_moves_to_an_address_nobody_can_reach() -> None:
    """Its elastic address taken away, a machine has only the private one left for a while."""
    ledger = replace(CLEAN, live=Live(LIVE, ("203.0.113.7",)))
    bare = changed("i-17", addresses=("10.0.1.17", "10.0.1.18"))
    assert planned(ledger, bare).readdress == ()


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
    moved = changed("i-17", addresses=addresses, public=public)
    assert planned(ledger, moved).readdress == ("198.51.100.7",)


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
    roles = [(one.deploy, one.role) for one in planned(ledger, everything).repairs]
    assert roles == [(LIVE, Reason.PREVIOUS), (OLD, Reason.LIVE)]


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
        service_plan = planned(case, (machine, *world))
        assert not service_plan.problem
        touched = {one.resource.id for one in service_plan.deletes}
        touched |= {
            one.id for repair in service_plan.repairs for one in service_plan.resources(repair)
        }
        assert "db-17" not in touched


def test_a_disk_that_people_hold_keeps_its_machine() -> None:
    """Terminating the machine would take the disk along."""
    held = changed("vol-41", tags={**ALL[13].tags, t.HOLD: "the customer's upload"})
    assert ALL[13].id == "vol-41"
    deleted = {one.resource.id for one in planned(CLEAN, held).deletes}
    assert not deleted & {"i-41", "vol-41"}
    assert "ami-41" in deleted
