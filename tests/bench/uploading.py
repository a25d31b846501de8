"""A large release on its way to a machine: our copy beside `scp`."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from deployer.sandbox.company import configuration
from deployer.sandbox.control.options import RECORD
from reconciler.machine import ssh
from reconciler.machine.shell import Command
from tests.bench.page import goal, table
from tests.bench.routes import Machine, machine_of
from tests.bench.traffic import sandboxes
from tests.e2e.probes import live_instance
from tests.support.company import Company

PAIRS = 3
SIZE = 500_000_000
GOAL = 0.8
_UPLOAD = "/tmp/upload"

_WORDS = f"""\
{SIZE // 1_000_000} MB of random bytes to a machine of the sandbox over an open session, as a
release copies its code, beside `scp` with the same key, which connects in its time; {PAIRS} pairs
in turn. Both ends and the network are this computer: client and server share its processors. The
server is the sandbox's, in Python, for both; behind it `scp -O` has a `scp` of its own, in C, and
ours SFTP, in Python, and so is our client. That is why it is slower here. A line of 1 Gbit a second
carries 125 MB: there neither is what takes the time.
"""


def measure(folder: Path) -> Iterator[str]:
    """Each copy beside the other."""
    yield _WORDS
    if shutil.which("scp") is None:
        yield "There is no `scp` here."
        return
    source = folder / "release"
    source.write_bytes(os.urandom(SIZE))
    with sandboxes(folder, [RECORD]) as boxes:
        company = Company(boxes[RECORD])
        machine = machine_of(company, live_instance(company))
        key = str(configuration.key_path(company.sandbox.places))
        pairs = [_pair(machine, key, source, ours_first=turn % 2 == 0) for turn in range(PAIRS)]
    yield from table("copy | MB/s, median | slowest | fastest", _rows(pairs))
    ratio = statistics.median(scp / ours for ours, scp in pairs)
    yield ""
    yield goal(ratio >= GOAL, f"at least {GOAL} × the speed of scp; {ratio:.2f} × here")


def _rows(pairs: list[tuple[float, float]]) -> Iterator[str]:
    for name, seconds in zip(("deployer", "scp"), zip(*pairs, strict=True), strict=True):
        speeds = [SIZE / 1_000_000 / one for one in seconds]
        cells = (statistics.median(speeds), min(speeds), max(speeds))
        yield " | ".join([name, *(f"{one:.1f}" for one in cells)])


def _pair(machine: Machine, key: str, source: Path, *, ours_first: bool) -> tuple[float, float]:
    """Seconds of ours and of scp's."""
    with closing(ssh.connect(machine.target, machine.host_key, machine.client)) as session:
        remove = Command(f"rm -f {_UPLOAD}", "remove the copy")
        scp = 0.0
        if not ours_first:
            scp = _scp(machine, key, source)
            session.run(remove)
        began = time.perf_counter()
        session.put(source, _UPLOAD)
        ours = time.perf_counter() - began
        session.run(remove)
        if ours_first:
            scp = _scp(machine, key, source)
            session.run(remove)
    return ours, scp


def _scp(machine: Machine, key: str, source: Path) -> float:
    target = machine.target
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    words = ["scp", "-O", "-q", "-i", key, "-P", str(target.port), *(f"-o{one}" for one in options)]
    began = time.perf_counter()
    subprocess.run([*words, source, f"{target.user}@{target.host}:{_UPLOAD}"], check=True)
    return time.perf_counter() - began
