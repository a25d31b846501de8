"""A month of a company that was made up: what it rented, second by second, and what AWS would show.

Two hundred deploys in three regions: machines start, stop for the night, are resized, are parked;
releases leak and are swept. Each thing is kept as periods, for the calculator, and as what a
description would say of it at a time, for the product.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.model.resource import ADDRESS, INSTANCE, SNAPSHOT, VOLUME, BillingTerms, Resource
from reconciler.model.tags import AccountRegion
from tests.support.aws_bill import FOREVER, Disk, Rented, Reserved, Run, Stored

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=30)
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")
TYPES = ("t3.small", "t3.medium", "m5.large")
DEPLOYS = 200


@dataclass(frozen=True)
class Month:
    """Everything that was rented."""

    rented: tuple[Rented, ...]


def made_up(seed: int = 22) -> Month:
    """The month, the same for the same seed."""
    dice = random.Random(seed)
    deploys = (_deploy(dice, f"d{number:03}") for number in range(DEPLOYS))
    return Month(tuple(item for deploy in deploys for item in deploy))


def _deploy(dice: random.Random, name: str) -> Iterator[Rented]:
    """A machine or two with their volumes, an image's snapshot, sometimes an Elastic IP."""
    region = dice.choice(REGIONS)
    born = BEGIN + timedelta(seconds=dice.randrange(29 * 86_400))
    leaks = dice.random() < 0.2
    life = timedelta(seconds=dice.randrange(30, 20 * 86_400))
    gone = FOREVER if leaks and dice.random() < 0.3 else born + life
    for number in range(dice.choice((1, 1, 2))):
        machine = f"{name}-machine-{number}"
        yield Rented(machine, region, name, tuple(_runs(dice, born, gone)))
        yield Rented(f"{machine}-disk", region, name, tuple(_disks(dice, born, gone)))
    kept = Stored(born + timedelta(seconds=dice.randrange(300)), gone, gigabytes=8)
    if kept.begin < gone:
        yield Rented(f"{name}-snapshot", region, name, (kept,))
    if dice.random() < 0.1:
        yield Rented(f"{name}-address", region, name, (Reserved(born, gone),))


def _runs(dice: random.Random, born: datetime, gone: datetime) -> Iterator[Run]:
    """It runs, stops and starts again, now and then as another type; at last it may stay parked."""
    begin, type_ = born, dice.choice(TYPES)
    for _ in range(dice.choice((1, 1, 2, 4))):
        length = timedelta(seconds=dice.choice((20, 61, 3600, 40_000, 300_000)))
        end = min(begin + length, gone)
        yield Run(begin, end, type_, addresses=dice.choice((0, 1)))
        begin = end + timedelta(seconds=dice.randrange(90, 90_000))
        if begin >= gone:
            return
        if dice.random() < 0.3:
            type_ = dice.choice(TYPES)
    if dice.random() < 0.5:
        yield Run(begin, gone, type_, addresses=1)


def _disks(dice: random.Random, born: datetime, gone: datetime) -> Iterator[Disk]:
    """A volume; in one of five deploys it is made larger and faster on the way."""
    half = born + (min(gone, END) - born) / 2
    half = half.replace(microsecond=0)
    if dice.random() < 0.2 and born + timedelta(minutes=2) < half < gone:
        yield Disk(born, half)
        yield Disk(half, gone, gigabytes=100, iops=6000, mebibytes_per_second=250)
    else:
        yield Disk(born, gone, dice.choice(("gp3", "gp2")), dice.choice((8, 30)))


def shown(item: Rented, at: datetime) -> Resource | None:
    """What a description would say of it during the second before `at`; None if not there."""
    began = [period for period in item.periods if period.begin < at]
    if not began:
        return None
    last = began[-1]
    if isinstance(last, Run):
        return _machine(item, began, last, at)  # type: ignore[arg-type]
    if at > last.end:
        return None
    return _other(item, last)


def _machine(item: Rented, began: Sequence[Run], run: Run, at: datetime) -> Resource:
    runs = at <= run.end
    return Resource(
        INSTANCE,
        item.id,
        AccountRegion("123456789012", item.region),
        state="running" if runs else "stopped",
        type=run.type,
        created=run.begin,
        public_ips=run.addresses if runs else 0,
        billing=BillingTerms(
            platform="Linux/UNIX",
            first_started=began[0].begin,
            stopped=None if runs else run.end,
        ),
    )


def _other(item: Rented, period: object) -> Resource:
    place = AccountRegion("123456789012", item.region)
    match period:
        case Disk():
            terms = BillingTerms(iops=period.iops, throughput=period.mebibytes_per_second)
            return Resource(
                VOLUME,
                item.id,
                place,
                type=period.type,
                created=item.periods[0].begin,
                size_gb=period.gigabytes,
                billing=terms,
            )
        case Stored():
            size = period.gigabytes
            return Resource(SNAPSHOT, item.id, place, created=period.begin, size_gb=size)
        case Reserved():
            return Resource(ADDRESS, item.id, place, created=period.begin, public_ips=1)
    raise TypeError(period)
