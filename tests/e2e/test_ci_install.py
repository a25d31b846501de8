"""The script of action.yml on a fresh runner: it installs what the lock pins, and nothing else.

No registry is asked: pip gets wheels of what is installed here, and a lock with their hashes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.support import wheelhouse

ROOT = Path(__file__).resolve().parents[2]
LOCK = "requirements-runtime.lock"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels that the lock names, those of other systems left out."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in re.findall(r"^(\S+?)==", (ROOT / LOCK).read_text(), re.MULTILINE):
        try:
            wheelhouse.wheel(name, folder)
        except PackageNotFoundError:
            assert name == "tzdata", name  # of Windows alone
    return folder


@pytest.fixture
def checkout(tmp_path: Path, wheels: Path) -> Path:
    """What a runner has fetched: the files that git knows, with the lock of these wheels."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    place = tmp_path / "checkout"
    for name in filter(None, names.split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    lock = (ROOT / LOCK).read_text()
    (place / LOCK).write_text(wheelhouse.locked(lock, wheels.iterdir()))
    return place


def run_script(checkout: Path, wheels: Path, **words: str) -> subprocess.CompletedProcess[str]:
    """The script with a CI's environment; the only Python is the one that setup-python brings."""
    home = checkout.parent
    (home / "bin").mkdir(exist_ok=True)
    python = home / "bin/python3"
    base = Path(sys.base_prefix) / f"bin/python3.{sys.version_info.minor}"
    python.write_text(f'#!/bin/sh\nexec {base} "$@"\n')
    python.chmod(0o755)
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    env = {
        "HOME": str(home),
        "PATH": f"{home}/bin:/usr/bin:/bin",
        "RUNNER_TEMP": str(home / "temp"),
    }
    return subprocess.run(
        [str(checkout / "scripts/ci/run")],
        env=env | pip | words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_fresh_runner_installs_and_runs(checkout: Path, wheels: Path) -> None:
    """The runtime's lock is enough, and is used; a second step finds what the first installed."""
    words = {"COMMAND": "plan", "SERVICE": "shop", "DEPLOY_CONFIG": str(checkout / "nowhere")}
    first = run_script(checkout, wheels, **words)
    assert "no configuration" in first.stdout or "nowhere" in first.stdout, first
    commands = checkout.parent / "temp/deployer/bin"
    done = subprocess.run(
        [commands / "reconciler", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()
    freeze = [str(commands / "python"), "-m", "pip", "freeze", "--all"]
    there = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    there = there.lower().replace("_", "-")
    assert set((checkout / LOCK).read_text().split()[::2]) <= set(there.split())
    assert "pytest==" not in there

    second = run_script(checkout, Path("/nonexistent"), **words)
    assert (second.returncode, second.stdout) == (first.returncode, first.stdout), second


def test_what_is_not_the_pinned_file_is_not_installed(checkout: Path, wheels: Path) -> None:
    """A registry that serves another file under the same version: nothing of it runs."""
    lock = checkout / LOCK
    lock.write_text(
        re.sub(r"(?m)^(click==\S+) .*$", rf"\1 --hash=sha256:{'0' * 64}", lock.read_text())
    )
    done = run_script(checkout, wheels, COMMAND="sweep")
    assert done.returncode not in (0, 2), done
    assert "hash" in done.stderr.lower()
    assert not (checkout.parent / "temp/deployer/bin/reconciler").exists()


def test_a_word_that_is_no_command_installs_nothing(checkout: Path, wheels: Path) -> None:
    """It is refused at once."""
    done = run_script(checkout, wheels, COMMAND="destroy")
    assert (done.returncode, "plan, up or sweep" in done.stderr) == (2, True), done
    assert not (checkout.parent / "temp").exists()
