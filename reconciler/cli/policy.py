"""`reconciler policy`: prints the IAM policies of this configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.aws.iam.scope import Locate
    from reconciler.config.loader import Settings

WHOSE = (
    *("deployer", "reconciler", "adopt", "leave", "viewer", "hold", "guard"),
    *("prices", "strays", "doctor"),
)


@click.command(
    epilog=epilog(
        """reconciler policy
        reconciler policy --for deployer
        reconciler policy --for guard --zone example.com=Z0123456789ABCDEFGHIJ""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.ACCESS),
    )
)
@click.option(
    "--for",
    "whose",
    type=click.Choice(WHOSE),
    default="reconciler",
    show_default=True,
    help="Program that the policy is for.",
)
@click.option(
    "--account", default="", metavar="ID", help="AWS account; needed if services are in several."
)
@click.option(
    "--zone",
    "zones",
    multiple=True,
    metavar="NAME=ID",
    help="Hosted zone and its id; then AWS is not asked.",
)
@common
@pass_asked
def policy(asked: CliContext, whose: str, account: str, zones: tuple[str, ...]) -> None:
    """Print the least-privilege IAM policy.

    For this configuration. deployer and reconciler: for these commands; adopt: beside deployer's,
    once; leave: the same, for `deployer leave`; viewer: for people who look; hold: for people who
    hold; guard: a deny that keeps everybody else from our tags; prices: for who refreshes those;
    strays: for `reconciler strays`;
    doctor: what `deployer doctor` asks beyond what a release needs.
    """
    import json

    from reconciler.aws.iam.policy import POLICIES
    from reconciler.aws.iam.scope import scope

    settings = asked.settings()
    document = POLICIES[whose](scope(settings, account, _locate(settings, zones)))
    asked.answer("", document, lambda: json.dumps(document, indent=2))


def _locate(settings: Settings, zones: tuple[str, ...]) -> Locate:
    """Route 53 locates the ledgers, unless the zones are given."""
    from reconciler.aws.iam.scope import GivenZones
    from reconciler.errors import ConfigError
    from reconciler.wiring.edges import Edges

    if not zones:
        edges = Edges(settings)
        return lambda service: edges.managed(service).address
    pairs = [zone.partition("=") for zone in zones]
    if not all(name and id_ for name, _, id_ in pairs):
        raise ConfigError("--zone wants NAME=ID: --zone example.com=Z0123456789ABCDEFGHIJ")
    return GivenZones({name: id_ for name, _, id_ in pairs})
