"""Prices of the families that are not in proportion to the size, such as those with GPUs.

`anchors.csv` has their prices of us-east-1, copied from AWS's page. They must agree with the
figures of apache-libcloud, or the script stops: each figure there is the price, a hole, or 5 to
11 % above it (dedicated hardware). In each region AWS sells a family at those prices times one
factor, which is the lowest that at least two sizes agree on. Figures that fit are believed as they
are; a hole is worked out where at least three sizes agree to the last digit.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from scripts.price_table.instances import DEDICATED, Figures, Source, Table, rounded

HOME = "us-east-1"
_ANCHORS = Path(__file__).with_name("anchors.csv")
_AGREE = Decimal("1.003")
_LAST_DIGIT = Decimal("0.00001")
_SIZES = 3


def anchors() -> Figures:
    """The copied prices of us-east-1 by type."""
    with _ANCHORS.open(newline="", encoding="utf-8") as file:
        return {row["type"]: Decimal(row["dollars"]) for row in csv.DictReader(file)}


def anchored(table: Source, base: Figures) -> Table:
    """The prices by region and type. Raises ValueError if a copied price contradicts the table."""
    found: Table = {HOME: dict(base)}
    for family in {name.partition(".")[0] for name in base}:
        own = {name: price for name, price in base.items() if name.startswith(f"{family}.")}
        for region in sorted({each for name in own for each in table.get(name, {})}):
            sold = {name: own[name] for name in own if region in table.get(name, {})}
            figures = {name: table[name][region] for name in sold if table[name][region]}
            found.setdefault(region, {}).update(_of_region(figures, sold))
            if region == HOME:
                _check(figures, own)
    return found


def _of_region(figures: Figures, base: Figures) -> Mapping[str, Decimal]:
    """What is believed of the types that are sold in a region."""
    ratios = {name: price / base[name] for name, price in figures.items()}
    lowest = min(ratios.values(), default=Decimal(0))
    agreed = [name for name, ratio in ratios.items() if ratio <= lowest * _AGREE]
    if len(agreed) < min(2, len(base)):
        return {}
    believed = {name: figures[name] for name in agreed}
    return {**_worked_out(believed, base), **believed}


def _worked_out(believed: Figures, base: Figures) -> Figures:
    """The family at the factor of its dearest figure, if the others follow from it."""
    if len(believed) < _SIZES:
        return {}
    dearest = max(believed, key=lambda name: believed[name])
    factor = believed[dearest] / base[dearest]
    every = {name: rounded(price * factor) for name, price in base.items()}
    exact = all(abs(every[name] - price) <= _LAST_DIGIT for name, price in believed.items())
    return every if exact else {}


def check_copied(copied: Table, source: Source) -> None:
    """Compare the machines that were copied by hand. Raises ValueError for a contradiction."""
    for region, prices in copied.items():
        known = {name: source[name].get(region) for name in prices if name in source}
        _check({name: price for name, price in known.items() if price}, prices)


def _check(figures: Figures, base: Figures) -> None:
    for name, price in figures.items():
        ratio = price / base[name]
        if ratio != 1 and not DEDICATED[0] < ratio < DEDICATED[1]:
            raise ValueError(f"{name}: {base[name]} was copied, the table says {price}")
