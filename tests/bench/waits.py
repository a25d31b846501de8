"""What people wait for: `up`, `status`, `sweep` and `rollback`, with the time that AWS takes.

BEFORE_BIN names the folder of another version's commands: then both versions run in pairs, PAIRS of
them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployer.sandbox.aws.http.latency import ANY, FIGURES
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import RECORD
from tests.bench.page import goal, table
from tests.bench.traffic import sandboxes
from tests.bench.traffic_clients import Resolver, TimedClients, writes
from tests.e2e.probes import wait_for
from tests.support.company import Company

RUNS = int(os.environ.get("PAIRS", "2"))
BEFORE = os.environ.get("BEFORE_BIN", "")
OLD, NEW = "v1.4.2", "v1.5.0"
CHANGE = "ChangeResourceRecordSets"
PATIENCE = 180.0

_WORDS = f"""\
Commands of the sandbox's company in {RUNS} pairs, in turn, each from the first day on, under
`deployer sandbox fault latency aws`: RunInstances takes {FIGURES["ec2:RunInstances"].seconds} s
(measured: {FIGURES["ec2:RunInstances"].source}), every other call {ANY.seconds} s
({ANY.source}). The database, SSH, and what machines do take what they take here, beside whatever
else this computer did: only rows of one pair are to be compared. `before` is the version that
BEFORE_BIN names.

- **Deep**: as many calls have to wait for each other: the longest chain of calls of which none
  began before the one before it was answered. **Chain**: the sum of their times.
- **Before the switch**: calls that were answered before the commit was sent.
- **Writes refused**: as the client that writes met it, which looks the record up each time.
"""

HEAD = (
    "command | version | s, median | AWS calls | deep | chain s | changes of Route 53 "
    "| before the switch | writes refused s"
)


@dataclass
class Product(Company):
    """The company, driven by the commands of one version; '' for the present one."""

    commands: str = ""

    def command(self, tool: str, *words: str) -> list[str]:
        """See `Company.command`."""
        if not self.commands:
            return super().command(tool, *words)
        return [str(Path(self.commands) / tool), *words]


@dataclass(frozen=True)
class Call:
    """One call: when it was begun and answered, and whether it changed a zone."""

    began: float
    ended: float
    changes: bool


@dataclass(frozen=True)
class Wait:
    """What one command took."""

    seconds: float
    calls: Sequence[Call]
    refused: float = 0.0

    @property
    def chain(self) -> Sequence[Call]:
        """The longest chain of calls of which each began after the one before was answered."""
        found: list[Call] = []
        for call in sorted(self.calls, key=lambda one: one.ended):
            if not found or call.began >= found[-1].ended:
                found.append(call)
        return found

    @property
    def changes(self) -> Sequence[Call]:
        """The calls that changed a zone."""
        return [one for one in self.calls if one.changes]

    @property
    def before_the_switch(self) -> int:
        """The calls that were answered before the last change of the zone was sent."""
        last = self.changes[-1].began if self.changes else 0.0
        return sum(one.ended <= last for one in self.calls)


def measure(folder: Path) -> Iterator[str]:
    """Each version in turn."""
    yield _WORDS
    versions = {"before": BEFORE, "after": ""} if BEFORE else {"after": ""}
    found: dict[tuple[str, str], list[Wait]] = {}
    with sandboxes(folder, [RECORD]) as boxes:
        for _run in range(RUNS):
            for version, commands in versions.items():
                for command, wait in _run_all(boxes[RECORD], commands):
                    found.setdefault((command, version), []).append(wait)
    yield from table(HEAD, [_row(*key, waits) for key, waits in sorted(found.items())])
    yield ""
    yield from _goals({command: found[command, "after"] for command, _ in found})


def _run_all(box: Sandbox, commands: str) -> Iterator[tuple[str, Wait]]:
    box.reset()
    company = Product(box, commands)
    company.look_often(300)
    company.adopt()
    yield "up", _timed(company, "deployer", "up", "shop", "--ref", NEW)
    yield "status", _timed(company, "deployer", "status", "shop")
    yield "sweep", _timed(company, "reconciler", "sweep")
    clients = TimedClients(resolver=Resolver(box.state().dns))
    with clients.at_work():
        clients.have_gone_on()
        wait = _timed(company, "deployer", "rollback", "shop", "--discard-writes")
        wait_for(lambda: clients.have_moved(OLD), "every client has moved", PATIENCE)
        clients.have_gone_on()
    yield "rollback", replace(wait, refused=writes(clients.answers).seconds)


def _timed(company: Company, tool: str, *words: str) -> Wait:
    faults = company.sandbox.faults()
    seen = max((one["seq"] for one in faults.requests()), default=0)
    faults.latency(1.0)
    try:
        began = time.monotonic()
        company.ok(tool, *words)
        seconds = time.monotonic() - began
    finally:
        faults.clear()
    return Wait(seconds, [_call(one) for one in faults.requests(seen)])


def _call(entry: dict[str, Any]) -> Call:
    took = FIGURES.get(f"{entry['service']}:{entry['action']}", ANY).seconds
    return Call(entry["time"] - took, entry["time"], entry["action"] == CHANGE)


def _row(command: str, version: str, waits: Sequence[Wait]) -> str:
    chains = [wait.chain for wait in waits]
    cells = [
        f"{statistics.median(wait.seconds for wait in waits):.1f}",
        f"{max(len(wait.calls) for wait in waits)}",
        f"{max(len(chain) for chain in chains)}",
        f"{max(sum(call.ended - call.began for call in chain) for chain in chains):.1f}",
        f"{max(len(wait.changes) for wait in waits)}",
    ]
    switches = command == "rollback"
    cells.append(f"{max(wait.before_the_switch for wait in waits)}" if switches else "")
    cells.append(f"{statistics.median(wait.refused for wait in waits):.1f}" if switches else "")
    return " | ".join([command, version, *cells])


def _goals(found: dict[str, list[Wait]]) -> Iterator[str]:
    back, release = found["rollback"], found["up"]
    yield _most(6, "calls before the switch of a rollback", [w.before_the_switch for w in back])
    yield _most(20, "calls in a rollback", [len(wait.calls) for wait in back])
    yield _most(3, "changes of Route 53 in a rollback", [len(wait.changes) for wait in back])
    yield _most(5, "changes of Route 53 in a release", [len(wait.changes) for wait in release])
    yield _most(4, "calls deep is `status`", [len(wait.chain) for wait in found["status"]])


def _most(most: int, words: str, found: Sequence[int]) -> str:
    return goal(max(found) <= most, f"at most {most} {words}; {max(found)} here")
