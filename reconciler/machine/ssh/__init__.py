"""SSH to a machine with a pinned host key.

Only `reconciler.machine.ssh.client` uses paramiko, and it is imported on first use: `--help` and
every pure path stay fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.machine.ssh.route import DIRECT
from reconciler.machine.ssh.target import CONNECT, ClientKey, MachineAddress, SshTarget

if TYPE_CHECKING:
    from reconciler.machine.host_key import PinnedKey, PublicHostKey
    from reconciler.machine.ssh.client import RemoteShell
    from reconciler.machine.ssh.route import SshRoute
    from reconciler.util.backoff import Backoff

__all__ = ["CONNECT", "ClientKey", "MachineAddress", "SshTarget", "connect", "seen_host_key"]


def connect(
    target: SshTarget,
    host_key: PinnedKey,
    client: ClientKey,
    backoff: Backoff = CONNECT,
    route: SshRoute = DIRECT,
) -> RemoteShell:
    """A session on `target`, which must prove that it holds `host_key`.

    Retries until the deadline, but only for failures that booting explains (no route, refused,
    closed). `route` is the way there.
    Raises CannotConnect with its `kind`, ConfigError for a client key that cannot be read.
    """
    from reconciler.machine.ssh import client as paramiko_side

    return paramiko_side.connect(target, host_key, client, backoff, route)


def seen_host_key(
    target: SshTarget, backoff: Backoff = CONNECT, route: SshRoute = DIRECT
) -> PublicHostKey:
    """The ed25519 host key that `target` presents, *unproved*: for a person to compare (`adopt`).

    Raises CannotConnect.
    """
    from reconciler.machine.ssh import client as paramiko_side

    return paramiko_side.seen_host_key(target, backoff, route)
