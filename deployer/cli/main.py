"""The command line of the deployer: commands that change a service. They import lazily."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deployer.cli.lease import abort, pause, resume, thaw
from deployer.cli.leave import leave as leave_service
from deployer.cli.logs import logs
from deployer.cli.move import move
from deployer.cli.read_only import doctor, history, init, plan, status
from deployer.cli.recover import recover
from deployer.cli.rehearse import rehearse
from deployer.cli.retire import retire
from deployer.cli.shared import (
    SERVICE,
    confirmation,
    deploy_id,
    staged,
)
from deployer.cli.ssh import ssh
from deployer.cli.traffic import traffic
from reconciler.cli.lazy import Lazy
from reconciler.cli.shared import (
    DURATION,
    JOBS_DESPITE,
    CliContext,
    common,
    ended,
    epilog,
    pass_asked,
)
from reconciler.exit_codes import Exit
from reconciler.util.gc_tuning import leave

if TYPE_CHECKING:
    from deployer.commands.adopt import Adoption
    from reconciler.model.deploy_id import DeployId

_CHANGES = (
    Exit.DONE,
    Exit.FAILED,
    Exit.USAGE,
    Exit.REFUSED,
    Exit.DIRT,
    Exit.UNFINISHED,
    Exit.ACCESS,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        """deployer init shop           begin a configuration
        deployer adopt shop          bring what runs today under a ledger
        deployer up shop             release it
        deployer status shop         is it well?
        deployer rollback shop       back to the release before""",
        tuple(Exit),
    ),
)
@common
@click.version_option(package_name="deployer", message="%(prog)s %(version)s")
def cli() -> None:
    """Release a service onto EC2 by cloning the live machine, and never leak.

    Everything is made new, tried out, and only then given the traffic; whatever fails before that
    is undone. Ctrl-C undoes too, a second Ctrl-C leaves at once.
    """


@cli.command(
    epilog=epilog(
        """deployer up shop
        deployer up shop --ref v1.5.0 --wait 15m
        deployer up shop --sweep-first --keep-failed 2h
        deployer up shop --json | tee release.jsonl""",
        _CHANGES,
    )
)
@SERVICE
@click.option(
    "--ref", default="HEAD", show_default=True, help="Git ref to release: a branch, tag or commit."
)
@click.option("--sweep-first", is_flag=True, help="First remove the leftovers of dead releases.")
@click.option(
    "--despite",
    multiple=True,
    metavar="ID|NAME",
    help="Ignore this leftover, DNS name, unit or silent machine.",
)
@click.option(
    "--wait", type=DURATION, default="0s", help="Wait up to DURATION for a running release."
)
@click.option(
    "--keep-failed", type=DURATION, help="Keep a failed release's resources for DURATION."
)
@common
@pass_asked
def up(
    asked: CliContext,
    service: str,
    *,
    ref: str,
    sweep_first: bool,
    despite: tuple[str, ...],
    wait: timedelta,
    keep_failed: timedelta | None,
) -> None:
    """Release SERVICE."""
    with staged(asked, service, records="release", reads_ahead=True) as stage:
        from deployer.commands.bake import release
        from deployer.release.context import ReleaseOptions
        from reconciler.wiring.notifier_factory import teller

        options = ReleaseOptions(ref, sweep_first, frozenset(despite), wait, keep_failed)
        release(stage.ports, options, stage.emit, teller(asked.settings()))


@cli.command(
    epilog=epilog(
        """deployer rollback shop
        deployer rollback shop --discard-writes
        deployer rollback shop --to shop/20261123T031502Z-7kq2m""",
        _CHANGES,
    )
)
@SERVICE
@click.option(
    "--to",
    metavar="ID",
    callback=deploy_id,
    help="Previous deploy to go back to; default: the last good one.",
)
@click.option(
    "--discard-writes", is_flag=True, help="Go back without the rows written since the release."
)
@JOBS_DESPITE
@common
@pass_asked
def rollback(
    asked: CliContext,
    service: str,
    *,
    to: DeployId | None,
    discard_writes: bool,
    jobs_despite: tuple[str, ...],
) -> None:
    """Go back to the last good release."""
    with staged(asked, service, records="rollback", database_ahead=True) as stage:
        from deployer.commands.rollback.command import rollback as back

        managed = replace(stage.ports.managed, jobs_despite=frozenset(jobs_despite))
        ports = replace(stage.ports, managed=managed)
        back(ports, to, discard_writes=discard_writes, emit=stage.emit)


@cli.command(
    epilog=epilog(
        """deployer adopt shop
        deployer adopt shop --host-key SHA256:Q3Zx…
        deployer adopt shop --host-key "ssh-ed25519 AAAA…" --release v1.4.2 --yes
        deployer adopt shop --trust-shown-key --yes""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS),
    )
)
@SERVICE
@click.option(
    "--host-key",
    default="",
    metavar="KEY",
    help="SSH host key of the machine, or its SHA256: fingerprint.",
)
@click.option(
    "--trust-shown-key", is_flag=True, help="With --yes: pin the key that the machine shows."
)
@click.option("--release", default="", help="Name of the release that the machine runs.")
@click.option("--replace", default="", metavar="ID", help="Live deploy that the machine replaces.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@pass_asked
def adopt(
    asked: CliContext,
    /,
    service: str,
    *,
    host_key: str,
    trust_shown_key: bool,
    yes: bool,
    **options: str,
) -> None:
    """Bring what runs today under a ledger.

    The machine at SERVICE's record gets tags and a hold; nothing else of it changes.
    """
    with staged(asked, service, records="adopt") as stage:
        from deployer.commands.adopt import AdoptOptions, nobody_compared
        from deployer.commands.adopt import adopt as bring

        def agreed(adoption: Adoption) -> None:
            if yes and not (adoption.given or trust_shown_key):
                raise nobody_compared(adoption)
            confirmation(asked, _adoption, f"Adopt it as {service}?", yes=yes)(adoption)

        done = bring(stage.ports, agreed, AdoptOptions(host_key, **options))
        value = {"service": service, "deploy": str(done.deploy), "instance": done.instance.id}
        stage.answer(
            "deployer.adopt/1",
            value | {"addresses": list(done.at), "already": done.already},
            lambda: (
                f"{service} is under a ledger{' already' if done.already else ''}: {done.deploy}\n"
                f"To release it        deployer up {service}"
            ),
        )


def _adoption(adoption: Adoption) -> list[str]:
    proof = "given by you" if adoption.given else "as the machine shows it: compare it yourself"
    return [
        f"{adoption.instance.id} at {', '.join(adoption.at)}",
        f"  host key  {adoption.host_key.fingerprint}  ({proof})",
        f"  deploy    {adoption.deploy}",
        *([f"  replaces  {adoption.replaces.id}"] if adoption.replaces else []),
    ]


for command in (
    abort,
    thaw,
    pause,
    resume,
    move,
    recover,
    rehearse,
    retire,
    leave_service,
    traffic,
    status,
    history,
    logs,
    ssh,
    plan,
    doctor,
    init,
):
    cli.add_command(command)
cli.add_command(
    Lazy(
        "sandbox",
        "deployer.sandbox.cli:sandbox",
        "A private cloud on this machine, to try it.",
        extra="sandbox",
    )
)


def main() -> None:
    """Entry point of `deployer`."""
    leave(ended(cli))
