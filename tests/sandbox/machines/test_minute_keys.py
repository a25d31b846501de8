"""Keys of EC2 Instance Connect on a machine of the sandbox: valid for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.sandbox.machines.ssh import minute_keys


def test_a_key_is_valid_for_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its user alone; one that is sent later does not end an earlier one."""
    now = 1_000.0
    monkeypatch.setattr("time.time", lambda: now)
    folder = tmp_path / "var/lib/ec2-instance-connect"
    minute_keys.put(tmp_path, "ubuntu", "ssh-ed25519 AAAA1")
    now = 1_030.0
    minute_keys.put(tmp_path, "ubuntu", "ssh-ed25519 AAAA2")
    assert minute_keys.valid("ubuntu", folder) == "ssh-ed25519 AAAA1\nssh-ed25519 AAAA2\n"
    assert minute_keys.valid("root", folder) == ""
    now = 1_060.0
    assert minute_keys.valid("ubuntu", folder) == "ssh-ed25519 AAAA2\n"
    now = 1_090.0
    assert minute_keys.valid("ubuntu", folder) == ""
