"""A release of one machine, and of many: its time against their number."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import RECORD
from tests.bench.page import table
from tests.bench.paths import Wait, heard
from tests.bench.traffic import sandboxes
from tests.support.company import Company

COUNTS = (1, 12, 50, 100)
VERSION = "v1.5.0"
PATIENCE = 560.0

_WORDS = f"""\
`deployer up` of the sandbox's company with `count` machines, each from the first day on, under
`deployer sandbox fault latency aws`. What the machines do (boot, unpack, install, start) and our
side of every session are computed by the {os.cpu_count()} processors of this computer, which is
what grows here; on EC2 every machine has its own. **Deep** is the longest chain of calls of which
none began before the one before it was answered: it does not grow where nothing is asked machine by
machine.
"""


def measure(folder: Path) -> Iterator[str]:
    """Each number in turn."""
    yield _WORDS
    head = "machines | exit | s | s a machine more | AWS calls | deep | changes of Route 53"
    yield from table(head, ())
    first = 0.0
    with sandboxes(folder, [RECORD]) as boxes:
        for count in COUNTS:
            code, wait = _released(boxes[RECORD], count)
            first = first or wait.seconds
            more = f"{(wait.seconds - first) / (count - 1):.2f}" if count > 1 else ""
            cells = [f"{count}", f"{code}", f"{wait.seconds:.1f}", more, f"{len(wait.calls)}"]
            cells += [f"{len(wait.chain)}", f"{len(wait.changes)}"]
            yield f"| {' | '.join(cells)} |"


def _released(box: Sandbox, count: int) -> tuple[int, Wait]:
    box.reset()
    company = Company(box)
    company.look_often(300)
    company.adopt()
    company.append(f"[instance]\ncount = {count}")
    command = company.command("deployer", "up", "shop", "--ref", VERSION)
    with heard(box) as calls:
        began = time.monotonic()
        done = subprocess.run(
            command,
            env=company.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        seconds = time.monotonic() - began
    if done.returncode:
        print(done.stderr[-4000:], flush=True)
    return done.returncode, Wait(seconds, calls)
