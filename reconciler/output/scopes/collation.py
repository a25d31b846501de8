"""Formats the joined results of all scopes. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.model.coverage import ReadStatus, all_read
from reconciler.output.coverage import completeness_lines, scope_json
from reconciler.sweep.scopes.collation import Collation, ScopeStatus
from reconciler.util import humanize


def collation_lines(found: Collation, *, verbose: bool = False) -> list[str]:
    """The scopes that are not clean, what was removed, and the completeness table.

    Of a thousand scopes only the rows that were not read are shown, unless more is asked for.
    """
    counts = ", ".join(f"{count} {status}" for status, count in found.counts.items() if count)
    lines = [f"{humanize.count(len(found.rows), 'scope')}: {counts or 'none'}"]
    for row in found.rows:
        if row.status is not ScopeStatus.CLEAN:
            why = humanize.one_line(row.why)
            lines.append(f"  {row.status.value:<8} {row.scope:<28} {why}".rstrip())
    lines += [f"  not configured any more: {scope}" for scope in found.unexpected]
    lines.append(f"Removed: {humanize.counts(found.removed)}.")
    lines += _table(found, verbose=verbose)
    lines += dict.fromkeys(row.cure for row in found.rows[:] if row.cure)
    state = "incomplete" if found.incomplete else "complete"
    lines.append(f"The run is {state}." if not found.clean else "The run is complete and clean.")
    return lines


def _table(found: Collation, *, verbose: bool) -> list[str]:
    reads = found.reads
    lines = completeness_lines(reads, verbose=verbose)
    if verbose or all_read(reads):
        return lines
    unread = [read for read in reads if read.status in (ReadStatus.FAILED, ReadStatus.SKIPPED)]
    return [lines[0], *completeness_lines(unread)[1:]]


def collation_json(found: Collation) -> dict[str, Any]:
    """The same as an object."""
    return {
        "complete": not found.incomplete,
        "clean": found.clean,
        "counts": dict(found.counts),
        "scopes": [
            {
                "scope": row.scope,
                "status": row.status.value,
                "why": row.why,
                "exit": row.result.exit if row.result else None,
                "calls": row.result.calls if row.result else 0,
            }
            for row in found.rows
        ],
        "unexpected": list(found.unexpected),
        "removed": dict(found.removed),
        "calls": found.calls,
        "completeness": scope_json(found.reads, ())["completeness"],
    }
