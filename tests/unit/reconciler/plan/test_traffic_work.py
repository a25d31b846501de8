"""What a sweep would change of traffic: due before the label, reported after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId, format_time
from reconciler.model.ledger import Lease, Ledger
from reconciler.model.resource import INSTANCE, Inventory, Resource
from reconciler.model.tags import Label
from reconciler.plan.approved_actions import ApprovedActions
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import SweepRequest
from reconciler.plan.traffic_work import NO_WORK, RouteChange, TrafficWork, traffic_work
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from tests.support.shop_world import (
    CLEAN,
    DEAD,
    HOME,
    LISTENER,
    LIVE,
    NOW,
    OLD,
    deploy,
    resources,
    root,
    target_group,
)

OTHER = LISTENER.replace("b2", "c3")
BACK = deploy(5, "back2")
NEW, OLDS = target_group(LIVE, Label.PENDING, 17), target_group(OLD, Label.LIVE, 9)
NEWER = target_group(LIVE, Label.PENDING, 17, lease=BACK)
HERS = Share("targetgroup/hers/1", 0)


def machine(label: Label = Label.PENDING, reason: Role | Reason = Role.LIVE) -> Verdict:
    """Live's machine: `pending` until its follow-up is done."""
    found = next(one for one in resources(LIVE, "v1.5.0", label, 17) if one.kind == INSTANCE)
    return Verdict(found, reason, "")


def share(group: Resource, weight: int) -> Share:
    """The group in a route, resolved as the service's own."""
    lease = DeployId.maybe(group.tags.get(t.LEASE))
    return Share(group.id, weight, group.tags, group.uses, group.deploy, lease)


def behind(*routes: TrafficRoute, ledger: Ledger = CLEAN) -> Root:
    """Shop behind these routes."""
    return replace(root(ledger), traffic=TrafficReading(routes))


def live(*groups: Resource) -> list[Verdict]:
    """These groups as live's own."""
    return [Verdict(one, Role.LIVE, "") for one in groups]


DUE = TrafficRoute(LISTENER, (share(OLDS, 1), share(NEW, 0)))
SWITCH = TrafficWork((RouteChange(LISTENER, NEW.id, (OLDS.id,)),))


def test_a_switch_is_due_before_the_label() -> None:
    """The commit was made, its last step was not."""
    assert traffic_work(behind(DUE), [machine(), *live(NEW)]) == SWITCH


@pytest.mark.parametrize(
    "verdicts",
    [[machine(Label.LIVE)], [machine(Label.LIVE), machine(reason=Reason.LOOK_ALIKE)]],
    ids=["labelled", "a copy is pending"],
)
def test_rule_11_after_the_label_nothing_is_moved(verdicts: list[Verdict]) -> None:
    """Somebody moved it; a copy with live's tags is no reason to move it back."""
    assert traffic_work(behind(DUE), [*verdicts, *live(NEW)]) == NO_WORK


def test_nothing_under_a_lease() -> None:
    """Only its holder changes actions."""
    held = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=4), "commit"))
    assert traffic_work(behind(DUE, ledger=held), [machine(), *live(NEW)]) == NO_WORK


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (replace(DUE, odd="has two actions"), "has two actions"),
        (replace(DUE, moved="leads to 203.0.113.5"), "leads to 203.0.113.5"),
        (replace(DUE, shares=(*DUE.shares, HERS)), f"names {HERS.group}"),
        (replace(DUE, arn=OTHER), "no target group of the live deploy is found"),
    ],
    ids=["odd", "moved by a person", "foreign group", "no group"],
)
def test_one_route_that_cannot_follow_blocks_all(route: TrafficRoute, why: str) -> None:
    """Half a switch would send clients to two releases."""
    work = traffic_work(behind(DUE, route), [machine(), *live(NEW)])
    assert why in work.blocked
    assert not work.switches


def test_traffic_goes_to_the_newest_group_that_is_proved() -> None:
    """A rollback made another one; a group that only has live's tags gets nothing."""
    copied = Verdict(replace(NEWER, id="targetgroup/hers/2"), Reason.LOOK_ALIKE, "")
    work = traffic_work(behind(DUE), [machine(), copied, *live(NEW)])
    assert work == SWITCH
    work = traffic_work(behind(DUE), [machine(), *live(NEW, NEWER)])
    assert work.switches == (RouteChange(LISTENER, NEWER.id, (OLDS.id,)),)


ELASTIC = TrafficRoute(
    "eipalloc-1", (Share("i-9", 1, OLDS.tags, ("i-9",), OLD),), "", "203.0.113.7"
)


def test_an_elastic_ip_goes_to_the_one_machine_of_live() -> None:
    """Due before the label; never where two claim to be it, or where it does not run."""
    work = traffic_work(behind(ELASTIC), [machine()])
    assert work == TrafficWork((RouteChange(ELASTIC.arn, "i-17", ("i-9",)),))
    assert traffic_work(behind(ELASTIC), [machine(Label.LIVE)]) == NO_WORK
    second = Verdict(replace(machine().resource, id="i-18"), Role.LIVE, "")
    down = Verdict(replace(machine().resource, state="stopped"), Role.LIVE, "")
    for found in ([machine(), second], [down]):
        work = traffic_work(behind(ELASTIC), found)
        assert "no one running machine of the live deploy" in work.blocked
        assert not work.switches


def adopted(until: str = "") -> Resource:
    """The group that people had before the first release."""
    tags = {**OLDS.tags, t.HOLD: t.HELD_BY_ADOPTION} | ({t.DRAINED: until} if until else {})
    return replace(OLDS, tags={key: value for key, value in tags.items() if key != t.LEASE})


def left(group: Resource, more: Iterable[Share] = ()) -> TrafficWork:
    """The work once live has all requests and this group none any more."""
    route = TrafficRoute(LISTENER, (share(NEW, 1), share(group, 0), *more))
    verdicts = [machine(Label.LIVE), *live(NEW), Verdict(group, Role.PREVIOUS, "")]
    return traffic_work(behind(route), verdicts)


def test_an_adopted_group_leaves_its_route_once_it_has_drained() -> None:
    """First the time is written on it, then it is waited for."""
    assert left(adopted()) == TrafficWork(drained=(OLDS.id,))
    assert left(adopted(format_time(NOW + timedelta(seconds=1)))) == NO_WORK
    gone = TrafficWork(detach=(RouteChange(LISTENER, OLDS.id),))
    assert left(adopted(format_time(NOW))) == gone


def test_rule_11_an_action_with_a_foreign_group_is_not_written() -> None:
    """A change replaces the whole action: hers would be changed with it."""
    assert left(adopted(format_time(NOW)), [HERS]) == NO_WORK


@pytest.mark.parametrize("agreed", [True, False])
def test_an_approved_plan_switches_only_to_finish_who_is_live(*, agreed: bool) -> None:
    """The switch is a part of finishing: nobody approved of another one."""
    finish = frozenset({(LIVE, Role.LIVE), (OLD, Role.PREVIOUS)} if agreed else {})
    ask = SweepRequest(among=ApprovedActions(HOME, finish=finish))
    there = [
        *resources(LIVE, "v1.5.0", Label.PENDING, 17),
        *resources(OLD, "v1.4.2", Label.RETIRED, 9),
        *(NEW, OLDS),
    ]
    (found,) = plan(Inventory(tuple(there)), {"shop": behind(DUE)}, {"shop": ask}).services
    assert found.problem == ""
    assert found.traffic == (SWITCH if agreed else NO_WORK)


def test_repairs_wait_for_traffic_that_cannot_follow() -> None:
    """Else jobs and writes would be with one release, and the clients with the other."""
    there = tuple(resources(LIVE, "v1.5.0", Label.PENDING, 17))
    (found,) = plan(Inventory((*there, NEW)), {"shop": behind(DUE)}, {}).services
    assert found.repairs
    odd = behind(replace(DUE, odd="has two actions"))
    (found,) = plan(Inventory((*there, NEW)), {"shop": odd}, {}).services
    assert found.repairs == ()
    assert "cannot follow the ledger" in found.notes[-1]


@pytest.mark.parametrize(("groups", "forgotten"), [((), (OLD,)), ((OLDS,), ())])
def test_a_deploy_is_not_forgotten_before_its_group_is_gone(
    groups: tuple[Resource, ...], forgotten: tuple[DeployId, ...]
) -> None:
    """Else its machines could go first, and a late request would find nobody."""
    there = [
        *resources(LIVE, "v1.5.0", Label.LIVE, 17),
        *resources(OLD, "v1.4.2", Label.RETIRED, 9),
        *(NEW, *groups),
    ]
    asks = {"shop": SweepRequest(Retention(keep=0))}
    route = TrafficRoute(LISTENER, (share(NEW, 1), *(share(one, 0) for one in groups)))
    (found,) = plan(Inventory(tuple(there)), {"shop": behind(route)}, asks).services
    assert found.forget == forgotten
