"""A release behind several routes, and a foreign change of an action between any two steps."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.rollback.command import rollback
from reconciler.errors import CloudError, FollowUpFailed, Refused, ToolError
from reconciler.model.resource import INSTANCE
from reconciler.model.tags import Label
from reconciler.sweep import absence
from tests.fakes.traffic import DELAY
from tests.support.several_routes import ROUTES, SeveralRoutes
from tests.support.share import DAY
from tests.support.shop_world import LIVE


@pytest.fixture
def shop(tmp_path: Path) -> SeveralRoutes:
    """Live serves through each."""
    return SeveralRoutes(tmp_path)


def test_routes_switch_in_the_order_of_the_configuration(
    shop: SeveralRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Healthy on each before the commit; the first job begins after the last switch."""
    shop.release(monkeypatch)
    assert shop.live != LIVE
    assert shop.found.follows(shop.live)
    names = [shop.live.target_group_name(route) for route in ROUTES]
    switched = [act.split("/")[1] for act in shop.did("switch")]
    assert switched == names
    last = max(n for n, act in enumerate(shop.acts) if act.startswith("switch"))
    told = [n for n, act in enumerate(shop.acts) if act.startswith(("run", "label", "thaw"))]
    assert told
    assert min(told) > last


@pytest.mark.parametrize("young", [False, True])
@pytest.mark.parametrize("switched", [0, 1, 2])
def test_a_crash_between_two_switches_is_rolled_forward(
    shop: SeveralRoutes, monkeypatch: pytest.MonkeyPatch, switched: int, *, young: bool
) -> None:
    """By every sweep; until the last, nobody is labelled, no job begins, nothing is stopped."""
    switch, left = shop.traffic.switch, [switched]

    def fails(route: str, group: str, holders: Collection[str] | None) -> None:
        if not left[0]:
            raise CloudError("no answer")
        left[0] -= 1
        switch(route, group, holders)

    monkeypatch.setattr(shop.traffic, "switch", fails)
    with pytest.raises(FollowUpFailed):
        shop.release(monkeypatch)
    new = shop.live
    assert [route.leads_to(new) for route in shop.found.routes].count(True) == switched
    assert not shop.did("run", "label")
    monkeypatch.setattr(shop.traffic, "switch", switch)
    shop.sweep(unfinished_only=young)
    assert shop.found.follows(new)


def test_a_group_that_left_one_route_stops_every_switch(
    shop: SeveralRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a switch would send clients to two releases: they are looked up before the first."""

    def meddle(act: str) -> None:
        if act.startswith("swap") and shop.live != LIVE:
            shop.turn_back(ROUTES[2])

    shop.acts.then = meddle
    shop.release(monkeypatch)
    committed = max(n for n, act in enumerate(shop.acts) if act.startswith("swap"))
    switched = next(n for n, act in enumerate(shop.acts) if act.startswith("switch"))
    assert "scan" in shop.acts[committed:switched], "the follow-up found every group again"
    assert shop.found.follows(shop.live)


def test_a_stranger_on_any_route_refuses_all_before_anything(
    shop: SeveralRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one without requests: the release would fail at its switch."""
    shop.bring_in_a_stranger(ROUTES[2])
    shop.traffic.actions[ROUTES[2]] = dict.fromkeys(shop.traffic.actions[ROUTES[2]], 0)
    live = next(iter(shop.traffic.actions[ROUTES[2]]))
    shop.traffic.actions[ROUTES[2]][live] = 1
    for command in (lambda: shop.release(monkeypatch), lambda: rollback(shop.ports())):
        shop.acts.clear()
        with pytest.raises(Refused, match=r"hers/.* not known") as refused:
            command()
        assert ROUTES[2] in refused.value.cure
        assert not shop.did("swap", "join", "run")


HANDS = {"turned back": SeveralRoutes.turn_back, "a stranger": SeveralRoutes.bring_in_a_stranger}


STEPS = ("swap", "join", "register", "traffic", "switch", "label", "drained", "run", "delete")
"""What a request does that changes something, or that reads traffic."""


class Disturbed(SeveralRoutes):
    """The same, with a hand that comes right before one of its requests."""

    came = False
    labelled = False
    """Whether the deploy that was live then had the label already."""

    def at(self, number: int, hand: str, route: str) -> None:
        """Let it come before the request of this number."""

        def meddle(_: str) -> None:
            if self.came or len(self.acts) <= number:
                return
            self.came = True
            self.before = self.live
            machines = (one for one in self.heap.held.values() if one.kind == INSTANCE)
            labels = {one.label for one in machines if one.deploy == self.live}
            self.labelled = labels == {Label.LIVE}
            HANDS[hand](self, route)
            self.left = dict(self.traffic.actions[route])

        self.acts.then = meddle

    def run(self, command: str) -> None:
        """The command, whatever becomes of it; then sweeps, until nothing is in flight."""
        with pytest.MonkeyPatch.context() as patch, suppress(ToolError):
            if command == "up":
                self.release(patch)
            else:
                rollback(self.ports(), discard_writes=True)
        self.acts.then = lambda _: None
        self.steps = [n for n, act in enumerate(self.acts) if act.startswith(STEPS)]
        self.sweep(unfinished_only=True)
        for _ in range(2):
            self.sweep()
            self.ledgers.now += timedelta(minutes=6)


def _check(shop: Disturbed, hand: str, route: str) -> None:
    """What holds whenever the hand came."""
    end = shop.traffic.actions[route]
    serving = [share for each in shop.found.routes for share in each.serving]
    assert all(shop.heap.at(share.group) for share in serving)
    ours = [share for share in serving if share.deploy is not None]
    assert {share.deploy for share in ours} <= {shop.live, LIVE}
    assert all(set(shop.heap.at(share.group).uses) <= shop.heap.ids for share in ours)
    if hand == "a stranger":
        assert end == shop.left, "an action with a stranger was written"
    elif shop.labelled and shop.before == shop.live:
        assert end == shop.left, "what people moved after the label was moved back"
    elif shop.live == LIVE:
        assert shop.found.follows(LIVE)
    else:
        assert shop.found.follows(shop.live) or _reported(shop)


def _reported(shop: Disturbed) -> bool:
    (service_plan,) = shop.plan().services
    return bool(service_plan.problem or service_plan.notes)


def _made(root: Path) -> Path:
    root.mkdir()
    return root


def _disturbed(root: Path, command: str, hand: str, number: int) -> bool:
    """One run with the hand before this request, on each route in turn; whether it came."""
    route = ROUTES[number % len(ROUTES)]
    shop = Disturbed(_made(root))
    shop.at(number, hand, route)
    shop.run(command)
    if shop.came:
        _check(shop, hand, route)
    return shop.came


@pytest.fixture
def part(request: pytest.FixtureRequest) -> slice:
    """Which of the steps: a quarter a day, all of them where no share is asked for."""
    shared = request.config.getoption("share") > 1
    return slice(int(os.environ[DAY]) % 4, None, 4) if shared else slice(None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", ["up", "rollback"])
@pytest.mark.parametrize("hand", HANDS)
def test_rule_11_a_foreign_change_between_any_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: slice, command: str, hand: str
) -> None:
    """Whenever it comes: a stranger is not touched, and what people moved after the label stays."""
    monkeypatch.setattr(absence, "AGREED", 0.05)
    known = Disturbed(_made(tmp_path / "undisturbed"))
    known.run(command)
    steps = known.steps[part]
    came = [_disturbed(tmp_path / str(n), command, hand, n) for n in steps]
    assert came.count(True) > len(steps) / 2


def test_old_answers_last_as_long_as_the_balancer_lets_requests_end(
    shop: SeveralRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deregistration delay, not the TTL of a record that does not change."""
    done = shop.release(monkeypatch)
    assert done.old_answers_until is not None
    assert done.old_answers_until - shop.ledgers.now >= DELAY
