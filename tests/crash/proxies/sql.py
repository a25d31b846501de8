"""The door before PostgreSQL: a TCP proxy that follows the protocol as far as it has to.

What counts is what the server would keep: a statement that changes something by itself, or the
COMMIT of a transaction in which one did. Everything before a COMMIT is undone by the server when
the connection ends, so nothing is cut there that is not cut at the COMMIT as well. The tools that
copy a database (`pg_dump`, `pg_restore`) run on a machine, as one SSH command: they pass. A session
of the product is known by its first words.

Source: PostgreSQL, "Frontend/Backend Protocol" (startup, SSLRequest, Query, Parse, ReadyForQuery).
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import struct
import threading
from collections.abc import Callable

from tests.crash.proxies.proxy import Door, Server
from tests.crash.proxies.recorder import Fault, Watch
from tests.crash.proxies.request_names import sql_name

POSSIBLE = frozenset({Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.LOST})
_SSL, _GSS = 80877103, 80877104
_OURS = "SET idle_in_transaction_session_timeout = '30s'"
_CHANGES = re.compile(
    r"\s*(CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|INSERT|UPDATE|DELETE|TRUNCATE|ANALYZE)\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s*(COMMIT|END)\b", re.IGNORECASE)
_GIVES_UP = re.compile(r"\s*ROLLBACK\b(?!\s+TO)", re.IGNORECASE)
_BEGINS = re.compile(r"\s*(BEGIN|START)\b", re.IGNORECASE)


class SqlDoor(Door):
    """Listens at `port` until `close`. `role` says what a database is, by its name."""

    def __init__(self, behind: tuple[str, int], watch: Watch, role: Callable[[str], str]) -> None:
        self.behind, self.watch, self.role = behind, watch, role
        super().__init__(_Client)


class _Client(socketserver.BaseRequestHandler):
    """One session: what the client says is read here, what the server says in a thread."""

    server: Server

    def handle(self) -> None:
        door = self.server.door
        assert isinstance(door, SqlDoor)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, EOFError), socket.create_connection(door.behind) as far:
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            fields = _startup(self.request, far)
            _Session(door, self.request, far, fields.get("database", "")).live()


def _startup(near: socket.socket, far: socket.socket) -> dict[str, str]:
    """Pass the startup packet on, after refusing encryption; its fields."""
    while True:
        head = _exactly(near, 8)
        size, code = struct.unpack("!II", head)
        rest = _exactly(near, size - 8)
        if code in (_SSL, _GSS):
            near.sendall(b"N")
            continue
        far.sendall(head + rest)
        words = [one.decode() for one in rest.split(b"\0")]
        return dict(zip(words[::2], words[1::2], strict=False))


class _Session:
    """Follows one session: which statements change something, and when the server has done them."""

    def __init__(
        self, door: SqlDoor, near: socket.socket, far: socket.socket, database: str
    ) -> None:
        self._door, self._near, self._far = door, near, far
        self._database = database
        self._is_ours = False
        self._in_transaction = False
        self._changed: list[str] = []
        self._fault: Fault | None = None

    def live(self) -> None:
        """Until either side ends."""
        answers = threading.Thread(target=self._answers, name="sql-answers", daemon=True)
        answers.start()
        try:
            while True:
                kind, message = _message(self._near)
                if not self._may_pass(kind, message):
                    return
                self._far.sendall(message)
        finally:
            _close(self._far)
            answers.join()

    def _may_pass(self, kind: bytes, message: bytes) -> bool:
        statement = _statement(kind, message)
        self._is_ours = self._is_ours or statement == _OURS
        act = self._act(statement) if self._is_ours else []
        if not act:
            return True
        about = re.search(r'\bDATABASE (?:IF EXISTS )?"([^"]+)"', act[0])
        role = self._door.role(about[1] if about else self._database)
        self._fault = self._door.watch.passes(f"{role}: {sql_name(act)}", POSSIBLE)
        if self._fault is Fault.KILL_BEFORE:
            self._door.watch.slay()
            return False
        return True

    def _act(self, statement: str) -> list[str]:
        """The changes that this statement makes lasting, and itself; empty for none."""
        if _BEGINS.match(statement):
            self._in_transaction, self._changed = True, []
        elif _CHANGES.match(statement):
            if not self._in_transaction:
                return [statement]
            self._changed.append(statement)
        elif _ENDS.match(statement) or _GIVES_UP.match(statement):
            done = self._changed if _ENDS.match(statement) else []
            self._in_transaction, self._changed = False, []
            return [*done, statement] if done else []
        return []

    def _answers(self) -> None:
        """What the server says; kept back where a fault waits for the statement's end."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, message = _message(self._far)
                if self._fault is None:
                    self._near.sendall(message)
                elif kind == b"Z":
                    if self._fault is Fault.KILL_AFTER:
                        self._door.watch.slay()
                    break
        _close(self._near)


def _statement(kind: bytes, message: bytes) -> str:
    """The SQL of a Query or Parse message; '' of others."""
    if kind == b"Q":
        return message[5:-1].decode()
    if kind == b"P":
        return message[5:].split(b"\0")[1].decode()
    return ""


def _message(sock: socket.socket) -> tuple[bytes, bytes]:
    """The next whole message, and its kind. Raises EOFError, OSError."""
    head = _exactly(sock, 5)
    (size,) = struct.unpack("!I", head[1:])
    return head[:1], head + _exactly(sock, size - 4)


def _exactly(sock: socket.socket, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        more = sock.recv(size - len(read))
        if not more:
            raise EOFError
        read += more
    return bytes(read)


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
