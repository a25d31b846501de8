"""Formats a plan for people and programs: every action, its reason, its cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from reconciler.cost import estimate
from reconciler.cost.foreign import strangers
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Reason, Verdict
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource
from reconciler.output.answers import PlanAnswer, ServicePlanAnswer, VerdictAnswer
from reconciler.output.coverage import (
    completeness_lines,
    elsewhere_lines,
    scope_json,
    stranger_line,
)
from reconciler.output.ledger import Names, headline, ledger_json, named
from reconciler.output.write_stop import write_stop_lines
from reconciler.plan.circuit_breaker import Cap, load
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.plan.standby import Standby
from reconciler.util import humanize


def names_of(verdicts: Iterable[Verdict]) -> Names:
    """The release names of the deploys, from the tags of their resources."""
    return {
        verdict.resource.deploy: humanize.one_line(verdict.resource.tags[t.RELEASE])
        for verdict in verdicts
        if verdict.resource.deploy is not None
        and verdict.reason is not Reason.FOREIGN
        and verdict.resource.tags.get(t.RELEASE)
    }


def plan_lines(plan: Plan, cap: Cap, prices: Prices, *, verbose: bool = False) -> list[str]:
    """The whole plan: a line for the scope, a block per service, the sums, the coverage."""
    lines = [_scope(plan), ""]
    for service_plan in plan.services:
        lines += _service(service_plan, prices)
    lines += [f"! {gap.kind}s of {gap.place} unread: {gap.reason}" for gap in plan.inventory.gaps]
    lines += map(stranger_line, strangers(plan, prices))
    reads = plan.inventory.reads
    read = [*completeness_lines(reads, verbose=verbose), *elsewhere_lines(reads)]
    return [*lines, "", *_sums(plan, cap, prices), *read]


def _scope(plan: Plan) -> str:
    places = sorted({service_plan.root.home.place for service_plan in plan.services}, key=str)
    accounts = sorted({place.account for place in places})
    regions = sorted({place.region for place in places})
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
    stopped = write_stop_lines(service_plan)
    good = service_plan.empty and not service_plan.contradictions and not stopped
    clean = " · clean" if good else ""
    acts = [*_swaps(service_plan, names), *_deletions(service_plan, names, prices)]
    acts += _rests(service_plan, names, prices)
    first = f"{head}{headline(service_plan.root.ledger, names)}{clean}"
    return [first, *acts, *_notes(service_plan, stopped)]


def _notes(service_plan: ServicePlan, stopped: Sequence[str]) -> list[str]:
    notes = [f"  ! {stopped[0]}", f"    {stopped[1]}"] if stopped else []
    notes += [f"  ! {humanize.one_line(text)}" for text in service_plan.contradictions]
    cures = (note.cure for note in service_plan.witnesses)
    return [*notes, *(f"    {line}" for cure in cures for line in cure.splitlines())]


def _swaps(service_plan: ServicePlan, names: Names) -> Iterator[str]:
    """The changes without a deletion, in the order of execution."""
    if service_plan.end is not None:
        ended = f"{service_plan.end.until:%H:%M:%S} in `{service_plan.end.step}`"
        yield f"  x lease     {service_plan.end.id}  ran out {ended}"
    for change in service_plan.traffic.switches:
        yield f"  ~ switch    {change.route} to {change.group}"
    for group in service_plan.traffic.drained:
        yield f"  ~ drain     {group}: write on it since when it has no requests"
    for change in service_plan.traffic.detach:
        yield f"  ~ detach    {change.group} from {change.route}"
    if service_plan.readdress:
        addresses = ", ".join(service_plan.readdress)
        yield f"  ~ repoint   {service_plan.root.home.service} to {addresses}"
    for repair in service_plan.repairs:
        who = f"{named(repair.deploy, names)} ({repair.role})"
        yield f"  ~ finish    {who}: {humanize.one_line(repair.why)}"
    for deploy in service_plan.forget:
        yield f"  ~ forget    {named(deploy, names)}: {_why_forgotten(service_plan, deploy)}"


def _why_forgotten(service_plan: ServicePlan, deploy: DeployId) -> str:
    """Which limit of the configuration the deploy has passed."""
    ledger = service_plan.root.ledger
    entry = ledger.find_previous(deploy)
    if entry is None:
        return "evidence of a failure, kept until its time was over"
    if entry.rejected:
        return "rejected, and kept for its time"
    good = [one.id for one in ledger.previous if not one.rejected]
    more = good.index(deploy) >= service_plan.keep
    return f"more than keep = {service_plan.keep}" if more else "kept for its time"


def _rests(service_plan: ServicePlan, names: Names, prices: Prices) -> Iterator[str]:
    for rest in service_plan.rests:
        who = f"{rest.machine.id} of {named(rest.deploy, names)}"
        if rest.stage is Standby.PARKED:
            saved = estimate.price(_halting(rest.machine), prices)
            yield f"  ~ park      {who}: it halts, which saves {saved}; its disks stay"
        else:
            yield f"  ~ drain     {who}: its app stops"


def _halting(machine: Resource) -> Resource:
    """What a machine no longer costs when it stands still: an Elastic IP is paid for as before."""
    return replace(machine, public_ips=machine.public_ips - len(machine.elastic))


def _deletions(service_plan: ServicePlan, names: Names, prices: Prices) -> Iterator[str]:
    for verdict in service_plan.deletes:
        resource = verdict.resource
        who = named(resource.deploy, names) if resource.deploy else ""
        text = f"  - {resource.kind:<17} {resource.id:<21} {who} {verdict.reason}"
        yield f"{text:<68} {estimate.price(resource, prices):>11}".rstrip()


def _sums(plan: Plan, cap: Cap, prices: Prices) -> list[str]:
    loads = {service_plan.service: load(service_plan, cap) for service_plan in plan.services}
    lines = [
        f"{humanize.count(figures.deletions, 'deletion')} of {figures.owned} owned by {name}"
        f" (cap {figures.cap})"
        for name, figures in loads.items()
        if figures.deletions
    ]
    if lines:
        deletes = (verdict.resource for verdict in plan.deletes)
        lines[-1] += f" · saves {saving(deletes, prices)}"
    if plan.empty and not lines:
        stopped = any(service_plan.shut_live for service_plan in plan.services)
        known = "nothing to do" if not plan.unknown else "nothing to do where it is known"
        lines = ["nothing that a sweep may do while the lease runs" if stopped else known]
    return lines


def saving(resources: Iterable[Resource], prices: Prices) -> str:
    """`up to $0.0273/h, $19.66 in 30 days`: snapshots share what did not change (aws.md §5)."""
    listed = list(resources)
    total = estimate.add(estimate.of(resource, None, prices) for resource in listed)
    most = "up to " if any(map(estimate.is_bound, listed)) else ""
    more = " and what is not known" if total.unknown else ""
    month = humanize.money(total.monthly)
    return f"{most}{humanize.hourly(total.hourly)}, {month} in 30 days{more}"


def plan_json(plan: Plan, cap: Cap, prices: Prices) -> PlanAnswer:
    """The plan as an object: everything in `plan_lines`, plus the reasons for keeping."""
    return {
        "empty": plan.empty,
        "services": [_service_json(service_plan, cap, prices) for service_plan in plan.services],
        "strangers": [verdict_json(verdict, prices) for verdict in plan.strangers],
        **scope_json(plan.inventory.reads, strangers(plan, prices)),
        "gaps": [
            {"place": str(gap.place), "kind": gap.kind, "reason": gap.reason}
            for gap in plan.inventory.gaps
        ],
        "resources": len(plan.inventory.resources),
        "calls": plan.inventory.calls,
    }


def _service_json(service_plan: ServicePlan, cap: Cap, prices: Prices) -> ServicePlanAnswer:
    sizes = load(service_plan, cap)
    kept = (verdict for verdict in service_plan.verdicts if not verdict.collect)
    return {
        "service": service_plan.service,
        "problem": service_plan.problem,
        "ledger": ledger_json(service_plan.root.ledger) if not service_plan.problem else {},
        "record": list(service_plan.root.record),
        "end_lease": str(service_plan.end.id) if service_plan.end else None,
        "repoint": list(service_plan.readdress),
        "switch": {change.route: change.group for change in service_plan.traffic.switches},
        "drained": list(service_plan.traffic.drained),
        "detach": {change.route: change.group for change in service_plan.traffic.detach},
        "finish": [
            {"deploy": str(repair.deploy), "role": repair.role.value, "why": repair.why}
            for repair in service_plan.repairs
        ],
        "forget": [str(deploy) for deploy in service_plan.forget],
        "rest": [
            {"machine": rest.machine.id, "deploy": str(rest.deploy), "to": rest.word}
            for rest in service_plan.rests
        ],
        "delete": [verdict_json(verdict, prices) for verdict in service_plan.deletes],
        "keep": [verdict_json(verdict, prices) for verdict in kept],
        "notes": list(service_plan.contradictions),
        "writes_refused": service_plan.shut_live is not None,
        "deletions": sizes.deletions,
        "owned": sizes.owned,
        "cap": sizes.cap,
    }


def verdict_json(verdict: Verdict, prices: Prices) -> VerdictAnswer:
    """A resource, its verdict and the reason."""
    resource = verdict.resource
    return {
        "kind": resource.kind,
        "id": resource.id,
        "place": str(resource.place),
        "deploy": str(resource.deploy) if resource.deploy else None,
        "label": resource.tags.get(t.STATE, ""),
        "state": resource.state,
        "verdict": "collect" if verdict.collect else "keep",
        "reason": verdict.reason.value,
        "text": verdict.text,
        "hourly": estimate.as_number(estimate.hourly(resource, prices)),
    }
