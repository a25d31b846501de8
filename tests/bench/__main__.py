"""Measures, and writes docs/benchmarks.md.

python -m tests.bench [SIZE …]        sizes of the fleets; not said: 1000 10000 50000
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import company, custodian
from tests.bench.fleet import KINDS, Fleet
from tests.bench.measure import ROOT, Figures, middle, run, serving

PAGE = ROOT / "docs" / "benchmarks.md"
SIZES = (1_000, 10_000, 50_000)
PAIRS = 3
PHASES = 3
"""Of a deletion: described, asked for, seen to be gone."""

_HEAD = """\
# Benchmarks

Written by `make bench`, which runs what it compares in turn, on one server: the sandbox's API in
another process, with a fleet laid into it, ten services, each machine with a volume and an
interface. Figures are those of whole client processes. No test asserts any of them.

A service's record names fewer addresses than it has machines here. Where it names every machine,
a sweep also describes the live ones, 200 a call, to see whether one of them moved.
"""


def main() -> None:
    """Measure everything and write it down."""
    sizes = tuple(int(word) for word in sys.argv[1:]) or SIZES
    machine = (
        f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    )
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = [_HEAD, f"{time.strftime('%Y-%m-%d', time.gmtime())} · {machine} · load before {load}"]
    with tempfile.TemporaryDirectory() as folder:
        for part in (core(), start_up(Path(folder)), sweeps(Path(folder), sizes)):
            for line in part:
                print(line, flush=True)
                lines.append(line)
        for line in peers(Path(folder), min(10_000, max(sizes))):
            print(line, flush=True)
            lines.append(line)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def core() -> Iterator[str]:
    """The pure core: from a million rows to the plan."""
    yield "\n## Mark and plan of 1,000,000 tag rows, in one process\n"
    yield "The goal is 4 s and 300 MB. The seconds include making up the rows.\n"
    yield "| garbage | seconds | MiB allocated | deletions planned |\n|---|---|---|---|"
    for share in (0, 1, 10):
        timed, traced = _core(share), _core(share, "--memory")
        deletes = int(timed["deletes"])
        yield f"| {share} % | {timed['seconds']:.1f} | {traced['memory']:.0f} | {deletes:,} |"


def _core(share: int, *more: str) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.bench.core", "1000000", str(share), *more]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def start_up(folder: Path) -> Iterator[str]:
    """`--help`, whose goal is a quarter of a second of CPU."""
    yield f"\n## `--help` (goal: 0.25 s of CPU; median of {PAIRS})\n"
    yield "| command | CPU s | wall s |\n|---|---|---|"
    for name in ("reconciler", "deployer"):
        argv = [str(Path(sys.executable).with_name(name)), "--help"]
        runs = [run(argv, {}, folder / "said") for _ in range(PAIRS)]
        yield f"| {name} | {middle(runs, _cpu):.2f} | {middle(runs, _wall):.2f} |"


def _cpu(one: Figures) -> float:
    return one.cpu


def _wall(one: Figures) -> float:
    return one.wall


def sweeps(folder: Path, sizes: tuple[int, ...]) -> Iterator[str]:
    """Full sweeps, and young ones beside them."""
    configuration = company.write(folder / "config")
    yield "\n## Sweeps\n"
    yield (
        "The bound: ⌈rows / 1000⌉ with two rows a resource, one read of the zone's ledgers, and\n"
        "⌈garbage / 1000⌉ for each kind and phase (described, asked for, seen to be gone).\n"
        "The goal is 1.2 × of it.\n"
    )
    yield "| machines | garbage | sweep | wall s | CPU s | peak MiB | calls | bound | by action |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for size in sizes:
        for garbage in (0, 50, size // 100, size // 10):
            young = garbage == 50
            with serving(size, garbage) as box:
                argv = company.sweep(configuration, *(["--young"] if young else []))
                figures = box.run(argv, folder / "said")
            yield _row(Fleet(size, garbage), figures, young=young)


def bound(fleet: Fleet, *, young: bool) -> int:
    """The fewest calls that do it."""
    rows = math.ceil((fleet.garbage * len(KINDS) if young else fleet.rows) / 1000)
    return rows + 1 + math.ceil(fleet.garbage / 1000) * len(KINDS) * PHASES


def _row(fleet: Fleet, one: Figures, *, young: bool) -> str:
    actions = ", ".join(f"{name} {count}" for name, count in one.calls.items())
    least = bound(fleet, young=young)
    cells = (
        f"{fleet.machines:,}",
        f"{fleet.garbage:,}",
        "young" if young else "full",
        f"{one.wall:.1f}",
        f"{one.cpu:.2f}",
        f"{one.memory:.0f}",
        f"{one.asked} ({one.asked / least:.2f} ×)",
        str(least),
        f"{actions}{'' if one.code == 0 else f' — exit {one.code}'}",
    )
    return f"| {' | '.join(cells)} |"


def peers(folder: Path, size: int) -> Iterator[str]:
    """Cloud Custodian and ourselves in turn, looking only."""
    custodian.install()
    configuration = company.write(folder / "config")
    title = f"Beside Cloud Custodian ({custodian.version()}), {size:,} machines, looking only"
    yield f"\n## {title}\n"
    yield (
        f"Medians of {PAIRS} pairs, in turn on one server. The goals are a tenth of its CPU for\n"
        "the whole fleet, and half of it in its best case, a filter of the server's on a label.\n"
    )
    yield "| what | ours CPU s | theirs CPU s | ratio | ours calls | theirs calls |"
    yield "|---|---|---|---|---|---|"
    with serving(size, 0) as box:
        for name, options, theirs in (
            ("the whole fleet", [], custodian.whole(folder)),
            ("by label", ["--young"], custodian.by_label(folder)),
        ):
            pairs = [
                (
                    box.run(company.sweep(configuration, *options), folder / "said"),
                    box.run(theirs, folder / "said"),
                )
                for _ in range(PAIRS)
            ]
            ours, others = [one for one, _ in pairs], [one for _, one in pairs]
            ratio = middle(others, _cpu) / middle(ours, _cpu)
            cells = (
                name,
                f"{middle(ours, _cpu):.2f}",
                f"{middle(others, _cpu):.2f}",
                f"{ratio:.1f} ×",
                str(ours[0].asked),
                str(others[0].asked),
            )
            yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
