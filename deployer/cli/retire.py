"""`deployer retire`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import (
    DESPITE_NAME,
    SERVICE,
    answer_swept,
    confirmation,
    outcome_teller,
    staged,
    vouched,
)
from reconciler.cli.shared import DURATION, CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from deployer.commands.retire import Retirement


@click.command(
    epilog=epilog(
        """deployer retire shop --nobody-live shop/20261123T031502Z-7kq2m
        deployer retire shop --nobody-live shop/20261123T031502Z-7kq2m --delete-after 30d""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@SERVICE
@click.option("--nobody-live", required=True, metavar="ID", help="The deploy that is live now.")
@click.option("--delete-after", type=DURATION, help="Collect everything that served, that late.")
@DESPITE_NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def retire(
    asked: CliContext,
    service: str,
    *,
    nobody_live: str,
    delete_after: timedelta | None,
    despite: tuple[str, ...],
    yes: bool,
) -> int:
    """Close SERVICE: nobody is live any more.

    Its A record must have been removed, and every other name that leads there. Jobs stop and the
    database takes no more writes. All releases are kept as previous ones; with --delete-after they
    are deleted later, databases included. To open it again, make the A record again and run:
    deployer recover SERVICE
    """
    with staged(asked, service) as stage:
        from deployer.commands.retire import retire as close

        agreed = confirmation(asked, _retirement_lines, f"Close {service}?", yes=yes)
        ports = vouched(stage.ports, despite)
        result = close(ports, nobody_live, agreed, delete_after, outcome_teller(asked))
        return answer_swept(stage, result)


def _retirement_lines(wanted: Retirement) -> list[str]:
    until = wanted.until
    status = f"deleted after {until:%Y-%m-%d %H:%M} UTC, databases included" if until else "kept"
    return [f"{wanted.service}: {wanted.live.id} is live", f"  everything that served is {status}"]
