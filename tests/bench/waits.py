"""What people wait for: `up`, `status`, `sweep` and `rollback`, with the time that AWS takes.

BEFORE_BIN names the folder of another version's commands: then both versions run in pairs, PAIRS of
them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.sandbox.aws.latency import ANY, FIGURES, IMAGE, ROUND_TRIP, RUNNING
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import RECORD
from tests.bench.page import goal, table
from tests.bench.paths import PATHS, Stage, Wait, heard, seconds_of
from tests.bench.traffic import sandboxes
from tests.bench.traffic_clients import Resolver, TimedClients, writes
from tests.e2e.probes import wait_for
from tests.support.company import Company

RUNS = int(os.environ.get("PAIRS", "2"))
BEFORE = os.environ.get("BEFORE_BIN", "")
OLD, NEW = "v1.4.2", "v1.5.0"
PATIENCE = 120.0
BEFORE_IT, NOW = "before", "after"
COMMANDS = ("up", "status", "sweep", "rollback")

_WORDS = f"""\
Commands of the sandbox's company in {RUNS} pairs, in turn, each from the first day on, under
`deployer sandbox fault latency aws`: the figures are in the table at the end. Images and machines
are ready at once here; the database, SSH, and what machines do take what they take here, beside
whatever else this computer did: only rows of one pair are to be compared.

- **Path**: the calls that have to wait for each other, by the tables below, at AWS's pace. **The
  rest**: what the same command of the present version takes in the same pair with a cloud that
  answers at once: Python, the database, the machines, and SSH with its round trips. **Ratio**: the
  time to path and rest together; 1 means that nothing waits that could go on.
- **Deep**: the longest chain of calls of which none began before the one before it was answered, in
  the run where it was shortest: a call that a busy computer sends late only seems to have waited.
- **Before the switch**: calls that were answered before the commit was sent.
- **Writes refused**: as the client that writes met it, which looks the record up each time.
"""

_CAUSES = """\

What is still waited for:

- `up` asks some things twice, one after the other: who stands at the record's addresses and what
  disks he has, before the lease and, to copy him as he is, again under it; and a sweep follows it,
  which reads the index once more after it has shown the new machines. Each step reads for itself.
- `status` waits for four calls in a row: who, the zone beside the index and the database's address,
  the things, the ledger. A test of `deployer status` holds every call until all of its stage are
  there. A busy computer that sends one of them late makes it look like five.
- The round trips of SSH are in the rest: what waits for what there is not computed.
"""

_HEAD = (
    "command | version | took s, median | calls | deep | path s | the rest s | ratio "
    "| changes of Route 53 | before the switch | writes refused s"
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
class Figures:
    """The waits of each command: under AWS's latency by version, and without any."""

    under: Mapping[tuple[str, str], list[Wait]]
    without: Mapping[str, list[Wait]]

    def rest(self, command: str) -> float:
        """What the command takes with a cloud that answers at once."""
        return statistics.median(wait.seconds for wait in self.without[command])

    def ratio(self, command: str, version: str) -> float:
        """The command's time beside its path and the rest."""
        took = statistics.median(wait.seconds for wait in self.under[command, version])
        return took / (seconds_of(PATHS[command]) + self.rest(command))


def measure(folder: Path) -> Iterator[str]:
    """Each version in turn."""
    yield _WORDS
    if BEFORE:
        yield f"`before` is commit {_commit(Path(BEFORE))}.\n"
    versions = {BEFORE_IT: BEFORE, NOW: ""} if BEFORE else {NOW: ""}
    under: dict[tuple[str, str], list[Wait]] = {
        (command, one): [] for command in COMMANDS for one in versions
    }
    found = Figures(under, {command: [] for command in COMMANDS})
    with sandboxes(folder, [RECORD]) as boxes:
        for _run in range(RUNS):
            for version, commands in versions.items():
                for command, wait in _run_all(boxes[RECORD], commands, 1.0):
                    found.under[command, version].append(wait)
            for command, wait in _run_all(boxes[RECORD], "", 0.0):
                found.without[command].append(wait)
    yield from table(_HEAD, [_row(found, *key) for key in found.under])
    yield ""
    yield from _goals(found)
    yield _CAUSES
    for command in COMMANDS:
        yield from _path(command, PATHS[command])
    yield from _sources()


def _commit(commands: Path) -> str:
    """Which version's commands they are: of the checkout in whose environment they stand."""
    asked = ("git", "-C", str(commands.parent.parent), "log", "-1", "--format=`%h` of %ci")
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def _run_all(box: Sandbox, commands: str, latency: float) -> Iterator[tuple[str, Wait]]:
    box.reset()
    company = Product(box, commands)
    company.look_often(300)
    company.adopt()
    yield "up", _timed(company, latency, "deployer", "up", "shop", "--ref", NEW)
    yield "status", _timed(company, latency, "deployer", "status", "shop")
    yield "sweep", _timed(company, latency, "reconciler", "sweep")
    clients = TimedClients(resolver=Resolver(box.state().dns))
    with clients.at_work():
        clients.have_gone_on()
        words = ("deployer", "rollback", "shop", "--discard-writes")
        wait = _timed(company, latency, *words)
        wait_for(lambda: clients.have_moved(OLD), "every client has moved", PATIENCE)
        clients.have_gone_on()
    yield "rollback", replace(wait, refused=writes(clients.answers).seconds)


def _timed(company: Company, latency: float, tool: str, *words: str) -> Wait:
    with heard(company.sandbox, latency=latency) as calls:
        began = time.monotonic()
        company.ok(tool, *words)
        seconds = time.monotonic() - began
    return Wait(seconds, calls)


def _row(found: Figures, command: str, version: str) -> str:
    waits = found.under[command, version]
    cells = [
        f"{statistics.median(wait.seconds for wait in waits):.1f}",
        f"{max(len(wait.calls) for wait in waits)}",
        f"{min(len(wait.chain) for wait in waits)}",
        f"{seconds_of(PATHS[command]):.1f}",
        f"{found.rest(command):.1f}",
        f"{found.ratio(command, version):.2f} ×",
        f"{max(len(wait.changes) for wait in waits)}",
    ]
    switches = command == "rollback"
    cells.append(f"{max(wait.before_the_switch for wait in waits)}" if switches else "")
    cells.append(f"{statistics.median(wait.refused for wait in waits):.1f}" if switches else "")
    return " | ".join([command, version, *cells])


def _goals(found: Figures) -> Iterator[str]:
    back, release, look = (found.under[one, NOW] for one in ("rollback", "up", "status"))
    yield _most(6, "calls before the switch of a rollback", [w.before_the_switch for w in back])
    yield _most(20, "calls in a rollback", [len(wait.calls) for wait in back])
    yield _most(3, "changes of Route 53 in a rollback", [len(wait.changes) for wait in back])
    yield _most(5, "changes of Route 53 in a release", [len(wait.changes) for wait in release])
    yield _most(4, "calls deep is `status`", [min(len(wait.chain) for wait in look)])
    for command, most in (("up", 1.1), ("rollback", 1.2)):
        ratio = found.ratio(command, NOW)
        yield goal(
            ratio <= most, f"`{command}` takes at most {most} × its path; {ratio:.2f} × here"
        )


def _most(most: int, words: str, found: Sequence[int]) -> str:
    return goal(max(found) <= most, f"at most {most} {words}; {max(found)} here")


def _path(command: str, stages: Sequence[Stage]) -> Iterator[str]:
    yield f"\n### The path of `{command}`\n"
    rows = (f"{number} | {stage.words} | {stage.why}" for number, stage in enumerate(stages, 1))
    yield from table("after each other | calls, side by side | because", rows)


def _sources() -> Iterator[str]:
    yield "\n### What calls take, and where that is from\n"
    figures = {**FIGURES, "every other call": ANY}
    figures |= {"an image, with `--speed 1`": IMAGE, "a machine, with `--speed 1`": RUNNING}
    figures |= {"a round trip to a machine's public address": ROUND_TRIP}
    rows = (f"{name} | {one.seconds} | {one.source}" for name, one in figures.items())
    yield from table("call | s | source", rows)
