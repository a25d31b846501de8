"""Sweeps beside each other, and sweeps that were held up: what the model of the protocol found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger, Previous
from reconciler.model.resource import Inventory, Resource
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from tests.support.shop_world import ALL, CLEAN, NOW, OLD, root

RECENT = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=3), ("10.0.1.8",))
CROWDED = replace(CLEAN, previous=(RECENT, replace(CLEAN.previous[0], retired=RECENT.retired)))


def planned(ledger: Ledger, resources: tuple[Resource, ...], age: timedelta) -> ServicePlan:
    """What a sweep plans whose listing is so old."""
    roots = {"shop": replace(root(ledger), heap_age=age)}
    return plan(Inventory(resources), roots, {"shop": SweepRequest(Retention(keep=1))}).services[0]


def test_nobody_is_forgotten_who_served_when_the_heap_was_listed() -> None:
    """The listing may lack its things: not labelled `left`, they would count as lost for ever."""
    assert planned(CROWDED, ALL, timedelta(0)).forget == (OLD,)
    assert planned(CROWDED, ALL, timedelta(minutes=2)).forget == ()


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
    assert [(one.deploy, one.role) for one in repairs] == [(live.id, Reason.LIVE)]
