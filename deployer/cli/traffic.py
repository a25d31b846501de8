"""`deployer traffic`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE, confirmation, staged
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from deployer.commands.traffic import TrafficState
    from deployer.output.command_answers import TrafficAnswer


@click.command(
    epilog=epilog(
        """deployer traffic shop
        deployer traffic shop --follow
        deployer traffic shop --follow --yes""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@SERVICE
@click.option("--follow", is_flag=True, help="Give all requests to the live release.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def traffic(asked: CliContext, service: str, *, follow: bool, yes: bool) -> None:
    """What leads to SERVICE behind a load balancer.

    With --follow: give all requests to the live release.

    After a release nothing moves traffic but people, and this command.
    """
    with staged(asked, service, records="traffic" if follow else "") as stage:
        from deployer.commands.traffic import follow as move
        from deployer.commands.traffic import show

        ask = confirmation(asked, _lines, "Give all requests to the live release?", yes=yes)
        found = move(stage.ports, ask) if follow else show(stage.ports)
        stage.answer("deployer.traffic/1", _json(found), lambda: "\n".join(_lines(found)))


def _lines(found: TrafficState) -> list[str]:
    changes = [f"  → {change.group} gets all requests" for change in found.changes]
    return [
        f"{found.service}: {found.live or 'nobody'} is live",
        *(f"  {route}" for route in found.routes.routes),
        *changes,
        *([f"To do so              deployer traffic {found.service} --follow"] if changes else []),
    ]


def _json(found: TrafficState) -> TrafficAnswer:
    return {
        "service": found.service,
        "live": str(found.live) if found.live else None,
        "routes": [
            {
                "arn": route.arn,
                "odd": route.odd,
                "groups": {share.group: share.weight for share in route.shares},
            }
            for route in found.routes.routes
        ],
        "follows": not found.changes,
    }
