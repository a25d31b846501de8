"""The frame of a release: what stands around its steps, and in which order they come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.provisioning.code_archive import CodeArchive
from deployer.release import up as release
from deployer.release.context import ReleaseContext, ReleaseInputs, ReleaseOptions
from deployer.release.up import STEPS, Step, up, warnings
from reconciler.errors import FollowUpFailed, ToolError
from tests.fakes.scene import Scene
from tests.support.shop_world import LIVE

Play = Callable[[ReleaseContext], str]


@pytest.fixture
def play(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A release of shop that consists of these steps."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "VERSION").write_text("v2")

    def released(*steps: tuple[str, Play]) -> None:
        monkeypatch.setattr(release, "STEPS", tuple(Step(*one) for one in steps))
        code = {"source": str(source), "path": "/srv/shop"}
        up(scene.ports(code=code), ReleaseOptions())

    return released


def fails(_: ReleaseContext) -> str:
    """A step that fails."""
    raise ToolError("enough")


def test_nothing_is_made_live_before_it_has_answered() -> None:
    """The database is copied before it is migrated, the app checked before the commit."""
    names = [step.name for step in STEPS]
    assert names[:3] == ["image", "launch", "connect"]
    assert names[-5:] == ["database", "migrate", "start", "smoke", "commit"]


def test_every_step_runs_under_the_lease_that_names_it(
    scene: Scene, play: Callable[..., None]
) -> None:
    """Rooted before it exists (rule 1); whoever looks sees how far it is, as of its renewal."""
    held: list[tuple[str, str]] = []

    def look(run: ReleaseContext) -> str:
        run.held.renew()  # as its thread does
        lease = scene.ledger.lease
        assert lease is not None
        held.append((str(lease.id == run.deploy), lease.step))
        return ""

    with pytest.raises(ToolError, match="enough"):
        play(("image", look), ("launch", look), ("connect", fails))
    assert held == [("True", "image"), ("True", "launch")]
    assert scene.ledger.lease is None


def test_rule_5_what_fails_after_the_commit_undoes_nothing(
    scene: Scene, play: Callable[..., None]
) -> None:
    """The reply to the commit is lost: the ledger says that it was made, and the follow-up runs."""
    live: list[str] = []

    def commits(run: ReleaseContext) -> str:
        live.append(str(run.deploy))
        run.held.commit(run.deploy, ("10.0.2.101",), LIVE)
        raise ToolError("no answer")

    with suppress(FollowUpFailed):  # the machine that it commits to is on paper alone
        play(("commit", commits))
    assert scene.ledger.live is not None
    assert [str(scene.ledger.live.id)] == live
    assert not scene.did("delete", "drop")


def test_what_nobody_may_take_for_granted_is_said(scene: Scene, tmp_path: Path) -> None:
    """A dirty tree, a release that is live already, jobs that run on each of several machines."""
    ports = scene.ports(instance={"count": 30})
    inputs = ReleaseInputs(ports, ReleaseOptions(), lambda _: None)
    code = CodeArchive(tmp_path, "v1.5.0", "0", 1, uncommitted=2)
    told = "\n".join(warnings(inputs, code, "v1.5.0"))
    assert "v1.5.0 is released without the 2 changed files of " in told
    assert "v1.5.0 is live already: this releases it again" in told
    assert "the jobs shop-worker will run on each of the 30 machines" in told
    alone = ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None)
    assert list(warnings(alone, replace(code, uncommitted=0), "v1.4.2")) == []
