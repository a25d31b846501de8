"""Repairs one service in order: the deploys that give up a role first, the live one last.

Labels come at the very end, for all deploys that have obeyed.

Jobs run on one release (rule 18), and one database takes writes. A machine that must give up either
has obeyed the order, or EC2 says that it is stopped, before the new one begins. A machine that
hangs or reboots is the usual reason for a rollback; it comes back in the last ordered state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reconciler.gc.verdict import Role
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INSTANCE, Resource
from reconciler.ports.service import ManagedService
from reconciler.sweep.machines.repair import (
    Finish,
    finish,
    is_finished,
    label,
    takes_writes,
    unopened,
)

RUNS_NOTHING = frozenset({"stopped", "terminated"})
"""States of a machine that runs no process and does not start by itself."""


@dataclass
class Handover:
    """One service's repairs; `still_runs`: machines that did not receive the order to stop.

    `finished` are the deploys to label. `unmarked` is why what goes live again has no label
    `pending`.
    """

    managed: ManagedService
    unmarked: str = ""
    still_open: bool = False
    still_runs: list[str] = field(default_factory=list)
    finished: list[Finish] = field(default_factory=list)

    def finish(self, work: Finish) -> Sequence[Outcome]:
        """Finish one deploy. The caller keeps the plan's order: the live deploy is last."""
        work = replace(work, unmarked=self.unmarked)
        if self.still_open:
            work = unopened(work)
        if self.still_runs and work.role is Role.LIVE:
            work = replace(work, jobs_wait_for=tuple(self.still_runs))
        outcomes = finish(self.managed, work)
        if is_finished(work, outcomes):
            self.finished.append(work)
        self.still_open = self.still_open or any(takes_writes(outcome) for outcome in outcomes)
        # A kept failed deploy never had a job to give up.
        if work.role is Role.PREVIOUS:
            untold = [outcome for outcome in outcomes if _is_untold(outcome)]
            self.still_runs += self._running([one.resource for one in untold])
        return outcomes

    def label(self) -> Sequence[Outcome]:
        """Label what is finished."""
        return label(self.managed, self.finished)

    def _running(self, machines: Sequence[Resource]) -> list[str]:
        """Machines that EC2 does not report as stopped now. An unlisted machine may run."""
        asked = [machine for machine in machines if machine.id not in self.managed.jobs_despite]
        if not asked:
            return []
        seen = self.managed.heap.describe(asked).resources
        still = {one.id for one in seen if one.state in RUNS_NOTHING}
        return [one.id for one in asked if one.id not in still]


def _is_untold(outcome: Outcome) -> bool:
    return outcome.resource.kind == INSTANCE and outcome.status is not OutcomeStatus.DONE
