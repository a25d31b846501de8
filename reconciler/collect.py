"""Carrying out the deletions of a plan, wave by wave.

Before every wave both sides are read again, the things first and the ledger second, and what has
changed its mind since the plan is left out: check and act lie as close together as AWS
allows. Gone means that a later describe says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from reconciler import gone
from reconciler.cloud import UNPROVED, Fate, Outcome
from reconciler.errors import ToolError
from reconciler.managed import Managed, OnOutcome
from reconciler.mark import mark, problems
from reconciler.observe import NEVER, alive, list_databases, read_root
from reconciler.plan import wave
from reconciler.resource import DATABASE, Inventory, Resource
from reconciler.verdict import Root, Verdict
from reconciler.waiting import Pace, looks

GONE_PACE = Pace(first=0.1, longest=5.0, deadline=240.0)
"""A graceful shutdown of an instance takes its time before its volumes can go."""

_MAY_BE_GONE = frozenset({Fate.PENDING, Fate.DONE, Fate.UNSEEN})


class Collector:
    """Deletes a service's garbage; one outcome an item, and no item's failure stops the others."""

    def __init__(self, managed: Managed, on_outcome: OnOutcome, pace: Pace = GONE_PACE) -> None:
        self._managed = managed
        self._on_outcome = on_outcome
        self._pace = pace
        self._gone = gone.Gone(NEVER)

    def collect(self, garbage: Sequence[Verdict]) -> tuple[Outcome, ...]:
        """Delete what is garbage in `garbage`, sorted by wave, verified again before each wave."""
        outcomes: list[Outcome] = []
        left = [one.thing for one in garbage]
        for _, group in groupby(left, key=wave):
            outcomes += self._wave(list(group), left)
        return tuple(outcomes)

    def _wave(self, group: list[Resource], around: list[Resource]) -> Iterator[Outcome]:
        """One wave's outcomes. `around` are the plan's other things: births are proved by them."""
        try:
            still = self._verified(group, around)
        except ToolError as error:
            failed = [Outcome(one, Fate.FAILED, error.message) for one in group]
            return self._told(iter(failed))
        return self._told(self._delete_and_wait(group, still))

    def _told(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        for one in outcomes:
            self._on_outcome(one)
            yield one

    def _verified(self, group: list[Resource], around: list[Resource]) -> dict[str, Verdict]:
        """Verdicts of now, by id: things first, ledger second. What is gone is missing."""
        listed = self._now(group)
        if not self._gone.learn(group, listed, time.monotonic()):
            return {}  # nothing to judge: volumes go with their machines
        own = {one.key for one in group}
        more = self._now([one for one in around if one.key not in own])
        listed = Inventory(listed.resources + more.resources, listed.gaps + more.gaps)
        root, _ = read_root(self._managed)
        self._gone.now = root.now
        self._gone.learn(group, listed, time.monotonic())
        fresh = alive(listed)
        _refuse_unknown(fresh, root)
        _refuse_unseen(fresh, group)
        wanted = {one.key for one in group}
        verdicts = mark(fresh, {root.home.service: root})
        return {one.thing.id: one for one in verdicts if one.thing.key in wanted}

    def _now(self, things: Sequence[Resource]) -> Inventory:
        if not things:
            return Inventory()
        in_aws = [one for one in things if one.kind != DATABASE]
        fresh = self._managed.heap.describe(in_aws)
        if len(in_aws) == len(things):
            return fresh
        databases = list_databases(self._managed)
        gaps = fresh.gaps + ((databases.gap,) if databases.gap else ())
        return Inventory(fresh.resources + databases.things, gaps)

    def _delete_and_wait(
        self, group: list[Resource], still: dict[str, Verdict]
    ) -> Iterator[Outcome]:
        waiting: list[Resource] = []
        absent: list[Resource] = []
        for thing in group:
            verdict = still.get(thing.id)
            if verdict is None:
                absent.append(thing)
            elif not verdict.collect:
                yield Outcome(thing, Fate.BLOCKED, f"kept after all: {verdict.text}")
            else:
                waiting.append(verdict.thing)
        yield from self._settle([Outcome(one, Fate.UNSEEN, UNPROVED) for one in absent])
        for kind in sorted({one.kind for one in waiting}):
            yield from self._kind([one for one in waiting if one.kind == kind], kind)

    def _kind(self, things: list[Resource], kind: str) -> Iterator[Outcome]:
        if kind == DATABASE:
            yield from (self._drop(one) for one in things)
            return
        try:
            asked = self._managed.heap.delete(things)
        except ToolError as error:
            asked = tuple(Outcome(one, Fate.FAILED, error.message) for one in things)
        yield from self._settle(asked)

    def _settle(self, asked: Sequence[Outcome]) -> Iterator[Outcome]:
        """Wait for what was asked to go; the rest keeps its fate, unless it went all the same."""
        pending = [one for one in asked if one.fate in _MAY_BE_GONE]
        self._gone.agreed(one.resource for one in pending if not one.text)
        self._wait_until_gone([one.resource for one in pending])
        for one in asked:
            if one.fate in _MAY_BE_GONE and one.resource.id in self._gone.known:
                text = "already gone" if one.fate is Fate.UNSEEN else one.text
                yield Outcome(one.resource, Fate.GONE, text)
            elif one.fate is Fate.DONE:
                yield Outcome(one.resource, Fate.PENDING, "deletion asked for, not yet gone")
            else:
                yield one

    def _wait_until_gone(self, things: list[Resource]) -> None:
        left = [one for one in things if one.id not in self._gone.known]
        for elapsed in looks(self._pace) if left else ():
            seen = self._managed.heap.describe(left)
            left = self._gone.learn(left, seen, time.monotonic())
            if not left or (elapsed > gone.AGREED and not self._gone.is_under_way(left, seen)):
                break

    def _drop(self, thing: Resource) -> Outcome:
        try:
            server = self._managed.reach.databases()
            if server is None:
                return Outcome(thing, Fate.BLOCKED, "no database server is configured")
            server.drop(thing.name)
        except ToolError as error:
            return Outcome(thing, Fate.FAILED, error.message)
        return Outcome(thing, Fate.GONE)


def _refuse_unknown(fresh: Inventory, root: Root) -> None:
    problem = problems(fresh, {root.home.service: root}).get(root.home.service)
    if problem:
        raise ToolError(f"unknown since the plan was made: {problem}")


def _refuse_unseen(fresh: Inventory, group: Sequence[Resource]) -> None:
    """A database server out of reach hides databases: then a missing one is not gone."""
    kinds = {one.kind for one in group}
    gap = next((one for one in fresh.gaps if one.kind in kinds), None)
    if gap is not None:
        raise ToolError(f"{gap.kind}s could not be listed: {gap.reason}")
