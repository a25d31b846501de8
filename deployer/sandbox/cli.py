"""`deployer sandbox …`: a private cloud on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from deployer.sandbox.control import environment as env
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import KINDS, POSTGRES_VERSIONS, RECORD, SHAPES, Options
from deployer.sandbox.control.state import user_directory
from deployer.sandbox.fault_cli import fault
from reconciler.cli.shared import CliContext, common, ended, pass_asked

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group()
def sandbox() -> None:
    """A private cloud on this machine: an AWS API, real small machines, a real PostgreSQL."""


def _directory(command: _F) -> _F:
    return click.option(
        "--dir",
        "directory",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the sandbox lives (else $SANDBOX_DIR, else a temporary directory).",
    )(command)


@sandbox.command()
@_directory
@click.option("--port", default=0, help="The AWS API's port; 0 takes any free one.")
@click.option("--empty", is_flag=True, help="A bare account with a database server.")
@click.option("--two-services", is_flag=True, help="A second service, blog, on the same database.")
@click.option(
    "--shape",
    type=click.Choice(SHAPES),
    default=RECORD,
    show_default=True,
    help="What a record names: the machine, its Elastic IP, or a balancer in front of it; "
    "`private…`: machines behind a bastion.",
)
@click.option(
    "--machines",
    type=click.Choice(KINDS),
    default=KINDS[0],
    help="`container` boots a real systemd, cloud-init and OpenSSH; needs root.",
)
@click.option(
    "--postgres",
    type=click.Choice(POSTGRES_VERSIONS),
    default=POSTGRES_VERSIONS[0],
    help="The version of the database server; the tools on the machines are of 18.",
)
def up(directory: Path | None, **wanted: Any) -> None:
    """Start it; harmless if it already runs."""
    one = Sandbox.at(directory)
    options = Options(**wanted)
    if options.machines == "container":
        _prepare_containers()
    fresh = one.up(options)
    click.echo(f"sandbox {'is up' if fresh else 'was up already'}: {one.endpoint}", err=True)
    click.echo('To use it    eval "$(deployer sandbox env)"', err=True)
    if options.empty:
        from deployer.sandbox.company.bare_account import ADMIN_URL

        click.echo(f'A database   admin = "ssm:{ADMIN_URL}" below [database]', err=True)


def _prepare_containers() -> None:
    """Refuse or build here, where a person sees the progress, not in the background process."""
    from deployer.sandbox.machines.container import host, image

    host.require()
    image.build(image.this_system(), lambda line: click.echo(line, err=True))


@sandbox.command()
@_directory
@common
@pass_asked
def status(asked: CliContext, directory: Path | None) -> None:
    """Say what runs in it."""
    from deployer.sandbox.status_text import as_text

    report = Sandbox.at(directory).status()
    asked.answer("deployer.sandbox-status/1", report, lambda: as_text(report))


@sandbox.command("env")
@_directory
@common
@pass_asked
def environment(asked: CliContext, directory: Path | None) -> None:
    """Print shell exports for `aws`, boto3 and our own commands."""
    variables = Sandbox.at(directory).environment()
    asked.answer("", variables, lambda: env.exports(variables))


@sandbox.command()
@_directory
@click.argument("instance", required=False)
def logs(directory: Path | None, instance: str | None) -> None:
    """Print the sandbox's log, or INSTANCE's console and what its units printed."""
    one = Sandbox.at(directory)
    if instance:
        click.echo(one.logs(instance), nl=False)
        return
    one.state()
    click.echo(one.places.log.read_text(errors="replace"), nl=False)


@sandbox.command()
@_directory
def reset(directory: Path | None) -> None:
    """Bring its first day back: machines, records, databases, configuration."""
    Sandbox.at(directory).reset()
    click.echo("sandbox is as on its first day", err=True)


@sandbox.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its sandbox lives (else a temporary directory of its own).",
)
@click.option("--shape", type=click.Choice(SHAPES), default=RECORD, help="As of `sandbox up`.")
def demo(directory: Path | None, shape: str) -> None:
    """Release, break, clean up and roll back a real service, and check every claim."""
    from deployer.sandbox.demo.play import play

    sys.exit(play(directory or user_directory() / "demo", shape))


@sandbox.command(context_settings={"ignore_unknown_options": True})
@_directory
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def outside(directory: Path | None, command: tuple[str, ...]) -> None:
    """Run COMMAND outside its network: only API, bastion and tunnel are reached from there."""
    from deployer.sandbox.machines.isolation import outside as network

    one = Sandbox.at(directory)
    sys.exit(network.run(command, one.process_environment(), _ways_in(one)))


def _ways_in(one: Sandbox) -> list[tuple[str, int]]:
    """The endpoints that lead into a sandbox of the shape `private`."""
    from deployer.sandbox.company.configuration import SSH_PORT
    from deployer.sandbox.network import tunnel

    state, api = one.state(), urlsplit(one.endpoint)
    hops = [found for found in one.status()["instances"] if found["name"] == env.BASTION]
    ways = [(str(api.hostname), int(api.port or 0))]
    ways += [(hop["address"], SSH_PORT) for hop in hops]
    return ways + ([(state.tunnel, tunnel.PORT)] if state.tunnel else [])


@sandbox.command()
@_directory
@click.argument("instance")
@click.argument("port", type=int)
def connect(directory: Path | None, instance: str, port: int) -> None:
    """Stand in for AWS's tunnels: pass bytes to PORT of INSTANCE, for `via = "command"`."""
    from deployer.sandbox.network import tunnel

    why = tunnel.connect(Sandbox.at(directory).state().tunnel, instance, port)
    if why:
        click.echo(why, err=True)
        sys.exit(254)  # as the AWS CLI does when a machine is not connected


@sandbox.command()
@_directory
def down(directory: Path | None) -> None:
    """End it; no process, file or port stays behind."""
    found = Sandbox.at(directory).down()
    click.echo("sandbox is gone" if found else "there was no sandbox", err=True)


sandbox.add_command(fault)


def main() -> None:
    """`python -m deployer.sandbox`."""
    sys.exit(ended(sandbox))
