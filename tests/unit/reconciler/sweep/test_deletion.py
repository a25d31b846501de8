"""The collector: verified again before each wave, gone only when a later look says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.errors import AccessDenied, CloudError, DatabaseError
from reconciler.model import ledger as led
from reconciler.model import tags as t
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.reading import ARecord
from reconciler.model.resource import IMAGE, INSTANCE, VOLUME, Gap
from reconciler.model.tags import Label
from reconciler.sweep import deletion as module
from reconciler.sweep.deletion import Collector
from reconciler.util.backoff import Backoff
from tests.fakes.scene import Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, NOW, PLACE, resources

DEAD_DB = DEAD.database_name(LEDGER)
SOON = Backoff(first=0.01, longest=0.01, deadline=0.05)


def collect(scene: Scene) -> dict[str, Outcome]:
    """Collect what a plan made just now calls garbage; the outcomes by id."""
    garbage = scene.plan().services[0].deletes
    scene.acts.clear()
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(garbage)
    assert scene.told == list(outcomes)
    assert [one.resource.key for one in outcomes] == [one.resource.key for one in garbage]
    return {one.resource.id: one for one in outcomes}


def fates(outcomes: dict[str, Outcome]) -> dict[str, OutcomeStatus]:
    """Only the fates."""
    return {id_: one.status for id_, one in outcomes.items()}


def once(act: str, strike: Callable[[], object], scene: Scene) -> None:
    """`strike` happens right after the first such act."""

    def watch(done: str) -> None:
        if done == act:
            scene.acts.then = lambda _: None
            strike()

    scene.acts.then = watch


def test_everything_goes_wave_by_wave(scene: Scene) -> None:
    """A machine's disk and interface go with it; image before snapshot; the database last."""
    assert set(fates(collect(scene)).values()) == {OutcomeStatus.GONE}
    assert scene.did("delete", "drop") == [
        "delete i-41",
        "delete ami-41",
        "delete snap-41",
        f"drop {DEAD_DB}",
    ]


def test_what_went_with_its_machine_is_only_seen_to_be_gone(scene: Scene) -> None:
    """A wave of which nothing is left has nothing to judge: no ledger is read for it."""
    collect(scene)
    assert scene.acts[: scene.acts.index("delete ami-41")].count("read shop") == 2


def test_what_people_hold_meanwhile_is_dropped_from_the_plan(scene: Scene) -> None:
    """A word written between the waves counts; the rest goes on."""
    scene.plan()
    once("delete i-41", lambda: scene.heap.change("ami-41", tags={t.HOLD: "wait"}), scene)
    outcomes = collect(scene)
    assert outcomes["ami-41"].status is OutcomeStatus.BLOCKED
    assert "kept after all: deploy-hold: wait" in outcomes["ami-41"].text
    assert outcomes["snap-41"].status is OutcomeStatus.BLOCKED
    assert outcomes[DEAD_DB].status is OutcomeStatus.GONE


def test_a_disk_that_is_held_meanwhile_keeps_its_machine(scene: Scene) -> None:
    """Its tags are read again right before the machine is terminated, the disk with it."""
    plan = scene.plan().services[0].deletes
    scene.heap.change("vol-41", tags={t.HOLD: "evidence"})
    outcomes = {one.resource.id: one for one in Collector(scene.managed, print, SOON).collect(plan)}
    assert outcomes["i-41"].status is OutcomeStatus.BLOCKED
    assert "kept after all" in outcomes["i-41"].text
    assert {"i-41", "vol-41"} <= scene.heap.ids


def test_a_disk_whose_tags_are_not_shown_is_as_it_was_last_seen(scene: Scene) -> None:
    """An index that lags takes no hold away."""
    scene.heap.change("vol-41", tags={t.HOLD: "evidence"})
    [dead] = [one for one in scene.plan().services[0].verdicts if one.resource.id == "i-41"]
    disk = scene.heap.at("vol-41")
    scene.heap.untag("vol-41", [t.ID])
    collector = Collector(scene.managed, print, SOON)
    collector._seen = (dead.resource, disk)
    outcomes = [*collector._wave([dead.resource])]
    assert [one.status for one in outcomes] == [OutcomeStatus.BLOCKED]


def test_a_disk_whose_tags_cannot_be_read_keeps_its_machine(scene: Scene) -> None:
    """What is not known may be a hold: the machine would take the disk along."""
    gap = Gap(PLACE, VOLUME, "throttled")
    garbage = scene.plan().services[0].deletes
    once("tags", lambda: scene.heap.gaps.append(gap), scene)
    outcomes = {
        one.resource.id: one for one in Collector(scene.managed, print, SOON).collect(garbage)
    }
    assert outcomes["i-41"].status is OutcomeStatus.FAILED
    assert "throttled" in outcomes["i-41"].text
    assert {"i-41", "vol-41"} <= scene.heap.ids


def test_nobody_looks_at_a_machine_in_the_moment_after_its_termination(scene: Scene) -> None:
    """No machine ends at once: the first look is worth its call only after a wait."""
    pace = replace(SOON, sleep=lambda _: scene.acts.append("wait"))
    garbage = scene.plan().services[0].deletes
    Collector(scene.managed, print, pace).collect(garbage)
    after = scene.acts.index("delete i-41") + 1
    assert scene.acts[after : after + 2] == ["wait", "describe"]
    after = scene.acts.index("delete ami-41") + 1
    assert scene.acts[after] == "describe"


def test_what_is_rooted_meanwhile_is_dropped_from_the_plan(scene: Scene) -> None:
    """The ledger is read again after the things, before each wave: here it roots the deploy.

    (It never comes back by our own rules; by people's hands it may.)
    """
    garbage = scene.plan()
    assert garbage.services[0].deletes
    scene.acts.then = lambda _: None
    plan = garbage.services[0].deletes
    scene.ledger = led.acquire(CLEAN, DEAD, NOW)
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(plan)
    assert {one.status for one in outcomes} == {OutcomeStatus.BLOCKED}
    assert scene.did("delete", "drop") == []


def test_a_sweep_waits_for_a_deletion_as_long_as_configured(scene: Scene) -> None:
    """`limits.delete`: what takes longer is said to be on its way, and not called gone."""
    plan = scene.plan().services[0].deletes
    machine = next(one.resource for one in plan if one.resource.kind == INSTANCE)
    scene.heap.slow[machine.id] = 1000
    managed = replace(scene.managed, delete_limit=0.01)
    outcomes = Collector(managed, scene.told.append).collect(plan)
    assert OutcomeStatus.PENDING in [
        one.status for one in outcomes if one.resource.id == machine.id
    ]


def test_a_machine_back_in_the_record_stops_the_plan(scene: Scene) -> None:
    """Rule 9, at the last moment: somebody pointed the record at it since the plan was made."""
    plan = scene.plan().services[0].deletes
    scene.ledgers.point(scene.address, "10.0.1.41")
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(plan)
    assert "10.0.1.41" not in [one.text for one in outcomes]
    assert {one.status for one in outcomes} == {OutcomeStatus.FAILED}
    assert scene.did("delete", "drop") == []


@pytest.mark.parametrize(
    "error",
    [CloudError("route53: no answer"), AccessDenied("route53: denied")],
    ids=["no answer", "denied"],
)
def test_a_ledger_out_of_reach_stops_every_wave(scene: Scene, error: CloudError) -> None:
    """Unknown since the plan was made: nothing more is deleted, each item says why."""
    plan = scene.plan().services[0].deletes
    scene.ledgers.unreadable["shop"] = error
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(plan)
    assert {one.status for one in outcomes} == {OutcomeStatus.FAILED}
    assert all(str(error) in one.text for one in outcomes)
    assert scene.did("delete", "drop") == []


def test_a_page_that_cannot_be_read_stops_the_wave(scene: Scene) -> None:
    """What cannot be looked at again is not deleted, and not called gone."""
    plan = scene.plan().services[0].deletes
    scene.heap.gaps.append(Gap(PLACE, VOLUME, "throttled"))
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(plan)
    assert {one.status for one in outcomes} == {OutcomeStatus.FAILED}
    assert scene.did("delete", "drop") == []


def test_a_describe_that_fails_stops_its_wave_only(scene: Scene) -> None:
    """The next wave looks again."""
    scene.plan()

    def strike() -> None:
        scene.heap.failing["describe"] = CloudError("ec2: no answer")
        scene.heap.meddlers.extend([lambda: None, scene.heap.failing.clear])

    strike()
    found = fates(collect(scene))
    assert found["i-41"] is OutcomeStatus.FAILED
    assert found["ami-41"] is OutcomeStatus.GONE


def test_a_delete_that_fails_stops_nothing_else(scene: Scene) -> None:
    """Every item gets its outcome, whatever the wave before did."""
    scene.heap.failing["delete"] = AccessDenied("ec2:TerminateInstances is denied")
    outcomes = collect(scene)
    assert outcomes["i-41"].status is OutcomeStatus.FAILED
    assert "TerminateInstances is denied" in outcomes["i-41"].text
    assert outcomes[DEAD_DB].status is OutcomeStatus.GONE


def test_asked_for_is_not_gone(scene: Scene) -> None:
    """A machine that takes long to stop is pending, and what it uses is kept."""
    scene.heap.slow["i-41"] = 10_000
    outcomes = collect(scene)
    assert outcomes["i-41"].status is OutcomeStatus.PENDING
    assert outcomes["vol-41"].status is OutcomeStatus.BLOCKED
    assert "i-41" in scene.heap.ids


def test_only_what_was_not_seen_is_said_to_be_gone_already(scene: Scene) -> None:
    """By its fate, whatever stands in its words."""
    outcomes = collect(scene)
    assert outcomes["vol-41"].text == "already gone"
    assert outcomes["i-41"].text == ""


def test_a_page_that_is_not_read_while_waiting_is_no_absence(scene: Scene) -> None:
    """Hidden is not gone."""
    scene.heap.slow["i-41"] = 10_000
    once(
        "delete i-41",
        lambda: scene.heap.gaps.append(Gap(PLACE, INSTANCE, "throttled")),
        scene,
    )
    outcomes = collect(scene)
    assert outcomes["i-41"].status is OutcomeStatus.PENDING
    assert OutcomeStatus.GONE not in {outcomes["ami-41"].status, outcomes["vol-41"].status}


def test_what_somebody_else_removed_is_gone(scene: Scene) -> None:
    """Two sweeps at once: each finds the other's work done."""
    plan = scene.plan().services[0].deletes
    scene.heap.held = {key: one for key, one in scene.heap.held.items() if key[0] != IMAGE}
    outcomes = Collector(scene.managed, scene.told.append, SOON).collect(plan)
    image = next(one for one in outcomes if one.resource.id == "ami-41")
    assert (image.status, image.text) == (OutcomeStatus.GONE, "already gone")
    assert "delete ami-41" not in scene.acts


def test_a_database_that_cannot_be_dropped_fails_alone(scene: Scene) -> None:
    """The server's own words are kept."""
    scene.server.failing["drop"] = DatabaseError("database is being accessed by other users")
    outcomes = collect(scene)
    assert outcomes[DEAD_DB].status is OutcomeStatus.FAILED
    assert "other users" in outcomes[DEAD_DB].text
    assert DEAD_DB in scene.databases


def test_a_database_of_a_service_without_a_server_is_blocked(scene: Scene) -> None:
    """The configuration lost its database section between plan and wave."""
    plan = scene.plan().services[0].deletes
    reach = replace(scene.reach, server=None)
    managed = replace(scene.managed, reach=reach)
    outcomes = Collector(managed, scene.told.append, SOON).collect(plan)
    assert outcomes[-1].resource.id == DEAD_DB
    assert DEAD_DB in scene.databases


MACHINES = ("i-41", "i-42", "i-43")


@pytest.fixture
def many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Three machines of the dead release, of which one at a time is verified and asked for."""
    monkeypatch.setattr(module, "AT_ONCE", 1)
    for number in (42, 43):
        scene.heap.add(resources(DEAD, "v2", Label.FAILED, number)[:3])
    return scene


def collected_in_parts(scene: Scene) -> dict[str, OutcomeStatus]:
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
    assert set(collected_in_parts(many).values()) == {OutcomeStatus.GONE}
    for machine in MACHINES:
        asked = many.acts.index(f"delete {machine}")
        assert many.acts[asked - 3 : asked] == ["describe", "tags", "read shop"]


def test_the_parts_of_a_wave_are_asked_for_before_any_is_waited_for(many: Scene) -> None:
    """To wait for the first thousand machines would take longer than AWS's own pace."""
    collected_in_parts(many)
    first, last = (many.acts.index(f"delete {one}") for one in (MACHINES[0], MACHINES[-1]))
    assert [one for one in many.acts[first:last] if one == "read shop"] == ["read shop"] * 2


@pytest.mark.parametrize("held", ["i-43", "vol-43"])
def test_what_people_hold_while_others_go_is_kept(many: Scene, held: str) -> None:
    """A machine of a later part, or the disk that would go with it."""
    after(many, "delete i-41", lambda: many.heap.change(held, tags={t.HOLD: "evidence"}))
    fates = collected_in_parts(many)
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
    fates = collected_in_parts(many)
    assert (fates["i-42"], fates["i-43"]) == (OutcomeStatus.FAILED, OutcomeStatus.FAILED)
    assert {"i-42", "i-43", "ami-41", "snap-41"} <= many.heap.ids


def test_a_label_that_was_changed_in_one_part_is_remembered_in_the_next(many: Scene) -> None:
    """What looks lost makes the service unknown: of it nothing more is deleted, in any wave."""
    after(many, "delete i-41", lambda: many.heap.change("i-42", tags={t.STATE: Label.LIVE.value}))
    fates = collected_in_parts(many)
    assert (fates["i-42"], fates["i-43"], fates["ami-41"]) == (OutcomeStatus.FAILED,) * 3
    assert many.did("delete") == ["delete i-41"]


def test_what_fails_for_a_whole_part_is_not_asked_for_again(many: Scene) -> None:
    """A clean-up that is throttled would feed its own throttling; the next round tries again."""
    many.heap.failing["delete"] = CloudError("slower", code="RequestLimitExceeded")
    fates = collected_in_parts(many)
    assert {fates[one] for one in MACHINES} == {OutcomeStatus.FAILED}
    assert [one for one in many.did("delete") if " i-" in one] == ["delete i-41"]


def test_little_garbage_goes_in_one_call(many: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as AWS takes is asked for together."""
    monkeypatch.setattr(module, "AT_ONCE", 1000)
    assert set(collected_in_parts(many).values()) == {OutcomeStatus.GONE}
    assert many.did("delete")[0] == "delete i-41 i-42 i-43"
