"""One scope of a run, explored to the end; and each rule of the run is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.explorer import explore
from tests.model.scopes import ScopeRules, Scopes

MOST = 500_000

MUTATIONS = {
    "lists_before_ledgers": "the plan names new, which is rooted",
    "minds_version": "the plan names new, which is rooted",
    "first_plan_stands": "the run deleted more than the breaker allows",
    "refuses_missing": "a scope that nobody has read counts as clean",
}
"""The rule that is removed, and what goes wrong then."""


def test_a_run_deletes_garbage_alone_and_within_its_cap() -> None:
    """Whoever is killed, late or begun twice; every state is explored."""
    report = explore(Scopes(), MOST)
    assert not report.complaint, str(report)
    assert report.complete
    assert report.states > 5_000


@pytest.mark.parametrize("rule", sorted(MUTATIONS))
def test_each_rule_of_a_run_is_needed(rule: str) -> None:
    """Without it the model finds what goes wrong, in its own words."""
    report = explore(Scopes(replace(ScopeRules(), **{rule: False})), MOST)
    assert MUTATIONS[rule] in report.complaint, str(report)
    assert report.trace


def test_a_look_in_the_wrong_order_needs_the_plan_to_be_harmless() -> None:
    """Two guards for one danger: with both gone, what is rooted is deleted."""
    broken = replace(ScopeRules(), heap_first=False, first_plan_stands=False)
    assert "new is rooted, and was deleted" in explore(Scopes(broken), MOST).complaint
    assert not explore(Scopes(replace(ScopeRules(), heap_first=False)), MOST).complaint


@pytest.mark.parametrize("rule", ["looks_again", "first_ledgers_stand"])
def test_what_deletions_alone_would_not_need(rule: str) -> None:
    """Garbage is stable, however old the reading: a fresh look is for what can be undone."""
    report = explore(Scopes(replace(ScopeRules(), **{rule: False})), MOST)
    assert not report.complaint, str(report)
