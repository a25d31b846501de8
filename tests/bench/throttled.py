"""A sweep of 10,000 orphans while the server refuses what is beyond AWS's token buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.aws.client.throttle import MACHINES, SIZES, Size, class_of
from tests.bench import company
from tests.bench.measure import Figures, serving
from tests.bench.page import goal, table

ORPHANS = 10_000
SERVING = 100
"""Machines of the services that live on: where nothing of a ledger is left, a sweep asks people."""
SLOWER, REFUSED = 1.3, 0.01

_WORDS = """\
Dead machines with a volume and an interface each, beside a few that serve. The sandbox refuses as
EC2 does, at AWS's own figures (docs/aws.md §1). The buckets' own minimum: what the calls that were
sent, and the machines they terminated, need at least from full buckets. Each bucket fills by
itself: the slowest counts.
"""


def measure(folder: Path) -> Iterator[str]:
    """One sweep at AWS's speed."""
    yield _WORDS
    configuration = company.write(folder / "config")
    with serving(ORPHANS + SERVING, ORPHANS) as box:
        box.limit(1.0)
        one = box.run(company.sweep(configuration), folder / "said")
    least = minimum(one.calls, ORPHANS)
    cells = (
        f"{ORPHANS:,}",
        f"{one.wall:.0f}",
        f"{least:.0f}",
        f"{one.wall / least:.2f} ×",
        f"{one.asked}",
        f"{one.refused}",
        f"{one.cpu:.1f}",
        f"{one.code}",
    )
    head = "machines | wall s | minimum s | wall / minimum | calls | refused | CPU s | exit"
    yield from table(head, [" | ".join(cells)])
    yield ""
    yield from _goals(one, least)


def _goals(one: Figures, least: float) -> Iterator[str]:
    times, share = one.wall / least, one.refused / one.asked
    done = one.code == 0
    yield goal(done and times <= SLOWER, f"within {SLOWER} × of the minimum; {times:.2f} × here")
    yield goal(done and share <= REFUSED, f"refused at most 1 % of its calls; {share:.1%} here")


def minimum(calls: Mapping[str, int], machines: int) -> float:
    """Seconds that the slowest bucket needs for so many calls and machines, when full at first."""
    drawn: dict[str, int] = {}
    for action, count in calls.items():
        if not action.startswith("List"):  # Route 53's own limit is another
            drawn[class_of(action)] = drawn.get(class_of(action), 0) + count
    waits = [_needs(SIZES[name], count) for name, count in drawn.items()]
    return max([*waits, _needs(MACHINES["TerminateInstances"], machines)])


def _needs(size: Size, count: int) -> float:
    return max(0.0, (count - size.tokens) / size.rate)
