"""Where the commands are run from, and by whom: any home, any user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from tests.e2e.probes import writable
from tests.support.company import Company, Done

ROOT = os.geteuid() == 0


NOBODY = 65534


WITHOUT_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
"""What makes file modes count for root too."""


def test_no_state_on_disk(cold: Company, tmp_path: Path) -> None:
    """Each command from another empty, read-only home and directory: nothing is kept there."""
    lines = [
        "deployer up shop --ref v1.5.0",
        "deployer status shop --exit-code",
        "deployer rollback shop --discard-writes",
        "deployer history shop",
        "reconciler sweep",
        "reconciler report",
    ]
    for number, line in enumerate(lines):
        home = tmp_path / f"home{number}"
        home.mkdir(mode=0o500)
        assert _at_home(cold, home, "touch", str(home / "x")).code != 0, "home is writable"
        done = _at_home(cold, home, *cold.command(*line.split(" ")))
        assert done.code == 0, (line, done)
        assert "\x1b" not in done.out + done.err
        assert list(home.iterdir()) == []
        if number == 0:
            _is_a_line_an_event(done)
    assert cold.version() == "v1.4.2"
    assert writable(cold) == ["shop"]


def _is_a_line_an_event(done: Done) -> None:
    """Without a terminal: progress on stderr, with its time; the result alone on stdout."""
    lines = done.err.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d \S", one) for one in lines), done.err
    assert lines[0].split()[1] == "guard"
    assert done.out.startswith("shop is live on v1.5.0 (was v1.4.2)")
    assert "guard" not in done.out


def _at_home(company: Company, home: Path, *argv: str) -> Done:
    env = {key: value for key, value in company.environment.items() if "XDG" not in key}
    done = subprocess.run(
        [*(WITHOUT_POWERS if ROOT else ()), *argv],
        env={**env, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Ordinary(Company):
    """The company whose commands are run by a user without any powers."""

    def command(self, tool: str, *words: str) -> list[str]:
        return [*_as_nobody(), *super().command(tool, *words)]

    @property
    def environment(self) -> dict[str, str]:
        return _plain(self.sandbox.process_environment())


@pytest.fixture
def ordinary() -> Iterator[Ordinary]:
    """A sandbox that belongs to an ordinary user: root stands in for one."""
    top = Path(tempfile.mkdtemp(prefix="ordinary-"))
    if _as_nobody()[:1] == ["setpriv"]:
        os.chown(top, NOBODY, NOBODY)
    top.chmod(0o755)
    sandbox = Sandbox.at(top / "box")
    one = Ordinary(sandbox)
    command = one.command("deployer", "sandbox", "up", "--dir", str(top / "box"))
    try:
        subprocess.run(command, env=_plain(dict(os.environ)), cwd=top, check=True, text=True)
        yield one
    finally:
        command = one.command("deployer", "sandbox", "down", "--dir", str(top / "box"))
        subprocess.run(command, env=_plain(dict(os.environ)), cwd=top, check=True, text=True)
        shutil.rmtree(top)


@pytest.mark.skipif(not ROOT, reason="every other test is run by an ordinary user already")
def test_an_ordinary_user_releases(ordinary: Ordinary) -> None:
    """Sandbox, machines, database, release and rollback need no privilege at all."""
    ordinary.adopt()
    ordinary.up("v1.5.0")
    assert ordinary.version() == "v1.5.0"
    ordinary.ok("deployer", "rollback", "shop", "--discard-writes")
    assert ordinary.version() == "v1.4.2"
    ordinary.ok("reconciler", "plan", "--exit-code")


def _as_nobody() -> list[str]:
    """A real other user; where that cannot read the code, one in a namespace of its own."""
    if not ROOT:
        return []
    real = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # A process of its own: the first one is still started with root's powers.
    again = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import deployer'])"
    probe = subprocess.run(
        [*real, sys.executable, "-c", f"{again}.check_returncode()"],
        env=_plain(dict(os.environ)),
        capture_output=True,
        check=False,
    )
    mapped = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    return real if probe.returncode == 0 else mapped


def _plain(env: dict[str, str]) -> dict[str, str]:
    """Without what only makes sense for the one who runs the tests."""
    kept = {k: v for k, v in env.items() if not k.startswith(("COVERAGE", "COV_", "XDG"))}
    return {**kept, "HOME": "/nonexistent"}
