"""The registry of traffic kinds."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from reconciler.aws.elbv2.traffic import TargetGroupTraffic
from reconciler.config.loader import refuse_unbuilt
from reconciler.config.traffic import TrafficSettings
from reconciler.errors import ConfigError
from reconciler.model.reading import LedgerAddress
from reconciler.traffic.record import RecordTraffic
from reconciler.wiring.traffic_kinds import KINDS, TrafficSource, build
from tests.fakes.scene import service
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


def test_what_is_not_built_is_refused_in_words() -> None:
    """By every command, and before anything is asked."""
    with pytest.raises(ConfigError, match="elastic-ip"):
        build(source(kind="elastic-ip"))
    with pytest.raises(ConfigError, match="not built yet"):
        refuse_unbuilt(service(traffic={"kind": "elastic-ip"}))
    kinds = get_args(TrafficSettings.model_fields["kind"].annotation)
    assert set(KINDS) == set(kinds) - {"elastic-ip"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"traffic": {"listener": LISTENER}}, "goes with kind"),
        ({"traffic": {"kind": "target-group", "listener": [LISTENER] * 2}}, "each listener once"),
        ({"traffic": {"kind": "target-group", "listener": "arn:aws:s3:::x"}}, "the ARN of a"),
        ({"traffic": {"kind": "dns"}}, "target-group"),
        ({"traffic": {"kind": "target-group"}, "also": ["www.example.com"]}, "also"),
    ],
)
def test_keys_that_contradict_are_refused(changes: dict[str, Any], says: str) -> None:
    """When the configuration is read."""
    with pytest.raises(ValueError, match=says):
        service(**changes)
