"""The steps of cloud-init on a machine's disk at boot, in cloud-init's order."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deployer.sandbox.machines import unimitated
from deployer.sandbox.machines.boot.cloud_init import File, UserData
from deployer.sandbox.machines.process import users
from deployer.sandbox.machines.ssh.server import HOST_KEY

_DATA = Path("/var/lib/cloud/data")
_DISABLED = Path("/etc/cloud/cloud-init.disabled")
_INSTANCE_DATA = Path("/run/cloud-init/instance-data.json")

Run = Callable[[str, str, dict[str, str]], Awaitable[int]]
"""Runs a script file: console label, path, extra environment; returns its exit code."""


@dataclass(frozen=True)
class Identity:
    """The identity of a machine, as assigned by the cloud."""

    instance_id: str
    image_id: str
    address: str
    login: str
    authorized_keys: tuple[str, ...]

    @property
    def hostname(self) -> str:
        """EC2's private host name."""
        return "ip-" + self.address.replace(".", "-")


@dataclass(frozen=True)
class Boot:
    """One boot of one machine; the steps are called in the order of their definition."""

    identity: Identity
    user_data: UserData
    run: Run
    say: Callable[[str], None]
    first: bool

    @property
    def disabled(self) -> str:
        """Why it does nothing, by what is on the disk, which a clone inherits; else empty."""
        if _DISABLED.exists():
            return f"disabled by {_DISABLED}"
        found = sorted(path for wanted in unimitated.CLOUD_INIT for path in Path("/").glob(wanted))
        return f"the sandbox does not imitate the settings in {found[0]}" if found else ""

    async def before_ssh(self) -> None:
        """Identity first: a bootcmd uses it to tell a clone from its original."""
        if self.disabled:
            self.say(f"cloud-init: {self.disabled}")
            return
        for complaint in self.user_data.complaints:
            self.say(f"cloud-init: {complaint}")
        self._write_identity()
        if self.user_data.bootcmd:
            await self._script("bootcmd", self.user_data.bootcmd.encode())
        if self.first:
            self._write_files()
            self._make_host_key()
            self._authorize()
        self._print_host_key()

    async def after_ssh(self) -> None:
        """The last steps of cloud-init, on first boot only."""
        if self.disabled:
            return
        if self.first and self.user_data.runcmd:
            await self._script("runcmd", self.user_data.runcmd.encode())
        if self.first and self.user_data.script:
            await self._script("part-001", self.user_data.script)
        self.say("cloud-init: finished")

    def _write_identity(self) -> None:
        me = self.identity
        name = self.user_data.hostname or me.hostname
        known = {"instance_id": me.instance_id, "local_hostname": name, "cloud_name": "aws"}
        known |= {"platform": "ec2"}
        meta = {"instance-id": me.instance_id, "local-ipv4": me.address, "ami-id": me.image_id}
        _write(_DATA / "instance-id", f"{me.instance_id}\n")
        _write(Path("/run/cloud-init/.instance-id"), f"{me.instance_id}\n")
        _write(_INSTANCE_DATA, json.dumps({"v1": known, "ds": {"meta-data": meta}}))
        _write(Path("/etc/hostname"), f"{name}\n")
        _write(Path("/etc/hosts"), f"127.0.0.1 localhost\n{me.address} {name}\n")

    def _write_files(self) -> None:
        for file in self.user_data.files:
            try:
                _write_file(file)
            except OSError as error:
                self.say(f"cloud-init: write_files: {error}")

    def _make_host_key(self) -> None:
        """An image's host keys are another machine's: delete them (cloud-init's ssh_deletekeys)."""
        for old in HOST_KEY.parent.glob("ssh_host_*"):
            old.unlink()
        private = self.user_data.host_key or _new_key()
        if not private.endswith("\n"):
            private += "\n"
        _write(HOST_KEY, private, 0o600)
        key = serialization.load_ssh_private_key(private.encode(), None)
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        _write(HOST_KEY.with_suffix(".pub"), f"{public.decode()} root@{self.identity.hostname}\n")

    def _authorize(self) -> None:
        person = users.find(self.identity.login)
        if person is None:
            return
        file = Path(person.home, ".ssh/authorized_keys")
        lines = file.read_text().splitlines() if file.is_file() else []
        wanted = (*self.identity.authorized_keys, *self.user_data.authorized_keys)
        lines += [key for key in dict.fromkeys(wanted) if key not in lines]
        _write(file, "".join(f"{line}\n" for line in lines), 0o600)
        file.parent.chmod(0o700)

    def _print_host_key(self) -> None:
        """The blocks that people and tools search for in the console output."""
        line = HOST_KEY.with_suffix(".pub").read_text().strip()
        digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
        print_ = base64.b64encode(digest).decode().rstrip("=")
        comment = line.split()[2] if len(line.split()) > 2 else "no comment"
        self.say("-----BEGIN SSH HOST KEY FINGERPRINTS-----")
        self.say(f"256 SHA256:{print_} {comment} (ED25519)")
        self.say("-----END SSH HOST KEY FINGERPRINTS-----")
        self.say("-----BEGIN SSH HOST KEY KEYS-----")
        self.say(line)
        self.say("-----END SSH HOST KEY KEYS-----")

    async def _script(self, name: str, content: bytes) -> None:
        file = Path("/var/lib/cloud/instance/scripts", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o700)
        code = await self.run(name, str(file), {"INSTANCE_ID": self.identity.instance_id})
        if code:
            self.say(f"cloud-init: {name} failed with {code}")


def is_first(identity: Identity) -> bool:
    """Whether this disk boots for the first time as this instance."""
    file = _DATA / "instance-id"
    return not file.is_file() or file.read_text().strip() != identity.instance_id


def forget_previous() -> None:
    """Delete what belonged to the instance that this disk was copied from."""
    shutil.rmtree("/var/lib/cloud/instance", ignore_errors=True)


def _write_file(file: File) -> None:
    path = Path(file.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if file.append else os.O_TRUNC)
    with os.fdopen(os.open(path, flags, file.mode), "wb") as target:
        target.write(file.content)
    path.chmod(file.mode)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    _write_file(File(str(path), text.encode(), mode))


def _new_key() -> str:
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )
