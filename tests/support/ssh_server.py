"""A real SSH server (asyncssh) on loopback, in a thread, with ways to misbehave."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import psutil

from deployer.sandbox.machines.ssh.pipes import StdinPipe
from reconciler.machine.host_key import HostKey, make_host_key
from reconciler.machine.ssh import ClientKey, SshTarget

SUDO = '#!/bin/sh\n[ "$1" = -n ] || exit 99\nshift\nexec "$@"\n'


@dataclass
class SshServer:
    """One listening server; commands run as `sh -c`, in `home`, with `home/bin` first in PATH."""

    home: Path
    host_key: HostKey = field(default_factory=make_host_key)
    client_key: HostKey = field(default_factory=make_host_key)
    port: int = 0
    logins: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    acceptors: list[asyncssh.SSHAcceptor] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @property
    def target(self) -> SshTarget:
        return SshTarget("127.0.0.1", self.port, "tester")

    @property
    def client(self) -> ClientKey:
        return ClientKey(self.client_key.private, "a key of the test")

    def drop_all(self) -> None:
        """Cut every connection, as a dying machine does."""
        for connection in list(self.connections):
            self.loop.call_soon_threadsafe(connection.abort)

    def call(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self.loop).result(10)

    async def listen(self) -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[asyncssh.import_private_key(self.host_key.private)],
            server_factory=lambda: _Login(self),
            process_factory=self._process,
            sftp_factory=asyncssh.SFTPServer,
            allow_scp=False,
            encoding=None,
        )
        self.acceptors.append(acceptor)
        self.port = acceptor.get_port()

    async def _process(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands.append(process.command or "")
        path = f"{self.home / 'bin'}:{os.environ['PATH']}"
        reading, writing = os.pipe()
        child = subprocess.Popen(  # noqa: ASYNC220 - asyncio's transports outlive their loop
            ["sh", "-c", process.command or ""],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home,
            env={"PATH": path, "HOME": str(self.home)},
            start_new_session=True,
        )
        os.close(reading)
        self.children.append(child)
        stdin = _Stdin(writing, process.channel)
        process.set_writer(stdin, recv_eof=True, datatype=None)
        process.feed_recv_buf(None, stdin)
        assert child.stdout is not None
        assert child.stderr is not None
        ends = ((child.stdout, process.stdout), (child.stderr, process.stderr))
        pumps = [_pump(source.fileno(), sink) for source, sink in ends]
        # As sshd: the channel stays open until the last one that holds a pipe has closed it.
        ended = self.loop.run_in_executor(None, child.wait)
        await asyncio.gather(*pumps)
        status = await ended
        for source, _ in ends:
            source.close()
        process.exit(status) if status >= 0 else process.exit_with_signal("KILL")


async def _pump(fd: int, sink: asyncssh.SSHWriter[bytes]) -> None:
    """Send what the child says, as fast as the client takes it, until the end."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    while True:
        ready = asyncio.Event()
        loop.add_reader(fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(fd)
        if not await _send(fd, sink):
            return


async def _send(fd: int, sink: asyncssh.SSHWriter[bytes]) -> bool:
    """One piece; False at the end, and where the client is gone."""
    data = os.read(fd, 1 << 16)
    if not data:
        return False
    try:
        sink.write(data)
        await sink.drain()
    except (OSError, asyncssh.Error):
        return False
    return True


class _Stdin(StdinPipe):
    """The sandbox's pump as asyncssh's writer.

    Not asyncio's own transport for pipes: where resumed reading brings the last bytes and the end
    in the same turn, it closes the pipe before it has written them (CPython 3.11 to 3.13).
    """

    write = StdinPipe.feed
    write_eof = StdinPipe.end

    def write_exception(self, exc: Exception) -> None:
        """A signal or a break: no command of the tests is sent one."""


class _Login(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        self._server.logins.append(username)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        known = asyncssh.import_public_key(self._server.client_key.public.tag_value)
        return username == "tester" and key.public_data == known.public_data

    def connection_requested(self, *_: object) -> bool:
        return True


@contextmanager
def _no_complaints() -> Iterator[None]:
    """asyncssh drops a coroutine unawaited when a connection is cut in mid-command."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        yield
        gc.collect()


@contextmanager
def serving(home: Path) -> Iterator[SshServer]:
    """A server that listens while the context lasts."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "sudo").write_text(SUDO)
    (home / "bin" / "sudo").chmod(0o755)
    server = SshServer(home)
    thread = threading.Thread(target=server.loop.run_forever, daemon=True)
    thread.start()
    with _no_complaints():
        try:
            server.call(server.listen)
            yield server
        finally:
            server.call(lambda: _end(server))
            server.loop.call_soon_threadsafe(server.loop.stop)
            thread.join(10)
            server.loop.close()
            server.children.clear()
            server.connections.clear()


async def _end(server: SshServer) -> None:
    for acceptor in server.acceptors:
        acceptor.close()
    sessions = {child.pid for child in server.children}
    # Not by group: `timeout` makes one of its own.
    for pid in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getsid(pid) in sessions:
                os.kill(pid, signal.SIGKILL)
    for connection in server.connections:
        connection.abort()
        await connection.wait_closed()
    for acceptor in server.acceptors:
        await acceptor.wait_closed()  # from Python 3.12 on until no connection is left
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=0.5)
    await server.loop.shutdown_default_executor()
