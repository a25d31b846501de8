"""Executes an approved plan: compares the plan file with the current state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.cost.foreign import known_now
from reconciler.errors import ConfigError
from reconciler.plan import plan_file
from reconciler.plan.approved_actions import ApprovedAction, ApprovedActions
from reconciler.plan.plan_file import PlanFile
from reconciler.plan.service_plan import Plan, ServicePlan, SweepRequest
from reconciler.ports.service import ManagedService

LARGEST = 50_000_000
"""Bytes; a plan of a hundred thousand resources is smaller."""


def read(path: Path) -> str:
    """Return the file's text. Raises ConfigError if it cannot be a plan file."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError("this is not a plan: it is too large", cure=plan_file.CURE)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", cure=plan_file.CURE) from error
    except UnicodeDecodeError as error:
        raise ConfigError("this is not a plan: it is not JSON", cure=plan_file.CURE) from error


def write(path: Path, plan: Plan, shown: Mapping[str, Any], *, unfinished_only: bool) -> None:
    """Write the plan to a file. Raises ConfigError if the file cannot be written."""
    now = known_now(plan) or datetime.now(UTC)
    text = plan_file.encode(plan_file.of(plan, now, unfinished_only=unfinished_only), shown)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}",
            cure="Elsewhere     reconciler plan -o FILE",
        ) from error


def asks(agreed: PlanFile, services: Sequence[ManagedService]) -> dict[str, SweepRequest]:
    """The request for every service: the approved actions; none for services not in the file.

    Raises ConfigError if the address of a service has changed.
    """
    plan_file.check_homes(agreed, {service.name: service.home for service in services})
    return {
        service.name: SweepRequest(
            service.retention, among=agreed.order(service.name) or ApprovedActions(service.home)
        )
        for service in services
    }


def check_time(agreed: PlanFile, seen: Plan) -> None:
    """Raises Refused if the file is too old by the ledgers' own time."""
    now = known_now(seen)
    if now is not None:
        plan_file.check_age(agreed, now)


def left_out(agreed: PlanFile, seen: Plan) -> tuple[str, ...]:
    """The approved actions that are not executed any more, each with the reason."""
    todos = {service.service: service for service in seen.services}
    return tuple(
        line
        for order in agreed.orders
        for line in _changed(order, todos[order.home.service], seen)
        if order.home.service in todos
    )


def _changed(order: ApprovedActions, service_plan: ServicePlan, seen: Plan) -> Iterator[str]:
    if service_plan.problem:
        yield f"all of {service_plan.service}: unknown: {service_plan.problem}"
        return
    if order.end is not None and service_plan.end is None:
        yield f"the lease of {order.end} is not there to be ended"
    doing = {(repair.deploy, repair.role) for repair in service_plan.repairs}
    for deploy, role in sorted(order.finish - doing, key=str):
        yield f"{deploy} ({role}) needs no finishing as it was agreed to"
    if order.repoint and not service_plan.readdress:
        yield f"{service_plan.service} is not to be pointed to {', '.join(order.repoint)} any more"
    for deploy in order.forget:
        if deploy not in service_plan.forget:
            yield f"{deploy} is not to be forgotten now"
    yield from _kept(order, service_plan, seen)


def _kept(order: ApprovedActions, service_plan: ServicePlan, seen: Plan) -> Iterator[str]:
    doomed = {ApprovedAction.of(verdict.resource) for verdict in service_plan.deletes}
    why = {
        (verdict.resource.kind, verdict.resource.id): verdict.text
        for verdict in service_plan.verdicts
        if not verdict.collect
    }
    there = {(resource.kind, resource.id) for resource in seen.inventory.resources}
    for item in order.delete:
        key = (item.kind, item.id)
        if item in doomed:
            continue
        if key in why:
            yield f"{item.kind} {item.id}: kept now: {why[key]}"
        elif key in there:
            yield f"{item.kind} {item.id}: it goes with something that was not agreed to"
        else:
            yield f"{item.kind} {item.id}: gone already, or plainly kept"
