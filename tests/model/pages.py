"""What the models found, as text for docs/: tables between markers, and pictures of the traces.

A picture has a column for everybody who acts, and time runs down. It is drawn from the trace that
the explorer found, so it can neither be wrong nor grow old unnoticed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from tests.model.bounds import Bound
from tests.model.explorer import Report
from tests.model.measuring import Run
from tests.model.mutations import Mutation

WIDTH = 27
"""Of a column, in characters."""

WHO = {
    "first": "deployer `first`",
    "second": "deployer `second`",
    "back": "rollback `back`",
    "forth": "rollback `forth`",
    "abort": "operator's abort",
    "client": "clients",
}
ROW = "| scenario | `make test` | `make model` | states there are | steps | seconds | MB |"
COLUMNS = ROW.count("|") - 1


def between(page: str, name: str, text: str) -> str:
    """The page with another text in the section of this name. Raises ValueError if it has none."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in page or end not in page:
        raise ValueError(f"the page has no section {name!r}")
    head, rest = page.split(begin, 1)
    return f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}"


def section(page: str, name: str) -> str:
    """The text that stands in a section."""
    found = re.search(rf"<!-- begin {name} -->\n(.*?)\n<!-- end {name} -->", page, re.DOTALL)
    if found is None:
        raise ValueError(f"the page has no section {name!r}")
    return found[1]


# --- bounds ----------------------------------------------------------------------------------


def bounds_row(run: Run) -> str:
    """A row of the table of bounds, as measured."""
    there = f"{run.report.states:,}" if run.report.complete else "–"
    measured = f"{run.report.steps:,} | {run.seconds:.0f} | {run.megabytes}"
    return f"{timeless(run.bound)} {there} | {measured} |"


def timeless(bound: Bound) -> str:
    """The part of a row that is no measurement: what the committed page must begin its row with."""
    return f"| {bound.scenario.name} | {bound.test:,} | {bound.model:,} |"


def bounds_table(bounds: Iterable[Bound], run: Run, old: str) -> str:
    """The table with this run's row; those of other scenarios stay as they were."""
    rows = {_name(row): row for row in old.splitlines()}
    rows[run.bound.scenario.name] = bounds_row(run)
    lines = [ROW, "|" + "---|" * COLUMNS]
    for bound in bounds:
        unknown = f"{timeless(bound)} {'– | ' * (COLUMNS - 3)}".rstrip()
        lines.append(rows.get(bound.scenario.name, unknown))
    return "\n".join([*lines, _sum(lines[2:])])


def _name(row: str) -> str:
    return row.split("|")[1].strip() if row.count("|") > 1 else ""


def _sum(rows: list[str]) -> str:
    cells = [[cell.strip().replace(",", "") for cell in row.split("|")] for row in rows]
    steps, seconds = (sum(int(row[n]) for row in cells if row[n].isdigit()) for n in (5, 6))
    most = max((int(row[7]) for row in cells if row[7].isdigit()), default=0)
    return f"| **in all** | | | | {steps:,} | {seconds} | at most {most} |"


# --- mutations -------------------------------------------------------------------------------


def mutations_table(found: Iterable[tuple[Mutation, Report]]) -> str:
    """What each guard is good for: what the model says without it, and after how many steps."""
    lines = [
        "| without this guard | in the scenario | the model says | steps |",
        "|---|---|---|---|",
    ]
    for mutation, report in found:
        link = f"[{mutation.name}](protocol-traces.md#{_anchor(mutation)})"
        lines.append(
            f"| {link} | {mutation.where.name} | {report.complaint} | {len(report.trace)} |"
        )
    return "\n".join(lines)


def _anchor(mutation: Mutation) -> str:
    return re.sub(r"[^a-z0-9 -]", "", mutation.name.lower()).replace(" ", "-")


def chapter(mutation: Mutation, report: Report) -> str:
    """A mutation's own chapter: its name, where it was tried, and the picture."""
    where = (
        f"{mutation.where.name}; {len(report.trace)} steps, found after {report.states:,} states"
    )
    return f"## {mutation.name}\n\nScenario: {where}.\n\n{picture(report)}"


def picture(report: Report) -> str:
    """The shortest trace as an indented block: a column for everybody, time runs down."""
    steps = [step.partition(": ")[::2] for step in report.trace]
    names = list(dict.fromkeys(who for who, _ in steps))
    lines = [_line([WHO.get(one, one) for one in names])]
    lines += [
        _line([said if one == who else "|" for one in names])
        for who, what in steps
        for said in textwrap.wrap(what, WIDTH - 2)
    ]
    lines += ["", *textwrap.wrap(f"=> {report.complaint}", 90)]
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _line(cells: list[str]) -> str:
    return "".join(cell.ljust(WIDTH) for cell in cells)
