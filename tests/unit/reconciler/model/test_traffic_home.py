"""A ledger names the listeners that lead to live, and is trusted for no others (rule 12)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import LedgerUnknown
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import LedgerHome
from reconciler.model.ledger_codec import decode, encode
from reconciler.model.ledger_home import at_home, claimed_by
from reconciler.model.reading import LedgerAddress
from tests.support.shop_world import CLEAN, LISTENER, LIVE, PLACE

OTHER = LISTENER.replace("/b2", "/c3")
ADDRESS = LedgerAddress(
    "shop",
    "Z1",
    "example.com",
    "shop.example.com",
    PLACE.account,
    PLACE.region,
    traffic=(LISTENER,),
)
HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region, (LISTENER,))


def test_the_listeners_stand_in_the_text() -> None:
    """A string each, after the head; and they are read back."""
    ledger = replace(CLEAN, home=replace(HOME, traffic=(LISTENER, OTHER)))
    text = encode(ledger)
    assert f'"traffic={LISTENER}" "traffic={OTHER}" "live=' in text
    assert decode(text) == ledger


@pytest.mark.parametrize("traffic", [(), (OTHER,), (LISTENER, OTHER)])
def test_other_listeners_are_refused(traffic: tuple[str, ...]) -> None:
    """Another configuration would switch what is not the service's."""
    with pytest.raises(LedgerUnknown) as refused:
        at_home(ADDRESS, replace(CLEAN, home=replace(HOME, traffic=traffic)))
    assert LISTENER in refused.value.message
    assert "deployer move shop" in refused.value.cure
    assert at_home(ADDRESS, replace(CLEAN, home=HOME)).home == HOME


def test_a_listener_has_one_ledger() -> None:
    """Another service's ledger of the zone that names it claims it."""
    theirs = replace(CLEAN, home=LedgerHome("blog.example.com", "1" * 12, "eu-west-1", (LISTENER,)))
    taken = claimed_by(ADDRESS, (), {"blog._deploy.example.com": encode(theirs)})
    assert taken is not None
    assert LISTENER in taken.message
    free = replace(theirs, home=LedgerHome("blog.example.com", "1" * 12, "eu-west-1", (OTHER,)))
    assert claimed_by(ADDRESS, (), {"blog._deploy.example.com": encode(free)}) is None


@pytest.mark.parametrize("service", ["s", "shop", "a-b-c-d", "shop-front", "x" * 28, "abcde-fgh"])
def test_the_name_of_a_target_group(service: str) -> None:
    """32 letters, digits and single hyphens at most; another for each id and each route."""
    deploy = DeployId(service, LIVE.born, LIVE.suffix)
    name = deploy.target_group_name(LISTENER)
    assert len(name) <= 32
    assert name.replace("-", "").isalnum()
    assert "--" not in name
    assert not name.endswith("-")
    others = (deploy.target_group_name(OTHER), replace(deploy, suffix="zzzzz"))
    assert name not in (others[0], others[1].target_group_name(LISTENER))
    assert name == deploy.target_group_name(LISTENER)
