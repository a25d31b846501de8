"""The process from which all machines are forked, so that each boots in a tenth of a second.

It imports a machine's modules once, has one thread, and lives in its own user namespace in which
our uid is 0 (or in the host's, where namespaces are forbidden and we are root anyway). It ends when
the host's end of its socket closes, however the host died, and its children end with it.

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
from deployer.sandbox.machines.disk import copies
from deployer.sandbox.machines.isolation import linux, namespaces


@dataclass
class ForkServer:
    """Handles the host's requests one by one; slow work is done by a child."""

    host: socket.socket
    _children: dict[int, str] = field(default_factory=dict)

    def serve(self) -> None:
        """Serve until the host is gone."""
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
            return  # the host is gone: `serve` notices it next

    def _obey(self) -> bool:
        request, fds = messages.receive_all(self.host)
        if request is None:
            return False
        match request["op"]:
            case "boot":
                self._fork(request["job"], lambda: self._boot(request["orders"], fds))
                for fd in fds:
                    os.close(fd)
            case "copy":
                source, target = Path(request["source"]), Path(request["target"])
                self._fork(request["job"], lambda: copies.copy_disk(source, target))
            case "remove":
                paths = tuple(Path(path) for path in request["paths"])
                self._fork(request["job"], lambda: _remove(paths))
            case "kill":
                for pid in [pid for pid, job in self._children.items() if job == request["job"]]:
                    os.kill(pid, signal.SIGTERM)
        return True

    def _boot(self, orders: dict[str, Any], fds: list[int]) -> None:
        from deployer.sandbox.machines.fork_server.monitor import Monitor

        Monitor(messages.orders_from_json(orders), self.host, tuple(fds)).run()

    def _fork(self, job: str, work: Callable[[], None]) -> None:
        pid = os.fork()
        if pid == 0:
            _work(work)
        self._children[pid] = job


def _work(work: Callable[[], None]) -> NoReturn:
    """Run in the child; never returns."""
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
        copies.remove_tree(path)


def main() -> None:
    """Take the socket, enter the user namespace, report whether isolation works, serve."""
    host = socket.socket(fileno=int(sys.argv[1]))
    directory = Path(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C is for the host; this process ends with it
    reason = isolate(directory)
    messages.send(host, {"event": "ready", "reason": reason or ""})
    if reason:
        return
    _warm_up()
    zygote = ForkServer(host)
    zygote.serve()
    zygote.end()


def isolate(directory: Path) -> str | None:
    """Enter the user namespace and test the rest; the reason where that is not allowed.

    Where it is not, root with CAP_SYS_ADMIN continues without one, as container engines do: the
    mounts make the host read-only, and a machine's root has no capability to change mounts.
    """
    before = linux.user_namespace()
    try:
        linux.become_root_of_new_user_namespace()
    except OSError as error:
        # Inside a namespace whose uid mapping was refused, this process has no privileges.
        if linux.user_namespace() != before or not linux.may_make_namespaces():
            return str(error)
    return namespaces.probe(directory)


def _warm_up() -> None:
    """Import a machine's modules once, and keep the garbage collector off the shared pages."""
    import deployer.sandbox.machines.fork_server.monitor  # noqa: F401 -- for its imports

    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
