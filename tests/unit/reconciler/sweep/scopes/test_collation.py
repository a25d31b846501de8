"""A thousand results joined: one table, one verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.model.coverage import ReadStatus
from reconciler.output.scopes.collation import collation_json, collation_lines
from reconciler.sweep.scopes.collation import MAX_AGE, ScopeStatus, collate
from reconciler.sweep.scopes.result import ScopeResult

NOW = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
A, B = "123456789012/eu-west-1", "222233334444/us-east-1"


def row(scope: str, status: str = "read", note: str = "") -> dict[str, Any]:
    """A row of a scope's completeness table."""
    account, region = scope.split("/")
    head = {"account": account, "region": region, "kind": "tags"}
    return {**head, "status": status, "pages": 1, "calls": 1, "note": note}


def result(scope: str, code: int = 0, **answer: Any) -> ScopeResult:
    """The result of a sweep that ended a minute ago."""
    moment = NOW - timedelta(minutes=1)
    said = {"removed": {"volume": 1}, "completeness": [row(scope)], "unknown": {}, **answer}
    return ScopeResult(scope, code, moment, moment, calls=3, answer=said)


def test_everything_swept_and_nothing_left() -> None:
    """Complete and clean; what was removed and the calls are added up."""
    found = collate([A, B], [result(A), result(B)], NOW, "results")
    assert (found.clean, found.incomplete, found.calls) == (True, False, 6)
    lines = collation_lines(found)
    assert lines[0] == "2 scopes: 2 clean"
    assert "Removed: 2 volumes." in lines
    assert "read all of 2 accounts, 2 regions, 1 kind: 2 pages, 2 calls" in lines
    assert lines[-1] == "The run is complete and clean."


@pytest.mark.parametrize(
    ("other", "status", "why"),
    [
        (None, ScopeStatus.MISSING, "it has no result"),
        (replace(result(B), ended=NOW - MAX_AGE * 2), ScopeStatus.MISSING, "of another run"),
        (replace(result(B), exit=6, answer={}, message="denied"), ScopeStatus.FAILED, "denied"),
        (result(B, 4, completeness=[row(B, "failed", "throttled")]), ScopeStatus.FAILED, "thro"),
        (result(B, 4, unknown={"blog": "no ledger"}), ScopeStatus.FAILED, "blog is unknown"),
        (result(B, 4), ScopeStatus.DIRTY, "something is left"),
    ],
    ids=["none", "stale", "denied", "unread", "unknown", "dirty"],
)
def test_one_scope_is_enough(other: ScopeResult | None, status: ScopeStatus, why: str) -> None:
    """A scope that failed or is missing makes the run incomplete; what is left makes it unclean."""
    found = collate([A, B], [result(A), *([other] if other else [])], NOW, "results")
    [bad] = [one for one in found.rows if one.status is not ScopeStatus.CLEAN]
    assert (bad.scope, bad.status, why in bad.why) == (B, status, True)
    assert not found.clean
    assert found.incomplete is (status is not ScopeStatus.DIRTY)
    assert any(B in line for line in collation_lines(found))
    assert collation_json(found)["complete"] is not found.incomplete


def test_a_scope_without_an_answer_is_a_row_that_was_not_read() -> None:
    """The joined table never says that all was read."""
    found = collate([A, B], [result(A)], NOW, "results")
    assert {read.status for read in found.reads} == {ReadStatus.READ, ReadStatus.FAILED}
    assert not any(line.startswith("read all") for line in collation_lines(found))
    assert sum(line.startswith("  222233334444") for line in collation_lines(found)) == 1


def test_the_newest_result_of_a_scope_counts() -> None:
    """A scope that was swept again after a failure is clean."""
    old = replace(result(A, 4, completeness=[]), ended=NOW - timedelta(hours=1))
    assert collate([A], [result(A), old], NOW, "results").clean


def test_a_file_that_is_no_result_makes_the_run_incomplete() -> None:
    """It may have been the result of a scope; a scope of nobody is named."""
    found = collate(
        [A], [result(A), result(B)], NOW, "results", {"x.json": "this is not the result"}
    )
    assert found.incomplete
    assert found.unexpected == (B,)
    assert "  not configured any more: 222233334444/us-east-1" in collation_lines(found)
