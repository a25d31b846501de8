"""The product's figures against bills by hand, and against a calculator of its own.

The calculator (`tests/support/aws_bill.py`) was written from AWS's pricing pages by somebody who
had not read `reconciler.cost`. The prices of both are AWS's of the same month.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest

from reconciler.cost import estimate, shipped
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import LOAD_BALANCER, rate
from reconciler.cost.spent import MONTH_SECONDS, Window, spent
from reconciler.model.journal.live_periods import LivePeriod
from reconciler.model.resource import (
    ADDRESS,
    INSTANCE,
    RDS_INSTANCE,
    SNAPSHOT,
    VOLUME,
    BillingTerms,
    Resource,
)
from reconciler.model.tags import AccountRegion
from reconciler.output.audit.figures import rounded, shares
from tests.support import aws_bill
from tests.support.aws_bill import cents, total
from tests.support.made_up_month import BEGIN, END, made_up, shown

US = AccountRegion("123456789012", "us-east-1")
EU = AccountRegion("123456789012", "eu-west-1")
BORN = datetime(2026, 11, 1, tzinfo=UTC)
MACHINE = Resource(INSTANCE, "i-1", US, state="running", type="t3.small", created=BORN)
DISK = Resource(VOLUME, "vol-1", US, type="gp3", size_gb=100, created=BORN)
SERVER = Resource(RDS_INSTANCE, "db:a", US, state="available", type="db.t3.micro", size_gb=20)
FAST = BillingTerms(iops=6000, throughput=250)
WIDE = BillingTerms(iops=15_000, throughput=600, storage="gp3")
HOUR = timedelta(hours=1)


def stopped(resource: Resource, after: timedelta) -> Resource:
    """The machine, stopped so long after its start."""
    terms = replace(resource.billing, stopped=BORN + after)
    return replace(resource, state="stopped", billing=terms)


@pytest.mark.parametrize(
    ("resource", "hours", "dollars"),
    [
        # A t3.small in N. Virginia for 10 days: 240 h × $0.0208 = $4.992.
        (MACHINE, 240, "4.99"),
        # With a public address: 240 h × ($0.0208 + $0.005) = $6.192.
        (replace(MACHINE, public_ips=1), 240, "6.19"),
        # An m5.large in Ireland that ran 90 min and was stopped: 1.5 h × $0.107 = $0.1605.
        (stopped(replace(MACHINE, place=EU, type="m5.large"), 1.5 * HOUR), 720, "0.16"),
        # Started and stopped after 20 s: 60 s of an m5.24xlarge, $4.608 / 60 = $0.0768.
        (stopped(replace(MACHINE, type="m5.24xlarge"), timedelta(seconds=20)), 720, "0.08"),
        # Ran 1 h and was stopped 9 h, with an Elastic IP: $0.0208 + 10 h × $0.005 = $0.0708.
        (replace(stopped(MACHINE, HOUR), public_ips=1), 10, "0.07"),
        # 100 GB of gp3 for a month: 100 × $0.08 = $8.00.
        (DISK, 720, "8.00"),
        # The same with 6,000 IOPS and 250 MiB/s: + 3,000 × $0.005 + 125 × $0.04 = $28.00.
        (replace(DISK, billing=FAST), 720, "28.00"),
        # io1, 100 GB, 2,000 IOPS, half a month: (100 × $0.125 + 2,000 × $0.065) / 2 = $71.25.
        (replace(DISK, type="io1", billing=BillingTerms(iops=2000)), 360, "71.25"),
        # io2, 100 GB, 70,000 IOPS: $12.50 + 32,000 × $0.065 + 32,000 × $0.0455 + 6,000 × $0.03185
        # = $12.50 + $2,080 + $1,456 + $191.10 = $3,739.60.
        (replace(DISK, type="io2", billing=BillingTerms(iops=70_000)), 720, "3739.60"),
        # 500 GB of st1: 500 × $0.045; of sc1: 500 × $0.015; 500 GB archived: 500 × $0.0125.
        (replace(DISK, type="st1", size_gb=500), 720, "22.50"),
        (replace(DISK, type="sc1", size_gb=500), 720, "7.50"),
        (Resource(SNAPSHOT, "s", US, type="archive", size_gb=500, created=BORN), 720, "6.25"),
        # An Elastic IP that nobody uses, for a month: 720 h × $0.005 = $3.60.
        (Resource(ADDRESS, "e", EU, public_ips=1, created=BORN), 720, "3.60"),
        # A db.t3.micro with 20 GB for a month: 720 × $0.018 + 20 × $0.115 = $15.26.
        (replace(SERVER, created=BORN), 720, "15.26"),
        # The same as MySQL in two zones: 720 × $0.034 + 20 × $0.23 = $29.08.
        (replace(SERVER, created=BORN, type="db.t3.micro mysql multi-az"), 720, "29.08"),
        # With 500 GB of gp3, 15,000 IOPS, 600 MiB/s: 720 × $0.178 + 500 × $0.115 + 3,000 × $0.02
        # + 100 × $0.08 = $253.66.
        (
            replace(SERVER, created=BORN, type="db.m5.large", size_gb=500, billing=WIDE),
            720,
            "253.66",
        ),
        # A db.m5.large that lived 3 min costs 10 min, its storage 3 min: $0.178 / 6 + $0.0001.
        (replace(SERVER, created=BORN, type="db.m5.large", size_gb=10), 0.05, "0.03"),
        # An application load balancer, two public addresses: 720 h × ($0.0225 + $0.01) = $23.40.
        (
            Resource(LOAD_BALANCER, "lb", US, type="application", created=BORN, public_ips=2),
            720,
            "23.40",
        ),
        # A g5.xlarge for a day: 24 × $1.006 = $24.144.
        (replace(MACHINE, type="g5.xlarge"), 24, "24.14"),
    ],
)
def test_a_bill_by_hand(resource: Resource, hours: int, dollars: str) -> None:
    """Ten bills and more that were worked out by hand, from AWS's price pages."""
    found = spent(resource, Window(BORN + hours * HOUR), Prices())
    assert found is not None
    assert found.whole
    assert rounded(found.dollars, 2) == Decimal(dollars)


def test_a_made_up_month_agrees_to_the_cent() -> None:
    """200 deploys, 30 days, three regions: in total, for each deploy, for each day."""
    month = made_up()
    by_deploy: dict[str, Decimal] = defaultdict(Decimal)
    by_day: dict[datetime, Decimal] = defaultdict(Decimal)
    for item in month.rented:
        own = {BEGIN, END, *(BEGIN + timedelta(days=day) for day in range(30))}
        for period in item.periods:
            # Looked at where it changes; the end of a minute is due after a short run's end.
            minute = max(period.end, period.begin + timedelta(minutes=1))
            own |= {moment for moment in (period.begin, period.end, minute) if moment <= END}
        moments = sorted(own)
        for since, until in pairwise(moments):
            resource = shown(item, until)
            found = spent(resource, Window(until, since), Prices()) if resource else None
            if found is not None:
                assert found.whole
                by_deploy[item.deploy] += found.dollar_seconds
                by_day[since.replace(hour=0, minute=0, second=0)] += found.dollar_seconds
    assert sum(len(item.periods) for item in month.rented) > 1000
    assert len(by_deploy) == 200
    assert len({item.region for item in month.rented}) == 3
    ours = sum(by_deploy.values(), Decimal(0)) / MONTH_SECONDS
    assert rounded(ours, 2) * 100 == cents(total(month.rented, BEGIN, END))
    for deploy, amount in by_deploy.items():
        own_items = [item for item in month.rented if item.deploy == deploy]
        assert _cents(amount) == cents(total(own_items, BEGIN, END)), deploy
    for day, amount in by_day.items():
        expected = total(month.rented, day, min(day + timedelta(days=1), END))
        assert _cents(amount) == cents(expected), day


def _cents(dollar_seconds: Decimal) -> int:
    return int(rounded(dollar_seconds / MONTH_SECONDS, 2) * 100)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1"])
def test_the_calculators_prices_are_those_of_the_table(region: str) -> None:
    """Two sources: the calculator's figures were typed, the table was made by a script."""
    table = shipped.region(region)
    for (place, type_), hourly in aws_bill.MACHINE_HOUR.items():
        if place == region:
            assert Fraction(table[type_]) == Fraction(hourly)
    for (place, type_), month in aws_bill.STORAGE_MONTH.items():
        name = "snapshot archive" if type_ == "archive" else type_
        if place == region:
            assert Fraction(table[name]) == Fraction(month)


@pytest.mark.parametrize(
    ("resource", "known", "missing"),
    [
        # gp3 above the baseline where the price of IOPS is not known: 8 GB × $0.0836 stay.
        (
            replace(DISK, place=AccountRegion("1", "ap-northeast-3"), billing=FAST),
            "0",
            ("gp3", "gp3 iops", "gp3 throughput"),
        ),
        (replace(DISK, type="io1"), "12.5", ("its IOPS",)),
        (replace(MACHINE, type="u9.huge", public_ips=1), "3.6", ("u9.huge",)),
        (
            replace(MACHINE, billing=BillingTerms(platform="Windows with SQL Server Web")),
            "0",
            ("t3.small with Windows with SQL Server Web",),
        ),
        (
            replace(MACHINE, billing=BillingTerms(lifecycle="spot")),
            "0",
            ("the spot price of t3.small",),
        ),
        (
            replace(MACHINE, billing=BillingTerms(tenancy="dedicated")),
            "0",
            ("t3.small on dedicated hardware",),
        ),
        (
            replace(SERVER, type="db.x9.big multi-az", place=EU),
            "0",
            ("rds gp2 multi-az", "db.x9.big postgres multi-az"),
        ),
        (replace(SERVER, type="db.x9.big mysql"), "2.3", ("db.x9.big mysql",)),
        (Resource(LOAD_BALANCER, "l", US, type="odd", public_ips=2), "7.2", ("load balancer odd",)),
    ],
)  # fmt: skip
def test_a_missing_part_makes_the_price_unknown(
    resource: Resource, known: str, missing: tuple[str, ...]
) -> None:
    """Named, marked in every sum, and what is known is only a lower bound."""
    cost = estimate.of(resource, BORN + HOUR, Prices())
    assert rate(resource, Prices()).missing == missing
    assert (cost.monthly, cost.unknown) == (Decimal(known), 1)
    assert estimate.hourly(resource, Prices()) is None
    words = estimate.price(resource, Prices())
    assert words.startswith("unknown")
    assert ("at least" in words) == bool(Decimal(known))


def test_windows_and_red_hat_have_prices_of_their_own() -> None:
    """By PlatformDetails; a licence that was brought along costs what Linux does."""

    def hourly(platform: str) -> Decimal | None:
        machine = replace(MACHINE, type="m5.large", billing=BillingTerms(platform=platform))
        return estimate.hourly(machine, Prices())

    assert hourly("Linux/UNIX") == hourly("Windows BYOL") == Decimal("0.096")
    assert hourly("Windows") == Decimal("0.188")
    assert hourly("Red Hat Enterprise Linux") == Decimal("0.125")


def test_a_machine_that_was_started_again_has_cost_at_least_its_latest_run() -> None:
    """Descriptions do not tell of earlier runs, so the figure is marked as a lower bound."""
    terms = BillingTerms(first_started=BORN)
    again = replace(MACHINE, created=BORN + 10 * HOUR, billing=terms)
    cost = estimate.of(again, BORN + 20 * HOUR, Prices())
    assert (cost.so_far, cost.ageless, cost.unknown) == (Decimal("0.208"), 1, 0)
    lately = estimate.of(again, BORN + 20 * HOUR, Prices(), since=BORN + 15 * HOUR)
    assert (lately.so_far, lately.ageless) == (Decimal("0.104"), 0)


LIVED = (LivePeriod(BORN + 20 * HOUR),)


@pytest.mark.parametrize(
    ("state", "first", "started", "hours"),
    [
        # It halted itself, which leaves no time: it was live for 20 h.
        ("stopped", BORN, BORN, 20),
        # It was started again after 30 h, and runs for 10 h: those and the 20 h.
        ("running", BORN, BORN + 30 * HOUR, 30),
        # It was started again while it was live, so it stood still for a part: the latest run.
        ("running", BORN, BORN + 15 * HOUR, 25),
    ],
)
def test_what_was_running_before_it_stopped_is_not_forgotten(
    state: str, first: datetime, started: datetime, hours: int
) -> None:
    """When its deploy was live, by the ledger or the journal; still a lower bound."""
    machine = replace(
        MACHINE, state=state, created=started, billing=BillingTerms(first_started=first)
    )
    cost = estimate.of(machine, BORN + 40 * HOUR, Prices(), lived=LIVED)
    assert (cost.so_far, cost.ageless) == (hours * Decimal("0.0208"), 1)


def test_a_window_holds_only_its_part_of_earlier_runs() -> None:
    """Of 20 h that ended before, one lies in it; the latest run of 10 h does as a whole."""
    terms = BillingTerms(first_started=BORN)
    machine = replace(MACHINE, created=BORN + 30 * HOUR, billing=terms)
    lately = estimate.of(machine, BORN + 40 * HOUR, Prices(), BORN + 19 * HOUR, LIVED)
    assert lately.so_far == 11 * Decimal("0.0208")


def test_a_stop_without_a_time_is_a_lower_bound() -> None:
    """A machine that halts itself leaves no time: a minute is sure."""
    halted = replace(MACHINE, state="stopped")
    cost = estimate.of(halted, BORN + 20 * HOUR, Prices())
    assert cost.so_far == Decimal("0.0208") / 60
    assert cost.ageless == 1


def test_a_stopped_server_does_not_hide_what_it_cost_before() -> None:
    """No description says when it was stopped: its storage is sure, the rest is not."""
    off = estimate.of(replace(SERVER, state="stopped", created=BORN), BORN + 720 * HOUR, Prices())
    assert (off.monthly, off.so_far, off.ageless) == (Decimal("2.300"), Decimal("2.3"), 1)
    on = estimate.of(replace(SERVER, created=BORN), BORN + 720 * HOUR, Prices())
    assert on.ageless == 0


def test_ten_minutes_of_a_server_are_due_at_its_start_alone() -> None:
    """A window that begins later holds none of them."""
    server = replace(SERVER, created=BORN, type="db.m5.large")
    assert estimate.of(server, BORN + HOUR / 60, Prices()).so_far > Decimal("0.0296")
    lately = estimate.of(server, BORN + 2 * HOUR, Prices(), since=BORN + HOUR)
    assert rounded(lately.so_far, 4) == rounded(Decimal("0.178") + Decimal("2.3") / 720, 4)


@pytest.mark.parametrize(
    "amounts",
    [["0.005", "0.005", "0.005"], ["1.004", "2.004", "3.004"], [], ["0.333"] * 3, ["12.345678"]],
)
def test_rows_add_up_to_the_total_as_shown(amounts: list[str]) -> None:
    """The total is rounded once; each row is within a cent of its own figure."""
    exact = [Decimal(amount) for amount in amounts]
    rows = shares(exact, 2)
    assert sum(rows, Decimal(0)) == rounded(sum(exact, Decimal(0)), 2)
    assert all(abs(row - amount) < Decimal("0.01") for row, amount in zip(rows, exact, strict=True))
