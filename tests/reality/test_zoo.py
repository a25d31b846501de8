"""Who acts on a clone, on a real systemd with a real cloud-init: nobody who must not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployer.sandbox.machines.container.host import ContainerMachines
from reconciler.machine.activation_gate import ActivationGate
from tests.reality import zoo
from tests.reality.laboratory import Laboratory
from tests.reality.product import product
from tests.reality.situations import ACT, BOTH, ORDERS, Differ, Order, Walk, differences
from tests.sandbox.machines.lab import Key

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def key() -> Key:
    """The client's key; the zoo's image knows it."""
    return Key.make()


@pytest.fixture(scope="session")
def zoo_image(container_host: ContainerMachines, key: Key) -> Iterator[str]:
    """The disk of a machine with the whole table on it."""
    made = Laboratory(container_host, key)
    machine = made.boot()
    machine.await_end_of_boot()
    machine.root(zoo.install_script())
    yield made.image_of(machine)
    made.end()


@pytest.fixture
def laboratory(container_host: ContainerMachines, key: Key) -> Iterator[Laboratory]:
    """Machines for one test."""
    made = Laboratory(container_host, key)
    yield made
    made.end()


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)
def test_nobody_acts_who_must_not(
    laboratory: Laboratory, zoo_image: str, order: Order, differ: Differ
) -> None:
    """First clone, later clone, reboot of live, reboot of retired, with cloud-init in each way."""
    walk = Walk(laboratory, order, zoo.ROWS)
    walk.go(laboratory.boot(zoo_image))
    differ(walk.differences)


def test_a_line_of_cron_for_every_minute(laboratory: Laboratory, differ: Differ) -> None:
    """It runs on live at the next full minute, and on the clone it does not."""
    rows = (zoo.EVERY_MINUTE,)
    production = laboratory.boot()
    production.root(zoo.install_script(rows))
    walk = Walk(laboratory, ORDERS[0], rows)
    production.root(product().adopt(walk.gate, ACT))
    clone, _ = walk.clone(production)
    clone.await_end_of_boot()
    production.root(f"systemctl restart cron; {zoo.FORGET}")
    found = [f"live: {line}" for line in differences(production, zoo.may_act(BOTH, rows), 90)]
    found += [f"first clone: {line}" for line in differences(clone, ())]
    differ(found)


def test_a_clone_without_a_gate_is_told(laboratory: Laboratory, zoo_image: str) -> None:
    """Everybody acts there, and the check of a clone names every unit that did.

    A oneshot that has ended too, which no state shows.
    """
    clone = laboratory.boot(zoo_image)
    clone.await_end_of_boot()
    assert differences(clone, zoo.may_act(BOTH)) == []
    gate = zoo.gate()
    gate = ActivationGate(gate.app, (*gate.jobs, zoo.ONCE))
    told = clone.root(product().quarantine(gate))
    acted = [f"unit {one} is running" in told or f"unit {one} has run" in told for one in gate.all]
    assert all(acted), told
