"""What a warm command has imported before it is asked for. Imported by the fork server alone."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
import time
from collections.abc import Mapping, Sequence

import psycopg  # noqa: F401
import pytest  # noqa: F401 -- every new process of `multiprocessing` imports its parent's script
import tenacity  # noqa: F401

import deployer
import deployer.cli.main
import reconciler
import reconciler.cli.main
from reconciler.aws.client.session import _new_session
from tests.crash import fault_injection

MAINS = {"deployer": deployer.cli.main.main, "reconciler": reconciler.cli.main.main}

for _package in (reconciler, deployer):
    for _found in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        if not _found.name.startswith("deployer.sandbox") and "__main__" not in _found.name:
            importlib.import_module(_found.name)

time.strptime("2026", "%Y")  # imports a module of its own

# What stands in botocore's files is parsed once, for every command to come: the sessions share it.
for _service in ("ec2", "rds", "route53", "ssm", "sts"):
    _new_session().create_client(
        _service, "eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    )


def cook(words: Sequence[str], env: Mapping[str, str]) -> None:
    """Run a command in this process, which is a new one. Raises SystemExit."""
    os.environ.clear()
    os.environ.update(env)
    sys.argv = list(words)
    fault_injection.inject(env)
    MAINS[os.path.basename(words[0])]()  # noqa: PTH119 -- an argument, not a path


# What is here is shared by every command to come: Python's collector need not look at it again,
# which would copy each page.
gc.collect()
gc.freeze()
