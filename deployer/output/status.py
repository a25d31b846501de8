"""The state of a service, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from deployer.checks.refusals import ago
from deployer.commands.recover.command import Recovery
from deployer.commands.status import DeployLine, ServiceStatus
from reconciler.output.ledger import iso, ledger_json, ledger_lines
from reconciler.output.let_go import let_go_lines
from reconciler.plan import record_drift
from reconciler.util import humanize


def status_lines(one: ServiceStatus) -> list[str]:
    """One block: what serves, what is kept, who holds the lease, and problems with their cure."""
    if one.problem:
        return [
            f"{one.service:<8} unknown: {humanize.one_line(one.problem)}; nothing of it is touched",
            one.service_plan.root.cure
            or f"To write the ledger anew   deployer recover {one.service}",
        ]
    return [_head(one), *_rows(one), *_trouble(one)]


def _head(one: ServiceStatus) -> str:
    where = ", ".join(one.pointed_at) or "nowhere"
    ttl = f", TTL {one.ttl} s" if one.ttl is not None else ""
    gen = f"generation {one.generation}" if one.generation else "no ledger yet"
    return f"{one.service:<8} {one.record} → {where}{ttl} · {gen}"


def _rows(one: ServiceStatus) -> Iterator[str]:
    for deploy in one.deploys:
        yield _row(deploy, one)
    if one.lease is not None:
        left = int((one.lease.until - one.now).total_seconds())
        runs = f"for {left} s more" if left >= 0 else f"ran out {-left} s ago"
        yield f"  lease     {one.lease.id} in `{one.lease.step}`, {runs}"


def _row(deploy: DeployLine, one: ServiceStatus) -> str:
    release = humanize.one_line(deploy.release) or f"…{deploy.id.short}"
    states = ", ".join(sorted({machine.state for machine in deploy.machines}))
    machines = f"{humanize.count(len(deploy.machines), 'machine')} {states}".strip()
    database = f", database {deploy.database_state}" if deploy.database else ""
    since = ago(one.now - deploy.since)
    return f"  {deploy.state:<9} {release:<12} {since:<9} {machines}{database}  {deploy.id}"


def _trouble(one: ServiceStatus) -> Iterator[str]:
    for note in one.notes:
        yield f"  ! {humanize.one_line(note)}"
    if one.dirt:
        yield f"  ! left behind: {humanize.count(len(one.dirt), 'thing')}"
        yield from (f"      {line}" for line in one.dirt)
    yield from let_go_lines(one.service_plan.verdicts)
    yield from (note.cure for note in one.service_plan.witnesses)
    if one.service_plan.notes:
        yield record_drift.cure(one.service_plan.root)
    elif one.service_plan.witnesses and one.service_plan.empty:
        return
    elif not one.clean:
        yield f"To put it right      reconciler sweep --service {one.service}"
    elif not one.generation and one.pointed_at:
        yield f"To bring it under a ledger   deployer adopt {one.service}"


def status_json(one: ServiceStatus) -> dict[str, Any]:
    """The same as an object."""
    return {
        "service": one.service,
        "problem": one.problem,
        "clean": one.clean,
        "record": one.record,
        "pointed_at": list(one.pointed_at),
        "ttl": one.ttl,
        "generation": one.generation,
        "lease": one.lease
        and {"id": str(one.lease.id), "until": iso(one.lease.until), "step": one.lease.step},
        "deploys": [_deploy_json(deploy) for deploy in one.deploys],
        "dirt": list(one.dirt),
        "notes": list(one.notes),
        "let_go": [each.resource.id for each in one.service_plan.verdicts if each.let_go],
    }


def _deploy_json(deploy: DeployLine) -> dict[str, Any]:
    return {
        "id": str(deploy.id),
        "release": deploy.release,
        "by": deploy.by,
        "state": deploy.state,
        "since": iso(deploy.since),
        "at": list(deploy.at),
        "machines": [
            {"id": one.id, "state": one.state, "addresses": list(one.addresses)}
            for one in deploy.machines
        ],
        "database": deploy.database,
        "database_state": deploy.database_state,
    }


def history_lines(one: ServiceStatus) -> list[str]:
    """Every release in the ledger, newest first, with its releaser and how to go back."""
    rows = sorted(one.deploys, key=lambda deploy: deploy.id.born, reverse=True)
    lines = [_past(deploy, one.now) for deploy in rows]
    back = next((deploy for deploy in one.deploys if deploy.state == "previous"), None)
    if back is not None:
        lines.append(f"To go back           deployer rollback {one.service}")
    return lines or [f"{one.service} has no releases yet"]


def _past(deploy: DeployLine, now: datetime) -> str:
    release = humanize.one_line(deploy.release) or f"…{deploy.id.short}"
    by = f"  by {humanize.one_line(deploy.by)}" if deploy.by else ""
    born = f"{deploy.id.born:%Y-%m-%d %H:%M}"
    return f"{deploy.state:<9} {release:<12} {born}  {ago(now - deploy.id.born):<9} {deploy.id}{by}"


def recovery_lines(one: Recovery) -> list[str]:
    """What was found, what is in doubt, and the ledger that would be written."""
    found = [f"  found  {humanize.one_line(text)}" for text in one.found] or ["  found  nothing"]
    doubts = [f"  ?      {humanize.one_line(text)}" for text in one.doubts]
    lease = one.lease
    held = [f"  ends   the lease of {lease.id}, in `{lease.step}`"] if lease else []
    garbage = [f"  garbage afterwards  {humanize.one_line(text)}" for text in one.garbage]
    new = [f"  {line}" for line in ledger_lines(one.new)]
    return [one.service, *found, *doubts, *held, *garbage, *new]


def recovery_json(one: Recovery) -> dict[str, Any]:
    """The same as an object."""
    return {
        "service": one.service,
        "old": ledger_json(one.old),
        "new": ledger_json(one.new),
        "found": list(one.found),
        "doubts": list(one.doubts),
        "ends_lease": str(one.lease.id) if one.lease else None,
        "garbage": list(one.garbage),
    }
