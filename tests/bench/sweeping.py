"""Sweeps of fleets, full and young: time, memory, and calls beside the fewest that could do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import company, looping
from tests.bench.fleet import KINDS, Fleet
from tests.bench.measure import Figures, serving
from tests.bench.page import goal, table

SIZES = (1_000, 10_000, 50_000)
ORPHANS = 50
PHASES = 3
"""Of a deletion: described, asked for, seen to be gone."""
GOAL = 1.2
FULL, YOUNG, LOOP = "full", "young", "young, of the loop"
IDLE = "young, of the loop, nothing to do"
IDLE_ROUNDS = 20

_WORDS = f"""\
Machines of ten services, each with a volume and an interface; garbage is counted in machines and
three days old. The bound of the goal: ⌈rows / 1000⌉ with two rows a resource, one read of the
zone's ledgers, and ⌈garbage / 1000⌉ for each kind and phase (described, asked for, seen to be
gone). Volumes and interfaces go with their machine here, which saves the bound a phase. What safety
costs beyond the bound, and why it stays:

- **Verified again.** Before anything is asked for, machines are described once more, and then their
  ledger is read once more. Of what goes with them the tags are read: one call for up to 200
  volumes and interfaces, else a ⌈garbage / 1000⌉ for each kind. A person may have put a hold on a
  disk meanwhile.
- **The zone.** One ListHostedZones: nothing on disk says where a ledger is. The loop (`reconciler
  run`) asks it once: its young round is measured after a full one and an empty young one; its
  wall time and CPU have the wait for the round, and at most two empty rounds, in them. Of
  {looping.ROUNDS} such rounds, each with as many new orphans, the one of the median CPU is shown;
  with nothing to do, the mean of {IDLE_ROUNDS} rounds.
- **Waiting.** Here machines are gone at the first look, a quarter of a second after the call, or at
  the second. EC2 takes a minute or so for it, and each look meanwhile is a call more for 1,000
  machines.
- **Garbage less than a day old** costs another look at the end (the index again if it has no more
  than 20 pages, and the ledgers): things of a release that has just died may be listed late.

Of 50 orphans that is one to three calls beside eleven, for which 1.2 × has little room; of a
fleet's garbage it is nothing.

Wall time has AWS's pace in it: beyond 1,000 machines EC2 terminates 20 a second, and our side waits
for that rather than be refused.

A service's record names two of its machines here, as one in front of balancers does. Where it names
every machine, a sweep also describes the live ones, 1,000 a call, to see if one of them moved.
"""


@dataclass(frozen=True)
class Run:
    """One sweep of a fleet."""

    fleet: Fleet
    kind: str
    figures: Figures

    @property
    def bound(self) -> int:
        """The fewest calls that do it."""
        garbage = self.fleet.garbage
        if self.kind == IDLE:
            return 2  # the index and the ledgers
        rows = self.fleet.rows if self.kind == FULL else garbage * len(KINDS)  # young: labels alone
        return math.ceil(rows / 1000) + 1 + math.ceil(garbage / 1000) * len(KINDS) * PHASES

    @property
    def times(self) -> float:
        """Calls beside the bound."""
        return self.figures.asked / self.bound

    @property
    def row(self) -> str:
        """As a row of the table."""
        one = self.figures
        actions = ", ".join(f"{name} {count}" for name, count in one.calls.items())
        cells = (
            f"{self.fleet.machines:,}",
            f"{self.fleet.garbage:,}",
            self.kind,
            f"{one.wall:.1f}",
            f"{one.cpu:.3f}",
            f"{one.memory:.0f}",
            f"{one.asked}",
            f"{self.bound}",
            f"{self.times:.2f} ×",
            actions if one.code == 0 else f"{actions}; **exit {one.code}**",
        )
        return " | ".join(cells)


def measure(folder: Path) -> Iterator[str]:
    """Every size, without and with garbage."""
    yield _WORDS
    runs: list[Run] = []
    head = "machines | garbage | sweep | wall s | CPU s | peak MiB | calls | bound | calls / bound"
    yield from table(f"{head} | by action", ())
    for size in SIZES:
        fleets = (*((one, FULL) for one in (0, size // 100, size // 10)), (ORPHANS, YOUNG))
        for garbage, kind in (*fleets, (ORPHANS, LOOP), (0, IDLE)):
            runs.append(Run(Fleet(size, garbage), kind, _figures(folder, size, garbage, kind)))
            yield f"| {runs[-1].row} |"
    yield ""
    yield from _goals(runs)


def _figures(folder: Path, size: int, garbage: int, kind: str) -> Figures:
    configuration = company.write(folder / "config")
    if kind == LOOP:
        with serving(size, 0) as box:
            return looping.young_round(box, configuration, folder, garbage)
    if kind == IDLE:
        with serving(size, 0) as box:
            return looping.idle_rounds(box, configuration, folder, IDLE_ROUNDS)
    with serving(size, garbage) as box:
        options = ("--young",) if kind == YOUNG else ()
        return box.run(company.sweep(configuration, *options), folder / "said")


def _goals(runs: list[Run]) -> Iterator[str]:
    for words, kind in (
        ("full sweeps", FULL),
        ("a young round of the loop", LOOP),
        ("a young sweep by itself, which has to ask where the zone is", YOUNG),
    ):
        worst = max(one.times for one in runs if one.kind == kind)
        text = f"{words}: calls within {GOAL} × of the bound; at most {worst:.2f} × here"
        yield goal(worst <= GOAL, text)
    for kind in (YOUNG, LOOP, IDLE):
        yield _same_for_any_fleet([one for one in runs if one.kind == kind])


def _same_for_any_fleet(runs: list[Run]) -> str:
    same = len({_but_for_waiting(one) for one in runs}) == 1
    cpus = [one.figures.cpu for one in runs]
    return goal(
        same and max(cpus) / min(cpus) < GOAL,
        f"{runs[0].kind}: {runs[0].fleet.garbage} orphans cost the same whatever the fleet: "
        f"{'the same' if same else 'other'} calls but for looks while waiting, "
        f"{min(cpus):.3f} to {max(cpus):.3f} s of CPU",
    )


def _but_for_waiting(one: Run) -> tuple[tuple[str, int], ...]:
    return tuple(each for each in one.figures.calls.items() if each[0] != "DescribeInstances")
