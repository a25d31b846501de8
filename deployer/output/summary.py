"""The result of a release in the same words everywhere: terminal, pipe, CI log. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from deployer import events as e
from deployer.output.board import Board
from reconciler.cost import estimate
from reconciler.util import humanize

WIDTH = 80


def released(event: e.Released) -> list[str]:
    """The summary after a release; contains only facts that the events confirm."""
    was = f" (was {event.was})" if event.was else ""
    facts = {
        "traffic": _traffic(event.addresses, event.old_answers_until),
        "writes": _writes(event.frozen_seconds),
        "schema": event.schema,
        "jobs": _jobs(event.jobs, event.was),
        "cost": _cost(event),
        "kept": _kept(event),
    }
    lines = [right(f"{event.service} is live on {event.release}{was}", event.seconds)]
    lines += _facts(facts) + _unfinished(event.service, event.unfinished)
    if event.was:
        lines.append(f"Back          deployer rollback {event.service}")
    return [*lines, f"Is it well?   deployer status {event.service}"]


def rolled_back(event: e.RolledBack) -> list[str]:
    """The summary after a rollback."""
    status = "is marked rejected, kept" if event.rejected else "is kept for rollback"
    facts = {
        "traffic": _traffic(event.addresses, event.old_answers_until),
        "kept": f"{event.was} {status}" if event.was else "",
        "lost": event.lost,
    }
    verb = "back" if event.rejected else "live"
    lines = [right(f"{event.service} is {verb} on {event.release}", event.seconds)]
    return lines + _facts(facts) + _unfinished(event.service, event.unfinished)


def failed(board: Board, message: str, detail: str) -> list[str]:
    """Why a release failed, in full, and the present state: what kept serving, what was removed.

    `message` and `detail` are those of the final error; where it is not the step's own failure (the
    clean-up failed too), both are shown, the step's first.
    """
    lines: list[str] = []
    failure = board.failure
    if failure is not None:
        lines += [
            f"✗ {failure.step}: {humanize.clean(failure.message)}",
            *humanize.indented(failure.detail),
        ]
    if failure is None or failure.message != message:
        lines += [humanize.clean(message), *humanize.indented(detail)]
    return lines + _stays(board) + removed(board)


def refused(board: Board, message: str, detail: str) -> list[str]:
    """Why the release was refused. A refusal is not a failure: its text is complete by itself."""
    return [*humanize.clean(message).splitlines(), *humanize.indented(detail), *removed(board)]


def _stays(board: Board) -> list[str]:
    """Only what the events have shown: live is untouched until the commit."""
    if board.removed is None or board.live or not board.was:
        return []
    served = ", which kept serving" if board.removed.served else ""
    lines = [f"{board.service} stays on {board.was}{served}."]
    if board.thawed is not None:
        lines.append(
            f"Writes were refused for {humanize.elapsed(board.thawed)} and are taken again."
        )
    return lines


def removed(board: Board) -> list[str]:
    """What the clean-up did, and every resource that it could not delete."""
    if board.removed is None:
        return []
    lines = _removed(board.service, board.removed)
    left = [event for event in board.undone if event.fate not in ("done", "gone")]
    if board.removed.left:
        lines.append(f"Left behind: {humanize.count(board.removed.left, 'resource')}.")
    return lines + [item(event) for event in left]


def _removed(service: str, done: e.CleanUpDone) -> list[str]:
    """What was removed; or, as evidence of the failure, what is kept, until when, for how much."""
    if done.kept_until is None:
        return [f"Removed: {humanize.counts(done.removed)}."]
    until = f"{done.kept_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    cost = humanize.hourly(done.kept_per_hour)
    return [
        f"Kept as evidence until {until}, for {cost}: {humanize.counts(done.kept)}.",
        f"To see it             deployer status {service}",
    ]


def time_left(board: Board, now: float) -> str:
    """How long it will go on, and by whose figures; '' where nothing is known, or it is over."""
    if board.undoing or board.failure or board.over:
        return ""
    left = board.left(now)
    if left is not None and board.expected is not None:
        return f"about {humanize.span(left)} left, as {board.expected.release} took"
    for row in board.running:
        if row.pace and row.pace.left is not None:
            rest = max(0.0, row.pace.left - (now - row.pace.at))
            return f"{row.step}: about {humanize.span(rest)} left at this pace"
    return ""


def undoing(board: Board) -> str:
    """What a clean-up does to what the release made."""
    return f"{'Keeping' if board.keeps else 'Removing'} what this release made"


def item(event: e.CleanUpItem) -> str:
    """One resource of a clean-up and its result."""
    why = f": {humanize.one_line(event.text)}" if event.text else ""
    return f"  {event.kind:<18} {event.id}  {event.fate}{why}"


def right(text: str, seconds: float, width: int = WIDTH) -> str:
    """`text`, with its duration at the right edge."""
    took = humanize.elapsed(seconds)
    return f"{text}{took:>{max(width - len(text), len(took) + 1)}}"


def _facts(facts: dict[str, str]) -> list[str]:
    return [f" {name:<9} {text}" for name, text in facts.items() if text]


def _traffic(addresses: tuple[str, ...], until: datetime | None) -> str:
    tail = f" · old answers may last until {until.astimezone(UTC):%H:%M:%S}" if until else ""
    return ", ".join(addresses) + tail


def _writes(seconds: float | None) -> str:
    if seconds is None:
        return ""
    length = humanize.elapsed(seconds)
    return f"were refused for {length}; clients with old DNS cannot write until then"


def _jobs(jobs: tuple[str, ...], was: str) -> str:
    tail = f", stopped on {was}" if was else ""
    return f"{', '.join(jobs)}: started here{tail}" if jobs else ""


def _cost(event: e.Released) -> str:
    return f"{event.release}: {_month(event.per_hour)}"


def _kept(event: e.Released) -> str:
    if not event.was:
        return ""
    parked = event.parked_per_hour
    tail = f", {humanize.money(_monthly(parked))} once parked" if parked is not None else ""
    return f"{event.was} for rollback: {_month(event.kept_per_hour)}{tail}"


def _month(hourly: float | None) -> str:
    if hourly is None:
        return "unknown"
    return f"{humanize.money(_monthly(hourly))} a month ({humanize.hourly(hourly)})"


def _monthly(hourly: float) -> Decimal:
    return estimate.monthly_of(hourly)


def _unfinished(service: str, unfinished: tuple[str, ...]) -> list[str]:
    if not unfinished:
        return []
    lines = [f" unfinished {humanize.one_line(text)}" for text in unfinished]
    return [*lines, f"To finish it  reconciler sweep --service {service}"]
