"""`reconciler scopes`: lists what one sweep can be divided into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.main import connected
from reconciler.cli.scopes.phases import run_files
from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.config.loader import Settings
    from reconciler.sweep.scopes.cell import ScopeCell
    from reconciler.wiring.edges import Edges


@click.command(
    epilog=epilog(
        """reconciler scopes
        reconciler scopes --json
        reconciler scopes --run runs/today""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.ACCESS),
    )
)
@click.option("--run", "place", metavar="DIR|s3://…", help="Begin a run of all of them there.")
@common
@pass_asked
def scopes(asked: CliContext, place: str | None) -> None:
    """List the accounts and regions of this configuration.

    Each can be swept by itself, anywhere: `reconciler sweep --scope ACCOUNT/REGION`. AWS is asked
    only for `regions = "all"`.
    """
    from reconciler.util.humanize import aligned

    found = every_scope(*connected(asked))
    answer = {"scopes": [scope_json(scope) for scope in found]}
    if place is not None:
        run_files(place).begin(answer["scopes"])
    rows = [(str(scope), ", ".join(scope.services) or "no service") for scope in found]
    asked.answer("reconciler.scopes/1", answer, lambda: "\n".join(aligned(rows, ())))


def every_scope(settings: Settings, edges: Edges) -> tuple[ScopeCell, ...]:
    """Every scope of the configuration. Raises AccessDenied, CloudError for `regions = "all"`."""
    from reconciler.model.tags import AccountRegion
    from reconciler.sweep.scopes.cell import scopes_of

    entry = next((one.region for one in settings.services.values()), "us-east-1")
    return scopes_of(
        settings, lambda account: edges.aws(AccountRegion(account, entry)).enabled_regions()
    )


def scope_json(scope: ScopeCell) -> dict[str, object]:
    """A scope as an object."""
    return {
        "scope": str(scope),
        "account": scope.place.account,
        "region": scope.place.region,
        "services": list(scope.services),
        "zone_accounts": list(scope.zone_accounts),
    }
