"""doctor finds what a way to the machines lacks before a release does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.checks.ssh_route import check_route
from deployer.ports import Ports
from reconciler.errors import ToolError
from tests.fakes.scene import Scene


def reached(root: Path, **ssh: str) -> Ports:
    """The ports of a service that is reached so."""
    return Scene(root).ports(ssh={"user": "ubuntu", **ssh})


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder of programs, before the system's: no other `aws` is found."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def install(folder: Path, name: str, version: str) -> None:
    """A program that says its version."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)


def test_the_tools_of_session_manager(tools: Path) -> None:
    """Both are named with their versions."""
    install(tools, "aws", "aws-cli/1.44.2 Python/3.11 Linux")
    install(tools, "session-manager-plugin", "1.2.764.0")
    assert check_route(reached(tools, via="ssm")) == (
        "ssm, aws 1.44.2, session-manager-plugin 1.2.764.0"
    )


@pytest.mark.parametrize(
    ("via", "aws", "plugin", "words"),
    [
        ("ssm", "", "", "aws is not found on this computer"),
        ("ssm", "aws-cli/1.44.2", "", "session-manager-plugin is not found"),
        ("ssm", "aws-cli/1.44.2", "1.1.17.0", r"version 1\.1\.17\.0; 1\.1\.23\.0 or newer"),
        ("ssm", "something else", "1.2.764.0", "says version nothing"),
        ("instance-connect-endpoint", "aws-cli/1.44.2", "", r"2\.12 or newer is needed"),
        ("instance-connect-endpoint", "aws-cli/2.9.19", "", r"2\.12 or newer is needed"),
    ],
)
def test_a_tool_that_is_missing_or_too_old(
    tools: Path, via: str, aws: str, plugin: str, words: str
) -> None:
    """It is named, with the version that is needed and where to install it."""
    if aws:
        install(tools, "aws", aws)
    if plugin:
        install(tools, "session-manager-plugin", plugin)
    if not aws and os.path.exists("/usr/bin/aws"):  # noqa: PTH110  a short question
        pytest.skip("this computer has an AWS CLI where every program finds it")
    with pytest.raises(ToolError, match=words) as caught:
        check_route(reached(tools, via=via))
    assert "install" in caught.value.cure


def test_the_program_of_a_command(tools: Path) -> None:
    """Only its first word is looked for: the command itself may cost something."""
    install(tools, "my-proxy", "")
    assert check_route(reached(tools, via="command", command="my-proxy %h %p")) == (
        "through my-proxy"
    )
    with pytest.raises(ToolError, match="no-proxy is not found"):
        check_route(reached(tools, via="command", command="no-proxy %h"))
