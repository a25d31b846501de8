"""Several services in several accounts on the sandbox's API, and their configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.aws.client.session import Aws
from reconciler.config.loader import load
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import encode
from reconciler.model.tags import AccountRegion, BirthTags
from reconciler.ports.fleet import Fleet
from reconciler.wiring.fleet_builder import build_fleet
from tests.support.aws_api import PLACE, Api, begun_now, pairs
from tests.support.service_text import service_text

HERE, THERE = PLACE.account, "222233334444"
ROLE = f"arn:aws:iam::{THERE}:role/reconciler"
ROLES = f'[roles]\n{THERE} = "{ROLE}"\n'


class Estate:
    """A configuration of several services, and the accounts they are in."""

    def __init__(self, api: Api, home: Path) -> None:
        self.api = api
        self.home = home
        (home / "services").mkdir(parents=True)

    def service(
        self, name: str, account: str = HERE, region: str = "eu-west-1", more: str = ""
    ) -> None:
        """A configured service."""
        text = service_text(f"{name}.example.test", AccountRegion(account, region), name, more)
        (self.home / "services" / f"{name}.toml").write_text(text)

    def sweep(self, text: str) -> None:
        """Write reconciler.toml."""
        (self.home / "reconciler.toml").write_text(text)

    def aws(self, account: str, region: str = "eu-west-1") -> Aws:
        """Clients to prepare and look with."""
        return Aws(AccountRegion(account, region), role=ROLE if account == THERE else "")

    def zone(self, account: str, name: str = "example.test") -> str:
        """A hosted zone in that account; its id."""
        made = self.aws(account).route53_once.create_hosted_zone(Name=name, CallerReference=name)
        return made["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def build(self, *names: str) -> Fleet:
        """What a run would look at."""
        return build_fleet(load(self.home), names)

    def calls(self, action: str) -> int:
        """How often an action was asked for."""
        return sum(one["action"] == action for one in self.api.server.journal.since(0))

    def ledger(self, name: str, zone: str, account: str = HERE) -> str:
        """The ledger of a service that has never released; its address, as tags name it."""
        address = f"{name}._deploy.example.test"
        value = {"Value": encode(Ledger(gen=1))}
        record = {"Name": address, "Type": "TXT", "TTL": 60, "ResourceRecords": [value]}
        changes: Any = [{"Action": "CREATE", "ResourceRecordSet": record}]
        client = self.aws(account).route53_once
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        return f"{zone}/{address}"

    def disk(self, name: str, ledger: str, place: AccountRegion = PLACE) -> str:
        """A disk that a dead release of the service left there."""
        birth = BirthTags(begun_now("7kq2m", name), ledger, place, "v9", "me@here")
        tags: Any = [{"ResourceType": "volume", "Tags": pairs(birth.of("volume"))}]
        made = self.aws(place.account, place.region).ec2_once.create_volume(
            AvailabilityZone=f"{place.region}a", Size=1, TagSpecifications=tags
        )
        return made["VolumeId"]

    def disks(self, place: AccountRegion = PLACE) -> set[str]:
        """The disks that are there."""
        found = self.aws(place.account, place.region).ec2_once.describe_volumes()["Volumes"]
        return {one["VolumeId"] for one in found}
