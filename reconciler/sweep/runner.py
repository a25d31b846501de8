"""The sweep: observe, plan, carry out, in rounds while there is progress.

There is one clean-up mechanism. A failed deploy cleans up by a sweep scoped to its own id, a dead
one is cleaned by the scheduled sweep, and no step has an undo of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler.errors import ToolError
from reconciler.model import ledger as ledgers
from reconciler.model.coverage import MACHINE, Read, Status
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.outcome import Fate, Outcome
from reconciler.model.reading import Reading
from reconciler.model.resource import Gap, service_of
from reconciler.model.tags import Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Ask, Plan, Repair, ServicePlan
from reconciler.ports.fleet import NOTHING, Beside
from reconciler.ports.service import Managed, OnOutcome
from reconciler.sweep.deletion import Collector
from reconciler.sweep.final_look import is_settled, without
from reconciler.sweep.handover import Handover
from reconciler.sweep.indexed_scan import Index, full_asks, glance, read_index
from reconciler.sweep.name_listing import with_names
from reconciler.sweep.repair import Finish
from reconciler.sweep.snapshot import World, observe

ROUNDS = 6
"""A round more than the longest chain of causes; without progress the sweep stops earlier."""

READ_AGAIN = 20
"""A tag index of so many pages is read anew for every look: else what came since is left."""

Asks = Mapping[str, Ask]


@dataclass(frozen=True)
class Result:
    """What a sweep did. `left` is what is still to do when it stopped, `gaps` what it missed.

    `left_out` says what had been agreed to and was not done, because it has changed since.
    """

    first: Plan
    left: Plan
    outcomes: tuple[Outcome, ...] = ()
    ended: tuple[DeployId, ...] = ()
    forgotten: tuple[DeployId, ...] = ()
    trouble: tuple[str, ...] = ()
    told: tuple[Read, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def gone(self) -> tuple[Outcome, ...]:
        """The things that are gone."""
        return tuple(one for one in self.outcomes if one.fate is Fate.GONE)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be read at the end."""
        return self.left.inventory.gaps

    @property
    def reads(self) -> tuple[Read, ...]:
        """The rows of the completeness table: the last look, and the machines that were told."""
        return (*self.left.inventory.reads, *self.told)

    @property
    def clean(self) -> bool:
        """Whether nothing is left to do and nothing was left unseen."""
        return self.left.empty and not self.left.unknown and not self.gaps


@dataclass
class _Tally:
    """What was done so far; the last fate of each thing counts."""

    outcomes: dict[tuple[str, str, str], Outcome] = field(default_factory=dict)
    ended: list[DeployId] = field(default_factory=list)
    forgotten: list[DeployId] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    told: dict[str, Read] = field(default_factory=dict)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            if one.reached is not None:
                self.told[one.resource.id] = _told(one, one.reached)
            before = self.outcomes.get(one.resource.key)
            if before is None or before.fate is not Fate.GONE:
                self.outcomes[one.resource.key] = one

    def recall(self, world: World) -> None:
        """Whatever is listed is not gone, whatever was said before."""
        for one in world.inventory.resources:
            known = self.outcomes.get(one.key)
            if known is not None and known.fate is Fate.GONE:
                self.outcomes[one.key] = Outcome(one, Fate.PENDING, "it is listed again")

    def result(self, first: Plan, left: Plan) -> Result:
        return Result(
            first,
            left,
            tuple(self.outcomes.values()),
            tuple(self.ended),
            tuple(self.forgotten),
            tuple(dict.fromkeys(self.trouble)),
            tuple(self.told.values()),
        )

    @property
    def gone(self) -> set[tuple[str, str, str]]:
        return {key for key, one in self.outcomes.items() if one.fate is Fate.GONE}

    @property
    def progress(self) -> int:
        done = sum(one.fate in (Fate.GONE, Fate.DONE) for one in self.outcomes.values())
        return done + len(self.ended) + len(self.forgotten)


def make_plan(
    services: Sequence[Managed], asks: Asks, *, young: bool = False, beside: Beside = NOTHING
) -> Plan:
    """What a sweep would do now. Reads only."""
    return _look(services, asks, young, beside)[1]


def _look(
    services: Sequence[Managed], asks: Asks, young: bool, beside: Beside
) -> tuple[World, Plan]:
    world = observe(services, young=young, beside=beside)
    return _plan(world, services, full_asks(world.readings, services, asks, young=young), beside)


@dataclass
class _Eyes:
    """The looks of one sweep. A young one sees little anyway; others begin with the tag index."""

    services: Sequence[Managed]
    asks: Asks
    young: bool
    beside: Beside
    index: Index | None = None

    def look(self) -> tuple[World, Plan]:
        if self.young:
            return _look(self.services, self.asks, self.young, self.beside)
        if self.index is None or self.index.calls <= READ_AGAIN:
            self.index = read_index(self.services, self.beside)
        world = glance(self.services, self.index, self._asks_of, self.beside)
        return _plan(world, self.services, self._asks_of(world.readings), self.beside)

    def _asks_of(self, readings: Mapping[str, Reading]) -> Mapping[str, Ask]:
        return full_asks(readings, self.services, self.asks, young=False)


def sweep(
    services: Sequence[Managed],
    asks: Asks,
    on_outcome: OnOutcome = lambda _: None,
    *,
    young: bool = False,
    approve: Callable[[Plan], None] = lambda _: None,
    beside: Beside = NOTHING,
) -> Result:
    """Drive the services to their desired state, and say what is left.

    `approve` is shown every round's plan before it is carried out, and refuses it by raising.
    """
    tally = _Tally()
    eyes = _Eyes(services, asks, young, beside)
    world, first = eyes.look()
    current = first
    for _ in range(ROUNDS):
        if current.empty:
            break
        approve(current)
        before = tally.progress
        for one in services:
            execution = _Execution(one, world.readings.get(one.name), tally, on_outcome)
            execution.run(_of(current, one.name))
        if not tally.trouble and is_settled(current, tally.gone):
            current = without(current)
            break
        world, current = eyes.look()
        tally.recall(world)
        if tally.progress == before:
            break
    return tally.result(first, current)


def _told(outcome: Outcome, reached: Status) -> Read:
    """A machine that was to be told something, as a row of the completeness table."""
    thing = outcome.resource
    note = "" if reached is Status.READ else f"{thing.id}: {outcome.text}"
    return Read(thing.place, MACHINE, reached, calls=1, note=note, service=service_of(thing))


def _of(whole: Plan, service: str) -> ServicePlan:
    return next(one for one in whole.services if one.service == service)


def _plan(
    world: World, services: Sequence[Managed], asks: Asks, beside: Beside
) -> tuple[World, Plan]:
    """The plan. What is of a service that was merely not chosen is no stranger."""
    world = with_names(world, services, asks)
    whole = plan(world.inventory, world.roots, asks)
    strangers = (one for one in whole.strangers if service_of(one.thing) not in beside.known)
    return world, replace(whole, strangers=tuple(strangers))


class _Execution:
    """One service's plan, carried out in its order. A lost swap ends it: the next round decides."""

    def __init__(
        self,
        managed: Managed,
        reading: Reading | None,
        tally: _Tally,
        on_outcome: OnOutcome,
    ) -> None:
        self._managed = managed
        self._reading = reading
        self._tally = tally
        self._on_outcome = on_outcome

    def run(self, todo: ServicePlan) -> None:
        if todo.problem or todo.empty or self._reading is None:
            return
        try:
            self._end(todo)
            self._readdress(todo)
            self._repair(todo)
            self._forget(todo)
            collector = Collector(self._managed, self._on_outcome)
            self._tally.add(collector.collect(todo.deletes))
        except (ToolError, ledgers.NotAllowed) as error:
            self._tally.trouble.append(f"{todo.service}: {error}")

    def _swap(self, change: Callable[[Ledger], Ledger], at: tuple[str, ...] | None = None) -> None:
        """Swap against the very value the plan was made from."""
        seen = self._reading
        assert seen is not None
        assert seen.ledger is not None
        self._reading = self._managed.ledgers.swap(seen, change(seen.ledger), at)

    @property
    def _now(self) -> Reading:
        assert self._reading is not None
        return self._reading

    def _end(self, todo: ServicePlan) -> None:
        lease = todo.end
        if lease is None:
            return
        operator = not ledgers.expired(lease, self._now.now)
        ending = Ending(lease, self._now.now, operator=operator)
        self._swap(lambda old: ledgers.end(old, ending))
        self._tally.ended.append(lease.id)

    def _readdress(self, todo: ServicePlan) -> None:
        at = todo.readdress
        if at:
            self._swap(lambda old: ledgers.readdress(old, at), at)

    def _repair(self, todo: ServicePlan) -> None:
        handover = Handover(self._managed)
        for one in todo.repairs:
            outcomes = handover.finish(self._finish(todo, one))
            for outcome in outcomes:
                self._on_outcome(outcome)
            self._tally.add(outcomes)

    def _finish(self, todo: ServicePlan, repair: Repair) -> Finish:
        ledger = self._now.ledger
        things = todo.things(repair)
        gen, was = (ledger.gen, ledger.was) if ledger else (0, ())
        return Finish(repair.deploy, repair.role, gen, was, things)

    def _forget(self, todo: ServicePlan) -> None:
        """Label `left` first: what is not rooted, yet labelled retired, would count as lost."""
        for deploy in todo.forget:
            self._managed.label(todo.owned(deploy), Label.LEFT)
            self._swap(partial(ledgers.forget, deploy=deploy))
            self._tally.forgotten.append(deploy)
