"""Runs the rules again for one resource, with what each rule read and when. Pure.

No second implementation of the rules: it calls `mark.judge` itself, with the inventory and the root
from which the plan's verdicts were made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.gc import mark, ownership
from reconciler.gc.rules import Rule, RuleInput
from reconciler.gc.verdict import Verdict
from reconciler.plan.planner import judged_by
from reconciler.plan.service_plan import Plan, ServicePlan


@dataclass(frozen=True)
class Question:
    """A rule that ran: what it read, when that was read (None: unknown), its verdict.

    `verdict` is None if the rule gave none, and the next rule ran.
    """

    rule: str
    evidence: str
    at: datetime | None
    verdict: Verdict | None


def questions(plan: Plan, service_plan: ServicePlan, verdict: Verdict) -> tuple[Question, ...]:
    """Every rule that ran for a verdict of this plan, in order; none for a foreign resource."""
    inventory, swapped = judged_by(plan, service_plan)
    root = mark.settled(inventory, {service_plan.service: swapped})[service_plan.service]
    asked = next(
        resource for resource in inventory.resources if resource.key == verdict.resource.key
    )
    deploy = asked.deploy
    if deploy is None:
        return ()
    resources = ownership.index(inventory.resources, asked.place)
    case = RuleInput(asked, deploy, root, resources, mark.witnesses(root, inventory.resources))
    found: list[Question] = []
    listed, ledger = _times(case)

    def on_rule(rule: Rule, given: Verdict | None) -> None:
        at, evidence = ledger if rule.reads_ledger else listed, rule.evidence(case)
        if evidence:
            found.append(Question(rule.name, evidence, at, given))

    last = mark.judge(case, on_rule)
    if last.collect and verdict.collect:
        found.append(Question("in use", "used by nothing that stays", listed, None))
    elif last.reason is not verdict.reason:
        users = ", ".join(asked.used_by)
        evidence = f"used by {users}" if users else "what stays may be using it"
        found.append(Question("in use", evidence, listed, verdict))
    return tuple(found)


def _times(case: RuleInput) -> tuple[datetime | None, datetime | None]:
    """When the inventory was listed, and when ledger and record were read."""
    root = case.root
    if not root.ledger.gen and root.problem:
        return None, None
    return root.now - root.heap_age, root.now
