"""What a release costs while it runs, and what stays for a rollback afterwards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployer.compute import Disk
from reconciler.config.service import Service
from reconciler.cost import estimate
from reconciler.cost.estimate import Sum
from reconciler.cost.price_list import Prices
from reconciler.model.resource import INSTANCE, SNAPSHOT, VOLUME, Resource
from reconciler.util import humanize
from reconciler.util.duration import format_duration


@dataclass(frozen=True)
class NewMachines:
    """The machines of one release: all of one type, each with these disks."""

    type: str
    disks: tuple[Disk, ...]
    public: bool
    count: int = 1


def cost_lines(service: Service, fleet: NewMachines, prices: Prices) -> tuple[str, ...]:
    """The release itself, then what live becomes. Raises nothing; unknown is never 0."""
    running = _sum(_machines(service, fleet), prices)
    kept = _sum(_disks(service, fleet), prices)
    what = f"{fleet.count} × {fleet.type}, {', '.join(map(_disk, fleet.disks)) or 'no disk known'}"
    return (
        f"the new release: {_dollars(running)} ({what})",
        f"live beside it, until it is parked: {_dollars(running)}",
        f"for rollback: {_kept(service, running, kept)}",
    )


def _kept(service: Service, running: Sum, kept: Sum) -> str:
    """What becomes of the machines that are live now, by `park`, `park_after` and `keep`."""
    keep = f"keep = {service.keep}"
    if service.park == "terminate":
        return "nothing: the old machines go"
    if service.park == "run":
        return f"{_dollars(running)} for each of {keep} previous releases, which run on"
    after = format_duration(service.park_after)
    return f"{_dollars(running)} for {after}, then {_dollars(kept)} for each of {keep}, halted"


def _machines(service: Service, fleet: NewMachines) -> list[Resource]:
    machine = Resource(
        INSTANCE,
        "new",
        service.place,
        state="running",
        type=fleet.type,
        public_ips=int(fleet.public),
    )
    return [machine] * fleet.count + _disks(service, fleet)


def _disks(service: Service, fleet: NewMachines) -> list[Resource]:
    """The volumes of every machine, and the snapshots of the one image."""
    volumes = [
        Resource(VOLUME, one.device, service.place, type=one.type, size_gb=one.size_gb)
        for one in fleet.disks
    ]
    image = [
        Resource(SNAPSHOT, one.device, service.place, size_gb=one.size_gb) for one in fleet.disks
    ]
    return volumes * fleet.count + image


def _sum(resources: Sequence[Resource], prices: Prices) -> Sum:
    return estimate.add(estimate.of(one, None, prices) for one in resources)


def _dollars(cost: Sum) -> str:
    if not cost.resources or cost.is_unknown:
        return "unknown"
    known = f"{humanize.money(cost.monthly)} a month ({humanize.hourly(cost.hourly)})"
    return f"unknown (at least {known})" if cost.unknown else known


def _disk(disk: Disk) -> str:
    return f"{disk.device} {disk.size_gb} GB {disk.type}".rstrip()
