"""The protocol, explored: no state that can be reached breaks it, and each guard is needed."""

from __future__ import annotations

import pytest

from tests.model import pages
from tests.model.__main__ import MODELS, PROTOCOL, TRACES, tried
from tests.model.bounds import (
    DATABASES,
    ELASTIC_IPS,
    GATES,
    HOMES,
    HOOKS,
    LEDGER_HEAP,
    PARKING,
    SCOPES,
    TRAFFIC,
    Bound,
    explored,
)
from tests.model.mutations import DESIGN, OWN, PICTURED, Mutation

BOUNDS = [bound for bounds in MODELS.values() for bound in bounds]
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


@pytest.mark.parametrize("bound", HOMES, ids=lambda one: one.scenario.name)
def test_production_is_nobody_elses(bound: Bound) -> None:
    """Two configurations, two zones, a record that is gone: what a record names serves on."""
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", HOOKS, ids=lambda one: one.scenario.name)
def test_what_is_done_to_live_ends_by_itself(bound: Bound) -> None:
    """Whoever crashes, live is let go; and no image is used of a live that was, too early."""
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", GATES, ids=lambda one: one.scenario.name)
def test_a_clone_runs_what_it_was_told(bound: Bound) -> None:
    """Whoever restarts or crashes, no machine acts untold, and jobs run on one."""
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", TRAFFIC, ids=lambda one: one.scenario.name)
def test_traffic_follows_the_ledger(bound: Bound) -> None:
    """Whatever is late, comes twice or is moved by hand, clients reach machines that run.

    And if everybody crashed now, young sweeps would bring traffic where the ledger says, unless a
    person moved it.
    """
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", ELASTIC_IPS, ids=lambda one: one.scenario.name)
def test_an_elastic_ip_follows_the_ledger(bound: Bound) -> None:
    """Whatever lands late or comes twice, live has it, or whom a person gave it.

    And if everybody crashed now, young sweeps would bring it where the ledger says, unless a person
    moved it, or a copy landed after the label.
    """
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", PARKING, ids=lambda one: one.scenario.name)
def test_what_is_live_is_never_put_to_rest(bound: Bound) -> None:
    """Whatever is late or comes twice, a release that a rollback made live runs.

    And if everybody crashed now, sweeps would bring to rest what nobody uses.
    """
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("bound", SCOPES, ids=lambda one: one.scenario.name)
def test_a_run_deletes_garbage_alone_and_within_its_cap(bound: Bound) -> None:
    """Whoever is killed, late or begun twice: a plan names nothing rooted, and unread is not clean.

    The files of the run are kept by the product's own functions.
    """
    report = explored(bound.scenario, bound.test)
    assert not report.complaint, str(report)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_each_guard_is_needed(mutation: Mutation) -> None:
    """With one guard removed the model finds what goes wrong, and says it in its own words.

    And the committed pages show this very way to it, which is a shortest one.
    """
    report = tried(mutation)
    assert report.complaint, f"nothing noticed: {report}"
    assert mutation.says in report.complaint, str(report)
    assert report.trace, "a complaint without a way to it"
    chapter = pages.chapter(mutation, report)
    assert chapter in TRACES.read_text(encoding="utf-8"), "write it: make traces"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_is_tried_where_the_rules_hold(mutation: Mutation) -> None:
    """Each mutation's scenario is also explored unbroken: what is noticed is the mutation."""
    assert mutation.where in [bound.scenario for bound in BOUNDS]


def test_more_than_the_named_mutations_are_tried() -> None:
    """The eight of the protocol, and at least six more, each under a name of its own."""
    assert (len(DESIGN), len(OWN) >= 6) == (8, True)
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("title", list(MODELS))
def test_the_document_states_the_bounds(title: str) -> None:
    """What docs/protocol.md says is explored is what is explored; how long it took is its own."""
    table = pages.section(PROTOCOL.read_text(encoding="utf-8"), title).splitlines()
    for bound, row in zip(MODELS[title], table[2:-1], strict=True):
        assert row.startswith(pages.timeless(bound)), "write it: make model"


def test_the_document_lists_every_mutation() -> None:
    """The table names all of them and what each leads to; the pictures are those of the traces."""
    page, traces = PROTOCOL.read_text(encoding="utf-8"), TRACES.read_text(encoding="utf-8")
    rows = pages.section(page, "mutations").splitlines()[2:]
    assert [row.split("]")[0][3:] for row in rows] == [one.name for one in MUTATIONS]
    for mutation in MUTATIONS:
        if mutation.name in PICTURED:
            drawn = pages.section(page, mutation.name)
            assert drawn in traces, "write it: make traces"
    assert all(one in [each.name for each in MUTATIONS] for one in PICTURED)


def test_the_whole_complaint_is_in_the_table() -> None:
    """A row ends with what its chapter ends with: complaint and number of steps."""
    page, traces = PROTOCOL.read_text(encoding="utf-8"), TRACES.read_text(encoding="utf-8")
    for row in pages.section(page, "mutations").splitlines()[2:]:
        _, _, complaint, steps, _ = (cell.strip() for cell in row.rsplit("|", 4))
        flat = " ".join(traces.split())
        assert f"=> {complaint}" in flat
        assert f"{steps} steps" in flat
