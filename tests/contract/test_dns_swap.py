"""The compare-and-swap on which the ledger stands. Sources: ChangeResourceRecordSets; aws.md §4."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError
from mypy_boto3_route53 import Route53Client

from tests.contract.conftest import World
from tests.contract.helpers import change, record, records, refused

LEDGER = "shop._deploy.contract.test"
SHOP = "shop.contract.test"


def a(*values: str, ttl: int = 60) -> dict[str, object]:
    """The service's A record."""
    return record(SHOP, "A", *values, ttl=ttl)


def ledger(gen: int) -> dict[str, object]:
    """The ledger's TXT record at a generation."""
    return record(LEDGER, "TXT", f'"v=1 gen={gen}" "live=x"')


def test_create_of_an_existing_set_fails(route53: Route53Client, zone: str) -> None:
    """CREATE fails if the set exists, with the same values or others (ChangeResourceRecordSets)."""
    change(route53, zone, ("CREATE", a("192.0.2.1")))
    for value in ("192.0.2.1", "192.0.2.2"):
        with refused("InvalidChangeBatch"):
            change(route53, zone, ("CREATE", a(value)))
    assert records(route53, zone) == {(SHOP + ".", "A"): ["192.0.2.1"]}


def test_delete_must_name_the_current_values(route53: Route53Client, zone: str) -> None:
    """DELETE with a value that does not match is an error (ResourceRecord, Value)."""
    change(route53, zone, ("CREATE", a("192.0.2.1")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", a("192.0.2.2")))
    assert records(route53, zone) == {(SHOP + ".", "A"): ["192.0.2.1"]}


def test_delete_must_name_the_current_ttl(route53: Route53Client, zone: str) -> None:
    """DELETE needs "all the same values", TTL among them (ChangeResourceRecordSets)."""
    change(route53, zone, ("CREATE", a("192.0.2.1")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", a("192.0.2.1", ttl=61)))


def test_delete_of_what_is_not_there_fails(route53: Route53Client, zone: str) -> None:
    """There is nothing to match (ChangeResourceRecordSets)."""
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", a("192.0.2.1")))


def test_swap_with_the_current_value_succeeds(route53: Route53Client, zone: str) -> None:
    """DELETE of the exact old and CREATE of the new in one batch is a swap (aws.md §4)."""
    change(route53, zone, ("CREATE", a("192.0.2.1")))
    change(route53, zone, ("DELETE", a("192.0.2.1")), ("CREATE", a("192.0.2.2")))
    assert records(route53, zone) == {(SHOP + ".", "A"): ["192.0.2.2"]}


def test_swap_with_a_value_of_earlier_fails(route53: Route53Client, zone: str) -> None:
    """ABA: a value that once stood there is as wrong as any other (aws.md §4)."""
    change(route53, zone, ("CREATE", a("192.0.2.1")))
    change(route53, zone, ("DELETE", a("192.0.2.1")), ("CREATE", a("192.0.2.2")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", a("192.0.2.1")), ("CREATE", a("192.0.2.3")))
    assert records(route53, zone) == {(SHOP + ".", "A"): ["192.0.2.2"]}


def test_values_may_come_in_any_order(route53: Route53Client, zone: str) -> None:
    """A set is its values, not their order (ResourceRecord)."""
    change(route53, zone, ("CREATE", a("192.0.2.1", "192.0.2.2")))
    change(route53, zone, ("DELETE", a("192.0.2.2", "192.0.2.1")))
    assert records(route53, zone) == {}


def test_a_part_of_the_values_does_not_match(route53: Route53Client, zone: str) -> None:
    """DELETE needs all the values (ChangeResourceRecordSets)."""
    change(route53, zone, ("CREATE", a("192.0.2.1", "192.0.2.2")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", a("192.0.2.1")))


def test_all_of_a_batch_or_none(route53: Route53Client, zone: str) -> None:
    """It "either makes all or none of the changes" (ChangeResourceRecordSets)."""
    change(route53, zone, ("CREATE", ledger(1)))
    with refused("InvalidChangeBatch"):
        change(
            route53,
            zone,
            ("CREATE", a("192.0.2.1")),
            ("DELETE", ledger(0)),
            ("CREATE", ledger(2)),
        )
    assert records(route53, zone) == {(LEDGER + ".", "TXT"): ['"v=1 gen=1" "live=x"']}


def test_a_bad_last_change_undoes_the_first(route53: Route53Client, zone: str) -> None:
    """All or none, also where the fault is a name outside the zone (ChangeResourceRecordSets)."""
    with refused("InvalidChangeBatch"):
        change(
            route53,
            zone,
            ("CREATE", a("192.0.2.1")),
            ("CREATE", record("elsewhere.test", "A", "192.0.2.1")),
        )
    assert records(route53, zone) == {}


def test_the_same_delete_twice_in_a_batch_fails(route53: Route53Client, zone: str) -> None:
    """The second finds nothing (ChangeResourceRecordSets)."""
    change(route53, zone, ("CREATE", a("192.0.2.1")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", a("192.0.2.1")), ("DELETE", a("192.0.2.1")))
    assert records(route53, zone) == {(SHOP + ".", "A"): ["192.0.2.1"]}


def test_ledger_and_address_change_together(route53: Route53Client, zone: str) -> None:
    """A stale ledger keeps the A record from moving: the commit is fenced (aws.md §4)."""
    change(route53, zone, ("CREATE", ledger(1)), ("CREATE", a("192.0.2.1")))
    swap = (("DELETE", a("192.0.2.1")), ("CREATE", a("192.0.2.2")))
    with refused("InvalidChangeBatch"):
        change(route53, zone, ("DELETE", ledger(0)), ("CREATE", ledger(2)), *swap)
    change(route53, zone, ("DELETE", ledger(1)), ("CREATE", ledger(2)), *swap)
    assert records(route53, zone)[(SHOP + ".", "A")] == ["192.0.2.2"]


def test_a_list_shows_the_last_batch(route53: Route53Client, zone: str) -> None:
    """It shows "records that are PENDING" as well (ListResourceRecordSets)."""
    for gen in range(1, 20):
        old = [("DELETE", ledger(gen - 1))] if gen > 1 else []
        change(route53, zone, *old, ("CREATE", ledger(gen)))
        assert records(route53, zone)[(LEDGER + ".", "TXT")] == [f'"v=1 gen={gen}" "live=x"']


def test_of_many_swaps_of_one_value_one_wins(
    world: World, route53: Route53Client, zone: str
) -> None:
    """A compare-and-swap is atomic (aws.md §4)."""
    change(route53, zone, ("CREATE", ledger(1)))

    client, lost_with = world.client("route53"), set()

    def attempt(number: int) -> bool:
        mine = record(LEDGER, "TXT", f'"v=1 gen=2" "lease={number}"')
        try:
            change(client, zone, ("DELETE", ledger(1)), ("CREATE", mine))
        except ClientError as lost:
            lost_with.add(lost.response["Error"]["Code"])
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(attempt, range(6)))
    assert sum(won) == 1
    assert lost_with <= {"InvalidChangeBatch", "PriorRequestNotComplete"}
    assert records(route53, zone)[(LEDGER + ".", "TXT")] == [
        f'"v=1 gen=2" "lease={won.index(True)}"'
    ]


def test_upsert_overwrites_without_a_look(route53: Route53Client, zone: str) -> None:
    """UPSERT creates or replaces (ChangeResourceRecordSets): why the ledger never uses it."""
    for value in ("192.0.2.1", "192.0.2.2"):
        change(route53, zone, ("UPSERT", a(value)))
    assert records(route53, zone) == {(SHOP + ".", "A"): ["192.0.2.2"]}
