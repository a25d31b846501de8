"""Where container machines cannot run, that is said with its cure before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.machines.container import control_group, host, nspawn
from deployer.sandbox.machines.container.connections import Ports
from deployer.sandbox.machines.container.host import ContainerMachines
from deployer.sandbox.machines.isolation import linux
from reconciler.errors import Refused
from reconciler.exit_codes import Exit
from tests.support.company import Company


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which every tool is, and root's rights."""
    for name in nspawn.TOOLS:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(linux, "may_make_namespaces", lambda: True)
    monkeypatch.setattr(control_group, "_ROOT", tmp_path)
    (tmp_path / "cgroup.controllers").touch()
    return tmp_path


def test_nothing_is_missing(tools: Path) -> None:
    """Tools, rights and control groups: nothing is refused."""
    assert tools.is_dir()
    host.require()


def test_a_missing_tool(tools: Path) -> None:
    """The package that has it is named."""
    (tools / "systemd-nspawn").unlink()
    with pytest.raises(Refused, match="tools that start a real machine are missing") as caught:
        host.require()
    assert caught.value.cure == "apt-get install systemd-container"


def test_without_rights(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user is told of root, and of the machines that need none."""
    assert tools.is_dir()
    monkeypatch.setattr(linux, "may_make_namespaces", lambda: False)
    with pytest.raises(Refused, match="only root") as caught:
        host.require()
    assert "--machines processes" in caught.value.cure


def test_without_control_groups(tools: Path) -> None:
    """Version 2 is needed to freeze a machine and to end it whole."""
    (tools / "cgroup.controllers").unlink()
    with pytest.raises(Refused, match="version 2 of control groups is not mounted"):
        host.require()


def test_on_an_overlay(tools: Path, tmp_path: Path) -> None:
    """As in an ordinary container: said before anything boots."""
    (tools / "stat").write_text("#!/bin/sh\necho overlayfs\n")
    (tools / "stat").chmod(0o755)
    with pytest.raises(Refused, match="is on an overlay") as caught:
        ContainerMachines(tmp_path / "machines", tmp_path, Ports(2222))
    assert "--dir /dev/shm" in caught.value.cure


def test_a_sandbox_of_another_kind_runs(sandbox: Sandbox) -> None:
    """Its machines are not changed under it."""
    company = Company(sandbox)
    directory = ("--dir", str(sandbox.places.root))
    done = company.deployer("sandbox", "up", "--machines", "processes", *directory)
    assert done.code == Exit.DONE, done
    wanted = ("sandbox", "up", "--machines", "container", *directory)
    done = company.run("deployer", *wanted, env={"PATH": str(sandbox.places.root)})
    assert done.code == Exit.REFUSED, done
    assert "tools that start a real machine are missing" in done.err
