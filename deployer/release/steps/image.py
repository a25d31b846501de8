"""Image: a copy of the live machine's disk, tagged in the create call."""

from __future__ import annotations

import time
from functools import partial

from deployer.checks import refusals
from deployer.compute import ImageFacts, ImageOrder, InstanceFacts
from deployer.ports import Ports
from deployer.release.context import ReleaseContext
from deployer.release.inferred_settings import birth_tags, skipped
from deployer.release.live.gate import connect_live, place_on_live
from deployer.release.live.image_hooks import ImageHooks, refuse_let_go
from reconciler.errors import CloudError, CloudUnclear, ToolError
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger
from reconciler.model.resource import IMAGE, INSTANCE, SNAPSHOT
from reconciler.plan.service_plan import ServicePlan
from reconciler.util.backoff import Backoff
from reconciler.util.humanize import span
from reconciler.util.secret import Reference
from reconciler.util.signals import held_back


def image(run: ReleaseContext) -> str:
    """Create the image of live, or use the configured one; wait until it can be launched."""
    service = run.ports.service
    live = live_machine(run.ports, run.start.reading.ledger, run.start.service_plan)
    run.created.source = live
    if live is None or service.instance.image_from == "base":
        run.created.image = _base(run)
        return f"{run.created.image}, the configured base"
    place_on_live(run, live)  # before any of its disk is copied
    tags = birth_tags(run)
    order = ImageOrder(
        instance=live.id,
        name=run.deploy.image_name,
        tags={kind: tags.of(kind) for kind in (IMAGE, SNAPSHOT)},
        no_reboot=service.instance.no_reboot,
        skip=skipped(service, live),
    )
    hooks = _hooks(run, live)
    try:
        # Inside: if the second of two lines fails, a file system frozen by the first is thawed.
        hooks.before()
        _create(run, order)
    finally:
        state = _let_go(run, hooks, live)
    refuse_let_go(service.name, state, service.image, reboots=not order.no_reboot)
    _wait(run)
    reboot = "no reboot" if order.no_reboot else "rebooted"
    return f"{run.created.image} of {live.id}, {reboot}"


def _let_go(run: ReleaseContext, hooks: ImageHooks, live: InstanceFacts) -> str:
    """Run `after`. If it fails, live may still be stopped: no undo may report that as clean."""
    try:
        return hooks.after()
    except ToolError as error:
        run.created.stopped = f"{live.id} may be stopped: {error.message}; {error.cure}"
        raise


def _base(run: ReleaseContext) -> str:
    """The configured image's id; an SSM parameter is resolved as late as possible."""
    said = run.ports.service.instance.image or ""
    if not said.startswith("ssm:"):
        return said
    return run.ports.resolve(Reference.parse(said)).reveal().strip()


def _create(run: ReleaseContext, order: ImageOrder) -> None:
    # Just before the call, so that a lost reply is looked up by its name; and not earlier: the undo
    # repeats the order, and CreateImage may reboot the live machine.
    run.created.image_order = order
    try:
        with held_back("CreateImage"):
            run.created.image = run.ports.compute.create_image(order)
        run.tell_created(IMAGE, run.created.image)
    except CloudUnclear:
        raise
    except ToolError:
        run.created.image_order = None  # refused or denied: AWS says that nothing was created
        raise


def live_machine(
    ports: Ports, ledger: Ledger, service_plan: ServicePlan | None = None
) -> InstanceFacts | None:
    """A running machine of the live deploy to clone; None for a first release.

    `service_plan` tells which machines are likely to be live's: it is found sooner.
    """
    if ledger.live is None:
        return None
    owned = service_plan.owned(ledger.live.id) if service_plan is not None else ()
    likely = [one.id for one in owned if one.kind == INSTANCE]
    found = ports.compute.find_instances_at(ledger.live.at, likely)
    # Two networks of an account may use the same private address: clone only live's own machine.
    own = [one for one in found if one.tags.get(t.ID) == str(ledger.live.id)]
    running = [one for one in own if one.state == "running"]
    if not running:
        raise refusals.nothing_to_clone(ports.service.name, ledger.live)
    return min(running, key=lambda machine: machine.id)


def _hooks(run: ReleaseContext, live: InstanceFacts) -> ImageHooks:
    """The configured commands on the live machine (flush, fsfreeze and its thaw)."""
    service = run.ports.service
    connect = partial(connect_live, run.ports, run.start.service_plan, live)
    return ImageHooks(run.deploy, service.image, service.limits.hook, service.limits.boot, connect)


def _wait(run: ReleaseContext) -> None:
    """Wait until the image is available; the limit is ours, and the error names the cause."""
    limit = run.ports.service.limits.image.total_seconds()
    found: ImageFacts | None = None
    for _ in run.looks(Backoff(first=0.1, longest=10.0, deadline=limit)):
        found = run.ports.compute.image(run.created.image)
        gone = run.created.image_seen.update(found.state if found else None, time.monotonic())
        if found is not None and found.state == "available":
            return
        if found is not None and found.state in ("pending", "transient"):
            run.progress("image", "pending", "%")(found.percent or 0, 100)
        elif run.created.image_seen.seen:
            _refuse_ended(run, found, gone=gone)
    state = found.state if found else "not visible"
    raise CloudError(
        f"the image {run.created.image} is still {state} after {span(limit)}",
        cure="raise limits.image; AWS says minutes, sometimes up to 24 hours for large volumes",
    )


def _refuse_ended(run: ReleaseContext, found: ImageFacts | None, *, gone: bool) -> None:
    """An image that failed or is gone never becomes available. Check first for an abort."""
    run.held.verify()
    if found is not None:
        why = found.reason or "no reason given"
        raise CloudError(f"the image {run.created.image} is {found.state}: {why}")
    if gone:
        raise CloudError(
            f"the image {run.created.image} was deregistered before it was available",
            cure="find out who did it (CloudTrail, DeregisterImage), then release again",
        )
