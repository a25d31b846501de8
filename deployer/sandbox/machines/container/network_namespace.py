"""A machine's own network: a namespace with a loopback device, and sockets made in it.

A socket belongs to the namespace of the thread that made it. So one thread of this process lives in
the machine's namespace and makes listeners and connections there, which this process then serves as
any other: the machine needs no device, no address and no route that leads to the host.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deployer.sandbox.machines.isolation import linux

METADATA = "169.254.169.254"
_BACKLOG = 128
_T = TypeVar("_T")


class NetworkNamespace:
    """A new namespace; `close` gives it up. It ends with the last process and socket in it."""

    def __init__(self) -> None:
        """Raises OSError where the kernel refuses, CalledProcessError where `ip` does."""
        self._thread = ThreadPoolExecutor(1, "sandbox-network")
        try:
            self._do(_enter)
        except BaseException:
            self._thread.shutdown()
            raise

    def listener(self, address: str, port: int) -> socket.socket:
        """A listening socket inside. Raises OSError."""
        return self._do(lambda: socket.create_server((address, port), backlog=_BACKLOG))

    def socket(self) -> socket.socket:
        """A TCP socket inside, not connected yet."""
        return self._do(socket.socket)

    def start(self, command: Sequence[str], console: int) -> subprocess.Popen[bytes]:
        """Start a process from the thread inside; both outputs go to the descriptor.

        The thread outlives it, so the process may ask to die with its parent.
        """
        return self._do(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        )

    def close(self) -> None:
        """End the thread; call it once, after everything inside has ended."""
        self._thread.shutdown()

    def _do(self, work: Callable[[], _T]) -> _T:
        return self._thread.submit(work).result()


def _enter() -> None:
    """Leave this thread's network for a new one, with the address of the metadata service."""
    linux.unshare(linux.CLONE_NEWNET)
    for words in ("link set lo up", f"address add {METADATA}/32 dev lo"):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)
