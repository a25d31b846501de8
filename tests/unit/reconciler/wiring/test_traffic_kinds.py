"""The registry of traffic kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import pytest

from reconciler.aws.elbv2.traffic import TargetGroupTraffic
from reconciler.config.traffic import TrafficSettings
from reconciler.model.reading import LedgerAddress
from reconciler.traffic.record import RecordTraffic
from reconciler.wiring.ledger_stores import LedgerStores
from reconciler.wiring.traffic_kinds import KINDS, TrafficSource, build
from tests.fakes.scene import service
from tests.support.aws_api import Api
from tests.support.shop_world import LISTENER

ADDRESS = LedgerAddress("shop", "Z1", "example.com", "shop.example.com")


def source(**traffic: Any) -> TrafficSource:
    """A service with this `[traffic]`; no kind here asks AWS for anything."""
    nothing: Any = None
    return TrafficSource(service(traffic=traffic), nothing, nothing, ADDRESS)


def test_the_record_is_the_default() -> None:
    """Nothing follows, and the ledger's address names nothing else."""
    assert build(source()) == (RecordTraffic(), ADDRESS)


def test_the_listeners_go_into_the_address() -> None:
    """One or several, as configured: they become part of the ledger's home."""
    for listener in (LISTENER, [LISTENER]):
        traffic, address = build(source(kind="target-group", listener=listener))
        assert isinstance(traffic, TargetGroupTraffic)
        assert not traffic.in_batch
        assert address.traffic == traffic.listeners == (LISTENER,)


def test_every_kind_that_may_be_configured_is_built() -> None:
    """One line in the registry each."""
    assert set(KINDS) == set(get_args(TrafficSettings.model_fields["kind"].annotation))


@dataclass
class Zone:
    """A zone whose record names these addresses."""

    at: tuple[str, ...]

    def plain_addresses(self, address: LedgerAddress) -> tuple[str, ...]:
        """What the record says."""
        assert address is ADDRESS
        return self.at


def test_an_elastic_ip_goes_into_the_address(api: Api) -> None:
    """As the record names it, or as configured: it becomes part of the ledger's home."""
    made = api.ec2.allocate_address(Domain="vpc")
    zone: Any = LedgerStores(Zone((made["PublicIp"],)), None)  # type: ignore[arg-type]
    nothing: Any = None
    for said, where in (({}, zone), ({"allocation": made["AllocationId"]}, nothing)):
        asked = service(traffic={"kind": "elastic-ip", **said})
        traffic, address = build(TrafficSource(asked, api.aws, where, ADDRESS))
        assert traffic.addresses == (made["PublicIp"],)
        assert not traffic.in_batch
        assert address.traffic == (made["AllocationId"],)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"traffic": {"listener": LISTENER}}, "goes with kind"),
        ({"traffic": {"kind": "target-group", "listener": [LISTENER] * 2}}, "each listener once"),
        ({"traffic": {"kind": "target-group", "listener": "arn:aws:s3:::x"}}, "the ARN of a"),
        ({"traffic": {"kind": "dns"}}, "target-group"),
        ({"traffic": {"kind": "target-group"}, "also": ["www.example.com"]}, "also"),
        ({"traffic": {"kind": "elastic-ip"}, "also": ["www.example.com"]}, "also"),
        ({"traffic": {"allocation": "eipalloc-01234567"}}, "goes with kind"),
        ({"traffic": {"kind": "elastic-ip", "allocation": "203.0.113.7"}}, "the allocation id"),
        ({"traffic": {"kind": "elastic-ip"}, "instance": {"count": 2}}, "leads to one machine"),
    ],
)
def test_keys_that_contradict_are_refused(changes: dict[str, Any], says: str) -> None:
    """When the configuration is read."""
    with pytest.raises(ValueError, match=says):
        service(**changes)
