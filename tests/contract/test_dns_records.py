"""Which records Route 53 takes. Sources: Developer Guide on names and types; aws.md §4."""

from __future__ import annotations

import pytest
from mypy_boto3_route53 import Route53Client

from tests.contract.helpers import change, record, records, refused


@pytest.mark.parametrize("name", ["shop.example.test", "notcontract.test", "test"])
def test_names_outside_the_zone_are_refused(route53: Route53Client, zone: str, name: str) -> None:
    """Whole labels count: notcontract.test is not in contract.test (ChangeResourceRecordSets)."""
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record(name, "A", "192.0.2.1")))


@pytest.mark.parametrize(
    "value", ["192.0.2", "192.0.2.256", "shop.contract.test", "::1", "1.2.3.04"]
)
def test_bad_ipv4_is_refused(route53: Route53Client, zone: str, value: str) -> None:
    """An A record holds an IPv4 address (ResourceRecordTypes, A)."""
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("shop.contract.test", "A", value)))


def test_names_come_back_normal(route53: Route53Client, zone: str) -> None:
    """Lower case, trailing dot, `*` as an octal escape (DomainNameFormat)."""
    change(route53, zone, ("CREATE", record("Shop.Contract.TEST", "A", "192.0.2.1")))
    change(route53, zone, ("CREATE", record("*.contract.test", "A", "192.0.2.1")))
    names = {name for name, _ in records(route53, zone)}
    assert names == {"shop.contract.test.", "\\052.contract.test."}


def test_a_name_is_the_same_however_written(route53: Route53Client, zone: str) -> None:
    """The escaped, the capital and the dotted form name one set (DomainNameFormat)."""
    change(route53, zone, ("CREATE", record("*.contract.test", "A", "192.0.2.1")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("\\052.contract.test.", "A", "192.0.2.2")))
    change(route53, zone, ("DELETE", record("\\052.CONTRACT.test.", "A", "192.0.2.1")))
    assert records(route53, zone) == {}


def test_cname_stands_alone(route53: Route53Client, zone: str) -> None:
    """A CNAME beside any other record of its name is refused, either way (ResourceRecordTypes)."""
    change(route53, zone, ("CREATE", record("shop.contract.test", "A", "192.0.2.1")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("shop.contract.test", "CNAME", "a.test")))
    change(route53, zone, ("CREATE", record("www.contract.test", "CNAME", "a.test")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("www.contract.test", "A", "192.0.2.1")))


def test_cname_is_not_for_the_apex(route53: Route53Client, zone: str) -> None:
    """The zone's own name cannot be an alias of another (ResourceRecordTypes, CNAME)."""
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("contract.test", "CNAME", "a.test")))


def test_text_strings_of_255_characters(route53: Route53Client, zone: str) -> None:
    """A TXT string has at most 255 characters; there may be many (ResourceRecordTypes, TXT)."""
    good = " ".join(f'"{"x" * 255}"' for _ in range(3))
    change(route53, zone, ("CREATE", record("a.contract.test", "TXT", good)))
    assert records(route53, zone)[("a.contract.test.", "TXT")] == [good]
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("b.contract.test", "TXT", f'"{"x" * 256}"')))


def test_text_values_of_4000_characters(route53: Route53Client, zone: str) -> None:
    """The whole value has at most 4,000 characters (ResourceRecord, Value)."""
    long = " ".join(f'"{"x" * 250}"' for _ in range(16))
    assert len(long) > 4000
    with refused("InvalidChangeBatch", "InvalidInput"):
        change(route53, zone, ("CREATE", record("a.contract.test", "TXT", long)))


def test_text_must_be_quoted(route53: Route53Client, zone: str) -> None:
    """A TXT value is one or more strings in double quotes (ResourceRecordTypes, TXT)."""
    for value in ("v=1", '"v=1" gen=2', '"v=1'):
        with refused("InvalidChangeBatch"):
            change(route53, zone, ("CREATE", record("a.contract.test", "TXT", value)))


def test_a_value_may_not_be_given_twice(route53: Route53Client, zone: str) -> None:
    """Duplicate values in a set are refused (ChangeResourceRecordSets)."""
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record("a.contract.test", "A", "192.0.2.1", "192.0.2.1")))


def test_at_most_1000_values_a_batch(route53: Route53Client, zone: str) -> None:
    """A request has at most 1,000 values, those of UPSERT counted twice (DNSLimitations)."""
    many = [
        ("UPSERT", record(f"h{number}.contract.test", "A", "192.0.2.1")) for number in range(501)
    ]
    with refused("InvalidChangeBatch"):
        change(route53, zone, *many)
    assert records(route53, zone) == {}


def test_at_most_32000_characters_a_batch(route53: Route53Client, zone: str) -> None:
    """A request has at most 32,000 characters of values (DNSLimitations)."""
    value = " ".join(f'"{"x" * 250}"' for _ in range(15))
    many = [("CREATE", record(f"h{number}.contract.test", "TXT", value)) for number in range(9)]
    with refused("InvalidChangeBatch"):
        change(route53, zone, *many)


def weighted(identifier: str, weight: int, value: str) -> dict[str, object]:
    """One of several weighted sets of one name."""
    return record("w.contract.test", "A", value, SetIdentifier=identifier, Weight=weight)


def test_weighted_sets_live_side_by_side(route53: Route53Client, zone: str) -> None:
    """Name, type and SetIdentifier make a set; DELETE names its weight too (aws.md §4)."""
    change(route53, zone, ("CREATE", weighted("one", 10, "192.0.2.1")))
    change(route53, zone, ("CREATE", weighted("two", 20, "192.0.2.2")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", weighted("one", 11, "192.0.2.1")))
    change(route53, zone, ("DELETE", weighted("one", 10, "192.0.2.1")))
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    left = [(r["SetIdentifier"], r["Weight"]) for r in listed if r["Type"] == "A"]
    assert left == [("two", 20)]


def test_weighted_beside_simple_is_refused(route53: Route53Client, zone: str) -> None:
    """All sets of a name and type have the same routing policy (resource-record-sets-values)."""
    change(route53, zone, ("CREATE", record("w.contract.test", "A", "192.0.2.1")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("CREATE", weighted("one", 10, "192.0.2.2")))


def test_one_identifier_under_two_names(route53: Route53Client, zone: str) -> None:
    """A SetIdentifier is unique for a name and type, not for a zone (ResourceRecordSet)."""
    for name in ("v.contract.test", "w.contract.test"):
        one = record(name, "A", "192.0.2.1", SetIdentifier="same", Weight=1)
        change(route53, zone, ("CREATE", one))
    change(route53, zone, ("DELETE", weighted("same", 1, "192.0.2.1")))
    assert records(route53, zone) == {("v.contract.test.", "A"): ["192.0.2.1"]}


def test_the_zones_own_records_stay(route53: Route53Client, zone: str) -> None:
    """A zone needs its NS and SOA records (ChangeResourceRecordSets)."""
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    own = next(dict(one) for one in listed if one["Type"] == "NS")
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", own))
