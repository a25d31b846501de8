"""What a run costs on AWS, on paper, from what was measured on the emulator.

List prices of us-east-1 (Lambda, Step Functions, S3: "Pricing" pages, read in 2026). A function of
512 MB has 512/1769 of a processor (Lambda guide, "Configure Lambda function memory"), so a second
of CPU takes as much longer there; waiting for AWS's answers is added to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.page import table

GB_SECOND = 0.0000166667
REQUEST = 0.20 / 1e6
TRANSITION = 0.025 / 1e3
PUT, GET = 0.005 / 1e3, 0.0004 / 1e3

MEMORY_GB = 0.5
SHARE = 512 / 1769
ANSWER = 0.15
"""Seconds until AWS answers a call."""

CALLS_OF_FUNCTION = 2
"""Of a scope: one in each map."""
TRANSITIONS = 6
"""Of a scope: in each map its child execution's start, its one state, its end."""
PUTS, GETS = 5, 4
"""Of a scope: inventory, ledgers, plan, the result twice; what the second map reads."""


@dataclass(frozen=True)
class Work:
    """What a scope took: seconds of CPU of a call of the function, and calls to AWS in both."""

    cpu: float
    calls: float

    @property
    def seconds(self) -> float:
        """Of a call, on AWS."""
        return self.cpu / SHARE + self.calls / CALLS_OF_FUNCTION * ANSWER


def dollars(work: Work, scopes: int) -> float:
    """A run of so many scopes."""
    function = CALLS_OF_FUNCTION * (work.seconds * MEMORY_GB * GB_SECOND + REQUEST)
    return scopes * (function + TRANSITIONS * TRANSITION + PUTS * PUT + GETS * GET)


def on_paper(work: Work) -> Iterator[str]:
    """A table of runs of a thousand and of ten thousand scopes."""
    yield (
        "On paper, at AWS's list prices in us-east-1: a call of the function takes "
        f"{work.cpu:.2f} s of CPU, so {work.seconds:.1f} s at 512 MB, answers included."
    )
    yield ""
    rows = [
        f"{scopes:,} | {dollars(work, scopes):.2f} $ | {dollars(work, scopes) * 30:.2f} $ | "
        f"{dollars(work, scopes) * 720:.2f} $"
        for scopes in (1_000, 10_000)
    ]
    yield from table("scopes | a run | a run a day, 30 days | a run an hour, 720 hours", rows)
