"""`reconciler strays`: what is not ours and looks left behind. Needs no configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.shared import (
    DURATION,
    CliContext,
    common,
    epilog,
    pass_asked,
)
from reconciler.exit_codes import Exit
from reconciler.util.line_writer import terminal_width

if TYPE_CHECKING:
    from reconciler.aws.client.session import Aws
    from reconciler.cost.strays import Account, Stray
    from reconciler.errors import ToolError

_ID = re.compile(
    rb"\b(?:(?:ami|snap|vol|i|eipalloc)-[0-9a-f]{8,17}\b"
    rb"|arn:aws[a-z-]*:elasticloadbalancing:[\w:/.-]+)"
)


@click.command(
    epilog=epilog(
        """reconciler strays
        reconciler strays --region all
        reconciler strays --region eu-west-1 --older-than 60d""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.DIRT, Exit.ACCESS),
    )
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="NAME",
    help="Look here; `all`: every enabled region. Default: the region of your AWS settings.",
)
@click.option(
    "--older-than", "old", type=DURATION, default="14d", help="Leave out what is younger."
)
@click.option(
    "--also-used-in",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A file or folder that names ids of what is used. Repeatable.",
)
@common
@pass_asked
def strays(
    asked: CliContext,
    *,
    regions: tuple[str, ...],
    old: timedelta,
    paths: tuple[Path, ...],
) -> int:
    """List what is not ours and looks left behind, with its age and cost.

    Stopped machines, unattached volumes, idle addresses, unused images and snapshots, empty load
    balancers and target groups. Only looks: nothing of this is ever in a sweep.
    """
    from reconciler.cost import price_cache
    from reconciler.output.audit.strays import stray_lines, strays_json
    from reconciler.util import gc_tuning, log

    gc_tuning.share_heaps()
    log.set_up(verbose=asked.verbose)
    prices, now = price_cache.load(), datetime.now(UTC)
    used = frozenset(_named_in(paths))
    found, unread = _found(list(_regions(regions)), used, now, old)
    asked.answer(
        "reconciler.strays/1",
        strays_json(found, now, prices, unread),
        lambda: "\n".join(stray_lines(found, now, prices, unread, terminal_width())),
    )
    return Exit.DIRT if unread else Exit.DONE


def _found(
    places: list[Aws], used: frozenset[str], now: datetime, old: timedelta
) -> tuple[list[Stray], list[str]]:
    """The strays of all regions, and what could not be read. Raises if no region could be."""
    from reconciler.cost import price_cache
    from reconciler.cost.strays import in_order
    from reconciler.cost.strays import strays as judged
    from reconciler.errors import ToolError
    from reconciler.util.concurrency import side_by_side

    prices = price_cache.load()
    found: list[Stray] = []
    unread: list[str] = []
    answers = side_by_side(places, partial(_looked, used=used))
    for aws, answer in zip(places, answers, strict=True):
        region = aws.place.region
        if isinstance(answer, ToolError):
            unread.append(f"{region} as a whole: {answer.message}")
        else:
            found += judged(answer, now, prices, old)
            unread += [f"{region}: {each}" for each in answer.unread]
    errors = [answer for answer in answers if isinstance(answer, ToolError)]
    if len(errors) == len(answers):
        raise errors[0]
    return in_order(found), unread


def _looked(aws: Aws, used: frozenset[str]) -> Account | ToolError:
    """A region, or why it could not be read: others are listed all the same."""
    from reconciler.aws.strays import look
    from reconciler.errors import AccessDenied, CloudError

    try:
        return look(aws, used)
    except (AccessDenied, CloudError) as error:
        return error


def _regions(wanted: tuple[str, ...]) -> Iterator[Aws]:
    """The regions to look at, with the credentials of the environment."""
    from reconciler.aws.client.session import Aws, ambient
    from reconciler.model.tags import AccountRegion

    account, default = ambient(next((name for name in wanted if name != "all"), ""))
    here = Aws(AccountRegion(account, default))
    names = here.enabled_regions() if "all" in wanted else wanted or (default,)
    return (here.in_region(name) for name in names)


def _named_in(paths: Iterable[Path]) -> Iterator[str]:
    """The ids in these files, and in every file of these folders. Raises ConfigError."""
    from reconciler.errors import ConfigError

    for path in paths:
        files = [path] if path.is_file() else (each for each in path.rglob("*") if each.is_file())
        for file in files:
            try:
                with file.open("rb") as lines:
                    yield from (one.decode() for line in lines for one in _ID.findall(line))
            except OSError as error:
                raise ConfigError(f"--also-used-in: {file}: {error.strerror}") from error
