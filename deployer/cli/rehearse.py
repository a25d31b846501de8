"""`deployer rehearse`: a release that is tried and undone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE, staged
from reconciler.cli.shared import DURATION, CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from deployer.commands.rehearse import Rehearsal
    from deployer.output.command_answers import RehearsalAnswer


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
    """Try a release of SERVICE, then undo it.

    Everything but freeze and cutover; live goes on as it is. It says how long each step took and
    how long writes would be refused. A release that begins meanwhile ends the rehearsal.
    """
    with staged(asked, service, records="rehearse", reads_ahead=True) as stage:
        from deployer.commands.rehearse import RehearsalOptions
        from deployer.commands.rehearse import rehearse as rehearsal

        options = RehearsalOptions(ref, schema_only, keep, frozenset(despite))
        done = rehearsal(stage.ports, options, stage.emit)
        stage.answer(
            "deployer.rehearse/1", rehearsal_json(done), lambda: "\n".join(rehearsal_lines(done))
        )


def rehearsal_json(done: Rehearsal) -> RehearsalAnswer:
    """For other tools; `freeze_seconds` is null where a release would refuse no write."""
    return {
        "service": done.service,
        "deploy": done.deploy,
        "release": done.release,
        "was": done.was,
        "steps": {step: round(seconds, 3) for step, seconds in done.seconds.items()},
        "freeze_seconds": None if done.frozen is None else round(done.frozen, 3),
        "migrations": done.schema,
        "notes": list(done.notes),
        "kept": done.kept,
    }


def rehearsal_lines(done: Rehearsal) -> list[str]:
    """What took how long, what a release would cost its users, and the next command."""
    from reconciler.util.humanize import aligned, span

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
