"""Rollback: back to the last good release, its databases, and what is refused before anything."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from deployer import events as e
from deployer.commands.rollback.command import rollback
from deployer.commands.rollback.context import choose
from deployer.commands.rollback.databases import losses
from deployer.release.lease_terms import LeaseLost
from reconciler.database.port import Changes
from reconciler.errors import (
    CloudUnclear,
    DatabaseError,
    FollowUpFailed,
    Refused,
    SmokeFailed,
    ToolError,
)
from reconciler.model import ledger as ledgers
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ending, Lease, Live, Previous, Via
from reconciler.model.ledger_codec import VALUE_LIMIT, LedgerTooLong, encode
from reconciler.model.resource import INSTANCE, Gap
from reconciler.model.tags import Label
from reconciler.util.signals import Interrupted
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import (
    CLEAN,
    DEAD,
    LEDGER,
    LIVE,
    NOW,
    OLD,
    PLACE,
    deploy,
    resources,
)

LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))
OTHER = deploy(3, "bbbbb")
CHANGING = ("swap", "label", "delete", "drop", "shut", "thaw", "run", "stop")


def baseline(scene: Scene) -> None:
    """As after the cutover: what is written from now on would be lost."""
    scene.server.record_baseline(LIVE_DB, FencedAct(3, LIVE, LEDGER))
    scene.acts.clear()


@pytest.fixture(autouse=True)
def counted(scene: Scene) -> None:
    """Every world here has a baseline, or all writes would count as unknown."""
    baseline(scene)


def back(scene: Scene, told: list[e.Event] | None = None, **asked: object) -> e.RolledBack:
    """Roll back."""
    events: list[e.Event] = [] if told is None else told
    return rollback(scene.ports(), emit=events.append, **asked)  # type: ignore[arg-type]


def test_it_is_back(scene: Scene) -> None:
    """Ledger and record in one swap; the one left is rejected, and everything changes sides."""
    done = back(scene)
    assert scene.ledger.live == Live(OLD, ("10.0.1.9",), via=Via.PRIVATE)
    assert [(one.id, one.rejected) for one in scene.ledger.previous] == [(LIVE, True)]
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.9",)
    assert scene.server.is_shut(LIVE_DB)
    assert not scene.server.is_shut(OLD_DB)
    assert scene.reach.machine("i-9").active() == {"shop.service", "shop-worker.service"}
    assert scene.reach.machine("i-17").active() == {"shop.service"}
    assert (scene.heap.labels()["i-9"], scene.heap.labels()["i-17"]) == ("live", "retired")
    assert (done.release, done.was, done.rejected) == ("v1.4.2", "v1.5.0", True)


def test_the_newer_database_is_shut_before_the_commit_and_the_older_opened_after(
    scene: Scene,
) -> None:
    """At no moment two of them take writes."""
    back(scene)
    acts = [one for one in scene.acts if one.startswith(("shut", "thaw", "swap"))]
    shut, thaw = acts.index(f"shut {LIVE_DB}"), acts.index(f"thaw {OLD_DB}")
    commit = [n for n, one in enumerate(acts) if one.startswith("swap")][-1]
    assert shut < commit < thaw


def test_where_it_goes_back_to_is_unfinished_before_its_jobs_begin(scene: Scene) -> None:
    """A follow-up that dies shows in the label, whatever was left half done before."""
    back(scene)
    acts = [one for one in scene.acts if one.startswith(("label", "run")) and "i-9" in one]
    marked = acts.index("label pending i-9")
    assert acts[marked:] == [
        "label pending i-9",
        "run the app, run the jobs on i-9",
        "label live ami-9 eni-9 i-9 snap-9 vol-9",
    ]


def test_a_commit_that_nobody_follows_up_is_found_by_its_label(scene: Scene) -> None:
    """A young sweep looks at nothing else; the label is written beside the commit."""

    def go_blind(event: e.Event) -> None:
        if isinstance(event, e.FreezeBegan):
            scene.heap.gaps.append(Gap.of(PLACE, INSTANCE, ToolError("no answer")))

    with pytest.raises(FollowUpFailed):
        rollback(scene.ports(), emit=go_blind)
    assert scene.heap.labels()["i-9"] == "pending"


def test_two_swaps_are_enough_and_the_older_opens_right_after_the_second(scene: Scene) -> None:
    """Nothing else is asked or done while writes are refused, but the ledger's commit."""
    back(scene, discard_writes=True)
    acts = [one for one in scene.acts if not one.startswith("label")]  # beside the commit
    shut = acts.index(f"shut {LIVE_DB}")
    assert acts[shut + 1].startswith("swap")
    assert acts[shut + 2] == f"thaw {OLD_DB}"
    assert sum(one.startswith("swap") for one in acts) == 2


def test_an_older_database_that_does_not_open_at_once_is_opened_by_the_follow_up(
    scene: Scene,
) -> None:
    """Its session died with the server's limit: the commit stands, and the thaw is made again."""
    warned: list[str] = []

    def die(event: e.Event) -> None:
        if isinstance(event, e.FreezeBegan):
            scene.server.failing["thaw"] = DatabaseError("the session was ended")
        if isinstance(event, e.Warned):
            warned.append(event.text)
            scene.server.failing.clear()

    rollback(scene.ports(), discard_writes=True, emit=die)
    assert "for a moment longer" in warned[0]
    assert not scene.server.is_shut(OLD_DB)


def test_a_thaw_of_another_generation_is_given_up(scene: Scene) -> None:
    """A renewal of our own came late, and the commit was made again above it."""
    renew = lambda: setattr(  # noqa: E731
        scene, "ledger", replace(scene.ledger, gen=scene.ledger.gen + 1)
    )

    def meddle(act: str) -> None:
        if act == f"shut {LIVE_DB}":
            scene.ledgers.meddlers.append(renew)

    scene.acts.then = meddle
    back(scene, discard_writes=True)
    acts = [one for one in scene.acts if one.startswith(("swap", "shut", "thaw"))]
    commit = max(number for number, act in enumerate(acts) if act.startswith("swap"))
    assert acts[commit + 1] == f"shut {LIVE_DB}", "the follow-up's, before it opens the older one"
    assert not scene.server.is_shut(OLD_DB)
    assert scene.server.is_shut(LIVE_DB)


def test_a_newer_database_that_somebody_opens_stays_live(scene: Scene) -> None:
    """Two of them would take writes: it is seen before the commit."""

    def open_it(event: e.Event) -> None:
        if isinstance(event, e.FreezeBegan):
            scene.server.thaw(LIVE_DB, FencedAct(99, LIVE, LEDGER))

    with pytest.raises(ToolError, match="takes writes again"):
        rollback(scene.ports(), discard_writes=True, emit=open_it)
    assert scene.ledger.live
    assert scene.ledger.live.id == LIVE


def test_and_forward_again(scene: Scene) -> None:
    """Rolling forward rejects nobody; what was written to the older one meanwhile counts."""
    back(scene)
    scene.server.write(OLD_DB, ROLE, "public.orders", 7)
    with pytest.raises(Refused, match="at least 7 row changes") as refused:
        back(scene, to=LIVE)
    assert f"--to {LIVE} --discard-writes" in refused.value.cure
    back(scene, to=LIVE, discard_writes=True)
    assert scene.ledger.live
    assert scene.ledger.live.id == LIVE
    assert not scene.ledger.previous[0].rejected
    assert scene.server.is_shut(OLD_DB)


def test_it_never_refuses_for_dirt(scene: Scene) -> None:
    """At three in the morning somebody's leftovers are no reason to stay down."""
    scene.heap.add(resources(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])
    back(scene)
    assert scene.ledger.live
    assert scene.ledger.live.id == OLD


def test_a_dead_deployers_lease_does_not_keep_it_waiting(scene: Scene) -> None:
    """It is ended by a swap of its own, then ours is taken."""
    scene.ledger = replace(CLEAN, lease=Lease(OTHER, NOW - timedelta(minutes=1), "image"))
    back(scene)
    assert scene.ledger.live
    assert scene.ledger.live.id == OLD


def _nobody_live(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, live=None)
    scene.ledgers.point(scene.address)
    for number in ("i-17", "vol-17", "eni-17", "ami-17", "snap-17"):
        del scene.heap.held[next(key for key in scene.heap.held if key[1] == number)]
    del scene.server.held[LIVE_DB]


def _held(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, lease=Lease(OTHER, NOW + timedelta(minutes=9), "image"))


def _moved(scene: Scene) -> None:
    scene.ledgers.point(scene.address, "203.0.113.5")


def _writes(scene: Scene) -> None:
    scene.server.write(LIVE_DB, ROLE, "public.orders", 214)


def _server_down(scene: Scene) -> None:
    scene.reach.server_down = DatabaseError("connection refused")


def _no_previous(scene: Scene) -> None:
    scene.ledger = replace(
        CLEAN, previous=tuple(replace(one, rejected=True) for one in CLEAN.previous)
    )


@pytest.mark.parametrize(
    ("strike", "says"),
    [
        (_nobody_live, "no live deploy"),
        (_held, "is being changed"),
        (_moved, "somebody moved it"),
        (_writes, "at least 214 row changes"),
        (_server_down, "cannot be listed"),
        (_no_previous, "no previous deploy that was good"),
    ],
)
def test_refused_before_anything_is_touched(scene: Scene, strike: object, says: str) -> None:
    """A refusal must not disturb the live service: not a swap, not a lock."""
    strike(scene)  # type: ignore[operator]
    before = scene.ledger
    scene.acts.clear()
    with pytest.raises(Refused, match=says):
        back(scene)
    assert scene.did(*CHANGING) == []
    assert scene.ledger == before


def test_writes_may_be_left_behind_if_one_says_so(scene: Scene) -> None:
    """What is lost is said; the database itself is shut and kept."""
    _writes(scene)
    done = back(scene, discard_writes=True)
    assert done.lost == "at least 214 row changes: public.orders 214"
    assert LIVE_DB in scene.databases


def test_a_write_in_the_last_moment_counts(scene: Scene) -> None:
    """Counted again once nobody can write any more: refused, and live takes writes again."""

    def write(act: str) -> None:
        if act.startswith("check `true`"):
            _writes(scene)

    scene.acts.then = write
    with pytest.raises(Refused, match="at least 214"):
        back(scene)
    assert scene.ledger.live == CLEAN.live
    assert scene.ledger.lease is None
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.server.is_shut(OLD_DB)


def test_a_previous_release_that_does_not_answer_changes_nothing(scene: Scene) -> None:
    """Smoked before it goes live: the lease is given up, live is as it was."""
    checks = [{"command": "false", "tries": 1}]
    events: list[e.Event] = []
    with pytest.raises(SmokeFailed):
        rollback(scene.ports(smoke=checks), emit=events.append)
    assert scene.ledger == replace(CLEAN, gen=scene.ledger.gen)
    assert not scene.server.is_shut(LIVE_DB)
    assert isinstance(events[-1], e.CleanUpDone)


@pytest.mark.parametrize(
    ("facts", "says"),
    [({"state": "terminated"}, "no machines"), ({"addresses": ()}, "no private address")],
)
def test_a_previous_release_that_is_not_there_cannot_serve(
    scene: Scene, facts: dict[str, Any], says: str
) -> None:
    """Its machines must run, and hold the addresses that the record would get."""
    scene.heap.change("i-9", **facts)
    with pytest.raises(ToolError, match=says):
        back(scene)
    assert scene.ledger == replace(CLEAN, gen=scene.ledger.gen)


def test_rule_4_an_unheard_commit_is_a_commit_if_the_ledger_says_so(scene: Scene) -> None:
    """It goes on with the follow-up as if the answer had come."""

    def lose_the_commit(act: str) -> None:
        if act == f"shut {LIVE_DB}":
            scene.ledgers.weather.append(Weather.DONE_UNHEARD)

    scene.acts.then = lose_the_commit
    done = back(scene)
    assert done.release == "v1.4.2"
    assert scene.ledger.live == Live(OLD, ("10.0.1.9",), via=Via.PRIVATE)
    assert not scene.server.is_shut(OLD_DB)


def test_rule_4_an_unheard_commit_that_was_none_is_undone(scene: Scene) -> None:
    """Lease ended, the newer database open again, the older shut."""

    def lose_the_commit(act: str) -> None:
        if act == f"shut {LIVE_DB}":
            scene.ledgers.weather.append(Weather.NOT_DONE)

    scene.acts.then = lose_the_commit
    with pytest.raises(CloudUnclear):
        back(scene)
    assert scene.ledger.live == CLEAN.live
    assert scene.ledger.lease is None
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.server.is_shut(OLD_DB)


def test_a_signal_in_the_last_count_is_no_clean_stop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live has switched: exit 130 would say that nothing has changed."""

    def stop(_: object) -> None:
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("deployer.commands.rollback.command.count_left_behind", stop)
    with pytest.raises(FollowUpFailed):
        back(scene)
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == OLD


def test_what_waits_for_somebody_elses_lease_is_said(scene: Scene) -> None:
    """Taken right after the commit: the follow-up may touch no job and no database."""

    def take(event: e.Event) -> None:
        if event == e.StepBegan("follow-up"):
            until = scene.ledgers.now + timedelta(minutes=9)
            scene.ledger = ledgers.acquire(scene.ledger, OTHER, until)

    with pytest.raises(FollowUpFailed) as failed:
        rollback(scene.ports(), emit=take)
    assert "bbbbb" in failed.value.detail


def test_each_step_looks_first_whether_the_lease_is_ours(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease that another ended is lost before the next step asks a machine anything."""
    monkeypatch.setattr("deployer.release.lease_holder.WATCH", 0.0)
    told: list[e.Event] = []

    def end(event: e.Event) -> None:
        told.append(event)
        if isinstance(event, e.StepDone) and event.step == "lease":
            lease = scene.ledger.lease
            assert lease is not None
            scene.ledger = ledgers.end(
                scene.ledger, Ending(lease, lease.until + timedelta(hours=1))
            )

    with pytest.raises(LeaseLost):
        rollback(scene.ports(), emit=end)
    assert [one.step for one in told if isinstance(one, e.StepBegan)] == ["lease"]


def test_what_does_not_follow_is_said(scene: Scene) -> None:
    """Live is back; the next sweep finishes what failed here."""
    scene.server.failing["thaw"] = DatabaseError("the server is restarting")
    with pytest.raises(FollowUpFailed) as unfinished:
        back(scene)
    assert "should be open" in unfinished.value.detail
    assert scene.ledger.live
    assert scene.ledger.live.id == OLD
    del scene.server.failing["thaw"]
    assert scene.sweep().clean
    assert not scene.server.is_shut(OLD_DB)


# Which one.

GOOD = Previous(OLD, NOW, ("10.0.1.9",))
BAD = Previous(deploy(30, "ccccc"), NOW, ("10.0.1.8",), rejected=True)


def test_the_newest_good_one_is_chosen() -> None:
    """A rejected one is only gone back to by name."""
    ledger = replace(CLEAN, previous=(BAD, GOOD))
    assert choose(ledger, "shop", None) == GOOD
    assert choose(ledger, "shop", BAD.id) == BAD


@pytest.mark.parametrize(
    ("previous", "says"), [((), "there are no previous"), ((BAD,), "(rejected)")]
)
def test_without_a_good_one_it_says_what_there_is(
    previous: tuple[Previous, ...], says: str
) -> None:
    """And how to choose another."""
    with pytest.raises(Refused) as refused:
        choose(replace(CLEAN, previous=previous), "shop", None)
    assert says in refused.value.detail


def test_an_id_that_is_not_previous_is_refused() -> None:
    """Neither live nor garbage can be gone back to."""
    for other in (LIVE, DEAD):
        with pytest.raises(Refused, match="is not a previous deploy"):
            choose(CLEAN, "shop", other)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (Changes(), "no row changes"),
        (Changes({"b.y": 2, "a.x": 1}), "at least 3 row changes: a.x 1, b.y 2"),
        (Changes(unknown=True), "row changes that cannot be counted"),
    ],
)
def test_losses_in_words(changes: Changes, says: str) -> None:
    """Unknown counts as some."""
    assert losses(changes) == says


def test_the_record_gets_the_addresses_that_the_machines_have_now(scene: Scene) -> None:
    """A stop and start gave it another public address: the old one may be a stranger's."""
    old = Previous(OLD, NOW - timedelta(hours=1), count=1, via=Via.PUBLIC)
    scene.ledger = replace(CLEAN, previous=(old,))
    scene.heap.change("i-9", addresses=("10.0.1.9", "203.0.113.99"), public=("203.0.113.99",))
    assert back(scene).addresses == ("203.0.113.99",)
    assert scene.ledger.live == Live(OLD, ("203.0.113.99",), via=Via.PUBLIC)
    assert scene.ledgers.pointed_at(scene.address) == ("203.0.113.99",)


def test_a_machine_too_few_cannot_serve(scene: Scene) -> None:
    """Half a release must not take the traffic of a whole one; nothing is changed."""
    old = Previous(OLD, NOW - timedelta(hours=1), count=2, via=Via.PRIVATE)
    scene.ledger = replace(CLEAN, previous=(old,))
    with pytest.raises(ToolError, match="1 of its 2 machines are there"):
        back(scene)
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.17",)


def test_a_ledger_that_an_older_version_filled_has_room_for_a_rollback(scene: Scene) -> None:
    """Its addresses leave it with the swap that takes the lease."""
    machines = [replace(scene.heap.at("i-9"), id=f"i-9{n}") for n in range(12)]
    scene.heap.add([replace(m, addresses=(f"10.100.100.1{m.id[3:]:0>2}",)) for m in machines])
    at = (*(f"10.100.100.1{n:02}" for n in range(12)), "10.0.1.9")
    older = replace(
        CLEAN,
        live=Live(LIVE, ("10.0.1.17",)),
        previous=(Previous(OLD, NOW - timedelta(hours=1), tuple(sorted(at))),),
    )
    while len(encode(older)) < VALUE_LIMIT - 60:
        older = replace(older, was=(*older.was, f"Z{len(older.was)}/shop._deploy.example.org"))
    scene.ledger = older
    lease = Lease(DEAD, NOW, "lease")
    with pytest.raises(LedgerTooLong):
        encode(replace(older, lease=lease))
    assert len(back(scene).addresses) == 13
    assert encode(scene.ledger).startswith('"v=2 ')
