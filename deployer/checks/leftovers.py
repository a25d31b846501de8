"""What was left behind, one line a thing: kind, id, what it is, since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from deployer.checks.refusals import ago
from reconciler.cost import estimate
from reconciler.gc.verdict import Verdict
from reconciler.model.resource import Resource


def dirt_lines(left: Sequence[Verdict], now: datetime) -> Iterable[str]:
    """`instance   i-0d41aa07   t3.small running, 14m ago   $0.0258/h`: one line a thing."""
    return [_line(one.thing, now) for one in left]


def _line(thing: Resource, now: datetime) -> str:
    born = f", {ago(now - thing.deploy.born)}" if thing.deploy else ""
    text = f"{thing.kind:<18} {thing.id:<22} {what(thing)}{born}"
    return f"{text:<62} {estimate.price(thing):>12}".rstrip()


def what(thing: Resource) -> str:
    """A thing in a few words: type, size, state."""
    size = f"{thing.size_gb:.0f} GB" if thing.size_gb >= 1 else ""
    words = (thing.type, size, thing.state)
    return " ".join(word for word in words if word)
