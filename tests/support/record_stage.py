"""An A record and its claim on the strict API: live's machine is in it, the others run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler.aws.route53.claimed_record import ClaimedRecord
from reconciler.aws.route53.record_traffic import ClaimedRecordTraffic
from reconciler.model import ledger as ledgers
from reconciler.model.ledger import Cutover, Ledger, Live
from reconciler.model.reading import LedgerAddress
from tests.fakes.route53 import NOW
from tests.support.aws_api import DEPLOY, HASTE, Api, pairs
from tests.support.elastic_stage import ADOPTED, LIVE

RECORD, ZONE = "shop.example.com", "example.com"
CLAIM = f"_deploy.{RECORD}"


@dataclass
class RecordStage:
    """What a person set up, and what a release launched; `ledger` is what its ledger says."""

    api: Api
    ledger: Ledger = field(init=False)
    zone_id: str = field(init=False)
    live: str = field(init=False)
    new: str = field(init=False)
    stranger: str = field(init=False)

    def __post_init__(self) -> None:
        subnet, image = self.api.ec2.describe_subnets()["Subnets"][0], self.api.image()
        token = DEPLOY.client_token(subnet["AvailabilityZone"])
        born = {"SubnetId": subnet["SubnetId"], "ClientToken": token}
        (self.new,) = self.api.machines(image=image, **born)
        (self.live,) = self.api.machines(birth=None, image=image)
        (self.stranger,) = self.api.machines(birth=None, image=image)
        self.api.ec2.create_tags(Resources=[self.live], Tags=pairs(ADOPTED))
        made = self.api.aws.route53_once.create_hosted_zone(Name=ZONE, CallerReference="record")
        self.zone_id = made["HostedZone"]["Id"].rpartition("/")[2]
        self.change(("CREATE", RECORD, "A", self.address(self.live)))
        live = Live(LIVE, (self.address(self.live),), (self.live,))
        leased = ledgers.next_generation(Ledger(gen=5), live=live)
        self.ledger = ledgers.acquire(leased, DEPLOY, NOW + timedelta(minutes=10))

    def commit(self) -> None:
        """The release's machine is live by the ledger."""
        if self.ledger.lease is not None:
            cut = Cutover(DEPLOY, (self.address(self.new),), LIVE, NOW)
            self.ledger = ledgers.commit(self.ledger, DEPLOY, cut)

    @property
    def traffic(self) -> ClaimedRecordTraffic:
        """The kind, in haste."""
        address = LedgerAddress.in_bucket("s3://company-ledgers/ledgers", "shop", RECORD)
        place = LedgerAddress("shop", self.zone_id, ZONE, RECORD)
        record = ClaimedRecord(self.api.aws, place, HASTE)
        return ClaimedRecordTraffic(self.api.aws, record, address, lambda: self.ledger)

    def address(self, machine: str) -> str:
        """Its private address."""
        found = self.api.ec2.describe_instances(InstanceIds=[machine])
        return str(found["Reservations"][0]["Instances"][0]["PrivateIpAddress"])

    def value(self, name: str = RECORD) -> str:
        """What the name's record says; '' for none."""
        listed = self.api.aws.route53.list_resource_record_sets(HostedZoneId=self.zone_id)
        sets = (one for one in listed["ResourceRecordSets"] if one["Name"] == f"{name}.")
        return next((one["ResourceRecords"][0]["Value"] for one in sets), "")

    def change(self, *changes: tuple[str, str, str, str], ttl: int = 60) -> None:
        """A person's change, or a late copy of ours: action, name, type, value; one batch."""
        batch: Any = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": f"{name}.",
                    "Type": kind,
                    "TTL": ttl,
                    "ResourceRecords": [{"Value": value}],
                },
            }
            for action, name, kind, value in changes
        ]
        self.api.aws.route53_once.change_resource_record_sets(
            HostedZoneId=self.zone_id, ChangeBatch={"Changes": batch}
        )

    def give(self, machine: str) -> None:
        """A person points the record to a machine."""
        self.change(("UPSERT", RECORD, "A", self.address(machine)))

    def spoil(self) -> None:
        """A person puts an IPv6 address beside it."""
        self.change(("CREATE", RECORD, "AAAA", "2001:db8::1"))
