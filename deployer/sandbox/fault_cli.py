"""`deployer sandbox fault …`: injects faults into the sandbox's cloud."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from deployer.sandbox.faults import FATES, KINDS, QUOTAS, FaultClient, FaultRule
from reconciler.errors import ConfigError


@click.group()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the sandbox lives (else $SANDBOX_DIR, else a temporary directory).",
)
@click.option("--endpoint", help="The API's URL, with $AWS_ACCESS_KEY_ID; else looked up.")
@click.pass_context
def fault(context: click.Context, directory: Path | None, endpoint: str | None) -> None:
    """Faults on request: throttling, errors, lost replies, delays, visibility lag."""
    context.obj = (directory, endpoint)


@fault.command()
@click.argument("action")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--times", default=1, show_default=True, help="How often it strikes; 0: always.")
@click.option("--skip", default=0, show_default=True, help="How many calls pass before.")
@click.option("--seconds", default=0.0, help="The wait of delay, and before a duplicate.")
@click.option("--code", default="", help="The error code of `error`.")
@click.option("--status", default=400, show_default=True, help="The HTTP status of `error`.")
@click.option("--key", default="", help="Only calls that are signed with this access key.")
@click.pass_context
def add(context: click.Context, /, action: str, kind: str, **more: Any) -> None:
    """Let KIND happen to ACTION: RunInstances, route53:ChangeResourceRecordSets, mutating, *."""
    rule = FaultRule(action=action, kind=kind, **more)
    click.echo(json.dumps(_client(context).add(rule)))


@fault.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """The faults in force, as JSON."""
    click.echo(json.dumps(_client(context).list(), indent=1))


@fault.command()
@click.pass_context
def clear(context: click.Context) -> None:
    """No faults, no lag, no limits and no latency any more."""
    _client(context).clear()


@fault.command()
@click.argument("seconds", type=click.FloatRange(min=0))
@click.pass_context
def lag(context: click.Context, seconds: float) -> None:
    """Hide things from describes and tag lists until they are SECONDS old; 0 ends it."""
    _client(context).lag(seconds)


@fault.command()
@click.argument("name", type=click.Choice(list(QUOTAS)))
@click.argument("limit", type=click.IntRange(min=0))
@click.pass_context
def quota(context: click.Context, name: str, limit: int) -> None:
    """Set a quota of the account: vCPUs of running machines, or target groups."""
    _client(context).quota(name, limit)


@fault.command()
@click.argument("speed", type=click.FloatRange(min=0))
@click.pass_context
def limits(context: click.Context, speed: float) -> None:
    """Limit requests by AWS's token buckets, SPEED times as fast as AWS's; 0 ends it."""
    _client(context).limits(speed)


@fault.command()
@click.argument("scale")
@click.option(
    "--speed",
    type=click.FloatRange(min=1),
    help="Images and machines take their time as well: so many times less than on AWS.",
)
@click.pass_context
def latency(context: click.Context, scale: str, speed: float | None) -> None:
    """Let calls take their time: `aws`, or a number of times what AWS takes; 0 ends it.

    So does each round trip of SSH, or of anything else, to a machine's public address.
    """
    try:
        times = 1.0 if scale == "aws" else float(scale)
    except ValueError as error:
        raise click.BadParameter("`aws`, or a number") from error
    if not 0 <= times < float("inf"):
        raise click.BadParameter("`aws`, or a number from 0 on")
    client = _client(context)
    client.latency(times)
    client.distance(times)
    client.pace(times / speed if speed else 0.0)


@fault.command()
@click.argument("fate", type=click.Choice([one for one in FATES if one] + ["available"]))
@click.pass_context
def images(context: click.Context, fate: str) -> None:
    """Let new images stay pending, or fail; `available` ends it."""
    _client(context).images("" if fate == "available" else fate)


def _client(context: click.Context) -> FaultClient:
    from deployer.sandbox.control.client import Sandbox

    directory, endpoint = context.obj
    if not endpoint:
        return Sandbox.at(directory).faults()
    key = os.environ.get("AWS_ACCESS_KEY_ID", "")
    if not key:
        raise ConfigError(
            "--endpoint needs the sandbox's access key in AWS_ACCESS_KEY_ID",
            cure='To have it there   eval "$(deployer sandbox env)"',
        )
    return FaultClient(endpoint, key)
