"""Which addresses of a machine are private and which public, as DescribeInstances lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from reconciler.aws.client.query import Reads
from reconciler.aws.kinds import instance
from reconciler.model.resource import Resource
from reconciler.model.tags import AccountRegion


class OneMachine:
    """Answers DescribeInstances with one machine."""

    place = AccountRegion("123456789012", "eu-west-1")

    def __init__(self, machine: dict[str, Any]) -> None:
        self._page = {"Reservations": [{"Instances": [machine]}]}

    def by_filter(self, *_: object) -> Iterator[dict[str, Any]]:
        """One page."""
        yield self._page


def described(private: Sequence[tuple[str, str]], main_public: str = "") -> Resource:
    """A machine with one interface: its private addresses, each with a public one or none."""
    listed = [
        {"PrivateIpAddress": own, "Association": {"PublicIp": public} if public else None}
        for own, public in private
    ]
    machine = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "BlockDeviceMappings": [],
        "PrivateIpAddress": private[0][0],
        "PublicIpAddress": main_public,
        "NetworkInterfaces": [{**listed[0], "PrivateIpAddresses": listed}],
    }
    [found] = instance.describe(cast("Reads", OneMachine(machine)), ["i-1"])
    return found


def test_a_plain_machine() -> None:
    """One of each."""
    found = described([("10.0.0.5", "198.51.100.7")], "198.51.100.7")
    assert (found.private, found.public) == (("10.0.0.5",), ("198.51.100.7",))
    assert found.public_ips == 1


def test_secondary_private_addresses() -> None:
    """The main private one first; they are not taken for public ones."""
    found = described([("10.0.0.5", "198.51.100.7"), ("10.0.0.6", "")], "198.51.100.7")
    assert found.private == ("10.0.0.5", "10.0.0.6")
    assert found.public == ("198.51.100.7",)


def test_an_elastic_address_on_a_secondary_private_one() -> None:
    """The machine itself has no public address; that one still is public."""
    found = described([("10.0.0.5", ""), ("10.0.0.6", "198.51.100.8")])
    assert (found.private[0], found.public) == ("10.0.0.5", ("198.51.100.8",))


def test_a_private_machine() -> None:
    """Nothing public, nothing billed."""
    found = described([("10.0.0.5", "")])
    assert (found.private, found.public, found.public_ips) == (("10.0.0.5",), (), 0)


def owned(*owners: str) -> dict[str, Any]:
    """An instance with a public address for each owner of an association, as EC2 describes it."""
    each = [
        {"PrivateIpAddress": f"10.0.1.{n}", "Association": {"PublicIp": f"203.0.113.{n}"}}
        for n, _ in enumerate(owners, 1)
    ]
    for address, owner in zip(each, owners, strict=True):
        if owner:
            address["Association"]["IpOwnerId"] = owner  # type: ignore[index]
    return {
        "PrivateIpAddress": "10.0.1.1",
        "PublicIpAddress": "203.0.113.1",
        "NetworkInterfaces": [{"PrivateIpAddresses": each}],
    }


@pytest.mark.parametrize(
    ("owners", "elastic"),
    [
        (("amazon",), ()),
        (("123456789012",), ("203.0.113.1",)),
        (("amazon", "123456789012"), ("203.0.113.2",)),
        (("",), ()),
    ],
)
def test_an_address_that_the_account_owns_is_elastic(
    owners: tuple[str, ...], elastic: tuple[str, ...]
) -> None:
    """EC2 lends the others (IpOwnerId `amazon`); where nothing is said, none is taken for it."""
    assert instance.elastic_of(owned(*owners)) == elastic
