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
from reconciler.plan.standby import state_of
from reconciler.util import humanize


def status_lines(status: ServiceStatus) -> list[str]:
    """One block: what serves, what is kept, who holds the lease, and problems with their cure."""
    if status.problem:
        problem = humanize.one_line(status.problem)
        return [
            f"{status.service:<8} unknown: {problem}; nothing of it is touched",
            status.service_plan.root.cure
            or f"To write the ledger anew   deployer recover {status.service}",
        ]
    return [_head(status), *_rows(status), *_trouble(status)]


def _head(status: ServiceStatus) -> str:
    where = ", ".join(status.pointed_at or status.traffic) or "nowhere"
    ttl = f", TTL {status.ttl} s" if status.ttl is not None else ""
    gen = f"generation {status.generation}" if status.generation else "no ledger yet"
    return f"{status.service:<8} {status.record} → {where}{ttl} · {gen}"


def _rows(status: ServiceStatus) -> Iterator[str]:
    for deploy in status.deploys:
        yield _row(deploy, status)
    if status.lease is not None:
        left = (status.lease.until - status.now).total_seconds()
        length = humanize.span(abs(left))
        runs = f"for {length}" if left >= 0 else f"ran out {length} ago"
        yield f"  lease     {status.lease.id} in `{status.lease.step}`, {runs}"


def _row(deploy: DeployLine, status: ServiceStatus) -> str:
    release = humanize.one_line(deploy.release) or f"…{deploy.id.short}"
    states = ", ".join(sorted({state_of(machine) for machine in deploy.machines}))
    machines = f"{humanize.count(len(deploy.machines), 'machine')} {states}".strip()
    database = f", database {deploy.database_state}" if deploy.database else ""
    since = ago(status.now - deploy.since)
    return f"  {deploy.state:<9} {release:<12} {since:<9} {machines}{database}  {deploy.id}"


def _trouble(status: ServiceStatus) -> Iterator[str]:
    for note in status.notes:
        yield f"  ! {humanize.one_line(note)}"
    if status.dirt:
        yield f"  ! left behind: {humanize.count(len(status.dirt), 'resource')}"
        yield from (f"      {line}" for line in status.dirt)
    yield from let_go_lines(status.service_plan.verdicts, status.prices)
    yield from (note.cure for note in status.service_plan.witnesses)
    if status.service_plan.notes:
        yield record_drift.cure(status.service_plan.root)
    elif status.service_plan.witnesses and status.service_plan.empty:
        return
    elif not status.clean:
        yield f"To put it right      reconciler sweep --service {status.service}"
    elif not status.generation and status.pointed_at:
        yield f"To bring it under a ledger   deployer adopt {status.service}"


def status_json(status: ServiceStatus) -> dict[str, Any]:
    """The same as an object."""
    lease = status.lease
    return {
        "service": status.service,
        "problem": status.problem,
        "clean": status.clean,
        "record": status.record,
        "pointed_at": list(status.pointed_at),
        "traffic": list(status.traffic),
        "ttl": status.ttl,
        "generation": status.generation,
        "lease": lease and {"id": str(lease.id), "until": iso(lease.until), "step": lease.step},
        "deploys": [_deploy_json(deploy) for deploy in status.deploys],
        "dirt": list(status.dirt),
        "notes": list(status.notes),
        "let_go": [each.resource.id for each in status.service_plan.verdicts if each.let_go],
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
            {
                "id": machine.id,
                "state": machine.state,
                "rest": "" if (rest := state_of(machine)) == machine.state else rest,
                "addresses": list(machine.addresses),
            }
            for machine in deploy.machines
        ],
        "database": deploy.database,
        "database_state": deploy.database_state,
    }


def history_lines(status: ServiceStatus) -> list[str]:
    """Every release in the ledger, newest first, with its releaser and how to go back."""
    rows = sorted(status.deploys, key=lambda deploy: deploy.id.born, reverse=True)
    lines = [_past(deploy, status.now) for deploy in rows]
    back = next((deploy for deploy in status.deploys if deploy.state == "previous"), None)
    if back is not None:
        lines.append(f"To go back           deployer rollback {status.service}")
    return lines or [f"{status.service} has no releases yet"]


def _past(deploy: DeployLine, now: datetime) -> str:
    release = humanize.one_line(deploy.release) or f"…{deploy.id.short}"
    by = f"  by {humanize.one_line(deploy.by)}" if deploy.by else ""
    born = f"{deploy.id.born:%Y-%m-%d %H:%M}"
    return f"{deploy.state:<9} {release:<12} {born}  {ago(now - deploy.id.born):<9} {deploy.id}{by}"


def recovery_lines(recovery: Recovery) -> list[str]:
    """What was found, what is in doubt, and the ledger that would be written."""
    found = [f"  found  {humanize.one_line(text)}" for text in recovery.found or ("nothing",)]
    doubts = [f"  ?      {humanize.one_line(text)}" for text in recovery.doubts]
    lease = recovery.lease
    held = [f"  ends   the lease of {lease.id}, in `{lease.step}`"] if lease else []
    garbage = [f"  garbage afterwards  {humanize.one_line(text)}" for text in recovery.garbage]
    new = [f"  {line}" for line in ledger_lines(recovery.new)]
    return [recovery.service, *found, *doubts, *held, *garbage, *new]


def recovery_json(recovery: Recovery) -> dict[str, Any]:
    """The same as an object."""
    return {
        "service": recovery.service,
        "old": ledger_json(recovery.old),
        "new": ledger_json(recovery.new),
        "found": list(recovery.found),
        "doubts": list(recovery.doubts),
        "ends_lease": str(recovery.lease.id) if recovery.lease else None,
        "garbage": list(recovery.garbage),
    }
