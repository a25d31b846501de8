"""Formats a plan for people and programs: every action, its reason, its cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.cost import estimate
from reconciler.cost.foreign import strangers
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Reason, Verdict
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource
from reconciler.output.coverage import (
    completeness_json,
    completeness_lines,
    elsewhere_lines,
    stranger_lines,
    strangers_json,
)
from reconciler.output.ledger import Names, headline, ledger_json, named
from reconciler.plan.circuit_breaker import Cap, Load, load
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.util import humanize


def names_of(verdicts: Iterable[Verdict]) -> Names:
    """The release names of the deploys, from the tags of their resources."""
    return {
        one.resource.deploy: humanize.one_line(one.resource.tags[t.RELEASE])
        for one in verdicts
        if one.resource.deploy is not None
        and one.reason is not Reason.FOREIGN
        and one.resource.tags.get(t.RELEASE)
    }


def plan_lines(plan: Plan, cap: Cap, prices: Prices, *, verbose: bool = False) -> list[str]:
    """The whole plan: a line for the scope, a block per service, the sums, the coverage."""
    lines = [_scope(plan), ""]
    for one in plan.services:
        lines += _service(one, prices)
    lines += [f"! {gap.kind}s of {gap.place} unread: {gap.reason}" for gap in plan.inventory.gaps]
    lines += stranger_lines(strangers(plan, prices))
    reads = plan.inventory.reads
    read = [*completeness_lines(reads, verbose=verbose), *elsewhere_lines(reads)]
    return [*lines, "", *_sums(plan, cap, prices), *read]


def _scope(plan: Plan) -> str:
    places = sorted({one.root.home.place for one in plan.services}, key=str)
    accounts = sorted({one.account for one in places})
    regions = sorted({one.region for one in places})
    sizes = (
        humanize.count(len(plan.services), "service"),
        humanize.counts({"resource": len(plan.inventory.resources), "call": plan.inventory.calls}),
    )
    return " · ".join((f"account {', '.join(accounts)}", ", ".join(regions), *sizes))


def _service(service_plan: ServicePlan, prices: Prices) -> list[str]:
    names = names_of(service_plan.verdicts)
    head = f"{service_plan.service:<8} "
    if service_plan.problem:
        why = humanize.one_line(service_plan.problem)
        return [f"{head}unknown: {why}; nothing of {service_plan.service} will be touched"]
    clean = " · clean" if service_plan.empty and not service_plan.contradictions else ""
    acts = [*_swaps(service_plan, names), *_deletions(service_plan, names, prices)]
    notes = [f"  ! {humanize.one_line(one)}" for one in service_plan.contradictions]
    notes += [f"    {line}" for one in service_plan.witnesses for line in one.cure.splitlines()]
    return [f"{head}{headline(service_plan.root.ledger, names)}{clean}", *acts, *notes]


def _swaps(service_plan: ServicePlan, names: Names) -> Iterator[str]:
    """The changes without a deletion, in the order of execution."""
    if service_plan.end is not None:
        ended = f"{service_plan.end.until:%H:%M:%S} in `{service_plan.end.step}`"
        yield f"  x lease     {service_plan.end.id}  ran out {ended}"
    if service_plan.readdress:
        addresses = ", ".join(service_plan.readdress)
        yield f"  ~ repoint   {service_plan.root.home.service} to {addresses}"
    for repair in service_plan.repairs:
        who = f"{named(repair.deploy, names)} ({repair.role})"
        yield f"  ~ finish    {who}: {humanize.one_line(repair.why)}"
    for deploy in service_plan.forget:
        yield f"  ~ forget    {named(deploy, names)}: beyond retention"


def _deletions(service_plan: ServicePlan, names: Names, prices: Prices) -> Iterator[str]:
    for one in service_plan.deletes:
        resource = one.resource
        who = named(resource.deploy, names) if resource.deploy else ""
        text = f"  - {resource.kind:<17} {resource.id:<21} {who} {one.reason}"
        yield f"{text:<66} {estimate.price(resource, prices):>12}".rstrip()


def loads(plan: Plan, cap: Cap) -> dict[str, Load]:
    """The deletions of each service that would have any."""
    found = {one.service: load(one, cap) for one in plan.services}
    return {name: one for name, one in found.items() if one.deletions}


def _sums(plan: Plan, cap: Cap, prices: Prices) -> list[str]:
    lines = [
        f"{humanize.count(one.deletions, 'deletion')} of {one.owned} owned by {name}"
        f" (cap {one.cap})"
        for name, one in loads(plan, cap).items()
    ]
    if lines:
        deletes = (one.resource for each in plan.services for one in each.deletes)
        lines[-1] += f" · saves {saving(deletes, prices)}"
    if plan.empty and not lines:
        lines = ["nothing to do" if not plan.unknown else "nothing to do where it is known"]
    return lines


def saving(resources: Iterable[Resource], prices: Prices) -> str:
    """`up to $0.0273/h, $19.66 in 30 days`: snapshots share what did not change (aws.md §5)."""
    every = list(resources)
    costs = [estimate.hourly(one, prices) for one in every]
    hourly = sum(cost for cost in costs if cost is not None)
    most = "up to " if any(map(estimate.is_bound, every)) else ""
    more = " and what is not known" if None in costs else ""
    # Computed from the figure that is shown, so that report, plan and sweep show the same.
    month = humanize.money(round(hourly, 4) * estimate.MONTH)
    return f"{most}{humanize.hourly(hourly)}, {month} in 30 days{more}"


def plan_json(plan: Plan, cap: Cap, prices: Prices) -> dict[str, Any]:
    """The plan as an object: everything in `plan_lines`, plus the reasons for keeping."""
    return {
        "empty": plan.empty,
        "services": [_service_json(one, cap, prices) for one in plan.services],
        "strangers": [verdict_json(one, prices) for one in plan.strangers],
        "not_ours": strangers_json(strangers(plan, prices)),
        "completeness": completeness_json(plan.inventory.reads),
        "gaps": [
            {"place": str(one.place), "kind": one.kind, "reason": one.reason}
            for one in plan.inventory.gaps
        ],
        "resources": len(plan.inventory.resources),
        "calls": plan.inventory.calls,
    }


def _service_json(service_plan: ServicePlan, cap: Cap, prices: Prices) -> dict[str, Any]:
    sizes = load(service_plan, cap)
    return {
        "service": service_plan.service,
        "problem": service_plan.problem,
        "ledger": ledger_json(service_plan.root.ledger) if not service_plan.problem else {},
        "record": list(service_plan.root.record),
        "end_lease": str(service_plan.end.id) if service_plan.end else None,
        "repoint": list(service_plan.readdress),
        "finish": [
            {"deploy": str(one.deploy), "role": one.role.value, "why": one.why}
            for one in service_plan.repairs
        ],
        "forget": _texts(service_plan.forget),
        "delete": [verdict_json(one, prices) for one in service_plan.deletes],
        "keep": [verdict_json(one, prices) for one in service_plan.verdicts if not one.collect],
        "notes": list(service_plan.contradictions),
        "deletions": sizes.deletions,
        "owned": sizes.owned,
        "cap": sizes.cap,
    }


def verdict_json(one: Verdict, prices: Prices) -> dict[str, Any]:
    """A resource, its verdict and the reason."""
    resource = one.resource
    return {
        "kind": resource.kind,
        "id": resource.id,
        "place": str(resource.place),
        "deploy": str(resource.deploy) if resource.deploy else None,
        "label": resource.tags.get(t.STATE, ""),
        "state": resource.state,
        "verdict": "collect" if one.collect else "keep",
        "reason": one.reason.value,
        "text": one.text,
        "hourly": estimate.hourly(resource, prices),
    }


def _texts(ids: Iterable[DeployId]) -> list[str]:
    return [str(one) for one in ids]
