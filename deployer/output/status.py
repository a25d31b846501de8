"""The state of a service, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from deployer.checks.refusals import ago
from deployer.commands.recover.command import Recovery
from deployer.commands.status import DeployLine, ServiceStatus
from deployer.output.answers import ConditionAnswer, DeployAnswer, ServiceAnswer
from deployer.output.command_answers import RecoverAnswer
from deployer.output.verdict import release_of, verdict_lines
from reconciler.output.ledger import iso, lease_json, ledger_json, ledger_lines
from reconciler.output.let_go import let_go_lines
from reconciler.plan.standby import state_of
from reconciler.util import humanize

_ENDED = {"previous": "retired", "rejected": "rolled back from"}
"""How a release that was live ended, by its state."""


def status_lines(status: ServiceStatus) -> list[str]:
    """One block: the verdict with its command, what serves, what is kept, and problems."""
    if status.problem:
        problem = humanize.one_line(status.problem)
        said = f"! {status.service} is unknown: {problem}; nothing of it is touched"
        return [said, unknown_cure(status)]
    return [*verdict_lines(status), _record(status), *_rows(status), *_trouble(status)]


def unknown_cure(status: ServiceStatus) -> str:
    """The command for a service whose state is unknown."""
    recover = f"To write the ledger anew   deployer recover {status.service}"
    return status.service_plan.root.cure or recover


def _record(status: ServiceStatus) -> str:
    where = ", ".join(status.pointed_at or status.traffic) or "nowhere"
    ttl = f", TTL {status.ttl} s" if status.ttl is not None else ""
    gen = f"generation {status.generation}" if status.generation else "no ledger yet"
    return f"  record    {status.record} → {where}{ttl} · {gen}"


def _rows(status: ServiceStatus) -> Iterator[str]:
    for deploy in status.deploys:
        yield from _row(deploy, status)
    if status.lease is not None:
        left = (status.lease.until - status.now).total_seconds()
        length = humanize.span(abs(round(left)))
        runs = f"for {length}" if left >= 0 else f"ran out {length} ago"
        yield f"  lease     {status.lease.id} in `{status.lease.step}`, {runs}"


def _row(deploy: DeployLine, status: ServiceStatus) -> Iterator[str]:
    """What it is and since when; its id below, so that both fit 80 columns."""
    states = ", ".join(sorted({state_of(machine) for machine in deploy.machines}))
    machines = f"{humanize.count(len(deploy.machines), 'machine')} {states}".strip()
    database = f", database {deploy.database_state}" if deploy.database else ""
    yield f"  {deploy.state:<9} {release_of(deploy):<12} {_since(deploy, status.now)}"
    yield f"            {deploy.id}  {machines}{database}"


def _since(deploy: DeployLine, now: datetime) -> str:
    """What the time is: of going live, of being retired, or, where neither is known, of birth."""
    words = {"live": "went live", **_ENDED}
    known = deploy.state != "live" or deploy.went_live is not None
    word = words.get(deploy.state, "born") if known else "born"
    return f"{word} {deploy.since:%Y-%m-%d %H:%M} UTC, {ago(now - deploy.since)}"


def _trouble(status: ServiceStatus) -> Iterator[str]:
    if status.last_sweep is not None:
        when = status.last_sweep.ended or status.last_sweep.began
        yield f"  swept     last changed {when:%Y-%m-%d %H:%M} UTC, {ago(status.now - when)}"
    for note in status.notes:
        yield f"  ! {humanize.one_line(note)}"
    if status.dirt:
        yield f"  ! left behind: {humanize.count(len(status.dirt), 'resource')}"
        yield from (f"    {line}" for line in status.dirt)
    yield from let_go_lines(status.service_plan.verdicts, status.prices)


def status_json(status: ServiceStatus) -> ServiceAnswer:
    """The same as an object."""
    lease = status.lease
    return {
        "service": status.service,
        "problem": status.problem,
        "clean": status.clean,
        **_verdict_json(status),
        "record": status.record,
        "pointed_at": list(status.pointed_at),
        "traffic": list(status.traffic),
        "ttl": status.ttl,
        "generation": status.generation,
        "lease": lease_json(lease) if lease else None,
        "deploys": [_deploy_json(deploy) for deploy in status.deploys],
        "dirt": list(status.dirt),
        "last_sweep": iso(sweep.ended or sweep.began) if (sweep := status.last_sweep) else None,
        "notes": list(status.notes),
        "let_go": [each.resource.id for each in status.service_plan.verdicts if each.let_go],
    }


def _verdict_json(status: ServiceStatus) -> ConditionAnswer:
    """Whether it takes writes, what the live machines answered, and who is at work."""
    shut, work, answer = status.service_plan.shut_live, status.at_work, status.answer
    return {
        "impaired": status.ill,
        "takes_writes": None if status.problem or status.unread else shut is None,
        "writes_refused_since": iso(shut.since) if shut and shut.since else None,
        "answers": False if answer.fault else True if answer.text else None,
        "answer": answer.trouble or answer.text or answer.unasked,
        "at_work": None
        if work is None
        else {
            "id": str(work.lease.id),
            "by": work.by,
            "release": work.release,
            "step": work.lease.step,
            "seen": iso(work.seen),
            "alive": work.alive,
        },
    }


def _deploy_json(deploy: DeployLine) -> DeployAnswer:
    return {
        "id": str(deploy.id),
        "release": deploy.release,
        "by": deploy.by,
        "state": deploy.state,
        "since": iso(deploy.since),
        "went_live": iso(deploy.went_live) if deploy.went_live else None,
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


def recovery_lines(recovery: Recovery) -> list[str]:
    """What was found, what is in doubt, and the ledger that would be written."""
    found = [f"  found  {humanize.one_line(text)}" for text in recovery.found or ("nothing",)]
    doubts = [f"  ?      {humanize.one_line(text)}" for text in recovery.doubts]
    lease = recovery.lease
    held = [f"  ends   the lease of {lease.id}, in `{lease.step}`"] if lease else []
    garbage = [f"  garbage afterwards  {humanize.one_line(text)}" for text in recovery.garbage]
    new = [f"  {line}" for line in ledger_lines(recovery.new)]
    return [recovery.service, *found, *doubts, *held, *garbage, *new]


def recovery_json(recovery: Recovery) -> RecoverAnswer:
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
