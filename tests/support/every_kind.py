"""One thing of every kind that a deploy, or a hook of its configuration, may have made.

On the sandbox's AWS API, each born with the deploy's tags and under a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.resource import (
    ADDRESS,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    SNAPSHOT,
    TARGET_GROUP,
    TEMPLATE,
    VOLUME,
)
from reconciler.model.tags import LEASE, LISTENER, AccountRegion, BirthTags
from tests.support.aws_api import LEDGER, PLACE, Api, begun_now, pairs

ZONE = f"{PLACE.region}a"
ROUTE = f"arn:aws:elasticloadbalancing:{PLACE.region}:{PLACE.account}:listener/app/shop/a1/b2"
SERVER: dict[str, Any] = {
    "Engine": "postgres",
    "DBInstanceClass": "db.t3.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "shop",
    "MasterUserPassword": "correct-horse",
}


def born(
    suffix: str, ledger: str = LEDGER, service: str = "shop", place: AccountRegion = PLACE
) -> BirthTags:
    """Tags of a deploy that began this minute: what it makes must be of its own time."""
    return BirthTags(begun_now(suffix, service), ledger, place, "v1.5.0", "me@here")


@dataclass
class Maker:
    """Makes the things of one deploy; `ids` are theirs by kind."""

    api: Api
    birth: BirthTags
    base: str
    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that its deploy gives."""
        return self.birth.deploy.stem

    @property
    def every(self) -> set[str]:
        """All ids."""
        return {one for ids in self.ids.values() for one in ids}

    @property
    def rds(self) -> Any:
        """An RDS client."""
        return self.api.rds

    def all(self) -> Maker:
        """One of each, and a second group: the two name each other."""
        self.machine()
        return self.more()

    def more(self) -> Maker:
        """What the deployer itself makes none of."""
        self.address()
        self.groups()
        self.key_pair()
        self.template()
        self.server()
        self.snapshot()
        self.target_group()
        return self

    def machine(self) -> str:
        """Image, snapshot, instance, volume and interface, as `up` makes them."""
        (source,) = self.api.machines(birth=None, image=self.base)
        kinds = (IMAGE, SNAPSHOT)
        image = self.api.ec2.create_image(
            InstanceId=source,
            Name=self.birth.deploy.image_name,
            NoReboot=True,
            TagSpecifications=[self._spec(kind)[0] for kind in kinds],
        )["ImageId"]
        waiter = self.api.ec2.get_waiter("image_available")
        waiter.wait(ImageIds=[image], WaiterConfig={"Delay": 0.02, "MaxAttempts": 200})
        self.api.ec2.terminate_instances(InstanceIds=[source])
        (made,) = self.api.machines(
            birth=self.birth,
            image=image,
            ClientToken=self.birth.deploy.client_token(ZONE),
            Placement={"AvailabilityZone": ZONE},
        )
        shown = self.api.ec2.describe_instances(InstanceIds=[made])
        (one,) = shown["Reservations"][0]["Instances"]
        (described,) = self.api.ec2.describe_images(ImageIds=[image])["Images"]
        self.ids |= {
            INSTANCE: [made],
            VOLUME: [each["Ebs"]["VolumeId"] for each in one["BlockDeviceMappings"]],
            INTERFACE: [each["NetworkInterfaceId"] for each in one["NetworkInterfaces"]],
            IMAGE: [image],
            SNAPSHOT: [e["Ebs"]["SnapshotId"] for e in described["BlockDeviceMappings"]],
        }
        return made

    def address(self) -> str:
        """An elastic IP, on the deploy's machine if it has one."""
        ec2 = self.api.ec2
        made = ec2.allocate_address(Domain="vpc", TagSpecifications=self._spec(ADDRESS))
        if INSTANCE in self.ids:
            ec2.associate_address(
                AllocationId=made["AllocationId"], InstanceId=self.ids[INSTANCE][0]
            )
        return self._note(ADDRESS, made["AllocationId"])

    def groups(self) -> list[str]:
        """Two security groups that name each other."""
        one, two = (self.group(name) for name in (self.name, f"{self.name}-2"))
        self.let_in(one, two)
        self.let_in(two, one)
        return [one, two]

    def group(self, name: str) -> str:
        """A security group."""
        (vpc,) = self.api.ec2.describe_vpcs()["Vpcs"]
        made = self.api.ec2.create_security_group(
            GroupName=name,
            Description="x",
            VpcId=vpc["VpcId"],
            TagSpecifications=self._spec(GROUP),
        )
        return self._note(GROUP, made["GroupId"])

    def let_in(self, group: str, other: str) -> None:
        """A rule of `group` that names `other`."""
        pair = [{"GroupId": other}]
        rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": pair}
        self.api.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def key_pair(self, name: str = "") -> str:
        """A key pair."""
        made = self.api.ec2.create_key_pair(
            KeyName=name or self.name, KeyType="ed25519", TagSpecifications=self._spec(KEY_PAIR)
        )
        return self._note(KEY_PAIR, made["KeyPairId"])

    def template(self, name: str = "", **data: Any) -> str:
        """A launch template that names the deploy's image and groups, or `data`."""
        made = self.api.ec2.create_launch_template(
            LaunchTemplateName=name or self.name,
            LaunchTemplateData=data
            or {
                "ImageId": self.ids.get(IMAGE, [self.base])[0],
                "SecurityGroupIds": self.ids.get(GROUP, []),
            },
            TagSpecifications=self._spec(TEMPLATE),
        )
        return self._note(TEMPLATE, made["LaunchTemplate"]["LaunchTemplateId"])

    def server(self, name: str = "", **more: Any) -> str:
        """An RDS instance."""
        name = name or self.birth.deploy.rds_identifier
        tags = pairs(self.birth.of(RDS_INSTANCE))
        self.rds.create_db_instance(DBInstanceIdentifier=name, **SERVER, Tags=tags, **more)
        return self._note(RDS_INSTANCE, f"db:{name}")

    def snapshot(self, name: str = "") -> str:
        """A snapshot of the deploy's RDS instance."""
        name = name or self.name
        self.rds.create_db_snapshot(
            DBInstanceIdentifier=self.birth.deploy.rds_identifier,
            DBSnapshotIdentifier=name,
            Tags=pairs(self.birth.of(RDS_SNAPSHOT)),
        )
        return self._note(RDS_SNAPSHOT, f"snapshot:{name}")

    def target_group(self, name: str = "") -> str:
        """A target group that no listener names, with the machine in it if there is one."""
        (vpc,) = self.api.ec2.describe_vpcs()["Vpcs"]
        route = {LEASE: str(self.birth.deploy), LISTENER: ROUTE}
        made = self.api.elbv2.create_target_group(
            Name=name or self.birth.deploy.target_group_name(ROUTE),
            Protocol="HTTP",
            Port=8080,
            VpcId=vpc["VpcId"],
            Tags=pairs({**self.birth.of(TARGET_GROUP), **route}),
        )["TargetGroups"][0]["TargetGroupArn"]
        targets = [{"Id": one} for one in self.ids.get(INSTANCE, [])]
        if targets:
            self.api.elbv2.register_targets(TargetGroupArn=made, Targets=targets)
        return self._note(TARGET_GROUP, made.split(":", maxsplit=5)[-1])

    def disk(self) -> str:
        """A volume on no machine."""
        zone = f"{self.birth.place.region}a"
        made = self.api.ec2.create_volume(
            AvailabilityZone=zone, Size=1, TagSpecifications=self._spec(VOLUME)
        )
        return self._note(VOLUME, made["VolumeId"])

    def interface(self) -> str:
        """A network interface on no machine."""
        subnet = self.api.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        made = self.api.ec2.create_network_interface(
            SubnetId=subnet, TagSpecifications=self._spec(INTERFACE)
        )
        return self._note(INTERFACE, made["NetworkInterface"]["NetworkInterfaceId"])

    def _spec(self, kind: str) -> list[Any]:
        return [{"ResourceType": kind, "Tags": pairs(self.birth.of(kind))}]

    def _note(self, kind: str, id_: str) -> str:
        self.ids.setdefault(kind, []).append(id_)
        return id_


def tagged(api: Api, ids: Iterable[str], tags: dict[str, str]) -> None:
    """Tags copied onto things of EC2, by hand or by a tool."""
    api.ec2.create_tags(Resources=list(ids), Tags=pairs(tags))
