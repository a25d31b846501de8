"""Formats the result of a sweep per resource; failures are never omitted. Pure."""

from __future__ import annotations

from collections import Counter

from reconciler.cost.foreign import strangers
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Verdict
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.output.answers import OutcomeAnswer, SweepAnswer
from reconciler.output.coverage import (
    completeness_lines,
    elsewhere_lines,
    scope_json,
    stranger_line,
)
from reconciler.output.let_go import let_go_lines
from reconciler.output.plan import saving, verdict_json
from reconciler.plan import record_drift
from reconciler.plan.standby import Rest
from reconciler.sweep.result import SweepResult
from reconciler.util import humanize


def one_line(outcome: Outcome) -> str:
    """One resource and its outcome, during the sweep."""
    resource = outcome.resource
    why = f": {humanize.one_line(outcome.text)}" if outcome.text else ""
    return f"  {resource.kind:<17} {resource.id:<21} {outcome.status.value}{why}"


def outcome_json(outcome: Outcome) -> OutcomeAnswer:
    """The same as an object of the stream, in the format of the deployer's clean-up."""
    resource = outcome.resource
    return {
        "type": "clean-up-item",
        "kind": resource.kind,
        "id": resource.id,
        "fate": outcome.status.value,
        "text": outcome.text,
    }


def in_lines(result: SweepResult, prices: Prices, *, verbose: bool = False) -> list[str]:
    """What was done, everything that is left, and the coverage."""
    lines = [f"Ended the lease of {deploy}." for deploy in result.ended]
    lines += [f"Forgot {deploy}." for deploy in result.forgotten]
    gone = [outcome.resource for outcome in result.gone]
    money = f"; saves {saving(gone, prices)}" if gone else ""
    removed = humanize.counts(Counter(resource.kind for resource in gone))
    lines.append(f"Removed: {removed}{money}.")
    lines += [f"Left out: {humanize.one_line(text)}." for text in result.left_out]
    lines += [*left_lines(result), *let_go_lines(_verdicts(result), prices)]
    lines += map(stranger_line, strangers(result.left, prices))
    lines += completeness_lines(result.reads, verbose=verbose)
    return lines + elsewhere_lines(result.reads)


def _verdicts(result: SweepResult) -> list[Verdict]:
    return [verdict for plan in result.left.services for verdict in plan.verdicts]


def left_lines(result: SweepResult) -> list[str]:
    """What remains: unknown services, resources, unfinished deploys, gaps, problems."""
    last = {outcome.resource.key: outcome for outcome in result.outcomes}
    lines = [f"  {name} is unknown: {why}" for name, why in result.left.problems.items()]
    for plan in result.left.services:
        lines += [
            one_line(last.get(resource.key) or Outcome(resource, OutcomeStatus.PENDING))
            for resource in (verdict.resource for verdict in plan.deletes)
        ]
        lines += [f"  not finished: {repair.deploy}: {repair.why}" for repair in plan.repairs]
        lines += [_not_yet(rest, last.get(rest.machine.key)) for rest in plan.rests]
    lines += [f"  {humanize.one_line(text)}" for text in result.left.contradictions]
    lines += [f"  {gap.kind}s of {gap.place} unread: {gap.reason}" for gap in result.gaps]
    lines += [f"  {text}" for text in result.trouble]
    return ["Left:", *lines, *_cures(result)] if lines else ["Clean."]


def _cures(result: SweepResult) -> list[str]:
    """How to fix what could not be read, each cure once."""
    cures = [gap.cure for gap in result.gaps]
    cures += [
        service_plan.root.cure or f"To see more   deployer status {service_plan.service}"
        for service_plan in result.left.unknown
    ]
    cures += [
        record_drift.cure(service_plan.root)
        for service_plan in result.left.services
        if service_plan.notes
    ]
    cures += [note.cure for service_plan in result.left.services for note in service_plan.witnesses]
    return list(dict.fromkeys(cure for cure in cures if cure))


def _not_yet(rest: Rest, known: Outcome | None) -> str:
    why = f": {humanize.one_line(known.text)}" if known else ""
    return f"  not {rest.word} yet: {rest.machine.id}{why}"


def as_json(result: SweepResult, prices: Prices) -> SweepAnswer:
    """The result as an object."""
    return {
        "clean": result.clean,
        "ended": [str(deploy) for deploy in result.ended],
        "forgotten": [str(deploy) for deploy in result.forgotten],
        "removed": dict(Counter(outcome.resource.kind for outcome in result.gone)),
        "outcomes": [outcome_json(outcome) for outcome in result.outcomes],
        "left": [verdict_json(verdict, prices) for verdict in result.left.deletes],
        "unknown": result.left.problems,
        "contradictions": list(result.left.contradictions),
        "trouble": list(result.trouble),
        "left_out": list(result.left_out),
        "let_go": [
            verdict_json(verdict, prices) for verdict in _verdicts(result) if verdict.let_go
        ],
        **scope_json(result.reads, strangers(result.left, prices)),
    }
