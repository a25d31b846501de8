"""User data: read as cloud-init reads it, run as cloud-init runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deployer.provisioning.user_data import user_data
from reconciler.errors import ConfigError
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.clone_check import verify_quarantine
from reconciler.machine.host_key import make_host_key
from tests.fakes.machine import FakeMachine

GATE = ActivationGate(app=("shop",), jobs=("cron", "shop-worker"))
KEY = make_host_key()


def test_it_is_a_cloud_config_with_the_host_key() -> None:
    """A YAML reader finds the key pair byte for byte."""
    text = user_data(KEY, GATE)
    config = yaml.safe_load(text)
    assert text.startswith("#cloud-config\n")
    assert config["ssh_deletekeys"] is True
    assert config["ssh_keys"] == {
        "ed25519_private": KEY.private,
        "ed25519_public": KEY.public.tag_value,
    }


def test_its_bootcmd_shuts_the_machine(tmp_path: Path) -> None:
    """What cloud-init would run really gates every unit."""
    machine = FakeMachine(
        tmp_path / "root", units=("shop.service", "cron.service", "shop-worker.service")
    )
    (argv,) = yaml.safe_load(user_data(KEY, GATE))["bootcmd"]
    assert argv[:2] == ["sh", "-c"]
    machine.boot(argv[2])
    assert machine.active() == set()
    verify_quarantine(machine, GATE)


def test_the_same_inputs_give_the_same_bytes() -> None:
    """A replayed RunInstances must not differ, or EC2 says IdempotentParameterMismatch."""
    assert user_data(KEY, GATE) == user_data(
        KEY, ActivationGate(("shop",), ("cron", "shop-worker"))
    )
    assert user_data(KEY, GATE) != user_data(make_host_key(), GATE)


def test_a_dozen_units_fit() -> None:
    """The ordinary case is far below EC2's 16 KiB."""
    units = tuple(f"a-rather-long-unit-name-{number}" for number in range(12))
    assert len(user_data(KEY, ActivationGate(units, ("cron",)))) < 12_000


def test_too_much_is_refused_in_words() -> None:
    """Better than EC2's InvalidParameterValue."""
    with pytest.raises(ConfigError, match="EC2 takes 16384"):
        user_data(KEY, ActivationGate(tuple(f"unit-{number}" for number in range(3000))))
