"""EC2 Instance Connect: a public key that a machine accepts for one user, for sixty seconds.

SendSSHPublicKey, "Connect using EC2 Instance Connect" in the EC2 user guide: the key is in the
machine's metadata, where its sshd asks for it at a login; a session that has begun goes on.
"""

from __future__ import annotations

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import READS, Aws
from reconciler.errors import CannotConnect, CloudError
from reconciler.machine.host_key import make_host_key
from reconciler.machine.ssh import ClientKey, SshTarget

_NOT_YET = ("EC2InstanceStateInvalidException", "EC2InstanceNotFoundException")
"""A machine that boots; botocore sends again what AWS throttles."""


def minute_key(aws: Aws, origin: str) -> ClientKey:
    """A key pair made in memory, whose public half is sent before each login."""
    pair = make_host_key()
    public = pair.public.tag_value
    return ClientKey(pair.private, origin, lambda target: _send(aws, target, public))


def _send(aws: Aws, target: SshTarget, public: str) -> None:
    """Raises CannotConnect, which is tried again, for a machine that does not run yet."""
    try:
        # Sent twice it is the same: so it is retried like a read.
        client = aws.client("ec2-instance-connect", READS)
        with calling("ec2-instance-connect:SendSSHPublicKey"):
            client.send_ssh_public_key(
                InstanceId=target.instance, InstanceOSUser=target.user, SSHPublicKey=public
            )
    except CloudError as error:
        if error.code in _NOT_YET:
            raise CannotConnect(f"{target}: {error.message}", kind="refused") from error
        raise
