"""Ten releases of one account at once: Route 53 takes five calls a second of all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from tests.bench.page import goal, table
from tests.support.company import TRUSTING, Company

RELEASES = 10
VERSION = "v1.5.0"
LIMIT = 5
"""Route 53 Developer Guide, quotas: requests a second for an account."""
CHANGE = "ChangeResourceRecordSets"
PATIENCE = 500.0

_WORDS = f"""\
`deployer up` of {RELEASES} services in one account and zone, all begun in the same moment, under
`deployer sandbox fault latency aws` and `limits 1`: the sandbox refuses what is beyond AWS's
buckets, {LIMIT} requests of Route 53 a second among them. The services' processes know nothing of
each other; a refused call is made again after a random wait. This computer has {os.cpu_count()}
processors for all of them: on {RELEASES} computers the releases would be faster, and the calls of
their beginnings no closer together, since all take the lease within the first seconds.
"""


def measure(folder: Path) -> Iterator[str]:
    """All at once."""
    yield _WORDS
    box = Sandbox.at(folder / "crowd")
    box.up(Options(teams=RELEASES - 1, owner=os.getpid()))
    try:
        company = Company(box)
        services = _adopted(company)
        faults = box.faults()
        seen = max((one["seq"] for one in faults.requests()), default=0)
        faults.latency(1.0)
        faults.distance(1.0)
        faults.limits(1.0)
        with ThreadPoolExecutor(len(services)) as pool:
            ended = list(pool.map(lambda name: _up(company, name), services))
        asked = [one for one in faults.requests(seen) if one["service"] == "route53"]
    finally:
        box.down()
    yield from _report(ended, asked)


def _adopted(company: Company) -> Sequence[str]:
    services = company.sandbox.state().services
    for name in services:
        company.configure(r"^tries  = 5$", "tries  = 300", name)
        company.ok("deployer", "adopt", name, *TRUSTING, "--release", "v1.4.2")
    return services


def _up(company: Company, service: str) -> tuple[int, float]:
    """Exit code and seconds."""
    began = time.monotonic()
    command = company.command("deployer", "up", service, "--ref", VERSION)
    done = subprocess.run(
        command, env=company.environment, capture_output=True, timeout=PATIENCE, check=False
    )
    return done.returncode, time.monotonic() - began


def _report(
    ended: Sequence[tuple[int, float]], asked: Sequence[Mapping[str, object]]
) -> Iterator[str]:
    taken = [one for one in asked if one["fault"] != "limit"]
    changes = [one for one in taken if one["action"] == CHANGE]
    times = sorted(seconds for _, seconds in ended)
    released = sum(code == 0 for code, _ in ended)
    rows = [
        _row("every call", taken, len(asked) - len(taken)),
        _row("changes alone", changes, _refused(asked)),
    ]
    head = "calls of Route 53 | taken | refused | a second, on average"
    yield from table(f"{head} | in the busiest second | in the busiest ten, a second", rows)
    yield ""
    yield goal(
        released == len(ended),
        f"all {len(ended)} released; {released} here, in {statistics.median(times):.0f} s "
        f"(median; {times[0]:.0f} to {times[-1]:.0f} s)",
    )
    most = busiest(changes, 1.0)
    yield goal(most <= LIMIT, f"at most {LIMIT} changes in any second; {most} here")
    each = len(changes) / len(ended)
    yield goal(each <= LIMIT, f"at most 5 changes for each release; {each:.1f} here, on average")
    share = busiest(taken, 10.0) / 10
    yield goal(
        share <= LIMIT,
        f"at most {LIMIT} calls a second over any ten seconds; {share:.1f} here",
    )


def _row(name: str, taken: Sequence[Mapping[str, object]], refused: int) -> str:
    times = _times(taken)
    span = max(times[-1] - times[0], 1.0)
    cells = (
        f"{len(taken)}",
        f"{refused}",
        f"{len(taken) / span:.1f}",
        f"{busiest(taken, 1.0)}",
        f"{busiest(taken, 10.0) / 10:.1f}",
    )
    return " | ".join([name, *cells])


def _refused(asked: Sequence[Mapping[str, object]]) -> int:
    return sum(one["fault"] == "limit" and one["action"] == CHANGE for one in asked)


def _times(calls: Sequence[Mapping[str, object]]) -> list[float]:
    return sorted(float(str(one["time"])) for one in calls)


def busiest(calls: Sequence[Mapping[str, object]], seconds: float) -> int:
    """The most calls in any window of so many seconds."""
    times = _times(calls)
    return max((sum(begin <= one < begin + seconds for one in times) for begin in times), default=0)
