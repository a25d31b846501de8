"""The process outside a machine: copies its disk, stores its console, notices its end.

A machine's output comes through two pipes and is treated as text or as one of a few words; no
process in the machine holds a descriptor of the host.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from deployer.sandbox.machines import messages
from deployer.sandbox.machines.boot import pid1
from deployer.sandbox.machines.disk import copies
from deployer.sandbox.machines.isolation import linux, namespaces
from deployer.sandbox.machines.isolation.namespaces import FileTree
from deployer.sandbox.machines.messages import BootOrders

_CONSOLE_LIMIT = 1 << 20
_WORDS = frozenset(("up",))


@dataclass
class Console:
    """The console file, which keeps the first and the last output."""

    path: Path
    _size: int = field(default=0)

    def write(self, data: bytes) -> None:
        """Append; beyond the limit the file starts anew."""
        if self._size + len(data) > _CONSOLE_LIMIT:
            self.path.write_bytes(b"")
            self._size = 0
        with self.path.open("ab") as file:
            file.write(data)
        self._size += len(data)


@dataclass
class Monitor:
    """One boot of one machine; `run` returns when all processes of the machine are gone."""

    orders: BootOrders
    events: socket.socket
    listeners: tuple[int, ...] = ()
    _pid: int = 0

    def run(self) -> None:
        """Copy, boot, watch, report. The caller is a separate process with one thread."""
        signal.signal(signal.SIGTERM, self._end)
        linux.die_with_parent()
        console = Console(self.orders.console)
        try:
            self._prepare_disk()
            pipes = self._fork()
        except OSError as error:
            console.write(f"boot failed: {error}\n".encode())
            self._tell("gone")
            return
        self._watch(console, *pipes)
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        self._tell({pid1.HALT: "halted", pid1.REBOOT: "rebooting"}.get(code, "gone"))

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM: kill pid 1, and with it every process of its namespace."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
        else:
            os._exit(1)

    def _tell(self, event: str) -> None:
        with contextlib.suppress(OSError):  # the host is gone: this process ends soon, too
            messages.send(self.events, {"event": event, "id": self.orders.spec.instance_id})

    def _prepare_disk(self) -> None:
        if self.orders.image:
            copies.copy_disk(Path(self.orders.image), self.orders.disk)
        self.orders.mount_point.mkdir(exist_ok=True)

    def _fork(self) -> tuple[int, int]:
        """Fork pid 1; returns our ends of its console and word pipes."""
        console, words, lifeline = os.pipe(), os.pipe(), os.pipe()
        namespaces.leave_host()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        self._pid = os.fork()
        if self._pid == 0:
            self.events.close()
            for reader, _ in (console, words):
                os.close(reader)
            os.close(lifeline[1])
            ends = pid1.PipeEnds(console[1], words[1], lifeline[0], self.listeners)
            pid1.main(self.orders, room(self.orders), ends)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        for fd in (console[1], words[1], lifeline[0], *self.listeners):
            os.close(fd)
        return console[0], words[0]

    def _watch(self, console: Console, output: int, words: int) -> None:
        """Read until pid 1 has closed both pipes, which happens when it ends."""
        selector = selectors.DefaultSelector()
        for fd in (output, words):
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                elif key.fd == output:
                    console.write(data)
                else:
                    for word in _WORDS.intersection(data.decode("ascii", "replace").split()):
                        self._tell(word)


def room(orders: BootOrders) -> FileTree:
    """The parts of the machine's file tree."""
    binds = tuple(Path(path) for path in orders.binds)
    firmware = orders.spec.instance_id
    return FileTree(orders.disk, orders.mount_point, Path(orders.shims), binds, firmware)
