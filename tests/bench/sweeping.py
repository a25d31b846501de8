"""Full sweeps of fleets: time, memory, and calls beside the fewest that could do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import company
from tests.bench.fleet import KINDS, Fleet
from tests.bench.measure import Figures, serving
from tests.bench.page import goal, table

SIZES = (1_000, 10_000, 50_000)
PHASES = 3
"""Of a deletion: described, asked for, seen to be gone."""
GOAL = 1.2
FULL = "full"

_WORDS = """\
Machines of ten services, each with a volume and an interface; garbage is counted in machines and
days old. The bound of the goal: ⌈rows / 1000⌉ with two rows a resource and one more a machine
(the units that it has obeyed), one read of the zone's ledgers, and ⌈garbage / 1000⌉ for each kind
and phase (described, asked for, seen to be gone). Volumes and interfaces go with their machine
here, which saves the bound a phase. What safety costs beyond the bound, and why it stays:

- **Verified again.** Before anything is asked for, machines are described once more, and then their
  ledger is read once more. Of what goes with them the tags are read: one call for up to 200
  volumes and interfaces, else a ⌈garbage / 1000⌉ for each kind. A person may have put a hold on a
  disk meanwhile.
- **The zone.** One ListHostedZones: nothing on disk says where a ledger is.
- **Waiting.** Here machines are gone at the first look, a quarter of a second after the call, or at
  the second. EC2 takes a minute or so for it, and each look meanwhile is a call more for 1,000
  machines.
- **Garbage less than a day old** costs another look at the end (the index again if it has no more
  than 20 pages, and the ledgers): things of a release that has just died may be listed late.

Wall time has AWS's pace in it: beyond 1,000 machines EC2 terminates 20 a second, and our side waits
for that rather than be refused.

The previous release's machines run on, drained (`park = "run"`); parked ones are described as well,
1,000 a call, to see whether one of them was started. A service's record names two of its machines
here, as one in front of balancers does. Where it names every machine, a sweep also describes the
live ones, 1,000 a call, to see if one of them moved.
"""


HEAD = (
    "machines | garbage | sweep | wall s | CPU s | peak MiB | calls | bound | calls / bound "
    "| by action"
)


@dataclass(frozen=True)
class Run:
    """One sweep of a fleet, and the rows of the index that it has to read."""

    fleet: Fleet
    kind: str
    rows: int
    figures: Figures

    @property
    def bound(self) -> int:
        """The fewest calls that do it."""
        pages, garbage = math.ceil(self.rows / 1000), math.ceil(self.fleet.garbage / 1000)
        return pages + 1 + garbage * len(KINDS) * PHASES

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
    yield from table(HEAD, ())
    for size in SIZES:
        for garbage in (0, size // 100, size // 10):
            fleet = Fleet(size, garbage)
            runs.append(Run(fleet, FULL, fleet.rows, _figures(folder, fleet)))
            yield f"| {runs[-1].row} |"
    yield ""
    yield within("full sweeps", runs)


def _figures(folder: Path, fleet: Fleet) -> Figures:
    configuration = company.write(folder / "config")
    with serving(fleet.machines, fleet.garbage) as box:
        return box.run(company.sweep(configuration), folder / "said")


def within(words: str, runs: Sequence[Run]) -> str:
    """Whether all of them stay near their bound."""
    worst = max(one.times for one in runs)
    text = f"{words}: calls within {GOAL} × of the bound; at most {worst:.2f} × here"
    return goal(worst <= GOAL, text)
