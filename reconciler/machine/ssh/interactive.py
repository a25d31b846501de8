"""Connects a person's terminal, or a pipe, to a command on a machine, and waits for its end."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from typing import Any, Protocol

SIZE = 32768
KILLED = 255
"""The exit code where the command has none: a signal ended it, or the connection. As ssh's."""


class CommandChannel(Protocol):
    """What is needed of paramiko's channel."""

    def get_pty(self, term: str = "", width: int = 80, height: int = 24) -> None: ...
    def exec_command(self, command: str) -> None: ...
    def invoke_shell(self) -> None: ...
    def fileno(self) -> int: ...
    def recv_ready(self) -> bool: ...
    def recv(self, nbytes: int) -> bytes: ...
    def recv_stderr_ready(self) -> bool: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def sendall(self, s: bytes) -> None: ...
    def shutdown_write(self) -> None: ...
    def resize_pty(self, width: int = 80, height: int = 24) -> None: ...
    def recv_exit_status(self) -> int: ...

    @property
    def eof_received(self) -> int: ...
    @property
    def closed(self) -> int: ...


def attend(channel: CommandChannel, command: str) -> int:
    """Run the command, or a shell for ''; returns its exit code.

    A shell on a terminal gets one there too; a command gets pipes, as with ssh.
    """
    terminal = not command and sys.stdin.isatty()
    if terminal:
        channel.get_pty(os.environ.get("TERM", "dumb"), *shutil.get_terminal_size())
    if command:
        channel.exec_command(command)
    else:
        channel.invoke_shell()
    return _relay(channel, terminal=terminal)


def _relay(channel: CommandChannel, *, terminal: bool) -> int:
    """Carry bytes both ways until the command has ended; returns its exit code."""
    with _raw(channel) if terminal else contextlib.nullcontext():
        # In a thread of its own: a machine that is slow to read must not keep us from reading it.
        threading.Thread(target=_feed, args=(channel,), name="stdin", daemon=True).start()
        # A server may close the channel without an end of its streams.
        while not (channel.eof_received or channel.closed):
            select.select([channel.fileno()], [], [], 0.5)
            _pass_on(channel)
        _pass_on(channel)
        status = channel.recv_exit_status()  # waits for it; -1 where the channel closed without
        _pass_on(channel)
    return status if status >= 0 else KILLED


def _pass_on(channel: CommandChannel) -> None:
    while channel.recv_ready():
        _write(1, channel.recv(SIZE))
    while channel.recv_stderr_ready():
        _write(2, channel.recv_stderr(SIZE))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _feed(channel: CommandChannel) -> None:
    """What is typed or piped in. A command that does not read it any more ends us, not an error."""
    with contextlib.suppress(OSError, EOFError):
        while data := os.read(0, SIZE):
            channel.sendall(data)
        channel.shutdown_write()


@contextlib.contextmanager
def _raw(channel: CommandChannel) -> Iterator[None]:
    """Keys go to the machine one by one, Ctrl-C included; a window that changes is told."""
    before = termios.tcgetattr(0)

    def resized(*_: Any) -> None:
        channel.resize_pty(*shutil.get_terminal_size())

    old = signal.signal(signal.SIGWINCH, resized)
    try:
        tty.setraw(0, termios.TCSADRAIN)  # what was typed ahead is kept, as by ssh
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, old)
