"""One contract, every kind of traffic: the record, the fake, target groups on the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.aws.elbv2.traffic import TargetGroupTraffic, template_of
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource
from reconciler.model.tags import BirthTags
from reconciler.traffic.port import JoinOrder, Traffic
from reconciler.traffic.reading import TrafficRoute
from reconciler.traffic.record import RecordTraffic
from tests.fakes.inventory import FakeHeap
from tests.fakes.traffic import FakeTraffic
from tests.support.aws_api import DEPLOY, HASTE, LEDGER, PLACE, Api, begun_now, pairs

LIVE = begun_now("aaaaa")
NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
BY_HAND = "by-hand"


@dataclass
class Stage:
    """A service behind one route; live's group was made by hand and adopted."""

    traffic: Traffic
    machines: tuple[str, ...]
    health: Callable[[bool], object]
    foreign: Callable[[], object]
    tags: Callable[[str], dict[str, str]]
    sticky: Callable[[], object]

    @property
    def order(self) -> JoinOrder:
        """What a release orders."""
        tags = BirthTags(DEPLOY, LEDGER, PLACE, "v1.5.0", "me@here").of(TARGET_GROUP)
        return JoinOrder(DEPLOY, self.machines, tags)

    @property
    def route(self) -> TrafficRoute:
        """The route as it is read now."""
        found = self.traffic.read()
        assert found is not None
        (route,) = found.resolved("shop", lambda ledger: ledger == LEDGER).routes
        return route

    @property
    def weights(self) -> dict[str, int]:
        """Weight by the name of the group."""
        return {share.group.split("/")[1]: share.weight for share in self.route.shares}

    def switch(self, group: str) -> None:
        """All requests to the group, taken from whoever has them now."""
        route = self.route
        self.traffic.switch(route.arn, group, route.holders)

    @property
    def name(self) -> str:
        """The name of the group that the release makes."""
        return DEPLOY.target_group_name(self.route.arn)


ADOPTED = {
    t.ID: str(LIVE),
    t.LEDGER: LEDGER,
    t.STATE: "live",
    t.HOLD: t.HELD_BY_ADOPTION,
    t.PART: t.part(TARGET_GROUP, PLACE),
}


def _fake() -> Stage:
    heap = FakeHeap(place=PLACE)
    heap.add(Resource(INSTANCE, one, PLACE, state="running") for one in ("i-1", "i-2"))
    traffic = FakeTraffic(heap)
    group = f"targetgroup/{BY_HAND}/1"
    traffic.add(Resource(TARGET_GROUP, group, PLACE, ADOPTED, name=BY_HAND, uses=("i-1",)), 1)

    def foreign() -> None:
        hers = Resource(TARGET_GROUP, "targetgroup/hers/2", PLACE, name="hers")
        traffic.add(hers, 1)

    return Stage(
        traffic,
        ("i-2",),
        lambda on: setattr(traffic, "healthy", on),
        foreign,
        lambda group: dict(heap.at(group).tags),
        lambda: setattr(traffic, "odd", "keeps clients on their target group"),
    )


@dataclass
class Balancer:
    """A load balancer on the sandbox, set up by hand."""

    api: Api

    def __post_init__(self) -> None:
        self.live, self.new = self.api.machines(2, birth=None)
        subnets = self.api.ec2.describe_subnets()["Subnets"]
        self.vpc = subnets[0]["VpcId"]
        self.group = self.make(BY_HAND, ADOPTED)
        targets = [{"Id": self.live}]
        self.api.elbv2.register_targets(TargetGroupArn=self.group, Targets=targets)
        made = self.api.elbv2.create_load_balancer(
            Name="shop", Subnets=[one["SubnetId"] for one in subnets[:2]], Scheme="internal"
        )["LoadBalancers"][0]
        self.listener = self.api.elbv2.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol="HTTP",
            Port=8080,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Listeners"][0]["ListenerArn"]

    def make(self, name: str, tags: dict[str, str]) -> str:
        """A target group."""
        made = self.api.elbv2.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=8080,
            VpcId=self.vpc,
            HealthCheckPath="/healthz",
            HealthCheckIntervalSeconds=7,
            HealthCheckTimeoutSeconds=3,
            Tags=pairs(tags),
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def forward(self, weights: dict[str, int], **config: Any) -> None:
        """Somebody replaces the action."""
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **config}}
        self.api.elbv2.modify_listener(ListenerArn=self.listener, DefaultActions=[action])

    def tags(self, group: str) -> dict[str, str]:
        """The tags of a group."""
        arn = f"arn:aws:elasticloadbalancing:{PLACE.region}:{PLACE.account}:{group}"
        answer = self.api.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        return {tag["Key"]: tag["Value"] for tag in answer[0]["Tags"]}


def _real(api: Api) -> Stage:
    made = Balancer(api)
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    return Stage(
        TargetGroupTraffic(api.aws, "shop", (made.listener,), HASTE),
        (made.new,),
        lambda on: setattr(api.balancers, "healthy", on),
        lambda: made.forward({made.group: 1, made.make("hers", {"by": "hand"}): 1}),
        made.tags,
        lambda: made.forward({made.group: 1}, **sticky),
    )


@pytest.fixture(params=["fake", "elbv2"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Either of them."""
    return _fake() if request.param == "fake" else _real(request.getfixturevalue("api"))


def test_nothing_has_to_follow_the_record() -> None:
    """It changes in the ledger's batch: every call is done at once, and says nothing."""
    traffic: Traffic = RecordTraffic()
    order = JoinOrder(DEPLOY, ("i-1",), {})
    assert traffic.in_batch
    assert traffic.read() is None
    assert traffic.check() == traffic.create(order) == traffic.join(order) == ()
    traffic.register(order)
    assert traffic.waiting(order) == ()
    assert traffic.drain() is None
    assert (traffic.takers(order), traffic.addresses, traffic.steps) == ((), (), ())
    traffic.switch("route", "group", ())


def test_live_is_read_with_who_is_behind_it(stage: Stage) -> None:
    """The group that gets requests, whose it is, and its targets."""
    assert not stage.traffic.in_batch
    assert stage.traffic.check() == ()
    (share,) = stage.route.serving
    assert (share.deploy, share.lease, len(share.targets)) == (LIVE, None, 1)
    assert stage.route.leads_to(LIVE)
    assert not stage.route.leads_to(DEPLOY)
    assert stage.route.unknown == ()


def test_who_joins_gets_no_requests(stage: Stage) -> None:
    """Weight 0, born with its tags; a second time it is the same group."""
    (group,) = stage.traffic.join(stage.order)
    assert stage.weights == {BY_HAND: 1, stage.name: 0}
    tags = stage.tags(group)
    assert (tags[t.LEASE], tags[t.LISTENER]) == (str(DEPLOY), stage.route.arn)
    assert tags[t.STATE] == "pending"
    assert stage.traffic.join(stage.order) == (group,)
    assert stage.traffic.create(stage.order) == (group,)
    assert stage.traffic.takers(stage.order) == ((stage.route.arn, group),)
    assert stage.route.leads_to(LIVE)


def test_the_balancer_says_who_is_healthy(stage: Stage) -> None:
    """Not registered, not healthy yet: each is named; then nobody is waited for."""
    stage.health(False)
    stage.traffic.join(stage.order)
    assert stage.machines[0] in stage.traffic.waiting(stage.order)[0]
    stage.traffic.register(stage.order)
    assert stage.machines[0] in stage.traffic.waiting(stage.order)[0]
    stage.health(True)
    assert stage.traffic.waiting(stage.order) == ()


def test_a_switch_gives_all_requests_to_one_group(stage: Stage) -> None:
    """The others stay without any; the same again changes nothing."""
    (group,) = stage.traffic.join(stage.order)
    for _ in range(2):
        stage.switch(group)
        assert stage.weights == {BY_HAND: 0, stage.name: 1}
    assert stage.route.leads_to(DEPLOY)


def test_only_a_group_without_requests_is_detached(stage: Stage) -> None:
    """Refused while it gets some; a second time it is out already."""
    old = stage.route.shares[0].group
    (group,) = stage.traffic.join(stage.order)
    with pytest.raises(Refused):
        stage.traffic.detach(stage.route.arn, old)
    stage.switch(group)
    for _ in range(2):
        stage.traffic.detach(stage.route.arn, old)
        assert stage.weights == {stage.name: 1}


def test_a_foreign_group_is_not_touched(stage: Stage) -> None:
    """An action that names one is not changed, unless a person says so."""
    (group,) = stage.traffic.join(stage.order)
    stage.foreign()
    with pytest.raises((Refused, CloudError)):
        stage.switch(group)
    assert stage.weights["hers"] == 1
    assert stage.route.unknown
    stage.traffic.switch(stage.route.arn, group, None)
    assert {name for name, weight in stage.weights.items() if weight} == {stage.name}


def test_stickiness_of_groups_is_not_touched(stage: Stage) -> None:
    """Weight 0 would not keep its clients away."""
    stage.sticky()
    assert "keeps clients" in stage.route.odd
    assert not stage.route.leads_to(LIVE)
    with pytest.raises(Refused):
        stage.switch("targetgroup/any/0123456789abcdef")


def test_the_end_of_a_drain_is_written_on_the_group(stage: Stage) -> None:
    """By the group's own delay, 300 s; so long clients may see the old release after a switch."""
    assert stage.traffic.drain() == timedelta(seconds=300)
    group = stage.route.shares[0].group
    stage.traffic.mark_drained(group, NOW)
    assert stage.tags(group)[t.DRAINED] == "20261129T030500Z"


def test_a_group_that_is_gone_gets_no_requests(stage: Stage) -> None:
    """What comes late fails."""
    with pytest.raises(CloudError):
        stage.switch("targetgroup/gone/0123456789abcdef")
    assert stage.weights == {BY_HAND: 1}


@pytest.mark.parametrize("kind", ["drop_reply", "error500", "throttle"])
@pytest.mark.parametrize("action", ["CreateTargetGroup", "ModifyListener", "RegisterTargets"])
def test_a_lost_reply_is_answered_by_reading(api: Api, action: str, kind: str) -> None:
    """Each request is made once, whatever becomes of its reply."""
    stage = _real(api)
    api.fault(action, kind)
    stage.traffic.join(stage.order)
    stage.traffic.register(stage.order)
    assert stage.weights == {BY_HAND: 1, stage.name: 0}
    assert stage.traffic.waiting(stage.order) == ()


def test_a_copy_is_like_live(api: Api) -> None:
    """Health check and attributes; also where live's were changed between two tries."""
    made = Balancer(api)
    traffic = TargetGroupTraffic(api.aws, "shop", (made.listener,), HASTE)
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "12"}]
    api.elbv2.modify_target_group_attributes(TargetGroupArn=made.group, Attributes=attributes)
    order = JoinOrder(DEPLOY, (made.new,), {t.ID: str(DEPLOY)})
    (group,) = traffic.create(order)
    name = group.split("/")[1]
    (copy,) = api.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
    assert (copy["HealthCheckPath"], copy["HealthCheckIntervalSeconds"]) == ("/healthz", 7)
    shown = api.elbv2.describe_target_group_attributes(TargetGroupArn=copy["TargetGroupArn"])
    assert attributes[0] in shown["Attributes"]
    api.elbv2.modify_target_group(TargetGroupArn=made.group, HealthCheckPath="/other")
    assert traffic.create(order) == (group,)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("slow_start.duration_seconds", "60", "slow start of 60 s"),
        ("stickiness.enabled", "true", "keeps clients on a target"),
    ],
)
def test_what_a_second_group_cannot_stand_beside_is_refused_in_words(
    api: Api, key: str, value: str, says: str
) -> None:
    """New machines would get few requests; or AWS would not take the group at all."""
    made = Balancer(api)
    attributes = [{"Key": key, "Value": value}]
    api.elbv2.modify_target_group_attributes(TargetGroupArn=made.group, Attributes=attributes)
    traffic = TargetGroupTraffic(api.aws, "shop", (made.listener,), HASTE)
    with pytest.raises(Refused, match=says) as refused:
        traffic.check()
    assert key in refused.value.cure


def test_who_owns_the_listener_is_told(api: Api) -> None:
    """A template's next change would turn the weights back."""
    made = Balancer(api)
    tags = [{"Key": "ManagedBy", "Value": "Terraform"}]
    api.elbv2.add_tags(ResourceArns=[made.listener], Tags=tags)
    traffic = TargetGroupTraffic(api.aws, "shop", (made.listener,), HASTE)
    (note,) = traffic.check()
    assert "belongs to Terraform" in note


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        ({"aws:cloudformation:stack-name": "shop"}, "the CloudFormation stack shop"),
        ({"ManagedBy": "Terraform"}, "Terraform"),
        ({"terraform": "true"}, "Terraform"),
        ({"provisioner": "opentofu"}, "Terraform"),
        ({"team": "shop"}, ""),
    ],
)
def test_the_owner_of_a_template_is_read_from_tags(tags: dict[str, str], owner: str) -> None:
    """AWS writes the stack's; of Terraform only what people write is seen."""
    assert template_of(tags) == owner
