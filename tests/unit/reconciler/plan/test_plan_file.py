"""A plan in a file: exactly what was agreed to, verified again; and what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import ConfigError, Refused
from reconciler.model import tags as t
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.tags import AccountRegion
from reconciler.plan import circuit_breaker, plan_file
from reconciler.plan.approved_actions import ApprovedAction
from reconciler.plan.circuit_breaker import Cap
from reconciler.plan.plan_file import PlanFile, decode, encode
from reconciler.plan.service_plan import Plan
from reconciler.ports.fleet import Fleet
from reconciler.sweep import approved_plan
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, DEAD, DIED, NOW, OLD, deploy, planned, resources
from tests.support.sweeps import CHANGING, DEAD_IDS, ONE_KEPT


def filed(plan: Plan) -> PlanFile:
    """The plan, to a file and back."""
    return decode(encode(plan_file.of(plan, NOW, unfinished_only=False), {"services": []}))


def carried_out(scene: Scene, agreed: PlanFile) -> tuple[SweepResult, tuple[str, ...]]:
    """What a sweep by the file does, and what it leaves out."""
    asks = approved_plan.asks(agreed, [scene.managed])
    result = sweep(Fleet((scene.managed,), requests=asks), scene.told.append)
    return result, approved_plan.left_out(agreed, result.first)


def test_a_plan_comes_back_as_it_was() -> None:
    """Every act of it, through JSON."""
    agreed = filed(planned(DIED))
    (order,) = agreed.orders
    assert order.end == DEAD
    assert {one.id for one in order.delete} == {one.id for one in ALL if one.deploy == DEAD}
    assert agreed.made == NOW
    assert decode(encode(agreed, {"more": [1, "ü"]})) == agreed


def test_exactly_that_set_is_done(scene: Scene) -> None:
    """What is garbage since, and not in the file, stays; the rest goes as in any sweep."""
    agreed = filed(scene.plan())
    newer = resources(deploy(90, "nnnnn"), "v3", t.Label.FAILED, 90)[:3]
    scene.heap.add(newer)
    result, out = carried_out(scene, agreed)
    assert not scene.heap.ids & DEAD_IDS
    assert {one.id for one in newer} <= scene.heap.ids
    assert (result.clean, out) == (True, ())


def test_what_has_changed_is_left_out_and_said(scene: Scene) -> None:
    """Held since, gone since: neither is deleted, both are named."""
    agreed = filed(scene.plan())
    scene.heap.change("snap-41", tags={t.HOLD: "evidence"})
    scene.heap.held = {key: one for key, one in scene.heap.held.items() if key[1] != "ami-41"}
    result, out = carried_out(scene, agreed)
    assert "snap-41" in scene.heap.ids
    assert "i-41" not in scene.heap.ids
    assert [one.split(":")[0] for one in out] == ["image ami-41", "snapshot snap-41"]
    assert "evidence" in out[1]
    assert {one.resource.id for one in result.gone}.isdisjoint({"snap-41"})


def test_a_swap_that_was_not_agreed_to_is_not_made(scene: Scene) -> None:
    """A lease ran out since: it is not ended, nothing is repaired, its things stay."""
    agreed = filed(scene.plan())
    scene.ledger = DIED
    carried_out(scene, agreed)
    assert scene.ledger == DIED
    assert scene.heap.ids >= DEAD_IDS
    assert scene.did(*CHANGING) == []


def test_what_was_not_agreed_to_be_forgotten_is_kept(scene: Scene) -> None:
    """Retention has changed since the plan: the file has no word on it."""
    agreed = filed(scene.plan())
    asks = approved_plan.asks(agreed, [replace(scene.managed, retention=ONE_KEPT.retention)])
    sweep(Fleet((scene.managed,), requests=asks))
    assert scene.ledger.find_previous(OLD) is not None


def test_a_file_can_only_take_away(scene: Scene) -> None:
    """Live things in it, with a digest that is right: the normal rules keep them."""
    agreed = filed(scene.plan())
    (order,) = agreed.orders
    live = resources(deploy(0, "zzzzz"), "v", t.Label.LIVE, 17)
    forged = replace(order, delete=tuple(ApprovedAction.of(one) for one in (*ALL, *live)))
    _, out = carried_out(scene, replace(agreed, orders=(forged,)))
    kept = {one.id for one in ALL if one.deploy != DEAD and one.kind != "database"}
    assert kept <= scene.heap.ids
    assert any("i-17" in one for one in out)


def test_what_is_used_by_something_else_is_not_agreed_to(scene: Scene) -> None:
    """A file without the image: its snapshot, though listed, is in use by what stays."""
    (order,) = filed(scene.plan()).orders
    without = replace(order, delete=tuple(one for one in order.delete if one.id != "ami-41"))
    snapshot = scene.heap.at("snap-41")
    assert order.may_delete(snapshot)
    assert not without.may_delete(snapshot)
    carried_out(scene, PlanFile(NOW, unfinished_only=False, orders=(without,)))
    assert scene.heap.ids & DEAD_IDS == {"ami-41", "snap-41"}


def test_all_repairs_or_none(scene: Scene) -> None:
    """Who is left gives up its jobs before who takes over begins them."""
    scene.heap.change("i-17", tags={t.STATE: "pending"})
    agreed = filed(scene.plan())
    (order,) = agreed.orders
    carried_out(scene, replace(agreed, orders=(replace(order, finish=frozenset()),)))
    assert scene.did("run", "shut", "thaw") == []
    assert scene.heap.at("i-17").label is t.Label.PENDING
    carried_out(scene, agreed)
    assert scene.heap.at("i-17").label is t.Label.LIVE


def edited(**changes: Any) -> str:
    """A plan's text with something changed in it by hand."""
    document = json.loads(encode(plan_file.of(planned(DIED), NOW, unfinished_only=False), {}))
    return json.dumps({**document, **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "not a plan of ours"),
        ('{"services": []}', "not a plan of ours"),
        (edited(version=99), "of version 99"),
        (edited(made="20990101T000000Z"), "changed since it was made"),
        (edited(orders=[]), "changed since it was made"),
        (edited(digest=None), "changed since it was made"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, words: str) -> None:
    """Not JSON, somebody else's, edited: one line, and the command that makes a good one."""
    with pytest.raises(ConfigError, match=words) as caught:
        decode(text)
    assert "\n" not in caught.value.message
    assert "reconciler plan -o" in caught.value.cure


@pytest.mark.parametrize(
    "change",
    [
        {"orders": 1},
        {"orders": [{}]},
        {"made": "yesterday"},
        {"young": "no"},
        {"orders": [{"service": "shop", "delete": "all"}]},
    ],
)
def test_a_right_digest_over_nonsense_is_refused(change: dict[str, Any]) -> None:
    """Whoever recomputes the digest has still to write a plan."""
    document = {**json.loads(edited()), **change}
    document.pop("digest")
    digest = plan_file._digest(document)
    with pytest.raises(ConfigError, match="is corrupt"):
        decode(json.dumps({**document, "digest": digest}))


def test_a_plan_of_another_account_is_refused(scene: Scene) -> None:
    """Account, region and ledger are those of the plan, or nothing is done."""
    agreed = filed(scene.plan())
    elsewhere = replace(scene.managed.home, place=AccountRegion("222233334444", "eu-west-1"))
    with pytest.raises(ConfigError, match=r"123456789012/eu-west-1.* is in 222233334444"):
        approved_plan.asks(agreed, [replace(scene.managed, home=elsewhere)])
    moved = replace(scene.managed.home, ledger="Z9/shop._deploy.example.net")
    with pytest.raises(ConfigError, match="under the ledger Z9"):
        approved_plan.asks(agreed, [replace(scene.managed, home=moved)])


@pytest.mark.parametrize(
    ("age", "words"),
    [(timedelta(hours=25), "25 hours ago"), (timedelta(hours=-1), "yet to come")],
)
def test_an_old_plan_is_refused_by_the_ledgers_time(age: timedelta, words: str) -> None:
    """What was agreed to a day ago was agreed to of another world."""
    seen = planned(DIED)
    approved_plan.check_time(plan_file.of(seen, NOW, unfinished_only=False), seen)
    with pytest.raises(Refused, match=words) as caught:
        approved_plan.check_time(plan_file.of(seen, NOW - age, unfinished_only=False), seen)
    assert "reconciler plan -o" in caught.value.cure


def test_the_rounds_of_a_run_count_together() -> None:
    """What went in the first round counts in the second, and is not said to be untouched."""
    dead = resources(deploy(100, "x9f4c"), "v0", t.Label.FAILED, 100)
    kept = [one for one in ALL if one.deploy != DEAD]
    one = circuit_breaker.Breaker(Cap(count=5, share=0.0))
    first = planned(resources=[*kept, *dead])
    one.check(first)
    for verdict in first.services[0].deletes:
        one.hear(Outcome(verdict.resource, OutcomeStatus.GONE))
    more = resources(deploy(101, "y9f4c"), "v0", t.Label.FAILED, 101)
    with pytest.raises(
        Refused, match=r"8 of 16 resources of shop \(cap 5\); 6 were removed before"
    ):
        one.check(planned(resources=[*kept, *more]))
