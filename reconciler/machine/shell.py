"""The port to a machine's shell: what the use cases need of SSH, and nothing more.

Implemented by `reconciler.machine.ssh` (paramiko, pinned host keys) and by fakes in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from reconciler.errors import ConnectionLost

T = TypeVar("T")


@dataclass(frozen=True)
class Command:
    """One POSIX sh script to run on a machine.

    `script` must hold no secret: it is visible in the machine's process list. Secrets go into
    `stdin`, which the script reads. `timeout` is wall-clock seconds for the whole command.
    """

    script: str
    label: str
    sudo: bool = False
    stdin: bytes = b""
    timeout: float = 60.0


@dataclass(frozen=True)
class CommandResult:
    """What a command printed (the last 1 MiB of each stream) and its exit status, always 0."""

    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """stdout as text, without the final newline."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")


OnBytes = Callable[[int, int], None]
"""Progress of a copy: bytes done, bytes in all."""

OnOutput = Callable[[bytes], None]
"""Takes what a command prints, on either stream, as it comes."""


@dataclass(frozen=True)
class Pipes:
    """What a command reads and writes while it runs, in pieces.

    `read` returns the next bytes of stdin, b"" where there are none yet, None at the end; `write`
    takes bytes of stdout, and holds the command up while it does not return.
    """

    read: Callable[[], bytes | None]
    write: Callable[[bytes], None]


class Shell(Protocol):
    """An open session on one machine."""

    @property
    def host(self) -> str:
        """The address the session goes to, for messages."""
        ...

    def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        """Run to the end.

        Raises CommandFailed (status other than 0, last 40 lines as detail), CommandTimedOut,
        ConnectionLost.
        """
        ...

    def stream(self, command: Command, pipes: Pipes) -> None:
        """Run to the end like `run`, with stdin and stdout connected to `pipes`."""
        ...

    def put(
        self, source: Path, target: str, *, mode: int = 0o644, on_bytes: OnBytes | None = None
    ) -> None:
        """Copy one local file to `target` by SFTP, atomically (temporary file, rename)."""
        ...

    def forward(self, host: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """A loopback (host, port) here that forwards to (host, port) as the machine sees it."""
        ...

    def close(self) -> None:
        """End the session; safe to call twice."""
        ...


class PersonSession(Protocol):
    """An open session on one machine for a person."""

    def attend(self, command: str) -> int:
        """Run a line of shell, or a shell for '', on this process's own streams.

        Returns its exit code; 255 where a signal or the connection ended it. Raises ShellError.
        """
        ...

    def close(self) -> None:
        """End the session; safe to call twice."""
        ...


def read_from(connect: Callable[[], Shell], read: Callable[[Shell], T]) -> T:
    """What `read` finds on a machine, which it must not change; the session is closed.

    A session that is cut once proves nothing about the machine: it is asked again over a new one.
    """
    try:
        return _read(connect(), read)
    except ConnectionLost:
        return _read(connect(), read)


def _read(shell: Shell, read: Callable[[Shell], T]) -> T:
    try:
        return read(shell)
    finally:
        shell.close()
