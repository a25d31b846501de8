"""The quick suite on other days and in odd time zones, one after the other.

make timetravel                          on every day
make timetravel TIMETRAVEL=leap-day      on this one
make another-day                         a small part, on the day whose turn it is
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.timetravel.journeys import JOURNEYS, Journey, named, of_the_day, seconds_ahead

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
QUICK = ("tests/unit", "tests/contract", "tests/soak", "tests/timetravel")
"""What can read a clock and does not wait for minutes."""

PART = (
    "tests/unit/reconciler/ports/test_cloud_inventory.py",
    "tests/unit/reconciler/aws/route53/test_ledger_store_on_sandbox.py",
    "tests/unit/reconciler/cli/daemon/test_loop.py",
    "tests/unit/deployer/cli/test_main.py",
    "tests/unit/deployer/release/test_lease_holder.py",
    "tests/soak",
    "tests/timetravel",
)
"""Proof of birth by the sandbox's clock, leases, the loop, and commands as processes."""


def environment(journey: Journey, now: datetime, base: Mapping[str, str]) -> dict[str, str]:
    """What sets the clock and the zone of every Python that is started with it."""
    ZoneInfo(journey.zone)  # raises; TZ of an unknown zone would be UTC, and nobody would know
    path = [str(HERE), *filter(None, [base.get("PYTHONPATH")])]
    return {
        **base,
        "PYTHONPATH": os.pathsep.join(path),
        "TIMETRAVEL_SECONDS": f"{seconds_ahead(journey, now):.0f}",
        "TZ": journey.zone,
        "FUZZ_CASES": "100",  # no clock in them
    }


def green(journey: Journey, tests: Sequence[str]) -> bool:
    """Whether the tests are green there."""
    now = datetime.now(UTC)
    print(f"{journey.name}: {journey.to(now):%Y-%m-%d %H:%M} UTC in {journey.zone}", flush=True)
    argv = [sys.executable, "-m", "pytest", "-q", "-n", os.environ.get("WORKERS", "2"), *tests]
    # time-machine is a plugin too, and imported before pytest could rewrite asserts: it has none.
    argv += ["--dist", "worksteal", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    argv += ["-o", "cache_dir=.pytest_cache/timetravel"]  # apart from that of today's runs
    env = environment(journey, now, os.environ)
    return subprocess.run(argv, cwd=ROOT, env=env, check=False).returncode == 0


def chosen(*, part: bool) -> Sequence[Journey]:
    """The journey that TIMETRAVEL names; otherwise all, or today's for a part of the suite."""
    name = os.environ.get("TIMETRAVEL")
    if name:
        return [named(name)]
    return [of_the_day(datetime.now(UTC))] if part else JOURNEYS


def main() -> int:
    """Travel; the exit code is 1 when a test was red anywhere."""
    part = sys.argv[1:] == ["--part"]
    try:
        journeys = chosen(part=part)
    except LookupError as error:
        raise SystemExit(f"TIMETRAVEL: {error.args[0]}") from error
    red = [one.name for one in journeys if not green(one, PART if part else QUICK)]
    for name in red:
        target = "another-day" if part else "timetravel"
        print(f"red at {name}; to see it again: make {target} TIMETRAVEL={name}")
    return bool(red)


if __name__ == "__main__":
    sys.exit(main())
