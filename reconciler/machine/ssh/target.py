"""Where to connect, as whom, and how long to try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.util.backoff import Backoff


@dataclass(frozen=True)
class MachineAddress:
    """A machine as a route finds it: by its address, or by its instance id."""

    host: str
    instance: str = ""

    def __str__(self) -> str:
        return self.host or self.instance


@dataclass(frozen=True)
class SshTarget:
    """An SSH server: address or name, port, and the user to log in as.

    `instance` is its EC2 instance id, for routes that find a machine by it.
    """

    host: str
    port: int = 22
    user: str = "root"
    instance: str = ""

    def __str__(self) -> str:
        name = self.host or self.instance
        return name if self.port == 22 else f"{name}:{self.port}"


@dataclass(frozen=True)
class ClientKey:
    """How we authenticate: with the keys of the agent, or with one private key.

    `private` is the key's text (OpenSSH or PEM), already resolved from its reference; empty means
    the agent. `origin` is the reference, for messages: never the key. `push` is called before each
    login: a key that lives a minute is sent to the machine then.
    """

    private: str = field(default="", repr=False)
    origin: str = "the agent"
    push: Callable[[SshTarget], None] | None = None


CONNECT = Backoff(first=0.5, longest=0.5, deadline=120.0)
"""How often and how long to try to connect to a machine that boots."""
