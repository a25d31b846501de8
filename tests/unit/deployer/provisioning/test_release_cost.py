"""plan says what a release costs, and what stays for a rollback."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.compute import Disk
from deployer.provisioning.release_cost import (
    KeptRelease,
    NewMachines,
    cost_lines,
    hourly_cost,
    kept_costs,
)
from reconciler.cost.price_list import Prices
from reconciler.model.resource import INSTANCE, SNAPSHOT, VOLUME, Resource
from tests.fakes.scene import service
from tests.support.shop_world import PLACE

FLEET = NewMachines("t3.small", (Disk("/dev/xvda", 100),), public=True, count=2)
MACHINE = Resource(
    INSTANCE, "i-1", PLACE, state="running", type="t3.small", public_ips=1, uses=("vol-1",)
)
DISK = Resource(VOLUME, "vol-1", PLACE, type="gp3", size_gb=100)
SNAP = Resource(SNAPSHOT, "snap-1", PLACE, size_gb=100)
HALTED = (100 * 0.088 + 100 * 0.05) / 720
LIVE = KeptRelease((MACHINE, DISK, SNAP))


def test_the_machines_disks_addresses_and_the_image() -> None:
    """2 × (0.0228 + 0.005 + 100 × 0.088 / 720), and at most 100 GB of snapshots."""
    new, beside, _ = cost_lines(service(), FLEET, Prices(), LIVE)
    hourly = 2 * (0.0228 + 0.005 + 100 * 0.088 / 720) + 100 * 0.05 / 720
    assert new == (
        f"the new release: ${hourly * 720:.2f} a month (${hourly:.4f}/h) "
        "(2 × t3.small, /dev/xvda 100 GB gp3)"
    )
    assert f"${0.0228 + 0.005 + HALTED:.4f}/h" in beside


def test_a_configured_image_is_nobodys_and_a_first_release_keeps_nothing() -> None:
    """No image is made, so no snapshot is paid for; and nothing is live beside it."""
    fleet = replace(FLEET, imaged=False)
    found = hourly_cost(service(), FLEET, Prices()) or 0
    assert found - (hourly_cost(service(), fleet, Prices()) or 0) == pytest.approx(5 / 720)
    assert len(cost_lines(service(), fleet, Prices(), KeptRelease())) == 1


@pytest.mark.parametrize(
    ("park", "says"),
    [
        ("stop", "for 1d, then $13.80 a month ($0.0192/h), halted; keep = 2"),
        ("run", ", running on; keep = 2 previous releases"),
        ("terminate", "nothing: the old machines go"),
    ],
)
def test_what_stays_for_a_rollback(park: str, says: str) -> None:
    """By `park`: a halted machine pays for its disks."""
    assert says in cost_lines(service(park=park), FLEET, Prices(), LIVE)[2]


def test_an_unknown_price_is_unknown() -> None:
    """Never 0."""
    fleet = NewMachines("x9.huge", (), public=False)
    assert cost_lines(service(), fleet, Prices(), LIVE)[0].startswith("the new release: unknown")
    assert hourly_cost(service(), fleet, Prices()) is None


@pytest.mark.parametrize(
    "fleet",
    [
        replace(FLEET, platform="Windows with SQL Server Web"),
        replace(FLEET, disks=()),
        replace(FLEET, disks=(Disk("/dev/xvda", 8, "io2"),)),
    ],
)
def test_a_part_that_is_not_known_is_said(fleet: NewMachines) -> None:
    """A system with a licence, a disk that is not known, IOPS that are not: never less."""
    assert "unknown (at least $" in cost_lines(service(), fleet, Prices(), LIVE)[0]
    assert hourly_cost(service(), fleet, Prices()) is None


def test_provisioned_performance_counts() -> None:
    """3,000 IOPS above the baseline, at $0.0055 each and month."""
    fast = replace(FLEET, disks=(Disk("/dev/xvda", 100, iops=6000),), count=1)
    plain = replace(FLEET, count=1)
    more = hourly_cost(service(), fast, Prices()) or 0
    assert more - (hourly_cost(service(), plain, Prices()) or 0) == pytest.approx(
        3000 * 0.0055 / 720
    )


def test_what_the_release_before_costs_from_now_on() -> None:
    """As it runs, and halted."""
    now, parked = kept_costs(service(park="stop"), LIVE, Prices())
    assert now == pytest.approx(0.0228 + 0.005 + HALTED)
    assert parked == pytest.approx(HALTED)


def test_volumes_that_could_not_be_read_make_it_unknown() -> None:
    """Never less than it is; what is known is said."""
    unread = replace(LIVE, whole=False)
    assert kept_costs(service(park="stop"), unread, Prices()) == (None, None)
    assert "unknown (at least $" in cost_lines(service(), FLEET, Prices(), unread)[1]


def test_an_elastic_address_is_paid_for_while_its_machine_stands_still() -> None:
    """One that EC2 has lent is gone."""
    elastic = replace(MACHINE, elastic=("192.0.2.7",))
    _, parked = kept_costs(service(park="stop"), KeptRelease((elastic, DISK, SNAP)), Prices())
    assert parked == pytest.approx(HALTED + 0.005)


@pytest.mark.parametrize("park", ["run", "terminate"])
def test_a_release_that_is_never_parked_has_no_price_parked(park: str) -> None:
    """Nor has one without a machine any."""
    assert kept_costs(service(park=park), LIVE, Prices())[1] is None
    assert kept_costs(service(), KeptRelease((DISK,)), Prices()) == (None, None)
