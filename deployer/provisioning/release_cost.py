"""What a release costs while it runs, and what stays for a rollback afterwards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deployer.compute import Disk
from reconciler.config.service import Service
from reconciler.cost import estimate
from reconciler.cost.estimate import Sum
from reconciler.cost.price_list import Prices
from reconciler.model.resource import INSTANCE, SNAPSHOT, VOLUME, BillingTerms, Resource
from reconciler.util import humanize
from reconciler.util.duration import format_duration


@dataclass(frozen=True)
class NewMachines:
    """The machines of one release: all of one type, each with these disks.

    `imaged`: whether an image is made for it, whose snapshots are paid for.
    """

    type: str
    disks: tuple[Disk, ...]
    public: bool
    count: int = 1
    platform: str = ""
    imaged: bool = True


@dataclass(frozen=True)
class KeptRelease:
    """What is live now, as it stays for a rollback; `whole`: nothing of it was left unread."""

    resources: tuple[Resource, ...] = ()
    whole: bool = True

    @property
    def exists(self) -> bool:
        """Whether there is a machine of it."""
        return any(one.kind == INSTANCE for one in self.resources)

    def now(self, prices: Prices) -> Sum:
        """What it costs as it is."""
        return self._marked(_sum(self.resources, prices))

    def parked(self, prices: Prices) -> Sum:
        """What is left of it when its machines stand still."""
        return self._marked(_sum([_halted(one) for one in self.resources], prices))

    def _marked(self, cost: Sum) -> Sum:
        return cost if self.whole else cost.plus(Sum(resources=1, unknown=1))


def cost_lines(
    service: Service, fleet: NewMachines, prices: Prices, live: KeptRelease
) -> tuple[str, ...]:
    """The release itself; then, where there is one, what live becomes. Unknown is never 0."""
    running = _sum(_machines(service, fleet), prices)
    what = f"{fleet.count} × {fleet.type}, {', '.join(map(_disk, fleet.disks)) or 'no disk known'}"
    new = f"the new release: {_dollars(running)} ({what})"
    if not live.exists:
        return (new,)
    return (
        new,
        f"live beside it, until it is parked: {_dollars(live.now(prices))}",
        f"for rollback: {_kept(service, live, prices)}",
    )


def hourly_cost(service: Service, fleet: NewMachines, prices: Prices) -> float | None:
    """$/h of the release itself; None where a price is not known."""
    return _known(_sum(_machines(service, fleet), prices))


def kept_costs(
    service: Service, live: KeptRelease, prices: Prices
) -> tuple[float | None, float | None]:
    """$/h of a release that is kept for rollback, now and once it is parked; None: not known."""
    if not live.exists:
        return None, None
    parked = _known(live.parked(prices)) if service.park == "stop" else None
    return _known(live.now(prices)), parked


def _halted(resource: Resource) -> Resource:
    """What is left of it when the machine stands still: a lent address is gone."""
    if resource.kind != INSTANCE:
        return resource
    return replace(resource, state="stopped", public_ips=len(resource.elastic))


def _known(cost: Sum) -> float | None:
    return None if cost.unknown else float(cost.hourly)


def _kept(service: Service, live: KeptRelease, prices: Prices) -> str:
    """What becomes of the machines that are live now, by `park`, `park_after` and `keep`."""
    keep = f"keep = {service.keep}"
    if service.park == "terminate":
        return "nothing: the old machines go"
    now = _dollars(live.now(prices))
    if service.park == "run":
        return f"{now}, running on; {keep} previous releases"
    after = format_duration(service.park_after)
    return f"{now} for {after}, then {_dollars(live.parked(prices))}, halted; {keep}"


def _machines(service: Service, fleet: NewMachines) -> list[Resource]:
    machine = Resource(
        INSTANCE,
        "new",
        service.place,
        state="running",
        type=fleet.type,
        public_ips=int(fleet.public),
        billing=BillingTerms(platform=fleet.platform),
    )
    return [machine] * fleet.count + _disks(service, fleet)


def _disks(service: Service, fleet: NewMachines) -> list[Resource]:
    """The volumes of every machine, and the snapshots of the one image.

    A machine has a disk, also where it is not known which: then its price is not known.
    """
    volumes = _volumes(service, fleet.disks or (Disk("disk", 0),))
    image = [
        Resource(SNAPSHOT, one.device, service.place, size_gb=one.size_gb)
        for one in (fleet.disks if fleet.imaged else ())
    ]
    return volumes * fleet.count + image


def _volumes(service: Service, disks: Sequence[Disk]) -> list[Resource]:
    return [
        Resource(
            VOLUME,
            one.device,
            service.place,
            type=one.type,
            size_gb=one.size_gb,
            billing=BillingTerms(iops=one.iops or 0, throughput=one.throughput or 0),
        )
        for one in disks
    ]


def _sum(resources: Sequence[Resource], prices: Prices) -> Sum:
    return estimate.add(estimate.of(one, None, prices) for one in resources)


def _dollars(cost: Sum) -> str:
    if not cost.resources or cost.is_unknown:
        return "unknown"
    known = f"{humanize.money(cost.monthly)} a month ({humanize.hourly(cost.hourly)})"
    return f"unknown (at least {known})" if cost.unknown else known


def _disk(disk: Disk) -> str:
    return f"{disk.device} {disk.size_gb} GB {disk.type}".rstrip()
