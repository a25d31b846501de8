"""The ledger in S3, explored to the end; each guard is needed (docs/adr/0025)."""

from __future__ import annotations

import pytest

from tests.model.explorer import Report, explore
from tests.model.objects import Objects, Rules, Scenario, without_a_generation

MOST = 200_000
LATE = Scenario("two releases, two late copies", late=2)
DELETED = Scenario("two releases, somebody deletes the ledger", deletes=True)


def _explored(scenario: Scenario, rules: Rules | None = None) -> Report:
    return explore(Objects(scenario, rules), MOST)


@pytest.mark.parametrize("scenario", [LATE, DELETED], ids=lambda one: one.name)
def test_one_object_is_as_good_as_a_record(scenario: Scenario) -> None:
    """Whatever is late, doubled, unanswered or deleted; the exploration is complete."""
    report = _explored(scenario)
    assert not report.complaint, str(report)
    assert report.complete
    assert report.states > 100, str(report)


@pytest.mark.parametrize(
    ("name", "scenario", "rules", "says"),
    [
        ("no generation", LATE, Rules(step=without_a_generation), "rooted again"),
        ("412 is taken for a loss", LATE, Rules(asks=False), "thinks that he lost"),
        ("create without a look at the heap", DELETED, Rules(looks=False), "not in the ledger"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_each_guard_is_needed(name: str, scenario: Scenario, rules: Rules, says: str) -> None:
    """With one guard removed the model finds what goes wrong."""
    report = _explored(scenario, rules)
    assert says in report.complaint, f"{name}: {report}"
