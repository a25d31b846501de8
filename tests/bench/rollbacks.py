"""A rollback to a release whose machines run, and to one whose machines are parked, in pairs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import BALANCER, ELASTIC, RECORD
from tests.bench.page import table
from tests.bench.traffic import sandboxes
from tests.bench.traffic_clients import ROW_HEAD, Resolver, TimedClients, Writes, row, writes
from tests.e2e.probes import instance_at, wait_for
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company

PAIRS = 2
PREVIOUS, LIVE = "v1.5.0", "v1.7.0"
KINDS = {"record": RECORD, "target-group": BALANCER, "elastic-ip": ELASTIC}
STATES = ("running", "parked")
PARKED_AFTER = 25 * 60
"""Minutes until the connections of a release are drained and its machine is parked."""

PATIENCE = 600.0
"""Seconds until a target group has drained and the machine halts, on a computer with much to do."""

_WORDS = f"""\
`deployer rollback --discard-writes` in {PAIRS} pairs of each kind, in turn, each from the first day
on, with the clients of the part before. A parked machine boots first, and live serves meanwhile:
the start costs time, but none in which writes are refused. The sandbox's machines boot in a moment;
on EC2 add what yours take. This computer did other things as well: seconds of different rows are
not to be compared, only the ratio within a pair, and where the pairs' ratios are far apart, that
says no more than that the start of a machine here is less than the noise.
"""

Cell = tuple[str, str]


@dataclass(frozen=True)
class Rollback:
    """How long the command took, and what the writing client met."""

    seconds: float
    writes: Writes


def measure(folder: Path) -> Iterator[str]:
    """Each kind, running and parked in turn."""
    yield _WORDS
    found: dict[Cell, list[Rollback]] = {cell: [] for cell in product(KINDS, STATES)}
    with sandboxes(folder, KINDS.values()) as boxes:
        for _pair in range(PAIRS):
            for (kind, state), runs in found.items():
                runs.append(_rolled_back(boxes[KINDS[kind]], state))
    yield from table(f"traffic | machines | rollback, {ROW_HEAD}", _rows(found))
    yield ""
    yield from (_difference(kind, found) for kind in KINDS)


def _rows(found: dict[Cell, list[Rollback]]) -> Iterator[str]:
    for (kind, state), runs in found.items():
        name, met = f"{kind} | {state}", [run.writes for run in runs]
        yield row(name, [run.seconds for run in runs], met)


def _difference(kind: str, found: dict[Cell, list[Rollback]]) -> str:
    pairs = zip(*(found[kind, state] for state in STATES), strict=True)
    ratios = sorted(parked.seconds / running.seconds for running, parked in pairs)
    each = ", ".join(f"{one:.2f} ×" for one in ratios)
    return (
        f"- {kind}: a rollback to a parked machine took {statistics.median(ratios):.2f} × as long "
        f"as to a running one, the pairs' median ({each})."
    )


def _rolled_back(box: Sandbox, state: str) -> Rollback:
    box.reset()
    company = Company(box)
    company.look_often(300)  # a minute: the computer may have other things to do
    _drain_fast(company)
    company.adopt()
    company.up(PREVIOUS)
    (address,) = said(company).at
    machine = str(instance_at(company, address)["InstanceId"])  # an Elastic IP moves on
    company.up(LIVE)
    if state == "parked":
        _park(company, machine)
    clients = TimedClients(resolver=Resolver(box.state().dns))
    with clients.at_work():
        began = time.monotonic()
        company.ok("deployer", "rollback", "shop", "--discard-writes")
        seconds = time.monotonic() - began
        wait_for(lambda: clients.have_moved(PREVIOUS), "every client has moved", PATIENCE)
        clients.have_gone_on()
    return Rollback(seconds, writes(clients.answers))


def _drain_fast(company: Company) -> None:
    """A target group is gone a second after its last request, not five minutes."""
    elb = company.aws("elbv2")
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    for group in elb.describe_target_groups()["TargetGroups"]:
        arn = group["TargetGroupArn"]
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=delay)


def _park(company: Company, machine: str) -> None:
    let_time_pass(company, minutes=PARKED_AFTER)

    def parked() -> bool:
        company.ok("reconciler", "sweep")
        states = {one["InstanceId"]: one["State"]["Name"] for one in company.instances()}
        return bool(states[machine] == "stopped")

    wait_for(parked, "the machine is parked", PATIENCE)
