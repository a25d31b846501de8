"""The user data of a new machine: its host key, and the gate that keeps it from acting.

Anyone who may call DescribeInstanceAttribute can read it, and on the machine any process, by IMDS
(v2 only): so it has no secret but the host's first private key, which is replaced after the first
session (`deployer.release.live.fresh_host_key`). The same inputs give the same bytes,
because a RunInstances replayed with its ClientToken must have identical parameters. Pure.
"""

from __future__ import annotations

import json

from reconciler.errors import ConfigError
from reconciler.machine.activation_gate import ActivationGate, boot_script
from reconciler.machine.host_key import HostKey

LIMIT = 16_384
"""EC2's limit for user data, in bytes before base64 (EC2 user guide, "Instance user data")."""


def user_data(host_key: HostKey, gate: ActivationGate) -> str:
    """The cloud-config document. Raises ConfigError beyond 16 KiB (hundreds of units).

    `ssh_keys` replaces the keys that the clone inherited, before sshd starts; `bootcmd` runs early
    in every boot, with INSTANCE_ID set. JSON is YAML, so no YAML library can change the bytes.
    """
    config = {
        "bootcmd": [["sh", "-c", boot_script(gate)]],
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": host_key.private,
            "ed25519_public": host_key.public.tag_value,
        },
    }
    text = "#cloud-config\n" + json.dumps(config, indent=1, sort_keys=True) + "\n"
    if len(text.encode()) > LIMIT:
        raise ConfigError(
            f"the user data is {len(text.encode())} bytes, EC2 takes {LIMIT}",
            cure="name fewer app.units and app.jobs",
        )
    return text
