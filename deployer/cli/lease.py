"""The commands of the deployer about a lease, and about what it has shut: abort, thaw."""

from __future__ import annotations

import click

from deployer.cli.shared import SERVICE, answer_swept, outcome_teller, staged
from reconciler.cli.shared import CliContext, common, confirm, epilog, pass_asked
from reconciler.exit_codes import Exit


@click.command(
    epilog=epilog(
        """deployer abort shop
        deployer abort shop/20261123T031502Z-7kq2m --yes""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@click.argument("service", metavar="SERVICE|ID")
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
        return answer_swept(stage, stop(stage.ports, lease, outcome_teller(asked)))


@click.command(
    epilog=epilog(
        """deployer thaw shop
        deployer thaw shop --deployer-is-dead""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@SERVICE
@click.option(
    "--deployer-is-dead",
    is_flag=True,
    help="Confirm: the deployer is dead, no DNS change is pending.",
)
@common
@pass_asked
def thaw(asked: CliContext, service: str, *, deployer_is_dead: bool) -> None:
    """Let the live database take writes again."""
    with staged(asked, service, records="thaw", by_labels=True) as stage:
        from deployer.commands.thaw import thaw as reopen

        name = reopen(stage.ports, deployer_is_dead=deployer_is_dead)
        value = {"service": service, "database": name}
        stage.answer(value, lambda: f"{name} of {service} takes writes again")
