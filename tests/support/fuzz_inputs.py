"""Very much nonsense, made with plain random numbers, a tenth of what a search by parts costs.

Hypothesis chooses the seed; what was made of it is what it shows when a test fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from ipaddress import IPv4Address
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Role
from reconciler.model import tags as t
from reconciler.model.deploy_id import SUFFIX_ALPHABET, DeployId
from reconciler.model.ledger import Kept, Lease, Ledger, Live, Previous, Via
from reconciler.model.resource import INSTANCE
from reconciler.plan import plan_file
from reconciler.plan.approved_actions import ApprovedAction, ApprovedActions
from reconciler.plan.plan_file import PlanFile
from tests.support.ledgers import EPOCH
from tests.support.shop_world import HOME, PLACE

T = TypeVar("T")
CHARACTERS = "\x00\t\n \"#'+,-./019:=@AZ[\\]_az{}~\x7f\x85é²٣\u2028\ufeff\U0001d7d9\U0001f600"

LEDGER_PIECES = (
    *('"', '" "', " ", "\\", "v=1", "v=2", "gen=41", "gen=041", "gen=-1", "live="),
    *("shop/20261123T031502Z-aaaaa", "shop/20261323T031502Z-aaaaa", "at=10.0.1.17"),
    *(",10.0.1.300", "previous=", "retired=20261123T031502Z", "rejected", "kept=", "²", "é"),
    *("until=20261123T031502Z", "lease=", "step=image", "\x00", '"v=1 gen=41"'),
)
ID_PIECES = (
    *("shop", "a-b", "/", "-", "20261123T031502Z", "00000000T000000Z", "99991231T235959Z"),
    *("7kq2m", "0oil1", "²", "٣", "\n", "", "Shop", "20261123T031502", "shop/"),
)
TAG_KEYS = (t.ID, t.STATE, t.LEDGER, t.PART, t.HOST_KEY, t.HOLD, t.RELEASE, "Name", "aws:x")
TAG_VALUES = (HOME.ledger, t.part(INSTANCE, PLACE), "pending", "live", "@", "a@b/c/d", "")
LINES = (
    *("[", "[[smoke]]", "keep = -1", 'record = ""', "x = 1", 'account = "12"', "keep = 1e400"),
    *('max_freeze = "9999999999d"', "count = 10000000000000000000000", 'key = "env:"', "= ="),
    *("files = []", 'limit = "²m"', "[ssh]", "[database]", "a.b.c = 1979-05-27", '"" = {}'),
    *("keep = nan", "keep = true", 'carry = ["../.."]', "[lease]", 'length = "0s"', "keep = 0x"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, float("nan"), "", "shop", "x" * 300, [], [[]], {}),
    *({"deploy": 1}, "shop/20261123T031502Z-aaaaa", "20261123T031502Z", "\ud800"),
)


def made(build: Callable[[Random], T]) -> st.SearchStrategy[T]:
    """What is built with the numbers of a seed."""
    return st.integers(0, 2**48).map(lambda seed: build(Random(seed)))


def text(dice: Random, length: int = 40) -> str:
    """Any characters, awkward ones above all."""
    return "".join(dice.choices(CHARACTERS, k=dice.randint(0, length)))


def pieces(dice: Random, of: tuple[str, ...], length: int) -> str:
    """Nearly right: pieces of what is right, in any order, or one of any text."""
    parts = dice.choices(of, k=dice.randint(0, length))
    if dice.random() < 0.2:
        parts.insert(dice.randint(0, len(parts)), text(dice))
    return dice.choice(("", " ")).join(parts)


def mutated(dice: Random, whole: str) -> str:
    """A few characters replaced, left out, doubled or put in."""
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(whole) + 1)
        cut = dice.choice((0, 1, 1, 5))
        put = dice.choice((dice.choice(CHARACTERS), whole[at : at + 7], ""))
        whole = whole[:at] + put + whole[at + cut :]
    return whole


def an_id(dice: Random, service: str = "shop") -> DeployId:
    """A deploy of the service, of some second of some months."""
    moment = EPOCH + timedelta(seconds=dice.randint(0, 10_000_000))
    return DeployId(service, moment, "".join(dice.choices(SUFFIX_ALPHABET, k=5)))


def a_ledger(dice: Random) -> Ledger:
    """Any ledger that the transitions could have made."""

    def moment() -> Any:
        return EPOCH + timedelta(seconds=dice.randint(0, 10_000_000))

    def at() -> tuple[str, ...]:
        some = {str(IPv4Address(dice.getrandbits(32))) for _ in range(dice.randint(1, 14))}
        return tuple(sorted(some))

    named = list({an_id(dice) for _ in range(dice.randint(0, 7))})
    live, lease = (named.pop() if named and dice.random() < 0.5 else None for _ in range(2))
    cut = dice.randint(0, len(named))
    step = dice.choice(("lease", "image", "follow-up", "commit"))
    return Ledger(
        gen=dice.randint(1, 10**9),
        live=Live(live, at(), via=dice.choice((None, *Via))) if live else None,
        previous=tuple(
            Previous(one, moment(), at(), dice.random() < 0.3)
            if dice.random() < 0.3
            else Previous(one, moment(), count=dice.randint(1, 99), via=dice.choice(tuple(Via)))
            for one in named[:cut]
        ),
        kept=tuple(Kept(one, moment()) for one in named[cut:]),
        lease=Lease(lease, moment(), step) if lease else None,
    )


def some_tags(dice: Random) -> dict[str, str]:
    """Our keys and others, with values right, wrong and strange."""
    keys = dice.sample(TAG_KEYS, k=dice.randint(0, len(TAG_KEYS)))
    return {
        key: dice.choice((text(dice), dice.choice(TAG_VALUES), str(an_id(dice)))) for key in keys
    }


def edited(dice: Random, lines: tuple[str, ...]) -> str:
    """The lines of a file, a few of them replaced, left out, changed or put in."""
    found = list(lines)
    for _ in range(dice.randint(0, 4)):
        at = dice.randrange(len(found))
        new = dice.choice((dice.choice(LINES), text(dice), mutated(dice, found[at])))
        found[at : at + dice.randint(0, 1)] = [new]
    return "\n".join(found)


def a_plan_file(dice: Random) -> PlanFile:
    """A plan of up to three services."""
    made_at = EPOCH + timedelta(seconds=dice.randint(0, 10_000_000))
    names = dice.sample(("shop", "blog", "mail"), k=dice.randint(0, 3))
    return PlanFile(made_at, dice.random() < 0.5, tuple(_order(dice, one) for one in names))


def _order(dice: Random, service: str) -> ApprovedActions:
    def some(most: int) -> list[DeployId]:
        return [an_id(dice, service) for _ in range(dice.randint(0, most))]

    return ApprovedActions(
        ServiceLocation(service, HOME.ledger, PLACE),
        dice.choice((None, an_id(dice, service))),
        frozenset((one, dice.choice(list(Role))) for one in some(2)),
        tuple(f"10.0.0.{dice.randint(1, 9)}" for _ in range(dice.randint(0, 2))),
        tuple(some(2)),
        tuple(ApprovedAction(dice.choice(("volume", "é")), text(dice), one) for one in some(3)),
    )


def near_plan(dice: Random) -> str:
    """A plan's text with something in it exchanged; most with the digest made anew over it."""
    whole = plan_file.encode(a_plan_file(dice), {})
    if dice.random() < 0.2:
        return mutated(dice, whole)
    document = json.loads(whole)
    for _ in range(dice.randint(1, 2)):
        _exchange(dice, document)
    document.pop("digest", None)
    if dice.random() < 0.9:
        document["digest"] = plan_file._digest(document)
    return json.dumps(document)


def _exchange(dice: Random, document: dict[str, Any]) -> None:
    """Somewhere in it, at any depth, another value, or none."""
    where: Any = document
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        if not keys:
            return
        key = dice.choice(keys)
        inner = where[key]
        if isinstance(inner, dict | list) and dice.random() < 0.8:
            where = inner
            continue
        if dice.random() < 0.2:
            del where[key]
        else:
            # A copy: the next exchange may put something into it.
            where[key] = deepcopy(dice.choice(VALUES))
        return
