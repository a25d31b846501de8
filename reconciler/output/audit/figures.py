"""The three figures of a row as text, so rounded that rows add up to their total. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from reconciler.cost.audit import GARBAGE, Report
from reconciler.cost.estimate import Sum
from reconciler.util import humanize

_CENTS = 2
_HOURLY = 4


@dataclass(frozen=True)
class Figures:
    """Rounded dollars of a row: a month, an hour, so far; and how much of it is not known.

    `unknown` and `ageless`: '' known, `part` a lower bound, `all` nothing is known.
    """

    monthly: Decimal
    hourly: Decimal
    so_far: Decimal
    unknown: str = ""
    ageless: str = ""

    @classmethod
    def of(cls, rows: Iterable[Figures]) -> Figures:
        """The total of rows, as they are shown."""
        listed = list(rows)
        return cls(
            sum((row.monthly for row in listed), Decimal("0.00")),
            sum((row.hourly for row in listed), Decimal("0.0000")),
            sum((row.so_far for row in listed), Decimal("0.00")),
            _joined([row.unknown for row in listed]),
            _joined([row.ageless for row in listed]),
        )

    def cells(self) -> tuple[str, str, str]:
        """As text, without a currency."""
        month = {"": f"{self.monthly:,}", "part": f"unknown (≥ {self.monthly:,})"}
        return (
            month.get(self.unknown, "unknown"),
            _marked(f"{self.hourly}", self.unknown),
            _marked(f"{self.so_far:,}", self.ageless),
        )


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


def figures_of(costs: Sequence[Sum]) -> list[Figures]:
    """The figures of the rows under one total."""
    columns = zip(
        shares([cost.monthly for cost in costs], _CENTS),
        shares([cost.hourly for cost in costs], _HOURLY),
        shares([cost.so_far for cost in costs], _CENTS),
        strict=True,
    )
    return [
        Figures(*each, _known(cost.unknown, cost.is_unknown), _known(cost.ageless, cost.is_ageless))
        for cost, each in zip(costs, columns, strict=True)
    ]


def first_sentence(report: Report) -> str:
    """What a reader must know who reads no more: the month, what of it is for what."""
    total, garbage = report.total, report.states.get(GARBAGE, Sum())
    parts = [
        f"{humanize.money(report.kept_for_rollback.monthly)} keeps rollbacks",
        f"{humanize.money(garbage.monthly)} is garbage that the next sweep removes",
    ]
    if total.unknown:
        verb = "is" if total.unknown == 1 else "are"
        parts.append(f"{humanize.count(total.unknown, 'price')} {verb} unknown")
    least = "at least " if total.unknown or report.unknown or report.gaps else ""
    if not total.resources and not least:
        return "You pay nothing: no resource of a release is there."
    start = f"You pay {least}{humanize.money(total.monthly)} a month: "
    return start + ", ".join(parts) + "."


def beside(report: Report) -> str:
    """What stands under every total of databases on servers that no release has made; else ''."""
    if not report.shares:
        return ""
    cost = report.shared
    known = humanize.money(cost.monthly)
    dollars = f"unknown (at least {known})" if cost.unknown else known
    who = humanize.count(len(report.shares), "database")
    return f"beside the total, by size: {dollars} a month of the servers of {who}"


def _known(missing: int, nothing: bool) -> str:
    return "all" if nothing else "part" if missing else ""


def _joined(states: Sequence[str]) -> str:
    if states and all(state == "all" for state in states):
        return "all"
    return "part" if any(states) else ""


def _marked(figure: str, state: str) -> str:
    return "unknown" if state == "all" else f"≥ {figure}" if state else figure
