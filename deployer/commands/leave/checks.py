"""What must be true before a service leaves: it serves now, and would serve after a reboot.

Everything is asked before anything is changed; each refusal says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from deployer.checks import refusals
from deployer.checks.live_units import gate_of, is_accepted
from deployer.checks.service_state import NOT_OURS, ServiceState, refuse_gaps
from deployer.ports import Ports
from deployer.provisioning.smoke_runner import smoke_all
from reconciler.errors import Refused, SmokeFailed
from reconciler.gc.verdict import Role
from reconciler.machine.gate_placement import BootState, boot_state
from reconciler.machine.shell import read_from
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live
from reconciler.model.resource import INSTANCE, RDS, TARGET_GROUP, Resource
from reconciler.util.concurrency import side_by_side


def refuse_unsettled(ports: Ports, seen: ServiceState, ledger: Ledger) -> Live:
    """The live deploy, unless something is under way, unfinished or moved. Raises Refused."""
    name, plan = ports.managed.name, seen.service_plan
    if ledger.lease is not None:
        raise refusals.held(plan, ledger.lease, f"deployer leave {name}")
    live = ledger.live
    if live is None:
        raise Refused(
            f"nobody of {name} is live: there is nothing to leave with",
            cure=f"To see what is left     deployer status {name}",
        )
    refuse_gaps(seen.inventory)
    if plan.notes:
        raise refusals.moved(plan)
    unfinished = [repair for repair in plan.repairs if not repair.units_only]
    if unfinished or plan.readdress:
        why = f"{unfinished[0].deploy}: {unfinished[0].why}" if unfinished else "live has moved"
        raise Refused(
            f"a release of {name} is not finished ({why})",
            cure=f"To finish it            reconciler sweep --service {name}",
        )
    _refuse_old_groups(seen)
    return live


def _refuse_old_groups(seen: ServiceState) -> None:
    """Once live's group is nobody's, its listener is not changed any more: theirs would stay."""
    for verdict in seen.service_plan.verdicts:
        group = verdict.resource
        strange = verdict.reason in NOT_OURS or verdict.role is Role.LIVE
        if group.kind != TARGET_GROUP or group.held or strange:
            continue
        service = seen.service_plan.service
        raise Refused(
            f"{group.id} of {group.deploy} stands beside live's ({verdict.text}): after leaving "
            "no sweep could take it out of the listener",
            cure=f"Once its requests have ended   reconciler sweep --service {service}\n"
            f"To see what keeps it     reconciler explain {group.id}",
        )


def resources_of(seen: ServiceState, deploy: DeployId) -> tuple[Resource, ...]:
    """What is proved to be the deploy's, databases included. Raises Refused for RDS resources."""
    found = tuple(
        verdict.resource
        for verdict in seen.service_plan.verdicts
        if verdict.deploy == deploy and verdict.reason not in NOT_OURS
    )
    rds = next((one for one in found if one.kind in RDS), None)
    if rds is not None:
        raise Refused(
            f"{rds.id} of {deploy} is in RDS, and `leave` takes no tags off there",
            cure=f"Remove its deploy-* tags by hand, then   deployer leave {deploy.service}",
        )
    return found


def machines_in(resources: Sequence[Resource], live: Live) -> tuple[Resource, ...]:
    """Its machines, which must all run. Raises Refused."""
    machines = tuple(one for one in resources if one.kind == INSTANCE)
    asleep = next((one for one in machines if one.state != "running"), None)
    if asleep is not None or len(machines) < len(live.at):
        there = f"{asleep.id} is {asleep.state}" if asleep else f"{len(machines)} machines are seen"
        raise Refused(
            f"{live.id} should serve on {len(live.at)}: {there}",
            cure=f"To see how it stands    deployer status {live.id.service}",
        )
    return machines


def refuse_no_boot(ports: Ports, machines: Sequence[Resource], accepted: frozenset[str]) -> None:
    """Raise Refused where a machine would not serve, or would do another's work, after a reboot."""
    gate = gate_of(ports)
    states = side_by_side(
        machines,
        lambda one: read_from(
            lambda: ports.managed.reach.shell(one), lambda shell: boot_state(shell, gate)
        ),
    )
    for machine, state in zip(machines, states, strict=True):
        _refuse_state(ports.managed.name, machine.id, state, accepted)


def _refuse_state(service: str, machine: str, state: BootState, accepted: frozenset[str]) -> None:
    if state.shut:
        raise Refused(
            f"the gate is closed on {machine}: its units do not start at a boot",
            cure=f"To see how it stands    deployer status {service}",
        )
    asleep = next((one for one in state.asleep if not is_accepted(one[0], accepted)), None)
    if asleep is not None:
        raise Refused(
            f"{asleep[0]} is {asleep[1]} on {machine}: after a reboot nothing would start it",
            cure=(
                f"On {machine}            sudo systemctl enable {asleep[0]}\n"
                f"If that is as it should be   deployer leave {service} --despite {asleep[0]}"
            ),
        )
    other = next((one for one in state.others if not is_accepted(one, accepted)), None)
    if other is not None:
        raise Refused(
            f"{other} of another service is on {machine}, and only the gate keeps it from starting",
            cure=(
                f"Remove its unit file on {machine}, then again   deployer leave {service}\n"
                f"If it is to start there      deployer leave {service} --despite {other}"
            ),
        )


def refuse_no_smoke(ports: Ports, live: Live, machines: Sequence[Resource]) -> str:
    """What was checked on live. Raises Refused if it does not pass: nothing has been changed."""
    try:
        return smoke_all(ports, live.at, machines, time.sleep)
    except SmokeFailed as error:
        raise Refused(
            f"{live.id} does not pass its own smoke checks: {error.message}; nothing was changed",
            detail=error.detail,
            cure=f"Correct the service, or [[smoke]] in services/{ports.managed.name}.toml",
        ) from error
