"""The first lines of `status`: does it serve, does it take writes, who is at work. Pure.

One sentence that tells the truth, the cost, and the command that leads on.
"""

from __future__ import annotations

from deployer.checks.lease.pause import PAUSED
from deployer.commands.at_work import AtWork
from deployer.commands.status import DeployLine, ServiceStatus
from reconciler.output.write_stop import since_line
from reconciler.plan import record_drift
from reconciler.util import humanize


def verdict_lines(status: ServiceStatus) -> list[str]:
    """The verdict, what it costs, and the next command where there is one."""
    said, cure = _verdict(status)
    work = [_at_work(status.at_work, status)] if status.at_work else []
    lines = [said, *work, f"  costs     {_cost(status)}"]
    return [*lines, *(f"  {line}" for line in (cure or _routine(status)).splitlines())]


def _verdict(status: ServiceStatus) -> tuple[str, str]:
    """The sentence, and the command that helps; the worst comes first."""
    live = next((deploy for deploy in status.deploys if deploy.state == "live"), None)
    if status.service_plan.shut_live is not None:
        return _shut(status)
    if live is None:
        return _nobody(status)
    release, plan = release_of(live), status.service_plan
    if status.answer.trouble:
        return _silent(status, release)
    if plan.notes:
        moved = f"! clients of {status.service} may not reach {release}: {plan.notes[0]}"
        return moved, record_drift.cure(plan.root)
    writes = " and takes writes" if live.database else ""
    if status.unread:
        unknown = f"whether it takes writes is unknown: {status.unread.reason}"
        cure = f"To look for the cause   deployer doctor {status.service}"
        return f"! {status.service} serves {release}, but {unknown}", cure
    return f"{status.service} serves {release}{writes}; {_witnesses(status)}", ""


def _silent(status: ServiceStatus, release: str) -> tuple[str, str]:
    """The live release failed its checks, or this host cannot reach it."""
    answer, service = status.answer, status.service
    if answer.unreached:
        said = f"! {service} CANNOT BE REACHED from here on {release}: {answer.unreached}"
        here = f"If no route leads there from here   deployer status {service} --no-checks"
    else:
        said, here = f"! {service} DOES NOT ANSWER on {release}: {answer.fault}", _start(status)
    back = any(deploy.state == "previous" for deploy in status.deploys)
    cure = f"To go back        deployer rollback {service}" if back else ""
    return said, "\n".join(line for line in (here, cure) if line)


def _start(status: ServiceStatus) -> str:
    """How to start live's machines, where people have stopped them."""
    live = next(deploy for deploy in status.deploys if deploy.state == "live")
    stopped = [machine.id for machine in live.machines if machine.state == "stopped"]
    ids = " ".join(stopped)
    return f"To start it       aws ec2 start-instances --instance-ids {ids}" if stopped else ""


def _witnesses(status: ServiceStatus) -> str:
    """Which of DNS and the checks have said so."""
    where = "traffic" if status.traffic else "DNS"
    agrees = f"{where} agrees" if status.service_plan.root.leads_to_live else f"{where} differs"
    if status.answer.text:
        return f"{agrees}; checked {status.answer.text}"
    return f"{agrees}; not checked{f': {why}' if (why := status.answer.unasked) else ''}"


def _shut(status: ServiceStatus) -> tuple[str, str]:
    shut, work, service = status.service_plan.shut_live, status.at_work, status.service
    assert shut is not None
    said = f"! {service} {since_line(shut, status.now)}"
    if work is None or work.lease == status.service_plan.end:
        sweep = f"To clean up too   reconciler sweep --service {service}"
        return f"{said}; nobody is at work.", f"To open it now    deployer thaw {service}\n{sweep}"
    ago = humanize.span(round((status.now - work.seen).total_seconds()))
    cure = f"If that deployer is dead   deployer thaw {service} --deployer-is-dead"
    return f"{said}; its deployer last showed life {ago} ago.", cure


def _nobody(status: ServiceStatus) -> tuple[str, str]:
    service = status.service
    if status.generation or not status.pointed_at:
        cure = f"To release it     deployer up {service}"
        return f"{service} has no live release.", cure
    at = ", ".join(status.pointed_at)
    cure = f"To bring it under a ledger   deployer adopt {service}"
    return f"{service} is not under a ledger yet; {status.record} leads to {at}.", cure


def _at_work(work: AtWork, status: ServiceStatus) -> str:
    """Who holds the lease: of which release, from where, in which step, since when, alive when."""
    if work.lease.step == PAUSED:
        until = f"{work.lease.until:%Y-%m-%d %H:%M}"
        over = "" if work.alive else ", which is over: the next sweep ends it"
        return f"  paused    until {until} UTC {humanize.one_line(work.by)}{over}".rstrip()
    who = humanize.one_line(work.by) or "somebody"
    release = f", {humanize.one_line(work.release)}" if work.release else ""
    seen = humanize.span(round((status.now - work.seen).total_seconds()))
    life = f"alive {seen} ago" if work.alive else f"SILENT for {seen}"
    since = f"{work.lease.id.born:%H:%M:%S}"
    word = "at work" if work.lease != status.service_plan.end else "left by"
    return f"  {word}   {who}{release}: in `{work.lease.step}`, since {since}, {life}"


def _cost(status: ServiceStatus) -> str:
    cost = status.cost
    if cost.is_unknown:
        return "unknown"
    least = "at least " if cost.unknown or status.partial else ""
    month = humanize.money(cost.monthly)
    return f"{least}{humanize.hourly(cost.hourly)}, {month} in 30 days"


def _routine(status: ServiceStatus) -> str:
    """The command for what a sweep would do."""
    plan = status.service_plan
    if plan.witnesses and plan.empty:
        return "\n".join(note.cure for note in plan.witnesses)
    if plan.empty and not plan.contradictions:
        return ""
    return f"To put it right   reconciler sweep --service {status.service}"


def release_of(deploy: DeployLine) -> str:
    """The name of the release, or the short form of its id."""
    return humanize.one_line(deploy.release) or f"…{deploy.id.short}"
