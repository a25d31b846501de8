"""The pipe by which a machine's pid 1 answers systemctl, journalctl, shutdown and similar.

The client is a shell (`shims/ask.sh`), which can use files and pipes only. It writes its arguments
to `N.question`, a zero byte after each, N being its process id; opens the pipe `N.answer`; and
writes N to the pipe `bell`. It reads one line: the exit code, and `told` if output and errors are
in `N.out` and `N.err`, which the client removes; the other files are removed here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deployer.sandbox.machines.systemd import journalctl
from deployer.sandbox.machines.systemd.manager import Manager
from deployer.sandbox.machines.systemd.systemctl import Systemctl, SystemctlResult
from deployer.sandbox.machines.systemd.transient import Transient

ASKS = Path("/run/sandbox.asks")
_AT_ONCE = 65536
"""Bytes; a pipe write up to this size is atomic (pipe(7)), so no line is cut in two."""


@dataclass(frozen=True)
class Control:
    """Reads a request whenever a client writes to `bell`, and answers it."""

    manager: Manager
    directory: Path = ASKS
    reload_sshd: Callable[[], None] = lambda: None
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def listen(self) -> None:
        """Start to answer."""
        self.directory.mkdir()
        bell = self.directory / "bell"
        os.mkfifo(bell)
        # Open for writing as well: a pipe without a writer would always be readable.
        ring = os.open(bell, os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(ring, self._rung, ring)

    def _rung(self, ring: int) -> None:
        """A client writes a short line, which arrives atomically. pipe(7), "PIPE_BUF"."""
        for number in os.read(ring, _AT_ONCE).split():
            task = asyncio.ensure_future(self._serve(self.directory / number.decode()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def answer(self, words: list[str]) -> SystemctlResult:
        """The answer to a command line; its first word is the program's name."""
        program, *rest = words
        match program:
            case "systemctl" if rest == ["reload", "ssh.service"]:
                self.reload_sshd()  # pid 1 is the SSH server: it has no unit
            case "systemctl":
                return await Systemctl(self.manager).answer(rest)
            case "systemd-run":
                return await Transient(self.manager).answer(rest)
            case "journalctl":
                return self._journal(rest)
            case "shutdown":
                return self._shutdown(rest)
            case "reboot":
                self.manager.power("reboot")
            case "halt" | "poweroff":
                self.manager.power("halt")
        return SystemctlResult()

    async def _serve(self, base: Path) -> None:
        question, out, err = (base.with_suffix(f".{one}") for one in ("question", "out", "err"))
        answer = await self.answer(_words(question.read_bytes()))
        question.unlink()
        told = bool(answer.out or answer.err)
        if told:
            out.write_text(answer.out, errors="replace")
            err.write_text(answer.err, errors="replace")
        if not _say(base.with_suffix(".answer"), f"{answer.code} {'told' * told}\n") and told:
            out.unlink()
            err.unlink()

    def _journal(self, words: list[str]) -> SystemctlResult:
        try:
            return SystemctlResult(out=journalctl.answer(self.manager.tools.journal, words))
        except ValueError as error:
            return SystemctlResult(err=f"{error}\n", code=1)

    def _shutdown(self, words: list[str]) -> SystemctlResult:
        """`shutdown [-h|-P|-H|-r] now`; a later time is a number of minutes, default one."""
        act = "reboot" if "-r" in words or "--reboot" in words else "halt"
        when = next((word for word in words if not word.startswith("-")), "+1")
        if "-c" in words:
            return SystemctlResult(err="shutdown: the sandbox cancels nothing\n", code=1)
        if when != "now" and not when.lstrip("+").isdigit():
            return SystemctlResult(err=f"Failed to parse time specification: {when}\n", code=1)
        minutes = 0 if when == "now" else int(when)
        asyncio.get_running_loop().call_later(60 * minutes, self.manager.power, act)
        return SystemctlResult()


def _words(question: bytes) -> list[str]:
    return [word.decode(errors="surrogateescape") for word in question.split(b"\0")[:-1]]


def _say(pipe: Path, line: str) -> bool:
    """Whether the client that waits at the pipe read the line; the pipe is removed."""
    try:
        end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # ENXIO: no reader has it open
        return False
    finally:
        pipe.unlink()
    try:
        os.write(end, line.encode())
    finally:
        os.close(end)
    return True
