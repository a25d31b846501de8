"""Runs commands on the local machine, through the same interface as on a remote one.

`database.run = "here"` copies from the machine of the deployer; the use case is the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from reconciler.errors import CommandFailed, CommandTimedOut
from reconciler.machine.shell import Command, CommandResult
from reconciler.util.humanize import span

TAIL = 40
GRACE = 2.0
"""Seconds that a terminated command has to clean up."""


class Runner(Protocol):
    """Runs one command: a machine's `Shell`, or `LocalShell`."""

    def run(
        self, command: Command, on_output: Callable[[bytes], None] | None = None
    ) -> CommandResult:
        """Run to the end. Raises CommandFailed, CommandTimedOut, ConnectionLost."""


class LocalShell:
    """Implements Runner with a child process; `sudo` and `on_output` have no effect here."""

    def run(
        self, command: Command, on_output: Callable[[bytes], None] | None = None
    ) -> CommandResult:
        """Run `sh -c` in its own session, so that a time-out ends its whole pipeline."""
        del on_output
        with subprocess.Popen(
            ["/bin/sh", "-c", command.script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as child:
            try:
                out, err = child.communicate(command.stdin, timeout=command.timeout)
            except BaseException as error:
                _end(child)
                if isinstance(error, subprocess.TimeoutExpired):
                    why = f"{command.label}: gave up after {span(command.timeout)} here"
                    raise CommandTimedOut(why) from error
                raise
        if child.returncode:
            raise _failed(command, child.returncode, err or out)
        return CommandResult(out, err)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the whole process group: first with SIGTERM, so that a script's trap can clean up."""
    for end, wait in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, end)
        with suppress(subprocess.TimeoutExpired):
            child.wait(wait)


def _failed(command: Command, status: int, said: bytes) -> CommandFailed:
    lines = said.decode("utf-8", "replace").splitlines()[-TAIL:]
    why = lines[-1] if lines else "it said nothing"
    return CommandFailed(
        f"{command.label} failed here with status {status}: {why}",
        status=status,
        detail="\n".join(lines),
    )
