"""A rollback to a release whose machines run, and to one whose machines are parked, in pairs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from tests.bench.page import table
from tests.bench.traffic_clients import ROW_HEAD, Resolver, TimedClients, Writes, row, writes
from tests.e2e.probes import instance_at, wait_for
from tests.e2e.zone import let_time_pass
from tests.support.company import Company

PAIRS = 2
PREVIOUS, LIVE = "v1.5.0", "v1.7.0"
STATES = ("running", "parked")
_DRAINED, _DAY = 30, 24 * 60
"""Minutes until the old connections are drained, and until a machine is parked."""

_WORDS = f"""\
`deployer rollback --discard-writes` with kind `record`, in {PAIRS} pairs, with the clients of the
part before. A parked machine boots first, and live serves meanwhile: the start costs time, but
none in which writes are refused. The sandbox's machines boot in a moment; on EC2 add what yours
take.
"""


@dataclass(frozen=True)
class Rollback:
    """How long the command took, and what the writing client met."""

    seconds: float
    writes: Writes


def measure(folder: Path) -> Iterator[str]:
    """Both in turn."""
    yield _WORDS
    found: dict[str, list[Rollback]] = {state: [] for state in STATES}
    box = Sandbox.at(folder / "box")
    box.up(Options(owner=os.getpid()))
    try:
        for _pair in range(PAIRS):
            for state in STATES:
                found[state].append(_rolled_back(box, state))
    finally:
        box.down()
    rows = (
        row(state, [run.seconds for run in runs], [run.writes for run in runs])
        for state, runs in found.items()
    )
    yield from table(f"machines | rollback, {ROW_HEAD}", rows)
    yield ""
    pairs = zip(*found.values(), strict=True)
    more = statistics.median(parked.seconds - running.seconds for running, parked in pairs)
    yield f"The start of a parked machine adds {more:.1f} s to a rollback here, the pairs' median."


def _rolled_back(box: Sandbox, state: str) -> Rollback:
    box.reset()
    company = Company(box)
    company.look_often(300)  # a minute: the computer may have other things to do
    company.adopt()
    company.up(PREVIOUS)
    address = company.pointed_at()[0]
    company.up(LIVE)
    if state == "parked":
        _park(company, address)
    clients = TimedClients(resolver=Resolver(box.state().dns))
    with clients.at_work():
        began = time.monotonic()
        company.ok("deployer", "rollback", "shop", "--discard-writes")
        seconds = time.monotonic() - began
        wait_for(lambda: clients.have_moved(PREVIOUS), "every client has moved")
        clients.have_gone_on()
    return Rollback(seconds, writes(clients.answers))


def _park(company: Company, address: str) -> None:
    for minutes in (_DRAINED, _DAY):
        let_time_pass(company, minutes=minutes)
        company.ok("reconciler", "sweep")
    wait_for(
        lambda: instance_at(company, address)["State"]["Name"] == "stopped", "the machine is parked"
    )
