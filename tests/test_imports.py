"""What a command imports before it knows what it is to do: every `--help` pays for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "asyncssh",
    "boto3",
    "botocore",
    "cryptography",
    "moto",
    "paramiko",
    "psycopg",
    "pydantic",
    "requests",
    "rich",
    "structlog",
    "tenacity",
    "werkzeug",
    "yaml",
)

_SCRIPT = """
import sys
from click.testing import CliRunner
from {package}.cli.main import cli
assert CliRunner().invoke(cli, ["--help"]).exit_code == 0
print(" ".join(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


@pytest.mark.parametrize("package", ["deployer", "reconciler"])
def test_help_imports_nothing_heavy(package: str) -> None:
    """Libraries wait in the commands that need them."""
    argv = [sys.executable, "-c", _SCRIPT.format(package=package)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) & set(HEAVY) == set()
