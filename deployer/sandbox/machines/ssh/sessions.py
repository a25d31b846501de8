"""An SSH session: a command or a shell with its pipes, or SFTP.

Bytes are copied with back-pressure both ways, so that a command with endless output waits for its
reader instead of filling the memory. As with sshd the session ends when the command has ended *and*
no process holds its output open any more (`sleep 4 &` holds it for four seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import posixpath
import signal
import struct
import tempfile
import termios
from typing import Any, Protocol

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from deployer.sandbox.machines.process import users
from deployer.sandbox.machines.process.spawner import Children, Start, kill_group
from deployer.sandbox.machines.process.users import PasswdEntry
from deployer.sandbox.machines.ssh.command_hook import CommandHook, Word
from deployer.sandbox.machines.ssh.pipes import OutputPipe, StdinPipe

_SFTP_VERSION = 3  # OpenSSH's


class Commands(Protocol):
    """What a session needs of its server: the commands' environment, the hook, running commands."""

    children: Children
    hook: CommandHook
    running: set[asyncio.Task[None]]


class SshSession(SSHServerStreamSession[bytes]):
    """One SSH session of one user; SFTP is asyncssh's, the rest is implemented here."""

    def __init__(
        self,
        person: PasswdEntry,
        server: Commands,
        connection: str,
    ) -> None:
        super().__init__(None, lambda _chan: self._sftp(server.hook), _SFTP_VERSION)
        self._person, self._children, self._connection = person, server.children, connection
        self._running, self._hook = server.running, server.hook
        self._twice, self._early, self._ended_early = False, bytearray(), False
        self._outputs: list[OutputPipe] = []
        self._input: StdinPipe | None = None
        self._pid = 0
        self._terminal: int | None = None

    # Called by asyncssh

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
        task = asyncio.ensure_future(self._live())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._channel.get_subsystem():
            super().data_received(data, datatype)
        elif self._input is None:
            self._early += data
        else:
            self._input.feed(data)

    def eof_received(self) -> bool:
        if self._channel.get_subsystem():
            return super().eof_received()
        if self._input is None:
            self._ended_early = True
        elif self._terminal is None:
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

    # Implementation

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
        self._input = StdinPipe(in_write, self._channel)
        self._outputs = [
            OutputPipe(out_read, self._channel, None),
            OutputPipe(err_read, self._channel, asyncssh.EXTENDED_DATA_STDERR),
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
        self._input = StdinPipe(os.dup(ours), self._channel)
        self._outputs = [OutputPipe(ours, self._channel, None)]
        return ended

    def _spawn(
        self, stdin: int, stdout: int, stderr: int, *, terminal: bool = False
    ) -> asyncio.Future[int]:
        command = self._channel.get_command()
        shell = self._person.shell
        argv = [shell, "-l"] if command is None else [shell, "-c", command]
        env = users.environment(self._person) | {
            "SSH_CONNECTION": self._connection,
            "SSH_CLIENT": " ".join(self._connection.split()[i] for i in (0, 1, 3)),
        }
        if terminal:
            env["TERM"] = self._channel.get_terminal_type() or "dumb"
        cwd = users.home_or_root(self._person)
        start = Start(argv, env, cwd, stdin, stdout, stderr, terminal)
        self._pid, ended = self._children.start(start)
        return ended

    async def _live(self) -> None:
        """Run from the request to the exit status, as far as the hook server allows."""
        what = self._channel.get_command() or "a shell"
        if self._hook.watched and not self._passes(await self._hook.ask("before", what)):
            return
        try:
            ended = self._start()
        except OSError as error:
            self._channel.write_stderr(f"{error}\n".encode())
            self._channel.exit(126)
            return
        if self._twice and self._input is not None:
            self._input.record = bytearray()
        self._catch_up()
        code = await self._outlived(ended)
        if self._twice:
            await self._again()
        if not self._hook.watched or self._passes(await self._hook.ask("after", what)):
            self._report(code)

    def _catch_up(self) -> None:
        """Process what the client sent while the hook server was deciding."""
        if self._input is not None and self._early:
            self._input.feed(bytes(self._early))
        if self._input is not None and self._ended_early and self._terminal is None:
            self._input.end()

    def _passes(self, word: Word) -> bool:
        """False where the connection was cut instead."""
        self._twice = word == "twice"
        if word == "cut":
            self._channel.get_connection().abort()
        return word != "cut"

    async def _again(self) -> None:
        """Run the same command a second time, without sending its output."""
        said = bytes(self._input.record or b"") if self._input else b""
        with tempfile.TemporaryFile() as stdin:
            stdin.write(said)
            stdin.seek(0)
            null = os.open(os.devnull, os.O_WRONLY)
            try:
                ended = self._spawn(stdin.fileno(), null, null)
            finally:
                os.close(null)
            await ended

    async def _outlived(self, ended: asyncio.Future[int]) -> int:
        """The exit code, once the process has ended and its output is closed, as with sshd."""
        code = await ended
        self._pid = 0
        if self._terminal is not None:  # background jobs do not keep a terminal's session open
            await asyncio.wait([output.ended for output in self._outputs], timeout=1)
            for output in self._outputs:
                output.close()
        for output in self._outputs:
            await output.ended
        return code

    def _report(self, code: int) -> None:
        with contextlib.suppress(OSError):  # the client did not wait
            if code < 0:
                name = signal.Signals(-code).name.removeprefix("SIG")
                self._channel.exit_with_signal(name)
            else:
                self._channel.exit(code)

    def _sftp(self, hook: CommandHook) -> asyncssh.SFTPServer:
        kind = WatchedSFTP if hook.watched else HomeSFTP
        files = kind(self._channel, self._person.home)
        if isinstance(files, WatchedSFTP):
            files.hook = hook
        return files


class HomeSFTP(asyncssh.SFTPServer):
    """SFTP over the machine's whole tree; relative paths start at the home, as with sshd."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], home: str) -> None:
        super().__init__(chan)
        self._home = home.encode()

    def map_path(self, path: bytes) -> bytes:
        return posixpath.join(self._home, path)


class WatchedSFTP(HomeSFTP):
    """The same with a hook: asked when a file gets its final name, which is the act."""

    hook: CommandHook

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        what = f"sftp: put {newpath.decode(errors='replace')}"
        await self._ask("before", what)
        super().posix_rename(oldpath, newpath)
        await self._ask("after", what)

    async def _ask(self, when: str, what: str) -> None:
        if await self.hook.ask(when, what) == "cut":
            self.channel.get_connection().abort()
            raise asyncssh.SFTPFailure("cut")


def _signals() -> type[signal.Signals]:
    return signal.Signals


def _set_size(terminal: int, size: tuple[int, int, int, int]) -> None:
    width, height, pixel_width, pixel_height = size
    packed = struct.pack("HHHH", height, width, pixel_width, pixel_height)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, packed)
