"""What a warm command has imported before it is asked for. Imported by the fork server alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import boto3.session  # noqa: F401
import psycopg  # noqa: F401

import deployer.abort
import deployer.adopt
import deployer.cli
import deployer.progress
import deployer.recover
import deployer.rollback
import deployer.status
import deployer.up
import deployer.wiring
import reconciler.cli
import reconciler.render.sweep_text
import reconciler.wiring

MAINS = {"deployer": deployer.cli.main, "reconciler": reconciler.cli.main}


def cook(words: Sequence[str], env: Mapping[str, str]) -> None:
    """Run a command in this process, which is a new one. Raises SystemExit."""
    os.environ.clear()
    os.environ.update(env)
    sys.argv = list(words)
    MAINS[os.path.basename(words[0])]()  # noqa: PTH119 -- an argument, not a path
