"""EC2 Instance Connect: one key a process, sent before each login; a booting machine is retried."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from reconciler.aws.instance_connect import minute_key
from reconciler.errors import AccessDenied, CannotConnect
from reconciler.machine.ssh import SshTarget

TARGET = SshTarget("10.0.1.17", 22, "ubuntu", "i-17")


class FakeAws:
    """The client of the service; raises what it is told."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.sent: list[dict[str, str]] = []

    def client(self, service: str, _: object) -> FakeAws:
        """The client of any service is this."""
        assert service == "ec2-instance-connect"
        return self

    def send_ssh_public_key(self, **request: str) -> dict[str, Any]:
        """Note the request."""
        self.sent.append(request)
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "SendSSHPublicKey")
        return {"Success": True}


def test_the_public_half_is_sent_for_the_machine_and_its_user() -> None:
    """The private half stays in memory, and out of every repr."""
    aws = FakeAws()
    key = minute_key(aws, "instance-connect:60s")  # type: ignore[arg-type]
    assert key.push
    key.push(TARGET)
    (sent,) = aws.sent
    assert (sent["InstanceId"], sent["InstanceOSUser"]) == ("i-17", "ubuntu")
    assert sent["SSHPublicKey"].startswith("ssh-ed25519 ")
    assert "PRIVATE" in key.private
    assert key.private not in repr(key)


@pytest.mark.parametrize(
    "code", ["EC2InstanceStateInvalidException", "EC2InstanceNotFoundException"]
)
def test_a_machine_that_boots_is_tried_again(code: str) -> None:
    """As if it refused connections."""
    key = minute_key(FakeAws(code), "")  # type: ignore[arg-type]
    assert key.push
    with pytest.raises(CannotConnect) as failed:
        key.push(TARGET)
    assert failed.value.kind == "refused"


def test_a_missing_permission_is_named() -> None:
    """With the action that the policy lacks."""
    key = minute_key(FakeAws("AccessDeniedException"), "")  # type: ignore[arg-type]
    assert key.push
    with pytest.raises(AccessDenied, match="ec2-instance-connect:SendSSHPublicKey"):
        key.push(TARGET)
