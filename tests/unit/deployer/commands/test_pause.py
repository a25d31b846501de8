"""A pause: a lease that a person holds, with its reason, and its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.abort import abort, lease_to_abort
from deployer.commands.pause import LONGEST, pause, resume
from deployer.commands.rollback.command import rollback
from deployer.commands.status import status
from deployer.output.journal.history import history_lines
from deployer.output.status import status_lines
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.steps.guard import guard
from reconciler.errors import AccessDenied, ConfigError, Refused, SwapLost
from reconciler.model import tags as t
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, DIED, LIVE, NOW

CLEAN_THINGS = [one for one in ALL if one.deploy != DEAD]
HOUR = timedelta(hours=1)
WHY = "the disk is being grown"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, CLEAN_THINGS)


def test_a_pause_is_a_lease_and_its_reason_a_tag(scene: Scene) -> None:
    """The ledger says `paused` and no more; the tag on live says who and why."""
    done = pause(scene.ports(), HOUR, WHY)
    lease = scene.ledger.lease
    assert lease is not None
    assert (lease.id, lease.until, lease.step) == (
        done.id,
        NOW.replace(microsecond=0) + HOUR,
        "paused",
    )
    assert done.untold == ""
    assert scene.heap.at("i-17").tags[t.PAUSED] == f"{done.id} me@here: {WHY}"


def test_whoever_comes_is_refused_with_the_reason(scene: Scene) -> None:
    """A release, a rollback, a second pause: why, until when, and how to end it."""
    pause(scene.ports(), HOUR, WHY)
    ports = scene.ports()
    before = scene.ledger
    for act in (
        lambda: guard(ReleaseInputs(ports, ReleaseOptions(), lambda _: None)),
        lambda: rollback(ports),
        lambda: pause(ports, HOUR, "another"),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert f"shop is paused by me@here: {WHY}" in refused.value.message
        assert "until 2026-11-23 04:29 UTC" in refused.value.detail
        assert "deployer resume shop" in refused.value.cure
    assert scene.ledger == before


def test_status_and_history_tell_it(scene: Scene) -> None:
    """Who, why, until when; never as a release at work."""
    pause(scene.ports(), HOUR, WHY)
    seen = status(scene.ports())
    assert f"  paused    until 2026-11-23 04:29 UTC by me@here: {WHY}" in status_lines(seen)
    assert any(line.endswith("  paused") for line in history_lines(seen))
    assert not any("at work" in line for line in [*status_lines(seen), *history_lines(seen)])


def test_resume_ends_it(scene: Scene) -> None:
    """By whoever; then everything is as before, and nothing is there to be resumed."""
    pause(scene.ports(), HOUR, WHY)
    resume(scene.ports())
    assert scene.ledger.lease is None
    assert (scene.ledger.live, scene.ledger.previous) == (CLEAN.live, CLEAN.previous)
    with pytest.raises(Refused, match="not paused"):
        resume(scene.ports())
    guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))


def test_abort_ends_it_too(scene: Scene) -> None:
    """A lease is a lease."""
    pause(scene.ports(), HOUR, WHY)
    _, lease = lease_to_abort(scene.ports())
    assert abort(scene.ports(), lease).clean
    assert scene.ledger.lease is None


def test_a_sweep_leaves_it_until_its_end_and_then_ends_it(scene: Scene) -> None:
    """While it holds, nothing that could be undone; after it, an expired lease like any."""
    pause(scene.ports(), HOUR, WHY)
    held = scene.ledger
    scene.sweep()
    assert scene.ledger == held
    scene.ledgers.now = NOW + HOUR + timedelta(seconds=2)
    with pytest.raises(Refused, match="Its pause is over"):
        guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))
    scene.sweep()
    assert scene.ledger.lease is None
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE


def test_a_release_at_work_is_not_paused(scene: Scene) -> None:
    """Nor resumed: its lease is its own."""
    at_work = replace(CLEAN, lease=DIED.lease)
    scene.ledger = at_work
    scene.ledgers.now = NOW - timedelta(minutes=6)
    with pytest.raises(Refused, match="being changed"):
        pause(scene.ports(), HOUR, WHY)
    with pytest.raises(Refused, match=r"is not paused: .* is at work, in") as refused:
        resume(scene.ports())
    assert "deployer abort shop" in refused.value.cure
    scene.ledgers.now = NOW + timedelta(hours=1)
    with pytest.raises(Refused, match="left its lease behind"):
        pause(scene.ports(), HOUR, WHY)
    assert scene.ledger == at_work


@pytest.mark.parametrize("length", [timedelta(0), -HOUR, LONGEST + HOUR])
def test_a_pause_has_an_end_within_reason(scene: Scene, length: timedelta) -> None:
    """Nobody forgets one for a year."""
    with pytest.raises(ConfigError):
        pause(scene.ports(), length, WHY)
    assert scene.ledger == CLEAN


def test_a_reason_that_cannot_be_written_is_said(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause stands, as after a process that dies between the two; others see no reason."""

    def denied(*_: object) -> None:
        raise AccessDenied("ec2:CreateTags is denied")

    monkeypatch.setattr(scene.compute, "tag", denied)
    assert pause(scene.ports(), HOUR, WHY).untold == "ec2:CreateTags is denied"
    with pytest.raises(Refused, match="for a reason that is not told"):
        rollback(scene.ports())
    assert resume(scene.ports()).step == "paused"


def test_a_left_over_tag_says_nothing(scene: Scene) -> None:
    """The tag of an earlier pause names another lease."""
    pause(scene.ports(), HOUR, "the first")
    resume(scene.ports())
    scene.ledgers.now = NOW + timedelta(seconds=5)
    monkey = scene.compute.tag
    scene.compute.tag = lambda *_: None  # type: ignore[method-assign]
    pause(scene.ports(), HOUR, "the second")
    scene.compute.tag = monkey  # type: ignore[method-assign]
    with pytest.raises(Refused, match="not told"):
        rollback(scene.ports())


def test_somebody_was_faster(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost swap changes nothing, and says so."""

    def lost(*_: object) -> None:
        raise SwapLost("another value")

    monkeypatch.setattr(scene.ledgers, "swap", lost)
    with pytest.raises(Refused, match="nothing was done"):
        pause(scene.ports(), HOUR, WHY)
    assert t.PAUSED not in scene.heap.at("i-17").tags


def test_a_long_reason_fits_the_tag(scene: Scene) -> None:
    """EC2 takes 256 characters; a line break is none."""
    done = pause(scene.ports(), HOUR, "because\n" * 100)
    tag = scene.heap.at("i-17").tags[t.PAUSED]
    assert len(tag) <= t.VALUE_LIMIT
    assert "\n" not in tag
    assert done.untold == ""
