"""The protocol, explored: no state that can be reached breaks it, and each guard is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model.bounds import DATABASES, LEDGER_HEAP, MUTANT_STATES, Bound, explored
from tests.model.mutations import DESIGN, OWN, Mutation

BOUNDS = (*LEDGER_HEAP, *DATABASES)
MUTATIONS = (*DESIGN, *OWN)


@pytest.mark.parametrize("bound", LEDGER_HEAP, ids=lambda one: one.scenario.name)
def test_what_is_live_survives_and_garbage_goes(bound: Bound) -> None:
    """Whatever crashes, is late or comes twice: what is rooted lives, and only that in the end.

    Live and previous exist, roots never come back, nothing strange is touched; and if everybody
    crashed now, sweeps would leave exactly what the ledger roots.
    """
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", DATABASES, ids=lambda one: one.scenario.name)
def test_no_acknowledged_write_is_lost(bound: Bound) -> None:
    """Each acknowledged write is in the live database, and one database at most takes writes.

    And if everybody crashed now, sweeps would open exactly the live one.
    """
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_each_guard_is_needed(mutation: Mutation) -> None:
    """With one guard removed the model finds what goes wrong, and says it in its own words."""
    with mutation.within():
        report = explored(mutation.where, MUTANT_STATES, mutation.rules)
    assert report.complaint, f"nothing noticed: {report}"
    assert mutation.says in report.complaint, str(report)
    assert report.trace, "a complaint without a way to it"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_is_tried_where_the_rules_hold(mutation: Mutation) -> None:
    """Each mutation's scenario is also explored unbroken: what is noticed is the mutation."""
    assert mutation.where in [bound.scenario for bound in BOUNDS]


def test_more_than_the_named_mutations_are_tried() -> None:
    """The eight of the protocol, and at least six more, each under a name of its own."""
    assert (len(DESIGN), len(OWN) >= 6) == (8, True)
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("bounds", [LEDGER_HEAP, DATABASES], ids=["ledger and heap", "databases"])
def test_the_document_states_the_bounds(bounds: tuple[Bound, ...]) -> None:
    """What docs/protocol.md says is explored is what is explored."""
    document = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
    rows = [f"| {one.scenario.name} | {one.test:,} | {one.model:,} |" for one in bounds]
    assert [row for row in rows if row not in document] == []
