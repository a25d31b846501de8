"""What is only an Elastic IP's: one machine, its primary address, a copy, what AWS does with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.aws.elastic_ip_traffic import elastic_ip, elastic_ip_at
from reconciler.errors import CloudError, ConfigError, Refused
from reconciler.model import tags as t
from reconciler.model.ledger import NO_LEDGER, Ledger, Live
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import TrafficRoute
from tests.support.aws_api import BIRTH, DEPLOY, LEDGER, PLACE, Api, pairs
from tests.support.elastic_stage import ADOPTED, LIVE, PUBLIC, ElasticStage


@pytest.fixture
def stage(api: Api) -> ElasticStage:
    """Live has the address."""
    return ElasticStage(api)


def order(*machines: str) -> JoinOrder:
    """What a release orders."""
    return JoinOrder(DEPLOY, machines, {})


def route(stage: ElasticStage, ledger: Ledger = NO_LEDGER) -> TrafficRoute:
    """What is read, with whose it is."""
    (found,) = stage.traffic.read().resolved("shop", lambda said: said == LEDGER, ledger).routes
    return found


def test_exactly_one_machine_takes_it_over(stage: ElasticStage) -> None:
    """More than one is refused in words, with the way out."""
    with pytest.raises(Refused, match="2 machines are to take over") as refused:
        stage.traffic.takers(order(stage.new, stage.live))
    assert "instance.count = 1" in refused.value.cure


def test_rule_15_a_copy_of_live_is_not_live(stage: ElasticStage) -> None:
    """Tags that were copied: without the token of its birth, or beside the adopted machine."""
    stage.api.ec2.create_tags(Resources=[stage.stranger], Tags=pairs(BIRTH.of(INSTANCE)))
    stage.give(stage.stranger)
    assert route(stage).unknown == (stage.stranger,)
    with pytest.raises(Refused, match="was given it after the move was decided"):
        stage.traffic.switch(stage.allocation, stage.new, stage.holders)
    stage.api.ec2.create_tags(Resources=[stage.stranger], Tags=pairs(ADOPTED))
    ledger = Ledger(gen=1, live=Live(LIVE, ("10.0.1.17",), (stage.live,)))
    assert route(stage, ledger).unknown == (stage.stranger,)
    assert not route(stage, ledger).leads_to(LIVE)
    stage.traffic.switch(stage.allocation, stage.live, None)
    assert route(stage, ledger).leads_to(LIVE)


def test_an_address_of_no_machine_is_odd(stage: ElasticStage) -> None:
    """A NAT gateway's interface, or one that lies about: a release refuses, in words."""
    subnet = stage.api.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = stage.api.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    stage.api.ec2.associate_address(
        AllocationId=stage.allocation, NetworkInterfaceId=made["NetworkInterfaceId"]
    )
    assert "which is no machine's" in route(stage).odd
    with pytest.raises(Refused, match="no release can move it"):
        stage.traffic.check()
    stage.take()
    assert route(stage).odd == "is associated with nothing"
    with pytest.raises(Refused):
        stage.traffic.switch(stage.allocation, stage.live, stage.holders)
    assert stage.holder == ""
    stage.traffic.switch(stage.allocation, stage.live, None)
    assert route(stage).leads_to(LIVE)


def test_a_secondary_interface_is_odd(stage: ElasticStage) -> None:
    """A clone of the machine has only the first one: the address would change its place."""
    ec2 = stage.api.ec2
    (live,) = ec2.describe_instances(InstanceIds=[stage.live])["Reservations"][0]["Instances"]
    made = ec2.create_network_interface(SubnetId=live["SubnetId"])["NetworkInterface"]
    eni = made["NetworkInterfaceId"]
    ec2.attach_network_interface(InstanceId=stage.live, NetworkInterfaceId=eni, DeviceIndex=1)
    assert route(stage).leads_to(LIVE)
    ec2.associate_address(AllocationId=stage.allocation, NetworkInterfaceId=eni)
    assert "a secondary address of" in route(stage).odd


def test_whoever_has_another_elastic_ip_does_not_take_it_over(stage: ElasticStage) -> None:
    """The other address would be left on nobody (AssociateAddress)."""
    assert stage.traffic.waiting(order(stage.new)) == ()
    other = stage.api.ec2.allocate_address(Domain="vpc")
    stage.api.ec2.associate_address(AllocationId=other["AllocationId"], InstanceId=stage.new)
    (why,) = stage.traffic.waiting(order(stage.new))
    assert other["PublicIp"] in why


def test_a_machine_that_does_not_run_gets_nothing(stage: ElasticStage) -> None:
    """Its clients would find nobody; who serves goes on."""
    stage.api.ec2.stop_instances(InstanceIds=[stage.new])
    assert stage.new in stage.traffic.waiting(order(stage.new))[0]
    with pytest.raises(CloudError, match="does not run"):
        stage.traffic.switch(stage.allocation, stage.new, stage.holders)
    assert stage.holder == stage.live


@pytest.mark.parametrize("kind", ["drop_reply", "error500", "throttle"])
def test_a_lost_reply_is_answered_by_reading(stage: ElasticStage, kind: str) -> None:
    """The move was made, or is made by the next try."""
    stage.api.fault("AssociateAddress", kind)
    stage.traffic.switch(stage.allocation, stage.new, stage.holders)
    assert stage.holder == stage.new


def test_the_address_is_nobodys_resource(stage: ElasticStage) -> None:
    """Whatever is done with it: no tag is written, nothing is released."""
    traffic = stage.traffic
    traffic.tag([stage.live], {t.ID: str(LIVE)})
    traffic.switch(stage.allocation, stage.new, stage.holders)
    (one,) = stage.api.ec2.describe_addresses()["Addresses"]
    assert not one.get("Tags")
    assert traffic.addresses == (one["PublicIp"],) == (stage.address,)


def test_who_owns_the_association_is_told(stage: ElasticStage) -> None:
    """A template's next change would move the address back."""
    stage.api.ec2.create_tags(Resources=[stage.allocation], Tags=pairs({"ManagedBy": "Terraform"}))
    (note,) = stage.traffic.check()
    assert "belongs to Terraform" in note


def test_it_is_found_by_its_id_or_by_the_record(stage: ElasticStage) -> None:
    """What is none is refused in words that name the key."""
    aws, at = stage.api.aws, (stage.address,)
    assert elastic_ip_at(aws, "shop", "shop.example.com", at).allocation == stage.allocation
    for wrong in ((), ("203.0.113.9",), (stage.address, "203.0.113.9")):
        with pytest.raises(ConfigError, match="not one Elastic IP") as refused:
            elastic_ip_at(aws, "shop", "shop.example.com", wrong)
        assert "allocation =" in refused.value.cure
    with pytest.raises(ConfigError, match="there is no Elastic IP eipalloc-ffffffff"):
        elastic_ip(aws, "shop", "eipalloc-ffffffff")


def test_an_address_that_was_released_is_said(stage: ElasticStage) -> None:
    """Unknown is not empty: nothing of the service is changed then."""
    traffic = stage.traffic
    stage.take()
    stage.api.ec2.release_address(AllocationId=stage.allocation)
    with pytest.raises(CloudError, match="somebody released it"):
        traffic.read()


def test_who_loses_it_is_reachable_at_another_address(stage: ElasticStage) -> None:
    """SSH after the move needs the address of now (EC2 User Guide, "Elastic IP addresses")."""
    stage.traffic.switch(stage.allocation, stage.new, stage.holders)
    (live,) = stage.api.ec2.describe_instances(InstanceIds=[stage.live])["Reservations"]
    address = live["Instances"][0]["PublicIpAddress"]
    assert address not in ("", stage.address)
    assert PUBLIC[0]["AssociatePublicIpAddress"]


def test_only_a_running_machine_may_be_led_to() -> None:
    """Of the live deploy's resources; a listener's route wants its own target group."""
    machine = Resource(INSTANCE, "i-1", PLACE, state="running")
    group = Resource(TARGET_GROUP, "targetgroup/a/1", PLACE, {t.LISTENER: "arn:listener"})
    elastic = TrafficRoute("eipalloc-1", address="203.0.113.7")
    assert elastic.may_lead_to(machine)
    assert not elastic.may_lead_to(replace(machine, state="stopped"))
    assert not elastic.may_lead_to(group)
    assert TrafficRoute("arn:listener").may_lead_to(group)
    assert not TrafficRoute("arn:other").may_lead_to(group)
    assert not TrafficRoute("arn:listener").may_lead_to(machine)
