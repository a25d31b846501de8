"""The part of the contract that every kind of traffic obeys which follows the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import BirthTags
from reconciler.traffic.port import JoinOrder, Traffic
from reconciler.traffic.reading import TrafficRoute
from tests.fakes.elastic_ip import FakeElasticIp
from tests.fakes.inventory import FakeHeap
from tests.support import elastic_stage
from tests.support.aws_api import DEPLOY, LEDGER, PLACE, Api
from tests.support.elastic_stage import ElasticStage
from tests.support.record_stage import RecordStage
from tests.unit.reconciler.traffic import test_port as groups

KINDS = ("fake groups", "elbv2", "fake elastic ip", "elastic ip", "record")


@dataclass
class Stage:
    """Live, which people had before; a release's machine; what somebody may do."""

    traffic: Traffic
    order: JoinOrder
    foreign: Callable[[], object]
    odd: Callable[[], object]
    live: DeployId
    holders: tuple[str, ...] = ()

    @property
    def route(self) -> TrafficRoute:
        """The one route as it is read now."""
        found = self.traffic.read()
        assert found is not None
        (route,) = found.resolved("shop", lambda ledger: ledger == LEDGER).routes
        return route

    def prepare(self) -> tuple[str, str]:
        """All that comes before the commit; the route and who takes it over."""
        self.holders = self.route.holders
        self.traffic.join(self.order)
        self.traffic.register(self.order)
        assert self.traffic.waiting(self.order) == ()
        (taker,) = self.traffic.takers(self.order)
        return taker

    def switch(self, route: str, taker: str) -> None:
        """As it was decided: live served."""
        self.traffic.switch(route, taker, self.holders)


@dataclass
class RecordsStage(Stage):
    """Of the record the ledger says who takes over: it is committed before the switch."""

    commit: Callable[[], object] = lambda: None

    def switch(self, route: str, taker: str) -> None:
        self.commit()
        super().switch(route, taker)


def _record(api: Api) -> Stage:
    made = RecordStage(api)
    foreign = lambda: made.give(made.stranger)  # noqa: E731
    order = JoinOrder(DEPLOY, (made.new,), {})
    return RecordsStage(
        made.traffic, order, foreign, made.spoil, elastic_stage.LIVE, commit=made.commit
    )


def _of_groups(made: groups.Stage) -> Stage:
    return Stage(made.traffic, made.order, made.foreign, made.sticky, groups.LIVE)


def _fake() -> Stage:
    heap, mine = FakeHeap(place=PLACE), {t.ID: str(DEPLOY), t.LEDGER: LEDGER}
    heap.add(
        Resource(INSTANCE, id_, PLACE, tags, state="running")
        for id_, tags in (("i-1", elastic_stage.ADOPTED), ("i-2", mine), ("i-x", {}))
    )
    made = FakeElasticIp(heap, ["i-1"])
    foreign = lambda: made.at.__setitem__(0, "i-x")  # noqa: E731
    odd = lambda: made.odd.append("is associated with nothing")  # noqa: E731
    return Stage(made, JoinOrder(DEPLOY, ("i-2",), {}), foreign, odd, elastic_stage.LIVE)


def _real(api: Api) -> Stage:
    made = ElasticStage(api)
    tags = BirthTags(DEPLOY, LEDGER, PLACE, "v1.5.0", "me@here").of(INSTANCE)
    order = JoinOrder(DEPLOY, (made.new,), tags)
    foreign = lambda: made.give(made.stranger)  # noqa: E731
    return Stage(made.traffic, order, foreign, made.take, elastic_stage.LIVE)


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest) -> Stage:
    """Each of them."""
    if request.param == "fake groups":
        return _of_groups(groups._fake())
    if request.param == "fake elastic ip":
        return _fake()
    api = request.getfixturevalue("api")
    if request.param == "record":
        return _record(api)
    return _of_groups(groups._real(api)) if request.param == "elbv2" else _real(api)


def test_it_is_read_who_serves(stage: Stage) -> None:
    """Live's own, and nobody else's."""
    assert not stage.traffic.in_batch
    assert stage.traffic.check() == ()
    assert stage.route.leads_to(stage.live)
    assert (stage.route.unknown, stage.route.odd) == ((), "")
    (share,) = stage.route.serving
    assert (share.deploy, len(share.targets)) == (stage.live, 1)


def test_what_is_prepared_gets_no_requests(stage: Stage) -> None:
    """Only the switch changes who serves; all before it may be done twice."""
    assert stage.prepare() == stage.prepare()
    assert stage.route.leads_to(stage.live)


def test_a_switch_gives_everything_to_the_new_machines(stage: Stage) -> None:
    """And the same again changes nothing."""
    route, taker = stage.prepare()
    for _ in range(2):
        stage.switch(route, taker)
        assert stage.route.leads_to(DEPLOY)
        assert not stage.route.leads_to(stage.live)


def test_rule_11_what_a_person_did_is_changed_by_a_person_alone(stage: Stage) -> None:
    """Somebody unknown serves: no switch touches it, unless the operator says so."""
    route, taker = stage.prepare()
    stage.foreign()
    with pytest.raises((Refused, CloudError)):
        stage.switch(route, taker)
    assert stage.route.unknown
    assert not stage.route.leads_to(DEPLOY)
    stage.traffic.switch(route, taker, None)
    assert [share.deploy for share in stage.route.serving] == [DEPLOY]


def test_rule_11_only_who_was_read_loses_the_requests(stage: Stage) -> None:
    """Whoever serves by now and was not read has them from a person, whatever the tags say."""
    route, taker = stage.prepare()
    stage.holders = ("another",)
    with pytest.raises(Refused):
        stage.switch(route, taker)
    assert stage.route.leads_to(stage.live)
    stage.traffic.switch(route, taker, None)
    stage.switch(route, taker)  # whoever has them already is not in its own way
    assert stage.route.leads_to(DEPLOY)


def test_a_state_that_no_switch_leaves_is_odd(stage: Stage) -> None:
    """It leads to nobody that is live, and no switch changes it."""
    route, taker = stage.prepare()
    stage.odd()
    assert stage.route.odd
    assert not stage.route.leads_to(stage.live)
    with pytest.raises(Refused):
        stage.switch(route, taker)


def test_nobody_serves_through_what_is_gone(stage: Stage) -> None:
    """A request that comes late fails, and who serves goes on."""
    route, taker = stage.prepare()
    gone = f"{taker[:-17]}{'f' * 17}" if taker.startswith("i-0") else f"{taker}0"
    with pytest.raises(CloudError):
        stage.switch(route, gone)
    assert stage.route.leads_to(stage.live)
