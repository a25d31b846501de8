"""The loop on a clock of its own: it goes on whatever happens, until somebody stops it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from reconciler.cli.daemon.loop import IterationResult, Loop, RealClock, Round
from reconciler.cli.daemon.schedule import Intervals
from reconciler.errors import AccessDenied, ConfigError, Refused, ToolError
from reconciler.model.outcome import Outcome
from reconciler.model.resource import INSTANCE, Gap
from reconciler.ports.fleet import Fleet
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep
from reconciler.util import signals
from tests.fakes.scene import Scene
from tests.support.shop_world import NOW, PLACE, planned
from tests.support.sweeps import DEAD_IDS, only_live

MINUTELY = Intervals(every=60, full=600)
SEEN = SweepResult(planned(), planned())
BLIND = SweepResult(planned(), planned(gaps=(Gap(PLACE, INSTANCE, "500"),)))


@dataclass
class FakeClock:
    """Time passes when somebody sleeps; at the end of the story a signal comes."""

    until: float = 3000.0
    at: float = 0.0
    naps: list[float] = field(default_factory=list)

    def seconds(self) -> float:
        return self.at

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.at)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += seconds
        if self.at >= self.until:
            os.kill(os.getpid(), signal.SIGTERM)

    def chance(self) -> float:
        return 0.5


@dataclass
class Story:
    """A sweep that does what the story says, round by round, then goes well."""

    clock: FakeClock
    tells: list[Callable[[], IterationResult]] = field(default_factory=list)
    asked: list[tuple[float, str]] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    def __call__(self, unfinished_only: bool) -> IterationResult:
        self.asked.append((self.clock.at, "young" if unfinished_only else "full"))
        return self.tells.pop(0)() if self.tells else IterationResult(SEEN)

    def run(self) -> Loop:
        """Tell it to its end."""
        loop = Loop(self, MINUTELY, [self.rounds.append], self.clock)
        with signals.handled(lambda: "last words"):
            loop.run()
        return loop

    @property
    def outcomes(self) -> list[str]:
        """What the rounds came to."""
        return [one.outcome for one in self.rounds]


@pytest.fixture
def story() -> Story:
    """Nothing but good rounds."""
    return Story(FakeClock())


def raising(error: Exception) -> Callable[[], IterationResult]:
    """A round that fails."""

    def fail() -> IterationResult:
        raise error

    return fail


def test_young_rounds_between_full_ones(story: Story) -> None:
    """The first is full, then one an interval; every round is told of."""
    story.clock.until = 1200
    loop = story.run()
    full = [at for at, kind in story.asked if kind == "full"]
    assert full == [0, 600]
    assert [at for at, _ in story.asked] == list(range(0, 1200, 60))
    assert set(story.outcomes) == {"complete"}
    assert (loop.problems, loop.pulse.rounds) == ((), 20)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ToolError("AWS is away"), "failed"),
        (ConfigError("shop.toml is not TOML"), "failed"),
        (AccessDenied("the AWS credentials have expired"), "failed"),
        (Refused("too much to delete at once"), "refused"),
        (ZeroDivisionError("a bug of ours"), "failed"),
    ],
)
def test_no_failure_ends_the_loop(story: Story, error: Exception, outcome: str) -> None:
    """It says why, waits longer each time, and is well again after a good round."""
    story.tells = [raising(error)] * 3
    with capture_logs():
        loop = story.run()
    assert story.outcomes[:4] == [outcome] * 3 + ["complete"]
    assert story.clock.naps[:4] == [120, 240, 480, 60]
    assert str(error) in story.rounds[0].missed
    assert loop.problems == ()


def test_a_bug_is_told_with_its_traceback(story: Story) -> None:
    """Nobody sees an exception that a loop swallows."""
    story.tells = [raising(ZeroDivisionError("oh"))]
    with capture_logs() as told:
        story.run()
    [bug] = [one for one in told if one["event"] == "this is a bug"]
    assert bug["exc_info"]


def test_unwell_while_it_sees_nothing(story: Story) -> None:
    """Past twice the interval it says so, with the reason; a round that sees all ends that."""
    story.tells = [lambda: IterationResult(BLIND)] * 5
    problems: list[tuple[str, ...]] = []
    loop = Loop(story, MINUTELY, [lambda _: problems.append(loop.problems)], story.clock)
    with signals.handled(lambda: ""):
        loop.run()
    assert [bool(one) for one in problems[:6]] == [False, False, False, True, True, False]
    assert problems[3][-1] == "last: instances of 123456789012/eu-west-1 unread: 500"


def test_blindness_is_told(story: Story) -> None:
    """A round without a full view is partial, and says what it did not see."""
    story.tells = [lambda: IterationResult(BLIND)]
    story.run()
    assert story.outcomes[:2] == ["partial", "complete"]
    assert "instances of 123456789012/eu-west-1 unread: 500" in story.rounds[0].missed
    full = [at for at, kind in story.asked if kind == "full"]
    assert full[:2] == [0, 120], "what missed something is full again soon"


def test_throttled_rounds_back_off(story: Story) -> None:
    """A sweep that AWS put off saw everything, and yet the next one waits."""
    story.tells = [lambda: IterationResult(SEEN, throttled=3)] * 2
    story.run()
    assert story.clock.naps[:3] == [120, 240, 60]
    assert set(story.outcomes) == {"complete"}


def test_a_signal_lets_the_item_be_finished(scene: Scene) -> None:
    """SIGTERM in the middle of a sweep: the item under way is told, the next not begun."""
    told: list[str] = []

    def tell(outcome: Outcome) -> None:
        told.append(f"{outcome.resource.id} {outcome.status}")
        signals.between()

    def once(_: bool) -> IterationResult:
        def hear(act: str) -> None:
            if act.startswith("delete i-41"):
                os.kill(os.getpid(), signal.SIGTERM)

        scene.acts.then = hear
        return IterationResult(sweep(Fleet.of(scene.managed), tell))

    with signals.handled(lambda: ""):
        Loop(once, MINUTELY, (), FakeClock()).run()
    assert told == ["i-41 gone"]
    assert "i-41" not in scene.heap.ids
    assert {"ami-41", "snap-41"} <= scene.heap.ids
    scene.acts.then = lambda _: None
    assert scene.sweep().clean, "the next one goes on"
    assert not scene.heap.ids & DEAD_IDS


def test_a_signal_while_it_waits_ends_it_at_once() -> None:
    """The real clock's sleep is no reason to stay."""
    waiting = iter([signal.SIGTERM])

    def once(_: bool) -> IterationResult:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        return IterationResult(SEEN)

    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), next(waiting)))
    try:
        with signals.handled(lambda: ""), capture_logs() as told:
            Loop(once, Intervals(3600, 3600), (), RealClock()).run()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [one["cause"] for one in told if one["event"] == "stopped"] == ["stopped by SIGTERM"]


def test_a_clean_world_swept_for_a_day(scene: Scene) -> None:
    """Hundreds of rounds change nothing."""
    only_live(scene)
    clock = FakeClock(until=86400)
    with signals.handled(lambda: ""):
        Loop(
            lambda unfinished_only: IterationResult(scene.sweep(unfinished_only=unfinished_only)),
            Intervals(600, 3600),
            (),
            clock,
        ).run()
    assert scene.did("swap", "delete", "label", "drop") == []
    assert len(clock.naps) == 144
