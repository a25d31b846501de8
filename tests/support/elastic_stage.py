"""An Elastic IP on the strict API: live's machine has it, the new one and a stranger run."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.aws.elastic_ip_traffic import ElasticIpTraffic, elastic_ip
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE
from tests.support.aws_api import DEPLOY, HASTE, LEDGER, PLACE, Api, begun_now, pairs

LIVE = begun_now("aaaaa")
ADOPTED = {
    t.ID: str(LIVE),
    t.LEDGER: LEDGER,
    t.STATE: "live",
    t.HOLD: t.HELD_BY_ADOPTION,
    t.PART: t.part(INSTANCE, PLACE),
}
PUBLIC = [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}]


@dataclass
class ElasticStage:
    """What a person set up, and what a release launched. `holders`: who had it then."""

    api: Api
    live: str = field(init=False)
    new: str = field(init=False)
    stranger: str = field(init=False)
    holders: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        subnet, image = self.api.ec2.describe_subnets()["Subnets"][0], self.api.image()
        token = DEPLOY.client_token(subnet["AvailabilityZone"])
        born = {"SubnetId": subnet["SubnetId"], "ClientToken": token}
        (self.new,) = self.api.machines(image=image, **born)
        (self.live,) = self.api.machines(birth=None, image=image, NetworkInterfaces=PUBLIC)
        (self.stranger,) = self.api.machines(birth=None, image=image)
        self.api.ec2.create_tags(Resources=[self.live], Tags=pairs(ADOPTED))
        made = self.api.ec2.allocate_address(Domain="vpc")
        self.allocation, self.address = made["AllocationId"], made["PublicIp"]
        self.give(self.live)
        (route,) = self.traffic.read().routes
        self.holders = route.holders

    @property
    def traffic(self) -> ElasticIpTraffic:
        """The kind, as the registry builds it, in haste."""
        built = elastic_ip(self.api.aws, "shop", self.allocation)
        return ElasticIpTraffic(built.aws, "shop", built.allocation, built.address, HASTE)

    @property
    def holder(self) -> str:
        """Who has the address; '' for nobody."""
        (one,) = self.api.ec2.describe_addresses()["Addresses"]
        return str(one.get("InstanceId", ""))

    def give(self, machine: str) -> None:
        """A person moves it."""
        self.api.ec2.associate_address(AllocationId=self.allocation, InstanceId=machine)

    def take(self) -> None:
        """A person takes it away from everybody."""
        (one,) = self.api.ec2.describe_addresses()["Addresses"]
        self.api.ec2.disassociate_address(AssociationId=one["AssociationId"])
