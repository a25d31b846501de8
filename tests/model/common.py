"""What both models share: who takes part, tuples with one place changed, and coming to rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from reconciler.model.deploy_id import DeployId
from tests.model import cast

T = TypeVar("T")
W = TypeVar("W")

ROUNDS = 12
"""More rounds than sweeps ever need to come to rest."""


@dataclass(frozen=True)
class Scenario:
    """Who takes part, and how much may go astray.

    sweeps  for each scheduled sweep, how many rounds it makes
    slow    how many requests may go unanswered, and arrive later or never
    twice   how many may arrive once more
    """

    name: str
    deployers: int = 1
    rollback: bool = False
    abort: bool = False
    sweeps: tuple[int, ...] = (1,)
    slow: int = 1
    twice: int = 0

    def alike(self, holders: int) -> slice:
        """Where the sweeps stand that are the same machine, after so many holders."""
        same = len(self.sweeps) if len(set(self.sweeps)) == 1 else 0
        return slice(holders, holders + same)

    @property
    def releases(self) -> tuple[DeployId, ...]:
        """The deploys that are tried."""
        return (cast.FIRST, cast.SECOND)[: self.deployers]


def put(items: tuple[T, ...], place: int, one: T) -> tuple[T, ...]:
    """`items` with another one at `place`."""
    return (*items[:place], one, *items[place + 1 :])


def without(items: tuple[T, ...], one: T) -> tuple[T, ...]:
    """`items` with one occurrence of `one` less."""
    place = items.index(one)
    return (*items[:place], *items[place + 1 :])


def nameless(
    actors: tuple[T, ...], alike: slice, order: Callable[[T], Any] | None = None
) -> tuple[T, ...]:
    """The actors with those that are alike in order: which of two stands where is no matter.

    Scheduled sweeps that make equally many rounds are the same machine; nobody asks which is which.
    So worlds that differ by an exchange of two of them are one world (in a trace they may change
    numbers).
    """
    first, last = alike.start, alike.stop
    ordered = sorted(actors[first:last], key=order)  # type: ignore[type-var,arg-type]
    return (*actors[:first], *ordered, *actors[last:])


def settled(world: W, at_rest: Callable[[W], bool], sweep: Callable[[W], W]) -> W | None:
    """The world after as many sweeps as it takes until nothing is to be done; None: never."""
    for _ in range(ROUNDS):
        if at_rest(world):
            return world
        world = sweep(world)
    return None
