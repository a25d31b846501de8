"""Virtual machines where they can be had; in words why not where they cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from deployer.sandbox.machines.container.host import RealMachines
from reconciler.errors import ToolError
from tests.reality import page
from tests.reality.conftest import cannot, versions
from tests.reality.laboratory import BASE, Laboratory
from tests.reality.vm import accelerator, disk
from tests.reality.vm.host import virtual_machines
from tests.sandbox.machines.lab import Key

PATIENCE = 1200.0
"""Seconds that a boot may take: an emulated processor on a busy computer needs five minutes."""

Note = Callable[[str], None]
Watch = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def base() -> disk.Base:
    """The disk, built now if nobody has yet."""
    try:
        return disk.build(print)
    except ToolError as refusal:
        raise cannot(f"{refusal.message}: {refusal.cure}") from refusal


@pytest.fixture(scope="session")
def chosen(base: disk.Base) -> str:
    """`kvm` or `tcg`."""
    return accelerator.choose(base)


@pytest.fixture(scope="session")
def host(
    base: disk.Base, chosen: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealMachines]:
    """A host of virtual machines for the whole session."""
    made = virtual_machines(tmp_path_factory.mktemp("vm"), base, chosen)
    made.create_base_image(BASE)
    yield made
    made.shutdown()


@pytest.fixture
def laboratory(host: RealMachines) -> Iterator[Laboratory]:
    """Machines for one test."""
    made = Laboratory(host, Key.make(), PATIENCE)
    yield made
    made.end()


def where(base: disk.Base, chosen: str) -> str:
    """On what a test runs, with versions."""
    kernel = base.kernel.name.removeprefix("vmlinuz-")
    return f"vm: {versions(base.tree, kernel)}, QEMU with {chosen}"


@pytest.fixture
def note(base: disk.Base, chosen: str, record_property: Callable[[str, object], None]) -> Note:
    """Notes a line for docs/reality.md, which says on what the test ran as well."""
    record_property(page.WHERE, where(base, chosen))
    return lambda line: record_property(page.NOTE, line)
