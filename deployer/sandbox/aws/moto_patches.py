"""Patches to moto's own classes, where a subclass would not be called.

Lookups that moto does by scanning, for every resource of every answer, become direct: 10,000
instances are otherwise too slow.
"""

from __future__ import annotations

from functools import cache, partial, partialmethod
from typing import Any
from uuid import uuid4

import moto.core.responses as core_responses
import moto.route53.models as route53_models
from moto.core.utils import method_names_from_class
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.vpcs import VPCBackend

from deployer.sandbox.aws.api.errors import ec2_error
from deployer.sandbox.aws.api.tag_types import resource_type
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.public_addresses import elastic_at


def apply() -> None:
    """Patch moto; idempotent."""
    core: Any = core_responses
    core.method_names_from_class = cache(method_names_from_class)
    _set(InstanceBackend, "get_instance", _get_instance)
    _set(InstanceBackend, "get_instance_by_id", _get_instance_by_id)
    _set(InstanceBackend, "get_multi_instances_by_id", _get_instances_by_id)
    _set(NetworkInterfaceBackend, "get_network_interface", _get_interface)
    _set(NetworkInterface, "public_ip", property(_public_ip, _stand_at))
    _set(NetworkInterface, "check_auto_public_ip", _take_public_address)
    _set(NetworkInterface, "stop", _leave_public_address)
    _set(NetworkInterface, "association", property(partial(_association, _moto_association)))
    _set(TaggedEC2Resource, "get_tags", _get_tags)
    _set(VPCBackend, "create_vpc", partialmethod(_create_vpc, _moto_create_vpc))
    _set(VPCBackend, "create_default_vpc", _create_default_vpc)
    _set(Instance, "__del__", _leave_addresses_alone)
    # moto draws request ids from the random source of resource ids: ids would depend on requests.
    core.gen_amzn_requestid_long = _request_id
    names: Any = route53_models
    names.create_route53_zone_id = _zone_id


_moto_zone_id: Any = route53_models.create_route53_zone_id


def _zone_id(**given: Any) -> str:
    """As Route 53 makes them: other tools tell a zone's id from its name by the first letter."""
    return f"Z{_moto_zone_id(**given)[1:]}"


def _set(owner: type, name: str, function: Any) -> None:
    setattr(owner, name, function)


def _leave_addresses_alone(_: Any) -> None:
    """`termination` releases addresses when the machine is dead, not at garbage collection."""


def _request_id(headers: dict[str, Any]) -> str:
    headers["x-amzn-requestid"] = str(uuid4())
    return str(headers["x-amzn-requestid"])


def _get_instance(self: Any, instance_id: str) -> Any:
    found = _get_instance_by_id(self, instance_id)
    if found is None:
        raise InvalidInstanceIdError(instance_id)
    return found


def _get_instance_by_id(self: Any, instance_id: str) -> Any:
    return clouds.current().region(self).instances.get(instance_id)


def _get_instances_by_id(self: Any, instance_ids: list[str], filters: Any = None) -> list[Any]:
    known = clouds.current().region(self).instances
    unknown = [i for i in instance_ids if i not in known]
    if unknown:
        raise InvalidInstanceIdError(unknown)
    return [known[i] for i in instance_ids if known[i].applies(filters)]


def _get_interface(self: Any, eni_id: str) -> Any:
    eni = self.enis.get(eni_id)
    if eni is None:
        text = f"The networkInterface ID '{eni_id}' does not exist"
        raise ec2_error("InvalidNetworkInterfaceID.NotFound", text)
    return eni


def _public_ip(self: Any) -> str | None:
    address: str | None = self.__dict__.get("_public_ip")
    return address


def _stand_at(self: Any, address: str | None) -> None:
    """Report every change of an interface's public address (moto has many) to the pool."""
    before, self.__dict__["_public_ip"] = _public_ip(self), address
    if address != before:
        clouds.current().public.stand_at(self, before, address)


_moto_association: Any = vars(NetworkInterface)["association"].fget


def _association(made: Any, self: Any) -> dict[str, Any]:
    """An address that EC2 lends is owned by `amazon`, an Elastic IP by its account."""
    found: dict[str, Any] = made(self)
    if found and elastic_at(self.ec2_backend, self.public_ip) is None:
        found["ipOwnerId"] = "amazon"
    return found


def _take_public_address(self: Any) -> None:
    """Take a new address, where the launch requested one and no Elastic IP is associated.

    None with a second interface (EC2 User Guide, "Public IPv4 addresses").
    """
    if self.instance is not None and len(self.instance.nics) > 1:
        return
    if str(self.public_ip_auto_assign).lower() == "true" and not self.public_ip:
        self.public_ip = clouds.current().public.take()


def _leave_public_address(self: Any) -> None:
    """Release the address at a stop; an Elastic IP stays (EC2 User Guide, "Stop and start")."""
    if self.public_ip and elastic_at(self.ec2_backend, self.public_ip) is None:
        self.public_ip = None


def _get_tags(self: Any) -> list[dict[str, str]]:
    if not self.id or self.id not in self.ec2_backend.tags:
        return []
    kind = resource_type(self.id)
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
        for key, value in self.ec2_backend.tags[self.id].items()
    ]


_moto_create_vpc: Any = VPCBackend.create_vpc


def _create_vpc(self: Any, made: Any, *given: Any, **named: Any) -> Any:
    """Its default group lets its own members in (VPC User Guide, "Default security groups")."""
    vpc = made(self, *given, **named)
    group = self.get_security_group_from_name("default", vpc_id=vpc.id)
    self.authorize_security_group_ingress(
        group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}], vpc_id=vpc.id
    )
    return vpc


def _create_default_vpc(self: Any) -> Any:
    """moto's own, on the loopback range: an instance without a subnet needs a local address too."""
    network = clouds.current().options.network
    vpc = self.create_vpc(cidr_block=network, is_default=True)
    for zone in self.describe_availability_zones():
        self.create_default_subnet(zone.name)
    return vpc
