"""The Describe actions: ids, filters, pages and visibility, the same for every kind.

Sources: DescribeInstances, DescribeVolumes, DescribeNetworkInterfaces, DescribeImages,
DescribeSnapshots, DescribeAddresses; EC2 Developer Guide, "Eventual consistency".
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from moto.core.responses import ActionResult

from deployer.sandbox.aws.api.filters import Filters, select
from deployer.sandbox.aws.api.ids import ADDRESS, find_all, unknown
from deployer.sandbox.aws.api.paging import cut, read_page
from deployer.sandbox.aws.ec2.listed_kinds import (
    ADDRESSES,
    IMAGES,
    INSTANCES,
    INTERFACES,
    SNAPSHOTS,
    STATUSES,
    VOLUMES,
    ListedKind,
)
from deployer.sandbox.aws.state.base import Ec2Base

MANY = 1000
"""From this number of resources on a list is cached while a client pages through it."""


def _named(kind: ListedKind, filters: Filters, known: Mapping[str, Any]) -> Iterable[Any]:
    """The resources that a filter on ids names; all resources where there is no such filter."""
    for name, values in filters:
        if name == kind.id_filter and not any(sign in one for one in values for sign in "*?\\"):
            return [known[one] for one in dict.fromkeys(values) if one in known]
    return known.values()


class DescribeActions(Ec2Base):
    """Describe* of the kinds that a clean-up reads."""

    def describe_instances(self) -> ActionResult:
        """Paged by instance; each page groups its instances by reservation."""
        found, token = self._list(INSTANCES, self.region_books.instances)
        return ActionResult({"Reservations": self._reservations(found), "NextToken": token})

    def describe_instance_status(self) -> ActionResult:
        """Running instances only, unless all are requested."""
        found, token = self._list(STATUSES, self.region_books.instances)
        if not self._get_param("IncludeAllInstances", False):
            found = [instance for instance in found if instance.state == "running"]
        return ActionResult({"InstanceStatuses": found, "NextToken": token})

    def describe_volumes(self) -> ActionResult:
        """All volumes of the account."""
        found, token = self._list(VOLUMES, self.ec2_backend.volumes)
        return ActionResult({"Volumes": found, "NextToken": token})

    def describe_network_interfaces(self) -> ActionResult:
        """All interfaces of the account."""
        found, token = self._list(INTERFACES, self.ec2_backend.enis)
        return ActionResult({"NetworkInterfaces": found, "NextToken": token})

    def describe_snapshots(self) -> ActionResult:
        """Snapshots of the requested owners; all belong to this account."""
        found, token = self._list(SNAPSHOTS, self._owned(self.ec2_backend.snapshots, "OwnerIds"))
        return ActionResult({"Snapshots": found, "NextToken": token})

    def describe_images(self) -> ActionResult:
        """Images of the requested owners; all belong to this account."""
        found, token = self._list(IMAGES, self._owned(self.ec2_backend.amis, "Owners"))
        return ActionResult({"Images": found, "NextToken": token})

    def describe_addresses(self) -> ActionResult:
        """Elastic IPs; AWS does not page them."""
        known = {address.allocation_id: address for address in self.ec2_backend.addresses}
        wanted = self.ids("AllocationIds")
        found = find_all(ADDRESS, wanted, known) if wanted else list(known.values())
        filters = self.filters()
        self.error_on_dryrun()
        found = [a for a in found if self.cloud.is_visible(a.allocation_id)]
        return ActionResult({"Addresses": select(found, filters, ADDRESSES.filters)})

    def _list(self, kind: ListedKind, known: Mapping[str, Any]) -> tuple[list[Any], str | None]:
        wanted = self.ids(kind.ids_parameter)
        page = read_page(
            self._get_param("MaxResults"), self._get_param("NextToken"), wanted, kind.ids_name
        )
        filters = self.filters()
        if wanted:
            chosen = select(self._by_id(kind, wanted, known), filters, kind.filters)
            self.error_on_dryrun()
            return chosen, None
        chosen = self._matching(kind, filters, known)
        self.error_on_dryrun()
        return cut(chosen, page, self._order, kind.words.name)

    def _order(self, thing: Any) -> int:
        return self.cloud.births.order(thing.id)

    def _matching(self, kind: ListedKind, filters: Filters, known: Mapping[str, Any]) -> list[Any]:
        """The resources that match the filters, in order of creation."""

        def make() -> list[Any]:
            found = self._visible(_named(kind, filters, known))
            return sorted(select(found, filters, kind.filters), key=self._order)

        if self.cloud.faults.lag > 0 or len(known) < MANY:
            return make()
        books = self.region_books.backend
        asked = (kind.words.name, id(kind), books.account_id, books.region_name)
        return self.cloud.listings.get((*asked, json.dumps(filters)), make)

    def _by_id(self, kind: ListedKind, wanted: list[str], known: Mapping[str, Any]) -> list[Any]:
        found = find_all(kind.words, wanted, known)
        hidden = [thing.id for thing in found if not self.cloud.is_visible(thing.id)]
        if hidden:
            raise unknown(kind.words, hidden)
        return found

    def _visible(self, things: Iterable[Any]) -> list[Any]:
        return [thing for thing in things if self.cloud.is_visible(thing.id)]

    def _owned(self, known: dict[str, Any], parameter: str) -> dict[str, Any]:
        owners = self.ids(parameter)
        if not owners or "self" in owners or self.current_account in owners:
            return known
        return {}

    def _reservations(self, instances: list[Any]) -> list[Any]:
        """Copies of the reservations, reduced to these instances."""
        wanted = {instance.id for instance in instances}
        shown = []
        for reservation in self._reservations_of(instances):
            part = copy.copy(reservation)
            part.instances = [i for i in reservation.instances if i.id in wanted]
            shown.append(part)
        return shown

    def _reservations_of(self, instances: list[Any]) -> list[Any]:
        ids = dict.fromkeys(instance.reservation_id for instance in instances)
        return [self.ec2_backend.reservations[one] for one in ids]
