"""Rounding for a reader: the rows of a table add up to its total, and the total is right. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal


def rounded(amount: Decimal, places: int) -> Decimal:
    """Rounded once, half up, as bills are."""
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def shares(amounts: Sequence[Decimal], places: int) -> list[Decimal]:
    """The amounts of the rows under a total, so rounded that they add up to the rounded total.

    Each is within one unit of its exact figure: the largest remainders are rounded up.
    """
    unit = Decimal(1).scaleb(-places)
    floors = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
    missing = int((rounded(sum(amounts, Decimal(0)), places) - sum(floors, Decimal(0))) / unit)
    order = sorted(range(len(amounts)), key=lambda n: (floors[n] - amounts[n], n))
    for n in order[:missing]:
        floors[n] += unit
    return floors
