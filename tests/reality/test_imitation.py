"""The sandbox's imitation against the same table: it agrees with a real systemd, or refuses."""

from __future__ import annotations

import pytest

from tests.reality import zoo
from tests.reality.laboratory import Laboratory, until
from tests.reality.situations import ORDERS, Differ, Order, Walk

pytestmark = pytest.mark.timeout(300)

IMITATED = tuple(row for row in zoo.ROWS if row.imitated)
UNITS_ALONE = tuple(row for row in zoo.EVERY if not row.imitated and row.enable)
WALKED = ("debian", "disabled")


@pytest.fixture
def laboratory(imitation_laboratory: Laboratory) -> Laboratory:
    """Machines that imitate systemd."""
    return imitation_laboratory


@pytest.mark.parametrize(
    "order", [one for one in ORDERS if one.name in WALKED], ids=lambda order: order.name
)
def test_it_agrees_with_reality(laboratory: Laboratory, order: Order, differ: Differ) -> None:
    """Every row that it imitates, in every situation."""
    machine = laboratory.boot()
    machine.root(zoo.install_script(IMITATED))
    walk = Walk(laboratory, order, IMITATED, patience=10)
    walk.go(machine)
    differ(walk.differences)


def test_it_refuses_what_it_cannot_do(laboratory: Laboratory) -> None:
    """Each of the other rows: its unit does not start, and nothing acts."""
    machine = laboratory.boot()
    machine.attempt(zoo.install_script(UNITS_ALONE).replace("set -eu", ""))
    started = [
        row.enable[0]
        for row in UNITS_ALONE
        if machine.attempt(f"systemctl start {row.enable[0]}")[0] == 0
    ]
    assert started == []
    assert machine.root(zoo.ACTED) == ""


@pytest.mark.parametrize(
    "order", [one for one in ORDERS if one.name not in WALKED], ids=lambda order: order.name
)
def test_it_refuses_a_cloud_init_that_it_cannot_be(laboratory: Laboratory, order: Order) -> None:
    """Another order, another datasource or another cache: it does nothing, and says so."""
    machine = laboratory.boot()
    machine.attempt(order.script)
    machine.reboot()
    console = machine.host.console(machine.spec.instance_id).decode()
    until(lambda: "the sandbox does not imitate" in console, console, patience=1)
