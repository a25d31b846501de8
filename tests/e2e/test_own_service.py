"""docs/own-service.md: a Django project, from `startproject` to a rollback in the sandbox.

Django is no dependency of ours: `make own-service` installs it apart and runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox

ROOT = Path(__file__).resolve().parent.parent.parent
LIB = os.environ.get("OWN_SERVICE_LIB", "")

pytestmark = pytest.mark.skipif(not LIB, reason="Django is not installed: make own-service")


def _run(*command: str, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{LIB}"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_django_project_is_released_and_rolled_back(tmp_path: Path) -> None:
    """The script does it alone; every command that it shows ends with 0."""
    project, box = tmp_path / "mysite", tmp_path / "box"
    _run(sys.executable, "-m", "django", "startproject", "mysite", cwd=tmp_path)
    git = ("git", "-c", "user.name=me", "-c", "user.email=me@example.test")
    _run("git", "init", "-q", cwd=project)
    _run("git", "add", ".", cwd=project)
    _run(*git, "commit", "-q", "-m", "first", cwd=project)
    script = str(ROOT / "scripts" / "try_django.py")
    asked = ("--lib", LIB, "--smoke", "/admin/login/", "--dir", str(box))
    try:
        said = _run(sys.executable, script, str(project), *asked, cwd=tmp_path)
    finally:
        Sandbox.at(box).down()
    assert "Ready: deployer up mysite" in said
    assert "mysite serves" in said
    assert "mysite is back on" in said
