"""Infers omitted settings from the live machine, each value with its origin. Pure.

`plan` prints these values and `launch` uses them: one function, so that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer.compute import Disk, InstanceFacts
from deployer.provisioning.release_cost import NewMachines
from deployer.release.context import ReleaseContext
from reconciler.config.service import Service
from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.errors import ConfigError
from reconciler.model.ledger import Ledger
from reconciler.model.resource import VOLUME, Resource
from reconciler.model.tags import BirthTags
from reconciler.ports.service import ManagedService
from reconciler.util.humanize import money

MONTH = 720
"""Hours, as in every other price of a month here."""


@dataclass(frozen=True)
class Inferred:
    """One value of the launch and its origin."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True)
class Shape:
    """The properties of the new machines."""

    type: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str
    key: str
    disks: tuple[Disk, ...]
    public: bool
    origins: tuple[Inferred, ...]
    platform: str = ""


def birth_tags(run: ReleaseContext) -> BirthTags:
    """The tags that every resource of this deploy gets in its create call."""
    managed = run.ports.managed
    return BirthTags(
        deploy=run.deploy,
        ledger=str(managed.address),
        place=managed.home.place,
        release=run.release,
        by=run.ports.by,
        host_key=run.created.host_key.public.tag_value,
    )


def client_addresses(managed: ManagedService, ledger: Ledger) -> tuple[str, ...]:
    """The addresses at which clients reach live: those that traffic moves, or live's own."""
    return managed.traffic.addresses or ledger.live_addresses


def shape(service: Service, live: InstanceFacts | None, at: tuple[str, ...]) -> Shape:
    """The new machines' properties: as configured, else as the live machine, else refused.

    `at` are the addresses at which clients reach live (`client_addresses`). Raises ConfigError
    where a first release omits a setting that cannot be copied.
    """
    said = service.instance
    file = f"services/{service.name}.toml"
    found: list[Inferred] = []

    def pick(name: str, configured: str, copied: str) -> str:
        origin = file if configured else f"as {live.id}" if live else "nowhere"
        found.append(Inferred(name, configured or copied, origin))
        return configured or copied

    machine_type = pick("type", said.type or "", live.type if live else "")
    if not machine_type:
        raise ConfigError(
            f"{file}: instance.type is needed where there is no live machine to copy",
            cure=f'type = "t3.small" (or another) below [instance] in {file}',
        )
    subnets = pick("subnets", ",".join(said.subnets), live.subnet if live else "")
    groups = pick("groups", ",".join(said.groups), ",".join(live.groups) if live else "")
    profile = pick("profile", said.profile or "", live.profile if live else "")
    key = pick("key", said.key or "", live.key if live else "")
    public = _public(service, live, at, found)
    return Shape(
        machine_type,
        tuple(one for one in subnets.split(",") if one),
        tuple(one for one in groups.split(",") if one),
        profile,
        key,
        tuple(one for one in live.disks if one.device not in skipped(service, live))
        if live
        else (),
        public,
        tuple(found),
        live.platform if live else "",
    )


def skipped(service: Service, live: InstanceFacts) -> tuple[str, ...]:
    """The devices of live that a clone does not get. Raises ConfigError for one it cannot lack."""
    said = service.instance.volumes
    devices = {disk.device for disk in live.disks}
    wrong = next((one for one in said if one not in devices or one == live.root), None)
    if wrong is not None:
        others = ", ".join(sorted(devices - {live.root})) or "none beside its root"
        raise ConfigError(
            f"instance.volumes names {wrong}: {live.id} can be cloned without {others}",
            cure=f"correct instance.volumes in services/{service.name}.toml",
        )
    return tuple(device for device, word in sorted(said.items()) if word == "skip")


def volume_notes(service: Service, live: InstanceFacts | None, prices: Prices) -> tuple[str, ...]:
    """Volumes of live beside its root that nobody has decided about: each release copies them."""
    if live is None or service.instance.image_from == "base":
        return ()
    left_out = skipped(service, live)
    return tuple(
        f"{disk.device} of {live.id} ({disk.size_gb} GB, {_monthly(service, disk, prices)}) is "
        "copied with each release, for each machine; if it need not be: "
        f'[instance.volumes] "{disk.device}" = "skip" ("copy" says that it is meant)'
        for disk in live.disks
        if disk.device != live.root and disk.device not in {*left_out, *service.instance.volumes}
        if live.root
    )


def _monthly(service: Service, disk: Disk, prices: Prices) -> str:
    volume = Resource(VOLUME, "", service.place, {}, type=disk.type, size_gb=float(disk.size_gb))
    dollars = estimate.hourly(volume, prices)
    return "price unknown" if dollars is None else f"{money(dollars * MONTH)} a month"


def new_machines(service: Service, wanted: Shape) -> NewMachines:
    """The machines as their costs are counted."""
    return NewMachines(
        wanted.type,
        wanted.disks,
        wanted.public,
        service.instance.count,
        wanted.platform,
        imaged=service.instance.image_from != "base",
    )


def _public(
    service: Service, live: InstanceFacts | None, at: tuple[str, ...], found: list[Inferred]
) -> bool:
    """Whether the record gets the machines' public addresses: as configured, else as live."""
    said = service.instance.address
    if said != "auto":
        public, origin = said == "public", f"services/{service.name}.toml"
    else:
        public = bool(live and live.private_address not in at)
        origin = f"as the record holds {live.id}" if live else "default"
    found.append(Inferred("address", "public" if public else "private", origin))
    return public
