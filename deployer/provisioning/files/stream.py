"""Sends files of one machine to several others, as one archive that flows through this process.

Machines hold no keys for each other, and nothing is written to a disk here: what the source packs
is handed on in pieces, as fast as the slowest machine unpacks them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from reconciler.machine.files import listing
from reconciler.machine.shell import Command, Pipes, Shell
from reconciler.util.concurrency import side_by_side

_PIECES = 64
_WAIT = 0.2


@dataclass(frozen=True)
class Folder:
    """A folder, at the same path on every machine, and the seconds that each command may take."""

    path: str
    timeout: float

    def command(self, script: str, label: str) -> Command:
        """A command of root on it."""
        return Command(script, f"{label} {self.path}", sudo=True, timeout=self.timeout)


def send(
    folder: Folder,
    source: Shell,
    targets: Sequence[Shell],
    names: Iterable[bytes],
    on_bytes: Callable[[int], None],
) -> None:
    """Unpack on every target what the source has under these names.

    Raises the ShellError of the machine that failed first; every other command has ended then.
    """
    relay = _Relay(len(targets))

    def pack() -> None:
        def write(data: bytes) -> None:
            relay.write(data)
            on_bytes(len(data))

        command = folder.command(listing.pack_script(folder.path), "pack")
        source.stream(command, Pipes(given(names), write))
        relay.write(None)

    def unpack(number: int, target: Shell) -> None:
        command = folder.command(listing.unpack_script(folder.path), "unpack")
        target.stream(command, Pipes(lambda: relay.read(number), lambda _: None))

    jobs: list[Callable[[], None]]
    jobs = [*(partial(unpack, number, target) for number, target in enumerate(targets)), pack]
    side_by_side(jobs, relay.watched)


def given(names: Iterable[bytes]) -> Callable[[], bytes | None]:
    """The stdin of a command that reads names, each ended by a zero byte."""
    pieces = iter([b"".join(name + b"\0" for name in names)])
    return lambda: next(pieces, b"") or None


class _Broken(Exception):
    """Another command of the same stream failed, which is reported there."""


class _Relay:
    """Hands each piece to every reader; holds the writer up while one of them is behind."""

    def __init__(self, readers: int) -> None:
        self._queues: list[queue.Queue[bytes | None]] = [
            queue.Queue(_PIECES) for _ in range(readers)
        ]
        self._broken = threading.Event()

    def watched(self, job: Callable[[], None]) -> None:
        """Run one end of the stream: if it fails, the others end too, without an error."""
        try:
            job()
        except _Broken:
            return
        except BaseException:
            self._broken.set()
            raise

    def write(self, data: bytes | None) -> None:
        """Hand a piece on; None is the end."""
        for pieces in self._queues:
            self._put(pieces, data)

    def _put(self, pieces: queue.Queue[bytes | None], data: bytes | None) -> None:
        while not self._broken.is_set():
            try:
                pieces.put(data, timeout=_WAIT)
            except queue.Full:
                continue
            return
        raise _Broken

    def read(self, number: int) -> bytes | None:
        """The next piece for a reader, b"" where there is none yet."""
        if self._broken.is_set():
            raise _Broken
        try:
            return self._queues[number].get_nowait()
        except queue.Empty:
            return b""
