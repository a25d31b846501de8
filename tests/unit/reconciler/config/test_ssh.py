"""`[ssh] key`: a reference, the agent, or a key of EC2 Instance Connect."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.config.ssh import INSTANCE_CONNECT, Ssh
from reconciler.util.secret import Reference

HOP = {
    "host": "bastion.example.com",
    "user": "jump",
    "host_key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{'a' * 44}",
}


def ssh(**values: Any) -> Ssh:
    """The section with these values."""
    return Ssh.model_validate({"user": "ubuntu", **values})


def test_what_a_key_may_be() -> None:
    """Only a reference has to be resolved before a release."""
    assert ssh().stored_key is None
    assert ssh(key="instance-connect").key == INSTANCE_CONNECT
    assert ssh(key="instance-connect").stored_key is None
    assert ssh(key="ssm:/shop/key").stored_key == Reference("ssm", "/shop/key")


@pytest.mark.parametrize("key", ["x", 7, "instance-connect:60s"])
def test_anything_else_is_refused(key: object) -> None:
    """A mistyped word is no reference."""
    with pytest.raises(ValidationError):
        ssh(key=key)


def test_a_bastion_wants_a_key_of_its_own() -> None:
    """It has no instance id here, so no key can be sent to it."""
    with pytest.raises(ValidationError, match="wants a key of its own"):
        ssh(key="instance-connect", via="bastion", bastion=(HOP,))
    own = ssh(key="instance-connect", via="bastion", bastion=({**HOP, "key": "env:BASTION"},))
    assert own.bastion[0].key == Reference("env", "BASTION")
