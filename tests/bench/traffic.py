"""The switch of a release as clients of each kind of traffic see it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import BALANCER, ELASTIC, RECORD, Options
from tests.bench.page import table
from tests.bench.traffic_clients import (
    KEPT,
    NEW,
    ROW_HEAD,
    Answer,
    Reads,
    Resolver,
    TimedClients,
    reads,
    row,
    writes,
)
from tests.e2e.probes import wait_for
from tests.support.company import Company

RUNS = 3
OLD, VERSION = "v1.4.2", "v1.5.0"
PATIENCE = 180.0
"""Seconds until a client that caches the record has looked it up again."""

_WORDS = f"""\
`deployer up` of the sandbox's company, {RUNS} times for each kind of traffic, in turn, each from
the first day on. Three clients ask meanwhile, each 20 ms after its last answer and without a
retry: one reads on new connections, one on a connection that it keeps, one places an order on a
new connection. They look the record up for each connection; in the row that says so, only when its
TTL is over.

- **Switch**: the longest time between a client's last answer of the old release and its first of
  the new one. Compare it with the longest **other pause** between two answers in the same runs:
  what is not above that is the client's own pace and the load of the computer, which others share.
- **Both**: the longest time for which both releases answered one client in turn.
- A connection that is kept stays with the old release of a **record** until that is drained; the
  one to an **Elastic IP** is torn when the address moves, and the request on it may fail: that is
  what an address that moves costs, at most one request for each connection.
- **Writes refused**: from the last order before the freeze to the first one that the new release
  takes. Who caches the record is refused until its TTL (60 s here) is over as well.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of traffic, the sandbox's shape that has it, and whether clients cache the record."""

    name: str
    shape: str
    caching: bool = False


KINDS = (
    Kind("record", RECORD),
    Kind("record, cached for its TTL", RECORD, caching=True),
    Kind("target-group", BALANCER),
    Kind("elastic-ip", ELASTIC),
)


@dataclass(frozen=True)
class Run:
    """A release: how long its command took, and what the clients were answered."""

    seconds: float
    answers: Sequence[Answer]


def measure(folder: Path) -> Iterator[str]:
    """Releases of each kind."""
    yield _WORDS
    found: dict[Kind, list[Run]] = {kind: [] for kind in KINDS}
    with sandboxes(folder, {kind.shape for kind in KINDS}) as boxes:
        for _run in range(RUNS):
            for kind in KINDS:
                found[kind].append(_released(boxes[kind.shape], kind))
    yield from _reading(found)
    yield ""
    yield from _writing(found)


@contextmanager
def sandboxes(folder: Path, shapes: Iterable[str]) -> Iterator[dict[str, Sandbox]]:
    """A sandbox of each shape."""
    boxes = {shape: Sandbox.at(folder / shape) for shape in shapes}
    try:
        for shape, box in boxes.items():
            box.up(Options(shape=shape, owner=os.getpid()))
        yield boxes
    finally:
        for box in boxes.values():
            box.down()


def _released(box: Sandbox, kind: Kind) -> Run:
    box.reset()
    company = Company(box)
    company.look_often(300)  # a minute: the computer may have other things to do
    company.adopt()
    clients = TimedClients(resolver=Resolver(box.state().dns, kind.caching))
    with clients.at_work():
        began = time.monotonic()
        company.up(VERSION)
        seconds = time.monotonic() - began
        wait_for(lambda: clients.have_moved(VERSION), "every client has moved", PATIENCE)
        clients.have_gone_on()
    return Run(seconds, clients.answers)


def _reading(found: dict[Kind, list[Run]]) -> Iterator[str]:
    rows = [
        _reads_row(kind.name, words, [reads(run.answers, client, VERSION) for run in runs])
        for kind, runs in found.items()
        for client, words in ((NEW, "new"), (KEPT, "kept"))
    ]
    head = "traffic | connections | switch, longest ms | other pause, longest ms | both, ms"
    yield from table(f"{head} | requests | failed", rows)


def _reads_row(name: str, connections: str, runs: Sequence[Reads]) -> str:
    gaps = [run.gap for run in runs if run.gap is not None]
    gap = f"{1000 * max(gaps):.0f}" if len(gaps) == len(runs) else "stays with the old release"
    pause = 1000 * max(run.pause for run in runs)
    both = 1000 * max(run.both for run in runs)
    requests, failed = sum(run.requests for run in runs), sum(run.failed for run in runs)
    return f"{name} | {connections} | {gap} | {pause:.0f} | {both:.0f} | {requests:,} | {failed}"


def _writing(found: dict[Kind, list[Run]]) -> Iterator[str]:
    rows = (
        row(kind.name, [run.seconds for run in runs], [writes(run.answers) for run in runs])
        for kind, runs in found.items()
    )
    yield from table(f"traffic | `up`, {ROW_HEAD}", rows)
