"""Who does what, and what befalls them: all of it a function of the seed, pure.

Each actor, the faults and the lag have a stream of their own, so that how fast somebody is changes
nothing of what the others will do: the n-th act of an actor, and how many calls lie between the
n-th fault and the one before, are the same in every run of a seed. When they meet is not: the
processes are real.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from random import Random

from deployer.events import STEPS
from deployer.sandbox.faults import FaultRule

ROLLBACK_STEPS = ("guard", "lease", "start", "smoke", "database", "commit", "follow-up")
"""The steps of `rollback`, in order."""

FAULTS = 0.1
"""The share of calls that a fault strikes."""

MOST_LAG = 5.0
MOST_DELAY = 3.0
"""Seconds that a delayed or doubled request arrives late, at most."""

KINDS = {"throttle": 7, "error500": 5, "drop_reply": 3, "delay": 3, "duplicate": 2}
"""The kinds of fault, with their weights."""


@dataclass(frozen=True)
class End:
    """How a command is ended from outside: a signal, seconds after a step began (or it did)."""

    signal: signal.Signals
    after: float
    step: str = ""

    def __str__(self) -> str:
        return f"{self.signal.name} {self.after} s into {self.step or 'it'}"


@dataclass(frozen=True)
class Act:
    """A command of an actor, after a pause in seconds."""

    pause: float
    tool: str
    words: tuple[str, ...]
    end: End | None = None

    def __str__(self) -> str:
        said = " ".join((self.tool, *self.words))
        return f"{said}, {self.end}" if self.end else said


def deployer(random: Random) -> Act:
    """A release: of a good or a bad version, left to its end, stopped or killed."""
    words = ["up", "shop", "--json", "--ref"]
    words += random.choices(["v1.5.0", "v1.7.0", "v1.6.0"], [4, 4, 2])
    for chance, more in (
        (0.6, ["--sweep-first"]),
        (0.5, ["--wait", "30s"]),
        (0.15, ["--keep-failed", "30s"]),
    ):
        words += more if random.random() < chance else []
    return Act(_pause(random, 6), "deployer", tuple(words), _end(random, STEPS))


def reconciler(random: Random) -> Act:
    """A sweep, full or young; some are stopped or killed."""
    words = ["sweep", "--json", *(["--young"] if random.random() < 0.5 else [])]
    end = _end(random, ("",)) if random.random() < 0.4 else None
    return Act(_pause(random, 8), "reconciler", tuple(words), end)


def operator(random: Random) -> Act:
    """Goes back, with or without giving writes up, or stops whatever is under way."""
    pause = _pause(random, 15)
    words = random.choices(
        [
            ("abort", "shop", "--yes"),
            ("rollback", "shop", "--json"),
            ("rollback", "shop", "--json", "--discard-writes"),
        ],
        [5, 1, 4],
    )[0]
    steps = ROLLBACK_STEPS if words[0] == "rollback" else ("",)
    return Act(pause, "deployer", words, _end(random, steps) if random.random() < 0.4 else None)


CAST: dict[str, Callable[[Random], Act]] = {
    **{f"deployer {number}": deployer for number in range(1, 5)},
    **{f"reconciler {number}": reconciler for number in range(1, 3)},
    "operator": operator,
}
"""Everybody, and what they do."""


def acts(seed: int, name: str) -> Iterator[Act]:
    """The acts of one of the cast, without end."""
    random = Random(f"{seed}/{name}")
    return (CAST[name](one) for one in repeat(random))


def faults(seed: int) -> Iterator[FaultRule]:
    """The faults, without end; each waits until the one before it has struck."""
    random = Random(f"{seed}/faults")
    while True:
        passed = 0
        while random.random() >= FAULTS:
            passed += 1
        kind = random.choices(list(KINDS), list(KINDS.values()))[0]
        late = round(random.uniform(0, MOST_DELAY), 1)
        seconds = late if kind in ("delay", "duplicate") else 0.0
        yield FaultRule("*", kind, skip=passed, seconds=seconds)


def lags(seed: int) -> Iterator[tuple[float, float]]:
    """Seconds for which a visibility lag lasts, and how long that is; without end."""
    random = Random(f"{seed}/lag")
    while True:
        lag = 0.0 if random.random() < 0.4 else round(random.uniform(0, MOST_LAG), 1)
        yield round(random.uniform(3, 15), 1), lag


def _pause(random: Random, most: float) -> float:
    return round(random.uniform(0, most), 1)


def _end(random: Random, steps: tuple[str, ...]) -> End | None:
    """None for half of them."""
    way = random.choices([None, signal.SIGTERM, signal.SIGKILL], [5, 2, 3])[0]
    step, after = random.choice(steps), round(random.uniform(0, 1.5 if steps[0] else 5), 1)
    return End(way, after, step) if way else None
