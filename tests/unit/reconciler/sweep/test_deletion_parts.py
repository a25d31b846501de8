"""Much garbage goes in parts: each is verified right before it is asked for."""

from __future__ import annotations

import pytest

from reconciler.errors import CloudError
from reconciler.model import tags as t
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.reading import ARecord
from reconciler.model.tags import Label
from reconciler.sweep import deletion as module
from reconciler.sweep.deletion import Collector
from reconciler.util.polling import Backoff
from tests.fakes.scene import Scene
from tests.support.shop_world import DEAD, resources

SOON = Backoff(first=0.01, longest=0.01, deadline=0.05)
MACHINES = ("i-41", "i-42", "i-43")


@pytest.fixture
def many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Three machines of the dead release, of which one at a time is verified and asked for."""
    monkeypatch.setattr(module, "AT_ONCE", 1)
    for number in (42, 43):
        scene.heap.add(resources(DEAD, "v2", Label.FAILED, number)[:3])
    return scene


def collect(scene: Scene) -> dict[str, OutcomeStatus]:
    """What became of each thing of a plan that was made just now."""
    garbage = scene.plan().services[0].deletes
    scene.acts.clear()
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(garbage)
    assert {one.resource.key for one in outcomes} == {one.resource.key for one in garbage}
    return {one.resource.id: one.status for one in outcomes}


def after(scene: Scene, act: str, strike: object) -> None:
    """`strike` is called right after the first such act."""

    def watch(done: str) -> None:
        if done == act and callable(strike):
            scene.acts.then = lambda _: None
            strike()

    scene.acts.then = watch


def test_every_part_is_verified_right_before_it_is_asked_for(many: Scene) -> None:
    """The things, then the ledger, then the call: for each part anew."""
    assert set(collect(many).values()) == {OutcomeStatus.GONE}
    for machine in MACHINES:
        asked = many.acts.index(f"delete {machine}")
        assert many.acts[asked - 2 : asked] == ["describe", "read shop"]


def test_the_parts_of_a_wave_are_asked_for_before_any_is_waited_for(many: Scene) -> None:
    """To wait for the first thousand machines would take longer than AWS's own pace."""
    collect(many)
    first, last = (many.acts.index(f"delete {one}") for one in (MACHINES[0], MACHINES[-1]))
    assert [one for one in many.acts[first:last] if one == "read shop"] == ["read shop"] * 2


@pytest.mark.parametrize("held", ["i-43", "vol-43"])
def test_what_people_hold_while_others_go_is_kept(many: Scene, held: str) -> None:
    """A machine of a later part, or the disk that would go with it."""
    after(many, "delete i-41", lambda: many.heap.change(held, tags={t.HOLD: "evidence"}))
    fates = collect(many)
    assert fates["i-43"] is OutcomeStatus.BLOCKED
    assert (fates["i-41"], fates["i-42"]) == (OutcomeStatus.GONE, OutcomeStatus.GONE)
    assert {"i-43", "vol-43"} <= many.heap.ids


def test_a_machine_of_another_part_in_the_record_stops_the_rest(many: Scene) -> None:
    """Rule 9: its deploy is kept whole, also what is verified without it."""
    address = many.heap.at("i-43").addresses[0]
    record = ARecord(60, (address,))

    def move() -> None:
        many.ledgers.zone.records[many.address.record] = record

    after(many, "delete i-41", move)
    fates = collect(many)
    assert (fates["i-42"], fates["i-43"]) == (OutcomeStatus.FAILED, OutcomeStatus.FAILED)
    assert {"i-42", "i-43", "ami-41", "snap-41"} <= many.heap.ids


def test_a_label_that_was_changed_in_one_part_is_remembered_in_the_next(many: Scene) -> None:
    """What looks lost makes the service unknown: of it nothing more is deleted, in any wave."""
    after(many, "delete i-41", lambda: many.heap.change("i-42", tags={t.STATE: Label.LIVE.value}))
    fates = collect(many)
    assert (fates["i-42"], fates["i-43"], fates["ami-41"]) == (OutcomeStatus.FAILED,) * 3
    assert many.did("delete") == ["delete i-41"]


def test_what_fails_for_a_whole_part_is_not_asked_for_again(many: Scene) -> None:
    """A clean-up that is throttled would feed its own throttling; the next round tries again."""
    many.heap.failing["delete"] = CloudError("slower", code="RequestLimitExceeded")
    fates = collect(many)
    assert {fates[one] for one in MACHINES} == {OutcomeStatus.FAILED}
    assert [one for one in many.did("delete") if " i-" in one] == ["delete i-41"]


def test_little_garbage_goes_in_one_call(many: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as AWS takes is asked for together."""
    monkeypatch.setattr(module, "AT_ONCE", 1000)
    assert set(collect(many).values()) == {OutcomeStatus.GONE}
    assert many.did("delete")[0] == "delete i-41 i-42 i-43"
