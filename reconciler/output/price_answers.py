"""The answers of `reconciler strays` and `reconciler prices`: their fields, as published."""

from __future__ import annotations

from typing import TypedDict


class StrayAnswer(TypedDict):
    """What is not ours and looks left behind: `confidence` is high, medium or low."""

    kind: str
    id: str
    place: str
    tags: dict[str, str]
    why: str
    since: str | None
    confidence: str
    monthly: float | None
    unknown_prices: int


class StraysAnswer(TypedDict):
    """`reconciler strays`: what is not ours and looks left behind, dearest first."""

    now: str
    prices: str
    left_out: list[str]
    unread: list[str]
    strays: list[StrayAnswer]
    monthly: float
    unknown_prices: int


class PricesAnswer(TypedDict):
    """`reconciler prices`: the date of the prices, and how many are known of each region.

    `table`: the date of the prices that come with the package.
    """

    as_of: str
    table: str
    regions: dict[str, int]
    file: str
