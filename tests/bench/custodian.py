"""Cloud Custodian on the same server and fleet: in its own environment, never a dependency."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.fleet import REGION
from tests.bench.measure import ROOT

HOME = ROOT / ".bench" / "c7n"
COMMAND = HOME / "bin" / "custodian"

_WHOLE = """\
policies:
  - name: machines
    resource: aws.ec2
    filters: [{"tag:deploy-state": failed}]
  - name: volumes
    resource: aws.ebs
    filters: [{"tag:deploy-state": failed}]
  - name: interfaces
    resource: aws.eni
    filters: [{"tag:deploy-state": failed}]
"""
_LABEL = """\
policies:
  - name: machines
    resource: aws.ec2
    query: [{"tag:deploy-state": failed}]
"""


def install() -> None:
    """Its environment, made when it is first wanted."""
    if COMMAND.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
    subprocess.run([HOME / "bin" / "pip", "install", "-q", "c7n"], check=True)


def version() -> str:
    """As it says itself."""
    done = subprocess.run([COMMAND, "version"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def whole(folder: Path) -> list[str]:
    """The command that looks at every machine, volume and interface itself."""
    return _command(folder, "whole", _WHOLE)


def by_label(folder: Path) -> list[str]:
    """Its best case: only machines, which the server picks by their label."""
    return _command(folder, "label", _LABEL)


def _command(folder: Path, name: str, policies: str) -> list[str]:
    policy = folder / f"{name}.yml"
    policy.write_text(policies, encoding="utf-8")
    output = str(folder / name)
    options = ["-r", REGION, "-s", output, "--cache-period", "0", "--dryrun"]
    return [str(COMMAND), "run", *options, str(policy)]
