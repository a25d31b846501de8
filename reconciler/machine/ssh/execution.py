"""Runs one command on an open channel: reads its output, limits its time, checks its status.

Both streams are read in one loop, because a server stops when either window is full (paramiko #448:
reading the exit status or one stream first hangs for ever beyond 2 MiB).
"""

from __future__ import annotations

import contextlib
import math
import select
import shlex
import signal
import threading
import time
from typing import Protocol

from reconciler.errors import CommandFailed, CommandTimedOut
from reconciler.machine.shell import Command, CommandResult, OnOutput, Pipes
from reconciler.machine.ssh.output_tail import Tail
from reconciler.util.humanize import span

_CHUNK = 1 << 16
_REMOTE_GRACE = 5


class Channel(Protocol):
    """What is needed of an SSH channel (paramiko's has it)."""

    eof_received: int
    closed: bool
    exit_status: int
    status_event: threading.Event

    def fileno(self) -> int: ...
    def recv_ready(self) -> bool: ...
    def recv(self, nbytes: int, /) -> bytes: ...
    def recv_stderr_ready(self) -> bool: ...
    def recv_stderr(self, nbytes: int, /) -> bytes: ...
    def send_ready(self) -> bool: ...
    def send(self, data: bytes, /) -> int: ...
    def shutdown_write(self) -> None: ...


def wire_script(command: Command) -> str:
    """The command line that goes over the wire.

    `timeout` ends the command on the machine even if our process is gone: under OpenSSH, closing
    a channel kills nothing. `exit $?` keeps the login shell as the parent, so that a death by
    signal is returned as 128 + its number (paramiko cannot read the signal's own message).
    """
    limit = math.ceil(command.timeout) + _REMOTE_GRACE
    sudo = "sudo -n " if command.sudo else ""
    return f"{sudo}timeout -k 10 {limit} sh -c {shlex.quote(command.script)}; exit $?"


def execute(
    channel: Channel,
    command: Command,
    host: str,
    on_output: OnOutput | None,
    pipes: Pipes | None = None,
) -> CommandResult:
    """Sends stdin, reads to the end, checks the status. stdout goes to `pipes`, if any.

    Raises CommandFailed, CommandTimedOut; EOFError if the session died meanwhile.
    """
    running = _Running(channel, command, on_output, pipes)
    if not running.drain():
        raise CommandTimedOut(
            f"{command.label} on {host} was given up after {span(command.timeout)}"
            f"{running.why_late()}",
            detail=running.shown.last_lines(),
        )
    status = channel.exit_status
    if status < 0:
        raise EOFError("no exit status")
    if status > 0:
        raise CommandFailed(
            f"{command.label} on {host} {_ending(status)}",
            status=status,
            detail=running.shown.last_lines(),
        )
    return CommandResult(running.stdout.read(), running.stderr.read())


def _ending(status: int) -> str:
    with contextlib.suppress(ValueError):
        if status > 128:
            return f"was killed by {signal.Signals(status - 128).name}"
    return f"ended with {status}"


class _Running:
    """A running command: its outputs so far, its remaining input and time."""

    def __init__(
        self,
        channel: Channel,
        command: Command,
        on_output: OnOutput | None,
        pipes: Pipes | None,
    ) -> None:
        self._channel = channel
        self._more = pipes.read if pipes else None
        self._sink = pipes.write if pipes else None
        self._input = memoryview(command.stdin)
        self._on_output = on_output
        self._end = time.monotonic() + command.timeout
        self.stdout = Tail()
        self.stderr = Tail()
        self.shown = Tail()

    def drain(self) -> bool:
        """Reads until both streams ended and the status arrived; False if time is up first."""
        if not self._has_input():
            self._channel.shutdown_write()
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        while (left := self._end - time.monotonic()) > 0:
            # Checked before reading: what arrived before the end is then certainly read.
            ended = self._channel.eof_received or self._channel.closed
            if self._read() or self._write():
                continue
            if ended:
                return self._channel.status_event.wait(left)
            # poll signals output only, not that the send window has opened.
            poll.poll(min(left, 0.02 if self._has_input() else 1.0) * 1000)
        return False

    def why_late(self) -> str:
        """A visible reason for the time-out, or ''."""
        if self._channel.status_event.is_set():
            return "; it had ended, but something it started keeps its output open"
        return ""

    def _read(self) -> bool:
        channel, moved = self._channel, False
        if channel.recv_ready():
            data = channel.recv(_CHUNK)
            moved = self._pass_on(data) if self._sink else self._keep(data, self.stdout)
        if channel.recv_stderr_ready():
            moved = self._keep(channel.recv_stderr(_CHUNK), self.stderr) or moved
        return moved

    def _pass_on(self, data: bytes) -> bool:
        assert self._sink is not None
        if data:
            self._sink(data)
        return bool(data)

    def _keep(self, data: bytes, stream: Tail) -> bool:
        stream.add(data)
        self.shown.add(data)
        if data and self._on_output:
            self._on_output(data)
        return bool(data)

    def _write(self) -> bool:
        if not self._has_input() or not self._channel.send_ready():
            return False
        try:
            if not self._input and not self._refill():
                return False
            if self._input:
                sent = self._channel.send(bytes(self._input[:_CHUNK]))
                self._input = self._input[sent:]
            if not self._has_input():
                self._channel.shutdown_write()
        except OSError:  # the command closed its stdin or ended: its status says what that means
            self._input, self._more = memoryview(b""), None
        return True

    def _has_input(self) -> bool:
        """Whether there is input to send, now or later."""
        return bool(self._input) or self._more is not None

    def _refill(self) -> bool:
        """Take the next input; False where there is none yet. Its end counts as some."""
        assert self._more is not None
        data = self._more()
        if data is None:
            self._more = None
        self._input = memoryview(data or b"")
        return data != b""
