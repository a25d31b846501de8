"""plan says what a release costs, and what stays for a rollback."""

from __future__ import annotations

import pytest

from deployer.compute import Disk
from deployer.provisioning.release_cost import NewMachines, cost_lines
from reconciler.cost.price_list import Prices
from tests.fakes.scene import service

FLEET = NewMachines("t3.small", (Disk("/dev/xvda", 100),), public=True, count=2)


def test_the_machines_disks_addresses_and_the_image() -> None:
    """2 × (0.0228 + 0.005 + 100 × 0.088 / 720), and at most 100 GB of snapshots."""
    new, beside, _ = cost_lines(service(), FLEET, Prices())
    hourly = 2 * (0.0228 + 0.005 + 100 * 0.088 / 720) + 100 * 0.05 / 720
    assert new == (
        f"the new release: ${hourly * 720:.2f} a month (${hourly:.4f}/h) "
        "(2 × t3.small, /dev/xvda 100 GB gp3)"
    )
    assert f"${hourly:.4f}/h" in beside


@pytest.mark.parametrize(
    ("park", "says"),
    [
        ("stop", "for 1d, then $22.60 a month ($0.0314/h) for each of keep = 2, halted"),
        ("run", "for each of keep = 2 previous releases, which run on"),
        ("terminate", "nothing: the old machines go"),
    ],
)
def test_what_stays_for_a_rollback(park: str, says: str) -> None:
    """By `park`: a halted machine pays for its disks."""
    assert says in cost_lines(service(park=park), FLEET, Prices())[2]


def test_an_unknown_price_is_unknown() -> None:
    """Never 0."""
    fleet = NewMachines("x9.huge", (), public=False)
    assert cost_lines(service(), fleet, Prices())[0].startswith("the new release: unknown")
