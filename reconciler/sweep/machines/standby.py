"""Brings machines of previous deploys to rest: stops their app, then lets them halt themselves.

Every order carries the generation of a ledger that was read right before, while nobody holds the
lease; a machine that has obeyed a newer one refuses it (rule 10). So a late order finds nothing of
a deploy that is live again. A machine halts itself: StopInstances knows no generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.errors import ConnectionLost, NotTried, ToolError
from reconciler.machine import unit_control
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_control import Act
from reconciler.machine.unit_state import digest
from reconciler.model.coverage import ReadStatus
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import Resource
from reconciler.model.tags import Label
from reconciler.plan.standby import Rest, Standby, units_tag
from reconciler.ports.service import ManagedService
from reconciler.util.backoff import Backoff
from reconciler.util.concurrency import side_by_side
from reconciler.util.humanize import count

HALT_WAIT = 60.0
"""Seconds that a sweep waits for a machine to stop. One that takes longer is noted by the next."""


@dataclass(frozen=True)
class _Told:
    """The result of an order to one machine. `stage`: the one that its tag may say now."""

    outcome: Outcome
    stage: Standby = Standby.SERVING

    @property
    def halts(self) -> bool:
        """Whether it may be going down."""
        return self.stage is Standby.PARKED


def put_to_rest(managed: ManagedService, gen: int, rests: Sequence[Rest]) -> tuple[Outcome, ...]:
    """Order each machine to its stage, and note in its tag what it has reached.

    Raises ToolError, with nothing ordered, where the ledger or the way a machine ends is not known.
    """
    gate = managed.gate
    if not rests or gate is None:
        return ()
    if not _is_current(managed, gen):
        said = "left as it is: the ledger has changed, the next sweep decides again"
        return tuple(Outcome(rest.machine, OutcomeStatus.BLOCKED, said) for rest in rests)
    parking = [rest.machine for rest in rests if rest.stage is Standby.PARKED]
    bad = managed.heap.unparkable([one for one in parking if one.state == "running"])
    told = side_by_side(rests, lambda rest: _order(managed, gate, gen, rest, bad))
    told = _settled(managed, told)
    return tuple(_noted(managed, gen, told))


def _is_current(managed: ManagedService, gen: int) -> bool:
    """Whether the ledger is still the one that the plan was made from, and nobody holds it."""
    ledger = managed.ledgers.read(managed.address).ledger
    return ledger.gen == gen and ledger.lease is None


def _order(
    managed: ManagedService, gate: ActivationGate, gen: int, rest: Rest, bad: Mapping[str, str]
) -> _Told:
    machine = rest.machine
    if machine.state == "stopped":
        return _Told(Outcome(machine, OutcomeStatus.DONE, "parked"), Standby.PARKED)
    if machine.state != "running":
        said = f"it is {machine.state}: the next sweep looks again"
        return _Told(Outcome(machine, OutcomeStatus.PENDING, said))
    halts = rest.stage is Standby.PARKED and machine.id not in bad
    act = Act(gen, str(rest.deploy), app="stop", jobs="stop", counts=True, halts=halts)
    told = _obey(managed, gate, rest, act)
    if machine.id in bad and told.stage is Standby.DRAINED:
        return replace(told, outcome=_not_parked(told.outcome, bad[machine.id]))
    return told


def _obey(managed: ManagedService, gate: ActivationGate, rest: Rest, act: Act) -> _Told:
    machine = rest.machine
    try:
        shell = managed.reach.shell(machine)
        try:
            open_ = unit_control.obey(shell, gate, act)
        finally:
            shell.close()
    except NotTried as error:
        outcome = Outcome(machine, OutcomeStatus.BLOCKED, error.message, ReadStatus.SKIPPED)
        return _Told(outcome)
    except ConnectionLost as error:
        # A session dies with a machine that goes down: only EC2 says whether it does.
        outcome = Outcome(machine, OutcomeStatus.FAILED, error.message, ReadStatus.FAILED)
        return _Told(outcome, Standby.PARKED if act.halts else Standby.SERVING)
    except ToolError as error:
        return _Told(Outcome(machine, OutcomeStatus.FAILED, error.message, ReadStatus.FAILED))
    said = f"app: stop, jobs: stop{_cut_off(open_)}"
    done = Outcome(machine, OutcomeStatus.DONE, said, ReadStatus.READ)
    return _Told(done, Standby.PARKED if act.halts else Standby.DRAINED)


def _cut_off(open_: int | None) -> str:
    return f"; {count(open_, 'connection')} still open until then" if open_ else ""


def _not_parked(outcome: Outcome, why: str) -> Outcome:
    said = (
        f"{outcome.text}; not parked: {why}, and a halt would terminate it. aws ec2 "
        f"modify-instance-attribute --instance-id {outcome.resource.id} "
        "--instance-initiated-shutdown-behavior stop"
    )
    return replace(outcome, status=OutcomeStatus.BLOCKED, text=said)


def _settled(managed: ManagedService, told: Sequence[_Told]) -> list[_Told]:
    """What EC2 says of the machines that were told to halt, after a while."""
    waiting = [one.outcome.resource for one in told if one.halts]
    states: dict[str, str] = {}
    pace = Backoff(first=0.2, longest=5.0, deadline=HALT_WAIT)
    for _ in pace.attempts() if waiting else ():
        states = {one.id: one.state for one in managed.heap.describe(waiting).resources}
        if all(state == "stopped" for state in states.values()):
            break
    return [
        _halted(one, states.get(one.outcome.resource.id, "")) if one.halts else one for one in told
    ]


def _is_done(told: _Told) -> bool:
    return told.outcome.status is OutcomeStatus.DONE


def _halted(told: _Told, state: str) -> _Told:
    outcome = told.outcome
    if state == "stopped":
        text = outcome.text if _is_done(told) else "app: stop, jobs: stop"
        said = text if text == "parked" else f"parked; {text}"
        return _Told(replace(outcome, status=OutcomeStatus.DONE, text=said), Standby.PARKED)
    if not _is_done(told):
        return _Told(outcome, Standby.SERVING)
    said = f"{outcome.text}; it is {state or 'not listed'}, and was told to halt"
    return _Told(replace(outcome, status=OutcomeStatus.PENDING, text=said), Standby.DRAINED)


def _noted(managed: ManagedService, gen: int, told: Sequence[_Told]) -> list[Outcome]:
    """Write the stages in the tags, unless the ledger has changed: a tag has no fence."""
    outcomes = {one.outcome.resource.id: one.outcome for one in told}
    reached = [one for one in told if one.stage]
    if not reached:
        return list(outcomes.values())
    groups = _by_stage(reached) if _is_current(managed, gen) else {}
    for stage, group in groups.items():
        units = units_tag(digest(managed.gate), stage)
        for labelled in managed.heap.label(group, Label.RETIRED, units):
            if labelled.status is not OutcomeStatus.DONE:
                outcomes[labelled.resource.id] = labelled
    return list(outcomes.values())


def _by_stage(reached: Sequence[_Told]) -> dict[Standby, list[Resource]]:
    groups = {
        stage: [one.outcome.resource for one in reached if one.stage is stage] for stage in Standby
    }
    return {stage: group for stage, group in groups.items() if group}
