"""`deployer pause` and `resume`: a person takes the lease, for a while, and gives it back.

A pause is an acquire and an end of the ledger, with the step `paused`, so every rule about leases
holds for it as it is: releases and rollbacks are refused, a sweep does nothing that could be
undone, and once its time is over the next sweep ends it like the lease of a dead process.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployer.checks import refusals
from deployer.checks.lease.pause import PAUSED, tag_of
from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.errors import ConfigError, Refused, SwapLost, ToolError
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Lease, Ledger
from reconciler.model.reading import Reading
from reconciler.ports.journal.operation import operation_id
from reconciler.util.duration import format_duration

LONGEST = timedelta(days=7)


@dataclass(frozen=True)
class Pause:
    """A pause that stands. `untold`: why its reason could not be written down; '' if it was."""

    id: DeployId
    until: datetime
    untold: str = ""


def pause(ports: Ports, length: timedelta, reason: str) -> Pause:
    """Take the lease for `length`. Raises Refused, ConfigError, CloudError."""
    if not timedelta(0) < length <= LONGEST:
        longest = format_duration(LONGEST)
        raise ConfigError(
            f"--for: a pause may last up to {longest}", cure=f"Say at most     --for {longest}"
        )
    seen = survey(ports)
    reading, ledger = seen.known()
    seen.refuse_gone()
    _refuse_busy(seen, ledger, length, reason)
    mine = operation_id(ports.managed.name, reading.now)
    until = reading.now + length
    _swap(ports, reading, ledgers.acquire(ledger, mine, until, PAUSED))
    return Pause(mine, until, _told(ports, seen, mine, reason))


def _refuse_busy(seen: ServiceState, ledger: Ledger, length: timedelta, reason: str) -> None:
    """Nobody pauses what is half-done: a pause would keep a sweep from mending it."""
    service, plan = seen.service_plan.service, seen.service_plan
    sweep = f"To put it right first   reconciler sweep --service {service}"
    if ledger.live is None:
        raise Refused(
            f"{service} has no live release: there is nothing to pause",
            cure=f"To see what there is     deployer status {service}",
        )
    if ledger.lease is not None and plan.end is None:
        again = (
            f"deployer pause {service} --for {format_duration(length)} "
            f"--reason {shlex.quote(reason)}"
        )
        raise refusals.held(plan, ledger.lease, again)
    if ledger.lease is not None:
        raise Refused(
            f"{ledger.lease.id} left its lease behind in `{ledger.lease.step}`", cure=sweep
        )
    if plan.shut_live is not None:
        raise Refused(f"the live database of {service} refuses writes", cure=sweep)


def _told(ports: Ports, seen: ServiceState, mine: DeployId, reason: str) -> str:
    """Tag the live machines, after the lease is ours: the pause does not depend on it."""
    assert seen.ledger.live is not None
    machines = [machine.id for machine in seen.machines(seen.ledger.live.id)]
    try:
        ports.compute.tag(machines, {t.PAUSED: tag_of(mine, ports.by, reason)})
    except ToolError as error:
        return error.message
    return ""


def _no_pause(service: str, lease: Lease) -> Refused:
    return Refused(
        f"{service} is not paused: {lease.id} is at work, in `{lease.step}`",
        cure=f"To see how far it is   deployer status {service}\n"
        f"To stop it             deployer abort {service}",
    )


def resume(ports: Ports) -> Lease:
    """End the pause, whoever began it. Raises Refused if there is none."""
    seen = survey(ports)
    reading, ledger = seen.known()
    lease, service = ledger.lease, ports.managed.name
    if lease is None:
        raise Refused(
            f"{service} is not paused", cure=f"To see how it stands   deployer status {service}"
        )
    if lease.step != PAUSED:
        raise _no_pause(service, lease)
    _swap(ports, reading, ledgers.end(ledger, Ending(lease, reading.now, operator=True)))
    return lease


def _swap(ports: Ports, reading: Reading, new: Ledger) -> None:
    try:
        ports.managed.ledgers.swap(reading, new)
    except SwapLost as error:
        raise Refused(
            f"{ports.managed.name} was changed by somebody else just now; nothing was done",
            cure=f"To see how it stands   deployer status {ports.managed.name}",
        ) from error
