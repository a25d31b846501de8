"""Starts processes inside a machine and reaps them all, as its pid 1 must."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from deployer.sandbox.machines.isolation import linux

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Start:
    """A process to start: command, environment, directory; fds of None are /dev/null.

    `ids` are the uid and gid that it sees as its own, and as those of every file: a machine has
    one uid, so that it is a user namespace more, which forbids nothing but what root alone may.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str = "/"
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    terminal: bool = False
    ids: tuple[int, int] = (0, 0)


@dataclass
class Children:
    """Reaps every process that ends in the machine; those started here have a future each."""

    _waiting: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    def install(self) -> None:
        """Start to reap, in the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.reap)

    def start(self, start: Start) -> tuple[int, asyncio.Future[int]]:
        """Start a process as leader of its own session.

        Returns its pid and the future of its exit code, which is `-N` where signal N ended it.
        Raises OSError where it cannot be executed.
        """
        process = subprocess.Popen(
            start.argv,
            env=dict(start.env),
            cwd=start.cwd,
            stdin=_or_null(start.stdin),
            stdout=_or_null(start.stdout),
            stderr=_or_null(start.stderr),
            start_new_session=True,
            preexec_fn=_preparation(start),
        )
        # Reaped here: with a return code set, Popen never waits for a reused pid.
        process.returncode = 0
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[process.pid] = ended
        return process.pid, ended

    def reap(self) -> None:
        """Reap every process that has ended, orphans included."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self._waiting.pop(pid, None)
            if ended is not None and not ended.done():
                ended.set_result(os.waitstatus_to_exitcode(status))


def _or_null(fd: int | None) -> int:
    return subprocess.DEVNULL if fd is None else fd


def _preparation(start: Start) -> Callable[[], None] | None:
    """What the new process does before its program; safe after fork: pid 1 has no threads."""
    if start.terminal:
        return _take_terminal
    if start.ids != (0, 0) and not linux.is_first_user_namespace():
        return partial(linux.enter_new_user_namespace, *start.ids)
    return None


def _take_terminal() -> None:
    """Make the terminal on stdin the controlling one."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def kill_group(pid: int, number: int) -> None:
    """Signal a process group, if it still exists."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
