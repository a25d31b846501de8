"""`reconciler prices`: shows the prices in use, and fetches newer ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli.shared import CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.cost.price_list import Prices


@click.command(
    epilog=epilog(
        """reconciler prices
        reconciler prices --refresh""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.ACCESS),
    )
)
@click.option(
    "--refresh", is_flag=True, help="First fetch the prices of the configured regions from AWS."
)
@common
@pass_asked
def prices(asked: CliContext, refresh: bool) -> None:
    """Say which prices costs are counted with.

    Without fetched ones a dated table is used; what neither knows is shown as unknown.
    Fetching asks AWS's Pricing API (pricing:GetProducts) and keeps the answer in the cache folder.
    """
    from reconciler.cost import price_cache, shipped

    known = _fetched(asked) if refresh else price_cache.load()
    facts = {
        "as_of": known.as_of,
        "table": shipped.as_of(),
        "regions": {name: len(names) for name, names in known.by_region.items()},
        "file": str(price_cache.path()),
    }
    asked.answer("reconciler.prices/1", facts, lambda: "\n".join(_lines(known)))


def _fetched(asked: CliContext) -> Prices:
    from datetime import UTC, datetime

    from reconciler.aws.pricing import fetch
    from reconciler.cli.main import connected
    from reconciler.cost import price_cache
    from reconciler.cost.price_list import Prices
    from reconciler.errors import ToolError

    settings, edges = connected(asked)
    settings.refuse_empty()
    places = {service.region: service.place for service in settings.services.values()}
    found = {region: fetch(edges.aws(place), region) for region, place in places.items()}
    fresh = Prices(f"{datetime.now(UTC):%Y-%m-%d}", found)
    try:
        price_cache.save(fresh)
    except OSError as error:
        raise ToolError(
            f"the prices could not be kept: {error}", cure="set XDG_CACHE_HOME to a folder of yours"
        ) from error
    return fresh


def _lines(known: Prices) -> Iterator[str]:
    from reconciler.cost import shipped

    table = f"{shipped.as_of()} for {len(shipped.regions())} regions, from apache-libcloud"
    if not known.as_of:
        yield f"The table of {table}; reconciler prices --refresh asks AWS for newer prices."
        return
    regions = ", ".join(f"{name} {len(names)}" for name, names in known.by_region.items())
    yield f"Fetched on {known.as_of}: {regions}."
    yield f"What is not among them is as in the table of {table}, or unknown."
