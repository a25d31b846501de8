"""`reconciler collate`: joins the results of all scopes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli.main import connected
from reconciler.cli.scopes.listing import every_scope
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.errors import ConfigError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.ports.objects import Objects
    from reconciler.sweep.scopes.result import ScopeResult


@click.command(
    epilog=epilog(
        """reconciler collate results
        reconciler collate s3://my-company-sweeps/today --json""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.DIRT, Exit.ACCESS),
    )
)
@click.argument("place", metavar="DIR|s3://…")
@click.option("--report", metavar="FILE|s3://…", help="Write the report there too, as JSON.")
@common
@pass_asked
def collate(asked: CliContext, place: str, report: str | None) -> int:
    """Join the results of all scopes into one report.

    Reads every *.json in the folder. A scope of the configuration that has no result of the last 24
    hours is missing; as soon as one is missing or failed, the run is incomplete.
    """
    from reconciler.output.scopes.collation import collation_json, collation_lines
    from reconciler.sweep.scopes import collation
    from reconciler.wiring.scopes.run_place import open_file, open_place

    expected = [str(scope) for scope in every_scope(*connected(asked))]
    results, unreadable = _results(open_place(place))
    found = collation.collate(expected, results, datetime.now(UTC), place, unreadable)
    answer = collation_json(found)
    if report is not None:
        objects, name = open_file(report)
        objects.put(name, json.dumps(answer, ensure_ascii=False).encode())
    asked.answer(
        "reconciler.collate/1",
        answer,
        lambda: "\n".join(collation_lines(found, verbose=asked.verbose)),
    )
    return Exit.DONE if found.clean else Exit.DIRT


def _results(objects: Objects) -> tuple[list[ScopeResult], dict[str, str]]:
    """Every result in the folder, and the files that are none, each with why."""
    from reconciler.sweep.scopes import result
    from reconciler.util.concurrency import side_by_side

    keys = [key for key, _ in objects.versions("")]
    unreadable: dict[str, str] = {}

    def read(key: str) -> ScopeResult | None:
        found = objects.get(key)
        try:
            return result.decode(found.body if found is not None else b"")
        except ConfigError as error:
            unreadable[key] = error.message
            return None

    results = side_by_side(keys, read) if keys else []
    return [one for one in results if one is not None], unreadable
