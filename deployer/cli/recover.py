"""The command line of the deployer: `recover`."""

from __future__ import annotations

import click

from deployer.cli.shared import DESPITE_NAME, SERVICE, confirmation, staged, vouched
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit


@click.command(
    epilog=epilog(
        """deployer recover shop
        deployer recover shop --yes
        deployer recover shop --end-lease
        deployer recover shop --replace shop/20261123T031502Z-7kq2m
        deployer recover shop --database shop_production""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@SERVICE
@click.option(
    "--database", metavar="NAME", help="Rewrite the memory of this database, not the ledger."
)
@click.option(
    "--end-lease", is_flag=True, help="End a lease that still runs, because its deployer is dead."
)
@click.option(
    "--nobody-live", is_flag=True, help="The service is closed: its A record is gone for good."
)
@click.option(
    "--replace",
    default="",
    metavar="ID",
    help="Deploy labelled live that is to become a previous one.",
)
@DESPITE_NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def recover(
    asked: CliContext,
    service: str,
    *,
    database: str | None,
    end_lease: bool,
    nobody_live: bool,
    replace: str,
    despite: tuple[str, ...],
    yes: bool,
) -> None:
    """Write a lost ledger anew, from the labels.

    Also one that contradicts what is there. Everything is shown before it is written. With
    --database, say that this database is the service's after it was restored, renamed or copied.
    """
    if database is not None:
        _recover_database(asked, service, database, yes=yes)
        return
    with staged(asked, service, records="recover") as stage:
        from deployer.commands.recover.command import Word
        from deployer.commands.recover.command import recover as mend
        from deployer.output.status import recovery_json, recovery_lines

        agreed = confirmation(asked, recovery_lines, "Write this ledger?", yes=yes)
        word = Word(end_lease, nobody_live, replace)
        done = mend(vouched(stage.ports, despite), agreed, word)
        stage.answer(
            "deployer.recover/1", recovery_json(done), lambda: "\n".join(recovery_lines(done))
        )


def _recover_database(asked: CliContext, service: str, name: str, *, yes: bool) -> None:
    with staged(asked, service, records="recover") as stage:
        from deployer.commands.recover.database import recover_database
        from deployer.output.recover_database import as_json, lines

        agreed = confirmation(asked, lines, "Write this memory?", yes=yes)
        done = recover_database(stage.ports, name, agreed)
        stage.answer("deployer.recover-database/1", as_json(done), lambda: "\n".join(lines(done)))
