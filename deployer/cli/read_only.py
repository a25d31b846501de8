"""The command line of the deployer: commands that change nothing in the cloud."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit, code_of

if TYPE_CHECKING:
    from deployer.commands.status import ServiceStatus
    from deployer.ports import Ports

_READS = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS)
_ANSWERS = (*_READS, Exit.TO_DO)

_EXIT_CODE = click.option("--exit-code", is_flag=True, help="Exit 10 if there is something to do.")


def _ports(asked: CliContext, service: str) -> Ports:
    from deployer.wiring import wired
    from reconciler.util import log

    log.set_up(verbose=asked.verbose)
    return wired(asked.settings(), service)


def _look(asked: CliContext, service: str) -> ServiceStatus:
    from deployer.commands.status import status as look

    return look(_ports(asked, service))


def _unknown(status: ServiceStatus) -> int:
    return code_of(status.service_plan.root.refusal(status.problem))


@click.command(
    epilog=epilog(
        """deployer status
        deployer status shop
        deployer status shop --exit-code || reconciler sweep --service shop""",
        _ANSWERS,
    )
)
@click.argument("service", required=False)
@_EXIT_CODE
@common
@pass_asked
def status(asked: CliContext, service: str | None, *, exit_code: bool) -> int:
    """Say where SERVICE stands, or every one.

    What is live, what is kept, who is at work, and what is wrong, with its cure.
    """
    from deployer.output.status import status_json, status_lines

    names = [service] if service else list(asked.settings().services)
    statuses = [_look(asked, name) for name in names]
    asked.answer(
        {"services": [status_json(status) for status in statuses]},
        lambda: "\n".join(line for status in statuses for line in status_lines(status)),
    )
    if any(status.problem for status in statuses):
        return max(_unknown(status) for status in statuses if status.problem)
    return Exit.TO_DO if exit_code and not all(status.clean for status in statuses) else Exit.DONE


@click.command(epilog=epilog("deployer history shop", _READS))
@SERVICE
@common
@pass_asked
def history(asked: CliContext, service: str) -> int:
    """List the releases of SERVICE: when and whose."""
    from deployer.output.status import history_lines, status_json

    status = _look(asked, service)
    asked.answer(status_json(status), lambda: "\n".join(history_lines(status)))
    return _unknown(status) if status.problem else Exit.DONE


@click.command(
    epilog=epilog(
        """deployer plan shop
        deployer plan shop --ref v1.5.0 --json""",
        _ANSWERS,
    )
)
@SERVICE
@click.option("--ref", default="HEAD", show_default=True, help="What would be released, for git.")
@_EXIT_CODE
@common
@pass_asked
def plan(asked: CliContext, service: str, *, ref: str, exit_code: bool) -> int:
    """Say what `up` would do; change nothing.

    With every inferred value and where it comes from, and what stands in the way.
    """
    from deployer.output.preview import preview_json, preview_lines
    from deployer.release.preview import preview

    release_preview = preview(_ports(asked, service), ref)
    asked.answer(preview_json(release_preview), lambda: "\n".join(preview_lines(release_preview)))
    if release_preview.refusal:
        return Exit.REFUSED
    return Exit.TO_DO if exit_code else Exit.DONE


@click.command(epilog=epilog("deployer doctor\ndeployer doctor --json", _READS))
@common
@pass_asked
def doctor(asked: CliContext) -> int:
    """Check everything a release will need."""
    from deployer.commands.doctor import check_json, check_lines, examine

    checks = examine(asked.settings())
    asked.answer(check_json(checks), lambda: "\n".join(check_lines(checks)))
    return Exit.DONE if all(check.ok for check in checks) else Exit.FAILED


def _asked_for(_: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """The value, asked for on a terminal. Usage error where there is none: a CI would wait."""
    if value:
        return value
    name = parameter.opts[0]
    if not sys.stdin.isatty():
        raise click.UsageError(f"{name} is wanted: there is no terminal to ask on")
    return str(click.prompt(name.removeprefix("--").capitalize(), err=True))


@click.command(
    epilog=epilog(
        "deployer init shop --record shop.example.com --account 123456789012 --region eu-west-1",
        (Exit.DONE, Exit.USAGE),
    )
)
@SERVICE
@click.option("--record", callback=_asked_for, help="The name its clients use.")
@click.option("--account", callback=_asked_for, help="The AWS account's id, 12 digits.")
@click.option("--region", callback=_asked_for, help="Such as eu-west-1.")
@common
@pass_asked
def init(asked: CliContext, service: str, *, record: str, account: str, region: str) -> None:
    """Begin the configuration of SERVICE."""
    from deployer.commands.init import begin
    from reconciler.config.loader import locate

    values = {"record": record, "account": account, "region": region}
    path: Path = begin(locate(asked.config), service, values)
    asked.answer(
        {"service": service, "path": str(path)},
        lambda: (
            f"{path} is written: complete what is marked there\n"
            f"To check it          deployer doctor\n"
            f"To begin             deployer adopt {service}"
        ),
    )
