"""A channel through an SSH session, for what expects a socket."""

from __future__ import annotations

import contextlib
from typing import Protocol


class ByteChannel(Protocol):
    """What is used of a `paramiko.Channel`."""

    def recv(self, nbytes: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def sendall(self, data: bytes, /) -> object: ...
    def settimeout(self, timeout: float | None, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class Tunnel:
    """A channel that is closed as a socket is: without an error where the session was lost.

    paramiko tells the other side that a channel ends, and raises EOFError (which is no OSError)
    where that fails. Its own thread, which closes the socket of a session, would end with a
    traceback, and a clean-up before its time.
    """

    def __init__(self, channel: ByteChannel) -> None:
        self._channel = channel
        self._closed = False  # paramiko asks its sockets for it
        self.recv, self.send, self.sendall = channel.recv, channel.send, channel.sendall
        self.settimeout = channel.settimeout

    def shutdown(self, how: int, /) -> None:
        """End one direction, or both."""
        with contextlib.suppress(EOFError, OSError):
            self._channel.shutdown(how)

    def close(self) -> None:
        """Idempotent."""
        self._closed = True
        with contextlib.suppress(EOFError, OSError):
            self._channel.close()
