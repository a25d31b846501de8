"""`deployer retire`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import (
    DESPITE_NAME,
    answer_swept,
    confirmation,
    outcome_teller,
    staged,
    vouched,
)
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
from reconciler.model.deploy_id import DeployId

if TYPE_CHECKING:
    from deployer.commands.retire import Retirement
    from reconciler.model.resource import Resource


@click.command(
    epilog=epilog(
        """deployer retire shop/20251123T031502Z-7kq2m
        deployer retire shop --nobody-live shop/20261123T031502Z-7kq2m
        deployer retire shop --nobody-live shop/20261123T031502Z-7kq2m --delete-after 30d""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@click.argument("service", metavar="SERVICE|ID", shell_complete=service_names)
@click.option("--nobody-live", metavar="ID", help="Deploy that is live now.")
@click.option("--delete-after", type=DURATION, help="Delete everything that served after DURATION.")
@DESPITE_NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def retire(
    asked: CliContext,
    service: str,
    *,
    nobody_live: str | None,
    delete_after: timedelta | None,
    despite: tuple[str, ...],
    yes: bool,
) -> int:
    """Close SERVICE; or let an adopted machine go.

    SERVICE: nobody is live any more. Its A record must have been removed, and every other name that
    leads there. Jobs stop and the database takes no more writes. All releases are kept as previous
    ones; with --delete-after they are deleted later, databases included. To open it again, make the
    A record again and run:
    deployer recover SERVICE

    ID, of an adopted release that the ledger does not name any more: our tags are taken off its
    machine, which runs on. No deploy made it, so you end it.
    """
    deploy = DeployId.maybe(service)
    if deploy is not None:
        return _let_go(asked, deploy, yes=yes)
    if nobody_live is None:
        raise click.UsageError("closing a service wants --nobody-live ID: see deployer status")
    with staged(asked, service, records="retire") as stage:
        from deployer.commands.retire import retire as close

        stage.about = nobody_live
        agreed = confirmation(asked, _retirement_lines, f"Close {service}?", yes=yes)
        ports = vouched(stage.ports, despite)
        result = close(ports, nobody_live, agreed, delete_after, outcome_teller(asked))
        return answer_swept(stage, "deployer.retire/1", result)


def _let_go(asked: CliContext, deploy: DeployId, *, yes: bool) -> int:
    with staged(asked, deploy.service, records="retire") as stage:
        from deployer.commands.retire import let_go

        def agreed(machine: Resource) -> None:
            confirm(f"Take our tags off {machine.id}, which runs on and stays yours?", yes=yes)

        machine = let_go(stage.ports, deploy, agreed)
        stage.answer(
            "deployer.retire-deploy/1",
            {"deploy": str(deploy), "instance": machine.id},
            lambda: (
                f"{machine.id} is nobody's now; it runs, and costs, until you end it\n"
                f"To end it            aws ec2 terminate-instances --instance-ids {machine.id}"
            ),
        )
    return Exit.DONE


def _retirement_lines(wanted: Retirement) -> list[str]:
    until = wanted.until
    status = f"deleted after {until:%Y-%m-%d %H:%M} UTC, databases included" if until else "kept"
    return [f"{wanted.service}: {wanted.live.id} is live", f"  everything that served is {status}"]
