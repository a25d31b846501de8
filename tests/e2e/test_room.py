"""Room that AWS has left for a release: doctor counts it; `up` fails before its freeze.

A release makes neither rules nor listeners, security groups or Elastic IPs: their quotas are none
of its business, which the requests of a release show.
"""

from __future__ import annotations

import ipaddress

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop, failed_step
from tests.crash.unchanged_service import told
from tests.e2e.balanced import Shop as Balanced
from tests.e2e.probes import live_instance
from tests.support.company import Witness


def refused_before_the_freeze(shop: Shop, *words: str) -> None:
    """`up` fails while live takes writes, and what it had made is gone."""
    before, witness = shop.before(), Witness(shop)
    with witness.watching():
        done = shop.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    told(done, Exit.FAILED, *words)
    assert failed_step(done) == "launch"
    assert (witness.errors, witness.refused) == ([], 0)
    shop.assert_as_before(before)


def test_vcpus(adopted_shop: Shop) -> None:
    """What runs is counted with what a release adds; the account's quota is what AWS tells."""
    shop = adopted_shop
    told(shop.deployer("doctor", "shop"), Exit.DONE, "vCPUs run, and a release needs 2 more")
    shop.faults.quota("vcpus", 3)
    try:
        told(
            shop.deployer("doctor", "shop"),
            Exit.REFUSED,
            "✗ shop     quota       2 of 3 vCPUs run, and a release needs 2 more",
            "request-service-quota-increase --service-code ec2 --quota-code L-1216C47A",
        )
        refused_before_the_freeze(shop, "VcpuLimitExceeded", "deployer doctor shop")
    finally:
        shop.faults.clear()


def test_quotas_that_may_not_be_read(adopted_shop: Shop) -> None:
    """Without the policy `doctor`: skipped, said why, and no failure."""
    shop = adopted_shop
    refuse = {"code": "AccessDeniedException", "status": 400, "times": 0}
    shop.faults.set("servicequotas:GetServiceQuota", "error", **refuse)
    try:
        said = shop.deployer("doctor", "shop")
    finally:
        shop.faults.clear()
    told(said, Exit.DONE, "- shop     quota       skipped because the quota cannot be read")


def test_target_groups(shop: Balanced) -> None:
    """Behind a load balancer each release makes one; and that is all it makes there."""
    faults, there = shop.sandbox.faults(), len(shop.elb.describe_target_groups()["TargetGroups"])
    faults.quota("target-groups", there)
    text = f"{there} of {there} target groups are there, and a release makes 1"
    doctor = shop.deployer("doctor", "shop")
    told(doctor, Exit.REFUSED, f"✗ shop     groups      {text}", "--service-code elasticloadb")
    before, witness = shop.resources(), Witness(shop)
    with witness.watching():
        done = shop.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    told(done, Exit.FAILED, "TooManyTargetGroups")
    assert not [one for one in done.events if one["type"].startswith("freeze-")]
    assert (witness.errors, witness.refused) == ([], 0)
    assert shop.resources() == before
    assert "lease=" not in shop.ledger()
    faults.clear()
    since = faults.requests()[-1]["seq"]
    shop.up("v1.5.0")
    asked = {one["action"] for one in faults.requests(since) if one["mutating"]}
    made = {"CreateImage", "CreateTags", "CreateTargetGroup"}
    assert {one for one in asked if one.startswith("Create")} == made
    assert not {"AllocateAddress", "AuthorizeSecurityGroupIngress"} & asked


def small_subnet(shop: Shop, place: int) -> str:
    """A subnet of 16 addresses, of which AWS keeps five, in the zone of live."""
    ec2, live = shop.aws("ec2"), live_instance(shop)
    vpc = ec2.describe_vpcs(VpcIds=[live["VpcId"]])["Vpcs"][0]["CidrBlock"]
    small = list(ipaddress.ip_network(vpc).subnets(new_prefix=28))[-place]
    made = ec2.create_subnet(
        VpcId=live["VpcId"],
        CidrBlock=str(small),
        AvailabilityZone=live["Placement"]["AvailabilityZone"],
    )
    return str(made["Subnet"]["SubnetId"])


@pytest.fixture
def full(adopted_shop: Shop) -> str:
    """A subnet without a free address."""
    ec2, subnet = adopted_shop.aws("ec2"), small_subnet(adopted_shop, 1)
    for _ in range(11):
        ec2.create_network_interface(SubnetId=subnet)
    return subnet


def test_addresses(adopted_shop: Shop, full: str) -> None:
    """A full subnet: by doctor; by `up` at its launch, before the freeze."""
    shop = adopted_shop
    shop.append(f'[instance]\nsubnets = ["{full}"]')
    told(
        shop.deployer("doctor", "shop"),
        Exit.REFUSED,
        f"✗ shop     addresses   no subnet has 1 free addresses: {full} 0",
        "instance.subnets",
    )
    refused_before_the_freeze(shop, "InsufficientFreeAddressesInSubnet")
