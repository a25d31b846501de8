"""The preview of a release, as text and as JSON. Pure."""

from __future__ import annotations

from deployer.output.answers import ReleasePlanAnswer
from deployer.release.preview import Preview
from reconciler.util import humanize


def preview_lines(preview: Preview) -> list[str]:
    """The planned steps, the inferred values with their origin; last, any refusal with its cure."""
    was = f" (live: {preview.was})" if preview.was else " (a first release)"
    lines = [f"{preview.service}{was}, deploy id, e.g. {preview.deploy}"]
    lines += [f"  {step:<9} {humanize.one_line(text)}" for step, text in preview.steps]
    if preview.values:
        lines.append("inferred")
    lines += [f"  {v.name:<9} {v.value or '(none)':<28} {v.origin}" for v in preview.values]
    for title, rows in (
        ("code", preview.code),
        ("costs", preview.costs),
        ("time", preview.times),
    ):
        lines += [title, *(f"  {_row(row)}" for row in rows)] if rows else []
    lines += [f"! {humanize.one_line(note)}" for note in preview.notes]
    if preview.refusal is None:
        ref = "" if preview.ref == "HEAD" else f" --ref {preview.ref}"
        return [*lines, f"To do it             deployer up {preview.service}{ref}"]
    lines.append(f"It would be refused: {humanize.clean(preview.refusal.message)}")
    lines += humanize.indented(preview.refusal.detail)
    return lines + preview.refusal.cure.splitlines()


def _row(text: str) -> str:
    """On one line, with the blanks between a label and its command."""
    return " ".join(humanize.clean(text).splitlines())


def preview_json(preview: Preview) -> ReleasePlanAnswer:
    """The same as an object."""
    refusal = preview.refusal
    return {
        "service": preview.service,
        "deploy": preview.deploy,
        "was": preview.was,
        "steps": [{"step": step, "text": text} for step, text in preview.steps],
        "values": [{"name": v.name, "value": v.value, "origin": v.origin} for v in preview.values],
        "dirt": list(preview.dirt),
        "notes": list(preview.notes),
        "code": list(preview.code),
        "costs": list(preview.costs),
        "times": list(preview.times),
        "refusal": {"message": refusal.message, "detail": refusal.detail, "cure": refusal.cure}
        if refusal
        else None,
    }
