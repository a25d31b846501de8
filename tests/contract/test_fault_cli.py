"""`deployer sandbox fault`: the same door, by hand. Source: issue 2 §1."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from deployer.sandbox.aws import AwsServer
from deployer.sandbox.fault_cli import fault
from deployer.sandbox.faults import QUOTAS
from reconciler.errors import ConfigError
from tests.contract.helpers import Launch, refused

Run = Callable[..., str]


@pytest.fixture
def run(server: AwsServer) -> Run:
    """Run the command against our server; returns what it printed."""

    def go(*words: str) -> str:
        line = ["--endpoint", server.endpoint, *words]
        result = CliRunner().invoke(fault, line, env={"AWS_ACCESS_KEY_ID": "test"})
        assert result.exit_code == 0, result.output
        return result.output

    return go


def test_an_endpoint_needs_its_key(server: AwsServer) -> None:
    """Without the sandbox's access key nothing is asked; the error says where the key is."""
    line = ["--endpoint", server.endpoint, "list"]
    failed = CliRunner().invoke(fault, line, env={"AWS_ACCESS_KEY_ID": None}).exception
    assert isinstance(failed, ConfigError)
    assert "deployer sandbox env" in failed.cure


@pytest.mark.usefixtures("faults")
def test_a_fault_is_added_listed_and_cleared(run: Run, launch: Launch) -> None:
    """What `add` sets strikes, `list` shows it, `clear` ends it."""
    run("add", "RunInstances", "error", "--times", "0", "--code", "InsufficientInstanceCapacity")
    with refused("InsufficientInstanceCapacity"):
        launch(1)
    (rule,) = json.loads(run("list"))["rules"]
    assert (rule["action"], rule["kind"], rule["hits"]) == ("RunInstances", "error", 1)
    run("clear")
    launch(1)


def test_the_lag_is_set(run: Run, server: AwsServer) -> None:
    """`lag SECONDS`, and 0 ends it."""
    run("lag", "2.5")
    assert server.faults.lag == 2.5
    run("lag", "0")
    assert server.faults.lag == 0


def test_the_limits_are_set(run: Run, server: AwsServer) -> None:
    """`limits SPEED`, and `clear` ends them."""
    run("limits", "10")
    assert json.loads(run("list"))["limits"] == 10
    run("clear")
    assert server.faults.limits == 0


@pytest.mark.usefixtures("faults")
def test_quotas_are_lowered(run: Run, server: AwsServer) -> None:
    """`quota NAME LIMIT`, and `clear` puts them far away again."""
    run("quota", "vcpus", "8")
    assert json.loads(run("list"))["quotas"]["vcpus"] == 8
    run("clear")
    assert server.faults.quotas == QUOTAS


@pytest.mark.usefixtures("faults")
def test_images_that_do_not_become_available(run: Run, server: AwsServer) -> None:
    """`images FATE`; `available` ends it, and so does `clear`."""
    for fate, ending in (("failed", ("images", "available")), ("pending", ("clear",))):
        run("images", fate)
        assert server.faults.images == fate
        run(*ending)
        assert server.faults.images == ""


def test_an_unknown_kind_is_a_usage_error(server: AwsServer) -> None:
    """Exit code 2, with the kinds there are."""
    asked = ["--endpoint", server.endpoint, "add", "RunInstances", "earthquake"]
    result = CliRunner().invoke(fault, asked)
    assert result.exit_code == 2
    assert "drop_reply" in result.output
