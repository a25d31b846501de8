"""The effects of an instance's termination and of its final removal.

Sources: TerminateInstances; EC2 User Guide, "Terminate your instance" (DeleteOnTermination);
ec2-instance-lifecycle (an Elastic IP is disassociated, never released).
"""

from __future__ import annotations

from typing import Any

from deployer.sandbox.aws.state.cloud import AwsState, Region


def bury(cloud: AwsState, region: Region, instance: Any) -> None:
    """Delete or keep volumes and interfaces by their DeleteOnTermination; release addresses."""
    _release_elastic_addresses(region, instance)
    _drop_volumes(region, instance)
    _drop_interfaces(cloud, region, instance)


def _release_elastic_addresses(region: Region, instance: Any) -> None:
    for address in region.backend.addresses:
        if address.eni is not None and address.eni.instance is instance:
            region.backend.disassociate_address(address=address.public_ip)


def _drop_volumes(region: Region, instance: Any) -> None:
    for device, block in list(instance.block_device_mapping.items()):
        region.backend.detach_volume(block.volume_id, instance.id, device)
        if block.delete_on_termination:
            region.backend.delete_volume(block.volume_id)
            region.backend.tags.pop(block.volume_id, None)


def _drop_interfaces(cloud: AwsState, region: Region, instance: Any) -> None:
    for interface in list(instance.nics.values()):
        interface.public_ip = None
        instance.detach_eni(interface)
        if interface.delete_on_termination:
            drop_interface(cloud, region, interface)
    instance.nics = {}


def drop_interface(cloud: AwsState, region: Region, interface: Any) -> None:
    """Delete an interface and its tags, and release its addresses."""
    for address in region.backend.addresses:
        if address.eni is interface:
            region.backend.disassociate_address(address=address.public_ip)
    interface.public_ip = None
    region.backend.enis.pop(interface.id, None)
    region.backend.tags.pop(interface.id, None)
    for item in interface.private_ip_addresses:
        interface.subnet.del_subnet_ip(item["PrivateIpAddress"])
        cloud.addresses.discard(item["PrivateIpAddress"])


def forget_instance(region: Region, instance: Any) -> None:
    """Stop describing the instance; its client token stays used."""
    region.instances.pop(instance.id, None)
    region.terminated_at.pop(instance.id, None)
    region.backend.tags.pop(instance.id, None)
    reservation = region.backend.reservations[instance.reservation_id]
    reservation.instances.remove(instance)
    if not reservation.instances:
        del region.backend.reservations[reservation.id]
