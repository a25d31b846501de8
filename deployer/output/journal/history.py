"""The history of a service as text and as JSON: from its ledger, and from its journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.commands.status import DeployLine, ServiceStatus
from deployer.output.answers import EventAnswer, EventsAnswer
from deployer.output.status import unknown_cure
from deployer.output.verdict import release_of
from reconciler.model import tags as t
from reconciler.model.journal.entry import RELEASE
from reconciler.model.journal.history import HistoryEvent, events
from reconciler.model.ledger import expired
from reconciler.output.ledger import iso
from reconciler.ports.journal.reader import Journal
from reconciler.util import humanize

LEDGER_ALONE = (
    "From the ledger alone: what failed, was aborted or was forgotten is not told. A journal\n"
    "would: journal in reconciler.toml (docs/journal.md)"
)


def history_events(status: ServiceStatus, journal: Journal | None) -> list[HistoryEvent]:
    """What happened, newest first. The journal's word counts where both tell of the same."""
    entries = journal.entries if journal else ()
    lease = status.lease
    holder = str(lease.id) if lease and not expired(lease, status.now) else ""
    told = {entry.deploy for entry in entries if entry.kind in (RELEASE, "adopt", "pause")}
    told |= {str(entry.id) for entry in entries}
    left = {entry.was_deploy for entry in entries}
    known = [event for deploy in status.deploys for event in _of_ledger(deploy, told, left, holder)]
    found = [*events(entries, holder), *known]
    # Ids have whole seconds: who is at work began after everything else of the same second.
    return sorted(found, key=lambda event: (event.at, event.deploy == holder), reverse=True)


def _of_ledger(
    deploy: DeployLine, told: set[str], left: set[str], holder: str
) -> Iterator[HistoryEvent]:
    """What the ledger and the tags tell of one release, as far as nothing else does."""
    id_, name, by = str(deploy.id), release_of(deploy), humanize.one_line(deploy.by)
    if deploy.state == "rejected" and id_ not in left:
        yield HistoryEvent(deploy.since, "rolled back", f"from {name}", "", id_)
    if id_ in told:
        return
    if deploy.state == "paused":
        yield HistoryEvent(deploy.since, "paused", "", by, id_)
    elif deploy.state == "releasing":
        yield HistoryEvent(deploy.since, "at work" if id_ == holder else "died", name, by, id_)
    elif deploy.state == "kept":
        yield HistoryEvent(deploy.since, "failed", name, by, id_, ("kept as evidence",))
    else:
        held = {machine.tags.get(t.HOLD) for machine in deploy.machines}
        word = "adopted" if t.HELD_BY_ADOPTION in held else "released"
        live = deploy.went_live
        lines = () if live else ("born then; when it went live is not in the ledger any more",)
        adopted = word == "adopted"
        at = live if live and not adopted else deploy.id.born
        yield HistoryEvent(at, word, name, by, id_, () if adopted else lines)


def history_lines(status: ServiceStatus, journal: Journal | None = None) -> list[str]:
    """Every event, newest first, then how to go back, and where this was read."""
    if status.problem:
        problem = humanize.one_line(status.problem)
        return [f"the releases of {status.service} are unknown: {problem}", unknown_cure(status)]
    found = history_events(status, journal)
    states = {str(deploy.id): deploy.state for deploy in status.deploys}
    lines = [line for event in found for line in _lines(event, states)]
    if not found:
        lines.append(f"{status.service} has no releases yet")
    if any(deploy.state == "previous" for deploy in status.deploys):
        lines.append(f"To go back           deployer rollback {status.service}")
    if any(event.word in ("failed", "died") for event in found) and journal is not None:
        lines.append(f"To read why          deployer logs {status.service}")
    return [*lines, *_source(journal, found)]


def _lines(event: HistoryEvent, states: dict[str, str]) -> Iterator[str]:
    by = f"  by {event.by}" if event.by else ""
    yield f"{event.at:%Y-%m-%d %H:%M}  {event.word:<11}  {event.what}{by}".rstrip()
    state = states.get(event.deploy)
    if event.deploy and event.deploy != event.what:
        yield f"{'':<31}{event.deploy}{f'  {state}' if state else ''}"
    yield from (f"{'':<31}{line}" for line in event.lines if line)


def _source(journal: Journal | None, found: list[HistoryEvent]) -> Iterator[str]:
    """Which of the two has been read, and what of it could not be."""
    if journal is None:
        yield from LEDGER_ALONE.splitlines() if found else ()
        return
    yield from (f"! {humanize.one_line(problem)}" for problem in journal.problems)
    if journal.problems and not journal.entries:
        yield "From the ledger alone."
    elif found:
        older = f"; {journal.older} older entries are not shown" if journal.older else ""
        yield f"From the ledger and the journal{older}."


def history_json(status: ServiceStatus, journal: Journal | None) -> EventsAnswer:
    """The events, and where they were read, for programs."""
    return {
        "events": [_event(event) for event in history_events(status, journal)],
        "journal": journal is not None,
        "journal_problems": list(journal.problems) if journal else [],
    }


def _event(event: HistoryEvent) -> EventAnswer:
    return {
        "at": iso(event.at),
        "word": event.word,
        "what": event.what,
        "by": event.by,
        "deploy": event.deploy,
        "lines": list(event.lines),
    }
