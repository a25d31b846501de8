"""Numbers as people read them."""

from __future__ import annotations

import pytest

from reconciler.util import humanize


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (0.44, "0.4s"),
        (48.2, "48.2s"),
        (59.96, "1m 00s"),
        (134, "2m 14s"),
        (4320, "1h 12m"),
        (280_000, "3d 05h"),
    ],
)
def test_elapsed(seconds: float, text: str) -> None:
    """At most two units, and never 60 of one."""
    assert text == humanize.elapsed(seconds)


@pytest.mark.parametrize(("seconds", "text"), [(41, "0:41"), (300, "5:00"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    """A stopwatch has two digits of seconds."""
    assert text == humanize.clock(seconds)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_960, "10 kB"),
        (412_000_000, "412 MB"),
        (999_600, "1.0 MB"),
        (1_100_000_000, "1.1 GB"),
        (10**18, "1000 PB"),
    ],
)
def test_size(count: int, text: str) -> None:
    """Decimal units, two figures where there would be one."""
    assert text == humanize.size(count)


def test_money_that_is_not_known_is_not_nothing() -> None:
    """An unknown price is shown as unknown, never as 0."""
    assert [humanize.hourly(None), humanize.money(None)] == ["unknown", "unknown"]
    assert [humanize.hourly(0.0273), humanize.money(19.656)] == ["$0.0273/h", "$19.66"]


@pytest.mark.parametrize(
    ("done", "total", "unit", "text"),
    [
        (412_000_000, 1_100_000_000, "B", "412 MB of 1.1 GB"),
        (31, 100, "%", "31 %"),
        (3, 12, "machines", "3 of 12 machines"),
        (5, None, "rows", "5 rows"),
        (5_000, None, "B", "5.0 kB"),
        (None, 12, "machines", ""),
    ],
)
def test_progress(done: int | None, total: int | None, unit: str, text: str) -> None:
    """What is not known is left out."""
    assert text == humanize.progress(done, total, unit)


def test_counts() -> None:
    """Kinds of which there are none are not named; nothing at all has a word."""
    assert humanize.counts({"instance": 2, "image": 1, "volume": 0}) == "2 instances, 1 image"
    assert humanize.counts({}) == "nothing"


def test_a_machine_cannot_move_the_cursor() -> None:
    """Escape sequences and control characters in a machine's output do not reach the terminal."""
    assert humanize.clean("\x1b[2J\x1b]0;title\x07a\tb\r\nc\rd\x9b31me") == "0;titlea    b\ncde"
    assert humanize.one_line(" a\n\x1b[31mb ") == "a b"


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200f", "\u061c", "\u2028"])
def test_a_tag_cannot_reverse_a_line(sign: str) -> None:
    """Marks of direction make one name look like another."""
    assert humanize.one_line(f"i-1{sign}gpj.exe") in ("i-1gpj.exe", "i-1 gpj.exe")
    assert humanize.escape_controls(f"a{sign}b") == f"a\\u{ord(sign):04x}b"


def test_a_table_has_columns() -> None:
    """Text to the left, numbers to the right, no blanks at the end of a line."""
    rows = [("what", "n", "note"), ("a machine", "12", ""), ("disk", "3", "old")]
    assert humanize.aligned(rows, (1,)) == [
        "what        n  note",
        "a machine  12",
        "disk        3  old",
    ]


def test_a_detail_is_indented() -> None:
    """Line by line; an empty one has no blanks, and control characters do not get through."""
    assert humanize.indented("one\n\ntwo\x1b[31m") == ["    one", "", "    two"]


LONG = "It would be refused: shop is not clean, and 3 machines cost $93.91 in 30 days."


def test_a_line_that_is_too_wide_is_broken_between_words() -> None:
    """Below its text; a number stays with its unit, and a word that is too long stays whole."""
    assert humanize.wrapped([LONG, "short"], 76) == [
        "It would be refused: shop is not clean, and 3 machines cost $93.91 in",
        "    30 days.",
        "short",
    ]
    label = "  record    shop.example.com → 10.0.1.17, 10.0.1.18"
    assert humanize.wrapped([label], 40) == [
        "  record    shop.example.com →",
        "            10.0.1.17, 10.0.1.18",
    ]
    arn = f"  drain arn:{'x' * 40}/1-2"
    assert humanize.wrapped([arn], 20) == ["  drain", f"      arn:{'x' * 40}/1-2"]


def test_a_command_is_never_broken() -> None:
    """It goes below its label, whole: half of it may be a command, too."""
    line = "  To open it, since nobody is at work   deployer thaw shop --deployer-is-dead"
    assert humanize.wrapped([line], 50) == [
        "  To open it, since nobody is at work",
        "      deployer thaw shop --deployer-is-dead",
    ]
    assert humanize.wrapped([line.split("   ")[1]], 20) == ["deployer thaw shop --deployer-is-dead"]


def test_a_pipe_has_every_line_whole() -> None:
    """Programs and `grep` read it."""
    assert humanize.wrapped([LONG * 9], None) == [LONG * 9]
