"""Network interfaces and Elastic IPs, with checks that they are not in use.

Sources: CreateNetworkInterface; DeleteNetworkInterface; ReleaseAddress (InvalidIPAddress.InUse
while associated).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.api.errors import bad_value, ec2_error, missing
from deployer.sandbox.aws.api.ids import ADDRESS, INTERFACE, SUBNET, check_form, find_all, unknown
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

    def release_address(self) -> ActionResult:
        """Refused while it is associated."""
        allocation_id = self._get_param("AllocationId")
        if not allocation_id:
            raise missing("AllocationId")
        check_form(ADDRESS, [allocation_id])
        backend = self.ec2_backend
        found = [a for a in backend.addresses if a.allocation_id == allocation_id]
        if not found:
            raise unknown(ADDRESS, [allocation_id])
        if found[0].association_id:
            text = f"Address {found[0].public_ip} is in use."
            raise ec2_error("InvalidIPAddress.InUse", text)
        self.error_on_dryrun()
        backend.addresses.remove(found[0])
        backend.tags.pop(allocation_id, None)
        self.cloud.public.give_back(found[0].public_ip)
        return EmptyResult()

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
