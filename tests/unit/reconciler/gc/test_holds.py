"""Rule 16: a hold is its presence, and a held machine keeps what it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis.errors import NoSuchExample

from reconciler.cli.hold import hold_database
from reconciler.cost.price_list import Prices
from reconciler.database import state_comment as m
from reconciler.database.inventory import as_resources
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory
from reconciler.errors import NoDatabase
from reconciler.gc import references
from reconciler.gc.mark import mark
from reconciler.gc.verdict import Reason
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE, Inventory, Resource
from reconciler.output.explain import explain_lines
from tests.fakes.scene import Scene
from tests.support.random_worlds import worlds
from tests.support.shop_world import ALL, DEAD, LEDGER, PLACE, planned, root
from tests.support.strategies import World
from tests.support.sweeps import DEAD_DB
from tests.unit.reconciler.plan import test_planner_worlds as invariants

AT = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)
FEW = settings(max_examples=400, database=None, suppress_health_check=list(HealthCheck))


def with_hold(reason: str, *ids: str) -> list[Resource]:
    """The small world, these things held."""
    return [
        replace(one, tags={**one.tags, t.HOLD: reason}) if one.id in ids else one for one in ALL
    ]


def kept_of(resources: Iterable[Resource]) -> dict[str, str]:
    """What of the dead release is kept, and why."""
    verdicts = mark(Inventory(tuple(resources)), {"shop": root()})
    return {
        one.resource.id: one.text
        for one in verdicts
        if one.resource.deploy == DEAD and not one.collect
    }


@pytest.mark.parametrize("reason", ["", " ", "ask Ann"])
def test_a_hold_is_its_presence(reason: str) -> None:
    """A tag without a value holds as any other does, and what is said of it has words."""
    kept = kept_of(with_hold(reason, "snap-41"))
    assert kept["snap-41"] == f"deploy-hold: {reason.strip() or 'no reason was given'}"


def test_a_hold_without_a_reason_is_shown() -> None:
    """`explain` says that there is a hold, and how to take it off."""
    plan = planned(resources=with_hold("", "snap-41"))
    [service_plan] = plan.services
    verdict = next(one for one in service_plan.verdicts if one.resource.id == "snap-41")
    text = "\n".join(explain_lines(plan, verdict, Prices()))
    assert "yes, without a reason" in text
    assert "reconciler unhold snap-41" in text


@pytest.mark.parametrize("reason", ["", "the customer wants its log"])
def test_a_held_machine_keeps_database_and_image(reason: str) -> None:
    """And what these use: nothing of a dead release that its machine needs is removed."""
    kept = kept_of(with_hold(reason, "i-41"))
    assert set(kept) == {"i-41", "vol-41", "eni-41", "ami-41", "snap-41", "db-41"}
    assert kept["db-41"] == "i-41 of its release is held, and needs it"


def test_a_held_image_holds_no_database() -> None:
    """Only what the held thing needs stays."""
    assert set(kept_of(with_hold("", "ami-41"))) == {"ami-41", "snap-41"}


def test_adoption_holds_the_machine_alone() -> None:
    """What `adopt` wrote protects what no deploy created, and nothing of a release."""
    adopted = [
        replace(one, token="", tags={**one.tags, t.HOLD: t.HELD_BY_ADOPTION, t.STATE: "left"})
        if one.id == "i-41"
        else one
        for one in ALL
    ]
    verdicts = mark(Inventory(tuple(adopted)), {"shop": root()})
    reasons = {one.resource.id: one.reason for one in verdicts}
    assert (reasons["i-41"], reasons["db-41"]) == (Reason.HELD, Reason.UNROOTED)


def test_the_hold_of_a_database_is_in_its_memory() -> None:
    """It goes through the comment's text and comes back as the thing's hold."""
    name = DEAD.database_name(LEDGER)
    memory = m.parse(m.encode(Memory(DEAD, LEDGER, AT, hold="")))
    held = DatabaseInfo(name, "shop", memory=memory)
    free = replace(held, memory=replace(memory, hold=None))
    assert [one.held for one in as_resources([held], "shop", LEDGER, PLACE)] == [True]
    assert [one.held for one in as_resources([free], "shop", LEDGER, PLACE)] == [False]


def test_a_held_database_outlives_a_sweep(scene: Scene) -> None:
    """Everything else of the dead release goes; let go of, the database goes too."""
    [resource] = [
        one.resource for one in scene.plan().services[0].deletes if one.resource.kind == DATABASE
    ]
    hold_database((scene.managed,), resource, "the customer wants its orders")
    scene.sweep()
    assert DEAD_DB in scene.databases
    assert "i-41" not in scene.heap.ids
    hold_database((scene.managed,), resource, None)
    scene.sweep()
    assert DEAD_DB not in scene.databases


def test_a_machine_held_while_the_sweep_runs_keeps_its_database(scene: Scene) -> None:
    """The plan was made before; the database is judged again with the hold that was seen since."""

    def meddle(act: str) -> None:
        if act.startswith("describe"):
            scene.heap.change("i-41", tags={t.HOLD: ""})

    scene.acts.then = meddle
    scene.sweep()
    assert "i-41" in scene.heap.ids
    assert DEAD_DB in scene.databases


def test_without_a_server_there_is_no_place_for_a_hold(scene: Scene) -> None:
    """Said in words."""
    [resource] = [
        one.resource for one in scene.plan().services[0].deletes if one.resource.kind == DATABASE
    ]
    scene.reach.server = None
    with pytest.raises(NoDatabase):
        hold_database((scene.managed,), resource, "why")


# The worlds' own self-test: each mutation of rule 16 is caught.


def test_the_worlds_catch_a_hold_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the rule was before: only a tag with a value held."""
    monkeypatch.setattr(Resource, "held", property(lambda one: bool(one.hold)))
    assert _broken(invariants.test_a_held_thing_is_never_deleted)


def test_the_worlds_catch_a_machine_that_holds_itself_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the rule was before: its database and image went."""
    assert not _broken(invariants.test_a_held_machine_keeps_what_it_needs)
    monkeypatch.setattr(references, "_spare_what_held_machines_need", lambda verdicts: verdicts)
    assert _broken(invariants.test_a_held_machine_keeps_what_it_needs)


def _broken(invariant: object) -> bool:
    """Whether a world in which the invariant fails is found."""

    def fails(world: World) -> bool:
        try:
            invariant.hypothesis.inner_test(world, "")  # type: ignore[attr-defined]
        except AssertionError:
            return True
        return False

    try:
        find(worlds(), fails, settings=FEW)
    except NoSuchExample:
        return False
    return True
