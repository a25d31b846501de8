"""How a rooted deploy's resource differs from the table of desired states. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.gc.desired_state import DESIRED, HANDS_OFF
from reconciler.gc.verdict import Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE, INSTANCE, MAKING, Resource
from reconciler.model.tags import Label
from reconciler.plan.service_plan import OPEN, SHUT
from reconciler.plan.standby import Standby, reached, units_of


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
        if resource.state == MAKING:
            return ""  # left by a crash: it is dropped once its deploy is not rooted
        wanted = OPEN if desired.writable else SHUT
        wrong = desired.writable is not None and resource.state != wanted
        return f"is {resource.state}, should be {wanted}" if wrong else ""
    if resource.label is Label.LEFT and verdict.reason is not Role.LIVE:
        # Another sweep is about to forget it. Labelled back, it would be lost once it is forgotten.
        return ""
    if resource.label != desired.label:
        return f"is labelled {resource.tags.get(t.STATE, 'nothing')}, should be {desired.label}"
    return ""
