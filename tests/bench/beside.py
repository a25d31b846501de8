"""Cloud Custodian and ourselves in turn, looking at the same fleet and deleting nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import company, custodian, looping
from tests.bench.measure import Box, Figures, cpu, middle, serving
from tests.bench.page import goal, table

WHOLE, LABEL = 10.0, 2.0
"""How often our CPU should go into theirs."""

_WORDS = """\
Both only look, in turn, and find nothing to collect; medians of CPU. The whole fleet: machines,
volumes and interfaces, which it describes and we read from the tag index. By label is its best
case: machines alone, which the server picks by their label; of ours it is a young sweep, of every
kind, with the ledgers. Nearly all of that is start-up (Python, botocore, pydantic), which the loop
(`reconciler run`) pays once: its own row is the mean of {rounds} young rounds, beside the same run
of theirs, which has no loop.
"""

ROUNDS = 20
RUNS = {10_000: 3, 50_000: 1}
"""Pairs at each size: one look of theirs at 50,000 machines takes minutes."""


@dataclass(frozen=True)
class Pairs:
    """The same question to both, some times in turn."""

    machines: int
    what: str
    ours: list[Figures]
    theirs: list[Figures]

    @property
    def ratio(self) -> float:
        """Their CPU to ours."""
        return middle(self.theirs, cpu) / middle(self.ours, cpu)

    @property
    def row(self) -> str:
        """As a row of the table."""
        cells = (
            f"{self.machines:,}",
            self.what,
            str(len(self.ours)),
            f"{middle(self.ours, cpu):.3f}",
            f"{middle(self.theirs, cpu):.2f}",
            f"{self.ratio:.1f} ×",
            str(self.ours[0].asked),
            str(self.theirs[0].asked),
        )
        return " | ".join(cells)


def measure(folder: Path) -> Iterator[str]:
    """The whole fleet, and a label, at both sizes."""
    custodian.install()
    yield f"{custodian.version()} from PyPI, in an environment of its own."
    yield _WORDS.format(rounds=ROUNDS)
    configuration = company.write(folder / "config")
    found: list[Pairs] = []
    head = "machines | what | pairs | ours CPU s | theirs CPU s | theirs / ours | our calls"
    yield from table(f"{head} | their calls", ())
    for size, count in RUNS.items():
        with serving(size, 0) as box:
            for what, options, theirs, times in (
                ("whole fleet", (), custodian.whole(folder), count),
                ("by label", ("--young",), custodian.by_label(folder), 3),
            ):
                ours = company.sweep(configuration, *options)
                found.append(Pairs(size, what, *_in_turn(box, folder, (ours, theirs), times)))
                yield f"| {found[-1].row} |"
            round_ = looping.idle_rounds(box, configuration, folder, ROUNDS)
            found.append(Pairs(size, "by label, in a loop", [round_], found[-1].theirs))
            yield f"| {found[-1].row} |"
    yield ""
    yield from _goals(found)


def _in_turn(
    box: Box, folder: Path, both: tuple[list[str], list[str]], times: int
) -> tuple[list[Figures], list[Figures]]:
    ours, theirs = [], []
    for _ in range(times):
        ours.append(_ran(box, folder, both[0]))
        theirs.append(_ran(box, folder, both[1]))
    return ours, theirs


def _ran(box: Box, folder: Path, argv: list[str]) -> Figures:
    figures = box.run(argv, folder / "said")
    if figures.code:
        said = (folder / "said").read_text(encoding="utf-8")[-2000:]
        raise RuntimeError(f"{argv[0]} ended with {figures.code}: {said}")
    return figures


def _goals(found: list[Pairs]) -> Iterator[str]:
    goals = (("whole fleet", WHOLE), ("by label", LABEL), ("by label, in a loop", LABEL))
    for what, least in goals:
        of = [one for one in found if one.what == what]
        said = ", ".join(f"{one.ratio:.1f} × at {one.machines:,}" for one in of)
        met = all(one.ratio >= least for one in of)
        yield goal(met, f"{what}: at least {least:.0f} × less CPU; {said}")
