"""EC2 Instance Connect: SendSSHPublicKey puts a key on the machine for sixty seconds.

Source: the API reference, SendSSHPublicKey (ed25519 and RSA; EC2InstanceNotFoundException,
EC2InstanceStateInvalidException for a machine that does not run).
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.ec2.models import ec2_backends
from moto.ec2instanceconnect.responses import Ec2InstanceConnectResponse

from deployer.sandbox.aws.state import cloud as clouds


class StrictInstanceConnect(Ec2InstanceConnectResponse):
    """moto's, which accepts anything and does nothing, replaced."""

    def send_ssh_public_key(self) -> str:
        """Let the machine's sshd accept the key of this user for a minute."""
        asked: Any = json.loads(self.body)
        machine, user, key = (
            asked.get(name, "") for name in ("InstanceId", "InstanceOSUser", "SSHPublicKey")
        )
        if not key.startswith(("ssh-ed25519 ", "ssh-rsa ")) or not user.isidentifier():
            raise JsonRESTError("InvalidArgsException", "not a public key, or not a user")
        backend = ec2_backends[self.current_account][self.region]
        instance = clouds.current().region(backend).instances.get(machine)
        if instance is None:
            raise JsonRESTError("EC2InstanceNotFoundException", f"no instance {machine}")
        if instance.state != "running":
            text = f"instance {machine} is {instance.state}"
            raise JsonRESTError("EC2InstanceStateInvalidException", text)
        clouds.current().host.accept_key(machine, user, key)
        return json.dumps({"RequestId": "sandbox", "Success": True})
