"""Leftover resources, one line each: kind, id, description, age. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from deployer.checks.refusals import ago
from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Verdict
from reconciler.model.resource import Resource


def dirt_lines(left: Sequence[Verdict], now: datetime, prices: Prices) -> Iterable[str]:
    """`instance   i-0d41aa07   t3.small running, 14m ago   $0.0258/h`: one line per resource."""
    return [_line(one.resource, now, prices) for one in left]


def _line(resource: Resource, now: datetime, prices: Prices) -> str:
    born = ago(now - resource.deploy.born) if resource.deploy else ""
    facts = ", ".join(filter(None, (what(resource), born)))
    text = f"{resource.kind:<17} {resource.id:<21} {facts}"
    return f"{text} {estimate.price(resource, prices):>{max(75 - len(text), 0)}}".rstrip()


def what(resource: Resource) -> str:
    """A short description of a resource: type, size, state."""
    size = f"{resource.size_gb:.0f} GB" if resource.size_gb >= 1 else ""
    words = (resource.type, size, resource.state)
    return " ".join(word for word in words if word)
