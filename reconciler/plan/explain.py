"""Runs the rules again for one resource, with what each rule read and when. Pure.

No second implementation of the rules: it calls `mark.judge` itself, with the inventory and the root
from which the plan's verdicts were made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reconciler.gc import mark, ownership
from reconciler.gc.mark import Rule, RuleInput
from reconciler.gc.verdict import Verdict, role
from reconciler.model import tags as t
from reconciler.model.resource import Resource, hold_of
from reconciler.model.tags import HELD_BY_ADOPTION
from reconciler.plan.planner import judged_by
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.util.duration import format_duration


@dataclass(frozen=True)
class Question:
    """A rule that ran: what it read, when that was read (None: unknown), its verdict.

    `said` is None if the rule gave no verdict, and the next rule ran.
    """

    rule: str
    saw: str
    at: datetime | None
    said: Verdict | None


def questions(plan: Plan, service_plan: ServicePlan, verdict: Verdict) -> tuple[Question, ...]:
    """Every rule that ran for a verdict of this plan, in order; none for a foreign resource."""
    inventory, swapped = judged_by(plan, service_plan)
    root = mark.settled(inventory, {service_plan.service: swapped})[service_plan.service]
    asked = next(one for one in inventory.resources if one.key == verdict.resource.key)
    deploy = asked.deploy
    if deploy is None:
        return ()
    resources = ownership.index(inventory.resources, asked.place)
    case = RuleInput(asked, deploy, root, resources, mark.witnesses(root, inventory.resources))
    found: list[Question] = []
    last = mark.judge(case, lambda rule, said: found.append(_question(case, rule, said)))
    listed = _times(case)[0]
    if last.collect and verdict.collect:
        found.append(Question("in use", "used by nothing that stays", listed, None))
    elif last.reason is not verdict.reason:
        found.append(Question("in use", _users(asked), listed, verdict))
    return tuple(found)


def _question(case: RuleInput, rule: Rule, said: Verdict | None) -> Question:
    name, saw, from_ledger = _ASKED[rule.__name__]
    return Question(name, saw(case), _times(case)[from_ledger], said)


def _times(case: RuleInput) -> tuple[datetime | None, datetime | None]:
    """When the inventory was listed, and when ledger and record were read."""
    root = case.root
    if not root.ledger.gen and root.problem:
        return None, None
    return root.now - root.heap_age, root.now


def _whose(case: RuleInput) -> str:
    own = case.root.home.ledger or "not known"
    named = case.resource.tags.get(t.LEDGER, "nothing")
    return f"its tags name {named}, the service's" if named == own else f"{named}; ours is {own}"


def _adoption(case: RuleInput) -> str:
    return (
        "adopted: no deploy created it" if case.resource.hold == HELD_BY_ADOPTION else "not adopted"
    )


def _born(case: RuleInput) -> str:
    """What proves the ownership, as far as this kind has it: see `ownership`."""
    resource = case.resource
    proof = {
        t.PART: resource.tags.get(t.PART, "missing"),
        "token": resource.token,
        "name": resource.name,
        "source": resource.source,
        "created": f"{resource.created:%Y-%m-%d %H:%M:%S}" if resource.created else "",
    }
    return ", ".join(f"{name} {value}" for name, value in proof.items() if value)


def _known(case: RuleInput) -> str:
    root = case.root
    fence = f", at most {root.fence} obeyed" if root.fence else ""
    return root.problem or f"generation {root.ledger.gen}{fence}; nothing contradicts it"


def _roots(case: RuleInput) -> str:
    ledger = case.root.ledger
    names = [f"{role(ledger, one)} {one}" for one in sorted(ledger.rooted)]
    return f"generation {ledger.gen} roots {', '.join(names) or 'nothing'}"


def _record(case: RuleInput) -> str:
    record = ", ".join(case.root.record) or "nothing"
    said = case.witnessed.get(case.deploy)
    return f"the A record says {record}: {said[1] if said else 'no address of its deploy'}"


def _age(case: RuleInput) -> str:
    least, born = case.root.min_age, f"born {case.deploy.born:%Y-%m-%d %H:%M:%S}"
    return f"{born}; min_age {format_duration(least)}" if least else f"{born}; no min_age"


def _users(resource: Resource) -> str:
    return (
        f"used by {', '.join(resource.used_by)}"
        if resource.used_by
        else "what stays may be using it"
    )


HEAP, LEDGER = False, True

_ASKED: dict[str, tuple[str, Callable[[RuleInput], str], bool]] = {
    "_foreign": ("ledger", _whose, HEAP),
    "_adopted": ("adopted", _adoption, HEAP),
    "_look_alike": ("birth", _born, HEAP),
    "_unknown": ("known", _known, LEDGER),
    "_rooted": ("rooted", _roots, LEDGER),
    "_witness": ("record", _record, LEDGER),
    "_held": ("hold", lambda case: hold_of(case.resource), HEAP),
    "_lost": ("label", lambda case: case.resource.tags.get(t.STATE, "none"), HEAP),
    "_base": (
        "configured",
        lambda case: case.root.bases.keeps(case.resource.id, case.resource.place) or "no",
        LEDGER,
    ),
    "_shared": ("shared", lambda case: "yes" if case.resource.shared else "no", HEAP),
    "_young": ("age", _age, LEDGER),
}
"""For each of `mark.RULES`: its name, what it reads, and whether that is inventory or ledger."""
