"""A scan that was begun before anybody asked for it: one answer, and a fresh one."""

from __future__ import annotations

import pytest

from reconciler.aws import read_ahead
from reconciler.aws.read_ahead import ReadAhead
from reconciler.errors import AccessDenied
from tests.support.aws_api import HASTE, Api


def scans(api: Api) -> int:
    """How often the index was read."""
    return sum(one["action"] == "DescribeTags" for one in api.server.journal.since(0))


def test_it_answers_once(api: Api) -> None:
    """What is asked later sees what has come since."""
    heap = ReadAhead(api.aws, HASTE)
    heap.begin()
    assert heap.scan().resources == ()
    (machine,) = api.machines()
    assert machine in {one.id for one in heap.scan().resources}
    assert scans(api) == 2


def test_one_of_a_while_ago_is_no_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of a release would not see what others left meanwhile."""
    monkeypatch.setattr(read_ahead, "FRESH", 0.0)
    heap = ReadAhead(api.aws, HASTE)
    heap.begin()
    (machine,) = api.machines()
    assert machine in {one.id for one in heap.scan().resources}


def test_a_young_scan_is_another(api: Api) -> None:
    """It lists less: the one that was begun waits for who wants it."""
    heap = ReadAhead(api.aws, HASTE)
    heap.begin()
    heap.scan(unfinished_only=True)
    heap.scan()
    assert scans(api) == 2


def test_what_it_raises_is_raised_where_it_is_asked_for(api: Api) -> None:
    """Not where it was begun, and not in a thread of its own."""
    api.fault("DescribeTags", "error", code="AuthFailure")
    heap = ReadAhead(api.aws, HASTE)
    heap.begin()
    gaps = heap.scan().gaps
    assert gaps
    assert {gap.refusal for gap in gaps} == {AccessDenied}
