"""How a rehearsal went: as text, as JSON. Pure."""

from __future__ import annotations

from typing import Any

from deployer.commands.rehearse import Rehearsal
from reconciler.util.humanize import aligned, span


def rehearsal_json(done: Rehearsal) -> dict[str, Any]:
    """For other tools; `freeze_seconds` is null where a release would refuse no write."""
    return {
        "service": done.service,
        "deploy": done.deploy,
        "release": done.release,
        "was": done.was,
        "steps": {step: round(seconds, 3) for step, seconds in done.seconds.items()},
        "freeze_seconds": None if done.frozen is None else round(done.frozen, 3),
        "schema": done.schema,
        "notes": list(done.notes),
        "kept": done.kept,
    }


def rehearsal_lines(done: Rehearsal) -> list[str]:
    """What took how long, what a release would cost its users, and the next command."""
    was = f", in place of {done.was}" if done.was else ""
    lines = [f"Rehearsed: {done.service} {done.release}{was}; nothing went live"]
    rows = [(f"  {step}", span(seconds)) for step, seconds in done.seconds.items()]
    lines += aligned(rows, {1})
    if done.frozen is not None:
        lines.append(f"A release would refuse writes for about {span(done.frozen)}")
    if done.schema:
        lines.append(f"Migrated: {done.schema}")
    lines += [f"! {note}" for note in done.notes]
    if done.kept:
        lines.append(f"Kept to be looked at     deployer status {done.service}")
    lines.append(f"To release it            deployer up {done.service}")
    return lines
