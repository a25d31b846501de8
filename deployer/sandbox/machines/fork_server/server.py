"""The process from which all machines are forked, so that each boots in a tenth of a second.

It imports what a machine needs once, has one thread, and lives in a user namespace of its own in
which our uid is 0 (or in the host's, where none is to be had and we are root anyway). It ends when
the host's end of its socket closes, however the host died, and everything it forked ends with it.

Run as `python -m deployer.sandbox.machines.fork_server.server FD`.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from deployer.sandbox.machines import messages
from deployer.sandbox.machines.disk import copies as disks
from deployer.sandbox.machines.isolation import linux, namespaces


@dataclass
class Zygote:
    """Obeys the host's requests one by one; whatever takes time is done by a child."""

    host: socket.socket
    _children: dict[int, str] = field(default_factory=dict)

    def serve(self) -> None:
        """Until the host is gone."""
        wakeup, alarm = os.pipe()
        for fd in (wakeup, alarm):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(alarm)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        while True:
            ready, _, _ = select.select([self.host.fileno(), wakeup], [], [])
            if wakeup in ready:
                os.read(wakeup, 512)
            self._reap()
            if self.host.fileno() in ready and not self._obey():
                return

    def end(self) -> None:
        """Kill every child and wait until each is gone."""
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        while self._children:
            self._reaped(*os.waitpid(-1, 0))

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._reaped(pid, status)

    def _reaped(self, pid: int, status: int) -> None:
        job = self._children.pop(pid, None)
        if job is not None:
            code = os.waitstatus_to_exitcode(status)
            self._tell({"event": "ended", "job": job, "code": code})

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            messages.send(self.host, message)
        except OSError:
            return  # the host is gone: `serve` sees it next

    def _obey(self) -> bool:
        request = messages.receive(self.host)
        if request is None:
            return False
        match request["op"]:
            case "boot":
                self._fork(request["job"], lambda: self._boot(request["orders"]))
            case "copy":
                source, target = Path(request["source"]), Path(request["target"])
                self._fork(request["job"], lambda: disks.copy_disk(source, target))
            case "remove":
                paths = tuple(Path(path) for path in request["paths"])
                self._fork(request["job"], lambda: _remove(paths))
            case "kill":
                for pid in [pid for pid, job in self._children.items() if job == request["job"]]:
                    os.kill(pid, signal.SIGTERM)
        return True

    def _boot(self, orders: dict[str, Any]) -> None:
        from deployer.sandbox.machines.fork_server.monitor import Monitor

        Monitor(messages.orders_from_json(orders), self.host).run()

    def _fork(self, job: str, work: Callable[[], None]) -> None:
        pid = os.fork()
        if pid == 0:
            _work(work)
        self._children[pid] = job


def _work(work: Callable[[], None]) -> NoReturn:
    """Runs in the child and never returns."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    code = 1
    try:
        linux.die_with_parent()
        work()
        code = 0
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _remove(paths: tuple[Path, ...]) -> None:
    for path in paths:
        disks.remove_tree(path)


def main() -> None:
    """Take the socket, enter the user namespace, say whether isolation is to be had, serve."""
    host = socket.socket(fileno=int(sys.argv[1]))
    directory = Path(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C is for the host; we end with it
    reason = isolate(directory)
    messages.send(host, {"event": "ready", "reason": reason or ""})
    if reason:
        return
    _warm_up()
    zygote = Zygote(host)
    zygote.serve()
    zygote.end()


def isolate(directory: Path) -> str | None:
    """Enter the user namespace and try out the rest; the reason where that is not allowed.

    Where it is not, root with CAP_SYS_ADMIN goes on without one, as container engines do: what
    makes the host read-only is the mounts, and that a machine's root has lost the power over them.
    """
    before = linux.user_namespace()
    try:
        linux.become_root_of_new_user_namespace()
    except OSError as error:
        # Half in one, where mapping us was refused, we are nobody.
        if linux.user_namespace() != before or not linux.may_make_namespaces():
            return str(error)
    return namespaces.probe(directory)


def _warm_up() -> None:
    """Import what a machine needs, once, and keep the collector off the shared pages."""
    import deployer.sandbox.machines.fork_server.monitor  # noqa: F401 -- for its imports

    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
