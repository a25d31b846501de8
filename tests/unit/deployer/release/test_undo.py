"""The undo: account for every create, end the lease, sweep own id; in this order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deployer import events as e
from deployer.compute import ImageOrder, LaunchOrder
from deployer.release.context import ReleaseContext, ReleaseOptions
from deployer.release.lease_terms import LeaseTerms
from deployer.release.undo import undo
from deployer.release.wait_listed import wait_until_listed
from reconciler.errors import AccessDenied, CloudError, CloudUnclear, LedgerUnknown, ToolError
from reconciler.model import ledger as led
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ending
from reconciler.model.resource import IMAGE, INSTANCE, INTERFACE, SNAPSHOT, VOLUME, Gap
from reconciler.model.tag_summary import TagSummary
from reconciler.model.tags import BirthTags, Label
from reconciler.sweep import absence as gone
from reconciler.sweep.absence import Sightings
from reconciler.util.backoff import Backoff
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, Scene
from tests.support.guarded import leased
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, PLACE, ZONE, deploy, resources


@pytest.fixture(autouse=True)
def _fakes_do_not_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fake does not list is gone: nothing to wait for."""
    monkeypatch.setattr(gone, "AGREED", 0.0)


ME = deploy(0, "aaaaa")
TERMS = LeaseTerms(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2))
BIRTH = BirthTags(ME, LEDGER, PLACE, "v1.5.1", "me@here")
IMAGE_ORDER = ImageOrder(
    "i-17", ME.image_name, {kind: BIRTH.of(kind) for kind in (IMAGE, SNAPSHOT)}
)
LAUNCH_ORDER = LaunchOrder(
    token=ME.client_token(ZONE),
    image="ami-101",
    count=2,
    type="t3.small",
    subnet="subnet-1",
    groups=(),
    profile="",
    key="",
    disks=(),
    user_data="",
    tags={kind: BIRTH.of(kind) for kind in (INSTANCE, VOLUME, INTERFACE)},
)


def begun(
    scene: Scene, told: list[e.Event] | None = None, keep: timedelta | None = None
) -> ReleaseContext:
    """A release that has its lease."""
    events: list[e.Event] = [] if told is None else told
    run = leased(scene, ReleaseOptions(keep_failed=keep), events.append)
    scene.acts.clear()
    return run


def created(scene: Scene, keep: timedelta | None = None) -> ReleaseContext:
    """The same with an image and two machines."""
    run = begun(scene, keep=keep)
    run.created.image_order, run.created.launch_order = IMAGE_ORDER, LAUNCH_ORDER
    run.created.image = scene.compute.create_image(IMAGE_ORDER)
    run.created.launched = scene.compute.launch(LAUNCH_ORDER)
    scene.acts.clear()
    return run


def mine(scene: Scene) -> set[str]:
    """Ids of what this release made."""
    return {one.id for one in scene.heap.held.values() if one.deploy == ME}


def test_everything_that_was_made_goes(scene: Scene) -> None:
    """And the ledger is as it was but for its generation; live is not touched."""
    run = created(scene)
    before = {id_: label for id_, label in scene.heap.labels().items() if id_ not in mine(scene)}
    done = undo(run, "smoke failed")
    assert (done.left, done.committed, done.kept) == ((), False, False)
    assert done.removed["instance"] == 2
    assert mine(scene) == set()
    assert scene.heap.labels() == before
    assert scene.ledger == replace(CLEAN, gen=scene.ledger.gen)


def test_rule_3_the_lease_is_ended_before_anything_is_deleted(scene: Scene) -> None:
    """Un-rooted by a swap, then deleted; never the other way round."""
    undo(created(scene), "smoke failed")
    changing = [one.split()[0] for one in scene.did("swap", "delete", "drop")]
    assert changing[0] == "swap"
    assert "delete" in changing
    assert changing.count("swap") == 1


@pytest.mark.parametrize("lost", ["create_image", "launch"])
def test_rule_8_a_create_whose_reply_was_lost_is_settled_while_still_rooted(
    scene: Scene, lost: str
) -> None:
    """Repeated with its own name or token before the lease ends: found, and then removed."""
    run = begun(scene)
    run.created.image_order = IMAGE_ORDER
    if lost == "launch":
        run.created.image = scene.compute.create_image(IMAGE_ORDER)
        run.created.launch_order = LAUNCH_ORDER
    scene.compute.lost.append(lost)
    creates: dict[str, Callable[[], object]] = {
        "launch": lambda: scene.compute.launch(LAUNCH_ORDER),
        "create_image": lambda: scene.compute.create_image(IMAGE_ORDER),
    }
    with pytest.raises(CloudUnclear):
        creates[lost]()
    assert mine(scene)
    assert undo(run, "no answer").left == ()
    assert mine(scene) == set()


@pytest.mark.parametrize("lost", ["create_image", "launch"])
def test_rule_8_a_request_that_never_arrived_is_made_and_removed_again(
    scene: Scene, lost: str
) -> None:
    """The replay comes before the end of the lease: what it makes is rooted when it is born."""
    run = begun(scene)
    run.created.image_order = IMAGE_ORDER
    if lost == "launch":
        run.created.image = scene.compute.create_image(IMAGE_ORDER)
        run.created.launch_order = LAUNCH_ORDER
        scene.acts.clear()
    assert undo(run, "no answer").left == ()
    acts = [one.split()[0] for one in scene.did("create", "swap", "delete")]
    assert acts.index("create") < acts.index("swap") < acts.index("delete")
    assert mine(scene) == set()


def test_rule_8_what_cannot_be_settled_is_said(scene: Scene) -> None:
    """Nobody knows whether machines exist: not clean, though nothing is found."""
    run = begun(scene)
    run.created.launch_order = LAUNCH_ORDER
    scene.compute.failing["launch"] = CloudUnclear("ec2:RunInstances: no answer")
    done = undo(run, "no answer")
    assert "whether machines were made is not known" in done.left[0]


def test_rule_8_a_definite_refusal_settles(scene: Scene) -> None:
    """AWS refuses the very same request: the one before made nothing either."""
    run = begun(scene)
    run.created.launch_order = LAUNCH_ORDER
    scene.compute.failing["launch"] = CloudError("no", code="InsufficientInstanceCapacity")
    assert undo(run, "no capacity").left == ()


@pytest.mark.parametrize("weather", [Weather.NOT_DONE, Weather.DONE_UNHEARD, Weather.REFUSED])
def test_rule_4_a_lease_that_may_be_held_keeps_everything(scene: Scene, weather: Weather) -> None:
    """Perhaps still rooted: nothing is deleted, and it is said; the sweep does it later."""
    run = created(scene)
    before = mine(scene)
    scene.ledgers.weather.append(weather)
    done = undo(run, "smoke failed")
    assert "the lease could not be ended" in done.left[0]
    assert mine(scene) == before
    assert scene.did("delete", "drop", "label") == []


def test_rule_4_a_ledger_out_of_reach_keeps_everything(scene: Scene) -> None:
    """Unknown is not ended."""
    run = created(scene)
    before = mine(scene)
    scene.ledgers.unreadable["shop"] = LedgerUnknown("not a ledger")
    done = undo(run, "smoke failed")
    assert done.left
    assert mine(scene) == before
    assert scene.did("delete", "drop", "label", "swap") == []


def test_rule_5_an_unheard_commit_deletes_nothing(scene: Scene) -> None:
    """The ledger says that we are live: then nothing of ours may go."""
    run = created(scene)
    before = mine(scene)
    scene.ledgers.weather.append(Weather.DONE_UNHEARD)
    with pytest.raises(CloudUnclear):
        run.held.commit(ME, ("10.0.2.102", "10.0.2.103"), LIVE)
    done = undo(run, "no answer")
    assert (done.committed, done.left) == (True, ())
    assert mine(scene) == before
    assert scene.did("delete", "drop", "label") == []


def test_a_commit_that_did_not_happen_is_undone(scene: Scene) -> None:
    """The same without the commit: ended, and swept."""
    run = created(scene)
    scene.ledgers.weather.append(Weather.NOT_DONE)
    with pytest.raises(CloudUnclear):
        run.held.commit(ME, ("10.0.2.102", "10.0.2.103"), LIVE)
    assert not undo(run, "no answer").committed
    assert mine(scene) == set()


def test_a_lease_that_an_operator_ended_is_swept_all_the_same(scene: Scene) -> None:
    """Whoever comes first does the work; a swept thing is swept once."""
    run = created(scene)
    lease = scene.ledger.lease
    assert lease is not None
    scene.ledger = led.end(scene.ledger, Ending(lease, NOW, operator=True))
    assert undo(run, "aborted").left == ()
    assert mine(scene) == set()


def test_evidence_is_kept_rooted_and_labelled(scene: Scene) -> None:
    """`--keep-failed`: in the ledger until its time, its units stopped, nobody's garbage."""
    run = created(scene, timedelta(hours=2))
    before = mine(scene)
    done = undo(run, "smoke failed")
    assert done.kept
    assert mine(scene) == before
    assert [one.id for one in scene.ledger.kept] == [ME]
    assert scene.did("delete", "drop") == []
    assert {scene.heap.labels()[id_] for id_ in before} == {"failed"}


def test_evidence_is_told_with_its_end(scene: Scene) -> None:
    """Not as an undo: what is kept, until when, and for how much."""
    told: list[e.Event] = []
    run = begun(scene, told, timedelta(hours=2))
    run.created.image_order, run.created.launch_order = IMAGE_ORDER, LAUNCH_ORDER
    run.created.image = scene.compute.create_image(IMAGE_ORDER)
    run.created.launched = scene.compute.launch(LAUNCH_ORDER)
    undo(run, "smoke failed")
    assert isinstance(told[0], e.CleanUpBegan)
    assert told[0].keeps
    done = told[-1]
    assert isinstance(done, e.CleanUpDone)
    assert (done.removed, done.kept["instance"]) == ({}, 2)
    assert done.kept_until is not None
    assert done.kept_until.replace(microsecond=0) == scene.ledger.kept[0].until


def test_a_live_database_under_somebody_elses_lease_stays_shut_and_is_said(scene: Scene) -> None:
    """This process slept before its freeze: its lease was ended, and another holds one now."""
    run = begun(scene)
    run.database.source = LIVE.database_name(LEDGER)
    scene.server.shut(run.database.source, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    ours = scene.ledger.lease
    assert ours is not None
    ended = led.end(scene.ledger, Ending(ours, NOW, operator=True))
    scene.ledger = led.acquire(ended, DEAD, NOW + timedelta(minutes=9))
    (left,) = undo(run, "the lease was ended").left
    assert run.database.source in left
    assert str(DEAD) in left


def test_somebody_elses_leftovers_stay(scene: Scene) -> None:
    """A failing release is no scheduled sweep."""
    scene.heap.add(resources(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])
    undo(created(scene), "smoke failed")
    assert "i-41" in scene.heap.ids


def test_what_cannot_be_removed_is_listed(scene: Scene) -> None:
    """One line a thing, with the reason."""
    run = created(scene)
    machine = run.created.launched[0]
    scene.heap.protected[machine] = "termination protection"
    done = undo(run, "smoke failed")
    assert any(machine in one and "termination protection" in one for one in done.left)


def test_the_undo_is_told(scene: Scene) -> None:
    """Why it began, each thing that went, and how it ended."""
    told: list[e.Event] = []
    run = begun(scene, told)
    run.created.launch_order = LAUNCH_ORDER
    run.created.launched = scene.compute.launch(LAUNCH_ORDER)
    undo(run, "smoke failed")
    assert isinstance(told[0], e.CleanUpBegan)
    assert told[0].reason == "smoke failed"
    gone = {one.id for one in told if isinstance(one, e.CleanUpItem)}
    assert gone >= set(run.created.launched)
    assert isinstance(told[-1], e.CleanUpDone)


# Listings lag: "nothing found" right after a create is no answer (rule 8).

HASTE = Backoff(first=0.001, longest=0.001, deadline=2.0)


def test_rule_8_what_was_made_is_waited_for_until_it_is_listed(scene: Scene) -> None:
    """A sweep that looked at once would find nothing and call it clean."""
    run = created(scene)
    for id_ in (*run.created.launched, run.created.image):
        scene.heap.unlisted[id_] = 3
    assert wait_until_listed(run, HASTE)
    assert mine(scene) <= {one.id for one in scene.heap.scan().resources}


def test_what_is_never_listed_is_not_listed(scene: Scene) -> None:
    """The deadline comes, and it is said."""
    run = created(scene)
    scene.heap.unlisted[run.created.launched[0]] = 10**6
    assert not wait_until_listed(run, replace(HASTE, deadline=0.02))


def test_what_has_ended_by_itself_is_not_waited_for(scene: Scene) -> None:
    """A machine that terminated at once leaves the listings, or never enters them."""
    run = created(scene)
    ended = run.created.launched[0]
    scene.heap.unlisted[ended] = 10**6
    scene.heap.change(ended, state="terminated")
    assert wait_until_listed(run, HASTE)


def seen_pending(scene: Scene) -> ReleaseContext:
    """A release that waited for its image, saw it pending, and has launched nothing."""
    run = begun(scene)
    run.created.image_order = IMAGE_ORDER
    run.created.image = scene.compute.create_image(IMAGE_ORDER)
    run.created.image_seen.update("pending", 0.0)
    return run


def test_a_pending_image_that_another_sweep_took_is_not_waited_for(scene: Scene) -> None:
    """It was seen, and no look shows it any more: an abort was here."""
    run = seen_pending(scene)
    scene.heap.held.clear()
    assert wait_until_listed(run, HASTE)


def test_an_image_that_is_deregistered_is_not_waited_for(scene: Scene) -> None:
    """EC2 says so itself."""
    run = seen_pending(scene)
    scene.heap.unlisted[run.created.image] = 10**6
    scene.compute.image_state = "deregistered"
    assert wait_until_listed(run, HASTE)


def test_rule_8_an_image_that_was_never_seen_is_waited_for(scene: Scene) -> None:
    """Neither by its tags nor by its id: it may not be visible yet, however long that takes."""
    run = seen_pending(scene)
    run.created.image_seen = Sightings()
    scene.heap.held.clear()
    assert not wait_until_listed(run, replace(HASTE, deadline=0.02))


def test_rule_8_an_image_that_is_missing_once_is_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer of a lagging EC2 is no proof: it is found by its tags in the end, and removed."""
    monkeypatch.setattr(gone, "AGREED", 3600.0)
    run = seen_pending(scene)
    scene.heap.unlisted[run.created.image] = 4
    scene.compute.unseen = 3
    assert wait_until_listed(run, HASTE)
    assert run.created.image in {one.id for one in scene.heap.scan().resources}


def test_what_may_not_be_seen_is_not_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission does not come with time; an answer that failed may."""
    run = created(scene)
    looks: list[ToolError] = []

    def answer(error: ToolError) -> None:
        def unread() -> TagSummary:
            looks.append(error)
            gaps = (Gap.of(PLACE, kind, error) for kind in (IMAGE, INSTANCE))
            return TagSummary(PLACE, gaps=tuple(gaps))

        monkeypatch.setattr(scene.heap, "tag_summary", unread)

    answer(AccessDenied("ec2:DescribeTags is denied"))
    assert not wait_until_listed(run, HASTE)
    assert len(looks) == 1
    answer(CloudError("ec2:DescribeTags failed"))
    assert not wait_until_listed(run, replace(HASTE, deadline=0.02))
    assert len(looks) > 3


def test_nothing_made_nothing_to_wait_for(scene: Scene) -> None:
    """Not even a look."""
    run = begun(scene)
    assert wait_until_listed(run, HASTE)
    assert scene.acts == []


def test_the_undo_waits_for_its_own(scene: Scene) -> None:
    """Listed late, removed all the same."""
    run = created(scene)
    for id_ in mine(scene):
        scene.heap.unlisted[id_] = 1
    assert undo(run, "smoke failed").left == ()
    assert mine(scene) == set()
