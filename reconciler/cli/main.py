"""The command line of the reconciler. Slow imports are inside the commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.lazy import Lazy
from reconciler.cli.policy import policy
from reconciler.cli.shared import SERVICES, CliContext, common, ended, epilog, pass_asked
from reconciler.exit_codes import Exit
from reconciler.util.gc_tuning import leave
from reconciler.util.line_writer import on_screen

if TYPE_CHECKING:
    from reconciler.config.loader import Settings
    from reconciler.plan.circuit_breaker import Cap
    from reconciler.ports.fleet import Fleet
    from reconciler.wiring.edges import Edges

YOUNG = click.option(
    "--young", "unfinished_only", is_flag=True, help="Look only at resources labelled unfinished."
)
CODES = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.DIRT, Exit.ACCESS)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        """reconciler plan              what a sweep would do, and why
        reconciler sweep             drive everything to its desired state
        reconciler run               do that every minute, for ever
        reconciler report            what every deploy costs
        reconciler strays            what others left behind; needs no configuration
        reconciler explain i-0d41    why a resource is kept or deleted""",
        tuple(Exit),
    ),
)
@common
@click.version_option(package_name="deployer", message="%(prog)s %(version)s")
def cli() -> None:
    """Find and remove what releases left behind; never what is live, held or not ours.

    The ledger in DNS says what lives. Everything else that is proved to be ours is garbage.
    """


def connected(asked: CliContext) -> tuple[Settings, Edges]:
    """The configuration, and the sessions for it."""
    from reconciler.util import log
    from reconciler.wiring.edges import Edges

    log.set_up(verbose=asked.verbose)
    settings = asked.settings()
    return settings, Edges(settings, settings.reconciler.reach)


def _fleet(asked: CliContext, names: Sequence[str] = ()) -> tuple[Settings, Fleet]:
    from reconciler.wiring.fleet_builder import build_fleet

    settings, edges = connected(asked)
    return settings, build_fleet(settings, names, edges)


def cap_of(settings: Settings) -> Cap:
    """The breaker's cap."""
    from reconciler.plan.circuit_breaker import Cap

    breaker = settings.reconciler.breaker
    return Cap(breaker.max_count, breaker.share)


@cli.command(
    epilog=epilog(
        """reconciler plan
        reconciler plan --service shop --exit-code
        reconciler plan -o plan.json""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.DIRT, Exit.ACCESS, Exit.TO_DO),
    )
)
@SERVICES
@YOUNG
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Output JSON."
)
@click.option("--exit-code", is_flag=True, help="Exit 10 if there is something to do.")
@common
@pass_asked
def plan(
    asked: CliContext,
    services: tuple[str, ...],
    *,
    unfinished_only: bool,
    output: Path | None,
    exit_code: bool,
) -> int:
    """Say what a sweep would do, and why.

    Changes nothing.
    """
    from reconciler.cost import price_cache
    from reconciler.output.plan import plan_json, plan_lines
    from reconciler.sweep import approved_plan
    from reconciler.sweep.runner import make_plan

    settings, fleet = _fleet(asked, services)
    plan = make_plan(replace(fleet, unfinished_only=unfinished_only))
    cap, prices = cap_of(settings), price_cache.load()
    answer = plan_json(plan, cap, prices)
    if output is not None:
        approved_plan.write(output, plan, answer, unfinished_only=unfinished_only)
    asked.answer(
        "reconciler.plan/1",
        answer,
        lambda: on_screen(plan_lines(plan, cap, prices, verbose=asked.verbose)),
    )
    if plan.unknown or plan.inventory.gaps or plan.contradictions:
        return Exit.DIRT
    return Exit.TO_DO if exit_code and not plan.empty else Exit.DONE


@cli.command(epilog=epilog("reconciler explain i-0d41aa07\nreconciler explain shop", CODES))
@click.argument("id_", metavar="ID")
@common
@pass_asked
def explain(asked: CliContext, id_: str) -> int:
    """Say why a resource is kept or deleted.

    ID is that of an instance, image, …, the name of a database, or a deploy-id.
    """
    from reconciler.cost import price_cache
    from reconciler.output.explain import explain_json, explain_lines, find, nothing_found
    from reconciler.sweep.runner import make_plan
    from reconciler.sweep.snapshot import ended_resource

    _, fleet = _fleet(asked)
    plan = make_plan(fleet)
    found = find(plan, id_)
    ended = None if found else ended_resource(fleet, id_)
    if ended is not None:
        said = f"{id_} of {ended.deploy} is {ended.state}: it is gone, and costs nothing"
        asked.answer("reconciler.explain/1", {"things": [], "ended": ended.state}, lambda: said)
        return Exit.DONE
    if not found:
        raise nothing_found(plan, id_)
    prices = price_cache.load()
    asked.answer(
        "reconciler.explain/1",
        {"things": [explain_json(plan, verdict, prices) for verdict in found]},
        lambda: on_screen(
            line for verdict in found for line in explain_lines(plan, verdict, prices)
        ),
    )
    return Exit.DONE


@cli.command(epilog=epilog("reconciler hold i-0d41aa07 'the customer wants its log'", CODES))
@click.argument("id_", metavar="ID")
@click.argument("reason")
@common
@pass_asked
def hold(asked: CliContext, id_: str, reason: str) -> None:
    """Keep a resource from every sweep.

    A database too, by its name. A held machine keeps the database and the image of its release.
    """
    from reconciler.cli.hold import set_hold
    from reconciler.errors import ConfigError

    if not reason.strip():
        raise ConfigError(
            "a reason is wanted: whoever finds the hold in a year will want it too",
            cure=f"Once more     reconciler hold {id_} 'ticket 4711'",
        )
    set_hold(*_fleet(asked), id_, reason)
    value = {"id": id_, "hold": reason}
    asked.answer(
        "reconciler.hold/1",
        value,
        lambda: f"{id_} is held\nTo take the hold off   reconciler unhold {id_}",
    )


@cli.command(epilog=epilog("reconciler unhold i-0d41aa07", CODES))
@click.argument("id_", metavar="ID")
@common
@pass_asked
def unhold(asked: CliContext, id_: str) -> None:
    """Take a hold off again."""
    from reconciler.cli.hold import set_hold

    set_hold(*_fleet(asked), id_, None)
    asked.answer(
        "reconciler.hold/1", {"id": id_, "hold": ""}, lambda: f"{id_} is not held any more"
    )


@cli.command(hidden=True, epilog=epilog("reconciler release i-0d41aa07", CODES))
@click.argument("id_", metavar="ID")
@common
@click.pass_context
def release(context: click.Context, id_: str) -> None:
    """Take a hold off again: the old name of `unhold`."""
    context.ensure_object(CliContext).tell(
        f"`release` is now `reconciler unhold {id_}`; the old name goes with version 0.2"
    )
    context.invoke(unhold, id_=id_)


cli.add_command(policy)
cli.add_command(
    Lazy("sweep", "reconciler.cli.sweep:sweep", "Remove what is left behind; repair; finish.")
)
cli.add_command(
    Lazy("report", "reconciler.cli.report:report", "Say what every deploy holds and costs.")
)
cli.add_command(
    Lazy("strays", "reconciler.cli.strays:strays", "List what is not ours and looks left behind.")
)
cli.add_command(
    Lazy("scopes", "reconciler.cli.scopes.listing:scopes", "List the accounts and regions.")
)
cli.add_command(
    Lazy("inventory", "reconciler.cli.scopes.phases:inventory", "Read a scope's inventory.")
)
cli.add_command(Lazy("ledgers", "reconciler.cli.scopes.phases:ledgers", "Read a run's ledgers."))
cli.add_command(
    Lazy("collate", "reconciler.cli.scopes.collate:collate", "Join the results of all scopes.")
)
cli.add_command(
    Lazy("prices", "reconciler.cli.prices:prices", "Say which prices are used; fetch newer ones.")
)
cli.add_command(Lazy("run", "reconciler.cli.run:run", "Sweep for ever: young often, full seldom."))


def main() -> None:
    """Entry point of `reconciler`."""
    leave(ended(cli))
