"""Executes the plan of one service: swaps, repairs, labels and deletions, in the safe order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from reconciler.errors import ToolError
from reconciler.model import ledger as ledgers
from reconciler.model import ledger_transitions
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.outcome import Outcome
from reconciler.model.reading import Reading
from reconciler.model.tags import Label
from reconciler.plan.service_plan import Repair, ServicePlan
from reconciler.plan.traffic_work import TrafficWork
from reconciler.ports.service import ManagedService, OnOutcome
from reconciler.sweep.deletion import Collector
from reconciler.sweep.machines.handover import Handover
from reconciler.sweep.machines.repair import Finish, mark
from reconciler.sweep.machines.standby import put_to_rest
from reconciler.sweep.result import Tally


class Executor:
    """Executes one service's plan in order. A lost swap ends it: the next round decides again."""

    def __init__(
        self,
        managed: ManagedService,
        reading: Reading | None,
        tally: Tally,
        on_outcome: OnOutcome,
    ) -> None:
        self._managed = managed
        self._reading = reading
        self._tally = tally
        self._on_outcome = on_outcome

    def run(self, service_plan: ServicePlan) -> None:
        if service_plan.problem or service_plan.empty or self._reading is None:
            return
        try:
            self._end(service_plan)
            self._traffic(service_plan.traffic)
            self._readdress(service_plan)
            self._repair(service_plan)
            self._forget(service_plan)
            collector = Collector(self._managed, self._on_outcome)
            self._tally.add(collector.collect(service_plan.deletes))
            self._rest(service_plan)
        except (ToolError, ledgers.NotAllowed) as error:
            self._tally.trouble.append(f"{service_plan.service}: {error}")

    def _swap(self, change: Callable[[Ledger], Ledger], at: tuple[str, ...] | None = None) -> None:
        """Swap against exactly the ledger value that the plan was made from."""
        seen = self._reading
        assert seen is not None
        self._reading = self._managed.ledgers.swap(seen, change(seen.ledger), at)

    @property
    def _now(self) -> Reading:
        assert self._reading is not None
        return self._reading

    def _end(self, service_plan: ServicePlan) -> None:
        lease = service_plan.end
        if lease is None:
            return
        operator = not ledgers.expired(lease, self._now.now)
        ending = Ending(lease, self._now.now, operator=operator)
        self._swap(lambda old: ledgers.end(old, ending))
        self._tally.ended.append(lease.id)

    def _traffic(self, work: TrafficWork) -> None:
        """Traffic first: what fails here ends the round, and everything else waits for it.

        The ledger is read once more: a switch has no fence (docs/protocol.md, "Traffic").
        """
        if work.empty:
            return
        managed = self._managed
        if managed.ledgers.read(managed.address).ledger.gen != self._now.ledger.gen:
            raise ToolError(
                "traffic was not changed: the ledger has changed, the next sweep decides"
            )
        self._change_traffic(work)

    def _change_traffic(self, work: TrafficWork) -> None:
        traffic, done = self._managed.traffic, self._tally.traffic
        for change in work.switches:
            traffic.switch(change.route, change.group, change.holders)
            done.append(f"switch {change.route} {change.group}")
        for group in work.drained:
            traffic.mark_drained(group, self._now.now)
            done.append(f"drained {group}")
        for change in work.detach:
            traffic.detach(change.route, change.group)
            done.append(f"detach {change.route} {change.group}")

    def _readdress(self, service_plan: ServicePlan) -> None:
        at = service_plan.readdress
        if at:
            self._swap(lambda old: ledger_transitions.readdress(old, at), at)

    def _repair(self, service_plan: ServicePlan) -> None:
        works = [self._finish(service_plan, repair) for repair in service_plan.repairs]
        handover = Handover(self._managed, mark(self._managed, works))
        for work in works:
            self._record(handover.finish(work))
        self._record(handover.label())

    def _rest(self, service_plan: ServicePlan) -> None:
        """Last: nobody waits for a machine that saves money, and one that hangs takes its time."""
        self._record(put_to_rest(self._managed, self._now.ledger.gen, service_plan.rests))

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._on_outcome(outcome)
        self._tally.add(outcomes)

    def _finish(self, service_plan: ServicePlan, repair: Repair) -> Finish:
        ledger = self._now.ledger
        resources = service_plan.resources(repair)
        return Finish(repair.deploy, repair.role, ledger.gen, ledger.was, resources)

    def _forget(self, service_plan: ServicePlan) -> None:
        """Label `left` first: what is not rooted but labelled retired would count as lost."""
        for deploy in service_plan.forget:
            self._managed.label(service_plan.owned(deploy), Label.LEFT)
            self._swap(partial(ledgers.forget, deploy=deploy))
            self._tally.forgotten.append(deploy)
