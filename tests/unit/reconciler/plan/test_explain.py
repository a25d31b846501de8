"""The rules asked once more say what the plan says, in any world."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.cost.price_list import Prices
from reconciler.exit_codes import Exit, code_of
from reconciler.gc.rules import RULES
from reconciler.gc.verdict import Reason
from reconciler.model.resource import INSTANCE, Gap, Inventory
from reconciler.output.explain import explain_json, explain_lines, find, nothing_found
from reconciler.plan.explain import questions
from reconciler.plan.planner import plan
from tests.support.random_worlds import world
from tests.support.shop_world import ALL, CLEAN, PLACE, planned


def test_every_rule_has_a_name_of_its_own() -> None:
    """A person who reads `explain` can tell which rule it was."""
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("seed", range(90))
def test_the_rules_asked_again_say_what_the_plan_says(seed: int) -> None:
    """Who speaks last gives the verdict; nobody speaks before, and garbage has nobody speak."""
    one = world(seed, deploys=5, mishaps=6)
    whole = plan(one.inventory, {"shop": one.root}, {})
    [service_plan] = whole.services
    for verdict in service_plan.verdicts:
        asked = questions(whole, service_plan, verdict)
        assert asked
        rules = asked[:-1] if asked[-1].rule == "in use" else asked  # which has the last word
        assert all(one.verdict is None for one in rules[:-1])
        said = asked[-1].verdict
        assert verdict.collect == (said is None)
        assert said is None or (said.reason, said.text) == (verdict.reason, verdict.text)


def test_what_is_in_use_is_asked_last() -> None:
    """Every rule lets it go, and yet something that stays uses it."""
    held = [
        replace(one, tags={**one.tags, "deploy-hold": "evidence"}) if one.id == "i-41" else one
        for one in ALL
    ]
    whole = planned(CLEAN, held)
    (verdict,) = find(whole, "vol-41")
    assert verdict.reason is Reason.IN_USE
    last = explain_json(whole, verdict, Prices())["asked"][-1]
    assert last["said"] is not None
    assert (last["rule"], last["said"]["reason"]) == ("in use", "in use")
    assert "used by i-41  → kept" in "\n".join(explain_lines(whole, verdict, Prices()))


def test_a_stranger_is_asked_nothing() -> None:
    """There is no ledger to judge it by: its reason is all there is."""
    strange = replace(ALL[0], tags={**ALL[0].tags, "deploy-id": "other/20261123T021702Z-7kq2m"})
    whole = planned(CLEAN, [strange])
    (verdict,) = find(whole, "i-17")
    assert explain_json(whole, verdict, Prices())["asked"] == []


def test_what_could_not_be_read_is_not_said_to_be_missing() -> None:
    """Unknown is not empty: the machine may well be there."""
    unread = Inventory((), gaps=(Gap(PLACE, INSTANCE, "ec2:DescribeInstances is denied"),))
    error = nothing_found(plan(unread, {}, {}), "i-17")
    assert code_of(error) == Exit.DIRT
    assert "i-17 was not found, and not everything could be read: instances of" in error.message
    read = nothing_found(plan(Inventory(()), {}, {}), "i-17")
    assert "nothing with the id i-17 carries our tags" in read.message
