"""What runs in an SSH session: a command or a shell with its pipes, or SFTP.

Bytes are pumped with back-pressure both ways, so that a command that prints without end waits for
its reader instead of filling the memory. As with sshd the session ends when the command has ended
*and* nobody holds its output open any more (`sleep 4 &` holds it for four seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import posixpath
import signal
import struct
import termios
from typing import Any

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from deployer.sandbox.machines import people
from deployer.sandbox.machines.children import Children, Start, kill_group
from deployer.sandbox.machines.people import Person
from deployer.sandbox.machines.pipes import Input, Output

_SFTP_VERSION = 3  # OpenSSH's


class Session(SSHServerStreamSession[bytes]):
    """One SSH session of one user; SFTP is asyncssh's, the rest is ours."""

    def __init__(
        self,
        person: Person,
        children: Children,
        connection: str,
        running: set[asyncio.Task[None]],
    ) -> None:
        super().__init__(None, lambda _chan: HomeSFTP(self._channel, person.home), _SFTP_VERSION)
        self._person, self._children, self._connection = person, children, connection
        self._running = running
        self._outputs: list[Output] = []
        self._input: Input | None = None
        self._pid = 0
        self._terminal: int | None = None

    # What asyncssh asks

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:  # noqa: ARG002 -- asyncssh's signature
        return True

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:  # noqa: ARG002
        return True

    def session_started(self) -> None:
        if self._channel.get_subsystem():
            super().session_started()
            return
        try:
            ended = self._start()
        except OSError as error:
            self._channel.write_stderr(f"{error}\n".encode())
            self._channel.exit(126)
            return
        task = asyncio.ensure_future(self._finish(ended))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._input is None:
            super().data_received(data, datatype)
        else:
            self._input.feed(data)

    def eof_received(self) -> bool:
        if self._input is None:
            return super().eof_received()
        if self._terminal is None:
            self._input.end()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        for output in self._outputs:
            output.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        for output in self._outputs:
            output.resume()

    def signal_received(self, signal: str) -> None:
        number = getattr(_signals(), f"SIG{signal}", None)
        if self._pid and number:
            kill_group(self._pid, number)

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self._terminal is not None:
            _set_size(self._terminal, (width, height, pixwidth, pixheight))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._input is not None:
            self._input.close()
        for output in self._outputs:
            output.close()

    # What we do

    @property
    def _channel(self) -> asyncssh.SSHServerChannel[bytes]:
        assert self._chan is not None
        return self._chan  # type: ignore[return-value]

    def _start(self) -> asyncio.Future[int]:
        if self._channel.get_terminal_type() is None:
            return self._start_with_pipes()
        return self._start_on_terminal()

    def _start_with_pipes(self) -> asyncio.Future[int]:
        pairs = [os.pipe() for _ in range(3)]
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = pairs
        try:
            ended = self._spawn(in_read, out_write, err_write)
        except OSError:
            for fd in (in_write, out_read, err_read):
                os.close(fd)
            raise
        finally:
            for fd in (in_read, out_write, err_write):
                os.close(fd)
        self._input = Input(in_write, self._channel)
        self._outputs = [
            Output(out_read, self._channel, None),
            Output(err_read, self._channel, asyncssh.EXTENDED_DATA_STDERR),
        ]
        return ended

    def _start_on_terminal(self) -> asyncio.Future[int]:
        ours, theirs = os.openpty()
        _set_size(ours, self._channel.get_terminal_size())
        try:
            ended = self._spawn(theirs, theirs, theirs, terminal=True)
        finally:
            os.close(theirs)
        self._terminal = ours
        self._input = Input(os.dup(ours), self._channel)
        self._outputs = [Output(ours, self._channel, None)]
        return ended

    def _spawn(
        self, stdin: int, stdout: int, stderr: int, *, terminal: bool = False
    ) -> asyncio.Future[int]:
        command = self._channel.get_command()
        shell = self._person.shell
        argv = [shell, "-l"] if command is None else [shell, "-c", command]
        env = people.environment(self._person) | {
            "SSH_CONNECTION": self._connection,
            "SSH_CLIENT": " ".join(self._connection.split()[i] for i in (0, 1, 3)),
        }
        if terminal:
            env["TERM"] = self._channel.get_terminal_type() or "dumb"
        cwd = people.home_or_root(self._person)
        start = Start(argv, env, cwd, stdin, stdout, stderr, terminal)
        self._pid, ended = self._children.start(start)
        return ended

    async def _finish(self, ended: asyncio.Future[int]) -> None:
        """Report the exit when the process has ended and its output is closed, as sshd does."""
        code = await ended
        self._pid = 0
        if self._terminal is not None:  # jobs in the background do not hold a terminal's session
            await asyncio.wait([output.ended for output in self._outputs], timeout=1)
            for output in self._outputs:
                output.close()
        for output in self._outputs:
            await output.ended
        with contextlib.suppress(OSError):  # the client did not wait
            if code < 0:
                name = signal.Signals(-code).name.removeprefix("SIG")
                self._channel.exit_with_signal(name)
            else:
                self._channel.exit(code)


class HomeSFTP(asyncssh.SFTPServer):
    """SFTP over the machine's whole tree; relative paths begin at home, as with sshd."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], home: str) -> None:
        super().__init__(chan)
        self._home = home.encode()

    def map_path(self, path: bytes) -> bytes:
        return posixpath.join(self._home, path)


def _signals() -> type[signal.Signals]:
    return signal.Signals


def _set_size(terminal: int, size: tuple[int, int, int, int]) -> None:
    width, height, pixel_width, pixel_height = size
    packed = struct.pack("HHHH", height, width, pixel_width, pixel_height)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, packed)
