"""Cloud Custodian on the same server and fleet: in its own environment, never a dependency."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
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
_UNUSED = """\
policies:
  - name: stopped
    resource: aws.ec2
    filters: [{"State.Name": stopped}]
  - name: unattached
    resource: aws.ebs
    filters: [{Attachments: []}]
  - name: idle
    resource: aws.network-addr
    filters: [{AssociationId: absent}]
  - name: images
    resource: aws.ami
    filters: [{type: unused, value: true}]
  - name: snapshots
    resource: aws.ebs-snapshot
    filters: [{type: unused, value: true}]
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


def whole(folder: Path, regions: Sequence[str] = (REGION,)) -> list[str]:
    """The command that looks at every machine, volume and interface itself."""
    return _command(folder, "whole", _WHOLE, regions)


def unused(folder: Path, regions: Sequence[str]) -> list[str]:
    """The command that looks for what nobody seems to use."""
    return _command(folder, "unused", _UNUSED, regions)


def by_label(folder: Path) -> list[str]:
    """Its best case: only machines, which the server picks by their label."""
    return _command(folder, "label", _LABEL)


def _command(
    folder: Path, name: str, policies: str, regions: Sequence[str] = (REGION,)
) -> list[str]:
    policy = folder / f"{name}.yml"
    policy.write_text(policies, encoding="utf-8")
    output = str(folder / name)
    places = [word for region in regions for word in ("-r", region)]
    options = [*places, "-s", output, "--cache-period", "0", "--dryrun"]
    return [str(COMMAND), "run", *options, str(policy)]
