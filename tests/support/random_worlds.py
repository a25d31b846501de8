"""Very many random worlds: as in worlds.py, but made with plain random numbers, a tenth the cost.

Hypothesis chooses the seed and how much there is; it shrinks by having less of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Root
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Kept, Lease, Ledger, Live, Previous, Via
from reconciler.model.resource import DATABASE, Gap, Inventory, Resource
from reconciler.plan.service_plan import SweepRequest
from tests.support.shared_databases import shared
from tests.support.shop_world import HOME, NOW, PLACE, UNITS, deploy, resources
from tests.support.strategies import FATES, GONE, LABELS, ROLES, SUFFIXES, World, suffer

THEIRS = "Z9/shop._deploy.example.org"
"""Another team's ledger, of a service that has the same name."""

RECORDS = ((), ("10.0.1.2",), ("203.0.113.5",))


def worlds() -> st.SearchStrategy[World]:
    """A world of up to five deploys; of their things, a few are mishandled."""
    return st.builds(world, st.integers(0, 2**48), st.integers(0, 5), st.integers(0, 6))


def world(seed: int, deploys: int, mishaps: int) -> World:
    """The world of this seed, with at most so many deploys and mishaps."""
    dice = Random(seed)
    roles: list[tuple[DeployId, str]] = []
    found: list[Resource] = []
    for number, suffix in enumerate(SUFFIXES[:deploys], 1):
        one, role = deploy(dice.randint(2, 30_000), suffix), dice.choice(ROLES)
        taken = role in ("live", "lease") and role in [known for _, known in roles]
        roles.append((one, "nobody" if taken else role))
        found += resources(one, f"v{number}", LABELS[roles[-1][1]], number)
    found = _mishandled(dice, found, mishaps)
    ledger = _sharing(dice, _ledger(dice, roles), [one for one, _ in roles])
    at = ledger.live.at if ledger.live else ()
    root = Root(
        HOME,
        NOW,
        ledger=_mostly(dice, ledger, Ledger(0)),
        record=_mostly(dice, at, *RECORDS),
        problem=_mostly(dice, "", "no answer"),
        fence=_mostly(dice, 0, ledger.gen, ledger.gen + 1),
        min_age=_mostly(dice, timedelta(0), timedelta(days=1)),
        units=_mostly(dice, UNITS, "", "another set"),
    )
    gaps = _mostly(dice, (), (Gap(PLACE, "volume", "x"),), (Gap(PLACE, DATABASE, "x"),))
    ask = SweepRequest(Retention(dice.randint(1, 3), _mostly(dice, None, timedelta(days=3))), 60)
    return World(Inventory(tuple(found), gaps), root, ask)


def _mostly(dice: Random, usual: Any, *others: Any) -> Any:
    return usual if dice.random() < 0.95 else dice.choice(others)


def _mishandled(dice: Random, found: list[Resource], mishaps: int) -> list[Resource]:
    for _ in range(mishaps if found else 0):
        place = dice.randrange(len(found))
        status = dice.choice(FATES)
        kept = [] if status == GONE else [suffer(found[place], status)]
        found = [*found[:place], *kept, *found[place + 1 :]]
        if not found:
            break
    return found


def _previous(dice: Random, one: DeployId, at: tuple[str, ...], rejected: bool) -> Previous:
    """As this version writes it; now and then as an older one did."""
    retired = NOW - timedelta(seconds=dice.randint(0, 20 * 86400))
    if dice.random() < 0.1:
        return Previous(one, retired, at, rejected)
    return Previous(one, retired, rejected=rejected, count=len(at), via=Via.PRIVATE)


def _ledger(dice: Random, roles: list[tuple[DeployId, str]]) -> Ledger:
    def moment(earliest: int, latest: int) -> Any:
        return NOW + timedelta(seconds=dice.randint(earliest, latest))

    at = {one: (f"10.0.1.{number}",) for number, (one, _) in enumerate(roles, 1)}
    live = next((one for one, role in roles if role == "live"), None)
    lease = next((one for one, role in roles if role == "lease"), None)
    back = [(one, role) for one, role in roles if role in ("previous", "rejected")]
    return Ledger(
        gen=dice.randint(1, 50),
        live=Live(live, at[live], via=Via.PRIVATE) if live else None,
        previous=tuple(_previous(dice, one, at[one], role == "rejected") for one, role in back),
        kept=tuple(Kept(one, moment(-86400, 86400)) for one, role in roles if role == "kept"),
        lease=Lease(lease, moment(-86400, 86400), "image") if lease else None,
    )


def _sharing(dice: Random, ledger: Ledger, deploys: list[DeployId]) -> Ledger:
    """Mostly each has its own database; else some use another's, rooted or not."""
    if dice.random() < 0.6:
        return ledger
    return shared(ledger, {one: dice.choice(deploys) for one in deploys if dice.random() < 0.6})


def another_teams(ours: World) -> tuple[Resource, ...]:
    """The same heap once more, as another team's: same keys, same service, their own ledger."""
    return tuple(
        replace(
            one,
            id=f"their-{one.id}",
            tags={**one.tags, t.LEDGER: THEIRS},
            uses=tuple(f"their-{id_}" for id_ in one.uses),
            used_by=tuple(f"their-{id_}" for id_ in one.used_by),
            addresses=("172.16.0.7",) if one.addresses else (),
        )
        for one in ours.inventory.resources
    )
