"""Fetched prices: read from AWS's products, kept in a file, used before the table."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import cli
from reconciler.cli.shared import ended
from reconciler.cost import estimate, price_cache
from reconciler.cost.price_list import Prices, decode, encode, read_products
from reconciler.model.resource import INSTANCE, RDS_SNAPSHOT, VOLUME, Resource
from tests.support.shop_world import PLACE

ROOT = Path(__file__).resolve().parents[4]
REGION = PLACE.region
FETCHED = Prices(
    "2026-11-23",
    {REGION: {"t3.small": Decimal("0.5"), "x99.huge": Decimal(7), "gp3": Decimal("0.72")}},
)
MACHINE = Resource(INSTANCE, "i-1", PLACE, state="running", type="t3.small")
DISK = Resource(VOLUME, "vol-1", PLACE, type="gp3", size_gb=100)


LINUX = {"instanceType": "t3.small", "operatingSystem": "Linux"}


def product(family: str, dollars: str, unit: str = "Hrs", **attributes: str) -> str:
    """A product as the Pricing API writes it."""
    dimension = {"unit": unit, "pricePerUnit": {"USD": dollars}}
    return json.dumps(
        {
            "product": {"productFamily": family, "attributes": attributes},
            "terms": {
                "OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}},
                "Reserved": {
                    "A.D": {"priceDimensions": {"A.D.C": {**dimension, "unit": "Quantity"}}}
                },
            },
        }
    )


def test_products_of_every_kind() -> None:
    """Machines and database servers by the hour, disks and snapshots by GB and month."""
    server = {"instanceType": "db.t3.small", "databaseEngine": "PostgreSQL"}
    throughput = "EU-EBS:VolumeP-Throughput.gp3"
    said = (
        product("Compute Instance", "0.0228", **LINUX),
        product("Compute Instance", "0.0412", **{**LINUX, "operatingSystem": "Windows"}),
        product("Compute Instance", "0.0242", **LINUX, tenancy="Dedicated"),
        product("Compute Instance", "0.9", **LINUX, capacitystatus="AllocatedCapacityReservation"),
        product("Compute Instance", "0.8", **LINUX, licenseModel="Bring your own license"),
        product("Database Instance", "0.036", **server, deploymentOption="Single-AZ"),
        product("Database Instance", "0.072", **server, deploymentOption="Multi-AZ"),
        product("Storage", "0.088", "GB-Mo", usagetype="EU-EBS:VolumeUsage.gp3"),
        product("Storage", "0.138", "GB-Mo", usagetype="EU-EBS:VolumeUsage.piops"),
        product("System Operation", "0.0504", usagetype="EU-EBS:VolumeP-IOPS.io2.tier2"),
        product("Provisioned Throughput", "45.056", "GiBps-mo", usagetype=throughput),
        product("Storage Snapshot", "0.05", "GB-Mo", usagetype="EU-EBS:SnapshotUsage"),
        product("Storage Snapshot", "0.0125", "GB-Mo", usagetype="EU-EBS:SnapshotArchiveStorage"),
        product("Fee", "1", instanceType="t3.small"),
        product("Load Balancer-Network", "0.0252", usagetype="EU-LoadBalancerUsage"),
        product("Load Balancer-Network", "0.006", usagetype="EU-LCUUsage"),
        product("Provisioned Throughput", "0.08", usagetype="EU-RDS:GP3-Throughput"),
    )
    assert {name: str(price) for name, price in read_products(said).items()} == {
        "db.t3.small postgres": "0.036",
        "db.t3.small postgres multi-az": "0.072",
        "gp3": "0.088",
        "gp3 throughput": "0.044",
        "io1": "0.138",
        "io2 iops 2": "0.0504",
        "load balancer network": "0.0252",
        "rds gp3 throughput": "0.08",
        "snapshot": "0.05",
        "snapshot archive": "0.0125",
        "t3.small": "0.0228",
        "t3.small windows": "0.0412",
    }


def test_what_is_said_twice_and_differently_stays_unknown() -> None:
    """No price is better than a wrong one; the same one twice is fine, and 0 is none."""
    said = [product("Compute Instance", one, **LINUX) for one in ("0.02", "0.02", "0")]
    assert read_products(said) == {"t3.small": Decimal("0.02")}
    assert read_products([*said, product("Compute Instance", "9", **LINUX)]) == {}


def test_fetched_prices_go_before_the_table() -> None:
    """What was not fetched is as in the table, and what neither knows is unknown."""
    assert estimate.hourly(MACHINE, FETCHED) == Decimal("0.5")
    assert estimate.hourly(DISK, FETCHED) == Decimal("0.1")
    assert estimate.hourly(replace(MACHINE, type="x99.huge"), FETCHED) == Decimal("7.0")
    assert estimate.hourly(replace(MACHINE, type="t3.nano"), FETCHED) == Decimal("0.0057")
    assert estimate.price(replace(MACHINE, type="y1.none"), FETCHED) == "unknown"
    kept = Resource(RDS_SNAPSHOT, "s", PLACE, size_gb=720)
    assert estimate.hourly(kept, FETCHED) == Decimal("0.095")
    assert estimate.as_of(FETCHED) == "2026-11-23, else 2025-03"


def test_kept_between_runs() -> None:
    """What was saved is loaded; without a file nothing, which means the table."""
    assert price_cache.load() == Prices()
    assert estimate.as_of(Prices()) == "2025-03"
    price_cache.save(FETCHED)
    assert price_cache.load() == FETCHED == decode(encode(FETCHED))
    assert [one.name for one in price_cache.path().parent.iterdir()] == ["prices.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2}', '{"version": 2, "as_of": "", "prices": {"a": 1}}']
)
def test_a_spoiled_file_is_no_file(text: str) -> None:
    """It costs the fetched prices and nothing else."""
    price_cache.path().parent.mkdir(parents=True)
    price_cache.path().write_text(text)
    assert price_cache.load() == Prices()


def test_a_loop_is_told_once_that_the_file_is_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics and notices ask with every sweep; a file that is mended is read again."""
    warned: list[str] = []
    monkeypatch.setattr(price_cache.log, "warning", lambda text, **_: warned.append(text))
    file = price_cache.PriceFile()
    assert file.load() == Prices()
    price_cache.path().parent.mkdir(parents=True)
    price_cache.path().write_text("{}")
    assert [file.load() for _ in range(3)] == [Prices()] * 3
    assert len(warned) == 1
    price_cache.save(FETCHED)
    assert file.load() == FETCHED


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which prices there are; --refresh fetches those of the regions, and keeps them."""

    def fetch(_: Any, region: str) -> dict[str, Decimal]:
        return {"t3.small": Decimal("0.5")} if region == REGION else {}

    monkeypatch.setattr("reconciler.aws.pricing.fetch", fetch)
    words = ["--config", str(ROOT / "config"), "prices"]
    assert ended(cli, words) == 0
    assert "The table of 2025-03" in capsys.readouterr().out
    assert ended(cli, [*words, "--refresh", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["regions"] == {REGION: 1}
    assert ended(cli, words) == 0
    assert f"Fetched on {said['as_of']}: {REGION} 1." in capsys.readouterr().out
