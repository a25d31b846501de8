"""The door before the machines' SSH: their servers ask here before and after every command."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from typing import Any

from tests.crash.doors.names import ssh_name
from tests.crash.doors.watch import Fault, Watch

POSSIBLE = frozenset({Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.LOST, Fault.TWICE})


class SshDoor:
    """Answers at `address` until `close`. `role` says what a machine is, by its id."""

    def __init__(self, watch: Watch, role: Callable[[str], str]) -> None:
        self._watch, self._role = watch, role
        self._pending: dict[tuple[str, str], Fault] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.door = self
        thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="ssh-door", daemon=True
        )
        thread.start()

    @property
    def address(self) -> str:
        """`host:port`, for the sandbox's options."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, question: dict[str, Any]) -> str:
        """What is to become of a command."""
        machine, what = str(question["machine"]), str(question["what"])
        name = ssh_name(what)
        if name is None:
            self._watch.read() if question["when"] == "before" else None
            return "go"
        if question["when"] == "after":
            return self._after(machine, what)
        fault = self._watch.passes(f"{self._role(machine)}: {name}", POSSIBLE)
        if fault is Fault.KILL_BEFORE:
            self._watch.slay()
            return "cut"
        if fault is None:
            return "go"
        self._pending[machine, what] = fault
        return "twice" if fault is Fault.TWICE else "go"

    def _after(self, machine: str, what: str) -> str:
        fault = self._pending.pop((machine, what), None)
        if fault is Fault.KILL_AFTER:
            self._watch.slay()
        return "cut" if fault in (Fault.KILL_AFTER, Fault.LOST) else "go"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    door: SshDoor


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        asked = self.rfile.readline()
        if asked:
            self.wfile.write(f"{self.server.door.answer(json.loads(asked))}\n".encode())
