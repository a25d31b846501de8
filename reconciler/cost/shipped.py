"""The table of prices that comes with the package: constant data, one part a region.

`python -m scripts.price_table` makes it. A part is read when its region is first asked for.
"""

from __future__ import annotations

import importlib.resources
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

_FILE = "prices.zip"
_DATE = "as_of"


@cache
def as_of() -> str:
    """The month of the machines' prices: `2025-03`."""
    return _part(_DATE)


@cache
def regions() -> tuple[str, ...]:
    """The regions that it has prices of."""
    with _archive() as archive:
        return tuple(name for name in archive.namelist() if name != _DATE)


@cache
def region(name: str) -> Mapping[str, str]:
    """The prices in a region by name, as the table has them; empty for an unknown region."""
    if name not in regions():
        return {}
    return dict(line.split("\t") for line in _part(name).splitlines())


def _part(name: str) -> str:
    with _archive() as archive:
        return archive.read(name).decode()


@contextmanager
def _archive() -> Iterator[zipfile.ZipFile]:
    file = importlib.resources.files("reconciler.cost").joinpath(_FILE)
    with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        yield archive
