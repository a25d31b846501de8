"""Formats the result of a sweep per resource; failures are never omitted. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from reconciler.cost.foreign import strangers
from reconciler.gc.verdict import Verdict
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.output.coverage import (
    completeness_json,
    completeness_lines,
    elsewhere_lines,
    stranger_lines,
    strangers_json,
)
from reconciler.output.let_go import let_go_lines
from reconciler.output.plan import saving, verdict_json
from reconciler.plan import record_drift
from reconciler.sweep.result import SweepResult
from reconciler.util import humanize


def one_line(outcome: Outcome) -> str:
    """One resource and its outcome, during the sweep."""
    resource = outcome.resource
    why = f": {humanize.one_line(outcome.text)}" if outcome.text else ""
    return f"  {resource.kind:<17} {resource.id:<21} {outcome.status.value}{why}"


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The same as an object of the stream, in the format of the deployer's clean-up."""
    resource = outcome.resource
    item = {
        "kind": resource.kind,
        "id": resource.id,
        "fate": outcome.status.value,
        "text": outcome.text,
    }
    return {"type": "clean-up-item", **item}


def in_lines(result: SweepResult, *, verbose: bool = False) -> list[str]:
    """What was done, everything that is left, and the coverage."""
    removed = Counter(one.resource.kind for one in result.gone)
    lines = [f"Ended the lease of {one}." for one in result.ended]
    lines += [f"Forgot {one}." for one in result.forgotten]
    money = f"; saves {saving(one.resource for one in result.gone)}" if result.gone else ""
    lines.append(f"Removed: {humanize.counts(removed)}{money}.")
    lines += [f"Left out: {humanize.one_line(one)}." for one in result.left_out]
    lines += [*left_lines(result), *let_go_lines(_verdicts(result))]
    lines += stranger_lines(strangers(result.left))
    lines += completeness_lines(result.reads, verbose=verbose)
    return lines + elsewhere_lines(result.reads)


def _verdicts(result: SweepResult) -> list[Verdict]:
    return [one for plan in result.left.services for one in plan.verdicts]


def left_lines(result: SweepResult) -> list[str]:
    """What remains: unknown services, resources, unfinished deploys, gaps, problems."""
    last = {one.resource.key: one for one in result.outcomes}
    lines = [f"  {one.service} is unknown: {one.problem}" for one in result.left.unknown]
    for plan in result.left.services:
        lines += [
            one_line(last.get(one.resource.key) or Outcome(one.resource, OutcomeStatus.PENDING))
            for one in plan.deletes
        ]
        lines += [f"  not finished: {one.deploy}: {one.why}" for one in plan.repairs]
    lines += [f"  {humanize.one_line(one)}" for one in result.left.contradictions]
    lines += [f"  {gap.kind}s of {gap.place} unread: {gap.reason}" for gap in result.gaps]
    lines += [f"  {one}" for one in result.trouble]
    return ["Left:", *lines, *_cures(result)] if lines else ["Clean."]


def _cures(result: SweepResult) -> list[str]:
    """How to fix what could not be read, each cure once."""
    said = [gap.cure for gap in result.gaps]
    said += [
        one.root.cure or f"To see more   deployer status {one.service}"
        for one in result.left.unknown
    ]
    said += [record_drift.cure(one.root) for one in result.left.services if one.notes]
    said += [note.cure for one in result.left.services for note in one.witnesses]
    return list(dict.fromkeys(one for one in said if one))


def as_json(result: SweepResult) -> dict[str, Any]:
    """The result as an object."""
    return {
        "clean": result.clean,
        "ended": [str(one) for one in result.ended],
        "forgotten": [str(one) for one in result.forgotten],
        "removed": dict(Counter(one.resource.kind for one in result.gone)),
        "outcomes": [outcome_json(one) for one in result.outcomes],
        "left": [
            verdict_json(one)
            for service_plan in result.left.services
            for one in service_plan.deletes
        ],
        "unknown": {one.service: one.problem for one in result.left.unknown},
        "contradictions": list(result.left.contradictions),
        "trouble": list(result.trouble),
        "left_out": list(result.left_out),
        "let_go": [verdict_json(one) for one in _verdicts(result) if one.let_go],
        "not_ours": strangers_json(strangers(result.left)),
        "completeness": completeness_json(result.reads),
    }
