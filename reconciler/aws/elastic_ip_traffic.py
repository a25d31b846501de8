"""`Traffic` by an Elastic IP: one call moves it to the machine that is live (docs/elastic-ip.md).

The address belongs to whoever allocated it: it is never tagged and never released. AssociateAddress
compares nothing and has no token, so who holds the address is read right before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.client.retry import AWS_BACKOFF, throttled_or_unclear
from reconciler.aws.client.session import Aws
from reconciler.aws.elbv2.traffic import template_of
from reconciler.aws.kinds.instance import elastic_of
from reconciler.errors import CloudError, ConfigError, Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from reconciler.traffic.unprepared import Unprepared
from reconciler.util.backoff import Backoff

Raw = dict[str, Any]

SEEN = 30.0
"""Seconds until AWS must show a move that it has accepted."""


@dataclass(frozen=True)
class ElasticIpTraffic(Unprepared):
    """The traffic of one service through one Elastic IP."""

    aws: Aws
    service: str
    allocation: str
    address: str
    backoff: Backoff = field(default=AWS_BACKOFF)
    in_batch: bool = False
    by_address: bool = False
    steps: tuple[tuple[str, str], ...] = (
        ("health", "the new machine runs"),
        ("commit", "the ledger; then one call moves the Elastic IP to the new machine"),
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        """See `Traffic.addresses`."""
        return (self.address,)

    def read(self) -> TrafficReading:
        """See `Traffic.read`."""
        return TrafficReading((self._route(self._described()),))

    def check(self) -> tuple[str, ...]:
        """See `Traffic.check`. Tags that say that a template owns the address are told."""
        described = self._described()
        route = self._route(described)
        if route.odd:
            raise Refused(
                f"{route}: no release can move it",
                cure="associate it with the primary private address of the live machine first",
            )
        owner = template_of(tags_of(described))
        note = f"{route.name} belongs to {owner}: its next change moves the address back, unless "
        return (
            (f"{note}its association is not declared there (docs/elastic-ip.md)",) if owner else ()
        )

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.waiting`: what does not run. The smoke test has asked the rest.

        Whoever has an Elastic IP already would lose it for this one (AssociateAddress).
        """
        found = {one["InstanceId"]: one for one in self._machines(order.machines)}
        return tuple(filter(None, (self._lacks(one, found.get(one)) for one in order.machines)))

    def _lacks(self, machine: str, found: Raw | None) -> str:
        state = found["State"]["Name"] if found else "not there"
        if found is None or state != "running":
            return f"{machine} is {state}"
        other = [address for address in elastic_of(found) if address != self.address]
        return f"{machine} has the Elastic IP {other[0]}, and would lose it" if other else ""

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        """See `Traffic.takers`. Raises Refused for more than one machine."""
        if len(order.machines) != 1:
            raise Refused(
                f"{len(order.machines)} machines are to take over {self.address}: an Elastic IP "
                "leads to one alone",
                cure=f"instance.count = 1 in services/{self.service}.toml, or a load balancer",
            )
        return ((self.allocation, order.machines[0]),)

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        """See `Traffic.switch`. Waits until AWS itself says that the machine has the address."""
        self.backoff.retry(partial(self._move, group, holders), throttled_or_unclear)
        for _ in replace(self.backoff, deadline=min(self.backoff.deadline, SEEN)).attempts():
            if self._is_at(group, self._route(self._described())):
                return
        raise CloudError(f"{self.address} was moved to {group}, but {route} does not say so yet")

    def _move(self, machine: str, holders: Collection[str] | None) -> None:
        now = self._route(self._described())
        if self._is_at(machine, now):
            return
        if holders is not None:
            self._refuse_moved(now, holders)
        interface = _primary(self._machine(machine))
        with calling("ec2:AssociateAddress", mutating=True):
            self.aws.ec2_once.associate_address(
                AllocationId=self.allocation,
                NetworkInterfaceId=interface["NetworkInterfaceId"],
                AllowReassociation=True,
            )

    def _is_at(self, machine: str, route: TrafficRoute) -> bool:
        return not route.odd and [share.group for share in route.shares] == [machine]

    def _refuse_moved(self, route: TrafficRoute, holders: Collection[str]) -> None:
        """Who did not have it when the move was decided has it from a person (rule 11).

        Tags say nothing here: a copy of an adopted machine and a namesake's have such ones too. Nor
        does the machine: a person may have given it back to the one that had it then.
        """
        if route.odd or not set(route.holders) <= set(holders):
            whose = "" if route.odd else ", which was given it after the move was decided"
            raise Refused(f"{route}{whose}: the address is not moved")

    def _described(self) -> Raw:
        found = _addresses(self.aws, "allocation-id", [self.allocation])
        if not found:
            raise CloudError(
                f"{self.address} ({self.allocation}) does not exist any more: somebody released it",
                cure="Give the live machine another one, name it in "
                f"services/{self.service}.toml, then   deployer move {self.service}",
            )
        return found[0]

    def _route(self, described: Raw) -> TrafficRoute:
        """Where the address leads. Only the primary address of a machine is copied by a release."""
        interface, id_ = described.get("NetworkInterfaceId"), str(described.get("InstanceId") or "")
        route = TrafficRoute(self.allocation, address=self.address)
        if not interface:
            return _odd(route, "is associated with nothing")
        machine = next(iter(self._machines([id_])), None) if id_ else None
        if machine is None:
            return _odd(route, f"is associated with {interface}, which is no machine's")
        first = _primary(machine)
        held = (interface, described.get("PrivateIpAddress"))
        if held != (first["NetworkInterfaceId"], first["PrivateIpAddress"]):
            return _odd(route, f"is associated with a secondary address of {id_}")
        association = str(described.get("AssociationId") or "")
        share = Share(id_, 1, proved(machine), (id_,), association=association)
        return TrafficRoute(self.allocation, (share,), address=self.address)

    def _machine(self, id_: str) -> Raw:
        found = self._machines([id_])
        if not found or found[0]["State"]["Name"] != "running":
            raise CloudError(f"{id_} does not run: {self.address} is not moved to it")
        return found[0]

    def _machines(self, ids: Sequence[str]) -> list[Raw]:
        return list(instances(Reads(self.aws), ids))


def elastic_ip(aws: Aws, service: str, allocation: str) -> ElasticIpTraffic:
    """The traffic through a configured Elastic IP. Raises ConfigError, CloudError, AccessDenied."""
    found = _addresses(aws, "allocation-id", [allocation])
    if not found:
        raise ConfigError(
            f"there is no Elastic IP {allocation} in {aws.place}",
            cure=f"correct [traffic] allocation in services/{service}.toml",
        )
    return ElasticIpTraffic(aws, service, allocation, str(found[0]["PublicIp"]))


def elastic_ip_at(aws: Aws, service: str, record: str, at: Sequence[str]) -> ElasticIpTraffic:
    """The traffic through the Elastic IP that the record names. Raises as `elastic_ip`."""
    found = _addresses(aws, "public-ip", at) if len(at) == 1 else []
    if not found:
        raise ConfigError(
            f"{record} says {', '.join(at) or 'nothing'}: not one Elastic IP of {aws.place}",
            cure=f'name it in services/{service}.toml: [traffic] allocation = "eipalloc-…"\n'
            f"or point {record} to one",
        )
    return ElasticIpTraffic(aws, service, str(found[0]["AllocationId"]), at[0])


def _addresses(aws: Aws, name: str, values: Sequence[str]) -> list[Raw]:
    pages = Reads(aws).by_filter("describe_addresses", name, values)
    return [one for page in pages for one in page["Addresses"]]


def instances(reads: Reads, ids: Sequence[str]) -> Iterator[Raw]:
    """The machines of these ids that AWS knows."""
    for page in reads.by_filter("describe_instances", "instance-id", ids):
        for reservation in page["Reservations"]:
            yield from reservation["Instances"]


def _primary(machine: Raw) -> Raw:
    found: Sequence[Raw] = machine["NetworkInterfaces"]
    return next(one for one in found if one["Attachment"]["DeviceIndex"] == 0)


def proved(machine: Raw) -> Mapping[str, str]:
    """The tags of a machine that was born with them, or adopted; those of a copy prove nothing."""
    tags = tags_of(machine)
    deploy = DeployId.maybe(tags.get(t.ID))
    token, zone = machine.get("ClientToken", ""), machine["Placement"]["AvailabilityZone"]
    born = deploy is not None and deploy.owns_token(token, zone)
    return tags if born or tags.get(t.HOLD) == t.HELD_BY_ADOPTION else {}


def _odd(route: TrafficRoute, why: str) -> TrafficRoute:
    return TrafficRoute(route.arn, odd=why, address=route.address)
