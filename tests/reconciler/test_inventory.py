"""A database as a resource: whose it is by its name, or by its memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler import birth
from reconciler.database.inventory import as_resource, highest_fence
from reconciler.database.memory import Memory, State
from reconciler.database.port import DatabaseInfo
from reconciler.resource import DATABASE, Resource
from reconciler.tags import HELD_BY_ADOPTION, Label
from tests.shop_world import DEAD, HOME, LEDGER, LIVE, NOW, PLACE

THEIRS = "Z2/shop._deploy.example.net"
MEMORY = Memory(DEAD, LEDGER, NOW, generation=7)
MINE = DEAD.database_name(LEDGER)


def seen(name: str, memory: Memory | None = MEMORY, size: int | None = None) -> Resource | None:
    """The database as a thing of `shop`, if it is one."""
    return as_resource(DatabaseInfo(name, "shop", size, memory), "shop", LEDGER, PLACE)


def known(name: str, memory: Memory | None = MEMORY, size: int | None = None) -> Resource:
    """The same where it is one."""
    thing = seen(name, memory, size)
    assert thing is not None
    return thing


def test_a_deploys_own_database_is_born_of_it() -> None:
    """Its name proves it, with a memory or without (a crash between create and comment)."""
    for memory in (MEMORY, None):
        thing = known(MINE, memory, size=3 * 1024**3)
        assert (thing.kind, thing.id, thing.deploy, thing.hold) == (DATABASE, MINE, DEAD, "")
        assert birth.doubt(thing, HOME, {}) == ""
        assert thing.size_gb == 3
        assert thing.label is Label.PENDING


def test_its_name_counts_for_more_than_its_memory() -> None:
    """A memory that was copied along (`pg_dump -C`) does not make it the original's."""
    assert known(MINE, replace(MEMORY, deploy=LIVE)).deploy == DEAD


def test_an_adopted_database_is_held() -> None:
    """No deploy made it, but a memory of this ledger claims it: rooted with its deploy, kept."""
    thing = known("shop_production")
    assert (thing.deploy, thing.hold) == (DEAD, HELD_BY_ADOPTION)


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("postgres", None),
        ("shop", None),
        ("shop", replace(MEMORY, ledger=THEIRS)),
        (DEAD.database_name(THEIRS), None),
        (DEAD.database_name(THEIRS), replace(MEMORY, ledger=THEIRS)),
        (replace(DEAD, service="blog").database_name(LEDGER), None),
        ("blog", replace(MEMORY, deploy=replace(DEAD, service="blog"))),
        (f"{MINE}0", None),
    ],
)
def test_other_databases_are_nobodys_here(name: str, memory: Memory | None) -> None:
    """Other services', other companies' on the same server, and what looks nearly like ours."""
    assert seen(name, memory) is None


def test_the_state_is_what_its_memory_says() -> None:
    """Without a memory nobody has shut it."""
    assert known(MINE, replace(MEMORY, state=State.SHUT)).state == "shut"
    assert known(MINE).state == known(MINE, None).state == "open"


def test_an_unknown_size_is_not_a_size() -> None:
    """The admin may not look into every database."""
    assert known(MINE, size=None).size_gb == 0


def test_the_fence_is_the_highest_generation_of_this_ledger() -> None:
    """Other ledgers' databases on the server say nothing about ours."""
    infos = [
        DatabaseInfo("a", "shop", memory=MEMORY),
        DatabaseInfo("b", "shop", memory=replace(MEMORY, generation=44)),
        DatabaseInfo("c", "shop", memory=replace(MEMORY, generation=99, ledger=THEIRS)),
        DatabaseInfo("d", "shop"),
    ]
    assert highest_fence(infos, LEDGER) == 44
    assert highest_fence([], LEDGER) == 0
