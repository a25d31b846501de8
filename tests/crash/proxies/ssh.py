"""The door before the machines' SSH: their servers ask here before and after every command."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Callable
from typing import Any

from tests.crash.proxies.proxy import HOST, Door, Server
from tests.crash.proxies.recorder import Fault, Watch
from tests.crash.proxies.request_names import ssh_name

POSSIBLE = frozenset({Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.LOST, Fault.TWICE})


class SshDoor(Door):
    """Answers at `address` until `close`. `role` says what a machine is, by its id."""

    def __init__(self, watch: Watch, role: Callable[[str], str]) -> None:
        self._watch, self._role = watch, role
        self._pending: dict[tuple[str, str], Fault] = {}
        super().__init__(_Handler)

    @property
    def address(self) -> str:
        """`host:port`, for the sandbox's options."""
        return f"{HOST}:{self.port}"

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


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        door, asked = self.server.door, self.rfile.readline()
        assert isinstance(door, SshDoor)
        if asked:
            self.wfile.write(f"{door.answer(json.loads(asked))}\n".encode())
