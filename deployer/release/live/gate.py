"""Prepares live for imaging: checks that it knows its own id, and installs the activation gate.

The first clone boots from a copy of live's disk. A gate that is installed after the image is taken
cannot keep the clone from acting.
"""

from __future__ import annotations

from contextlib import closing

from deployer.compute import InstanceFacts
from deployer.ports import Ports
from deployer.release.context import ReleaseContext, ReleaseInputs
from reconciler.errors import Refused, ToolError, refusal_for
from reconciler.machine.gate_placement import Identity, identity, place_open
from reconciler.machine.shell import Shell, read_from
from reconciler.model.resource import INSTANCE
from reconciler.plan.service_plan import ServicePlan

# AWS's closed list: "Instances built on the Xen hypervisor" (EC2 user guide, instance types).
_XEN = frozenset(
    (
        *("t1", "t2", "m1", "m2", "m3", "m4", "c1", "c3", "c4", "cc1", "cc2", "cr1", "r3", "r4"),
        *("x1", "x1e", "d2", "h1", "hi1", "hs1", "i2", "i3", "f1", "g2", "g3", "g3s", "p2", "p3"),
        "cg1",
    )
)


def refuse_nameless(
    run: ReleaseInputs, live: InstanceFacts | None, service_plan: ServicePlan
) -> None:
    """Refuse before any create if a machine could not know its own instance id.

    Checked at each release: a change of live's instance type changes its firmware.
    """
    wanted = run.ports.service.instance.type or (live.type if live else "")
    if _is_xen(wanted):
        raise _nameless(run, f"{wanted} runs on Xen")
    if live is None or run.ports.service.instance.image_from == "base" or _is_accepted(run, live):
        return
    told = _asked(run, live, service_plan)
    if told.firmware != live.id:
        said = f"says {told.firmware}" if told.firmware else "says none"
        raise _nameless(run, f"the firmware of {live.id} ({live.type}) {said}")
    if told.claimed:
        raise Refused(
            f"cloud-init takes {live.id} for {told.claimed}: it would not notice a clone either, "
            "which would keep live's host keys",
            cure=f"remove manual_cache_clean from /etc/cloud on {live.id}, then: cloud-init clean",
        )


def place_on_live(run: ReleaseContext, live: InstanceFacts) -> None:
    """Install the gate on the machine that is about to be copied; its units are not changed."""
    if _is_accepted(run, live):
        run.note("image", f"no gate was placed on {live.id}: it was not to be asked")
        return
    seen = run.held.ledger.live
    with closing(connect_live(run.ports, run.start.service_plan, live)) as shell:
        place_open(shell, run.gate, run.held.generation, str(seen.id) if seen else "")


def _is_accepted(run: ReleaseInputs, live: InstanceFacts) -> bool:
    """A hanging machine may be the reason for the release; the check on the clone still runs."""
    return live.id in run.options.despite


def _asked(run: ReleaseInputs, live: InstanceFacts, service_plan: ServicePlan) -> Identity:
    try:
        return read_from(lambda: connect_live(run.ports, service_plan, live), identity)
    except ToolError as error:
        service = run.ports.service.name
        raise refusal_for(error)(
            f"{live.id}, the live machine of {service}, could not be asked who it is: "
            f"{error.message}",
            detail=error.detail,
            cure=f"{error.cure}\n"
            f"To rely on an earlier release's gate   deployer up {service} --despite {live.id}",
        ) from error


def connect_live(ports: Ports, service_plan: ServicePlan, live: InstanceFacts) -> Shell:
    """A session on the live machine; its host key is pinned from its tag."""
    machine = next(
        verdict.resource
        for verdict in service_plan.verdicts
        if verdict.resource.kind == INSTANCE and verdict.resource.id == live.id
    )
    return ports.managed.reach.shell(machine)


def _is_xen(instance_type: str) -> bool:
    family, _, size = instance_type.partition(".")
    return family in _XEN and size != "metal"


def _nameless(run: ReleaseInputs, why: str) -> Refused:
    return Refused(
        f"a machine of {run.ports.service.name} could not know its own instance id: {why}, where "
        "the board's asset tag does not carry it; a clone could take itself for production",
        cure="change to an instance type on Nitro (t3, m5, c5, ... and newer), then release",
    )
