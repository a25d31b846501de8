"""The repairs of one service in their order: who gives up goes first, and who takes over waits.

Jobs run on one release (rule 18), and one database takes writes: whoever is to give either up has
been told, or EC2 says that his machine is stopped, before whoever takes over begins. A machine that
hangs or reboots is the usual reason for a rollback, and comes back as it was told last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reconciler.gc.verdict import Reason
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INSTANCE, Resource
from reconciler.ports.service import ManagedService
from reconciler.sweep.repair import Finish, finish, takes_writes, unopened

RUNS_NOTHING = frozenset({"stopped", "terminated"})
"""States of a machine in which no process of it runs, and none begins by itself."""


@dataclass
class Handover:
    """One service's repairs; `still_runs` are machines that were not told to give up their jobs."""

    managed: ManagedService
    still_open: bool = False
    still_runs: list[str] = field(default_factory=list)

    def finish(self, work: Finish) -> Sequence[Outcome]:
        """Finish one deploy, in the plan's order: the live one comes last."""
        if self.still_open:
            work = unopened(work)
        if self.still_runs and work.role is Reason.LIVE:
            work = replace(work, jobs_wait_for=tuple(self.still_runs))
        outcomes = finish(self.managed, work)
        self.still_open = self.still_open or any(takes_writes(one) for one in outcomes)
        # Evidence has never had a job to give up.
        if work.role is Reason.PREVIOUS:
            untold = [one for one in outcomes if _is_untold(one)]
            self.still_runs += self._running([one.resource for one in untold])
        return outcomes

    def _running(self, machines: Sequence[Resource]) -> list[str]:
        """Those that EC2 does not say, now, to be stopped. One that it does not list may run."""
        asked = [one for one in machines if one.id not in self.managed.jobs_despite]
        if not asked:
            return []
        seen = self.managed.heap.describe(asked).resources
        still = {one.id for one in seen if one.state in RUNS_NOTHING}
        return [one.id for one in asked if one.id not in still]


def _is_untold(outcome: Outcome) -> bool:
    return outcome.resource.kind == INSTANCE and outcome.status is not OutcomeStatus.DONE
