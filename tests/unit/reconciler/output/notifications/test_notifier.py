"""Telling people never gets into the way of sweeping, and says things once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from reconciler.cost.price_list import Prices
from reconciler.errors import AccessDenied, CloudError, Refused, ToolError
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease
from reconciler.model.resource import Resource
from reconciler.output.notifications.message import Notice, Phase
from reconciler.output.notifications.notifier import Notifier, approving
from reconciler.plan.service_plan import Plan
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW
from tests.support.sweeps import DEAD_IDS, only_live


@dataclass
class Post:
    """A way to people, and the tags written on things."""

    got: list[Notice] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    down: ToolError | None = None
    denied: ToolError | None = None
    now: datetime = NOW

    def send(self, notice: Notice) -> None:
        if self.down:
            raise self.down
        self.got.append(notice)

    def mark(self, resource: Resource, _: datetime) -> None:
        if self.denied:
            raise self.denied
        self.marked.append(resource.id)

    @property
    def phases(self) -> list[str]:
        return [one.phase.value for one in self.got]

    def notifier(self, *more: Post, phases: frozenset[Phase] = frozenset(Phase)) -> Notifier:
        ways = {f"way-{number}": one.send for number, one in enumerate((self, *more))}
        return Notifier(ways, self.mark, Prices(), phases, clock=lambda: self.now)


def swept(scene: Scene, people: Notifier) -> None:
    """A sweep as the command and the loop do it, each with a notifier of its own."""
    people = replace(people)
    people.done(sweep(Fleet.of(scene.managed), approve=people.planned))


@pytest.fixture
def post() -> Post:
    """A way that works."""
    return Post()


def test_before_and_after(scene: Scene, post: Post) -> None:
    """Told before the first deletion, and when all is over; each thing marked."""
    told_before: list[str] = []
    scene.acts.then = lambda act: told_before.extend(post.phases if "delete" in act else [])
    swept(scene, post.notifier())
    assert told_before[0] == "planned"
    assert post.phases == ["planned", "done"]
    assert set(post.marked) == DEAD_IDS


def test_a_clean_world_is_silent(scene: Scene, post: Post) -> None:
    """Nothing is sent, nothing marked."""
    only_live(scene)
    swept(scene, post.notifier())
    assert (post.got, post.marked) == ([], [])


def test_what_stays_is_told_once_a_day(scene: Scene, post: Post) -> None:
    """Sweep after sweep finds the protected machine; a day later it is said again."""
    scene.heap.protected["i-41"] = "termination protection"
    people = post.notifier()
    for _ in range(3):
        swept(scene, people)
    assert post.phases == ["planned", "done"]
    assert "termination protection" in post.got[1].text
    post.now = NOW + timedelta(days=1)
    swept(scene, people)
    assert post.phases == ["planned", "done"] * 2


def test_a_way_that_is_down_stops_no_sweep(scene: Scene, post: Post) -> None:
    """The sweep is done, the log says why; what nobody heard is said again."""
    post.down = ToolError("the webhook answered 500")
    scene.heap.protected["i-41"] = "termination protection"
    people = post.notifier()
    with capture_logs() as log:
        swept(scene, people)
    assert scene.heap.ids & DEAD_IDS == {"i-41", "vol-41", "eni-41"}
    assert {one["cause"] for one in log} == {"the webhook answered 500"}
    assert post.marked == []
    post.down = None
    swept(scene, people)
    assert post.phases == ["planned", "done"]


def test_one_way_of_two_is_enough(scene: Scene, post: Post) -> None:
    """People have heard; the other way is not tried again for it."""
    other = Post(down=CloudError("sns:Publish: no answer"))
    sent: list[tuple[str, str]] = []
    people = post.notifier(other)
    people.on_sent = lambda *one: sent.append(one)
    swept(scene, people)
    assert post.phases == ["planned", "done"]
    assert set(post.marked) == DEAD_IDS
    assert sent[:2] == [("way-0", "sent"), ("way-1", "failed")]


def test_a_tag_that_may_not_be_written(scene: Scene, post: Post) -> None:
    """This process remembers all the same, and says that others will not."""
    post.denied = AccessDenied("ec2:CreateTags is denied")
    scene.heap.protected["i-41"] = "termination protection"
    people = post.notifier()
    with capture_logs() as log:
        swept(scene, people)
        swept(scene, people)
    assert post.phases == ["planned", "done"]
    assert {one["event"] for one in log if "cause" in one} == {"a notice may come again"}


def refuse(_: Plan) -> None:
    """The breaker."""
    raise Refused("too much to delete at once")


def test_a_refusal_is_told_once(scene: Scene, post: Post) -> None:
    """The breaker speaks every minute; people hear of it once a day."""
    people = post.notifier()
    for _ in range(2):
        with pytest.raises(Refused):
            approving(refuse, replace(people))(scene.plan())
    assert post.phases == ["refused"]
    assert "too much" in post.got[0].text


@pytest.mark.parametrize(
    ("phases", "told"),
    [({Phase.PLANNED}, ["planned"]), ({Phase.DONE}, ["done"]), (set(), [])],
)
def test_only_what_is_wanted(scene: Scene, post: Post, phases: set[Phase], told: list[str]) -> None:
    """Whoever only wants to know the end is told only the end, with what has stayed; once a day."""
    scene.heap.protected["i-41"] = "termination protection"
    people = post.notifier(phases=frozenset(phases))
    swept(scene, people)
    swept(scene, people)
    assert post.phases == told


def test_writes_that_are_refused_for_long_are_told(scene: Scene, post: Post) -> None:
    """Under a lease no sweep may open live: people must know, once an hour, and how to."""
    scene.ledger = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=1), "migrate"))
    name = LIVE.database_name(LEDGER)
    scene.server.shut(name, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    [since] = [one.memory.at for one in scene.server.databases() if one.memory and one.name == name]
    people = post.notifier(phases=frozenset())
    for minutes, sent in ((1, 0), (3, 1), (4, 1), (64, 2)):
        post.now = since + timedelta(minutes=minutes)
        people.done(sweep(Fleet.of(scene.managed)))
        assert len(post.got) == sent, minutes
    notice = post.got[0]
    assert notice.subject == "shop: the live database refuses writes"
    assert "deployer thaw shop --deployer-is-dead" in notice.text
