"""`reconciler inventory` and `reconciler ledgers`: the first map of a run, and what follows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli.main import connected
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.errors import ConfigError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.sweep.scopes.run_files import RunFiles

RUN = click.option("--run", "place", metavar="DIR|s3://…", required=True, help="Folder of the run.")
_CODES = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.DIRT, Exit.ACCESS)


def run_files(place: str) -> RunFiles:
    """The files of the run in that folder, which has a name. Raises ConfigError."""
    from reconciler.sweep.scopes.run_files import RunFiles
    from reconciler.wiring.scopes.run_place import open_place

    name = place.rstrip("/").rpartition("/")[2]
    if not name or name.endswith(":") or name in (".", ".."):
        raise ConfigError("--run wants a folder with a name of its own, such as runs/today")
    return RunFiles(open_place(place), name)


@click.command(
    epilog=epilog("reconciler inventory --scope 123456789012/eu-west-1 --run runs/today", _CODES)
)
@click.option("--scope", metavar="ACCOUNT/REGION", required=True, help="Account and region.")
@RUN
@common
@pass_asked
def inventory(asked: CliContext, scope: str, place: str) -> int:
    """Read the inventory of one scope of a run.

    The first of the two maps (docs/scale.md): the tag index alone; nothing is described or changed.
    """
    from reconciler.sweep.scopes.cell import scope_of
    from reconciler.sweep.scopes.inventory_file import ScopeInventory

    files = run_files(place)
    settings, edges = connected(asked)
    cell = scope_of(settings, scope)
    began = datetime.now(UTC)
    index = edges.heap(cell.place).tag_summary()
    files.put_inventory(ScopeInventory(began, index))
    count = sum(len(ids) for ids in index.groups.values())
    gaps = [gap.reason for gap in index.gaps]
    answer = {"scope": str(cell), "resources": count, "gaps": gaps}
    asked.answer(
        "reconciler.inventory/1", answer, lambda: "\n".join([f"{cell}: {count} resources", *gaps])
    )
    return Exit.DIRT if gaps else Exit.DONE


@click.command(epilog=epilog("reconciler ledgers --run runs/today", _CODES))
@RUN
@common
@pass_asked
def ledgers(asked: CliContext, place: str) -> int:
    """Read the ledgers of a run, once, between its two maps.

    A scope whose inventory is not there yet is left to the next run.
    """
    from reconciler.util import humanize
    from reconciler.wiring.scopes.ledger_freeze import ZONE_RATE, freeze

    files = run_files(place)
    _, edges = connected(asked)
    edges.zone_rate = ZONE_RATE
    found = freeze(files, edges)
    answer = {
        "scopes": len(found.scopes),
        "missing": list(found.missing),
        "unread": list(found.lost),
        "calls": found.calls,
    }
    scopes, calls = humanize.count(len(found.scopes), "scope"), humanize.count(found.calls, "call")
    lines = [f"the ledgers of {scopes} in {calls}"]
    lines += [f"no inventory: {scope}" for scope in found.missing]
    lines += [f"ledger not read: {name}" for name in found.lost]
    asked.answer("reconciler.ledgers/1", answer, lambda: "\n".join(lines))
    return Exit.DIRT if found.missing or found.lost else Exit.DONE
