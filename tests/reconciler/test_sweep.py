"""The sweep: the order of its acts, on fakes that tell everything that was read and done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler import ledger as led
from reconciler import tags as t
from reconciler.birth import Home
from reconciler.cloud import Fate
from reconciler.errors import AccessDenied, CannotConnect, CloudError, DatabaseError, Refused
from reconciler.fence import FencedAct
from reconciler.ledger import Kept, Lease, Previous
from reconciler.machine_acts import Act, obey
from reconciler.plan import Ask
from reconciler.resource import DATABASE, INSTANCE, VOLUME, Gap, Resource
from reconciler.retention import Retention
from reconciler.sweep import Result, sweep
from reconciler.tags import Label, Place
from reconciler.verdict import Reason
from tests.fakes.ledgers import Weather
from tests.fakes.scene import GATE, ROLE, Scene
from tests.shop_world import ALL, CLEAN, DEAD, DIED, LEDGER, LIVE, NOW, OLD, PLACE, things

DEAD_IDS = {"i-41", "vol-41", "eni-41", "ami-41", "snap-41"}
DEAD_DB, LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (DEAD, LIVE, OLD))
NEWER = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=65), ("10.0.1.8",))
CROWDED = replace(CLEAN, previous=(NEWER, *CLEAN.previous))
ONE_KEPT = Ask(Retention(keep=1))
BUSY = replace(CLEAN, lease=Lease(replace(DEAD, suffix="zzzzz"), NOW, "image"))
DELETING = ("delete", "drop")
CHANGING = (*DELETING, "swap", "label", "shut", "thaw", "run", "stop")


def fates(result: Result) -> dict[str, Fate]:
    """What became of each thing."""
    return {one.resource.id: one.fate for one in result.outcomes}


def only_live(scene: Scene) -> None:
    """Nothing dead: the world is as it should be, unless a test disturbs it."""
    for id_ in DEAD_IDS:
        scene.heap.held = {key: one for key, one in scene.heap.held.items() if key[1] != id_}
    del scene.server.held[DEAD_DB]


# What a sweep does.


def test_a_dead_release_goes_whole(scene: Scene) -> None:
    """Machine with disk and interface, image, snapshot, database; nothing else is touched."""
    before = scene.heap.ids
    result = scene.sweep()
    assert result.clean
    assert set(fates(result).values()) == {Fate.GONE}
    assert scene.heap.ids == before - DEAD_IDS
    assert scene.databases == {LIVE_DB, OLD_DB}
    assert scene.did("swap") == []
    assert {one.resource.id for one in scene.told} == DEAD_IDS | {DEAD_DB}


def test_a_clean_world_is_only_read(scene: Scene) -> None:
    """Nothing is written, not even a label or a generation."""
    only_live(scene)
    assert scene.sweep().clean
    assert scene.did(*CHANGING) == []


def test_a_sweep_twice_is_a_sweep_once(scene: Scene) -> None:
    """The second finds nothing to do."""
    scene.sweep()
    scene.acts.clear()
    assert scene.sweep().clean
    assert scene.did(*CHANGING) == []


def test_young_leaves_the_old_alone(scene: Scene) -> None:
    """The minor sweep looks at what may be garbage only, and collects the same."""
    assert scene.sweep(young=True).clean
    assert not scene.heap.ids & DEAD_IDS


# Rule 2: the heap first, the ledger last.


def born_between(scene: Scene) -> None:
    """After the first look, whatever it is at, a release begins: lease first, then a machine."""
    newborn = replace(DEAD, suffix="qqqqq")

    def begin(_: str) -> None:
        scene.acts.then = lambda _: None
        scene.ledgers.put(scene.address, replace(CLEAN, lease=Lease(newborn, NOW, "launch")))
        scene.heap.add(things(newborn, "v2", Label.PENDING, 77)[:-1])

    scene.acts.then = begin


def test_rule_2_heap_before_ledger(scene: Scene) -> None:
    """A deploy born between the two looks is no garbage: its root is read after its things."""
    only_live(scene)
    born_between(scene)
    todo = scene.plan().services[0]
    assert todo.deletes == ()
    assert scene.acts == ["scan", "read shop"]


def test_rule_2_heap_before_ledger_before_every_wave(scene: Scene) -> None:
    """The collector's second look is in the same order, and at both sides."""
    scene.sweep()
    waves = [n for n, act in enumerate(scene.acts) if act.startswith(DELETING)]
    assert len(waves) == 4
    for wave in waves:
        assert scene.acts[wave - 2 : wave] == ["describe", "read shop"]


# Rule 3: un-root by a swap, then delete.


def test_rule_3_an_expired_lease_is_ended_before_its_things_go(scene: Scene) -> None:
    """The swap is the first change of all."""
    scene.ledger = DIED
    result = scene.sweep()
    assert result.clean
    assert result.ended == (DEAD,)
    assert scene.did(*CHANGING)[0] == "swap 45"
    assert {one.fate for one in scene.told} == {Fate.GONE}  # not even tried before
    assert not scene.heap.ids & DEAD_IDS


def test_rule_3_no_deletion_when_the_swap_is_lost(scene: Scene) -> None:
    """Its holder was alive after all and renewed the lease: then it is no garbage."""
    scene.ledger = DIED
    assert DIED.lease is not None
    alive = led.renew(DIED, DEAD, NOW + timedelta(minutes=10), "start")
    scene.ledgers.meddlers.append(lambda: setattr(scene, "ledger", alive))
    result = scene.sweep()
    assert "changed by somebody else" in result.trouble[0]
    assert scene.did(*CHANGING) == []
    assert scene.ledger == alive


@pytest.mark.parametrize("weather", [Weather.NOT_DONE, Weather.DONE_UNHEARD, Weather.LATE])
def test_rule_4_no_deletion_when_the_swap_is_unclear(scene: Scene, weather: Weather) -> None:
    """In this round nothing goes; a later sweep reads the ledger and goes on from there."""
    scene.ledger = DIED
    scene.ledgers.weather.append(weather)
    first = scene.sweep()
    assert not first.clean
    assert scene.did(*DELETING) == []
    scene.ledgers.deliver()
    assert scene.sweep().clean
    assert not scene.heap.ids & DEAD_IDS


def test_rule_4_a_late_duplicate_changes_nothing(scene: Scene) -> None:
    """The end of a lease arrives twice: the generation has moved on."""
    scene.ledger = DIED
    scene.ledgers.weather.append(Weather.TWICE)
    assert scene.sweep().clean
    stands = led.acquire(scene.ledger, replace(DEAD, suffix="qqqqq"), NOW)
    scene.ledger = stands
    assert scene.ledgers.deliver() == [False]
    assert scene.ledger == stands


def test_rule_3_retention_labels_then_forgets_then_deletes(scene: Scene) -> None:
    """Between label and swap it is still rooted; between swap and deletion it is garbage."""
    only_live(scene)
    scene.ledger = CROWDED
    result = scene.sweep(ONE_KEPT)
    assert result.clean
    assert result.forgotten == (OLD,)
    acts = [one.split()[0] for one in scene.did(*CHANGING)]
    assert acts[:3] == ["label", "swap", "delete"]
    assert {one.fate for one in scene.told} == {Fate.GONE}  # not even tried before
    assert "label left ami-9 eni-9 i-9 snap-9 vol-9" in scene.acts
    assert "i-9" not in scene.heap.ids
    assert OLD_DB not in scene.databases
    assert scene.ledger.previous == (NEWER,)


def test_rule_3_nothing_is_forgotten_that_could_not_be_labelled(scene: Scene) -> None:
    """It would be not rooted and labelled retired: lost, and the service unknown."""
    only_live(scene)
    scene.ledger = CROWDED
    scene.heap.unlabelled["vol-9"] = "UnauthorizedOperation"
    result = scene.sweep(ONE_KEPT)
    assert "vol-9 could not be labelled" in result.trouble[0]
    assert not result.clean
    assert scene.ledger == CROWDED
    assert scene.did(*DELETING) == []


def test_a_sweep_that_died_between_label_and_swap_is_no_matter(scene: Scene) -> None:
    """Labelled left, yet rooted: kept, and not labelled back beside a sweep that forgets it."""
    only_live(scene)
    scene.heap.change("i-9", tags={t.STATE: "left"})
    assert scene.sweep().clean
    assert scene.did(*CHANGING) == []
    scene.ledger = CROWDED
    assert scene.sweep(ONE_KEPT).forgotten == (OLD,)
    assert "i-9" not in scene.heap.ids


def test_copies_of_what_is_forgotten_are_not_touched(scene: Scene) -> None:
    """A backup in another region has the deploy's tags: it is neither labelled nor in the way."""
    only_live(scene)
    scene.ledger = CROWDED
    scene.heap.add(
        [
            Resource(
                "image",
                "ami-backup",
                Place(PLACE.account, "us-east-1"),
                {**scene.heap.at("ami-9").tags, "aws:backup:source-resource": "i-9"},
            )
        ]
    )
    before = scene.heap.at("ami-backup")
    assert scene.sweep(ONE_KEPT).clean
    assert scene.heap.at("ami-backup") == before
    assert "i-9" not in scene.heap.ids


def test_evidence_past_its_time_is_forgotten_and_goes(scene: Scene) -> None:
    """`--keep-failed 2h` is over."""
    scene.ledger = replace(CLEAN, kept=(Kept(DEAD, NOW - timedelta(seconds=1)),))
    result = scene.sweep()
    assert (result.clean, result.forgotten) == (True, (DEAD,))
    assert not scene.heap.ids & DEAD_IDS


# Rule 6: unknown is not empty.


def _no_answer(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")


def _denied(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = AccessDenied("route53:ListResourceRecordSets is denied")


def _gap(scene: Scene) -> None:
    scene.heap.gaps.append(Gap(PLACE, VOLUME, "throttled"))


def _scan_fails(scene: Scene) -> None:
    scene.heap.failing["scan"] = CloudError("ec2: no answer")


def _nonsense(scene: Scene) -> None:
    scene.ledgers.zone.texts[scene.address.name] = ('"v=2 gen=99"', 60)


def _restored_zone_file(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, gen=1)


def _deleted_record(scene: Scene) -> None:
    del scene.ledgers.zone.texts[scene.address.name]


def _lost_deploy(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, previous=())


def _moved_to_another(scene: Scene) -> None:
    scene.ledgers.point(scene.address, "10.0.1.9")


@pytest.mark.parametrize(
    "strike",
    [
        _no_answer,
        _denied,
        _gap,
        _scan_fails,
        _nonsense,
        _restored_zone_file,
        _deleted_record,
        _lost_deploy,
        _moved_to_another,
    ],
)
def test_rule_6_nothing_of_an_unknown_service_is_touched(scene: Scene, strike: Any) -> None:
    """No swap, no repair, no deletion; and it does not count as clean."""
    scene.heap.change("i-17", tags={t.STATE: "pending"})
    scene.ledger = DIED
    strike(scene)
    scene.acts.clear()
    result = scene.sweep()
    assert scene.did(*CHANGING) == []
    assert not result.clean
    assert result.left.unknown


def test_rule_6_a_service_we_may_not_read_does_not_stop_the_others(scene: Scene) -> None:
    """Another zone, another policy: that service is unknown, this one is swept."""
    place = scene.managed.home.place
    address = replace(scene.address, service="blog", record="blog.example.com")
    blog = replace(scene.managed, home=Home("blog", str(address), place), address=address)
    scene.ledgers.unreadable["blog"] = AccessDenied("route53:ListResourceRecordSets is denied")
    result = sweep([blog, scene.managed], {})
    assert [one.service for one in result.left.unknown] == ["blog"]
    assert "denied" in result.left.unknown[0].problem
    assert not result.clean
    assert not scene.heap.ids & DEAD_IDS


def test_rule_6_a_server_out_of_reach_hides_databases_only(scene: Scene) -> None:
    """The machines go, the database is not said to be gone, and the sweep is not clean."""
    scene.reach.server_down = DatabaseError("connection refused")
    result = scene.sweep()
    assert not scene.heap.ids & DEAD_IDS
    assert DATABASE not in {one.resource.kind for one in result.gone}
    assert [gap.kind for gap in result.gaps] == [DATABASE]
    assert not result.clean


def test_rule_6_a_server_lost_on_the_way_is_no_proof_that_a_database_is_gone(
    scene: Scene,
) -> None:
    """It was listed when the plan was made; what cannot be listed now is not gone."""

    def server_dies(act: str) -> None:
        if act == "delete ami-41":
            scene.reach.server_down = DatabaseError("connection refused")

    scene.acts.then = server_dies
    result = scene.sweep()
    assert fates(result)[DEAD_DB] is Fate.FAILED
    assert DEAD_DB in scene.databases
    assert not result.clean
    assert not scene.heap.ids & DEAD_IDS


# Rule 7 and the table: a commit is finished by whoever comes next.


def crossed(scene: Scene) -> None:
    """As after a commit whose deployer died: nothing has changed sides yet."""
    only_live(scene)
    act = FencedAct(3, LIVE, LEDGER)
    scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    scene.server.thaw(OLD_DB, FencedAct(3, OLD, LEDGER))
    for number in ("9", "17"):
        label = "pending" if number == "17" else "live"
        for kind in ("i", "vol", "eni", "ami", "snap"):
            scene.heap.change(f"{kind}-{number}", tags={t.STATE: label})
    scene.acts.clear()


def test_rule_7_a_commit_is_finished_by_whoever_comes_next(scene: Scene) -> None:
    """Databases, jobs and labels change sides."""
    crossed(scene)
    assert scene.sweep().clean
    assert scene.server.is_shut(OLD_DB)
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.reach.machine("i-17").active() == {"shop.service", "shop-worker.service"}
    assert scene.reach.machine("i-9").active() == {"shop.service"}
    labels = scene.heap.labels()
    assert {labels["i-17"], labels["vol-17"], labels["snap-17"]} == {"live"}
    assert {labels["i-9"], labels["vol-9"], labels["snap-9"]} == {"retired"}


def test_rule_7_what_was_left_gives_up_before_the_live_one_takes(scene: Scene) -> None:
    """Shut before open, jobs stopped before they start; each deploy's label last."""
    crossed(scene)
    scene.sweep()
    did = [one.split(" ami-")[0] for one in scene.did(*CHANGING)]
    assert did == [
        f"shut {OLD_DB}",
        "run the app, stop the jobs on i-9",
        "label retired",
        f"thaw {LIVE_DB}",
        "run the app, run the jobs on i-17",
        "label live",
    ]


def test_rule_7_no_label_where_something_failed(scene: Scene) -> None:
    """The label says that all is done: the next sweep sees that it is not, and the reason."""
    crossed(scene)
    scene.reach.down["i-17"] = CannotConnect("i-17 does not answer", kind="no-route")
    result = scene.sweep()
    assert not result.clean
    assert scene.heap.at("i-17").label is Label.PENDING
    assert scene.heap.at("i-9").label is Label.RETIRED
    assert fates(result)["i-17"] is Fate.FAILED
    del scene.reach.down["i-17"]
    assert scene.sweep().clean
    assert scene.heap.at("i-17").label is Label.LIVE


def test_rule_7_a_database_that_cannot_be_shut_is_reported(scene: Scene) -> None:
    """Its label is not written; what can be done for the others is done."""
    crossed(scene)
    scene.server.failing["shut"] = DatabaseError("writers still open after 1 s")
    result = scene.sweep()
    assert fates(result)[OLD_DB] is Fate.FAILED
    assert scene.heap.at("i-9").label is Label.LIVE
    assert scene.heap.at("i-17").label is Label.LIVE


# Rule 9 is in test_mark and test_planner. Rule 10: what can be undone is fenced.


def test_rule_10_a_machine_that_obeyed_a_newer_generation_refuses(scene: Scene) -> None:
    """Somebody newer is at work: the act is reported, nothing is switched, nothing labelled."""
    crossed(scene)
    machine = scene.reach.machine("i-9")
    obey(machine, GATE, Act(99, str(OLD), app="run", jobs="run"))
    result = scene.sweep()
    outcome = next(one for one in result.outcomes if one.resource.id == "i-9")
    assert outcome.fate is Fate.FAILED
    assert "obeyed a newer generation" in outcome.text
    assert "shop-worker.service" in machine.active()
    assert scene.heap.at("i-9").label is Label.LIVE


def test_rule_10_acts_carry_the_generation_that_was_read(scene: Scene) -> None:
    """Machines and databases remember the ledger's generation, not an earlier one."""
    crossed(scene)
    scene.sweep()
    assert f"generation={CLEAN.gen}" in scene.reach.machine("i-17").read("/var/lib/deployer/state")
    fences = {one.name: one.memory.generation for one in scene.server.databases() if one.memory}
    assert fences == {LIVE_DB: CLEAN.gen, OLD_DB: CLEAN.gen}


def test_rule_10_nothing_reversible_while_anybody_holds_the_lease(scene: Scene) -> None:
    """Jobs, writes, labels and the record are left alone; garbage still goes."""
    crossed(scene)
    scene.heap.add(things(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])
    scene.ledger = BUSY
    result = scene.sweep(ONE_KEPT)
    assert [one.split()[0] for one in scene.did(*CHANGING)] == ["delete", "delete", "delete"]
    assert result.clean
    assert not scene.heap.ids & DEAD_IDS


# Rule 11: people win.


def test_rule_11_a_record_moved_by_people_stays_moved(scene: Scene) -> None:
    """It is noted; what is dead goes all the same, and nothing is swapped."""
    scene.ledgers.point(scene.address, "203.0.113.5")
    result = scene.sweep()
    assert scene.ledgers.pointed_at(scene.address) == ("203.0.113.5",)
    assert scene.did("swap") == []
    assert result.left.services[0].notes


def test_rule_11_a_machine_started_again_is_followed(scene: Scene) -> None:
    """The record and the ledger are swapped together, without a lease."""
    scene.heap.change("i-17", addresses=("10.0.1.99",))
    assert scene.sweep().clean
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.99",)
    assert scene.ledger.live == led.Live(LIVE, ("10.0.1.99",))


def test_rule_11_a_record_moved_in_that_moment_is_not_overwritten(scene: Scene) -> None:
    """The swap has the old record in it, and fails."""
    scene.heap.change("i-17", addresses=("10.0.1.99",))
    scene.ledgers.meddlers.append(lambda: scene.ledgers.point(scene.address, "203.0.113.5"))
    result = scene.sweep()
    assert scene.ledgers.pointed_at(scene.address) == ("203.0.113.5",)
    assert result.trouble
    assert scene.ledger == CLEAN


# Items, scopes, rounds.


def test_one_items_failure_never_stops_the_others(scene: Scene) -> None:
    """A protected machine stays with what it uses; image, snapshot and database go."""
    scene.heap.protected["i-41"] = "OperationNotPermitted: termination protection"
    result = scene.sweep()
    found = fates(result)
    assert found["i-41"] is Fate.BLOCKED
    assert {found["ami-41"], found["snap-41"], found[DEAD_DB]} == {Fate.GONE}
    assert scene.heap.ids & DEAD_IDS == {"i-41", "vol-41", "eni-41"}
    assert not result.clean
    assert {one.thing.id for one in result.left.services[0].deletes} == {
        "i-41",
        "vol-41",
        "eni-41",
    }


def test_only_one_deploys_things_go(scene: Scene) -> None:
    """A failing release sweeps itself, never a neighbour's leftovers."""
    other = replace(DEAD, suffix="qqqqq")
    scene.heap.add(things(other, "v2", Label.PENDING, 77)[:-1])
    scene.sweep(Ask(only=other))
    assert "i-77" not in scene.heap.ids
    assert scene.heap.ids >= DEAD_IDS


def test_an_operators_word_ends_a_lease_and_sweeps(scene: Scene) -> None:
    """`abort`: also a lease that still runs."""
    lease = Lease(DEAD, NOW + timedelta(minutes=5), "migrate")
    scene.ledger = replace(CLEAN, lease=lease)
    result = scene.sweep(Ask(only=DEAD, end_lease=lease, operator=True))
    assert (result.ended, result.clean) == ((DEAD,), True)
    assert not scene.heap.ids & DEAD_IDS


def test_what_is_listed_late_is_collected_in_a_later_round(scene: Scene) -> None:
    """EC2's listings lag: a sweep goes on while there is progress."""
    scene.heap.unlisted["snap-41"] = 0
    result = scene.sweep()
    assert result.clean
    assert not scene.heap.ids & DEAD_IDS


def test_a_plan_that_is_refused_is_not_carried_out(scene: Scene) -> None:
    """The breaker sees every plan before anything of it is done."""

    def refuse(_: object) -> None:
        raise Refused("too much at once")

    scene.ledger = DIED
    with pytest.raises(Refused):
        scene.sweep(approve=refuse)
    assert scene.did(*CHANGING) == []


def test_what_is_left_is_said(scene: Scene) -> None:
    """The result names what there still is to do, with its reason."""
    scene.heap.protected["i-41"] = "protected"
    result = scene.sweep()
    (todo,) = result.left.services
    assert todo.deletes[0].reason is Reason.UNROOTED
    assert todo.deletes[0].thing.kind == INSTANCE
    assert {one.id for one in ALL if one.deploy == LIVE and one.kind != DATABASE} <= scene.heap.ids
