"""SSH by paramiko: the only module that uses it.

known_hosts is neither read nor written: exactly the pinned ed25519 key is accepted, or one of two
while a machine changes its key.
"""

from __future__ import annotations

import contextlib
import io
import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar, cast

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from reconciler.errors import CannotConnect, ConfigError, ConnectionLost, ShellError
from reconciler.machine.host_key import PinnedKey, PublicHostKey, fingerprint
from reconciler.machine.shell import Command, CommandResult, OnBytes, OnOutput, Pipes
from reconciler.machine.ssh import interactive
from reconciler.machine.ssh.execution import execute, wire_script
from reconciler.machine.ssh.port_forward import listening
from reconciler.machine.ssh.route import SshRoute
from reconciler.machine.ssh.sftp import write
from reconciler.machine.ssh.target import ClientKey, SshTarget
from reconciler.machine.ssh.tunnel import Tunnel
from reconciler.util.backoff import Backoff
from reconciler.util.humanize import span

T = TypeVar("T")

KEEPALIVE = 15
WINDOW = 8 << 20
ATTEMPT_SECONDS = 10.0
SFTP_STALL = 60.0
BOOTING = frozenset({"no-route", "refused", "closed"})
"""Kinds of failure that a booting machine explains: worth another attempt."""

_MANY_KEYS = 5  # OpenSSH hangs up after six refused keys (MaxAuthTries)
_LOST = (paramiko.SSHException, EOFError, TimeoutError, ConnectionError)
_KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)

# paramiko logs a traceback for every lost connection, hundreds while a machine boots. Our errors
# carry the cause. Without a handler of its own, Python would still print them to stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


def connect(
    target: SshTarget, host_key: PinnedKey, client: ClientKey, backoff: Backoff, route: SshRoute
) -> RemoteShell:
    """See `reconciler.machine.ssh.connect`."""

    def attempt(seconds: float) -> RemoteShell:
        transport = _handshake(target, seconds, route)
        try:
            _check_host_key(target, transport, host_key)
            _log_in(target, transport, client)
        except BaseException:
            transport.close()
            raise
        transport.set_keepalive(KEEPALIVE)
        return RemoteShell(target, transport)

    return _retried(backoff, attempt)


def seen_host_key(target: SshTarget, backoff: Backoff, route: SshRoute) -> PublicHostKey:
    """See `reconciler.machine.ssh.seen_host_key`."""

    def attempt(seconds: float) -> PublicHostKey:
        with contextlib.closing(_handshake(target, seconds, route)) as transport:
            return PublicHostKey.from_blob(transport.get_remote_server_key().asbytes())

    return _retried(backoff, attempt)


def _retried(backoff: Backoff, attempt: Callable[[float], T]) -> T:
    """Retries while booting explains the failure; the last error says how it failed."""
    end = backoff.now() + backoff.deadline
    try:
        return backoff.retry(
            lambda: attempt(max(1.0, min(ATTEMPT_SECONDS, end - backoff.now()))),
            lambda error: isinstance(error, CannotConnect) and error.kind in BOOTING,
        )
    except CannotConnect as error:
        if error.kind not in BOOTING:
            raise
        tried = f"{error.message} (tried for {span(backoff.deadline)})"
        raise CannotConnect(tried, kind=error.kind, cure=error.cure, detail=error.detail) from error


def _handshake(target: SshTarget, seconds: float, route: SshRoute) -> paramiko.Transport:
    """An encrypted session with the server that answers; its host key is not yet checked."""
    with _dialling(target):
        stream = route.open(target, seconds)
    transport = paramiko.Transport(cast("Any", stream), default_window_size=WINDOW)
    transport.daemon = True
    transport.banner_timeout = transport.auth_timeout = seconds
    options = transport.get_security_options()
    options.key_types = ["ssh-ed25519"]  # other kinds of key could not be pinned
    options.ciphers = sorted(options.ciphers, key=lambda one: "gcm" not in one)  # one pass: faster
    try:
        transport.start_client(timeout=seconds)
        transport.get_remote_server_key()
    except IncompatiblePeer as error:
        transport.close()
        raise CannotConnect(
            f"{target} shows no ed25519 host key: {error}", kind="host-key-mismatch"
        ) from error
    except (*_LOST, OSError) as error:
        failure = route.failure(stream, target)
        transport.close()
        raise failure or _closed(target, "before it had shown its host key") from error
    return transport


@contextlib.contextmanager
def _dialling(target: SshTarget) -> Iterator[None]:
    """Converts foreign errors of connecting to CannotConnect of the matching kind."""
    try:
        yield
    except CannotConnect:
        raise
    except socket.gaierror as error:
        text = f"{target} is no address: {error.strerror}"
        raise CannotConnect(text, kind="no-address") from error
    except ConnectionRefusedError as error:
        text = f"{target} refuses connections: no SSH server listens (still booting?)"
        raise CannotConnect(text, kind="refused") from error
    except ConnectionError as error:
        raise _closed(target, "while connecting") from error
    except (OSError, ShellError) as error:
        text = f"no answer from {target}: is its SSH port open to here (security group, routes)?"
        raise CannotConnect(text, kind="no-route") from error


def _closed(target: SshTarget, when: str) -> CannotConnect:
    return CannotConnect(f"{target} closed the connection {when}", kind="closed")


def _check_host_key(target: SshTarget, transport: paramiko.Transport, expected: PinnedKey) -> None:
    seen = transport.get_remote_server_key().asbytes()
    if not expected.accepts(seen):
        raise CannotConnect(
            f"{target} is not the machine we know: its host key is {fingerprint(seen)}, "
            f"expected {expected.fingerprint}",
            kind="host-key-mismatch",
            cure="find out who answers at this address before anything else",
            seen=fingerprint(seen),
        )


def _log_in(target: SshTarget, transport: paramiko.Transport, client: ClientKey) -> None:
    """Offers our keys in turn until one is accepted."""
    if client.push is not None:
        client.push(target)
    agent = None if client.private else paramiko.Agent()
    try:
        keys: list[paramiko.PKey] = [_load(client)] if agent is None else list(agent.get_keys())
        if not keys:
            raise _refused(target, client, "it holds no key")
        if not any(_taken(target, transport, key, len(keys)) for key in keys):
            raise _refused(target, client, f"{len(keys)} offered")
    finally:
        if agent is not None:
            agent.close()


def _taken(target: SshTarget, transport: paramiko.Transport, key: paramiko.PKey, keys: int) -> bool:
    try:
        return not transport.auth_publickey(target.user, key)
    except paramiko.AuthenticationException as error:
        # A booting machine disconnects after a good key (pam_nologin): that is no refusal.
        transport.join(0.3)
        if not transport.is_active() and keys < _MANY_KEYS:
            raise _closed(target, "while logging in") from error
        return False
    except _LOST as error:
        raise _closed(target, "while logging in") from error


def _refused(target: SshTarget, client: ClientKey, why: str) -> CannotConnect:
    return CannotConnect(
        f"{target} does not accept {target.user} with {client.origin} ({why})",
        kind="key-refused",
        cure="check [ssh] user and key in the service's configuration",
    )


def _load(client: ClientKey) -> paramiko.PKey:
    for kind in _KEY_CLASSES:
        try:
            return kind.from_private_key(io.StringIO(client.private))
        except paramiko.PasswordRequiredException as error:
            text = f"the SSH key of {client.origin} has a passphrase: use the agent for it"
            raise ConfigError(text, cure="ssh-add KEYFILE, and no key below [ssh]") from error
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    cure = "write it as OpenSSH does (ed25519, RSA or ECDSA), or correct key below [ssh]"
    raise ConfigError(f"{client.origin} is not a private SSH key that we can read", cure=cure)


class RemoteShell:
    """A session on one machine: `reconciler.machine.shell.Shell`. Threads may share it."""

    def __init__(self, target: SshTarget, transport: paramiko.Transport) -> None:
        self._target = target
        self._transport = transport

    @property
    def host(self) -> str:
        return self._target.host or self._target.instance

    @property
    def alive(self) -> bool:
        """Whether the session is still open, as far as is known here."""
        return self._transport.is_active()

    def run(
        self, command: Command, on_output: OnOutput | None = None, pipes: Pipes | None = None
    ) -> CommandResult:
        with self._losing(command.label):
            channel = self._transport.open_session(timeout=command.timeout)
            try:
                channel.exec_command(wire_script(command))
                return execute(channel, command, self.host, on_output, pipes)
            finally:
                channel.close()

    def stream(self, command: Command, pipes: Pipes) -> None:
        self.run(command, pipes=pipes)

    def attend(self, command: str) -> int:
        with self._losing(command or "the shell"):
            return interactive.attend(self._transport.open_session(), command)

    def put(
        self, source: Path, target: str, *, mode: int = 0o644, on_bytes: OnBytes | None = None
    ) -> None:
        aside = f"{target}.part-{secrets.token_hex(4)}"
        with source.open("rb") as reader, self._losing(f"copy to {target}"), self._sftp() as sftp:
            try:
                sftp.open(aside, "w").close()
                sftp.chmod(aside, mode)
                write(sftp, reader, aside, source.stat().st_size, on_bytes)
                sftp.posix_rename(aside, target)
            except BaseException:
                with contextlib.suppress(OSError, *_LOST):
                    sftp.remove(aside)
                raise

    @contextlib.contextmanager
    def _sftp(self) -> Iterator[paramiko.SFTPClient]:
        sftp = paramiko.SFTPClient.from_transport(self._transport, window_size=WINDOW)
        channel = sftp.get_channel() if sftp else None
        if sftp is None or channel is None:
            raise EOFError("no SFTP session")
        channel.settimeout(SFTP_STALL)
        with contextlib.closing(sftp):
            yield sftp

    def forward(self, host: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        return listening(lambda: self.channel_to(SshTarget(host, port)))

    def channel_to(self, target: SshTarget) -> Tunnel:
        """A channel to a port as this machine sees it. Raises ShellError, ConnectionLost."""
        address = (target.host, target.port)
        try:
            channel = self._transport.open_channel("direct-tcpip", address, ("127.0.0.1", 0))
            return Tunnel(channel)
        except paramiko.ChannelException as error:
            text = f"{self.host} cannot reach {target.host}:{target.port}: {error.text}"
            raise ShellError(text) from error
        except _LOST as error:
            raise self._lost(f"forward to {target.host}:{target.port}") from error

    def close(self) -> None:
        self._transport.close()

    def _lost(self, doing: str) -> ConnectionLost:
        return ConnectionLost(f"the SSH session to {self.host} died during: {doing}")

    @contextlib.contextmanager
    def _losing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except _LOST as error:
            raise self._lost(doing) from error
        except OSError as error:
            if not self._transport.is_active():
                raise self._lost(doing) from error
            raise ShellError(f"{doing} on {self.host} failed: {error}") from error
