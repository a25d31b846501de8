"""Lists, changes and zones of Route 53. Sources: the API Reference's pages named; aws.md §4."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mypy_boto3_route53 import Route53Client

from tests.contract.conftest import World
from tests.contract.helpers import change, eventually, record, refused


def names(route53: Route53Client, zone: str, **start: object) -> list[str]:
    """The names of one page, in its order."""
    listed = route53.list_resource_record_sets(HostedZoneId=zone, **start)  # type: ignore[arg-type]
    return [one["Name"] for one in listed["ResourceRecordSets"] if one["Type"] in ("A", "TXT")]


def test_at_most_300_a_page(route53: Route53Client, zone: str) -> None:
    """A page has 300 sets and says where the next one begins (ListResourceRecordSets)."""
    many = [f"h{number:03}.contract.test" for number in range(310)]
    change(route53, zone, *(("CREATE", record(name, "A", "192.0.2.1")) for name in many))
    page = route53.list_resource_record_sets(HostedZoneId=zone, MaxItems="1000")
    assert len(page["ResourceRecordSets"]) == 300
    assert page["IsTruncated"]
    rest = names(
        route53,
        zone,
        StartRecordName=page["NextRecordName"],
        StartRecordType=page["NextRecordType"],
    )
    first = [one["Name"] for one in page["ResourceRecordSets"] if one["Type"] == "A"]
    assert [*first, *rest] == [name + "." for name in many]


def test_order_of_the_reversed_labels(route53: Route53Client, zone: str) -> None:
    """Sorted by the labels reversed, so ledgers are neighbours (ListResourceRecordSets)."""
    given = ["shop", "b._deploy", "zoo", "a.shop", "a._deploy", "alpha"]
    changes = [("CREATE", record(f"{one}.contract.test", "A", "192.0.2.1")) for one in given]
    change(route53, zone, *changes)
    expected = ["a._deploy", "b._deploy", "alpha", "shop", "a.shop", "zoo"]
    assert names(route53, zone) == [f"{one}.contract.test." for one in expected]


def test_a_list_may_start_after_the_name(route53: Route53Client, zone: str) -> None:
    """It begins with the first name that is not smaller: equality is the caller's to check."""
    change(route53, zone, ("CREATE", record("shop.contract.test", "A", "192.0.2.1")))
    assert names(route53, zone, StartRecordName="mall.contract.test") == ["shop.contract.test."]
    assert names(route53, zone, StartRecordName="zoo.contract.test") == []


def test_a_type_without_a_name_is_refused(route53: Route53Client, zone: str) -> None:
    """StartRecordType alone is InvalidInput (ListResourceRecordSets)."""
    with refused("InvalidInput"):
        names(route53, zone, StartRecordType="A")


def test_a_change_is_pending_then_in_sync(route53: Route53Client, zone: str) -> None:
    """GetChange says PENDING, later INSYNC (GetChange)."""
    made = change(route53, zone, ("CREATE", record("shop.contract.test", "A", "192.0.2.1")))
    assert route53.get_change(Id=made)["ChangeInfo"]["Status"] == "PENDING"
    eventually(lambda: route53.get_change(Id=made)["ChangeInfo"]["Status"] == "INSYNC")


def test_an_unknown_change(route53: Route53Client) -> None:
    """NoSuchChange (GetChange)."""
    with refused("NoSuchChange"):
        route53.get_change(Id="C00000000000000000000")


def test_an_unknown_zone(route53: Route53Client) -> None:
    """NoSuchHostedZone (ListResourceRecordSets)."""
    with refused("NoSuchHostedZone"):
        route53.list_resource_record_sets(HostedZoneId="Z00000000000000000000")


def test_a_callers_reference_is_good_once(world: World, route53: Route53Client) -> None:
    """A second zone with the same CallerReference is refused (CreateHostedZone)."""
    reference = str(uuid.uuid4())
    made = route53.create_hosted_zone(Name="contract.test", CallerReference=reference)
    world.on_exit(lambda: route53.delete_hosted_zone(Id=made["HostedZone"]["Id"]))
    with refused("HostedZoneAlreadyExists"):
        route53.create_hosted_zone(Name="contract.test", CallerReference=reference)


def test_a_zone_with_records_is_not_deleted(route53: Route53Client, zone: str) -> None:
    """HostedZoneNotEmpty (DeleteHostedZone)."""
    change(route53, zone, ("CREATE", record("shop.contract.test", "A", "192.0.2.1")))
    with refused("HostedZoneNotEmpty"):
        route53.delete_hosted_zone(Id=zone)


def test_every_answer_tells_the_time(route53: Route53Client, zone: str) -> None:
    """The Date header is the server's clock, which is "now" for the ledger (protocol.md)."""
    answer = route53.list_resource_record_sets(HostedZoneId=zone)
    told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=5)
