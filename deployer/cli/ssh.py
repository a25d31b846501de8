"""`deployer ssh`."""

from __future__ import annotations

import shlex

import click

from reconciler.cli.shared import CliContext, common, epilog, pass_asked, service_names
from reconciler.exit_codes import Exit


@click.command(
    epilog=epilog(
        """deployer ssh shop
        deployer ssh shop -- systemctl status shop
        deployer ssh shop --machine i-0a17be44 -- 'journalctl -u shop -n 50'
        deployer ssh shop/20261123T031502Z-7kq2m""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    ),
)
@click.argument("service", metavar="SERVICE|ID", shell_complete=service_names)
@click.argument("command", nargs=-1, metavar="[-- COMMAND…]")
@click.option("--machine", default="", metavar="i-…", help="Which machine, if it has several.")
@common
@pass_asked
def ssh(asked: CliContext, service: str, command: tuple[str, ...], *, machine: str) -> int:
    """Log in on a machine, or run COMMAND there.

    On the live machine, or on one of the release ID: also of a failed one that is kept. By the way
    of [ssh], with the pinned host key. One word is a line of shell; several are a command with its
    arguments. The exit code is COMMAND's; 255 where a signal or the connection ended it.
    """
    from deployer.commands.ssh import ssh as log_in
    from deployer.wiring import wired
    from reconciler.model.deploy_id import DeployId
    from reconciler.util import log

    log.set_up(verbose=asked.verbose)
    deploy = DeployId.maybe(service)
    ports = wired(asked.settings(), deploy.service if deploy else service)
    line = command[0] if len(command) == 1 else shlex.join(command)
    return log_in(ports, deploy, machine, line)
