"""The preview of a release, as text and as JSON. Pure."""

from __future__ import annotations

from typing import Any

from deployer.release.preview import Preview
from reconciler.util import humanize


def preview_lines(one: Preview) -> list[str]:
    """The planned steps, the inferred values with their origin; last, any refusal with its cure."""
    was = f" (live: {one.was})" if one.was else " (a first release)"
    lines = [f"{one.service}{was}, as {one.deploy} or the like"]
    lines += [f"  {step:<9} {humanize.one_line(text)}" for step, text in one.steps]
    if one.values:
        lines.append("inferred")
    lines += [f"  {v.name:<9} {v.value or '(none)':<28} {v.origin}" for v in one.values]
    lines += [f"! {humanize.one_line(note)}" for note in one.notes]
    if one.refusal is None:
        return [*lines, f"To do it             deployer up {one.service}"]
    lines.append(f"It would be refused: {humanize.clean(one.refusal.message)}")
    lines += [f"    {line}" for line in humanize.clean(one.refusal.detail).splitlines()]
    return lines + one.refusal.cure.splitlines()


def preview_json(one: Preview) -> dict[str, Any]:
    """The same as an object."""
    refusal = one.refusal
    return {
        "service": one.service,
        "deploy": one.deploy,
        "was": one.was,
        "steps": [{"step": step, "text": text} for step, text in one.steps],
        "values": [{"name": v.name, "value": v.value, "origin": v.origin} for v in one.values],
        "dirt": list(one.dirt),
        "notes": list(one.notes),
        "refusal": refusal
        and {"message": refusal.message, "detail": refusal.detail, "cure": refusal.cure},
    }
