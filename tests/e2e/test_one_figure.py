"""What a release is said to cost, and what it costs: on real commands, by the sandbox's cloud."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any

from tests.e2e.probes import answer_of
from tests.support.company import Company

MONEY = re.compile(r"\$([\d,]+\.\d\d)(?!\d)")


def month(text: str, line: str) -> Decimal:
    """The first amount of cents in the one line that has these words."""
    [found] = [each for each in text.splitlines() if line in each]
    return Decimal(MONEY.findall(found)[0].replace(",", ""))


def told(company: Company) -> dict[str, Any]:
    """The report as JSON."""
    answer: dict[str, Any] = answer_of(company, 0, "reconciler", "report")
    return answer


def cents(amount: float) -> Decimal:
    """As it is shown."""
    return Decimal(str(amount)).quantize(Decimal("0.01"))


def agree(company: Company) -> dict[str, Any]:
    """Status and every form of the report have one total; the report."""
    report = told(company)
    total = cents(report["total"]["monthly"])
    resources = [one for row in report["deploys"] for one in row["resources"]]
    assert cents(sum(one["monthly"] for one in resources)) == total
    assert month(company.ok("deployer", "status", "shop").out, "  costs ") == Decimal(
        MONEY.findall(report["sentence"])[0]
    )
    for form in ("html", "markdown"):
        assert (
            f"You pay ${total} a month" in company.ok("reconciler", "report", "--format", form).out
        )
    rows = csv.DictReader(io.StringIO(company.ok("reconciler", "report", "--format", "csv").out))
    by_csv = sum((Decimal(row["monthly"]) for row in rows), Decimal(0))
    assert by_csv.quantize(Decimal("0.01")) == total
    return report


def row_of(report: dict[str, Any], state: str) -> Decimal:
    """What the deploys in a state cost."""
    return sum(
        (cents(row["monthly"]) for row in report["deploys"] if row["state"] == state), Decimal(0)
    )


def test_what_was_said_before_a_release_is_what_it_costs(adopted: Company) -> None:
    """An adopted machine with a second disk: no tag is on either volume."""
    ec2 = adopted.aws("ec2")
    machine = adopted.instances()[0]
    zone = machine["Placement"]["AvailabilityZone"]
    disk = ec2.create_volume(AvailabilityZone=zone, Size=50, VolumeType="gp3")["VolumeId"]
    ec2.attach_volume(Device="/dev/sdf", InstanceId=machine["InstanceId"], VolumeId=disk)
    before = agree(adopted)
    volumes = [one for one in before["deploys"][0]["resources"] if one["kind"] == "volume"]
    assert disk in {one["id"] for one in volumes}
    assert len(volumes) == 2
    plan = adopted.ok("deployer", "plan", "shop", "--ref", "v1.5.0").out
    assert month(plan, "live beside it") == row_of(before, "live")
    done = adopted.up("v1.5.0")
    said = done.err + done.out
    after = agree(adopted)
    assert month(plan, "the new release") == row_of(after, "live")
    rollback = row_of(after, "previous")
    assert rollback == row_of(before, "live")
    assert month(plan, "for rollback: $") == rollback
    assert month(said, "kept      ") == rollback
    assert month(said, "cost      ") == row_of(after, "live")
