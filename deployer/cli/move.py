"""`deployer move`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE, confirmation, staged
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from deployer.commands.move.command import Move

MOVE_ENDS = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS)


@click.command(
    epilog=epilog(
        """deployer move shop
        deployer move shop --from-account 210987654321 --yes""",
        MOVE_ENDS,
    )
)
@SERVICE
@click.option("--from-account", default="", metavar="ID", help="Account of the old hosted zone.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def move(asked: CliContext, service: str, *, from_account: str, yes: bool) -> None:
    """Give SERVICE another record or hosted zone.

    The one that the configuration names now. The new name is made an A record of the live machines.
    The old name is left as it is: remove it when nobody uses it any more. An interrupted move is
    finished by the same command.
    """
    with staged(asked, service, records="move") as stage:
        from deployer.commands.move.command import move as carry

        agreed = confirmation(asked, _move_lines, "Move it?", yes=yes)
        done = carry(stage.ports, agreed, from_account)
        value = {"service": service, "record": done.home.record, "ledger": str(done.new.address)}
        stage.answer(
            "deployer.move/1",
            value | {"generation": done.ledger.gen},
            lambda: (
                f"{service} is at {done.home.record} now, its ledger at {done.new.address.name}\n"
                + _left_behind(done)
                + f"Is it well?          deployer status {service}"
            ),
        )


def _left_behind(done: Move) -> str:
    """Names of other zones are not checked, unless `witness_zones` lists them (rule 13)."""
    if not done.elsewhere:
        return ""
    old = done.old.address
    return (
        f"The next release leaves {old.record} behind. Remove it first; or, for releases to wait "
        f'until it is removed, say witness_zones = ["{old.zone}"] in services/{done.service}.toml\n'
    )


def _move_lines(wanted: Move) -> list[str]:
    old, was = wanted.old.address, wanted.was
    lines = [
        f"{wanted.service}: {wanted.live.id} is live at {', '.join(wanted.live.at)}",
        f"  record   {wanted.home.record}",
        f"  before   {was.record if was else 'not known: an older version wrote the ledger'}",
    ]
    if wanted.elsewhere:
        lines.append(f"  ledger   {old} is closed, {wanted.new.address} is made")
    return lines
