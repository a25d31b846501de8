"""Explains why a resource is kept or collected: its facts and every rule, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.cost import estimate
from reconciler.cost.estimate import Costs
from reconciler.cost.price_list import Prices
from reconciler.errors import ConfigError, DirtRemains, ToolError
from reconciler.gc.verdict import Reason, Role, Verdict
from reconciler.model import tags as t
from reconciler.model.journal.live_periods import live_periods
from reconciler.model.resource import Resource, hold_of, service_of
from reconciler.output.answers import AskedAnswer, ExplainedAnswer
from reconciler.output.plan import verdict_json
from reconciler.plan.explain import Question, questions
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.plan.standby import state_of
from reconciler.util import humanize
from reconciler.util.duration import format_duration


def find(plan: Plan, id_: str) -> tuple[Verdict, ...]:
    """The verdicts on the resource of that id or name, or on all resources of that deploy."""
    return tuple(
        verdict
        for verdict in (*plan.verdicts, *plan.strangers)
        if id_ in (verdict.resource.id, verdict.resource.name, str(verdict.resource.deploy))
        or id_ == str(verdict.deploy)
    )


def explain_lines(plan: Plan, verdict: Verdict, prices: Prices) -> list[str]:
    """What the resource is, why it is kept or not, and what the next sweep does with it."""
    resource = verdict.resource
    status = "is garbage" if verdict.collect else "is kept"
    answers = _answers(plan, verdict, prices)
    rows = [f"  {name:<11} {humanize.one_line(text)}" for name, text in answers]
    lines = [f"{resource.id} {status}: {humanize.one_line(verdict.text)}.", *rows]
    lines += _asked_lines(_questions(plan, verdict))
    if verdict.collect:
        lines.append("The next sweep removes it.")
        lines.append(f"To keep it:  reconciler hold {resource.id} 'your reason'")
    else:
        lines.append(f"What would change it:  {would_change(plan, verdict)}")
    return lines


_CHANGES: Mapping[Role | Reason, str] = {
    Reason.FOREIGN: "nothing here: it is of another ledger, or of a service without a file",
    Reason.LOOK_ALIKE: "nothing: its birth is not proved, so only people remove it",
    Reason.UNKNOWN: "the service being known again: reconciler plan says what is in the way",
    Role.LIVE: "a release or a rollback, which makes it previous",
    Role.PREVIOUS: "retention (keep, keep_for): a later sweep forgets it, then removes it",
    Role.LEFT: "`deployer leave {service}`, which takes our tags off it, or adopt",
    Role.LEASE: "its commit, or the end of its lease, now by   deployer abort {service}",
    Reason.LOST: "the ledger naming it again, no sweep   deployer recover {service}",
    Reason.WITNESSED: "its address leaving the A record, or the routes",
    Reason.DRAINING: "time, once a sweep has seen that no route sends requests to it",
    Reason.IN_USE: "the end of what uses it, or of its being shared",
}


def nothing_found(plan: Plan, id_: str) -> ToolError:
    """Nothing has this id; or nobody knows, where not everything could be read."""
    gaps = plan.inventory.gaps
    if gaps:
        return DirtRemains(
            f"{id_} was not found, and not everything could be read: {gaps[0].kind}s of "
            f"{gaps[0].place}: {gaps[0].reason}",
            detail="\n".join(f"{one.kind}s of {one.place}: {one.reason}" for one in gaps[1:]),
            cure="To see what is unknown   reconciler plan",
        )
    return ConfigError(
        f"nothing with the id {id_} carries our tags in the configured places",
        detail=f"looked through {humanize.count(len(plan.inventory.resources), 'resource')}",
        cure="To see what there is   reconciler report",
    )


def would_change(plan: Plan, verdict: Verdict) -> str:
    """What would change this verdict."""
    resource, service_plan = verdict.resource, _service_plan(plan, verdict)
    if verdict.collect:
        return f"`reconciler hold {resource.id} 'your reason'`, or its service becoming unknown"
    if resource.protected and verdict.reason is Reason.IN_USE:
        return f"aws ec2 disable-image-deregistration-protection --image-id {resource.id}"
    if verdict.reason is Reason.HELD:
        if resource.hold == t.HELD_BY_ADOPTION:
            said = "people removing it: no deploy created it, so no sweep deletes it"
            return f"{said}   deployer retire {resource.deploy}" if verdict.let_go else said
        return f"reconciler unhold {resource.id}"
    if verdict.reason is Reason.YOUNG and service_plan is not None and resource.deploy is not None:
        old_enough = resource.deploy.born + service_plan.root.min_age
        return f"time: from {old_enough:%Y-%m-%d %H:%M:%S} UTC on"
    if verdict.reason is Role.KEPT and service_plan is not None:
        kept = service_plan.root.ledger.kept
        until = [entry.until for entry in kept if entry.id == verdict.deploy]
        return f"time: it is kept until {max(until):%Y-%m-%d %H:%M:%S} UTC" if until else "time"
    if verdict.reason is Role.PREVIOUS and resource.hold == t.HELD_BY_ADOPTION:
        return (
            "retention (keep, keep_for): a later sweep forgets it, and leaves the machine: it was "
            f"adopted. Then only people end it   deployer retire {resource.deploy}"
        )
    return _CHANGES.get(verdict.reason, "another ledger").format(service=service_of(resource))


def _answers(plan: Plan, verdict: Verdict, prices: Prices) -> Iterator[tuple[str, str]]:
    resource, service_plan = verdict.resource, _service_plan(plan, verdict)
    facts = (resource.kind, resource.type, _state(resource), str(resource.place))
    yield "kind", " ".join(filter(None, facts))
    yield "deploy", str(resource.deploy) if resource.deploy else "its deploy-id does not parse"
    yield "label", resource.tags.get(t.STATE, "none")
    yield "hold", hold_of(resource)
    yield "in use by", ", ".join(resource.used_by) or "nothing"
    yield "shared", "with other accounts" if resource.shared else "no"
    if service_plan is not None:
        yield "age", _age(verdict, service_plan)
        yield "seen", _seen(service_plan)
        yield "cost", _cost(verdict, service_plan, prices)


def _state(resource: Resource) -> str:
    """EC2's state, and what it is for us if that says more."""
    own = state_of(resource)
    return resource.state if own == resource.state else f"{resource.state} ({own})"


def _age(verdict: Verdict, service_plan: ServicePlan) -> str:
    deploy = verdict.resource.deploy
    if deploy is None or service_plan.problem:
        return "unknown"
    least = service_plan.root.min_age
    rule = f"; min_age {format_duration(least)}" if least else "; no min_age"
    age = humanize.rough(service_plan.root.now - deploy.born)
    return f"{age}, born {deploy.born:%Y-%m-%d %H:%M:%S}{rule}"


def _seen(service_plan: ServicePlan) -> str:
    """The times of the reads: the inventory is listed first, the ledger read last."""
    root = service_plan.root
    if root.problem:
        return f"ledger not known: {humanize.one_line(root.problem)}"
    listed = root.now - root.heap_age
    return f"listed {listed:%H:%M:%S}, ledger and record read {root.now:%H:%M:%S} UTC"


def _cost(verdict: Verdict, service_plan: ServicePlan, prices: Prices) -> str:
    now = None if service_plan.problem else service_plan.root.now
    price = estimate.price(verdict.resource, prices)
    if not price:
        return "not billed by itself"
    lives = live_periods([service_plan.root.ledger], ())
    cost = Costs(prices, lives=lives).of(verdict.resource, now)
    spent = "unknown" if cost.is_ageless else humanize.money(cost.so_far)
    month = "unknown" if cost.is_unknown else humanize.money(cost.monthly)
    return (
        f"{price}, {_least(cost.ageless)}{spent} so far, {_least(cost.unknown)}{month} in 30 days"
    )


def _least(unknown: int) -> str:
    return "at least " if unknown else ""


def _service_plan(plan: Plan, verdict: Verdict) -> ServicePlan | None:
    owners = (owner for owner in plan.services if verdict in owner.verdicts)
    return next(owners, None)


def _questions(plan: Plan, verdict: Verdict) -> tuple[Question, ...]:
    service_plan = _service_plan(plan, verdict)
    return questions(plan, service_plan, verdict) if service_plan is not None else ()


def _asked_lines(asked: Sequence[Question]) -> Iterator[str]:
    """One line per rule; an arrow marks the deciding rule."""
    if asked:
        yield "Asked, in this order, of what was read at these times (UTC):"
    for number, question in enumerate(asked, 1):
        at = f"{question.at:%H:%M:%S}" if question.at else "unread  "
        verdict = question.verdict
        kept = f"  → kept: {humanize.one_line(verdict.text)}" if verdict else ""
        yield f"  {number:>2} {question.rule:<8} {at}  {humanize.one_line(question.evidence)}{kept}"
    if asked and asked[-1].verdict is None:
        yield "  → nothing keeps it"


def _asked_json(question: Question) -> AskedAnswer:
    verdict = question.verdict
    return {
        "rule": question.rule,
        "at": question.at.isoformat() if question.at else None,
        "saw": question.evidence,
        "said": {"reason": verdict.reason, "text": verdict.text} if verdict else None,
    }


def explain_json(plan: Plan, verdict: Verdict, prices: Prices) -> ExplainedAnswer:
    """The same as an object."""
    return {
        **verdict_json(verdict, prices),
        "answers": dict(_answers(plan, verdict, prices)),
        "asked": [_asked_json(question) for question in _questions(plan, verdict)],
        "would_change": would_change(plan, verdict),
    }
