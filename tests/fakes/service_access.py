"""The machines and databases of a service, in reach or out of it; every act is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.database.port import Shut, Thawed
from reconciler.errors import CannotConnect, ConnectionLost, NoDatabase, ToolError
from reconciler.machine.host_key import PinnedKey, PublicHostKey
from reconciler.machine.shell import Command, CommandResult
from reconciler.machine.ssh import MachineAddress
from reconciler.model.fencing import FencedAct
from reconciler.model.resource import Resource
from tests.fakes.database import FakeServer
from tests.fakes.machine import FakeMachine


@dataclass
class ToldMachine(FakeMachine):
    """A machine whose commands are told by their label; a session dies at a label of `cuts`.

    That it halts is told as `halt ID`.
    """

    acts: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)

    def run(
        self, command: Command, on_output: Callable[[bytes], None] | None = None
    ) -> CommandResult:
        self.acts.append(f"{command.label} on {self.instance}")
        if command.label in self.cuts:
            self.cuts.remove(command.label)
            raise ConnectionLost(f"the SSH session died during: {command.label}")
        result = super().run(command, on_output)
        if self.path("/run/halted").exists():
            self.path("/run/halted").unlink()
            self.acts.append(f"halt {self.instance}")
        return result


class ToldServer(FakeServer):
    """A server whose acts are told."""

    def __init__(self, acts: list[str]) -> None:
        super().__init__()
        self.acts = acts

    def shut(self, name: str, act: FencedAct, app_roles: Sequence[str], max_wait: float) -> Shut:
        self.acts.append(f"shut {name}")
        return super().shut(name, act, app_roles, max_wait)

    def thaw(self, name: str, act: FencedAct) -> Thawed:
        self.acts.append(f"thaw {name}")
        return super().thaw(name, act)

    def disown(self, name: str, act: FencedAct) -> None:
        self.acts.append(f"disown {name}")
        super().disown(name, act)

    def drop(self, name: str, act: FencedAct, ours: Sequence[str] = ()) -> None:
        self.acts.append(f"drop {name}")
        super().drop(name, act, ours)


@dataclass
class ToldTerminal:
    """A person's session: what was run is remembered, `exit N` ends with N."""

    machine: str
    attended: list[str]

    def attend(self, command: str) -> int:
        """Run it."""
        self.attended.append(f"{self.machine}: {command}")
        return int(command.split()[1]) if command.startswith("exit ") else 0

    def close(self) -> None:
        """End it."""
        self.attended.append(f"{self.machine}: closed")


@dataclass
class FakeReach:
    """Implements `Reach`. Machines begin to exist when they are first reached."""

    root: Path
    acts: list[str]
    server: FakeServer | None = None
    machines: dict[str, ToldMachine] = field(default_factory=dict)
    down: dict[str, ToolError] = field(default_factory=dict)
    """Machine → why it is out of reach."""
    server_down: ToolError | None = None
    attended: list[str] = field(default_factory=list)

    def machine(self, id_: str, address: str = "10.0.0.9") -> ToldMachine:
        """The machine of this id."""
        if id_ not in self.machines:
            self.machines[id_] = ToldMachine(self.root / id_, id_, host=address, acts=self.acts)
        return self.machines[id_]

    def shell(self, machine: Resource) -> ToldMachine:
        if machine.id in self.down:
            raise self.down[machine.id]
        return self.machine(machine.id, next(iter(machine.addresses), ""))

    def terminal(self, machine: Resource) -> ToldTerminal:
        if machine.id in self.down:
            raise self.down[machine.id]
        return ToldTerminal(machine.id, self.attended)

    def databases(self) -> FakeServer:
        if self.server_down is not None:
            raise self.server_down
        if self.server is None:
            raise NoDatabase("the service has no database configured")
        return self.server


@dataclass
class FakeConnector:
    """Implements `Connector`: whoever is at an address shows this key."""

    keys: dict[str, PublicHostKey] = field(default_factory=dict)
    at: dict[str, ToldMachine] = field(default_factory=dict)

    def connect(
        self,
        machine: MachineAddress,
        host_key: PinnedKey,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> ToldMachine:
        address = machine.host
        if address not in self.at:
            sleep(0.01)  # between two tries
            raise CannotConnect(f"{address} did not answer in {deadline:g} s", kind="refused")
        shown = self.keys.get(address) or self._served(self.at[address])
        if shown is not None and not host_key.accepts(shown.blob):
            said = f"{address} shows another key"
            raise CannotConnect(said, kind="host-key-mismatch", seen=shown.fingerprint)
        return self.at[address]

    def _served(self, machine: ToldMachine) -> PublicHostKey | None:
        """The key that its sshd was last reloaded with; None: the one it was born with."""
        served = machine.path("/units/sshd.key")
        return PublicHostKey.parse(served.read_text()) if served.exists() else None

    def shown_key(self, machine: MachineAddress, deadline: float) -> PublicHostKey:
        address = machine.host
        if address not in self.keys:
            raise CannotConnect(f"{address} did not answer in {deadline:g} s", kind="refused")
        return self.keys[address]
