"""The command line of the deployer: commands that change nothing in the cloud."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployer.cli.shared import SERVICE
from reconciler.cli.shared import CliContext, common, epilog, pass_asked, service_names
from reconciler.errors import ConfigError
from reconciler.exit_codes import Exit, code_of
from reconciler.util.line_writer import on_screen

if TYPE_CHECKING:
    from deployer.commands.status import ServiceStatus
    from deployer.ports import Ports
    from reconciler.ports.journal.reader import Journal

_READS = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS)
_ANSWERS = (*_READS, Exit.TO_DO)
_STATUS = (*_READS, Exit.DIRT, Exit.TO_DO)

LAST = 20
"""How many entries of the journal `status` looks at."""

_EXIT_CODE = click.option("--exit-code", is_flag=True, help="Exit 10 if there is something to do.")


def _ports(asked: CliContext, service: str) -> Ports:
    from deployer.wiring import wired
    from reconciler.util import log

    log.set_up(verbose=asked.verbose)
    return wired(asked.settings(), service, reads_ahead=True)


def _look(ports: Ports, *, checks: bool = False) -> ServiceStatus:
    from deployer.commands.status import status as look

    return look(ports, checks=checks)


def _unknown(status: ServiceStatus) -> int:
    return code_of(status.service_plan.root.refusal(status.problem))


def _code(status: ServiceStatus, *, asked: bool) -> int:
    """What is unknown or impaired is never 0; what a sweep would do is 10, if asked for."""
    if status.problem:
        return _unknown(status)
    if status.ill:
        return Exit.DIRT
    return Exit.TO_DO if asked and not status.clean else Exit.DONE


@click.command(
    epilog=epilog(
        """deployer status
        deployer status shop
        deployer status shop --exit-code || reconciler sweep --service shop""",
        _STATUS,
    )
)
@click.argument("service", required=False, shell_complete=service_names)
@_EXIT_CODE
@click.option("--no-checks", is_flag=True, help="Leave out the smoke checks of the live machines.")
@common
@pass_asked
def status(asked: CliContext, service: str | None, *, exit_code: bool, no_checks: bool) -> int:
    """Say whether SERVICE, or each one, serves.

    What is live, what is kept, who is at work, and what is wrong, with its cure. The smoke checks
    are tried once on the live machines.
    """
    from deployer.commands.status import with_journal
    from deployer.output.status import status_json, status_lines
    from reconciler.util.concurrency import side_by_side

    names = [service] if service else list(asked.settings().services)

    def see(name: str) -> ServiceStatus:
        ports = _ports(asked, name)
        return with_journal(_look(ports, checks=not no_checks), _journal(ports, most=LAST))

    statuses = side_by_side(names, see)
    asked.answer(
        "deployer.status/1",
        {"services": [status_json(status) for status in statuses]},
        lambda: on_screen(line for status in statuses for line in status_lines(status)),
    )
    codes = [_code(status, asked=exit_code) for status in statuses]
    return max([code for code in codes if code != Exit.TO_DO], default=0) or max(codes, default=0)


@click.command(epilog=epilog("deployer history shop", _READS))
@SERVICE
@common
@pass_asked
def history(asked: CliContext, service: str) -> int:
    """Tell what happened to SERVICE.

    Releases, rollbacks, sweeps, adoptions: when, whose, how they ended. Without a journal only what
    the ledger still names; with one also what failed, why, and what was deleted.
    """
    from deployer.output.journal.history import history_json, history_lines
    from deployer.output.status import status_json

    ports = _ports(asked, service)
    status = _look(ports)
    journal = _journal(ports)
    asked.answer(
        "deployer.history/1",
        {**status_json(status), **history_json(status, journal)},
        lambda: on_screen(history_lines(status, journal)),
    )
    return _unknown(status) if status.problem else Exit.DONE


def _journal(ports: Ports, most: int | None = None) -> Journal | None:
    """What the journal tells; None if none is configured."""
    from reconciler.ports.journal.reader import MOST, read

    name = ports.managed.name
    return read(ports.journal, name, most=most or MOST) if ports.journal is not None else None


@click.command(
    epilog=epilog(
        """deployer plan shop
        deployer plan shop --ref v1.5.0 --json""",
        _ANSWERS,
    )
)
@SERVICE
@click.option("--ref", default="HEAD", show_default=True, help="Git ref that would be released.")
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
    asked.answer(
        "deployer.plan/1",
        preview_json(release_preview),
        lambda: on_screen(preview_lines(release_preview)),
    )
    if release_preview.refusal:
        return Exit.REFUSED
    return Exit.TO_DO if exit_code else Exit.DONE


@click.command(
    epilog=epilog("deployer doctor\ndeployer doctor shop\ndeployer doctor --json", _READS)
)
@click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=service_names)
@common
@pass_asked
def doctor(asked: CliContext, services: tuple[str, ...]) -> int:
    """Try what a release will do.

    For each SERVICE, or for all: credentials, zone, record, permissions, the live machine, the
    code, the database, the smoke tests. Changes nothing but one object of a configured journal. The
    exit code is that of the gravest cause.
    """
    from deployer.commands.doctor.check import check_json, check_lines, exit_code
    from deployer.commands.doctor.command import examine

    settings = asked.settings()
    checks = examine(settings, services)
    names = list(dict.fromkeys(services)) or list(settings.services)
    asked.answer(
        "deployer.doctor/1",
        check_json(checks, names),
        lambda: "\n".join(check_lines(checks, names)),
    )
    return exit_code(checks)


@click.command(
    epilog=epilog(
        """deployer init shop --record shop.example.com
        deployer init shop --record shop.example.com --account 123456789012 --region eu-west-1""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@click.argument("service", required=False)
@click.option("--record", default="", help="DNS name that its clients use.")
@click.option("--account", default="", help="AWS account id; default: that of the credentials.")
@click.option("--region", default="", help="AWS region; default: where the record's machine is.")
@common
@pass_asked
def init(asked: CliContext, service: str | None, *, record: str, account: str, region: str) -> None:
    """Begin the configuration of SERVICE.

    Account and region are found out from the record, and from the machine that it leads to.
    """
    from deployer.commands.init import begin
    from reconciler.config.loader import locate

    service = service or _prompted("Service (lower case, such as shop)")
    record = record or _prompted("Record, the DNS name that its clients use")
    machine = ""
    if not (account and region):
        from deployer.aws.discovery import discover

        found = discover(record, account, region)
        account, region, machine = found.account, found.region, found.machine
    values = {"record": record, "account": account, "region": region}
    path: Path = begin(locate(asked.config), service, values)
    asked.answer(
        "deployer.init/1",
        {"service": service, "path": str(path), **values, "machine": machine},
        lambda: (
            f"{path} is written: {record} in {account}/{region}"
            f"{f', on {machine}' if machine else ''}; complete what is marked there\n"
            f"To check it          deployer doctor {service}\n"
            f"To begin             deployer adopt {service}"
        ),
    )


def _prompted(question: str) -> str:
    """The answer of a person. Raises ConfigError without a terminal."""
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{question}: there is no terminal to ask on",
            cure="With your names   deployer init shop --record shop.example.com",
        )
    return str(click.prompt(question, err=True))
