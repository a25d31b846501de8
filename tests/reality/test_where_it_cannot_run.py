"""Where no real machine can run, tests say why and are skipped; or fail, where they must run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.reality.conftest import REQUIRED

ROOT = os.geteuid() == 0
WITHOUT_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if ROOT else []
"""As root: what an ordinary user may do, with root's files."""
_TEST = "tests/reality/test_containers.py::test_a_reboot_is_no_halt"


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("required", "1 error")])
def test_an_ordinary_user_is_told_why(required: str, outcome: str) -> None:
    """Root or a tool is missing: the reason is printed, and REALITY=required makes it red."""
    command = [
        *WITHOUT_POWERS,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rsE",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, _TEST],
        env=os.environ | {REQUIRED: required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout
    assert "only root with CAP_SYS_ADMIN" in done.stdout or "tools that start" in done.stdout
    assert bool(done.returncode) == bool(required)
