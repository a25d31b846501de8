"""The invariants of mark and plan in 2,000 random worlds here, in 100,000 in `make fuzz`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.gc.verdict import Reason
from reconciler.model.resource import DATABASE
from tests.support.hypothesis_profiles import CASES
from tests.support.random_worlds import another_teams, worlds
from tests.support.strategies import World
from tests.unit.reconciler.plan import test_planner_worlds as invariants

pytestmark = pytest.mark.timeout(0 if CASES > 2000 else 240)
MANY = settings(max_examples=CASES)
FEWER = settings(max_examples=CASES // 5)

OF_ANY_WORLD = [
    invariants.test_every_thing_has_its_verdict_and_its_reason,
    invariants.test_only_what_is_proved_ours_and_dead_is_ever_deleted,
    invariants.test_the_database_that_live_uses_is_neither_dropped_nor_shut,
    invariants.test_what_a_name_leads_to_is_neither_forgotten_nor_deleted,
    invariants.test_what_is_deleted_is_used_by_nothing_that_stays,
    invariants.test_deletions_are_sorted,
    invariants.test_an_applied_plan_leaves_nothing_to_do,
]

OF_ANY_HOLD = [
    invariants.test_a_held_thing_is_never_deleted,
    invariants.test_a_held_machine_keeps_what_it_needs,
]


@MANY
@given(worlds(), st.sampled_from(invariants.HOLDS))
def test_every_invariant_of_a_plan(world: World, reason: str) -> None:
    """All that holds of any world, each asked of the same very many; each world is held once."""
    for invariant in OF_ANY_WORLD:
        invariant.hypothesis.inner_test(world)  # type: ignore[attr-defined]
    for invariant in OF_ANY_HOLD:
        invariant.hypothesis.inner_test(world, reason)  # type: ignore[attr-defined]


@FEWER
@given(worlds())
def test_another_team_with_our_names_is_left_alone(world: World) -> None:
    """Same tag keys, same service, another ledger: never touched, never described as ours."""
    theirs = another_teams(world)
    ours, both = world.plan, world.holding((*world.inventory.resources, *theirs)).plan
    strange = {one.key for one in theirs}
    said = {one.resource.key: one.reason for one in both.verdicts}
    assert {said[key] for key in strange & said.keys()} <= {Reason.FOREIGN}
    assert not strange & {one.resource.key for one in both.deletes}
    touched = [both.resources(one) for one in both.repairs] + [
        both.owned(one) for one in both.forget
    ]
    assert not strange & {resource.key for resources in touched for resource in resources}
    assert (both.problem, both.end, both.forget, both.repairs, both.readdress, both.notes) == (
        ours.problem,
        ours.end,
        ours.forget,
        ours.repairs,
        ours.readdress,
        ours.notes,
    )
    assert [one.resource.key for one in both.deletes] == [one.resource.key for one in ours.deletes]


@FEWER
@given(worlds())
def test_a_young_sweep_does_nothing_that_needs_the_whole_picture(world: World) -> None:
    """It neither forgets nor repoints, labels nothing that is rooted, and deletes no more."""
    unfinished = replace(world, ask=replace(world.ask, unfinished_only=True)).plan
    assert (unfinished.forget, unfinished.readdress) == ((), ())
    repaired = [resource for one in unfinished.repairs for resource in unfinished.resources(one)]
    assert {one.kind for one in repaired} <= {DATABASE}
    assert {one.resource.key for one in unfinished.deletes} <= world.deleted
