"""An entry folded from the events of a release or a rollback. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from deployer import events as e
from reconciler.exit_codes import Exit
from reconciler.model.journal import entry as j
from reconciler.model.journal.entry import Entry, ResourceRecord, StepRecord
from reconciler.model.outcome import OutcomeStatus
from reconciler.util.humanize import one_line

_FATES = {OutcomeStatus.GONE: j.GONE, OutcomeStatus.DONE: ""}
"""Other outcomes of a clean-up left the resource where it was."""


def fold(entry: Entry, event: e.Event, at: datetime) -> Entry:
    """The entry after `event`, which came at `at`."""
    apply = _FOLDS.get(type(event))
    return apply(entry, event, at) if apply else entry


def ended(entry: Entry, result: e.Result, at: datetime) -> Entry:
    """The entry at the end of its command. A word of success from the release itself stays."""
    outcome = entry.outcome
    if outcome == j.RUNNING:
        outcome = j.DONE if result.exit == Exit.DONE else j.FAILED
    if result.exit == Exit.UNFINISHED:
        outcome = j.UNFINISHED
    why = entry.why or one_line(result.message)
    detail = entry.detail or result.detail
    # A rehearsal freezes nothing: its answer says for how long a release would have.
    frozen = entry.frozen_seconds
    if entry.kind == j.REHEARSAL:
        frozen = result.answer.get("freeze_seconds")
    return replace(
        entry,
        outcome=outcome,
        exit=result.exit,
        why=why,
        detail=detail,
        ended=entry.ended or at,
        frozen_seconds=frozen,
    )


def _began(entry: Entry, event: e.StepBegan, _: datetime) -> Entry:
    return replace(entry, step=event.step)


def _done(entry: Entry, event: e.StepDone, _: datetime) -> Entry:
    return _step(entry, StepRecord(event.step, event.seconds, one_line(event.text)))


def _failed(entry: Entry, event: e.StepFailed, at: datetime) -> Entry:
    text = one_line(event.message)
    took = (at - entry.began).total_seconds() - sum(step.seconds for step in entry.steps)
    record = StepRecord(event.step, max(0.0, round(took, 3)), text, failed=True)
    why, detail = entry.why or text, entry.detail or event.detail
    return replace(_step(entry, record), step=event.step, why=why, detail=detail)


def _step(entry: Entry, record: StepRecord) -> Entry:
    return replace(entry, steps=(*entry.steps, record))


def _created(entry: Entry, event: e.ResourceCreated, _: datetime) -> Entry:
    record = ResourceRecord(event.kind, event.id, j.CREATED, entry.deploy, event.per_hour)
    return _resource(entry, record)


def _resource(entry: Entry, record: ResourceRecord) -> Entry:
    others = tuple(one for one in entry.resources if (one.kind, one.id) != (record.kind, record.id))
    return replace(entry, resources=(*others, record))


def _item(entry: Entry, event: e.CleanUpItem, _: datetime) -> Entry:
    fate = _FATES.get(OutcomeStatus(event.fate), j.LEFT)
    if not fate:
        return entry
    known = next((one for one in entry.resources if one.id == event.id), None)
    price = known.per_hour if known else None
    text = one_line(event.text)
    return _resource(entry, ResourceRecord(event.kind, event.id, fate, entry.deploy, price, text))


def _thawed(entry: Entry, event: e.FreezeEnded, _: datetime) -> Entry:
    return replace(entry, frozen_seconds=event.seconds)


def _cleaning(entry: Entry, event: e.CleanUpBegan, _: datetime) -> Entry:
    return replace(entry, why=entry.why or one_line(event.reason))


def _released(entry: Entry, event: e.Released, at: datetime) -> Entry:
    return replace(
        entry,
        outcome=j.UNFINISHED if event.unfinished else j.RELEASED,
        release=event.release,
        was=event.was,
        addresses=event.addresses,
        frozen_seconds=event.frozen_seconds,
        per_hour=event.kept_per_hour,
        ended=at,
        # A step that failed before its answer turned out to be made is no failure of the release.
        why="",
        detail="\n".join(event.unfinished),
    )


def _rolled_back(entry: Entry, event: e.RolledBack, at: datetime) -> Entry:
    return replace(
        entry,
        outcome=j.UNFINISHED if event.unfinished else j.ROLLED_BACK,
        deploy=event.deploy,
        release=event.release,
        was=event.was,
        addresses=event.addresses,
        was_deploy=event.was_deploy,
        lost=event.lost,
        ended=at,
        why="",
        detail="\n".join(event.unfinished),
    )


def _warned(entry: Entry, event: e.Warned, _: datetime) -> Entry:
    return replace(entry, warnings=(*entry.warnings, one_line(event.text)))


_FOLDS: Mapping[type, Callable[[Entry, Any, datetime], Entry]] = {
    e.StepBegan: _began,
    e.StepDone: _done,
    e.StepFailed: _failed,
    e.ResourceCreated: _created,
    e.FreezeEnded: _thawed,
    e.CleanUpBegan: _cleaning,
    e.CleanUpItem: _item,
    e.Released: _released,
    e.RolledBack: _rolled_back,
    e.Warned: _warned,
}
