"""The bake: what counts as a fault, and what may happen by itself then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployer import events as e
from deployer.commands import bake as command
from deployer.release.context import Created, NewMachine, ReleaseDatabase, ReleaseOptions
from deployer.release.live import bake as module
from reconciler.errors import (
    BakeFailed,
    CloudError,
    ConnectionLost,
    Refused,
    SmokeFailed,
    ToolError,
)
from reconciler.model.ledger import Live
from tests.fakes.scene import Scene
from tests.support.shop_world import CLEAN, LIVE, OLD

BAD = SmokeFailed("GET /healthz answered 500", detail="KeyError")


@dataclass
class Run:
    """As much of a release as a bake looks at; `answers` are those of the smoke checks, in turn."""

    scene: Scene
    bake: timedelta = timedelta(seconds=3)
    answers: list[ToolError | None] = field(default_factory=list)
    looks: int = 0
    database: ReleaseDatabase = field(default_factory=ReleaseDatabase)
    configured: bool = True
    first: bool = False
    notes: list[str] = field(default_factory=list)

    def smoke(self, *_: object) -> str:
        """Answer as told, and well when there is nothing more to tell."""
        self.looks += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return "well"

    def go(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Bake LIVE, which has replaced OLD."""
        monkeypatch.setattr(module, "smoke_subjects", self.smoke)
        monkeypatch.setattr(module, "Backoff", _Hurried)
        more: dict[str, Any] = {} if self.configured else {"database": None}
        ports = self.scene.ports(bake=self.bake, **more)
        reading = replace(self.scene.ledgers.read(self.scene.address), ledger=self._before())
        run = SimpleNamespace(
            ports=ports,
            deploy=LIVE,
            release="v2",
            start=SimpleNamespace(reading=reading),
            created=Created(machines=(NewMachine("i-17", "10.0.1.17", None),)),  # type: ignore[arg-type]
            database=self.database,
            progress=lambda *words: lambda *_: self.notes.append(words[1]),
        )
        return module.bake(run)  # type: ignore[arg-type]

    def _before(self) -> Any:
        return replace(CLEAN, live=None if self.first else Live(OLD, ("10.0.1.9",)))


class _Hurried:
    """The looks of a bake without its waits."""

    def __init__(self, *, first: float, longest: float, deadline: float) -> None:
        assert 0 < first == longest < deadline
        self.moments = [first * number for number in range(int(deadline / first) + 1)]

    def attempts(self) -> Sequence[float]:
        """All at once."""
        return self.moments


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A release that has just gone live."""
    return Run(Scene(tmp_path))


def test_what_stays_well_is_watched_to_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen looks at least, however short the bake."""
    assert run.go(monkeypatch) == "well for 3.0s" or run.looks >= 12
    assert run.looks >= 12


def test_a_fault_that_passes_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two in a row, again and again, are no reason to go back; each is told."""
    run.answers = [BAD, BAD, None, BAD, BAD, None]
    assert run.go(monkeypatch).startswith("well")
    assert "GET /healthz answered 500" in run.notes


def test_three_faults_in_a_row_are_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a copied database it stays live: going back would lose the writes since the switch."""
    run.answers = [None, BAD, BAD, BAD]
    with pytest.raises(BakeFailed) as failed:
        run.go(monkeypatch)
    assert run.looks == 4
    assert "v2 turned bad" in failed.value.message
    assert failed.value.detail == "KeyError"
    assert (failed.value.back_to, failed.value.left) == ("", str(LIVE))
    assert "deployer rollback shop" in failed.value.cure


@pytest.mark.parametrize("how", ["shared", "none"])
def test_it_may_go_back_where_nothing_is_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """With the older release's own database, or with none at all."""
    run.answers = [BAD, BAD, BAD]
    run.configured = how != "none"
    if how == "shared":
        run.database = ReleaseDatabase(shared=OLD)
    with pytest.raises(BakeFailed) as failed:
        run.go(monkeypatch)
    assert failed.value.back_to == str(OLD)


@pytest.mark.parametrize(
    "fault", [ConnectionLost("the session died"), CloudError("no answer: the network is down")]
)
def test_what_was_not_seen_proves_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: ToolError
) -> None:
    """Whoever is cut off says so, and rolls nothing back."""
    run.configured, run.answers = False, [BAD, fault, BAD]
    with pytest.raises(BakeFailed) as failed:
        run.go(monkeypatch)
    assert failed.value.back_to == ""


def test_a_first_release_has_nowhere_to_go_back_to(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays, and is told of."""
    run.configured, run.first, run.answers = False, True, [BAD, BAD, BAD]
    with pytest.raises(BakeFailed) as failed:
        run.go(monkeypatch)
    assert failed.value.back_to == ""


def test_who_was_replaced_is_not_watched(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else has released or rolled back meanwhile: it is his release now."""
    run.scene.ledger = replace(CLEAN, live=Live(OLD, ("10.0.1.9",)), previous=())
    assert "somebody else changed shop" in run.go(monkeypatch)
    assert run.looks == 0


def _failing(back_to: str) -> Callable[..., None]:
    def up(*_: object) -> None:
        raise BakeFailed("v2 turned bad", back_to=back_to, left=str(LIVE), cure="roll back")

    return up


class Told:
    """What people were told, and what was rolled back to."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.went: list[object] = []
        self.warned: list[str] = []
        self.refusal: ToolError | None = None
        self.deaf = False

    def tell(self, subject: str, text: str) -> None:
        """Somebody is told."""
        if self.deaf:
            raise ToolError("the webhook answered 500")
        self.said.append(f"{subject}: {text}")

    def rollback(self, _: object, to: object, *, leaving: object, emit: e.Listener) -> e.RolledBack:
        """Somebody goes back."""
        del emit
        self.went += [to, leaving]
        if self.refusal:
            raise self.refusal
        return e.RolledBack("shop", str(OLD), "v1", "v2", ("10.0.1.9",), 4)

    def emit(self, event: e.Event) -> None:
        """An event."""
        self.warned.append(getattr(event, "text", ""))

    def release(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, back_to: str) -> BakeFailed:
        """A release that turns bad."""
        monkeypatch.setattr(command, "up", _failing(back_to))
        monkeypatch.setattr(command, "rollback", self.rollback)
        with pytest.raises(BakeFailed) as failed:
            command.release(scene.ports(), ReleaseOptions(), self.emit, self.tell)
        return failed.value


@pytest.fixture
def told() -> Told:
    """Nothing was said yet."""
    return Told()


def test_it_goes_back_by_itself_and_tells(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the release before, from this one alone; there is nothing left to do."""
    failed = told.release(Scene(tmp_path), monkeypatch, str(OLD))
    assert told.went == [OLD, LIVE]
    assert failed.message == "v2 turned bad; the service is back on v1"
    assert failed.cure == ""
    assert told.said == ["shop: a release turned bad: v2 turned bad; the service is back on v1"]


def test_it_stays_and_tells(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writes might be lost people decide."""
    failed = told.release(Scene(tmp_path), monkeypatch, "")
    assert (told.went, failed.cure) == ([], "roll back")
    assert "it is still live" in told.said[0]


def test_a_rollback_that_fails_and_people_who_do_not_hear(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are said; the exit is that of the bake."""
    told.refusal, told.deaf = Refused("shop is paused"), True
    failed = told.release(Scene(tmp_path), monkeypatch, str(OLD))
    assert "it could not go back by itself: shop is paused" in failed.message
    assert failed.cure == "roll back"
    assert told.warned == ["people could not be told: the webhook answered 500"]


def test_a_rollback_leaves_only_whom_it_names(tmp_path: Path) -> None:
    """Somebody else was faster: his release is not rolled back."""
    from deployer.commands.rollback.command import rollback

    scene = Scene(tmp_path)
    before = scene.ledger
    with pytest.raises(Refused, match="live by now"):
        rollback(scene.ports(), OLD, leaving=OLD)
    assert scene.ledger == before
