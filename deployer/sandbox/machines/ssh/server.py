"""The SSH server of a machine: public keys only, exec, shell, SFTP and port forwarding."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import asyncssh

from deployer.sandbox.machines.process import users
from deployer.sandbox.machines.process.spawner import Children
from deployer.sandbox.machines.process.users import PasswdEntry
from deployer.sandbox.machines.ssh import command_hook, minute_keys
from deployer.sandbox.machines.ssh.sessions import SshSession

HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key")


class ConnectionHandler(asyncssh.SSHServer):
    """One connection: its user and permissions."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._person: PasswdEntry | None = None
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncssh's signature
        if self._connection is not None:
            self._server.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Keys are read at every login from the user's own file, as in sshd."""
        self._person = users.find(username)
        if self._person is not None and self._connection is not None:
            file = Path(self._person.home, ".ssh/authorized_keys")
            keys = file.read_text() if file.is_file() else ""
            keys += minute_keys.valid(username)
            if keys.strip():
                self._connection.set_authorized_keys(asyncssh.import_authorized_keys(keys))
        return True

    def public_key_auth_supported(self) -> bool:
        return self._person is not None

    def session_requested(self) -> SshSession | bool:
        if self._person is None or self._connection is None:
            return False
        ends = (self._connection.get_extra_info(end) for end in ("peername", "sockname"))
        line = " ".join(f"{host} {port}" for host, port, *_ in ends)
        return SshSession(self._person, self._server, line)

    def connection_requested(
        self,
        dest_host: str,  # noqa: ARG002 -- asyncssh's signature
        dest_port: int,  # noqa: ARG002
        orig_host: str,  # noqa: ARG002
        orig_port: int,  # noqa: ARG002
    ) -> bool:
        """Forward to any destination, as seen from the machine."""
        return True


class Server:
    """The machine's SSH server: its connections and running commands."""

    def __init__(self, children: Children, hook: command_hook.CommandHook) -> None:
        self.children = children
        self.hook = hook
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.running: set[asyncio.Task[None]] = set()
        self._acceptors: list[asyncssh.SSHAcceptor] = []

    async def listen(self, address: str, port: int) -> None:
        """Listen with the host key on the disk. Raises OSError, asyncssh.Error, ValueError."""
        wanted = socket.socket()
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wanted.bind((address, port))
        await self.listen_at(wanted)

    async def listen_at(self, bound: socket.socket) -> None:
        """The same, at the address that the socket has."""
        acceptor = await asyncssh.create_server(
            lambda: ConnectionHandler(self),
            sock=bound,
            server_host_keys=[str(HOST_KEY)],
            server_version="sandbox",
            encoding=None,
            gss_host=None,
            x11_forwarding=False,
            agent_forwarding=False,
            keepalive_interval=0,
            login_timeout=30,
            rekey_bytes=1 << 40,
            encryption_algs=["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr"],
        )
        self._acceptors.append(acceptor)

    def reload(self) -> None:
        """Read the host key again, for new connections; sessions go on. sshd(8), "SIGHUP"."""
        for acceptor in self._acceptors:
            acceptor.update(server_host_keys=[str(HOST_KEY)])

    async def settle(self, seconds: float) -> None:
        """Give the running commands this time to end by themselves."""
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)

    async def close(self) -> None:
        """Stop listening and disconnect every client."""
        for acceptor in self._acceptors:
            acceptor.close()
        for connection in tuple(self.connections):
            connection.disconnect(asyncssh.DISC_BY_APPLICATION, "the machine is going down")
        if self.connections:
            goodbyes = [asyncio.ensure_future(c.wait_closed()) for c in self.connections]
            await asyncio.wait(goodbyes, timeout=1)
