"""The configuration of the services of a fleet, and the commands that look at it."""

from __future__ import annotations

import sys
from pathlib import Path

from deployer.sandbox.aws.server import ACCOUNT
from reconciler.model.tags import AccountRegion
from tests.bench.fleet import REGIONS, ZONE_NAME, services_in
from tests.support.service_text import service_text

_RECONCILER = """\
[breaker]
max_count = 1000000
share     = 1.0
"""

_SETTLED = """\
park    = "run"
"""
"""There is nothing to do for the previous machines of the fleet, which nobody can reach."""


def write(folder: Path, regions: int = 1) -> Path:
    """The configuration's folder, of services in so many regions."""
    (folder / "services").mkdir(parents=True, exist_ok=True)
    (folder / "reconciler.toml").write_text(_RECONCILER, encoding="utf-8")
    for region, names in services_in(regions).items():
        for name in names:
            place = AccountRegion(ACCOUNT, region)
            text = service_text(f"{name}.{ZONE_NAME}", place, "fleet", _SETTLED)
            (folder / "services" / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def report(folder: Path, form: str) -> list[str]:
    """The command of a cost audit by that configuration."""
    command = Path(sys.executable).with_name("reconciler")
    return [str(command), "report", "--config", str(folder), "--format", form]


def strays(regions: int = 1) -> list[str]:
    """The command that looks at everything that is not ours in so many regions."""
    command = str(Path(sys.executable).with_name("reconciler"))
    places = [word for region in REGIONS[:regions] for word in ("--region", region)]
    return [command, "strays", "--older-than", "0s", *places]


def sweep(folder: Path, *more: str) -> list[str]:
    """The command of a sweep by that configuration."""
    command = Path(sys.executable).with_name("reconciler")
    return [str(command), "sweep", "--config", str(folder), *more]
