"""RunInstances: everything is checked before any create, and a partial launch is undone.

Sources: RunInstances; aws.md §1 (tags born in the call, ClientToken, MinCount/MaxCount).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import Reservation
from moto.ec2.utils import random_reservation_id

from deployer.sandbox.aws.launch.launch_spec import LaunchSpec, read_spec
from deployer.sandbox.aws.quotas import check_vcpus
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.client_tokens import check_token, fingerprint, remember, replayed
from deployer.sandbox.aws.state.cloud import AwsState, Region
from deployer.sandbox.aws.state.instance import SandboxInstance
from deployer.sandbox.aws.state.tags import put_tags
from deployer.sandbox.aws.state.termination import bury, forget_instance
from deployer.sandbox.machine_host import BootSpec


class LaunchActions(Ec2Base):
    """RunInstances."""

    def run_instances(self) -> ActionResult:
        """Launch, or answer a replay with the instances of its token."""
        region, params = self.region_books, dict(self._get_params())
        token = params.get("ClientToken") or ""
        check_token(token)
        scope, print_ = _scope(region, params), fingerprint(params)
        known = replayed(region, scope, token, print_) if token else None
        if known is not None:
            return ActionResult(known)
        spec = read_spec(self.cloud, region, params)
        self.error_on_dryrun()
        check_vcpus(self.cloud, region, spec.more["instance_type"], spec.count)
        reservation = launch(self.cloud, region, spec)
        if token:
            remember(region, scope, token, print_, reservation)
        return ActionResult(reservation)

    def _get_params(self) -> Any:
        params: Any = self.params  # type: ignore[attr-defined]
        return params.original_dict() if hasattr(params, "original_dict") else params


def _scope(region: Region, params: dict[str, Any]) -> str:
    """The scope of the token: zonal when a zone or subnet is given, else regional."""
    interfaces = params.get("NetworkInterfaces") or [{}]
    subnet_id = params.get("SubnetId") or interfaces[0].get("SubnetId")
    zone = (params.get("Placement") or {}).get("AvailabilityZone")
    for subnets in region.backend.subnets.values():
        if subnet_id in subnets:
            return str(subnets[subnet_id].availability_zone)
    return zone or "region"


def launch(cloud: AwsState, region: Region, spec: LaunchSpec) -> Reservation:
    """Create the instances and boot their machines: all of them, or none and an error."""
    reservation = Reservation(random_reservation_id(), owner_id=region.backend.account_id)
    region.backend.reservations[reservation.id] = reservation
    try:
        for index in range(spec.count):
            instance = _make(cloud, region, spec, index)
            instance.reservation_id = reservation.id
            reservation.instances.append(instance)
            _furnish(cloud, region, spec, instance)
        for made in reservation.instances:
            cloud.host.create(_boot_spec(spec, made))
    except BaseException:
        _undo(cloud, region, reservation)
        raise
    return reservation


def _make(cloud: AwsState, region: Region, spec: LaunchSpec, index: int) -> SandboxInstance:
    instance = SandboxInstance(  # type: ignore[abstract]  # CloudFormation's, unused
        region.backend,
        spec.image.id,
        spec.user_data,
        list(spec.groups),
        ami_launch_index=index,
        nics=spec.take_nics(cloud, region),
        region_name=region.backend.region_name,
        **spec.more,
    )
    region.instances[instance.id] = instance
    _, instance.pending_since = cloud.births.note(instance.id)
    instance.disable_api_termination = spec.protected
    instance.become("pending")
    return instance


def _furnish(cloud: AwsState, region: Region, spec: LaunchSpec, instance: Any) -> None:
    put_tags(region, instance.id, spec.tags.get("instance", {}))
    _make_volumes(cloud, region, spec, instance)
    _own_interfaces(cloud, region, spec, instance)
    if spec.profile:
        region.backend.associate_iam_instance_profile(instance.id, **spec.profile)


def _make_volumes(cloud: AwsState, region: Region, spec: LaunchSpec, instance: Any) -> None:
    for disk in spec.disks:
        volume = region.backend.create_volume(
            size=disk.size,
            zone_name=instance.placement.zone,
            snapshot_id=disk.snapshot_id,
            encrypted=disk.encrypted,
            kms_key_id=disk.key,
            volume_type=disk.volume_type,
            iops=disk.iops,
            throughput=disk.throughput,
        )
        cloud.births.note(volume.id)
        put_tags(region, volume.id, spec.tags.get("volume", {}))
        region.backend.attach_volume(
            volume.id, instance.id, disk.device, disk.delete_on_termination
        )


def _own_interfaces(cloud: AwsState, region: Region, spec: LaunchSpec, instance: Any) -> None:
    """Tag interfaces created here as the call says; delete them with the instance by default."""
    for index, interface in instance.nics.items():
        given = spec.nics[index] if index < len(spec.nics) else {}
        if given.get("NetworkInterfaceId"):
            interface.delete_on_termination = False
            continue
        interface.delete_on_termination = given.get("DeleteOnTermination", True) is not False
        cloud.births.note(interface.id)
        put_tags(region, interface.id, spec.tags.get("network-interface", {}))


def _boot_spec(spec: LaunchSpec, instance: Any) -> BootSpec:
    return BootSpec(
        instance_id=instance.id,
        image_id=spec.image.id,
        address=instance.private_ip,
        user_data=spec.user_data_bytes,
        authorized_keys=spec.authorized_keys,
    )


def _undo(cloud: AwsState, region: Region, reservation: Any) -> None:
    """Remove everything of a failed launch, at whatever stage it failed."""
    for instance in list(reservation.instances):
        cloud.host.terminate(instance.id)
        for block in instance.block_device_mapping.values():
            block.delete_on_termination = True
        bury(cloud, region, instance)
        forget_instance(region, instance)
    region.backend.reservations.pop(reservation.id, None)
