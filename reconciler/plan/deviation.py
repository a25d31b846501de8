"""How a rooted deploy's resource differs from the table of desired states. Pure."""

from __future__ import annotations

from reconciler.gc.desired_state import DESIRED
from reconciler.gc.verdict import ROOTED, Reason, Verdict
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE, INSTANCE, MAKING
from reconciler.model.tags import Label
from reconciler.plan.service_plan import OPEN, SHUT


def is_stale(verdict: Verdict, units: str) -> bool:
    """Whether a machine has not obeyed this set of units: another set needs another order."""
    resource = verdict.resource
    if not units or resource.kind != INSTANCE or resource.tags.get(t.UNITS) == units:
        return False
    if verdict.reason not in ROOTED or verdict.reason is Reason.LEASE:
        return False
    return resource.label is not Label.LEFT or verdict.reason is Reason.LIVE


def deviation(verdict: Verdict) -> str:
    """What differs from the desired state, in a few words; '' if nothing is to be done."""
    if verdict.reason not in ROOTED or verdict.reason is Reason.LEASE:
        return ""
    desired = DESIRED[verdict.reason]
    resource = verdict.resource
    if resource.kind == DATABASE:
        if resource.state == MAKING:
            return ""  # left by a crash: it is dropped once its deploy is not rooted
        wanted = OPEN if desired.writable else SHUT
        wrong = desired.writable is not None and resource.state != wanted
        return f"is {resource.state}, should be {wanted}" if wrong else ""
    if resource.label is Label.LEFT and verdict.reason is not Reason.LIVE:
        # Another sweep is about to forget it. Labelled back, it would be lost once it is forgotten.
        return ""
    if resource.label != desired.label:
        return f"is labelled {resource.tags.get(t.STATE, 'nothing')}, should be {desired.label}"
    return ""
