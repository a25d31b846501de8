"""`deployer retire`: closes a service on a user's order. The only way to have no live deploy.

Nobody is unlived by absence (rule 14): a missing or misspelt record closes nothing. To close a
service, the user names the live deploy, and removes the A record first.

`deployer retire ID` lets an adopted machine go that no release is any more. Only our tags are taken
off. The machine is what it was before `adopt`: nobody's but the user's, who ends it. Nothing that
no deploy created is deleted by us, by a command either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployer.checks import refusals
from deployer.checks.other_names import refuse_served
from deployer.checks.served import seen_through
from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from deployer.unfinished import followed
from reconciler.errors import Refused
from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live
from reconciler.model.ledger_home import settle
from reconciler.model.reading import Reading
from reconciler.model.resource import Resource
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import OnOutcome
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep


@dataclass(frozen=True)
class Retirement:
    """The effect of closing. `until` is when everything becomes garbage; None for never."""

    service: str
    live: Live
    new: Ledger
    until: datetime | None


Confirm = Callable[[Retirement], object]
"""Shows it and asks the user; raises for a no."""


def retire(
    ports: Ports,
    named: str,
    confirm: Confirm,
    delete_after: timedelta | None = None,
    on_outcome: OnOutcome = lambda _: None,
) -> SweepResult:
    """Leave no deploy live, then sweep: jobs stop, the database is closed, labels follow.

    `named` is the deploy-id of the live deploy. With `delete_after`, everything that served is kept
    that long and collected afterwards. Raises Refused, CloudError.
    """
    seen = survey(ports)
    reading, ledger = seen.known()
    if ledger.lease is not None:
        again = f"deployer retire {ports.managed.name} --nobody-live {named}"
        raise refusals.held(seen.service_plan, ledger.lease, again)
    live = _named(ports.managed.name, ledger, named)
    _refuse_served(ports, seen, reading, live)
    wanted = _retirement(ports, reading, live, delete_after)
    confirm(wanted)
    ports.managed.ledgers.swap(reading, wanted.new)
    name = ports.managed.name
    with followed(f"nobody of {name} is live", f"reconciler sweep --service {name}"):
        return sweep(Fleet.of(ports.managed), on_outcome)


def _named(service: str, ledger: Ledger, named: str) -> Live:
    live = ledger.live
    if live is None:
        raise Refused(
            f"nobody of {service} is live: there is nothing to close",
            cure=f"To see what is left     deployer status {service}",
        )
    if named != str(live.id):
        raise Refused(
            f"{live.id} is live, not {named or 'nobody'}",
            cure=f"To close it     deployer retire {service} --nobody-live {live.id}",
        )
    return live


def _refuse_served(ports: Ports, seen: ServiceState, reading: Reading, live: Live) -> None:
    """The record and every other name must be gone: otherwise clients still arrive."""
    reading = seen_through(ports, reading)
    if reading.a is not None:
        raise Refused(
            f"{ports.service.record} still says {', '.join(reading.a.addresses)}: clients of "
            f"{live.id} come there",
            cure=f"remove the A record {ports.service.record} first, then again"
            if ports.managed.traffic.by_address
            else "let its listeners answer something else first, then again",
        )
    machines = seen.machines(live.id)
    addresses = {*live.at, *(address for machine in machines for address in machine.addresses)}
    command = f"deployer retire {ports.managed.name} --nobody-live {live.id}"
    refuse_served(ports.managed, addresses, command)


def _retirement(
    ports: Ports, reading: Reading, live: Live, delete_after: timedelta | None
) -> Retirement:
    now = reading.now.replace(microsecond=0)
    until = now + delete_after if delete_after is not None else None
    old = settle(reading.ledger, ports.managed.address)
    return Retirement(
        ports.managed.name, live, ledger_transitions.retire(old, live.id, now, until), until
    )


def let_go(ports: Ports, deploy: DeployId, confirm: Callable[[Resource], object]) -> Resource:
    """Take our tags off the adopted machine of `deploy`. Raises Refused, CloudError, AccessDenied.

    An id that has lost its root never gets one again, so the answer may take its time.
    """
    seen = survey(ports)
    _, ledger = seen.known()
    if deploy in ledger.rooted:
        raise Refused(
            f"{deploy} stands in the ledger: its machine is not to be let go",
            cure=f"To see what it is    deployer status {deploy.service}",
        )
    verdicts = (verdict for verdict in seen.service_plan.verdicts if verdict.let_go)
    found = [verdict.resource for verdict in verdicts if verdict.resource.deploy == deploy]
    if not found:
        raise Refused(
            f"there is no adopted machine of {deploy} that a release has left",
            cure=f"To see what there is   reconciler report --service {deploy.service}",
        )
    [machine] = found
    confirm(machine)
    ports.compute.untag(machine.id, t.own_keys(machine.tags))
    return machine
