"""`deployer rehearse`: a release that is tried and undone."""

from __future__ import annotations

from datetime import timedelta

import click

from deployer.cli.shared import SERVICE, staged
from reconciler.cli.shared import DURATION, CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit


@click.command(
    epilog=epilog(
        """deployer rehearse shop
        deployer rehearse shop --ref v1.5.0 --keep 2h
        deployer rehearse shop --schema-only""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@SERVICE
@click.option(
    "--ref", default="HEAD", show_default=True, help="Git ref to rehearse: a branch, tag or commit."
)
@click.option("--schema-only", is_flag=True, help="Only try a copy of the database without rows.")
@click.option("--keep", type=DURATION, help="Leave what was made for DURATION, to look at it.")
@click.option(
    "--despite",
    multiple=True,
    metavar="ID|NAME",
    help="Ignore this leftover, DNS name, unit or silent machine.",
)
@common
@pass_asked
def rehearse(
    asked: CliContext,
    service: str,
    *,
    ref: str,
    schema_only: bool,
    keep: timedelta | None,
    despite: tuple[str, ...],
) -> None:
    """Try a release of SERVICE: everything except freeze and cutover, then undone.

    Live goes on as it is. It says how long each step took and how long writes would be refused. A
    release that begins meanwhile ends the rehearsal.
    """
    with staged(asked, service) as stage:
        from deployer.commands.rehearse import RehearsalOptions
        from deployer.commands.rehearse import rehearse as rehearsal
        from deployer.output.preview import rehearsal_json, rehearsal_lines

        options = RehearsalOptions(ref, schema_only, keep, frozenset(despite))
        done = rehearsal(stage.ports, options, stage.emit)
        stage.answer(rehearsal_json(done), lambda: "\n".join(rehearsal_lines(done)))
