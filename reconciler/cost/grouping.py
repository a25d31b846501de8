"""Sums of the audit by anything that a resource has, and a narrower audit. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.cost import estimate
from reconciler.cost.audit import CostItem, Report
from reconciler.cost.estimate import Sum
from reconciler.model import tags as t
from reconciler.model.resource import service_of

TAG = "tag:"
NONE = "(none)"

_Key = Callable[[CostItem], str]

_KEYS: Mapping[str, _Key] = {
    "service": lambda item: service_of(item.verdict.resource),
    "deploy": lambda item: str(item.verdict.resource.deploy or ""),
    "state": lambda item: item.state,
    "kind": lambda item: item.verdict.resource.kind,
    "region": lambda item: item.verdict.resource.place.region,
    "account": lambda item: item.verdict.resource.place.account,
    "release": lambda item: item.verdict.resource.tags.get(t.RELEASE, ""),
    "owner": lambda item: item.verdict.resource.tags.get(t.BY, ""),
}
KEYS = tuple(_KEYS)
"""What sums can be made by, beside `tag:KEY`."""


@dataclass(frozen=True)
class CostGroup:
    """The resources with one value, and their cost."""

    name: str
    cost: Sum


def value_of(item: CostItem, by: str) -> str:
    """The value that a resource has; `(none)` for none. `by` is one of KEYS or `tag:KEY`."""
    if by.startswith(TAG):
        return item.verdict.resource.tags.get(by.removeprefix(TAG), "") or NONE
    return _KEYS[by](item) or NONE


def items_of(report: Report) -> Iterable[CostItem]:
    """Everything that is in the total."""
    return (item for row in report.rows for item in row.items)


def groups(items: Iterable[CostItem], by: str, top: int | None = None) -> Sequence[CostGroup]:
    """The sums by value, dearest first; beyond `top` the rest is one group."""
    found: dict[str, list[Sum]] = {}
    for item in items:
        found.setdefault(value_of(item, by), []).append(item.cost)
    ordered = sorted(
        (CostGroup(name, estimate.add(costs)) for name, costs in found.items()), key=_dearest
    )
    if top is None or len(ordered) <= top:
        return ordered
    rest = ordered[top:]
    return [
        *ordered[:top],
        CostGroup(f"{len(rest)} more", estimate.add(each.cost for each in rest)),
    ]


def dearest(cost: Sum) -> tuple[bool, object]:
    """A sort key, the dearest first: what is not known may be dearer than all that is."""
    return (not cost.unknown, -cost.monthly)


def _dearest(group: CostGroup) -> tuple[object, ...]:
    return (*dearest(group.cost), group.name)


def narrowed(report: Report, wanted: Mapping[str, str]) -> Report:
    """The audit of what has all these values, by key."""

    def keep(items: Iterable[CostItem]) -> tuple[CostItem, ...]:
        return tuple(
            item
            for item in items
            if all(value_of(item, by) == value for by, value in wanted.items())
        )

    if not wanted:
        return report
    rows = (replace(row, items=keep(row.items)) for row in report.rows)
    return replace(
        report,
        rows=tuple(row for row in rows if row.items),
        orphans=keep(report.orphans),
        let_go=keep(report.let_go),
        foreign=keep(report.foreign),
    )
