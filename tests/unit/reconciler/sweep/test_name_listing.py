"""Every name is a witness (rule 13): what other names lead to is neither forgotten nor deleted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import AccessDenied, CloudError, ToolError
from reconciler.gc import mark
from reconciler.gc.other_names import OtherNames
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Role, Root
from reconciler.model.ledger import Ledger, Live
from reconciler.model.resource import DATABASE, INSTANCE, Inventory, Resource
from reconciler.model.tags import Label
from reconciler.plan import planner
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, HOME, LEDGER, LIVE, NOW, OLD, resources, root
from tests.support.sweeps import CROWDED, DELETING, ONE_KEPT, only_live

WWW = "www.example.com"
AT_OLD = {WWW: ("10.0.1.9",)}
FORGOTTEN = replace(CLEAN, previous=())
LEFT = (*ALL[:6], *resources(OLD, "v1.4.2", Label.LEFT, 9))
UNREAD = OtherNames.unread(CloudError("route53: no answer"))


def planned(
    names: OtherNames, ledger: Ledger, resources: tuple[Resource, ...] = ALL
) -> ServicePlan:
    """What a sweep would do where OLD is beyond retention, and the names say this."""
    base = replace(root(ledger), names=names)
    asks = {"shop": SweepRequest(Retention(keep=0))}
    return planner.plan(Inventory(resources), {"shop": base}, asks).services[0]


def test_without_another_name_it_goes() -> None:
    """What the other tests begin with: retention forgets and deletes it."""
    assert planned(OtherNames(), CLEAN).forget == (OLD,)
    assert OLD in {one.resource.deploy for one in planned(OtherNames(), FORGOTTEN, LEFT).deletes}


def test_what_a_name_leads_to_is_not_forgotten() -> None:
    """Only the deletion waits: the note names the name, the deploy and both ways out."""
    service_plan = planned(OtherNames(AT_OLD), CLEAN)
    assert service_plan.forget == ()
    assert OLD not in {one.resource.deploy for one in service_plan.deletes}
    [note] = service_plan.witnesses
    assert WWW in note.text
    assert str(OLD) in note.text
    assert f"reconciler sweep --service shop --despite {WWW}" in note.cure


def test_what_a_name_leads_to_is_kept_whole_though_nothing_roots_it() -> None:
    """Machine, image, snapshot and database: a client of the name may still read from it."""
    service_plan = planned(OtherNames(AT_OLD), FORGOTTEN, LEFT)
    assert OLD not in {one.resource.deploy for one in service_plan.deletes}
    kept = {one.resource.kind: one for one in service_plan.verdicts if one.resource.deploy == OLD}
    assert {one.reason for one in kept.values()} == {Reason.WITNESSED}
    assert DATABASE in kept
    assert WWW in kept[INSTANCE].text
    assert len(service_plan.witnesses) == 1


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.1.9"], ids=["public", "private"])
def test_any_address_of_a_machine_counts(address: str) -> None:
    """The ledger may have written the private one, and the name hold the public one."""
    resources = tuple(
        replace(one, addresses=("10.0.1.9", "203.0.113.9"))
        if one.kind == INSTANCE and one.deploy == OLD
        else one
        for one in ALL
    )
    assert planned(OtherNames({WWW: (address,)}), CLEAN, resources).forget == ()


def test_an_address_that_a_stranger_got_keeps_nothing() -> None:
    """The ledger once wrote it; the machine has another by now, and the name is the stranger's."""
    moved = tuple(
        replace(one, addresses=("10.0.1.77",))
        if one.kind == INSTANCE and one.deploy == OLD
        else one
        for one in ALL
    )
    assert planned(OtherNames(AT_OLD), CLEAN, moved).forget == (OLD,)


def test_unread_is_not_empty() -> None:
    """Names that were not listed may lead anywhere: nothing that served is forgotten or goes."""
    assert planned(UNREAD, CLEAN).forget == ()
    service_plan = planned(UNREAD, FORGOTTEN, LEFT)
    assert service_plan.deletes == ()
    said = {one.text for one in service_plan.verdicts if one.resource.deploy == OLD}
    assert all("route53: no answer" in one for one in said)


def test_what_never_served_does_not_wait_for_the_names() -> None:
    """A failed release cleans up after itself whether or not the zone can be listed."""
    assert {one.resource.deploy for one in planned(UNREAD, CLEAN).deletes} == {DEAD}


def test_a_name_that_was_read_keeps_also_what_never_served() -> None:
    """Somebody points it there by hand: the contradiction is theirs, and said."""
    service_plan = planned(OtherNames({WWW: ("10.0.1.41",)}), CLEAN)
    assert DEAD not in {one.resource.deploy for one in service_plan.deletes}
    assert WWW in service_plan.witnesses[0].text


def test_a_name_never_makes_a_service_unknown() -> None:
    """Jobs and writes of what was left are still stopped: a second writer is worse than a 503."""
    open_ = tuple(replace(one, state="open") if one.kind == DATABASE else one for one in ALL)
    service_plan = planned(OtherNames(AT_OLD), CLEAN, open_)
    assert not service_plan.problem
    assert [one.deploy for one in service_plan.repairs if one.role is Role.PREVIOUS] == [OLD]


def test_a_name_in_also_that_people_moved_is_said() -> None:
    """It is not moved back, and what it holds is told."""
    base = replace(root(CLEAN), also={WWW: ("203.0.113.5",)})
    [note] = planner.plan(Inventory(ALL), {"shop": base}, {}).services[0].witnesses
    assert "203.0.113.5" in note.text
    assert "also" in note.cure


def test_the_record_itself_is_no_other_name() -> None:
    """Rule 9 speaks of the record; it speaks first."""
    said = mark.witnesses(Root(HOME, NOW, FORGOTTEN, ("10.0.1.9",)), LEFT)
    assert said[OLD] == (Reason.WITNESSED, "an address of its deploy stands in the A record")


# The sweep.


def _beyond(scene: Scene) -> None:
    """OLD is beyond retention and drained; nothing else is to be done."""
    only_live(scene)
    scene.ledger = CROWDED
    scene.heap.add(resources(CROWDED.previous[0].id, "v1.4.8", Label.RETIRED, 8)[:-1])


def _name(scene: Scene, *addresses: str) -> None:
    www = replace(scene.address, record=WWW)
    scene.ledgers.point(www, *addresses)


def test_a_sweep_lists_the_names_only_where_something_hangs_on_them(scene: Scene) -> None:
    """A zone may have thousands of records; a dead release's things need none of them."""
    result = scene.sweep()
    assert result.gone
    assert scene.did("names") == []


def test_a_sweep_keeps_what_a_name_leads_to_and_is_not_clean(scene: Scene) -> None:
    """Exit 4: the release stays, and people are told which name keeps it."""
    _beyond(scene)
    _name(scene, "10.0.1.9")
    result = scene.sweep(ONE_KEPT)
    assert result.forgotten == ()
    assert scene.did(*DELETING) == []
    [said] = result.left.contradictions
    assert WWW in said


def test_a_stale_name_is_vouched_for(scene: Scene) -> None:
    """`--despite NAME`: it goes, as if the name were not there."""
    _beyond(scene)
    _name(scene, "10.0.1.9")
    scene.managed = replace(scene.managed, despite=frozenset({"WWW.example.com."}))
    result = scene.sweep(ONE_KEPT)
    assert result.forgotten == (OLD,)
    assert "i-9" not in scene.heap.ids
    assert result.clean


def test_names_that_appear_after_the_plan_are_seen_right_before_the_deletion(scene: Scene) -> None:
    """The plan's listing is old by then: a fresh one decides."""
    _beyond(scene)
    scene.heap.meddlers.append(lambda: _name(scene, "10.0.1.9"))
    result = scene.sweep(ONE_KEPT)
    assert result.forgotten == (OLD,)
    assert "i-9" in scene.heap.ids
    assert OLD.database_name(LEDGER) in scene.databases
    assert "ami-9" in scene.heap.ids
    assert WWW in result.left.contradictions[0]
    assert not result.outcomes or all(one.status != "gone" for one in result.outcomes)


def test_names_that_go_along_are_repointed_with_the_record(scene: Scene) -> None:
    """A stop and start changed the machine's public address: one swap, both names."""
    only_live(scene)
    old, new = "203.0.113.1", "203.0.113.2"
    scene.ledger = replace(CLEAN, live=Live(LIVE, (old,)))
    scene.heap.change("i-17", addresses=("10.0.1.17", new), public=(new,))
    _name(scene, old)
    scene.managed = replace(scene.managed, address=replace(scene.address, also=(WWW,)))
    assert scene.sweep().clean
    says = {name: one.addresses for name, one in scene.ledgers.zone.records.items()}
    assert says == {"shop.example.com": (new,), WWW: (new,)}
    assert len(scene.did("swap")) == 1


@pytest.mark.parametrize(
    "error", [CloudError("route53: no answer"), AccessDenied("ListResourceRecordSets: no")]
)
def test_a_zone_that_cannot_be_listed_is_a_gap(scene: Scene, error: ToolError) -> None:
    """Nothing that served goes in this run, and it does not end with 0."""
    _beyond(scene)
    scene.ledgers.unlisted = error
    result = scene.sweep(ONE_KEPT)
    assert scene.did(*DELETING) == []
    assert not result.clean
    assert [(gap.kind, gap.place.region) for gap in result.gaps] == [("name", "global")]
    scene.ledgers.unlisted = None
    assert scene.sweep(ONE_KEPT).forgotten == (OLD,)


def test_a_zone_that_fails_right_before_the_deletion_keeps_the_machine(scene: Scene) -> None:
    """Forgotten already, and still nothing goes before the names are known."""
    _beyond(scene)

    def fail() -> None:
        scene.ledgers.unlisted = CloudError("route53: no answer")

    scene.heap.meddlers.append(fail)
    scene.sweep(ONE_KEPT)
    assert scene.did(*DELETING) == []
    scene.ledgers.unlisted = None
    assert scene.sweep(ONE_KEPT).clean
    assert "i-9" not in scene.heap.ids
