"""Explores a model to the end: breadth first, so that the first trace found is a shortest one.

A model is a set of small step machines over one value, the world. An actor that crashes is one
that never moves again, so every state is also one in which everybody has just crashed, and the
model's `wrong_state` may ask of it what must hold then.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)


class Model(Protocol[S]):
    """What is explored. A complaint is a line that says what is broken, '' for nothing."""

    def start(self) -> S:
        """The world before anybody moves."""
        ...

    def moves(self, world: S) -> Iterable[tuple[str, S]]:
        """Every next step of anybody: who does what, and the world after it."""
        ...

    def wrong_move(self, before: S, after: S) -> str:
        """The complaint about a step: asked of every step."""
        ...

    def wrong_state(self, world: S) -> str:
        """The complaint about a world: asked once of each."""
        ...


@dataclass(frozen=True)
class Report:
    """What an exploration found. `complete`: nothing was left unexplored within the bounds."""

    states: int
    steps: int
    complete: bool
    complaint: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Numbers, or the complaint and the shortest way to it."""
        if not self.complaint:
            how = "to the end" if self.complete else "as far as the bound of states"
            return f"{self.states:,} states, {self.steps:,} steps, {how}"
        lines = [f"{n:3}. {step}" for n, step in enumerate(self.trace, 1)]
        return "\n".join([f"{self.complaint}, after {len(lines)} steps:", *lines])


class Explorer(Generic[S]):
    """One exploration. `most` bounds the states, not the time: the same ones every time."""

    def __init__(self, model: Model[S], most: int) -> None:
        self._model = model
        self._most = most
        self._came: dict[S, tuple[S, str] | None] = {}
        self._steps = 0

    def run(self) -> Report:
        """Explore until the first complaint, the end, or the bound."""
        start = self._model.start()
        self._came[start] = None
        ahead = deque([start])
        complaint, trace = self._model.wrong_state(start), tuple[str, ...]()
        while ahead and not complaint and len(self._came) < self._most:
            complaint, trace = self._expand(ahead.popleft(), ahead)
        complete = not ahead and not complaint
        return Report(len(self._came), self._steps, complete, complaint, trace)

    def _expand(self, world: S, ahead: deque[S]) -> tuple[str, tuple[str, ...]]:
        for step, after in self._model.moves(world):
            self._steps += 1
            complaint = self._model.wrong_move(world, after)
            if not complaint and after not in self._came:
                self._came[after] = (world, sys.intern(step))
                ahead.append(after)
                complaint = self._model.wrong_state(after)
            if complaint:
                return complaint, (*self._trace(world), step)
        return "", ()

    def _trace(self, world: S) -> tuple[str, ...]:
        steps: list[str] = []
        came = self._came[world]
        while came is not None:
            world, step = came
            steps.append(step)
            came = self._came[world]
        return tuple(reversed(steps))


def explore(model: Model[S], most: int) -> Report:
    """Explore `model`, at most about `most` states of it."""
    return Explorer(model, most).run()
