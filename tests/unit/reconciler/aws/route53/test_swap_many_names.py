"""Names that change with the record: in one batch, each against exactly what was seen there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.route53.zone_reader import list_names
from reconciler.errors import AccessDenied, CloudError, ConfigError, LedgerUnknown, SwapLost
from reconciler.model import ledger as led
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import ARecord, Reading
from reconciler.wiring.edges import located
from tests.fakes.route53 import (
    ADDRESS,
    NOW,
    FakeRoute53,
    an_id,
    answers,
    client_error,
    done_but_lost,
)
from tests.fakes.scene import service

WWW = "www.example.com"
ALSO = replace(ADDRESS, also=(WWW,))
OLD = Ledger(gen=7, live=led.Live(an_id("aaaaa"), ("10.0.0.1",)))
HELD = led.acquire(OLD, an_id("bbbbb", 5), NOW + timedelta(minutes=15))
CUT = led.Cutover(an_id("bbbbb", 5), ("10.0.0.2",), an_id("aaaaa"), NOW)
NEW = led.commit(HELD, an_id("bbbbb", 5), CUT)


@pytest.fixture
def seen(fake: FakeRoute53, ledgers: Route53Ledgers) -> Reading:
    """Record and `www` say the same, with different TTLs."""
    fake.put(ALSO.name, "TXT", encode(HELD))
    fake.put(ALSO.record, "A", "10.0.0.1", ttl=60)
    fake.put(WWW, "A", "10.0.0.1", ttl=300)
    return ledgers.read(ALSO)


def test_they_are_read_with_the_ledger(seen: Reading) -> None:
    """What a DELETE must match; old answers last as long as the longest TTL says."""
    assert seen.also == ((WWW, ARecord(300, ("10.0.0.1",))),)
    assert seen.drain_ttl == 300


def test_they_move_in_one_batch(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """All or none: six changes, each name's TTL kept, and the reading is good for the next swap."""
    after = ledgers.swap(seen, NEW, ("10.0.0.2",))
    [batch] = fake.batches
    assert [one["Action"] for one in batch] == ["DELETE", "CREATE"] * 3
    assert fake.value(ALSO.record, "A") == fake.value(WWW, "A") == ["10.0.0.2"]
    assert ledgers.read(ALSO) == after
    assert after.also == ((WWW, ARecord(300, ("10.0.0.2",))),)


def test_what_people_pointed_elsewhere_stays(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Rule 11 is for every name."""
    fake.put(ALSO.name, "TXT", encode(HELD))
    fake.put(ALSO.record, "A", "10.0.0.1")
    fake.put(WWW, "A", "203.0.113.5")
    ledgers.swap(ledgers.read(ALSO), NEW, ("10.0.0.2",))
    assert fake.value(ALSO.record, "A") == ["10.0.0.2"]
    assert fake.value(WWW, "A") == ["203.0.113.5"]


def test_one_that_was_moved_meanwhile_loses_the_swap(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """Nothing changes, the ledger neither; and the name is told."""
    fake.put(WWW, "A", "203.0.113.5")
    with pytest.raises(SwapLost, match=WWW):
        ledgers.swap(seen, NEW, ("10.0.0.2",))
    assert fake.value(ALSO.name, "TXT") == [encode(HELD)]
    assert fake.value(ALSO.record, "A") == ["10.0.0.1"]


def test_a_lost_reply_is_answered_by_reading(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """The ledger says that it was done, so the names were changed too."""
    fake.faults = [done_but_lost]
    assert ledgers.swap(seen, NEW, ("10.0.0.2",)).also[0][1] == ARecord(300, ("10.0.0.2",))
    assert len(fake.batches) == 1


def test_a_swap_that_points_nowhere_leaves_them_alone(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """A renewal changes the ledger alone."""
    renewed = led.renew(HELD, an_id("bbbbb", 5), NOW + timedelta(minutes=20), "image")
    assert ledgers.swap(seen, renewed).also == seen.also
    assert len(fake.batches[0]) == 2


def test_a_first_release_makes_them_all(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """No record and no `www`: both are created by the first commit."""
    ledgers.swap(ledgers.read(ALSO), OLD, ("10.0.0.1",))
    assert fake.value(ALSO.record, "A") == fake.value(WWW, "A") == ["10.0.0.1"]


def test_one_that_is_no_simple_record_is_unknown(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """It could not be changed with the record: said by its own name."""
    assert seen.ledger == HELD
    fake.put(WWW, "CNAME", "shop.example.com")
    del fake.sets[WWW, "A", ""]
    with pytest.raises(LedgerUnknown, match=WWW):
        ledgers.read(ALSO)


def test_a_commit_between_two_pages_is_no_moved_name(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """The ledger of before and the names of after never make one reading."""
    fake.page = 1

    def commit(read: int) -> None:
        if read == 5:
            ledgers.swap(seen, NEW, ("10.0.0.2",))

    fake.reads = 0
    fake.before_read = commit
    reading = ledgers.read(ALSO)
    said = {one.addresses for one in (reading.a, *(a for _, a in reading.also)) if one}
    assert reading.ledger.live is not None
    assert said == {reading.ledger.live.at}


# The listing of all names.


class Pages:
    """The zone's pages as the paginator of boto3 gives them; `fails` after so many."""

    def __init__(self, *pages: list[dict[str, Any]], fails: str = "") -> None:
        self._pages, self._fails = pages, fails
        self.asked: list[str] = []

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_resource_record_sets"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(request["HostedZoneId"])
        for page in self._pages:
            yield {"ResourceRecordSets": page}
        if self._fails:
            raise client_error(self._fails)


def a_set(name: str, *values: str, kind: str = "A", **more: Any) -> dict[str, Any]:
    """A record set as Route 53 lists it."""
    records = [{"Value": one} for one in values]
    return {"Name": f"{name}.", "Type": kind, "TTL": 60, "ResourceRecords": records, **more}


def test_every_name_with_an_address_is_listed() -> None:
    """Of all pages and zones, weighted ones too; an alias and other types hold none."""
    alias = {"Name": "alias.example.com.", "Type": "A", "AliasTarget": {}}
    pages = Pages(
        [a_set("www.example.com", "10.0.0.1"), a_set("www.example.com", "x", kind="TXT"), alias],
        [
            a_set(r"\052.example.com", "10.0.0.3"),
            a_set("w.example.com", "10.0.0.2", SetIdentifier="a", Weight=1),
            a_set("w.example.com", "10.0.0.1", SetIdentifier="b", Weight=0),
        ],
    )
    found = list_names(pages, ["Z1", "Z2"])  # type: ignore[arg-type]
    assert found.held == {
        "www.example.com": ("10.0.0.1",),
        "*.example.com": ("10.0.0.3",),
        "w.example.com": ("10.0.0.1", "10.0.0.2"),
    }
    assert (pages.asked, found.calls) == (["Z1", "Z2"], 4)


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalError", CloudError), ("AccessDenied", AccessDenied)]
)
def test_a_zone_that_was_not_read_whole_is_no_witness(code: str, kind: type[Exception]) -> None:
    """The page that is missing may hold the name."""
    with pytest.raises(kind):
        list_names(Pages([a_set(WWW, "10.0.0.1")], fails=code), ["Z1"])  # type: ignore[arg-type]


def test_zones_are_named_or_given_by_id(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """All zones of a name count, private ones too; a name that no zone has is refused."""
    fake.zones = {"Z1": "example.com", "Z2": "example.com", "Z3": "example.org"}
    assert ledgers.zone_ids("example.com") == ("Z1", "Z2")
    assert ledgers.zone_ids("Z9") == ("Z9",)
    with pytest.raises(ConfigError, match=r"example\.net") as refused:
        ledgers.zone_ids("example.net")
    assert "witness_zones" in refused.value.cure


def test_a_name_of_another_zone_cannot_move_along(
    fake: FakeRoute53, ledgers: Route53Ledgers
) -> None:
    """A change batch is of one zone: refused in words, before anything is read."""
    fake.zones = {"Z1": "example.com", "Z2": "example.org"}
    here = located(
        ledgers, service(also=["www.example.com"], witness_zones=["example.org", "Z999"])
    )
    assert (here.also, here.watched) == (("www.example.com",), ("Z1", "Z2", "Z999"))
    with pytest.raises(ConfigError, match=r"www\.example\.org is not in example\.com") as refused:
        located(ledgers, service(also=["www.example.org"]))
    assert "CNAME" in refused.value.cure


def test_a_definite_refusal_is_told_as_before(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """Throttled for good, denied: nothing was changed."""
    fake.faults = [answers("AccessDenied", 403)]
    with pytest.raises(AccessDenied):
        ledgers.swap(seen, NEW, ("10.0.0.2",))
    assert fake.value(WWW, "A") == ["10.0.0.1"]
