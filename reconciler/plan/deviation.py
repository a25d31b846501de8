"""How rooted deploys differ from the table of desired states, and which are finished. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.gc.desired_state import DESIRED, HANDS_OFF
from reconciler.gc.verdict import Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.resource import DATABASE, INSTANCE, MAKING, Resource
from reconciler.model.tags import Label
from reconciler.plan.service_plan import OPEN, OTHER_UNITS, SHUT, Repair
from reconciler.plan.standby import Standby, reached, units_of

Found = dict[tuple[Role, DeployId], str]
"""Why a deploy is finished, by its role and its id."""


def first_machine(live: Iterable[Resource]) -> str:
    """The id of the machine that runs the jobs where only one does; '' without machines.

    A stopped one stays the first: it may be started again, and would run them beside another.
    """
    return min((one.id for one in live if one.kind == INSTANCE), default="")


def units_for(verdict: Verdict, root: Root, first: str) -> str:
    """The set of units that a machine should have obeyed."""
    beside = verdict.reason is Role.LIVE and verdict.resource.id != first
    return root.units_beside if beside and root.units_beside else root.units


def is_stale(verdict: Verdict, units: str) -> bool:
    """Whether a machine has not obeyed this set of units: another set needs another order."""
    resource = verdict.resource
    told = resource.tags.get(t.UNITS, "")
    if not units or resource.kind != INSTANCE or told == units:
        return False
    if verdict.reason is Role.PREVIOUS and units_of(told) == units:
        return False
    if verdict.reason is Role.PREVIOUS and reached(told) is Standby.PARKED:
        return False  # it is told when a rollback starts it
    if verdict.role in HANDS_OFF:
        return False
    return resource.label is not Label.LEFT or verdict.reason is Role.LIVE


def deviation(verdict: Verdict) -> str:
    """What differs from the desired state, in a few words; '' if nothing is to be done."""
    if verdict.role is None or verdict.role in HANDS_OFF:
        return ""
    desired = DESIRED[verdict.role]
    resource = verdict.resource
    if resource.kind == DATABASE:
        return _of_database(resource.state, desired.writable)
    if resource.label is Label.LEFT and verdict.reason is not Role.LIVE:
        # Another sweep is about to forget it. Labelled back, it would be lost once it is forgotten.
        return ""
    if resource.label != desired.label:
        return f"is labelled {resource.tags.get(t.STATE, 'nothing')}, should be {desired.label}"
    return ""


def _of_database(state: str, writable: bool | None) -> str:
    if state == MAKING:
        return ""  # left by a crash: it is dropped once its deploy is not rooted
    wanted = OPEN if writable else SHUT
    wrong = writable is not None and state != wanted
    return f"is {state}, should be {wanted}" if wrong else ""


def repairs(verdicts: tuple[Verdict, ...], root: Root) -> tuple[Repair, ...]:
    """The rooted deploys that deviate from the desired state; live comes last.

    Order matters: the old deploy gives up its jobs and its writes before the live one takes
    them.
    """
    found: Found = {}
    for verdict in verdicts:
        why = deviation(verdict)
        if why and verdict.role is not None and verdict.deploy is not None:
            found.setdefault((verdict.role, verdict.deploy), f"{verdict.resource.id} {why}")
    _take_over(found, verdicts)
    _give_up(found, verdicts, root.ledger)
    order = (Role.KEPT, Role.PREVIOUS, Role.LIVE)
    due = [Repair(deploy, role, why) for (role, deploy), why in found.items()]
    due += [
        Repair(deploy, role, OTHER_UNITS, units_only=True)
        for role, deploy in _stale(verdicts, root) - found.keys()
    ]
    return tuple(sorted(due, key=lambda repair: (order.index(repair.role), repair.deploy)))


def _stale(verdicts: Sequence[Verdict], root: Root) -> set[tuple[Role, DeployId]]:
    """Deploys with a machine that has not obeyed the units of today's configuration."""
    first = first_machine(one.resource for one in verdicts if one.reason is Role.LIVE)
    return {
        (verdict.role, verdict.deploy)
        for verdict in verdicts
        if verdict.role is not None and verdict.deploy is not None
        if is_stale(verdict, units_for(verdict, root, first))
    }


def _take_over(found: Found, verdicts: tuple[Verdict, ...]) -> None:
    """The old deploy and the live one are finished together.

    A follow-up that died may have stopped the jobs of a deploy without labelling it; after a
    rollback to that deploy its label is still `live`, and its jobs would run nowhere.
    """
    left = next(
        (
            verdict.deploy
            for verdict in verdicts
            if verdict.reason is Role.PREVIOUS
            and verdict.resource.kind != DATABASE
            and deviation(verdict)
        ),
        None,
    )
    live = next((verdict.deploy for verdict in verdicts if verdict.reason is Role.LIVE), None)
    if left is not None and live is not None:
        found.setdefault((Role.LIVE, live), f"takes over from {left}")


def _give_up(found: Found, verdicts: tuple[Verdict, ...], ledger: Ledger) -> None:
    """Who was live before is told to give up its jobs, also where it is labelled `retired`.

    It was live, so the follow-up of that commit may be at work still, and starts its jobs late. Its
    machines refuse that once they have obeyed the generation of the commit that followed.
    """
    live = next((one.deploy for one in verdicts if _is_begun(one)), None)
    if live is None or not ledger.previous:
        return
    before = ledger.previous[0].id
    if any(_may_begin(one, before) for one in verdicts):
        found.setdefault((Role.PREVIOUS, before), f"gives up its jobs to {live}")


def _is_begun(verdict: Verdict) -> bool:
    """A machine of the live deploy that no follow-up has finished."""
    is_live = verdict.role is Role.LIVE and verdict.resource.kind == INSTANCE
    return is_live and bool(deviation(verdict))


def _may_begin(verdict: Verdict, deploy: DeployId) -> bool:
    resource = verdict.resource
    is_its = verdict.deploy == deploy and verdict.role is Role.PREVIOUS
    return is_its and resource.kind == INSTANCE and resource.label is Label.RETIRED
