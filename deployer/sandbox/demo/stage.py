"""The demo's environment: the sandbox, visible commands, and counted checks."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from deployer.sandbox.control.client import Sandbox

SERVICE = "shop"


@dataclass
class Stage:
    """The sandbox and the terminal. `failures` are the failed checks."""

    sandbox: Sandbox
    console: Console = field(default_factory=lambda: Console(highlight=False, width=80))
    failures: list[str] = field(default_factory=list)

    def scene(self, title: str, why: str = "") -> None:
        """Print a heading, and a sentence on the scene."""
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left", style="dim")
        if why:
            self.console.print(why, style="dim")

    def run(self, *words: str, expect: int = 0) -> None:
        """Run one of our commands on the user's terminal; any other exit code is a failure."""
        self._say(words)
        done = subprocess.run(self._argv(words), env=self._environment(), check=False)
        self.check(
            done.returncode == expect,
            f"`{' '.join(words)}` ends with {expect}",
            f"it ended with {done.returncode}",
        )

    def quietly(self, *words: str) -> None:
        """Run one of our commands without showing it, whatever its exit code."""
        nowhere = subprocess.DEVNULL
        subprocess.run(
            self._argv(words), env=self._environment(), check=False, stdout=nowhere, stderr=nowhere
        )

    def output(self, *words: str) -> str:
        """What one of our commands prints; it is not shown."""
        argv, env = self._argv(words), self._environment()
        return subprocess.run(argv, env=env, check=False, capture_output=True, text=True).stdout

    def run_and_kill(self, *words: str, when: Callable[[], bool], limit: float = 60.0) -> None:
        """Run a command and end it with SIGKILL as soon as `when` holds."""
        self._say(words)
        process = subprocess.Popen(self._argv(words), env=self._environment())
        held = self.wait(when, limit, unless=lambda: process.poll() is not None)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        self.console.print("[red]kill -9[/red]: it had no time to say or undo anything")
        self.check(held, "it was killed in the middle", "it ended before it could be killed")

    def wait(
        self, condition: Callable[[], bool], limit: float, unless: Callable[[], bool] | None = None
    ) -> bool:
        """Whether `condition` became true within `limit` seconds (and before `unless` did)."""
        deadline = time.monotonic() + limit
        while not condition():
            if time.monotonic() > deadline or (unless is not None and unless()):
                return False
            time.sleep(0.05)
        return True

    def check(self, holds: bool, what: str, otherwise: str = "") -> None:
        """Count a check; print only a failed one."""
        if not holds:
            self.failures.append(f"{what}: {otherwise}" if otherwise else what)
            self.console.print(f"[red]✗ {what}[/red] {otherwise}")

    def _say(self, words: Sequence[str]) -> None:
        self.console.print(f"\n[bold cyan]$ {shlex.join(words)}")
        sys.stdout.flush()

    def _argv(self, words: Sequence[str]) -> list[str]:
        """Our own commands are installed beside the running Python."""
        return [str(Path(sys.executable).with_name(words[0])), *words[1:]]

    def _environment(self) -> dict[str, str]:
        return self.sandbox.process_environment()
