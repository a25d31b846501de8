"""What a warm command has imported before it is asked for. Imported by the fork server alone."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence

import boto3.session
import psycopg  # noqa: F401
import pytest  # noqa: F401 -- every new process of `multiprocessing` imports its parent's script
from botocore.loaders import JSONFileLoader

import deployer.abort
import deployer.adopt
import deployer.cli
import deployer.doctor
import deployer.preview
import deployer.progress
import deployer.recover
import deployer.rollback
import deployer.status
import deployer.thaw
import deployer.up
import deployer.wiring
import reconciler.cli
import reconciler.render.report
import reconciler.render.sweep_text
import reconciler.report
import reconciler.wiring
from tests.crash import spoons

MAINS = {"deployer": deployer.cli.main, "reconciler": reconciler.cli.main}


_parse = functools.cache(JSONFileLoader().load_file)


def _load_file(_: JSONFileLoader, path: str) -> object:
    """What stands in one of botocore's files, parsed once for every command to come."""
    return _parse(path)


JSONFileLoader.load_file = _load_file  # type: ignore[assignment, method-assign]
for _service in ("ec2", "route53", "sts", "ssm"):
    boto3.session.Session("none", "none").client(_service, "eu-west-1")


def cook(words: Sequence[str], env: Mapping[str, str]) -> None:
    """Run a command in this process, which is a new one. Raises SystemExit."""
    os.environ.clear()
    os.environ.update(env)
    sys.argv = list(words)
    spoons.stir(env)
    MAINS[os.path.basename(words[0])]()  # noqa: PTH119 -- an argument, not a path
