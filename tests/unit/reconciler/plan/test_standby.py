"""When machines of previous deploys go to rest: after the drain, and the newest last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.gc.other_names import OtherNames
from reconciler.gc.retention import Retention, StandbyPolicy, beyond
from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, Ledger, Previous
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Gap, Inventory, Resource
from reconciler.model.tags import Label
from reconciler.plan import standby
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import SweepRequest
from reconciler.plan.standby import Standby, due, reached, rests, state_of, units_of, units_tag
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    HOME,
    LISTENER,
    LIVE,
    NOW,
    OLD,
    PLACE,
    UNITS,
    deploy,
    resources,
    target_group,
)

TTL = 60
POLICY = StandbyPolicy(drain=timedelta(minutes=10), park="stop", park_after=timedelta(hours=24))
OLDER = deploy(60 * 24 * 20, "a9b9c")


def ledger(*ages: timedelta, rejected: frozenset[int] = frozenset()) -> Ledger:
    """Live, and a previous deploy retired so long ago each, newest first."""
    ids = (OLD, OLDER)
    entries = (
        Previous(ids[n], NOW - age, ("10.0.1.9",), n in rejected) for n, age in enumerate(ages)
    )
    return replace(CLEAN, previous=tuple(entries))


@pytest.mark.parametrize(
    ("age", "stage"),
    [
        (timedelta(minutes=12), Standby.SERVING),
        (timedelta(minutes=12, seconds=1), Standby.DRAINED),
        (timedelta(hours=24), Standby.DRAINED),
        (timedelta(hours=24, seconds=1), Standby.PARKED),
    ],
)
def test_the_newest_is_drained_after_ttl_and_drain_and_parked_later(
    age: timedelta, stage: Standby
) -> None:
    """The old TTL, a minute for resolvers, the drain; and a day without a wait for capacity."""
    assert due(ledger(age), POLICY, NOW, TTL).get(OLD, Standby.SERVING) is stage


def test_older_ones_are_parked_once_they_are_drained() -> None:
    """Only the target of a rollback runs on."""
    stages = due(ledger(timedelta(hours=1), timedelta(hours=2)), POLICY, NOW, TTL)
    assert stages == {OLD: Standby.DRAINED, OLDER: Standby.PARKED}
    early = due(ledger(timedelta(minutes=5), timedelta(minutes=6)), POLICY, NOW, TTL)
    assert early == {}


def test_a_rejected_one_is_no_target() -> None:
    """After a rollback the next one would go past it: the good one behind it runs on."""
    two = ledger(timedelta(hours=1), timedelta(hours=2), rejected=frozenset({0}))
    assert due(two, POLICY, NOW, TTL) == {OLD: Standby.PARKED, OLDER: Standby.DRAINED}


def test_never_and_run_leave_everything_as_it_is() -> None:
    """Both can be switched off, each alone."""
    old = ledger(timedelta(days=3), timedelta(days=4))
    assert due(old, StandbyPolicy(), NOW, TTL) == {}
    assert due(old, replace(POLICY, park="run"), NOW, TTL)[OLD] is Standby.DRAINED
    assert due(old, replace(POLICY, drain=None), NOW, TTL)[OLD] is Standby.PARKED


def test_nobody_is_touched_while_somebody_holds_the_lease() -> None:
    """A rollback may be on its way to any of them (rule 10)."""
    held = replace(ledger(timedelta(days=3)), lease=Lease(DEAD, NOW + timedelta(1), "smoke"))
    assert due(held, POLICY, NOW, TTL) == {}


def test_terminate_forgets_what_stop_would_park() -> None:
    """Un-rooted by a swap, then deleted; what was rejected is kept for its time, and parked."""
    ends = Retention(keep=5, standby=replace(POLICY, park="terminate"))
    two = ledger(timedelta(hours=1), timedelta(hours=2))
    assert beyond(two, ends, NOW, TTL) == (OLDER,)
    assert beyond(two, Retention(keep=5, standby=POLICY), NOW, TTL) == ()
    assert beyond(ledger(timedelta(hours=25)), ends, NOW, TTL) == (OLD,)
    bad = ledger(timedelta(hours=25), rejected=frozenset({0}))
    assert beyond(bad, ends, NOW, TTL) == ()
    assert due(bad, ends.standby, NOW, TTL) == {OLD: Standby.PARKED}


def machine(**facts: object) -> Resource:
    """The machine of the previous deploy."""
    one = next(one for one in resources(OLD, "v1.4.2", Label.RETIRED, 9) if one.kind == INSTANCE)
    return replace(one, **facts)  # type: ignore[arg-type]


def resting(one: Resource, root: Root, role: Role = Role.PREVIOUS) -> list[Standby]:
    """What it is to be brought to, a day and more after it was retired."""
    ask = SweepRequest(Retention(standby=POLICY), TTL)
    verdict = Verdict(one, role, "")
    return [rest.stage for rest in rests([verdict], root, ask.stages(root.ledger, root), ())]


ROOT = Root(HOME, NOW, ledger(timedelta(days=2)), ("10.0.1.17",), units=UNITS)


def test_a_machine_is_told_once() -> None:
    """Its tag says how far it is, so that no later sweep asks it again."""
    assert resting(machine(), ROOT) == [Standby.PARKED]
    told = {**machine().tags, t.UNITS: units_tag(UNITS, Standby.PARKED)}
    assert resting(machine(tags=told, state="stopped"), ROOT) == []
    assert resting(machine(tags=told), ROOT) == [Standby.PARKED]  # somebody has started it
    drained = {**machine().tags, t.UNITS: units_tag(UNITS, Standby.DRAINED)}
    assert resting(machine(tags=drained), ROOT) == [Standby.PARKED]


def test_what_people_hold_is_drained_and_not_parked() -> None:
    """An adopted machine is one: no deploy made it, and no sweep ends what it does beside us."""
    held = {**machine().tags, t.HOLD: "adopted"}
    assert resting(machine(tags=held), ROOT) == [Standby.DRAINED]


def test_a_stopped_machine_is_noted_and_never_started() -> None:
    """To stop its app it would have to be started; to park it nothing is left to do."""
    stopped = machine(state="stopped")
    assert resting(stopped, ROOT) == [Standby.PARKED]
    early = replace(ROOT, ledger=ledger(timedelta(hours=1)))
    assert resting(stopped, early) == []


@pytest.mark.parametrize(
    "root",
    [
        replace(ROOT, record=("10.9.9.9",)),
        replace(ROOT, record=()),
        replace(ROOT, names=OtherNames(problem="no answer")),
    ],
    ids=["moved", "gone", "names unread"],
)
def test_a_witness_forbids_it(root: Root) -> None:
    """Somebody moved the record, or whether other names lead there is not known (rule 13)."""
    assert resting(machine(), root) == []


GROUP = target_group(OLD, Label.LIVE, 9)
ADOPTED = replace(GROUP, tags={**GROUP.tags, t.HOLD: t.HELD_BY_ADOPTION})


@pytest.mark.parametrize(
    ("group", "reason", "rest"),
    [
        (GROUP, Reason.DRAINING, []),
        (GROUP, Reason.UNROOTED, []),
        (ADOPTED, Role.PREVIOUS, []),
        (target_group(LIVE, Label.LIVE, 17), Role.LIVE, [Standby.PARKED]),
    ],
    ids=["draining", "free", "adopted", "another deploy's"],
)
def test_nothing_rests_while_a_target_group_of_its_deploy_exists(
    group: Resource, reason: Role | Reason, rest: list[Standby]
) -> None:
    """A late request may still name the group, and its clients would find nobody."""
    verdicts = [Verdict(machine(), Role.PREVIOUS, ""), Verdict(group, reason, "")]
    ask = SweepRequest(Retention(standby=POLICY), TTL)
    found = rests(verdicts, ROOT, ask.stages(ROOT.ledger, ROOT), ())
    assert [one.stage for one in found] == rest


@pytest.mark.parametrize(("unread", "count"), [((), 1), ((TARGET_GROUP,), 0)])
def test_rule_6_a_gap_in_the_target_groups_keeps_everything_awake(
    unread: tuple[str, ...], count: int
) -> None:
    """A group that could not be listed may still lead to a machine."""
    group = target_group(LIVE, Label.LIVE, 17)
    share = Share(group.id, 1, group.tags, ("i-17",), LIVE, LIVE)
    root = replace(ROOT, traffic=TrafficReading((TrafficRoute(LISTENER, (share,)),)))
    there = (group, *(one for one in ALL if one.deploy != DEAD))
    inventory = Inventory(there, tuple(Gap(PLACE, kind, "no answer") for kind in unread))
    asks = {"shop": SweepRequest(Retention(standby=POLICY), TTL)}
    (service_plan,) = plan(inventory, {"shop": root}, asks).services
    assert len(service_plan.rests) == count
    assert bool(service_plan.problem) is bool(unread)


def test_rule_13_a_name_that_leads_there_forbids_it() -> None:
    """Its clients use the old release."""
    found = [Verdict(machine(), Role.PREVIOUS, "")]
    stages = {OLD: Standby.PARKED}
    assert [one.stage for one in rests(found, ROOT, stages, {LIVE})] == [Standby.PARKED]
    assert rests(found, ROOT, stages, {OLD}) == ()


def test_only_a_retired_machine_of_a_previous_deploy() -> None:
    """Before the label its jobs may run; what is live or held by a lease is somebody else's."""
    pending = {**machine().tags, t.STATE: Label.PENDING.value}
    assert resting(machine(tags=pending), ROOT) == []
    assert resting(machine(), ROOT, Role.LIVE) == []


@pytest.mark.parametrize("ask", [{"only": LIVE}, {"unfinished_only": True}])
def test_a_restricted_sweep_leaves_them_alone(ask: dict[str, object]) -> None:
    """Only a full one knows that nothing else comes first."""
    request = SweepRequest(Retention(standby=POLICY), TTL, **ask)  # type: ignore[arg-type]
    assert request.stages(ROOT.ledger, ROOT) == {}


def test_what_a_rollback_started_in_vain_rests_again() -> None:
    """It rested before: exit 1 says that nothing is left to do, so nothing runs on that did not."""
    policy, whole = Retention(standby=POLICY), SweepRequest(Retention(standby=POLICY), TTL)
    assert OLD in whole.stages(ROOT.ledger, ROOT)
    undo = SweepRequest(policy, TTL, only=LIVE, rest_again=OLD)
    assert undo.stages(ROOT.ledger, ROOT) == {OLD: Standby.PARKED}
    assert SweepRequest(policy, TTL, only=LIVE, rest_again=LIVE).stages(ROOT.ledger, ROOT) == {}


@pytest.mark.parametrize("stage", list(Standby))
def test_the_tag_keeps_both_words(stage: Standby) -> None:
    """The set of units and the stage; the tag of an older version is a machine that serves."""
    value = units_tag(UNITS, stage)
    assert (units_of(value), reached(value)) == (UNITS, stage)
    assert reached("") is Standby.SERVING


def test_the_word_for_people() -> None:
    """Parked is what EC2 calls stopped; a drained machine runs, and serves nobody."""
    parked = {t.UNITS: units_tag(UNITS, Standby.PARKED)}
    assert state_of(machine(tags=parked, state="stopped")) == "parked"
    assert state_of(machine(tags=parked, state="running")) == "running"
    drained = {t.UNITS: units_tag(UNITS, Standby.DRAINED)}
    assert state_of(machine(tags=drained)) == "drained"
    assert standby.is_parked(machine(state="stopped")) is False
