"""An organisation of many account-regions, one service in each: its configuration and its things.

All ledgers are in one zone of the hub account, so that a reading of them has to be shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.aws.client.session import Aws
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_state import digest
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, LedgerHome, Live, Via
from reconciler.model.ledger_codec import encode
from reconciler.model.tags import STATE, UNITS, AccountRegion, BirthTags, Label
from tests.support.aws_api import pairs
from tests.support.service_text import service_text

HUB = "123456789012"
REGIONS = ("eu-west-1", "us-east-1")
ZONE_NAME = "example.com"
OBEYED = digest(ActivationGate(("fleet",)))


@dataclass(frozen=True)
class Member:
    """One account in one region with its service and that one's live deploy."""

    number: int
    place: AccountRegion
    deploy: DeployId

    @property
    def name(self) -> str:
        """The service's name."""
        return self.deploy.service

    @property
    def at(self) -> tuple[str, ...]:
        """Its address."""
        return (f"10.{self.number // 250}.{self.number % 250}.7",)


def members(count: int) -> tuple[Member, ...]:
    """So many account-regions, two regions an account; all went live this very second."""
    return tuple(
        _member(number, AccountRegion(f"{200000000000 + number // 2}", REGIONS[number % 2]))
        for number in range(count)
    )


def hub_member(number: int) -> Member:
    """One in the account that sweeps."""
    return _member(number, AccountRegion(HUB, REGIONS[0]))


def _member(number: int, place: AccountRegion) -> Member:
    now = datetime.now(UTC).replace(microsecond=0)  # things of it are proved by their day
    return Member(number, place, DeployId(f"s{number:04d}", now, "7kq2m"))


def configure(folder: Path, every: Sequence[Member], more: str = "") -> Path:
    """Write the configuration; `more` goes into reconciler.toml."""
    (folder / "services").mkdir(parents=True, exist_ok=True)
    accounts = sorted({one.place.account for one in every})
    roles = "\n".join(f'{one} = "{role_of(one)}"' for one in accounts)
    reach = "[reach]\nmachines = false\ndatabases = false\n"
    (folder / "reconciler.toml").write_text(f"{more}\n{reach}[roles]\n{roles}\n")
    for one in every:
        record, hub = f"{one.name}.{ZONE_NAME}", f'zone_account = "{HUB}"'
        text = service_text(record, one.place, "fleet", hub)
        (folder / "services" / f"{one.name}.toml").write_text(text)
    return folder


def role_of(account: str) -> str:
    """The role to assume in a member account."""
    return f"arn:aws:iam::{account}:role/reconciler"


def make_zone(every: Sequence[Member]) -> str:
    """The zone with every ledger and every record; its id."""
    client = Aws(AccountRegion(HUB, REGIONS[0])).route53_once
    made = client.create_hosted_zone(Name=ZONE_NAME, CallerReference="organisation")
    zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    changes = [change for one in every for change in _records(one)]
    for start in range(0, len(changes), 400):
        batch: Any = {"Changes": changes[start : start + 400]}
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    return zone


def spoil_ledger(one: Member, zone: str) -> None:
    """Put a ledger of a version that nobody knows in the place of the service's."""
    _change_ledger(zone, one, ledger_text(one), SPOILED)


def mend_ledger(one: Member, zone: str) -> None:
    """Undo `spoil_ledger`."""
    _change_ledger(zone, one, SPOILED, ledger_text(one))


SPOILED = '"v=9 gen=1"'


def _change_ledger(zone: str, one: Member, old: str, new: str) -> None:
    name = f"{one.name}._deploy.{ZONE_NAME}"
    delete = {**_create(name, "TXT", old), "Action": "DELETE"}
    batch: Any = {"Changes": [delete, _create(name, "TXT", new)]}
    client = Aws(AccountRegion(HUB, REGIONS[0])).route53_once
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def ledger_text(one: Member) -> str:
    """The ledger of the service: its live deploy and its home."""
    home = LedgerHome(f"{one.name}.{ZONE_NAME}", one.place.account, one.place.region)
    return encode(Ledger(gen=1, live=Live(one.deploy, one.at, via=Via.PRIVATE), home=home))


def _records(one: Member) -> Iterator[dict[str, Any]]:
    name = f"{one.name}.{ZONE_NAME}"
    yield _create(f"{one.name}._deploy.{ZONE_NAME}", "TXT", ledger_text(one))
    yield _create(name, "A", *one.at)


def _create(name: str, kind: str, *values: str) -> dict[str, Any]:
    records = [{"Value": value} for value in values]
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": records}
    return {"Action": "CREATE", "ResourceRecordSet": record}


def tags_of(one: Member, zone: str, kind: str, deploy: DeployId, label: Label) -> dict[str, str]:
    """The tags of a thing of this service."""
    ledger = f"{zone}/{one.name}._deploy.{ZONE_NAME}"
    tags = BirthTags(deploy, ledger, one.place, "v1.4.0", "scale").of(kind)
    return {**tags, STATE: label.value, **({UNITS: OBEYED} if kind == "instance" else {})}


def add_disks(one: Member, zone: str, count: int, *, dead: bool = False) -> list[str]:
    """Disks of the live deploy, or of one that died before it."""
    born = one.deploy.born - timedelta(minutes=30)
    deploy = DeployId(one.name, born, "zzzzz") if dead else one.deploy
    label = Label.FAILED if dead else Label.LIVE
    specification: Any = [
        {
            "ResourceType": "volume",
            "Tags": pairs(tags_of(one, zone, "volume", deploy, label)),
        }
    ]
    client = Aws(one.place, role=role_of(one.place.account)).ec2_once
    return [
        client.create_volume(
            AvailabilityZone=f"{one.place.region}a", Size=1, TagSpecifications=specification
        )["VolumeId"]
        for _ in range(count)
    ]


def add_machines(one: Member, zone: str, image: str) -> None:
    """The live deploy's machines: three, each with a disk and an interface, and one disk more."""
    specifications: Any = [
        {"ResourceType": kind, "Tags": pairs(tags_of(one, zone, kind, one.deploy, Label.LIVE))}
        for kind in ("instance", "volume", "network-interface")
    ]
    client = Aws(one.place, role=role_of(one.place.account)).ec2_once
    client.run_instances(
        ImageId=image,
        MinCount=3,
        MaxCount=3,
        ClientToken=one.deploy.client_token(f"{one.place.region}a"),
        TagSpecifications=specifications,
    )
    add_disks(one, zone, 1)
