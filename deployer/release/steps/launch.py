"""Launch: one RunInstances call for all machines, with all tags in it."""

from __future__ import annotations

from deployer.compute import InstanceFacts, LaunchOrder
from deployer.provisioning.release_cost import cost_lines, hourly_cost
from deployer.provisioning.user_data import user_data
from deployer.release.context import ReleaseContext
from deployer.release.inferred_settings import (
    Shape,
    birth_tags,
    client_addresses,
    new_machines,
    shape,
)
from deployer.release.live.kept_release import kept_release
from reconciler.errors import CloudError, CloudUnclear, ConfigError, ToolError
from reconciler.model.resource import INSTANCE, INTERFACE, VOLUME
from reconciler.util.backoff import Backoff
from reconciler.util.humanize import span
from reconciler.util.signals import held_back

KEY_REFUSED = "Client.InternalError"
NO_ROOM = ("InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet")
"""Another subnet may have what this one lacks."""
QUOTA = "VcpuLimitExceeded"


def launch(run: ReleaseContext) -> str:
    """Launch all machines or none, in the first subnet with room; wait until they run."""
    at = client_addresses(run.ports.managed, run.start.reading.ledger)
    wanted = shape(run.ports.service, run.created.source, at)
    run.created.public = wanted.public
    _say_costs(run, wanted)
    _in_a_subnet(run, wanted)
    _wait(run)
    service = run.ports.service
    gated = ", ".join((*service.app.units, *service.app.jobs))
    return f"{len(run.created.launched)} × {wanted.type}; masked until tested: {gated}"


def _say_costs(run: ReleaseContext, wanted: Shape) -> None:
    """What the release will cost, and what of live is kept for a rollback, before it does."""
    service, prices = run.ports.service, run.ports.prices
    fleet = new_machines(service, wanted)
    run.created.per_hour = hourly_cost(service, fleet, prices)
    start = run.start
    run.created.kept = kept_release(run.ports, start.service_plan, start.reading.ledger)
    new, *rest = cost_lines(service, fleet, prices, run.created.kept)
    run.note("launch", new)
    if rest:
        run.note("launch", rest[-1])


def _in_a_subnet(run: ReleaseContext, wanted: Shape) -> None:
    """Try the subnets in turn. Each zone has its own token: idempotency is zonal (aws.md §1)."""
    if not wanted.subnets:
        raise ConfigError(
            "instance.subnets is needed where there is no live machine to copy",
            cure='subnets = ["subnet-…"] below [instance] in the file of the service',
        )
    for number, subnet in enumerate(wanted.subnets):
        order = _order(run, wanted, subnet)
        run.created.launch_order = order  # before the call: a lost reply is looked up by its token
        try:
            with held_back("RunInstances"):
                run.created.launched = run.ports.compute.launch(order)
            for machine in run.created.launched:
                run.tell_created(INSTANCE, machine, wanted.type)
            return
        except CloudUnclear:
            raise
        except ToolError as error:
            run.created.launch_order = None  # refused or denied: AWS says that nothing was created
            last = number == len(wanted.subnets) - 1
            code = getattr(error, "code", "")
            if code == QUOTA:
                raise _used_up(run, error) from error
            if code not in NO_ROOM or last:
                raise
            run.note("launch", f"no room in {subnet} ({code}), trying the next")


def _used_up(run: ReleaseContext, error: ToolError) -> CloudError:
    """AWS names a limit, and a page of the console that is no more."""
    return CloudError(
        error.message,
        code=QUOTA,
        cure=f"To see what is left, and how to ask for more   deployer doctor {run.deploy.service}",
    )


def _order(run: ReleaseContext, wanted: Shape, subnet: str) -> LaunchOrder:
    service = run.ports.service
    tags = birth_tags(run)
    return LaunchOrder(
        token=run.deploy.client_token(_zone_of(run, subnet)),
        image=run.created.image,
        count=service.instance.count,
        type=wanted.type,
        subnet=subnet,
        groups=wanted.groups,
        profile=wanted.profile,
        key=wanted.key,
        disks=wanted.disks,
        user_data=user_data(run.created.host_key, run.gate),
        tags={
            kind: {**service.instance.tags, **tags.of(kind)}
            for kind in (INSTANCE, VOLUME, INTERFACE)
        },
        public_address=wanted.public,
    )


def _zone_of(run: ReleaseContext, subnet: str) -> str:
    """A subnet's zone never changes: that of live's own says live's description."""
    live = run.created.source
    if live is not None and live.subnet == subnet and live.zone:
        return live.zone
    return run.ports.compute.zone_of(subnet)


def _wait(run: ReleaseContext) -> None:
    """Wait until every machine runs. If one terminates instead, report its StateReason."""
    limit = run.ports.service.limits.boot.total_seconds()
    found: tuple[InstanceFacts, ...] = ()
    for _ in run.looks(Backoff(first=0.1, longest=3.0, deadline=limit)):
        found = run.ports.compute.instances(run.created.launched)
        _refuse_ended(run, found)
        up = [one for one in found if _is_up(run, one)]
        run.progress("launch", "running", "machines")(len(up), len(run.created.launched))
        if len(up) == len(run.created.launched):
            run.created.facts = tuple(sorted(up, key=lambda one: one.id))
            return
    states = ", ".join(_said(run, one) for one in found) or "none is visible"
    raise CloudError(
        f"not every machine runs after {span(limit)}: {states}", cure="raise limits.boot"
    )


def _is_up(run: ReleaseContext, one: InstanceFacts) -> bool:
    """Running, with the kind of address that the record needs: a private one may be unreachable."""
    return one.state == "running" and (bool(one.public_address) or not run.created.public)


def _said(run: ReleaseContext, one: InstanceFacts) -> str:
    lacks = run.created.public and not one.public_address
    return f"{one.id} {one.state}{', no public address' if lacks else ''}"


def _no_key(run: ReleaseContext, one: InstanceFacts) -> CloudError:
    """EC2 could not use the key of a disk, and says no more than that."""
    disks = run.created.source.disks if run.created.source else ()
    keys = sorted({disk.key for disk in disks if disk.key})
    named = ", ".join(keys) or "the key of the image's snapshots (aws ec2 describe-snapshots)"
    return CloudError(
        f"{one.id} is {one.state}: {one.reason}. EC2 could not use the key of an encrypted disk: "
        f"{named}",
        cure="Let the key's policy, and your role, allow for it:\n"
        "kms:Decrypt, kms:DescribeKey, kms:GenerateDataKeyWithoutPlaintext, kms:ReEncrypt*, "
        "kms:CreateGrant\n"
        "and see that it is enabled   aws kms describe-key --key-id …",
    )


def _refuse_ended(run: ReleaseContext, found: tuple[InstanceFacts, ...]) -> None:
    for one in found:
        if one.state not in ("pending", "running"):
            run.held.verify()  # an abort explains it
            if KEY_REFUSED in one.reason:
                raise _no_key(run, one)
            raise CloudError(f"{one.id} is {one.state}: {one.reason or 'no reason given'}")
