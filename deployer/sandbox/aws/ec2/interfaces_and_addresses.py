"""Network interfaces and Elastic IPs, with checks that they are not in use.

Sources: CreateNetworkInterface; DeleteNetworkInterface; ReleaseAddress (InvalidIPAddress.InUse
while associated); AssociateAddress (reassociation is automatic unless it is false; idempotent; an
instance of several interfaces is refused); EC2 User Guide, "Elastic IP addresses" (whoever loses
one receives a new public address, if its launch requested one).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.utils import random_eip_association_id

from deployer.sandbox.aws.api.errors import bad_value, ec2_error, missing
from deployer.sandbox.aws.api.ids import ADDRESS, INSTANCE, INTERFACE, SUBNET, find_all
from deployer.sandbox.aws.launch.placement import free_address
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.tags import Tags, put_tags, read_born_tags
from deployer.sandbox.aws.state.termination import drop_interface


class NetworkActions(Ec2Base):
    """Interfaces and addresses; moto deletes them even while in use."""

    def create_network_interface(self) -> ActionResult:
        """An interface with a free address of its subnet, created with its tags."""
        tags = self._tags_for("network-interface")
        subnet = self._named_subnet(self._get_param("SubnetId"))
        given = self._get_param("PrivateIpAddress")
        if given in self.cloud.addresses:
            raise ec2_error("InvalidIPAddress.InUse", f"Address {given} is in use.")
        self.error_on_dryrun()
        address = given or free_address(self.cloud, self.region_books, subnet)
        made = self.ec2_backend.create_network_interface(
            subnet,
            address,
            group_ids=self._get_param("Groups", []),
            description=self._get_param("Description"),
        )
        self.cloud.addresses.add(address)
        self.cloud.births.note(made.id)
        put_tags(self.region_books, made.id, tags)
        return ActionResult({"NetworkInterface": made})

    def delete_network_interface(self) -> ActionResult:
        """Refused while an instance has it."""
        interface = self._named_interface()
        if interface.instance is not None:
            text = f"Network interface '{interface.id}' is currently in use."
            raise ec2_error("InvalidNetworkInterface.InUse", text)
        self.error_on_dryrun()
        drop_interface(self.cloud, self.region_books, interface)
        return EmptyResult()

    def modify_network_interface_attribute(self) -> ActionResult:
        """DeleteOnTermination of an attachment, which moto lacks; the rest is moto's."""
        attachment = self._get_param("Attachment") or {}
        if "DeleteOnTermination" not in attachment:
            answer: ActionResult = super().modify_network_interface_attribute()  # type: ignore[misc]
            return answer
        interface = self._named_interface()
        if interface.attachment_id != attachment.get("AttachmentId"):
            text = f"The attachment ID '{attachment.get('AttachmentId')}' does not exist"
            raise ec2_error("InvalidAttachmentID.NotFound", text)
        self.error_on_dryrun()
        interface.delete_on_termination = bool(attachment["DeleteOnTermination"])
        return EmptyResult()

    def allocate_address(self) -> ActionResult:
        """An Elastic IP, created with its tags."""
        tags = self._tags_for("elastic-ip")
        answer: Any = super().allocate_address()  # type: ignore[misc]
        allocation_id = answer.result["AllocationId"]
        self.cloud.births.note(allocation_id)
        self.ec2_backend.tags.pop(allocation_id, None)
        put_tags(self.region_books, allocation_id, tags)
        if not self._get_param("Address"):
            [made] = self.ec2_backend.address_by_allocation([allocation_id])
            # From the pool, where traffic can be forwarded, instead of moto's random address.
            answer.result["PublicIp"] = made.public_ip = self.cloud.public.take()
        return ActionResult(answer.result)

    def associate_address(self) -> ActionResult:
        """Give an Elastic IP to an interface, at once; that of another loses it."""
        [address] = find_all(ADDRESS, [self._allocation()], self._allocated())
        interface = self._addressed_interface()
        holder = address.eni
        if holder not in (None, interface) and self._get_param("AllowReassociation") is False:
            text = f"resource {address.allocation_id} is already associated"
            raise ec2_error("Resource.AlreadyAssociated", text)
        self.error_on_dryrun()
        if holder is not interface:
            if holder is not None:
                self.ec2_backend.disassociate_address(address=address.public_ip)
            address.eni, address.instance = interface, interface.instance
            address.association_id = random_eip_association_id()
            interface.public_ip = address.public_ip
        return ActionResult({"AssociationId": address.association_id})

    def release_address(self) -> ActionResult:
        """Refused while it is associated."""
        allocation_id, backend = self._allocation(), self.ec2_backend
        [found] = find_all(ADDRESS, [allocation_id], self._allocated())
        if found.association_id:
            text = f"Address {found.public_ip} is in use."
            raise ec2_error("InvalidIPAddress.InUse", text)
        self.error_on_dryrun()
        backend.addresses.remove(found)
        backend.tags.pop(allocation_id, None)
        self.cloud.public.give_back(found.public_ip)
        return EmptyResult()

    def _allocation(self) -> str:
        allocation_id: str | None = self._get_param("AllocationId")
        if not allocation_id:
            raise missing("AllocationId")
        return allocation_id

    def _allocated(self) -> dict[str, Any]:
        return {address.allocation_id: address for address in self.ec2_backend.addresses}

    def _addressed_interface(self) -> Any:
        """The interface that gets an Elastic IP: named, or the only one of an instance."""
        instance_id = self._get_param("InstanceId")
        if not instance_id:
            return self._named_interface()
        if self._get_param("NetworkInterfaceId"):
            text = "You may specify an instance or an interface, but not both"
            raise ec2_error("InvalidParameterCombination", text)
        [instance] = find_all(INSTANCE, [instance_id], self.region_books.instances)
        state = instance.instance_state.name
        if state not in ("running", "stopping", "stopped"):
            text = (
                f"The {state} instance '{instance_id}' is not in a valid state for this operation."
            )
            raise ec2_error("InvalidInstanceID", text)
        if len(instance.nics) > 1:
            text = f"There are multiple interfaces attached to instance '{instance_id}'."
            raise ec2_error("InvalidInstanceID", text)
        return instance.nics[0]

    def _named_interface(self) -> Any:
        eni_id = self._get_param("NetworkInterfaceId")
        if not eni_id:
            raise missing("networkInterfaceId")
        return find_all(INTERFACE, [eni_id], self.ec2_backend.enis)[0]

    def _named_subnet(self, subnet_id: str | None) -> Any:
        if not subnet_id:
            raise bad_value("A subnet is needed")
        known = {k: v for group in self.ec2_backend.subnets.values() for k, v in group.items()}
        return find_all(SUBNET, [subnet_id], known)[0]

    def _tags_for(self, kind: str) -> Tags:
        given = self._get_param("TagSpecifications", []) or []
        return read_born_tags(given, frozenset({kind})).get(kind, {})
