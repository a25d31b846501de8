"""The commands of the deployer about a lease, and about what it has shut."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE, answer_swept, deploy_id, outcome_teller, staged
from reconciler.cli.shared import (
    DURATION,
    CliContext,
    common,
    confirm,
    epilog,
    pass_asked,
    service_names,
)
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.model.deploy_id import DeployId


@click.command(
    epilog=epilog(
        """deployer abort shop
        deployer abort shop/20261123T031502Z-7kq2m --yes""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@click.argument("service", metavar="SERVICE|ID", shell_complete=service_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def abort(asked: CliContext, service: str, *, yes: bool) -> int:
    """Stop the release under way and undo it."""
    from reconciler.model.deploy_id import DeployId

    deploy = DeployId.maybe(service)
    name = deploy.service if deploy else service
    with staged(asked, name, records="abort") as stage:
        from deployer.commands.abort import abort as stop
        from deployer.commands.abort import lease_to_abort

        _, lease = lease_to_abort(stage.ports, deploy)
        stage.about = str(lease.id)
        confirm(f"Stop {lease.id}, in `{lease.step}`, and remove what it made?", yes=yes)
        return answer_swept(
            stage, "deployer.abort/1", stop(stage.ports, lease, outcome_teller(asked))
        )


@click.command(
    epilog=epilog(
        """deployer thaw shop
        deployer thaw shop --deployer-is-dead
        deployer thaw shop --deployer-is-dead --not-moved shop/20261123T031502Z-7kq2m""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@SERVICE
@click.option(
    "--deployer-is-dead",
    is_flag=True,
    help="Confirm: the deployer is dead, no DNS change is pending.",
)
@click.option(
    "--not-moved",
    metavar="ID",
    callback=deploy_id,
    help="Confirm: clients are still led to the machines of ID.",
)
@common
@pass_asked
def thaw(
    asked: CliContext, service: str, *, deployer_is_dead: bool, not_moved: DeployId | None
) -> None:
    """Let the live database take writes again."""
    with staged(asked, service, records="thaw", by_labels=True) as stage:
        from deployer.commands.thaw import thaw as reopen

        name = reopen(stage.ports, deployer_is_dead=deployer_is_dead, not_moved=not_moved)
        value = {"service": service, "database": name}
        stage.answer("deployer.thaw/1", value, lambda: f"{name} of {service} takes writes again")


@click.command(
    epilog=epilog(
        """deployer pause shop --for 2h --reason 'the disk is being grown'
        deployer pause shop --for 30m --reason 'ticket 4711'""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@SERVICE
@click.option("--for", "length", type=DURATION, required=True, help="End the pause after DURATION.")
@click.option("--reason", required=True, help="Shown to whoever is refused meanwhile.")
@common
@pass_asked
def pause(asked: CliContext, service: str, *, length: timedelta, reason: str) -> None:
    """Let nobody release SERVICE for a while.

    You hold its lease: releases and rollbacks are refused, and sweeps change nothing that could be
    undone. The reason is a tag on the live machines. After --for, the next sweep ends the pause.
    To end it earlier:
    deployer resume SERVICE
    """
    with staged(asked, service, records="pause") as stage:
        from deployer.commands.pause import pause as take

        done = take(stage.ports, length, reason)
        stage.about, stage.why = str(done.id), reason
        until = f"{done.until:%Y-%m-%d %H:%M} UTC"
        untold = f"! nobody is told why: {done.untold}\n" if done.untold else ""
        value = {"service": service, "pause": str(done.id), "until": done.until.isoformat()}
        stage.answer(
            "deployer.pause/1",
            value | {"untold": done.untold},
            lambda: (
                f"{service} is paused until {until}\n{untold}"
                f"To end it            deployer resume {service}"
            ),
        )


@click.command(
    epilog=epilog(
        "deployer resume shop",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@SERVICE
@common
@pass_asked
def resume(asked: CliContext, service: str) -> None:
    """End the pause of SERVICE, whoever began it."""
    with staged(asked, service, records="resume") as stage:
        from deployer.commands.pause import resume as end

        lease = end(stage.ports)
        stage.about = str(lease.id)
        value = {"service": service, "pause": str(lease.id)}
        stage.answer("deployer.resume/1", value, lambda: f"{service} is not paused any more")
