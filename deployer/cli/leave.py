"""`deployer leave`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE, confirmation, outcome_teller, staged
from reconciler.cli.shared import DURATION, CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from deployer.commands.leave.command import Leaving, Parted
    from deployer.output.command_answers import LeaveAnswer

LEAVE_ENDS = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS)


@click.command(
    epilog=epilog(
        """deployer leave shop
        deployer leave shop --keep 7d
        deployer leave shop --despite shop-warmup --yes""",
        LEAVE_ENDS,
    )
)
@SERVICE
@click.option(
    "--keep",
    type=DURATION,
    default="24h",
    show_default=True,
    help="Keep previous releases for DURATION.",
)
@click.option(
    "--despite", multiple=True, metavar="UNIT", help="A unit that need not start at boot."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def leave(
    asked: CliContext, service: str, *, keep: timedelta, despite: tuple[str, ...], yes: bool
) -> int:
    """Leave SERVICE running, without the deployer.

    What is live serves on, and is nobody's. The gate, our tags and holds, and the memory of the
    database are taken off it. Its units must be enabled, and it must pass the smoke checks before
    and after. Nothing of it is stopped or deleted, by no later sweep either. Previous releases
    become garbage once --keep has passed, and a sweep deletes them then. An interrupted run is
    finished by the same command.
    To bring the service back:
    deployer adopt SERVICE
    """
    with staged(asked, service, records="leave") as stage:
        from deployer.commands.leave.command import LeaveOptions
        from deployer.commands.leave.command import leave as part

        agreed = confirmation(asked, _lines, f"Leave with {service}?", yes=yes)
        options = LeaveOptions(keep, despite)
        done = part(stage.ports, agreed, options, outcome_teller(asked))
        code = Exit.DONE if done.result.clean else Exit.DIRT
        stage.answer("deployer.leave/1", _value(done), lambda: "\n".join(_answer(done)), code)
        stage.about = str(done.leaving.live.id)
        return code


def _lines(wanted: Leaving) -> list[str]:
    from reconciler.util import humanize

    ids = ", ".join(one.name or one.id for one in wanted.resources)
    lines = [
        f"{wanted.service}: {wanted.live.id} serves at {', '.join(wanted.live.at)}, and goes on",
        f"  nobody's  {ids or 'everything already'}",
    ]
    if wanted.until is not None:
        older = humanize.count(len(wanted.kept), "older release")
        lines.append(f"  deleted   {older}, databases included")
        lines.append(f"            by a sweep after {wanted.until:%Y-%m-%d %H:%M} UTC")
    return lines


def _value(done: Parted) -> LeaveAnswer:
    wanted = done.leaving
    return {
        "service": wanted.service,
        "left": str(wanted.live.id),
        "generation": wanted.new.gen,
        "resources": [one.name or one.id for one in wanted.resources],
        "kept": [str(one) for one in wanted.kept],
        "until": wanted.until.isoformat() if wanted.until else None,
        "checked": done.checked,
    }


def _answer(done: Parted) -> list[str]:
    wanted, service = done.leaving, done.leaving.service
    lines = [f"{service} has left: {wanted.live.id} serves on, and is nobody's"]
    if done.checked:
        lines.append(f"Checked with the gate off: {done.checked}")
    if wanted.until is not None:
        lines.append(
            f"After {wanted.until:%Y-%m-%d %H:%M} UTC, to delete the older releases:\n"
            f"                     reconciler sweep --service {service}"
        )
    if not done.result.clean:
        lines.append(f"Something remains    reconciler report --service {service}")
    lines.append(f"Then, for good       remove services/{service}.toml")
    lines.append(f"To bring it back     deployer adopt {service}")
    return lines
