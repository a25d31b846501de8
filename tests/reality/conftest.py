"""Real machines where they can be had; in words why not where they cannot."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.sandbox.machines import Machines
from deployer.sandbox.machines.container import host as containers
from deployer.sandbox.machines.container import image
from deployer.sandbox.machines.container.connections import Ports
from deployer.sandbox.machines.container.host import ContainerMachines
from reconciler.errors import Refused, ToolError
from tests.reality import page
from tests.reality.laboratory import BASE, SSH_PORT, Laboratory
from tests.reality.situations import Differ
from tests.sandbox.machines.lab import Key
from tests.support.share import UNREAL

REQUIRED = "REALITY"
"""`REALITY=required`: what cannot run fails."""


def cannot(reason: str) -> BaseException:
    """The outcome of a test that cannot run: skipped, or failed where reality is required."""
    if os.environ.get(REQUIRED) == "required":
        return pytest.fail.Exception(f"{REQUIRED}=required, and {reason}")
    return pytest.skip.Exception(reason)


@pytest.fixture(scope="session")
def container_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerMachines]:
    """A host of containers for the whole session; its disk is built now if nobody has yet."""
    try:
        containers.require()
        tree = image.build(image.this_system(), print)
        host = ContainerMachines(tmp_path_factory.mktemp("reality"), tree, Ports(SSH_PORT))
    except ToolError as refusal:
        raise cannot(f"{refusal.message}: {refusal.cure}") from refusal
    host.create_base_image(BASE)
    yield host
    host.shutdown()


@pytest.fixture(autouse=True)
def _where(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Say in the results on what the test ran: docs/reality.md is made from that."""
    unreal = request.path.name in UNREAL or f"[{page.IMITATION}]" in request.node.name
    if unreal or request.node.get_closest_marker("vm"):
        return
    with contextlib.suppress(Refused):
        tree = image.find(image.this_system())
        record_property(
            page.WHERE, f"container: {versions(tree, os.uname().release)}" if tree else "none"
        )


def versions(tree: Path, kernel: str) -> str:
    """The versions of what matters in a tree, and the kernel below it."""
    lines = (tree / image.VERSIONS).read_text().splitlines()
    packages = dict(line.split(" ", 1) for line in lines)
    wanted = ("systemd", "cloud-init", "openssh-server")
    return ", ".join([*(f"{one} {packages[one]}" for one in wanted), f"Linux {kernel}"])


@pytest.fixture
def differ(record_property: Callable[[str, object], None]) -> Differ:
    """The end of a test that looks at the table of units."""

    def end(found: list[str]) -> None:
        record_property(page.DIFFERENCES, "\n".join(found))
        assert found == []

    return end


@pytest.fixture
def container_laboratory(container_host: ContainerMachines) -> Iterator[Laboratory]:
    """Containers for one test."""
    made = Laboratory(container_host, Key.make())
    yield made
    made.end()


@pytest.fixture
def imitation_laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Machines that imitate systemd, for one test."""
    try:
        host = Machines(tmp_path_factory.mktemp("imitation"))
    except Refused as refusal:
        pytest.skip(f"{refusal.message}; {refusal.cure}")
    host.create_base_image(BASE)
    made = Laboratory(host, Key.make())
    yield made
    made.end()
    host.shutdown()
