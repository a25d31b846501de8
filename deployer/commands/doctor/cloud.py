"""Checks of what AWS would answer: permissions, tags, disks, the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deployer.aws.trials import AwsTrials
from deployer.commands.doctor.check import Found, Skipped
from deployer.commands.doctor.readings import ServiceReadings
from deployer.compute import ImageOrder, LaunchOrder
from deployer.provisioning.release_cost import KeptRelease, cost_lines
from deployer.release.inferred_settings import (
    Shape,
    client_addresses,
    new_machines,
    shape,
    volume_notes,
)
from reconciler.aws.iam.policy import deployer
from reconciler.aws.iam.scope import scope
from reconciler.config.loader import Settings
from reconciler.errors import AccessDenied, CloudError, ConfigError, Refused
from reconciler.model import tags as t
from reconciler.model.resource import IMAGE, INSTANCE, INTERFACE, SNAPSHOT, VOLUME
from reconciler.model.tags import BirthTags
from reconciler.util import humanize

_OF_GROUPS = {t.LEASE, t.LISTENER, t.DRAINED}
_LATE_SECONDS = 60
_REFUSED_SECONDS = 300
"""AWS refuses a signature that is five minutes off."""


def clock(readings: ServiceReadings) -> Found:
    """This computer's clock against AWS's Date header."""
    seconds = trials(readings).clock_offset().total_seconds()
    said = f"{humanize.span(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} AWS"
    if abs(seconds) >= _REFUSED_SECONDS:
        raise AccessDenied(
            f"the clock of this computer is {said}: AWS refuses such signatures",
            cure="timedatectl set-ntp true",
        )
    if abs(seconds) >= _LATE_SECONDS:
        warning = f"the clock of this computer is {said}"
        return Found(warnings=(warning,), cure="timedatectl set-ntp true")
    return Found(said if abs(seconds) >= 2 else "as AWS's")


def dry_run(readings: ServiceReadings) -> str:
    """CreateImage, RunInstances and CreateTags as a release would send them, with DryRun."""
    live, cloud = readings.live(), trials(readings)
    tags = _birth(readings)
    born = {kind: tags.of(kind) for kind in (INSTANCE, VOLUME, INTERFACE)}
    image = {kind: tags.of(kind) for kind in (IMAGE, SNAPSHOT)}
    said = readings.ports.service.instance
    cloud.try_image(ImageOrder(live.id, tags.deploy.image_name, image, said.no_reboot))
    cloud.try_label(live.id, {t.STATE: live.tags.get(t.STATE, "live")})
    order = _order(readings, shape_of(readings), born)
    try:
        cloud.try_launch(order)
    except CloudError as error:
        if error.code.startswith("InvalidAMIID"):
            raise Skipped(
                f"live's own image {order.image} is gone: RunInstances is not tried"
            ) from error
        if error.code.startswith(("Invalid", "Unsupported")):
            raise ConfigError(
                error.message,
                cure=f"correct [instance] in services/{readings.ports.service.name}.toml",
            ) from error
        raise
    return "CreateImage, CreateTags and RunInstances would be allowed"


def policy(readings: ServiceReadings) -> str:
    """Every permission of the deployer's policy, by IAM's simulation where that is allowed."""
    service = readings.ports.service
    if readings.settings is None:
        raise Skipped("no configuration was read")
    only: Settings = replace(readings.settings, services={service.name: service})
    address = readings.ports.managed.address
    document = deployer(scope(only, service.account, lambda _: address))
    try:
        denied = trials(readings).denied(document)
    except (CloudError, AccessDenied) as error:
        raise Skipped(f"the policy cannot be simulated: {error.message}") from error
    if denied:
        raise AccessDenied(
            f"IAM would deny {denied[0]}" + (f", and {len(denied) - 1} more" if denied[1:] else ""),
            cure="All that is needed   reconciler policy --for deployer",
            detail="\n".join(denied),
        )
    return "IAM allows every action of the deployer's policy"


def tags(readings: ServiceReadings) -> str:
    """Whether the live machine, adopted or not, has room for the tags that we write."""
    reading, ledger = readings.known()
    at = ledger.live.at if ledger.live else (reading.a.addresses if reading.a else ())
    said = []
    for machine in readings.ports.compute.find_instances_at(at):
        theirs = {key for key in machine.tags if not key.startswith("aws:")}
        wanted = theirs | ({*t.OWN, t.NAME} - _OF_GROUPS)
        if len(wanted) > t.TAGS_LIMIT:
            raise _full(machine.id, len(theirs), len(wanted - theirs))
        said.append(f"{machine.id} has {len(theirs)} of {t.TAGS_LIMIT}")
    return "; ".join(said)


def _full(machine: str, theirs: int, more: int) -> Refused:
    return Refused(
        f"{machine} has {theirs} tags, and we write {more} more: AWS takes {t.TAGS_LIMIT}",
        cure=f"aws ec2 delete-tags --resources {machine} --tags Key=…",
    )


def disks(readings: ServiceReadings) -> Found:
    """What is copied with each release, and what that costs."""
    wanted = shape_of(readings)
    service, prices = readings.ports.service, readings.ports.prices
    fleet = new_machines(service, wanted)
    listed = ", ".join(_disk_words(wanted)) or "none known"
    notes = volume_notes(service, readings.live(), prices)
    return Found(f"{listed}; {cost_lines(service, fleet, prices, KeptRelease())[0]}", notes)


def _disk_words(wanted: Shape) -> Sequence[str]:
    return [
        f"{one.device} {one.size_gb} GB{' encrypted' if one.encrypted else ''}"
        for one in wanted.disks
    ]


def trials(readings: ServiceReadings) -> AwsTrials:
    """The questions to AWS. Raises Skipped where there are none to ask."""
    if readings.trials is None:
        raise Skipped("no account is asked")
    return readings.trials


def shape_of(readings: ServiceReadings) -> Shape:
    """The properties of the new machines, as a release would infer them."""
    ports = readings.ports
    _, ledger = readings.known()
    return shape(ports.service, readings.live(), client_addresses(ports.managed, ledger))


def _birth(readings: ServiceReadings) -> BirthTags:
    """As a release that began now would write them."""
    managed = readings.ports.managed
    deploy = readings.start().deploy
    return BirthTags(deploy, str(managed.address), managed.home.place, "doctor", readings.ports.by)


def _order(
    readings: ServiceReadings, wanted: Shape, born: dict[str, dict[str, str]]
) -> LaunchOrder:
    live = readings.live()
    return LaunchOrder(
        token=readings.start().deploy.client_token(live.zone),
        image=live.image,
        count=readings.ports.service.instance.count,
        type=wanted.type,
        subnet=next(iter(wanted.subnets), live.subnet),
        groups=wanted.groups,
        profile=wanted.profile,
        key=wanted.key,
        disks=(),
        user_data="#cloud-config\n{}\n",
        tags=born,
        public_address=wanted.public,
    )
