"""A database remembers itself (rule 15), asked of the fake and of a real PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.database import state_comment as m
from reconciler.errors import Refused
from reconciler.model.fencing import FencedAct
from tests.fakes.database import WriteRefused
from tests.unit.reconciler.database import test_port
from tests.unit.reconciler.database.test_port import LEDGER, MEMORY, SHOP, World, act, info

world = test_port.world
name = test_port.name

NAME = SHOP.database_name(LEDGER)
MAKING = m.making_name(NAME)

ACTS: dict[str, Callable[[World, str], object]] = {
    "shut": lambda world, name: world.server.shut(name, act(9), ["app"], 2),
    "thaw": lambda world, name: world.server.thaw(name, act(9)),
    "baseline": lambda world, name: world.server.record_baseline(name, act(9)),
    "drop": lambda world, name: world.server.drop(name, act(9), ["app"]),
}


@pytest.fixture
def born(world: World) -> str:
    """A database that a deploy made, under its own name."""
    world.server.create(world.goes(NAME), "app", MEMORY)
    world.fill(NAME)
    return NAME


def names(world: World) -> list[str]:
    """Every database."""
    return [one.name for one in world.server.databases()]


def test_a_new_one_names_itself(world: World, born: str) -> None:
    """Nothing is left of the name under which it was made."""
    found = info(world, born)
    assert found.memory is not None
    assert found.memory.of(born, found.oid)
    assert MAKING not in names(world)


def test_dropped_is_gone(world: World, born: str) -> None:
    """A dropped database is not listed; dropping again, or one that never was, is harmless."""
    world.server.drop(born, act(5))
    world.server.drop(born, act(5))
    assert born not in names(world)
    assert world.server.size(born) == 0


def test_a_drop_ends_the_apps_sessions(world: World, born: str) -> None:
    """The application, the admin and the roles to ignore do not keep a database alive."""
    with world.connected(born, "app"), world.connected(born, "agent"):
        world.server.drop(born, act(5), ["app", "agent"])
    assert born not in names(world)


def test_nothing_is_dropped_under_others(world: World, born: str) -> None:
    """Whoever else is connected is named, and goes on; once he has left it is dropped."""
    with (
        world.connected(born, "clerk"),
        pytest.raises(Refused, match=r"in use by clerk.*ignore_roles"),
    ):
        world.server.drop(born, act(5), ["app"])
    assert born in names(world)
    assert world.server.row_counts(born)


def test_what_has_only_the_name_is_not_dropped(world: World, born: str) -> None:
    """Restored by people under a release's name, without a comment: theirs."""
    world.remark(born, "")
    with pytest.raises(Refused, match="no memory of being it"):
        world.server.drop(born, act(5), ["app"])
    assert born in names(world)


@pytest.mark.parametrize("which", sorted(ACTS))
def test_a_copied_memory_is_not_obeyed(world: World, born: str, which: str) -> None:
    """Renamed, and a backup with its comment restored in its place: neither is acted on."""
    original = world.restore(born)
    for name in (born, original):
        with pytest.raises(Refused, match="copied, restored or renamed"):
            ACTS[which](world, name)
        world.write(name)


def test_a_copy_knows_nothing_of_changes(world: World, born: str) -> None:
    """The counters in a copied memory are its source's: no loss is told from them."""
    world.server.record_baseline(born, act(5))
    original = world.restore(born)
    for name in (born, original):
        assert world.server.changes_since_baseline(name).unknown
        assert not world.server.is_shut(name)


def test_an_adopted_one_is_never_dropped(world: World, name: str) -> None:
    """It has a memory of its own, but no deploy made it."""
    with pytest.raises(Refused, match="no deploy"):
        world.server.drop(name, act(5), ["app"])
    assert name in names(world)


def test_of_another_deploy(world: World, born: str) -> None:
    """An act for another deploy's database than the one that is there is refused."""
    other = FencedAct(5, replace(SHOP, suffix="zzzzz"), LEDGER)
    with pytest.raises(Refused, match="is that of"):
        world.server.shut(born, other, ["app"], 2)
    with pytest.raises(Refused, match="is that of"):
        world.server.drop(born, other, ["app"])
    world.write(born)


def test_an_older_memory_learns_its_name(world: World, name: str) -> None:
    """Written before memories named themselves: believed where no other claims the same."""
    world.remark(name, m.encode(MEMORY))
    assert info(world, name).memory == MEMORY
    world.server.shut(name, act(5), ["app"], 2)
    found = info(world, name)
    assert found.memory is not None
    assert found.memory.of(name, found.oid)


def test_two_older_claims_are_none(world: World, name: str) -> None:
    """Which of two is the copy cannot be told: neither is acted on."""
    other = world.new_name()
    world.server.create(other, "app", MEMORY)
    for one in (name, other):
        world.remark(one, m.encode(MEMORY))
    for one in (name, other):
        with pytest.raises(Refused, match="as does that of"):
            world.server.shut(one, act(5), ["app"], 2)


def test_a_born_name_beats_an_older_claim(world: World, name: str, born: str) -> None:
    """A copy that was made before memories named themselves: the deploy's own one is known."""
    for one in (name, born):
        world.remark(one, m.encode(MEMORY))
    world.server.shut(born, act(5), ["app"], 2)
    with pytest.raises(Refused, match="as does that of"):
        world.server.shut(name, act(5), ["app"], 2)
    world.write(name)


def test_no_second_one_becomes_a_deploys(world: World, name: str) -> None:
    """A database without a memory does not get one for a deploy that has a database."""
    other = world.new_name()
    world.server.create(other, "app", MEMORY)
    world.fill(other)
    world.remark(other, "")
    with pytest.raises(Refused, match=f"{name} is the database of"):
        world.server.shut(other, act(5), ["app"], 2)
    world.write(other)


def test_an_empty_one_that_was_being_made_is_dropped(world: World, born: str) -> None:
    """A crash between CREATE DATABASE and COMMENT leaves it; nobody acts on it but to drop it."""
    world.server.drop(born, act(5))
    world.server.create(world.goes(NAME), "app", MEMORY)
    world.rename(NAME, MAKING)
    world.remark(MAKING, "")
    with pytest.raises(Refused, match="still being made"):
        world.server.shut(MAKING, act(5), ["app"], 2)
    world.server.drop(MAKING, act(5), ["app"])
    assert MAKING not in names(world)


@pytest.mark.parametrize("why", ["in use", "not empty"])
def test_one_that_is_no_leftover_is_not_dropped(world: World, born: str, why: str) -> None:
    """Under such a name, but with content or a session: people's."""
    if why == "in use":
        world.server.drop(born, act(5))
        world.server.create(world.goes(NAME), "app", MEMORY)
    world.rename(NAME, MAKING)
    if why == "in use":
        with world.connected(MAKING, "app"), pytest.raises(Refused, match=why):
            world.server.drop(MAKING, act(5), ["app"])
    else:
        with pytest.raises(Refused, match=why):
            world.server.drop(MAKING, act(5), ["app"])
    assert MAKING in names(world)


def test_a_memory_is_written_anew(world: World, born: str) -> None:
    """After a restore, said by the owner: then it is acted on again."""
    world.restore(born)
    seen = info(world, born)
    assert seen.memory is not None
    world.server.remember(seen, replace(seen.memory, oid=seen.oid))
    world.server.shut(born, act(5), ["app"], 2)
    with pytest.raises(WriteRefused):
        world.write(born)


def test_what_has_changed_is_not_written_over(world: World, born: str) -> None:
    """Between the look and the writing somebody has acted: it is to be looked at again."""
    seen = info(world, born)
    world.server.shut(born, act(5), ["app"], 2)
    with pytest.raises(Refused, match="has changed"):
        world.server.remember(seen, MEMORY)
    assert world.server.is_shut(born)
