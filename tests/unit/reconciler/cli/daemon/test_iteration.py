"""One round of the loop: the configuration of now, sessions that live on, a breaker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.aws.client.response_events import OK, SLOWER
from reconciler.cli.daemon import iteration
from reconciler.cli.daemon.iteration import SweepIteration
from reconciler.config.loader import Settings
from reconciler.config.reconciler import BreakerSettings, ReachSettings, Reconciler
from reconciler.cost.price_list import Prices
from reconciler.errors import AccessDenied, ConfigError, Refused
from reconciler.model.coverage import EVERYWHERE
from reconciler.model.outcome import Outcome
from reconciler.model.resource import Gap
from reconciler.model.tags import AccountRegion
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.notifications.message import Notice
from reconciler.output.notifications.notifier import Notifier
from reconciler.ports.fleet import NO_OTHER_PLACES, Fleet, OtherPlaces
from tests.fakes.scene import Scene, service
from tests.support.sweeps import DEAD_IDS


@dataclass
class Edges:
    """Sessions, as far as a round knows of them."""

    settings: Settings
    on_answer: Callable[[str, str], None]


@dataclass
class World:
    """Shop on fakes behind the wiring, and what the round is told."""

    scene: Scene
    settings: Settings
    told: list[Outcome] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)
    sessions: int = 0
    other_places: OtherPlaces = NO_OTHER_PLACES
    during: Callable[[Callable[[str, str], None]], None] = lambda _: None

    def load(self) -> Settings:
        return self.settings

    def edges(
        self, settings: Settings, _: ReachSettings, on_answer: Callable[[str, str], None]
    ) -> Any:
        self.sessions += 1
        return Edges(settings, on_answer)

    def build_fleet(self, _: Settings, __: object, edges: Any) -> Fleet:
        self.during(edges.on_answer)
        return Fleet((self.scene.managed,), self.other_places)

    def sweeps(self, *names: str) -> SweepIteration:
        return SweepIteration(
            self.load, names, self.told.append, lambda *one: self.heard.append(one)
        )


@pytest.fixture
def world(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A dead release is there, and a breaker that lets it be collected."""
    one = World(scene, Settings(tmp_path, {"shop": service()}, Reconciler()))
    monkeypatch.setattr(iteration, "Edges", one.edges)
    monkeypatch.setattr(iteration, "build_fleet", one.build_fleet)
    return one


def test_a_round_sweeps_and_tells(world: World) -> None:
    """Every item as it goes, and the result."""
    swept = world.sweeps()(False)
    assert swept.result is not None
    assert swept.result.clean
    assert {one.resource.id for one in world.told} >= DEAD_IDS
    assert swept.throttled == 0


def test_sessions_live_on_while_the_configuration_does(world: World) -> None:
    """Clients are made once; a changed configuration makes them anew, and so do refused keys."""
    sweeps = world.sweeps()
    sweeps(False)
    sweeps(True)
    assert world.sessions == 1
    world.settings = replace(
        world.settings, reconciler=Reconciler(breaker=BreakerSettings(max_count=3))
    )
    sweeps(False)
    assert world.sessions == 2
    world.during = expired
    with pytest.raises(AccessDenied):
        sweeps(False)
    world.during = lambda _: None
    sweeps(False)
    assert world.sessions == 3


def test_an_account_that_could_not_be_entered_is_entered_anew(world: World) -> None:
    """The round is not complete, and the next one begins with new sessions."""
    lost = Gap(AccountRegion("222233334444", EVERYWHERE), "resource", "denied")
    world.other_places = OtherPlaces(gaps=(lost,))
    sweeps = world.sweeps()
    swept = sweeps(False)
    assert swept.result is not None
    assert not swept.result.clean
    sweeps(False)
    assert world.sessions == 2


def expired(_: object) -> None:
    """Credentials that ran out."""
    raise AccessDenied("the AWS credentials have expired")


def test_throttled_answers_are_counted_round_by_round(world: World) -> None:
    """The next round begins at nothing; everything is passed on."""
    sweeps = world.sweeps()
    world.during = slowed
    assert sweeps(True).throttled == 2
    world.during = lambda _: None
    assert sweeps(True).throttled == 0
    assert world.heard == [("ec2:DescribeTags", one) for one in (OK, SLOWER, SLOWER)]


def slowed(tell: Callable[[str, str], None]) -> None:
    """AWS answers once, and puts two requests off."""
    for outcome in (OK, SLOWER, SLOWER):
        tell("ec2:DescribeTags", outcome)


def test_the_breaker_holds_in_the_loop_too(world: World) -> None:
    """Nothing is deleted, and the round says why."""
    world.settings = replace(
        world.settings, reconciler=Reconciler(breaker=BreakerSettings(max_count=1, share=0.0))
    )
    with pytest.raises(Refused, match="too much"):
        world.sweeps()(False)
    assert world.scene.did("delete", "drop") == []


def test_people_are_told_once_in_many_rounds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said is remembered from round to round, the breaker's word too."""
    got: list[str] = []

    def people(
        _: Settings,
        __: object,
        prices: Prices,
        told: NotificationHistory,
        on_sent: Callable[[str, str], None],
    ) -> Notifier:
        def send(notice: Notice) -> None:
            got.append(notice.phase.value)

        return Notifier({"way": send}, lambda _, __: None, prices, told=told, on_sent=on_sent)

    monkeypatch.setattr(iteration, "notifier", people)
    world.scene.heap.protected["i-41"] = "termination protection"
    sweeps = world.sweeps()
    for _ in range(3):
        sweeps(False)
    assert got == ["planned", "done"]
    world.settings = replace(
        world.settings, reconciler=Reconciler(breaker=BreakerSettings(max_count=0, share=0.0))
    )
    again = world.sweeps()
    for _ in range(2):
        with pytest.raises(Refused):
            again(False)
    assert got == ["planned", "done", "refused"]


def test_a_service_that_is_gone_is_no_reason_to_sweep_others(world: World) -> None:
    """A name that was asked for and is not configured any more fails the round, and so do none."""
    with pytest.raises(ConfigError, match="no service 'blog'"):
        world.sweeps("shop", "blog")(False)
    world.settings = replace(world.settings, services={})
    with pytest.raises(ConfigError, match="no service is configured"):
        world.sweeps()(False)
    assert world.scene.acts == []
