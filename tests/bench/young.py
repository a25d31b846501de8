"""Young sweeps of fleets, by themselves and of the loop: what they cost whatever the fleet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench import company, looping
from tests.bench.fleet import KINDS, Fleet
from tests.bench.measure import serving
from tests.bench.page import goal, table
from tests.bench.sweeping import GOAL, HEAD, SIZES, Run, within

ORPHANS = 50
IDLE_ROUNDS = 10
ALONE, LOOP = "young", "young, of the loop"
IDLE = "young, of the loop, nothing to do"

_WORDS = f"""\
The fleets, the bound and what safety costs beyond it are those of the part before. A young sweep
reads the labels alone. By itself it asks where the zone is, once; the loop (`reconciler run`) has
asked in its first round. Its rounds are measured after a full one: the mean of {IDLE_ROUNDS} with
nothing to do, and, of {looping.ROUNDS} that meet {ORPHANS} new orphans each, the one of the median
CPU; wall time and CPU have the wait for the round, and at most two empty rounds, in them.

Of {ORPHANS} orphans a call more is 0.09 × of the bound. Two are needed: the zone, and the ledger
once more right before the deletion. Verifying takes one less than the bound has for it: volumes and
interfaces by one reading of their tags. Each further look until AWS has ended the machines is one
more.
"""


def measure(folder: Path) -> Iterator[str]:
    """Every size, by itself and of the loop."""
    yield _WORDS
    yield from table(HEAD, ())
    runs: dict[str, list[Run]] = {ALONE: [], LOOP: [], IDLE: []}
    for size in SIZES:
        for run in _runs(folder, size):
            runs[run.kind].append(run)
            yield f"| {run.row} |"
    yield ""
    yield within("a young round of the loop", runs[LOOP])
    words = "a young sweep by itself, which has to ask where the zone is"
    yield within(words, runs[ALONE])
    for kind, of_kind in runs.items():
        yield _same_for_any_fleet(kind, of_kind)


def _runs(folder: Path, size: int) -> Iterator[Run]:
    configuration = company.write(folder / "config")
    orphans, none = Fleet(size, ORPHANS), Fleet(size, 0)
    labels = ORPHANS * len(KINDS)
    with serving(size, 0) as box:
        idle, acted = looping.young_rounds(box, configuration, folder, ORPHANS, IDLE_ROUNDS)
        box.lay(ORPHANS)
        alone = box.run(company.sweep(configuration, "--young"), folder / "said")
    yield Run(orphans, ALONE, labels, alone)
    yield Run(orphans, LOOP, labels, acted)
    yield Run(none, IDLE, 1, idle)


def _same_for_any_fleet(kind: str, runs: list[Run]) -> str:
    same = len({_but_for_waiting(one) for one in runs}) == 1
    cpus = [one.figures.cpu for one in runs]
    return goal(
        same and max(cpus) / min(cpus) < GOAL,
        f"{kind}: it costs the same whatever the fleet: {'the same' if same else 'other'} calls "
        f"but for looks while waiting, {min(cpus):.3f} to {max(cpus):.3f} s of CPU",
    )


def _but_for_waiting(one: Run) -> tuple[tuple[str, int], ...]:
    return tuple(each for each in one.figures.calls.items() if each[0] != "DescribeInstances")
