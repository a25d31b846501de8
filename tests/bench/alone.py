"""What needs no server: the pure core, and `--help`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import ROOT, cpu, middle, run, wall
from tests.bench.page import goal, table

ROWS = 1_000_000
SECONDS, MIB, HELP = 4.0, 300.0, 0.15
RUNS = 5


def core(_: Path) -> Iterator[str]:
    """From the rows of a tag index to the plan."""
    yield "Two rows a resource; the seconds include making them up. Memory is what Python allocates"
    yield "above what it had before, at most; it is counted in a run of its own.\n"
    found = {share: {**_core(share), **_core(share, "--memory")} for share in (0, 1, 10)}
    yield from table(
        "garbage | seconds | CPU s | MiB | deletions planned",
        (
            f"{share} % | {one['seconds']:.1f} | {one['cpu']:.1f} | {one['memory']:.0f} | "
            f"{one['deletes']:,.0f}"
            for share, one in found.items()
        ),
    )
    yield ""
    slowest = max(one["seconds"] for one in found.values())
    largest = max(one["memory"] for one in found.values())
    yield goal(slowest < SECONDS, f"under {SECONDS:.0f} s with any garbage; {slowest:.1f} s here")
    yield goal(largest < MIB, f"under {MIB:.0f} MiB above the interpreter; {largest:.0f} MiB here")


def _core(share: int, *more: str) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.bench.core", str(ROWS), str(share), *more]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def start_up(folder: Path) -> Iterator[str]:
    """`--help`: whoever asks for it is in a hurry."""
    yield f"`--help`, medians of {RUNS} runs.\n"
    found = {}
    for name in ("reconciler", "deployer"):
        argv = [str(Path(sys.executable).with_name(name)), "--help"]
        found[name] = [run(argv, {}, folder / "said") for _ in range(RUNS)]
    yield from table(
        "command | CPU s | wall s",
        (
            f"{name} | {middle(runs, cpu):.2f} | {middle(runs, wall):.2f}"
            for name, runs in found.items()
        ),
    )
    yield ""
    slowest = max(middle(runs, cpu) for runs in found.values())
    yield goal(slowest < HELP, f"under {HELP} s of CPU; {slowest:.2f} s here")
