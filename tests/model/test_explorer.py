"""The explorer: finds the nearest fault, and says when there is none left to find."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.explorer import explore


class Counter:
    """Counts up by one or two as far as ten; one number may be wrong, and so may a step."""

    def __init__(self, wrong: int = -1, leap: int = -1) -> None:
        self._wrong = wrong
        self._leap = leap

    def start(self) -> int:
        return 0

    def moves(self, world: int) -> Iterator[tuple[str, int]]:
        for by in (1, 2):
            if world + by <= 10:
                yield f"+{by}", world + by

    def wrong_move(self, before: int, after: int) -> str:
        return "a leap" if before == self._leap and after == before + 2 else ""

    def wrong_state(self, world: int) -> str:
        return "wrong" if world == self._wrong else ""


def test_all_states_are_found_once() -> None:
    """Ways that meet again are one state, and the end is known to be the end."""
    report = explore(Counter(), 100)
    assert (report.states, report.steps, report.complete, report.complaint) == (11, 19, True, "")


def test_the_trace_is_a_shortest_one() -> None:
    """Seven is reached in four steps, not fewer."""
    report = explore(Counter(wrong=7), 100)
    assert (report.complaint, len(report.trace)) == ("wrong", 4)
    assert "wrong, after 4 steps" in str(report)


def test_a_wrong_step_to_a_known_state_is_found() -> None:
    """A step is judged even where it leads to a state that was reached rightly before."""
    report = explore(Counter(leap=3), 100)
    assert report.complaint == "a leap"
    assert report.trace[-1] == "+2"


def test_a_bound_is_no_proof() -> None:
    """An exploration that stopped at its bound does not claim to be complete."""
    report = explore(Counter(), 5)
    assert not report.complete
    assert "bound" in str(report)


def test_a_wrong_start_is_found() -> None:
    """Nobody has to move for something to be wrong."""
    assert explore(Counter(wrong=0), 100).complaint == "wrong"
