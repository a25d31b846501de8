"""Fleets of many machines, laid straight into the sandbox's backend.

Through the API 50,000 machines take minutes. So one is launched as anybody would, and the others
are copies of it: moto's own objects with ids, tags, volume and interface of their own. What is
asked of them later goes through the strict API like everything else.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.sandbox.aws import AwsServer
from deployer.sandbox.aws.moto_application import ec2_backend
from deployer.sandbox.aws.server import ACCOUNT
from deployer.sandbox.aws.state.cloud import Region
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_state import digest
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live, Previous, Via
from reconciler.model.tags import ID, STATE, UNITS, AccountRegion, BirthTags, Label
from reconciler.plan.standby import Standby, units_tag
from tests.fakes.paper_host import PaperHost

REGION = "eu-west-1"
REGIONS = (REGION, "us-east-1", "eu-central-1", "us-west-2")
"""Where a fleet of several regions is: each has some of the services."""
ZONE = f"{REGION}a"
PLACE = AccountRegion(ACCOUNT, REGION)
ZONE_NAME = "example.com"
SERVICES = 10
PER_RESERVATION = 20
KINDS = ("instance", "volume", "network-interface")
OBEYED = digest(ActivationGate(("fleet",)))
"""What a finished machine of `tests.bench.company` carries: there is nothing to tell it."""

_AT = {Label.LIVE: Standby.SERVING, Label.FAILED: Standby.SERVING, Label.RETIRED: Standby.DRAINED}
"""A previous machine runs on, and serves nobody: with `park = "run"` that is all."""

BORN = datetime(2026, 11, 20, 3, 15, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Fleet:
    """So many machines of ten services, each with a volume and an interface.

    A fifth of what is not garbage belongs to the previous deploys. `garbage` machines are of
    releases of the first service that died.
    """

    machines: int
    garbage: int = 0

    @property
    def resources(self) -> int:
        """Machines, volumes and interfaces."""
        return self.machines * len(KINDS)

    @property
    def rows(self) -> int:
        """Rows of the tag index that a full sweep has to read.

        Two a resource, and of a machine what units it has obeyed.
        """
        return 2 * self.resources + self.machines


def services() -> tuple[str, ...]:
    """The services' names."""
    return tuple(f"fleet-{number}" for number in range(SERVICES))


def services_in(regions: int) -> dict[str, tuple[str, ...]]:
    """The services of each of so many regions, in turn."""
    return {REGIONS[n]: services()[n::regions] for n in range(regions)}


def deploy_of(service: str, hours: int) -> DeployId:
    """The deploy that was born so many hours before the live one."""
    return DeployId(service, BORN - timedelta(hours=hours), "7kq2m")


def ledger_of(service: str) -> Ledger:
    """The live deploy and one before it. The record names two of the machines, as balancers."""
    live = Live(deploy_of(service, 0), ("192.0.2.1", "192.0.2.2"), via=Via.PRIVATE)
    before = Previous(deploy_of(service, 24), BORN, count=2, via=Via.PRIVATE)
    return Ledger(gen=7, live=live, previous=(before,))


@dataclass(frozen=True)
class _Mould:
    """What every machine of the fleet is a copy of."""

    instance: Any
    volume: Any
    interface: Any
    reservation: Any


@dataclass(frozen=True)
class Ground:
    """Where fleets are laid: beside the machine `mould_id`, which was launched through the API."""

    server: AwsServer
    host: PaperHost
    zone_id: str
    mould_id: str
    region: str = REGION
    services: tuple[str, ...] = services()

    @property
    def place(self) -> AccountRegion:
        """Its region, in the one account."""
        return AccountRegion(ACCOUNT, self.region)

    @property
    def zone(self) -> str:
        """The availability zone of all machines."""
        return f"{self.region}a"


def lay(ground: Ground, fleet: Fleet, first: int = 0) -> None:
    """Put a fleet there; its machines are numbered from `first` on."""
    server = ground.server
    with server.cloud.lock:
        region = server.cloud.region(ec2_backend(ACCOUNT, ground.region))
        mould = _mould(region, ground.mould_id)
        reservation = mould.reservation
        for number, (deploy, label) in enumerate(_deploys(fleet, ground.services), first):
            if (number - first) % PER_RESERVATION == 0:
                reservation = _reservation(region, mould, number)
            ledger = f"{ground.zone_id}/{deploy.service}._deploy.{ZONE_NAME}"
            birth = BirthTags(deploy, ledger, ground.place, "v1.4.0", "bench")
            tags = {kind: {**birth.of(kind), STATE: label.value} for kind in KINDS}
            tags["instance"][UNITS] = units_tag(OBEYED, _AT[label])
            instance = _copy(server, region, mould, number, tags)
            instance.client_token = deploy.client_token(ground.zone)
            instance.reservation_id = reservation.id
            reservation.instances.append(instance)
            ground.host.machines[instance.id] = "up"
        server.cloud.listings.changed()


def _deploys(fleet: Fleet, names: Sequence[str]) -> Iterator[tuple[DeployId, Label]]:
    """The deploy and label of each machine, one after the other."""
    for number in range(fleet.machines):
        service = names[number % len(names)]
        if number < fleet.garbage:
            yield deploy_of(names[0], 1 + number // 1000), Label.FAILED
        elif number % 5 == 0:
            yield deploy_of(service, 24), Label.RETIRED
        else:
            yield deploy_of(service, 0), Label.LIVE


def _born(tags: Mapping[str, str]) -> datetime:
    """When the deploy of these tags was born, as moto writes times."""
    return DeployId.parse(tags[ID]).born.replace(tzinfo=None)


def _mould(region: Region, mould_id: str) -> _Mould:
    instance = region.instances[mould_id]
    block = next(iter(instance.block_device_mapping.values()))
    return _Mould(
        instance,
        region.backend.volumes[block.volume_id],
        instance.nics[0],
        region.backend.reservations[instance.reservation_id],
    )


def _reservation(region: Region, mould: _Mould, number: int) -> Any:
    made = copy.copy(mould.reservation)
    made.id = f"r-{number:017x}"
    made.instances = []
    region.backend.reservations[made.id] = made
    return made


def _copy(
    server: AwsServer,
    region: Region,
    mould: _Mould,
    number: int,
    tags: Mapping[str, dict[str, str]],
) -> Any:
    instance = copy.copy(mould.instance)
    instance.id = f"i-{number:017x}"
    volume, interface = copy.copy(mould.volume), copy.copy(mould.interface)
    volume.id, interface.id = f"vol-{number:017x}", f"eni-{number:017x}"
    volume.create_time = _born(tags[KINDS[1]])
    volume.attachment = copy.copy(mould.volume.attachment)
    volume.attachment.volume, volume.attachment.instance = volume, instance
    instance.block_device_mapping = copy.copy(mould.instance.block_device_mapping)
    for device, block in mould.instance.block_device_mapping.items():
        instance.block_device_mapping[device] = copy.copy(block)
        instance.block_device_mapping[device].volume_id = volume.id
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    interface.instance = instance
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
    instance.nics = {0: interface}
    region.instances[instance.id] = instance
    region.backend.volumes[volume.id] = volume
    region.backend.enis[interface.id] = interface
    for resource, kind in ((instance, KINDS[0]), (volume, KINDS[1]), (interface, KINDS[2])):
        server.cloud.births.note(resource.id)
        region.backend.tags[resource.id] = dict(tags[kind])
    return instance
