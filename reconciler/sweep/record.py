"""A sweep as entries of the journal: one for each service that it changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.cost.estimate import Sum, add, as_number, hourly, of
from reconciler.cost.price_list import Prices
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal import entry as j
from reconciler.model.journal.entry import Entry, ResourceRecord
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import service_of
from reconciler.ports.journal.operation import operation_id
from reconciler.sweep.result import SweepResult

_FATES = {OutcomeStatus.GONE: j.GONE, OutcomeStatus.DONE: j.DONE}


@dataclass(frozen=True)
class SweepRun:
    """Who swept, with which program, and when it began and ended."""

    by: str
    program: str
    began: datetime
    ended: datetime


def entries(result: SweepResult, prices: Prices, run: SweepRun) -> Iterator[Entry]:
    """The entries; none for a service where nothing changed."""
    for plan in result.first.services:
        entry = _entry(result, plan.service, prices, run)
        if entry.resources or entry.ended_leases or entry.forgotten:
            yield entry


def _entry(result: SweepResult, service: str, prices: Prices, run: SweepRun) -> Entry:
    resources = tuple(_records(_of(result.outcomes, service), prices))
    saved = _saved(_of(result.outcomes, service), prices)
    left = [resource for resource in resources if resource.fate == j.LEFT]
    return Entry(
        operation_id(service, run.began),
        j.SWEEP,
        run.by,
        run.began,
        program=run.program,
        outcome=j.FAILED if left else j.DONE,
        ended=run.ended,
        why="not everything could be deleted" if left else "",
        detail="\n".join(f"{one.kind} {one.id}: {one.text}" for one in left),
        resources=resources,
        ended_leases=_ids(result.ended, service),
        forgotten=_ids(result.forgotten, service),
        per_hour=float(saved.hourly),
        unpriced=saved.unknown,
        warnings=result.trouble,
    )


def _saved(outcomes: Iterable[Outcome], prices: Prices) -> Sum:
    """What the things that are gone would still cost, as the plan said; what is known of it."""
    gone = (one.resource for one in outcomes if one.status is OutcomeStatus.GONE)
    return add(of(resource, None, prices) for resource in gone)


def resources_of(result: SweepResult, prices: Prices) -> tuple[ResourceRecord, ...]:
    """What a clean-up deleted, and could not delete."""
    return tuple(_records(result.outcomes, prices))


def _records(outcomes: Iterable[Outcome], prices: Prices) -> Iterator[ResourceRecord]:
    for outcome in outcomes:
        resource = outcome.resource
        fate = _FATES.get(outcome.status, j.LEFT)
        price = as_number(hourly(resource, prices))
        deploy = str(resource.deploy or "")
        yield ResourceRecord(resource.kind, resource.id, fate, deploy, price, outcome.text)


def _of(outcomes: Iterable[Outcome], service: str) -> Iterator[Outcome]:
    return (outcome for outcome in outcomes if service_of(outcome.resource) == service)


def _ids(ids: Iterable[DeployId], service: str) -> tuple[str, ...]:
    return tuple(str(id_) for id_ in ids if id_.service == service)
