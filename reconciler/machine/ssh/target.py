"""Where to connect, as whom, and how long to try."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SshTarget:
    """An SSH server: address or name, port, and the user to log in as."""

    host: str
    port: int = 22
    user: str = "root"

    def __str__(self) -> str:
        return self.host if self.port == 22 else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ClientKey:
    """How we authenticate: with the keys of the agent, or with one private key.

    `private` is the key's text (OpenSSH or PEM), already resolved from its reference; empty means
    the agent. `origin` is the reference, for messages: never the key.
    """

    private: str = field(default="", repr=False)
    origin: str = "the agent"


@dataclass(frozen=True)
class Timing:
    """How long to try to connect (seconds), and the clock that measures it."""

    deadline: float = 120.0
    pause: float = 0.5
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
