"""A bill as AWS's pricing pages work it out, in fractions, for what a test says was rented.

This was written from the pricing pages and from nothing in `reconciler.cost`, so that an error
must be made twice to go unnoticed:

- EC2: "billed per second, with a minimum of 60 seconds" at each start; a stopped machine is not.
- Public IPv4: by the hour and address, in use or idle; an address that EC2 lent to a machine goes
  when the machine stops.
- EBS: what is provisioned, from creation to deletion, by the second with a minimum of 60 s, out of
  a month of 30 days; gp3 pays for what it has above 3,000 IOPS and 125 MiB/s, io1 for every IOPS,
  io2 for every IOPS at three prices (to 32,000, to 64,000, above).
- Snapshots: by GB and month of what is stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

SECONDS_OF_A_MONTH = 30 * 86_400
MINIMUM_SECONDS = 60
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

#: US dollars an hour, Linux, shared tenancy, on demand.
MACHINE_HOUR: Mapping[tuple[str, str], str] = {
    ("us-east-1", "t3.small"): "0.0208",
    ("us-east-1", "t3.medium"): "0.0416",
    ("us-east-1", "m5.large"): "0.096",
    ("eu-west-1", "t3.small"): "0.0228",
    ("eu-west-1", "t3.medium"): "0.0456",
    ("eu-west-1", "m5.large"): "0.107",
    ("eu-central-1", "t3.small"): "0.024",
    ("eu-central-1", "t3.medium"): "0.048",
    ("eu-central-1", "m5.large"): "0.115",
}
ADDRESS_HOUR = "0.005"
#: US dollars a GB and month.
STORAGE_MONTH: Mapping[tuple[str, str], str] = {
    ("us-east-1", "gp2"): "0.10",
    ("us-east-1", "gp3"): "0.08",
    ("us-east-1", "io1"): "0.125",
    ("us-east-1", "io2"): "0.125",
    ("us-east-1", "st1"): "0.045",
    ("us-east-1", "sc1"): "0.015",
    ("us-east-1", "snapshot"): "0.05",
    ("us-east-1", "archive"): "0.0125",
    ("eu-west-1", "gp2"): "0.11",
    ("eu-west-1", "gp3"): "0.088",
    ("eu-west-1", "snapshot"): "0.05",
    ("eu-central-1", "gp2"): "0.119",
    ("eu-central-1", "gp3"): "0.0952",
    ("eu-central-1", "snapshot"): "0.054",
}
#: US dollars an IOPS and month: of gp3 what is above the baseline; of io2 the first tier.
IOPS_MONTH: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("us-east-1", "gp3"): ("0.005",),
    ("us-east-1", "io1"): ("0.065",),
    ("us-east-1", "io2"): ("0.065", "0.0455", "0.03185"),
    ("eu-west-1", "gp3"): ("0.0055",),
    ("eu-central-1", "gp3"): ("0.006",),
}
#: US dollars a MiB/s and month above gp3's baseline.
THROUGHPUT_MONTH: Mapping[str, str] = {
    "us-east-1": "0.04",
    "eu-west-1": "0.044",
    "eu-central-1": "0.0476",
}


@dataclass(frozen=True)
class Period:
    """Something was rented from `begin` until `end`."""

    begin: datetime
    end: datetime = FOREVER

    def seconds_within(self, since: datetime, until: datetime, minimum: int = 0) -> Fraction:
        """How many billed seconds of it fall between two moments; a minimum lengthens its end."""
        end = (
            max(self.end, self.begin + timedelta(seconds=minimum))
            if self.end != FOREVER
            else FOREVER
        )
        length = min(end, until) - max(self.begin, since)
        return max(Fraction(0), Fraction(length // timedelta(microseconds=1), 1_000_000))


@dataclass(frozen=True)
class Run(Period):
    """A machine ran as this type, with so many addresses that EC2 lent it."""

    type: str = "t3.small"
    addresses: int = 0


@dataclass(frozen=True)
class Disk(Period):
    """A volume was provisioned like this."""

    type: str = "gp3"
    gigabytes: int = 8
    iops: int = 3000
    mebibytes_per_second: int = 125


@dataclass(frozen=True)
class Stored(Period):
    """A snapshot held so many gigabytes, in the standard tier or the archive."""

    tier: str = "snapshot"
    gigabytes: int = 8


@dataclass(frozen=True)
class Reserved(Period):
    """An Elastic IP address was allocated."""


@dataclass(frozen=True)
class Rented:
    """What a deploy rented in a region, under one name."""

    id: str
    region: str
    deploy: str
    periods: tuple[Run | Disk | Stored | Reserved, ...] = field(default=())

    def dollars(self, since: datetime, until: datetime) -> Fraction:
        """What it cost between two moments."""
        return sum(
            (_dollars(period, self.region, since, until) for period in self.periods), Fraction(0)
        )


def total(rented: Iterable[Rented], since: datetime, until: datetime) -> Fraction:
    """The whole bill between two moments, before it is rounded."""
    return sum((item.dollars(since, until) for item in rented), Fraction(0))


def cents(dollars: Fraction) -> int:
    """A bill in whole cents, rounded half up, once."""
    return int(dollars * 100 + Fraction(1, 2))


def _dollars(
    period: Run | Disk | Stored | Reserved, region: str, since: datetime, until: datetime
) -> Fraction:
    match period:
        case Run():
            billed = period.seconds_within(since, until, MINIMUM_SECONDS)
            lent = period.seconds_within(since, until) * period.addresses * Fraction(ADDRESS_HOUR)
            return (billed * Fraction(MACHINE_HOUR[region, period.type]) + lent) / 3600
        case Disk():
            return (
                period.seconds_within(since, until, MINIMUM_SECONDS)
                * _disk_month(period, region)
                / SECONDS_OF_A_MONTH
            )
        case Stored():
            month = period.gigabytes * Fraction(STORAGE_MONTH[region, period.tier])
            return period.seconds_within(since, until) * month / SECONDS_OF_A_MONTH
        case Reserved():
            return period.seconds_within(since, until) * Fraction(ADDRESS_HOUR) / 3600


def _disk_month(disk: Disk, region: str) -> Fraction:
    month = disk.gigabytes * Fraction(STORAGE_MONTH[region, disk.type])
    if disk.type == "gp3":
        month += max(0, disk.iops - 3000) * Fraction(IOPS_MONTH[region, "gp3"][0])
        month += max(0, disk.mebibytes_per_second - 125) * Fraction(THROUGHPUT_MONTH[region])
    if disk.type == "io1":
        month += disk.iops * Fraction(IOPS_MONTH[region, "io1"][0])
    if disk.type == "io2":
        parts = (
            min(disk.iops, 32_000),
            min(max(disk.iops - 32_000, 0), 32_000),
            max(disk.iops - 64_000, 0),
        )
        month += sum(
            part * Fraction(price)
            for part, price in zip(parts, IOPS_MONTH[region, "io2"], strict=True)
        )
    return month
