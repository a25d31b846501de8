"""What happened to a service, as events: from the journal's entries. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.model.journal import entry as j
from reconciler.model.journal.entry import Entry
from reconciler.util import humanize

_WORDS = {
    "adopt": "adopted",
    "abort": "aborted",
    "recover": "recovered",
    "thaw": "thawed",
    "move": "moved",
    "leave": "left",
    "retire": "retired",
    "traffic": "traffic led",
    "pause": "paused",
    "resume": "resumed",
}
"""What a finished command is called, but for releases, rollbacks and sweeps."""


@dataclass(frozen=True)
class HistoryEvent:
    """One event. `deploy`: the release that it is about; `lines`: what else is known."""

    at: datetime
    word: str
    what: str
    by: str = ""
    deploy: str = ""
    lines: tuple[str, ...] = ()


def events(entries: Sequence[Entry], holder: str = "") -> list[HistoryEvent]:
    """The events, newest first. `holder` has the lease now: it is still at work."""
    ends = _ends(entries)
    found = (_event(entry, holder, ends.get(str(entry.id), "")) for entry in entries)
    return sorted(found, key=lambda event: event.at, reverse=True)


def _ends(entries: Iterable[Entry]) -> Mapping[str, str]:
    """How the lease of an operation ended that wrote no end itself, by its id."""
    found = {}
    for entry in entries:
        when = f"{entry.ended or entry.began:%Y-%m-%d %H:%M}"
        if entry.kind == "abort" and entry.deploy:
            found[entry.deploy] = f"aborted by {entry.by} at {when}"
        elif entry.kind == j.SWEEP:
            cleaned = {*entry.ended_leases, *(one.deploy for one in entry.removed)}
            for id_ in cleaned:
                found.setdefault(id_, f"cleaned up by a sweep of {entry.by} at {when}")
    return found


def _event(entry: Entry, holder: str, end: str) -> HistoryEvent:
    make = _MAKERS.get(entry.kind, _command)
    word, what, lines = make(entry, str(entry.id) == holder, end)
    lines = tuple(map(humanize.one_line, lines))
    return HistoryEvent(
        entry.ended or entry.began,
        word,
        humanize.one_line(what),
        humanize.one_line(entry.by),
        entry.deploy,
        lines,
    )


_Made = tuple[str, str, Iterable[str]]


def _release(entry: Entry, at_work: bool, end: str) -> _Made:
    name = entry.release or entry.deploy
    if entry.outcome in (j.RELEASED, j.UNFINISHED):
        return "released", f"{name}{_took(entry)}", _after(entry)
    if entry.outcome == j.RUNNING:
        return _without_end(at_work, end, f"{name} in {entry.step or 'guard'}")
    removed = humanize.counts(Counter(one.kind for one in entry.removed))
    left = [one for one in entry.resources if one.fate == j.LEFT]
    lines = [entry.why, *([f"removed: {removed}"] if removed else [])]
    lines += [f"not removed: {one.kind} {one.id} {one.text}".strip() for one in left]
    return "failed", f"{name} in {entry.step or 'guard'}{_took(entry)}", lines


def _rehearsal(entry: Entry, at_work: bool, end: str) -> _Made:
    name = entry.release or entry.deploy
    if entry.outcome == j.RUNNING:
        return _without_end(at_work, end, f"rehearsal of {name} in {entry.step or 'guard'}")
    if entry.outcome == j.DONE:
        frozen = entry.frozen_seconds
        would = f"a release would refuse writes for about {humanize.elapsed(frozen or 0)}"
        return "rehearsed", f"{name}{_took(entry)}", [would] if frozen is not None else ()
    return "failed", f"rehearsal of {name} in {entry.step or 'guard'}{_took(entry)}", [entry.why]


def _rollback(entry: Entry, at_work: bool, end: str) -> _Made:
    what = f"from {entry.was} to {entry.release}"
    if entry.outcome in (j.ROLLED_BACK, j.UNFINISHED):
        lost = [f"left behind: {entry.lost}"] if entry.lost else []
        return "rolled back", f"{what}{_took(entry)}", [*lost, *_after(entry)]
    if entry.outcome == j.RUNNING:
        return _without_end(at_work, end, f"rollback {what} in {entry.step}")
    return "failed", f"rollback {what} in {entry.step}", [entry.why]


def _without_end(at_work: bool, end: str, what: str) -> _Made:
    if at_work:
        return "at work", what, []
    return "died", what, [end or "no end was written; nothing tells who cleaned it up"]


def _sweep(entry: Entry, at_work: bool, end: str) -> _Made:  # noqa: ARG001  one form for all
    counts = humanize.counts(Counter(one.kind for one in entry.removed))
    saves = f": saves {humanize.hourly(entry.per_hour)}" if entry.removed else ""
    lines = [f"ended the lease of {id_}" for id_ in entry.ended_leases]
    lines += [f"forgot {id_}" for id_ in entry.forgotten]
    lines += [entry.why, *entry.detail.splitlines()] if entry.why else []
    return "swept", f"{counts or 'nothing deleted'}{saves}", lines


def _command(entry: Entry, at_work: bool, end: str) -> _Made:  # noqa: ARG001
    word = _WORDS.get(entry.kind, entry.kind)
    removed = humanize.counts(Counter(one.kind for one in entry.removed))
    lines = [entry.why] if entry.why else []
    return word, entry.deploy, [*lines, *([f"removed: {removed}"] if removed else [])]


_MAKERS: Mapping[str, Callable[[Entry, bool, str], _Made]] = {
    j.RELEASE: _release,
    j.ROLLBACK: _rollback,
    j.SWEEP: _sweep,
    j.REHEARSAL: _rehearsal,
}


def _took(entry: Entry) -> str:
    return f", in {humanize.elapsed(entry.seconds)}" if entry.seconds is not None else ""


def _after(entry: Entry) -> Iterator[str]:
    if entry.frozen_seconds is not None:
        yield f"writes were refused for {humanize.elapsed(entry.frozen_seconds)}"
    if entry.why:
        yield f"turned bad: {entry.why}"
    if entry.outcome == j.UNFINISHED:
        yield f"a follow-up failed: {entry.detail}"
