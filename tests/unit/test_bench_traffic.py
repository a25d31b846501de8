"""The figures of a switch, from answers whose times are known."""

from __future__ import annotations

import pytest

from tests.bench.traffic_clients import KEPT, NEW, ORDER, Answer, reads, writes

OLD, VERSION = "v1", "v2"


def answered(client: str, *answers: tuple[float, int, str]) -> list[Answer]:
    """What this client was answered."""
    return [Answer(at, client, status, version) for at, status, version in answers]


def test_a_failed_request_is_part_of_the_gap() -> None:
    """From the last good answer of the old release to the first good one of the new."""
    met = answered(
        NEW, (1.0, 200, OLD), (1.2, 200, OLD), (1.4, 0, ""), (1.9, 200, VERSION), (2, 200, VERSION)
    )
    found = reads([*met, *answered(KEPT, (1.5, 200, OLD))], NEW, VERSION)
    assert found.gap == pytest.approx(0.7)
    assert found.pause == pytest.approx(0.2)
    assert (found.both, found.requests, found.failed) == (0.0, 5, 1)


def test_two_releases_that_answer_in_turn() -> None:
    """It counts for how long, and the longest of the gaps."""
    met = answered(
        NEW, (1, 200, OLD), (2, 200, VERSION), (3, 200, OLD), (7, 200, VERSION), (8, 200, VERSION)
    )
    found = reads(met, NEW, VERSION)
    assert (found.gap, found.both) == (4, 1)


def test_a_client_that_stays_with_the_old_release() -> None:
    """It has no gap."""
    found = reads(answered(KEPT, (1, 200, OLD), (2, 200, OLD)), KEPT, VERSION)
    assert (found.gap, found.both, found.failed) == (None, 0.0, 0)


def test_writes_are_refused_from_the_last_taken_to_the_next() -> None:
    """Also the time before the first refusal and after the last; other answers have failed."""
    met = answered(
        ORDER, (1, 201, OLD), (2, 503, OLD), (3, 503, OLD), (4, 0, ""), (5, 201, VERSION)
    )
    found = writes(met)
    assert (found.refused, found.seconds, found.requests, found.failed) == (2, 4, 5, 1)


def test_no_write_is_refused() -> None:
    """No refusal lasts no time."""
    assert writes(answered(ORDER, (1, 201, OLD), (2, 201, VERSION))).seconds == 0
