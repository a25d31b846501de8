"""A database as a resource: whose it is by its name, or by its memory."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.database.inventory import as_resources, highest_fence
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory, State, making_name
from reconciler.gc import ownership
from reconciler.model.resource import DATABASE, MAKING, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, Label
from reconciler.model.tags import LEDGER as LEDGER_TAG
from tests.support.shop_world import DEAD, HOME, LEDGER, LIVE, NOW, PLACE

THEIRS = "Z2/shop._deploy.example.net"
MEMORY = Memory(DEAD, LEDGER, NOW, generation=7)
MINE = DEAD.database_name(LEDGER)


def database(name: str, memory: Memory | None = MEMORY, oid: int = 7) -> DatabaseInfo:
    """A database as it is listed; its memory names itself where it names nothing yet."""
    own = replace(memory, name=name, oid=oid) if memory and memory.old else memory
    return DatabaseInfo(name, "shop", None, own, oid=oid)


def things(*infos: DatabaseInfo) -> dict[str, Resource]:
    """The databases that are things of `shop`, by name."""
    return {one.name: one for one in as_resources(infos, "shop", LEDGER, PLACE)}


def seen(name: str, memory: Memory | None = MEMORY, size: int | None = None) -> Resource | None:
    """The database as a thing of `shop`, if it is one."""
    return things(replace(database(name, memory), size_bytes=size)).get(name)


def known(name: str, memory: Memory | None = MEMORY, size: int | None = None) -> Resource:
    """The same where it is one."""
    thing = seen(name, memory, size)
    assert thing is not None
    return thing


def test_a_deploys_own_database_is_born_of_it() -> None:
    """Its name and a memory that names it prove it."""
    thing = known(MINE, size=3 * 1024**3)
    assert (thing.kind, thing.id, thing.deploy, thing.hold) == (DATABASE, MINE, DEAD, "")
    assert ownership.doubt(thing, HOME, {}) == ""
    assert thing.size_gb == 3
    assert thing.label is Label.PENDING


@pytest.mark.parametrize(
    ("memory", "why"),
    [
        (None, "no memory of being it"),
        (replace(MEMORY, ledger=THEIRS), "no memory of being it"),
        (replace(MEMORY, deploy=LIVE), "copied"),
        (replace(MEMORY, name=MINE, oid=8), r"\(oid 8\).*copied, restored or renamed"),
        (replace(MEMORY, name="shop", oid=7), "memory is that of shop"),
        (replace(MEMORY, name=MINE, oid=0), "people said"),
    ],
)
def test_the_name_alone_proves_nothing(memory: Memory | None, why: str) -> None:
    """Restored by people under a release's name, with a copied comment or without: theirs."""
    thing = known(MINE, memory)
    assert thing.deploy == DEAD
    assert re.search(why, ownership.doubt(thing, HOME, {}))


def test_what_was_being_made_is_its_deploys() -> None:
    """A crash left it: with a memory or without, it is no database of the deploy, but its own."""
    for memory in (None, MEMORY, replace(MEMORY, name=MINE, oid=7)):
        thing = known(making_name(MINE), memory)
        assert (thing.deploy, thing.state, thing.hold) == (DEAD, MAKING, "")
        assert ownership.doubt(thing, HOME, {}) == ""


def test_a_copied_claim_is_doubted() -> None:
    """`pg_dump -C` of an adopted database under another name: not held, a look-alike."""
    copy = database("shop_report", replace(MEMORY, name="shop", oid=7), oid=8)
    found = things(database("shop"), copy)
    assert found["shop"].hold == HELD_BY_ADOPTION
    assert found["shop_report"].hold == ""
    assert "memory is that of shop" in ownership.doubt(found["shop_report"], HOME, {})


def test_a_born_name_beats_a_claim() -> None:
    """Where a deploy has made one, no other becomes its own by a claim."""
    found = things(database(MINE), database("shop", oid=8))
    assert found[MINE].doubt == ""
    assert "claims to be" in found["shop"].doubt


def old(name: str, oid: int) -> DatabaseInfo:
    """A database whose memory is of an older version."""
    return DatabaseInfo(name, "shop", None, MEMORY, oid=oid)


def test_an_older_memory_is_believed_alone() -> None:
    """It does not say which database it is of: so no other may claim the same."""
    assert things(old("shop", 7))["shop"].hold == HELD_BY_ADOPTION
    both = things(old("shop", 7), old("copy", 8))
    assert all("as does that of" in one.doubt for one in both.values())
    assert things(old(MINE, 7), old("copy", 8))[MINE].doubt == ""
    newer = things(old("copy", 7), database("shop", oid=8))
    assert (newer["shop"].doubt, bool(newer["copy"].doubt)) == ("", True)


def test_an_adopted_database_is_held() -> None:
    """No deploy made it, but a memory of this ledger claims it: rooted with its deploy, kept."""
    thing = known("shop_production")
    assert (thing.deploy, thing.hold) == (DEAD, HELD_BY_ADOPTION)


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("postgres", None),
        ("shop", None),
        (DEAD.database_name(THEIRS), None),
        (replace(DEAD, service="blog").database_name(LEDGER), None),
        ("blog", replace(MEMORY, deploy=replace(DEAD, service="blog"))),
        (f"{MINE}0", None),
    ],
)
def test_other_databases_are_nobodys_here(name: str, memory: Memory | None) -> None:
    """Other services', other companies' on the same server, and what looks nearly like ours."""
    assert seen(name, memory) is None


@pytest.mark.parametrize("name", ["shop", DEAD.database_name(THEIRS)])
def test_one_of_another_ledger_is_its_own_alone(name: str) -> None:
    """Listed, for the ledger may have been moved from there; foreign unless it was (rule 12)."""
    thing = known(name, replace(MEMORY, ledger=THEIRS))
    assert thing.tags[LEDGER_TAG] == THEIRS
    assert not HOME.owns(thing.tags[LEDGER_TAG])
    moved = replace(HOME, was=(THEIRS,))
    assert moved.owns(thing.tags[LEDGER_TAG])
    assert thing.hold or ownership.doubt(thing, moved, {}) == ""


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
