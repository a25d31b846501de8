"""Durations as people write them in the configuration and on the command line: `90s`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds of each unit, longest first."""

_PART = re.compile(r"(\d{1,9})(ms|[smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")

LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """The duration written as `5m`, `1h30m`, `7d`, `250ms` or `0s`.

    Raises ValueError for anything else: a bare number has no unit, and a wrong guess turns five
    minutes into five seconds.
    """
    if not text.isascii() or _WHOLE.fullmatch(text) is None:
        raise ValueError(f'{text!r} is not a duration: write "90s", "5m", "2h", "7d" or "1h30m"')
    parts = [(int(part[1]), part[2]) for part in _PART.finditer(text)]
    units = [unit for _, unit in parts]
    if units != sorted(set(units), key=list(_UNITS).index):
        raise ValueError(f"{text!r} is not a duration: each unit once, the longest first")
    whole = timedelta(milliseconds=sum(number * _UNITS[unit] for number, unit in parts))
    if whole > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return whole


def format_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads back; milliseconds are the finest unit."""
    rest = length // timedelta(milliseconds=1)
    parts = []
    for unit, size in _UNITS.items():
        number, rest = divmod(rest, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"
