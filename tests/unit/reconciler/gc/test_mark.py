"""Mark: one named scenario for each reason, and the contradictions that make a service unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.gc import mark as marking
from reconciler.gc import ownership
from reconciler.gc.mark import mark, problems
from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, Ledger, Live
from reconciler.model.resource import (
    APART,
    DATABASE,
    GROUP,
    INSTANCE,
    RDS_INSTANCE,
    TEMPLATE,
    Gap,
    Inventory,
    Resource,
)
from reconciler.model.tags import AccountRegion, Label
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    DIED,
    EVIDENCE,
    HOME,
    LIVE,
    NOW,
    OLD,
    PLACE,
    more_things,
    resources,
    root,
)

ELSEWHERE = AccountRegion(PLACE.account, "us-east-1")
LEFT = replace(CLEAN, live=None, left=CLEAN.live)
DEAD_THINGS = {one.id for one in ALL if one.deploy == DEAD}


def verdicts(
    resources: Sequence[Resource] = ALL,
    ledger: Ledger = CLEAN,
    gaps: Sequence[Gap] = (),
    **changes: Any,
) -> dict[str, Verdict]:
    """The verdict on each thing, by id; `changes` are of the root."""
    inventory = Inventory(tuple(resources), tuple(gaps))
    found = mark(inventory, {"shop": replace(root(ledger), **changes)})
    assert [one.resource for one in found] == list(resources)
    return {one.resource.id: one for one in found}


def changed(id_: str, **facts: Any) -> tuple[Resource, ...]:
    """The world with one thing changed; `tags` are added to its own."""

    def change(one: Resource) -> Resource:
        if one.id != id_:
            return one
        tags = {**one.tags, **facts.get("tags", {})}
        return replace(one, **{**facts, "tags": {k: v for k, v in tags.items() if v is not None}})

    return tuple(change(one) for one in ALL)


@dataclass(frozen=True)
class Scene:
    """A world in which one thing is to be judged."""

    reason: Role | Reason
    resource: str = "i-41"
    facts: Mapping[str, Any] = field(default_factory=dict)
    ledger: Ledger = CLEAN
    root: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""


SCENES: dict[str, Scene] = {
    "what no ledger names is garbage": Scene(Reason.UNROOTED, says="does not name"),
    "so is what failed": Scene(Reason.UNROOTED, facts={"tags": {t.STATE: "failed"}}),
    "so is what was left": Scene(Reason.UNROOTED, facts={"tags": {t.STATE: "left"}}),
    "the live machine": Scene(Role.LIVE, "i-17"),
    "the live database": Scene(Role.LIVE, "db-17"),
    "live whatever its label": Scene(Role.LIVE, "i-17", {"tags": {t.STATE: "left"}}),
    "the previous machine": Scene(Role.PREVIOUS, "i-9"),
    "previous though labelled pending": Scene(
        Role.PREVIOUS, "vol-9", {"tags": {t.STATE: "pending"}}
    ),
    "evidence": Scene(Role.KEPT, ledger=EVIDENCE),
    "the lease holder's": Scene(Role.LEASE, ledger=DIED),
    "the lease holder's, though its lease has run out": Scene(
        Role.LEASE, ledger=DIED, root={"now": NOW + timedelta(days=1)}
    ),
    "what left": Scene(Role.LEFT, "i-17", ledger=LEFT, root={"record": ("10.0.1.17",)}),
    "what left, whatever its label": Scene(
        Role.LEFT, "vol-17", {"tags": {t.STATE: "left"}}, ledger=LEFT
    ),
    "an id that is none": Scene(Reason.FOREIGN, facts={"tags": {t.ID: "shop"}}),
    "a service that is not configured": Scene(
        Reason.FOREIGN, facts={"tags": {t.ID: "blog/20261123T031502Z-7kq2m"}}
    ),
    "another company's ledger of the same service": Scene(
        Reason.FOREIGN, facts={"tags": {t.LEDGER: "Z2/shop._deploy.example.com"}}
    ),
    "no ledger's": Scene(Reason.FOREIGN, facts={"tags": {t.LEDGER: None}}),
    "a kind that no deploy makes": Scene(Reason.FOREIGN, "vol-41", {"kind": "natgateway"}),
    "a backup": Scene(
        Reason.LOOK_ALIKE, "ami-41", {"tags": {"aws:backup:source-resource": "i-41"}}
    ),
    "a lifecycle policy's snapshot": Scene(
        Reason.LOOK_ALIKE, "snap-41", {"tags": {"aws:dlm:lifecycle-policy-id": "p"}}
    ),
    "a copied image": Scene(Reason.LOOK_ALIKE, "ami-41", {"name": "copy"}),
    "a copied snapshot": Scene(Reason.LOOK_ALIKE, "snap-41", {"source": "copied"}),
    "launched more like this": Scene(Reason.LOOK_ALIKE, "i-41", {"token": ""}),
    "in another region": Scene(Reason.LOOK_ALIKE, "i-41", {"place": ELSEWHERE}),
    "held by people": Scene(
        Reason.HELD, facts={"tags": {t.HOLD: "forensics, ask Ann"}}, says="ask Ann"
    ),
    "adopted and rooted": Scene(Role.LIVE, "i-17", {"tags": {t.HOLD: "adopted"}, "token": ""}),
    "adopted and no longer rooted": Scene(
        Reason.HELD, facts={"tags": {t.HOLD: "adopted", t.STATE: "left"}, "token": ""}
    ),
    "the backup of an adopted machine, its hold copied too": Scene(
        Reason.LOOK_ALIKE,
        "ami-41",
        {"tags": {t.HOLD: "adopted", t.STATE: "live", t.PART: t.part(INSTANCE, PLACE)}},
    ),
    "an address of its deploy stands in the record": Scene(
        Reason.WITNESSED, facts={"addresses": ("10.0.1.17",)}, says="A record"
    ),
    "young, by policy": Scene(Reason.YOUNG, root={"min_age": timedelta(hours=1)}),
    "old enough to the second": Scene(Reason.UNROOTED, root={"min_age": NOW - DEAD.born}),
    "protected by people": Scene(Reason.IN_USE, "ami-41", {"protected": True}),
    "shared with other accounts": Scene(Reason.IN_USE, "ami-41", {"shared": True}),
    "a stranger uses it": Scene(Reason.IN_USE, "snap-41", {"used_by": ("ami-41", "ami-x")}),
    "its ledger could not be read": Scene(
        Reason.UNKNOWN, root={"problem": "no answer"}, says="no answer"
    ),
    "live, and its ledger could not be read": Scene(
        Reason.UNKNOWN, "i-17", root={"problem": "no answer"}
    ),
}


@pytest.mark.parametrize("scene", list(SCENES.values()), ids=list(SCENES))
def test_each_reason(scene: Scene) -> None:
    """What is kept and why; only `unrooted` collects."""
    found = verdicts(changed(scene.resource, **scene.facts), scene.ledger, **scene.root)
    verdict = found[scene.resource]
    assert verdict.reason is scene.reason
    assert scene.says in verdict.text
    assert verdict.collect == (scene.reason is Reason.UNROOTED)
    assert verdict.text


def test_no_reason_is_forgotten() -> None:
    """Every reason has its scene; `lost` has its own test below, `draining` those of traffic."""
    elsewhere = {Reason.LOST, Reason.DRAINING}
    assert {one.reason for one in SCENES.values()} == {*Role, *Reason} - elsewhere


def test_a_whole_dead_deploy_is_collected() -> None:
    """Each of its kinds, and nothing else."""
    assert {id_ for id_, one in verdicts().items() if one.collect} == DEAD_THINGS


def test_labels_never_condemn() -> None:
    """Whatever the labels of a rooted deploy say, not one thing of it is collected."""
    for label in (*Label, "nonsense"):
        relabelled = [replace(one, tags={**one.tags, t.STATE: str(label)}) for one in ALL]
        collected = {id_ for id_, one in verdicts(relabelled).items() if one.collect}
        assert collected <= DEAD_THINGS


@pytest.mark.parametrize("label", ["live", "retired", "", "nonsense"])
def test_what_is_lost_is_not_garbage_even_if_nobody_noticed(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second line of defence: `lost` protects also where the contradiction was overlooked."""
    monkeypatch.setattr(marking, "_contradiction", lambda *_: "")
    found = verdicts(changed("i-41", tags={t.STATE: label}))
    assert found["i-41"].reason is Reason.LOST
    assert found["vol-41"].reason is Reason.IN_USE


def test_in_use_spreads() -> None:
    """A held machine keeps its disk, interface, image and database; a held image its snapshot."""
    found = verdicts(changed("i-41", tags={t.HOLD: "look at it"}))
    reasons = {id_: found[id_].reason for id_ in DEAD_THINGS}
    assert reasons["vol-41"] is reasons["eni-41"] is Reason.IN_USE
    assert reasons["ami-41"] is reasons["snap-41"] is reasons["db-41"] is Reason.IN_USE
    found = verdicts(changed("ami-41", tags={t.HOLD: "golden"}))
    assert found["snap-41"].reason is Reason.IN_USE
    assert found["i-41"].reason is Reason.UNROOTED


def test_what_is_used_is_kept_also_if_only_its_user_says_so() -> None:
    """`uses` of a foreign thing and `used_by` of our own are both believed."""
    user = Resource(INSTANCE, "i-x", PLACE, {}, uses=("vol-41",))
    found = verdicts((*ALL, user))
    assert found["vol-41"].reason is Reason.IN_USE
    assert "i-x" in found["vol-41"].text


def test_the_witness_keeps_the_whole_deploy() -> None:
    """One address in the record protects machine, disk, image and database alike (rule 9)."""
    found = verdicts(changed("i-41", addresses=("10.0.1.41", "10.0.1.17")))
    assert {found[id_].reason for id_ in DEAD_THINGS} == {Reason.WITNESSED}


def test_two_ledgers_of_one_name_do_not_touch_each_other() -> None:
    """Two companies in one account, both with a `shop`: each sees the other's as foreign."""
    theirs = "Z2/shop._deploy.example.net"
    other = [
        replace(one, id=f"{one.id}-b", tags={**one.tags, t.LEDGER: theirs}, uses=(), used_by=())
        for one in resources(DEAD, "v1", Label.PENDING, 41)
    ]
    found = verdicts((*ALL, *other))
    assert {found[one.id].reason for one in other} == {Reason.FOREIGN}
    assert {id_ for id_, one in found.items() if one.collect} == DEAD_THINGS


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "a ledger that could not be read": ({"problem": "no answer"}, "no answer"),
    "a fence above the generation": ({"fence": 45}, "generation 45 has been obeyed"),
    "no ledger, yet things of it": ({"ledger": Ledger(0), "record": ()}, "the ledger is gone"),
    "a live deploy that the ledger does not name": (
        {"ledger": replace(CLEAN, live=Live(OLD, ("10.0.1.9",)), previous=()), "record": ()},
        "may be older than it should be",
    ),
    "a retired deploy that the ledger does not name": (
        {"ledger": replace(CLEAN, previous=())},
        "labelled 'retired'",
    ),
    "a record that names a previous deploy": ({"record": ("10.0.1.9",)}, "the A record names"),
    "a record that names garbage": ({"record": ("10.0.1.41",)}, "the A record names"),
    "a record that names live and another": (
        {"record": ("10.0.1.17", "10.0.1.41")},
        "the A record names",
    ),
}


@pytest.mark.parametrize(("changes", "why"), list(UNKNOWN.values()), ids=list(UNKNOWN))
def test_rule_6_unknown_is_not_empty(changes: dict[str, Any], why: str) -> None:
    """A ledger that is missing, unreadable or older than it should be: nothing is collected."""
    here = {"shop": replace(root(), **changes)}
    assert why in problems(Inventory(ALL), here)["shop"]
    found = mark(Inventory(ALL), here)
    assert {one.reason for one in found} == {Reason.UNKNOWN}


def test_a_known_service_has_no_problem() -> None:
    """The same world without a contradiction, its fence as high as the ledger."""
    assert problems(Inventory(ALL), {"shop": replace(root(), fence=CLEAN.gen)}) == {}


def test_an_adopted_deploy_that_is_not_named_is_lost() -> None:
    """A machine has no birth to prove, but people said whose it is: the ledger forgot it."""
    lost = changed("i-41", tags={t.HOLD: "adopted", t.STATE: "live"}, token="")
    assert "i-41 is labelled 'live'" in problems(Inventory(lost), {"shop": root()})["shop"]


@pytest.mark.parametrize(
    "facts",
    [
        {"tags": {t.STATE: "live", t.HOLD: "look at it"}},
        {"tags": {t.STATE: "live"}, "token": ""},
        {"tags": {t.STATE: "live", t.LEDGER: "Z2/shop._deploy.example.net"}},
        {"tags": {t.STATE: "live", t.HOLD: "adopted", t.PART: "instance@1/mars-1"}},
    ],
    ids=["held by people", "a look-alike", "another ledger's", "a copy of an adopted machine"],
)
def test_copies_do_not_make_a_service_unknown(facts: dict[str, Any]) -> None:
    """Otherwise one backup of a live machine would stop the clean-up for ever."""
    assert problems(Inventory(changed("i-41", **facts)), {"shop": root()}) == {}


@pytest.mark.parametrize("kind", [*ownership.KINDS, "resource"])
def test_a_gap_makes_unknown_but_a_database_gap_does_not(kind: str) -> None:
    """A page that was not read hides what may be live; a database server hides databases only."""
    gap = Gap(PLACE, kind, "throttled")
    seen = [one for one in ALL if one.kind != kind]
    found = verdicts(seen, gaps=[gap])
    collected = {id_ for id_, one in found.items() if one.collect}
    if kind in APART:
        assert collected == DEAD_THINGS - ({"db-41"} if kind == DATABASE else set())
    else:
        assert {one.reason for one in found.values()} <= {Reason.UNKNOWN, Reason.LOOK_ALIKE}


def test_a_group_waits_until_rds_is_read() -> None:
    """An RDS instance that nobody could see may be in it; all else of the dead release goes."""
    more = more_things(DEAD, "v1.4.9", Label.PENDING, 41)
    seen = [one for one in (*ALL, *more) if one.kind != RDS_INSTANCE]
    found = verdicts(seen, gaps=[Gap(PLACE, RDS_INSTANCE, "denied")])
    assert found["sg-41"].reason is Reason.IN_USE
    collected = {id_ for id_, one in found.items() if one.collect}
    assert collected == DEAD_THINGS | {one.id for one in more} - {"sg-41", f"db:{DEAD.stem}"}


def test_groups_that_name_each_other_go_together() -> None:
    """A circle of garbage is garbage; one that hangs on somebody's group is in use."""
    one, two = (
        replace(resource, id=f"sg-{number}", used_by=(f"sg-{3 - number}",))
        for number, resource in enumerate(2 * [_group()], 1)
    )
    free = verdicts([*ALL, one, two])
    assert free["sg-1"].collect
    assert free["sg-2"].collect
    held = verdicts([*ALL, one, replace(two, used_by=("sg-1", "sg-stranger"))])
    assert {held[id_].reason for id_ in ("sg-1", "sg-2")} == {Reason.IN_USE}


def _group() -> Resource:
    more = more_things(DEAD, "v1.4.9", Label.PENDING, 41)
    return next(one for one in more if one.kind == GROUP)


def test_rule_9_an_address_in_the_record_is_never_released() -> None:
    """Released, it could be anybody's a minute later, with the clients still going there."""
    address = replace(more_things(DEAD, "v1.4.9", Label.PENDING, 41)[0], addresses=("192.0.2.9",))
    found = verdicts([*ALL, address], record=("192.0.2.9",))
    assert not found[address.id].collect


def test_a_template_of_somebody_keeps_the_image() -> None:
    """What a held template launches from outlives its deploy, and so do its snapshots."""
    (template,) = (
        one for one in more_things(DEAD, "v1.4.9", Label.PENDING, 41) if one.kind == TEMPLATE
    )
    held = replace(template, tags={**template.tags, t.HOLD: "the black Friday fleet"})
    found = verdicts([*ALL, held])
    assert {id_ for id_ in ("ami-41", "snap-41") if found[id_].collect} == set()


def test_a_gap_elsewhere_is_no_gap_here() -> None:
    """Another region out of reach does not stop the clean-up of this one."""
    found = verdicts(gaps=[Gap(ELSEWHERE, INSTANCE, "throttled")])
    assert {id_ for id_, one in found.items() if one.collect} == DEAD_THINGS


def test_one_unknown_service_does_not_stop_another() -> None:
    """Each service has its own roots; the sweep of the others goes on."""
    blog = Root(replace(HOME, service="blog"), NOW, problem="no answer")
    found = mark(Inventory(ALL), {"shop": root(), "blog": blog})
    assert {one.resource.id for one in found if one.collect} == DEAD_THINGS


def test_a_lease_protects_only_its_holder() -> None:
    """Somebody else's dead things stay garbage while a release is under way."""
    busy = replace(CLEAN, lease=Lease(replace(DEAD, suffix="zzzzz"), NOW, "image"))
    assert verdicts(ledger=busy)["i-41"].reason is Reason.UNROOTED


def test_the_same_id_in_another_place_is_another_thing() -> None:
    """A copy there proves nothing here, and is not deleted here."""
    twin = replace(next(one for one in ALL if one.id == "ami-41"), place=ELSEWHERE)
    found = mark(Inventory((*ALL, twin)), {"shop": root()})
    here = {one.resource.place: one.reason for one in found if one.resource.id == "ami-41"}
    assert here == {PLACE: Reason.UNROOTED, ELSEWHERE: Reason.LOOK_ALIKE}


def test_live_is_live_at_any_address() -> None:
    """The record may say something else than the ledger: the live deploy is kept all the same."""
    assert verdicts(record=("203.0.113.5",))["i-17"].reason is Role.LIVE
    assert verdicts(record=())["i-17"].reason is Role.LIVE
    assert LIVE in CLEAN.rooted


def test_what_left_may_use_any_database_of_the_service() -> None:
    """None is known to be its own: an older release's is kept, as beside a live deploy."""
    others = [one for one in ALL if one.id != "db-17"]
    verdict = verdicts(others, LEFT)["db-41"]
    assert (verdict.reason, verdict.collect) == (Reason.IN_USE, False)
    assert verdicts(ALL, LEFT)["db-41"].collect
