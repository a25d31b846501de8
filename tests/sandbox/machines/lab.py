"""A laboratory of real machines, and a client that pins their keys."""

from __future__ import annotations

import base64
import contextlib
import io
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paramiko
import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines import Machines

BASE = "ami-base"
_SECONDS = 20.0


def descendants() -> Iterator[tuple[psutil.Process, list[str]]]:
    """The processes below this one with their command lines, without those that have just ended."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process, process.cmdline()


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; a test that waits too long fails."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@dataclass(frozen=True)
class Key:
    """A client's key."""

    private: str
    public: str

    @staticmethod
    def make() -> Key:
        """A fresh one."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        return Key(private.decode(), public.decode())

    def paramiko(self) -> paramiko.PKey:
        """As paramiko wants it."""
        return paramiko.Ed25519Key.from_private_key(io.StringIO(self.private))


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


class Client:
    """An SSH connection to a machine whose host key is pinned to the console's."""

    def __init__(self, ssh: paramiko.SSHClient) -> None:
        self.ssh = ssh

    def run(self, command: str, stdin: bytes = b"") -> Done:
        """Run to the end."""
        into, out, err = self.ssh.exec_command(command, timeout=_SECONDS)
        if stdin:
            with contextlib.suppress(OSError):  # the command has ended and reads nothing
                into.write(stdin)
        into.channel.shutdown_write()
        text = out.read().decode()
        return Done(out.channel.recv_exit_status(), text, err.read().decode())

    def __call__(self, command: str) -> str:
        """What a command prints, which must succeed."""
        done = self.run(command)
        assert done.code == 0, done
        return done.out.strip()


class Lab:
    """Machines with addresses of their own, ended after each test."""

    def __init__(self, machines: Machines, key: Key) -> None:
        self.machines, self.key = machines, key
        self._made: dict[str, BootSpec] = {}
        self._clients: list[paramiko.SSHClient] = []

    def spec(self, user_data: str = "", image: str = BASE, keys: tuple[str, ...] = ()) -> BootSpec:
        """A machine to be, with an address that nobody else has."""
        numbers = [random.SystemRandom().randrange(2, 250) for _ in range(3)]
        address = "127.{}.{}.{}".format(*numbers)
        name = f"i-{random.SystemRandom().getrandbits(40):x}"
        return BootSpec(name, image, address, user_data.encode(), keys or (self.key.public,))

    def boot(self, user_data: str = "", image: str = BASE) -> str:
        """A machine that listens; its id."""
        spec = self.spec(user_data, image)
        self.create(spec)
        self.await_up(spec.instance_id)
        return spec.instance_id

    def create(self, spec: BootSpec) -> None:
        """Begin to boot; known to `connect` and to the end of the test."""
        self._made[spec.instance_id] = spec
        self.machines.create(spec)

    def await_up(self, machine: str) -> None:
        """Until SSH listens; says what the console shows where it never does."""
        deadline = time.monotonic() + _SECONDS
        while not self.machines.is_up(machine):
            assert time.monotonic() < deadline, self.machines.console(machine).decode()
            time.sleep(0.002)

    def host_key(self, machine: str) -> paramiko.PKey:
        """The host key that the console shows."""
        lines = self.machines.console(machine).decode().splitlines()
        found = [
            lines[at + 1].split()[1]
            for at, line in enumerate(lines)
            if line == "-----BEGIN SSH HOST KEY KEYS-----"
        ]
        return paramiko.Ed25519Key(data=base64.b64decode(found[-1]))

    def address(self, machine: str) -> str:
        """Where it listens."""
        return self._made[machine].address

    def connect(
        self, machine: str, key: Key | None = None, user: str = "ubuntu", port: int = 2222
    ) -> Client:
        """A session with that machine and no other."""
        ssh = paramiko.SSHClient()
        ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
        address = self.address(machine)
        known = address if port == paramiko.config.SSH_PORT else f"[{address}]:{port}"
        ssh.get_host_keys().add(known, "ssh-ed25519", self.host_key(machine))
        ssh.connect(
            address,
            port,
            user,
            pkey=(key or self.key).paramiko(),
            allow_agent=False,
            look_for_keys=False,
            timeout=_SECONDS,
        )
        self._clients.append(ssh)
        return Client(ssh)

    def image_of(self, machine: str) -> str:
        """A finished image of a machine's disk."""
        image = f"ami-{random.SystemRandom().getrandbits(40):x}"
        self.machines.copy_disk(machine, image)
        wait_for(lambda: self.machines.image_ready(image))
        return image

    def end(self) -> None:
        """End what the test began."""
        for ssh in self._clients:
            ssh.close()
        for machine in self._made:
            self.machines.terminate(machine)
