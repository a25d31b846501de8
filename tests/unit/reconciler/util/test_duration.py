"""Durations as people write them."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.util.duration import LONGEST, format_duration, parse_duration


@given(st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_what_is_formatted_reads_back(milliseconds: int) -> None:
    """Every duration of whole milliseconds survives the way through its text."""
    length = timedelta(milliseconds=milliseconds)
    assert length == parse_duration(format_duration(length))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("90s", 90), ("1h30m", 5400), ("7d", 604800), ("250ms", 0.25), ("0s", 0)],
)
def test_units(text: str, seconds: float) -> None:
    """Each unit means what it says."""
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 m", "m", "-5m", "5min", "5m1h", "5m5m", "1.5h", "\u0665m", "9999999d", "5m\n"],
)
def test_anything_else_is_refused(text: str) -> None:
    """No unit, a wrong order, a sign or a foreign digit is never guessed at."""
    with pytest.raises(ValueError, match=r"duration|ten years"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_no_text_is_half_understood(text: str) -> None:
    """Any text either is a duration or is refused with ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= timedelta(0)
