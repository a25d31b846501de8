"""Which database is a deploy's: where that is in doubt, the service is unknown (rule 15)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.gc.database_claims import dispute
from reconciler.gc.mark import mark, settled
from reconciler.gc.verdict import Reason, Root
from reconciler.model.resource import DATABASE, MAKING, Inventory, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, HOLD
from tests.support.shop_world import ALL, CLEAN, DEAD, HOME, LEDGER, LIVE, NOW, OLD

DATABASES = {one.deploy: one for one in ALL if one.kind == DATABASE}
DOUBT = "its memory is that of another"
ROOT = Root(HOME, NOW, CLEAN, ("10.0.1.17",))


def claim(name: str, doubt: str = "", state: str = "open") -> Resource:
    """A database that no deploy made and that claims to be live's."""
    of = DATABASES[LIVE]
    tags = dict(of.tags) if doubt else {**of.tags, HOLD: HELD_BY_ADOPTION}
    return replace(of, id=name, name=name, tags=tags, doubt=doubt, state=state)


def doubted(one: Resource) -> Resource:
    """The same, not believed."""
    return replace(one, doubt=DOUBT)


def unknown(*resources: Resource) -> str:
    """The problem of the service with these databases beside its machines; '' where it has none."""
    rest = tuple(one for one in ALL if one.kind != DATABASE)
    return settled(Inventory(rest + resources), {"shop": ROOT})["shop"].problem


def test_one_each_is_known() -> None:
    """Also none at all: a service may have no databases."""
    assert unknown(*DATABASES.values()) == ""
    assert unknown() == ""


@pytest.mark.parametrize("of", [LIVE, OLD])
def test_a_rooted_deploys_restored_database_makes_it_unknown(of: object) -> None:
    """It has the name, and nothing shows that it is the one: nothing is shut, thawed or dropped."""
    resources = [doubted(one) if one.deploy == of else one for one in DATABASES.values()]
    assert f"whether the database of {of}" in unknown(*resources)
    assert DOUBT in unknown(*resources)


def test_two_that_are_believed() -> None:
    """Both remember being it: both are named, and a command that says which it is."""
    found = dispute(HOME, CLEAN, [claim("shop"), claim("shop2")])
    assert found is not None
    assert "is shop, or shop2: each remembers" in found.problem
    assert "deployer recover shop --database shop" in found.cure


def test_the_name_of_the_deploy_is_proposed_first() -> None:
    """Whoever follows the cure without looking takes the one that bears the deploy's name."""
    mine = doubted(DATABASES[LIVE])
    found = dispute(HOME, CLEAN, [doubted(claim("a_copy")), mine])
    assert found is not None
    assert f"--database {LIVE.database_name(LEDGER)}" in found.cure


def test_copies_beside_the_one_are_no_problem() -> None:
    """People copy databases, for reports and tests: look-alikes, and the service goes on."""
    copy = claim("shop_report", DOUBT)
    assert unknown(*DATABASES.values(), copy) == ""
    inventory = Inventory((*ALL, copy))
    verdict = next(one for one in mark(inventory, {"shop": ROOT}) if one.resource.id == copy.id)
    assert (verdict.reason, verdict.text) == (Reason.LOOK_ALIKE, DOUBT)


def test_what_is_not_rooted_does_not_matter() -> None:
    """A forgotten release's name, restored by people: kept and reported."""
    of_dead = doubted(DATABASES[DEAD])
    inventory = Inventory(tuple(of_dead if one == DATABASES[DEAD] else one for one in ALL))
    assert settled(inventory, {"shop": ROOT})["shop"].problem == ""
    verdict = next(one for one in mark(inventory, {"shop": ROOT}) if one.resource == of_dead)
    assert verdict.reason is Reason.LOOK_ALIKE


def test_one_that_is_being_made_is_not_yet_its_deploys() -> None:
    """Between its making and its name a deploy has none: that is no doubt."""
    assert unknown(replace(DATABASES[LIVE], state=MAKING)) == ""
    assert unknown(*DATABASES.values(), claim("shop_making", state=MAKING)) == ""
