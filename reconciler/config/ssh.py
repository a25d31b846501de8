"""`[ssh]`: how to log in on the machines, and the way to them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from reconciler.config.types import Line, Port, Reference, Section
from reconciler.util.secret import Reference as KeyReference

User = Annotated[str, Field(min_length=1)]

Via = Literal["direct", "bastion", "command", "ssm", "instance-connect-endpoint"]
"""The routes: `reconciler.machine.ssh.via`."""


def _public_key(value: str) -> str:
    if not re.fullmatch(r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA[A-Za-z0-9+/]{44}( .*)?", value):
        raise ValueError("an ed25519 host key is wanted: ssh-ed25519 AAAA…")
    return value


class Bastion(Section):
    """One hop on the way to the machines; its host key is pinned."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")]
    user: User
    host_key: Annotated[str, AfterValidator(_public_key)]
    port: Port = 22
    key: Reference | None = None


INSTANCE_CONNECT = KeyReference("instance-connect", "60s")
"""A key that is made in memory and lives a minute on the machine (EC2 Instance Connect)."""


def _key(value: object) -> KeyReference:
    if isinstance(value, KeyReference):
        return value
    if value == "instance-connect":
        return INSTANCE_CONNECT
    if not isinstance(value, str):
        raise ValueError('"env:NAME", "file:PATH", "ssm:/path" or "instance-connect" is wanted')
    return KeyReference.parse(value)


class Ssh(Section):
    """How to reach the machines; `key` is a private key, else the agent's keys are used.

    `bastion` are the hops in order. `command` is a ProxyCommand: %h is the machine's private
    address, %p the port, %i the instance id.
    """

    user: User
    key: Annotated[KeyReference, PlainValidator(_key)] | None = None
    port: Port = 22
    via: Via = "direct"
    bastion: tuple[Bastion, ...] = ()
    command: Line | None = None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if (self.via == "bastion") != bool(self.bastion):
            raise ValueError('via: "bastion" wants at least one [[ssh.bastion]], and only it does')
        if (self.via == "command") != (self.command is not None):
            raise ValueError('command: is wanted with via = "command", and only there')
        if self.command is not None and not {"%h", "%i"} & {*_tokens(self.command)}:
            raise ValueError("command: names no machine: %h is its address, %i its instance id")
        if self.key == INSTANCE_CONNECT and any(hop.key is None for hop in self.bastion):
            raise ValueError('bastion: wants a key of its own with key = "instance-connect"')
        return self

    @property
    def stored_key(self) -> KeyReference | None:
        """Where the private key is; None with the agent or EC2 Instance Connect."""
        return None if self.key == INSTANCE_CONNECT else self.key


def _tokens(command: str) -> list[str]:
    return [command[at : at + 2] for at, char in enumerate(command) if char == "%"]
