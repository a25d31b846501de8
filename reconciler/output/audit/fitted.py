"""Tables that fit a terminal: columns are left out before a line is broken. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.util import humanize


def fitted(
    rows: Sequence[Sequence[str]],
    right: Sequence[int],
    optional: Sequence[int] = (),
    width: int | None = None,
) -> list[str]:
    """The rows in columns. Of the `optional` ones the first are left out until the rest fits.

    `width`: of the terminal; None for a file or a pipe, where every column stays.
    """
    out: set[int] = set()
    lines = humanize.aligned(rows, right)
    for column in optional:
        if width is None or max(map(len, lines), default=0) <= width:
            break
        out.add(column)
        kept = [n for n in range(len(rows[0])) if n not in out]
        cut = [[row[n] for n in kept] for row in rows]
        lines = humanize.aligned(cut, [kept.index(n) for n in right if n in kept])
    return lines
