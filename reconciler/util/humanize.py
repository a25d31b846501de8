"""Numbers as people read them: times, sizes, money, ages, counts. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")

# What moves a cursor or sets a title, and what reverses the direction of text.
_UNSAFE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
_CONTROL = re.compile(rf"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[^\[]|{_UNSAFE}")

_COMMAND = re.compile(r"(?P<label>.*\S) {2,}(?P<command>(?:deployer|reconciler|aws) .*)")
"""A cure: what it is for, and the command to paste."""
_LABEL = re.compile(r" *\S+ {2,}")
_WIDEST_LABEL = 14
_UNIT = re.compile(r"(?<=\d) (?=(?:[kMGTP]?B|s|min|hours?|days?)\b)")
_GLUE = "\x1f"
"""Stands for the blank between a number and its unit while a line is broken."""

_IRREGULAR = {"is": "are", "was": "were", "address": "addresses"}


def elapsed(seconds: float) -> str:
    """A length of time, at most two units: `0.4s`, `41.3s`, `2m 14s`, `1h 12m`, `3d 4h`."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f}s"
    return _two(round(seconds))


def rough(length: timedelta) -> str:
    """A length of time to a whole unit: `14 min`."""
    whole = max(round(length.total_seconds()), 0)
    if whole < 120:
        return f"{whole} s"
    if whole < 120 * 60:
        return f"{whole // 60} min"
    return f"{whole // 3600} hours" if whole < 48 * 3600 else f"{whole // 86400} days"


def span(seconds: float) -> str:
    """A limit or a length of time, at most two units: `0.4s`, `45s`, `9m 54s`, `2h 00m`."""
    if 0 < seconds < 10 and seconds != round(seconds):
        return f"{seconds:.1f}s"
    return _two(max(round(seconds), 0))


def _two(whole: int) -> str:
    for name, size, next_name, next_size in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "m", 60),
        ("m", 60, "s", 1),
    ):
        if whole >= size:
            return f"{whole // size}{name} {whole % size // next_size:02d}{next_name}"
    return f"{whole}s"


def clock(seconds: float) -> str:
    """A stopwatch: `0:41`, `5:00`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: float) -> str:
    """Bytes in decimal units, as disks are sold: `412 MB`, `1.1 GB`."""
    unit = 0
    while count >= 999.5 and unit < len(_SIZES) - 1:
        count, unit = count / 1000, unit + 1
    figure = f"{count:.1f}" if unit and count < 9.95 else f"{count:.0f}"
    return f"{figure} {_SIZES[unit]}"


def hourly(dollars: Decimal | float | None) -> str:
    """Dollars an hour; `unknown` if not known, never 0."""
    return "unknown" if dollars is None else f"${rounded(dollars, 4)}/h"


def money(dollars: Decimal | float | None) -> str:
    """Dollars; `unknown` if not known, never 0."""
    return "unknown" if dollars is None else f"${rounded(dollars, 2):,}"


def rounded(amount: Decimal | float, places: int) -> Decimal:
    """An amount as it is shown: rounded half up, as bills are."""
    return Decimal(str(amount)).quantize(Decimal(10) ** -places, ROUND_HALF_UP)


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 image`, `2 instances`."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun we use: instances, addresses, queries."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def counts(numbers: Mapping[str, int]) -> str:
    """Several counts: `2 instances, 1 image`; `nothing` for none."""
    said = [count(number, noun) for noun, number in numbers.items() if number]
    return ", ".join(said) or "nothing"


def progress(done: int | None, total: int | None, unit: str) -> str:
    """How far something is: `412 MB of 1.1 GB`, `31 %`, `3 of 12 machines`; '' if not known."""
    if done is None:
        return ""
    if unit == "%":
        return f"{done} %"
    show = size if unit == "B" else str
    tail = f" {unit}" if unit not in ("", "B") else ""
    return f"{show(done)}{f' of {show(total)}' if total else ''}{tail}"


def clean(text: str) -> str:
    """Text from a machine or a tag without what could move a terminal's cursor or reorder text."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\t", "    "))


def one_line(text: str) -> str:
    """Cleaned, and on one line."""
    return " ".join(clean(text).split())


def escape_controls(text: str) -> str:
    r"""Text for a terminal: what `clean` would remove is shown as `\u009b`, in JSON too."""
    return re.sub(_UNSAFE, lambda found: f"\\u{ord(found[0]):04x}", text)


def indented(text: str) -> list[str]:
    """The lines of a text, indented, without control characters."""
    return [f"    {line}".rstrip() for line in clean(text).splitlines()]


def aligned(rows: Sequence[Sequence[str]], right: Collection[int]) -> list[str]:
    """A table as lines; `right` are the columns that are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if n in right else text.ljust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def wrapped(lines: Iterable[str], width: int | None) -> list[str]:
    """Lines for a terminal of that width: broken between words only, and never in a command.

    What continues stands below the text that it continues, and a command that does not fit beside
    its label below it, whole. `width` None: a file or a pipe, where every line stays.
    """
    listed = list(lines)
    return listed if width is None else [part for line in listed for part in _broken(line, width)]


def _broken(line: str, width: int) -> list[str]:
    indent = len(line) - len(line.lstrip())
    if len(line) <= width or _is_command(line):
        return [line]
    if found := _COMMAND.fullmatch(line):
        return [*_broken(found["label"], width), f"{' ' * (indent + 4)}{found['command']}"]
    label = _LABEL.match(line)
    beside = label.end() if label and label.end() <= _WIDEST_LABEL else indent + 4
    broken = textwrap.wrap(
        _UNIT.sub(_GLUE, line),
        width,
        subsequent_indent=" " * beside,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace(_GLUE, " ") for part in broken]


def _is_command(line: str) -> bool:
    return line.lstrip().startswith(("deployer ", "reconciler ", "aws "))
