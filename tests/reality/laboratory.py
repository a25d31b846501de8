"""Machines of any kind behind one port: boot, ask over SSH, reboot, copy; who answered there."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import paramiko

from deployer.sandbox.machine_host import BootSpec, MachineHost
from tests.sandbox.machines.lab import Key

# It logs a traceback for every attempt before sshd listens.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

BASE = "ami-base"
SSH_PORT = 2222
PATIENCE = 240.0
"""Seconds that a boot may take on a busy computer."""


class Host(MachineHost, Protocol):
    """A `MachineHost` with a base image."""

    def create_base_image(self, image_id: str) -> None: ...
    def shutdown(self) -> None: ...


@dataclass
class Machine:
    """One machine; `keys` are the host keys that have answered at its address while watched."""

    host: Host
    spec: BootSpec
    key: Key
    patience: float = PATIENCE
    keys: set[str] = field(default_factory=set)

    def root(self, script: str) -> str:
        """What a script prints as root; it must succeed."""
        code, out = self.attempt(script)
        assert code == 0, f"{self.spec.instance_id}: exit {code}\n{out}"
        return out

    def attempt(self, script: str) -> tuple[int, str]:
        """The exit code of a script as root, and what it prints."""
        with self._session() as ssh:
            into, out, _ = ssh.exec_command("sudo -n sh -s 2>&1", timeout=self.patience)
            into.write(script.encode())
            into.channel.shutdown_write()
            text = out.read().decode()
            return out.channel.recv_exit_status(), text

    def reboot(self) -> None:
        """Reboot, and wait for the boot's end."""
        self.host.reboot(self.spec.instance_id)
        self.await_end_of_boot()

    def await_end_of_boot(self) -> None:
        """Until systemd has nothing left to start."""
        self.attempt("systemctl is-system-running --wait")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask for the host key again and again while the body runs."""
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(0.1):
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self.keys.add(self._host_key())

    def _host_key(self) -> str:
        with socket.create_connection((self.spec.address, SSH_PORT), timeout=10) as sock:
            transport = paramiko.Transport(sock)
            try:
                transport.start_client(timeout=10)
                return transport.get_remote_server_key().get_base64()
            finally:
                transport.close()

    @contextmanager
    def _session(self) -> Iterator[paramiko.SSHClient]:
        """Whoever answers: which host key it is, is what `watched` is for."""
        with paramiko.SSHClient() as ssh:
            ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            deadline = time.monotonic() + self.patience
            while not self._connected(ssh):
                assert time.monotonic() < deadline, self._console()
                time.sleep(0.2)
            yield ssh

    def _connected(self, ssh: paramiko.SSHClient) -> bool:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            ssh.connect(
                self.spec.address,
                SSH_PORT,
                "ubuntu",
                pkey=self.key.paramiko(),
                allow_agent=False,
                look_for_keys=False,
                timeout=30,
                banner_timeout=30,
                auth_timeout=60,
            )
            return True
        return False

    def _console(self) -> str:
        text = self.host.console(self.spec.instance_id).decode("utf-8", "replace")
        return f"{self.spec.instance_id} does not answer; its console:\n{text[-4000:]}"


@dataclass
class Laboratory:
    """Machines with addresses of their own, ended after each test."""

    host: Host
    key: Key
    patience: float = PATIENCE
    made: list[Machine] = field(default_factory=list)

    def boot(self, image: str = BASE, user_data: str = "") -> Machine:
        """A machine that begins to boot."""
        chance = random.SystemRandom()
        address = ".".join(["127", *(str(chance.randrange(2, 250)) for _ in range(3))])
        name = f"i-{chance.getrandbits(64):017x}"
        spec = BootSpec(name, image, address, user_data.encode(), (self.key.public,))
        machine = Machine(self.host, spec, self.key, self.patience)
        self.made.append(machine)
        self.host.create(spec)
        return machine

    def image_of(self, machine: Machine) -> str:
        """A finished image of a machine's disk, taken while it runs."""
        image = f"ami-{random.SystemRandom().getrandbits(64):017x}"
        self.host.copy_disk(machine.spec.instance_id, image)
        until(lambda: self.host.image_ready(image), f"{image} is not ready")
        return image

    def end(self) -> None:
        """End every machine."""
        for machine in self.made:
            self.host.terminate(machine.spec.instance_id)


def until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
