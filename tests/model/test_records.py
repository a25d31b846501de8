"""The record that follows a ledger in S3, explored to the end; each guard is needed."""

from __future__ import annotations

import pytest

from tests.model.explorer import Report, explore
from tests.model.records import (
    NO_CLAIM,
    NO_GENERATION,
    PEOPLE_LOSE,
    Records,
    Rules,
    Scenario,
)

MOST = 400_000
COPIED = Scenario("a release, a rollback, a sweep; a copy comes late", twice=1)
SLOW = Scenario("the same, a change comes late or never", slow=1)
GIVEN = Scenario("a release, two sweeps and a person", ("first",), sweeps=2, hands=1)
EVERYBODY = Scenario("everybody", twice=1, slow=1, hands=1)


def _explored(scenario: Scenario, rules: Rules | None = None) -> Report:
    return explore(Records(scenario, rules), MOST)


@pytest.mark.parametrize("scenario", [COPIED, SLOW, GIVEN, EVERYBODY], ids=lambda one: one.name)
def test_a_record_follows_the_ledger(scenario: Scenario) -> None:
    """Whatever is late, doubled, lost or moved by hand; the exploration is complete."""
    report = _explored(scenario)
    assert not report.complaint, str(report)
    assert report.complete
    assert report.states > 100, str(report)


@pytest.mark.parametrize(
    ("name", "scenario", "rules", "says"),
    [
        ("no claim record", COPIED, NO_CLAIM, "never follows"),
        ("no claim record, slow", SLOW, NO_CLAIM, "never follows"),
        ("a claim without a generation", COPIED, NO_GENERATION, "never follows"),
        ("a person's move is switched", GIVEN, PEOPLE_LOSE, "taken back"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_each_guard_is_needed(name: str, scenario: Scenario, rules: Rules, says: str) -> None:
    """With one guard removed the model finds what goes wrong."""
    report = _explored(scenario, rules)
    assert says in report.complaint, f"{name}: {report}"
