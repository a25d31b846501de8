"""A ledger knows its home (rule 12): record, account and region, and nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import LedgerUnknown
from reconciler.model.ledger import LedgerHome
from reconciler.model.ledger_codec import encode
from reconciler.model.ledger_home import at_home, claimed_by, settle
from reconciler.model.ledger_transitions import close
from reconciler.model.reading import LedgerAddress
from tests.support.shop_world import CLEAN, PLACE

ADDRESS = LedgerAddress(
    "shop", "Z1", "example.com", "shop.example.com", PLACE.account, PLACE.region
)
HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
AT = ("10.0.1.17",)


@pytest.mark.parametrize(
    ("home", "cure"),
    [
        (replace(HOME, record="www.example.com"), "deployer move shop"),
        (replace(HOME, account="999999999999"), "deployer retire shop"),
        (replace(HOME, region="us-east-1"), "deployer retire shop"),
    ],
)
def test_another_configuration_is_refused(home: LedgerHome, cure: str) -> None:
    """In words that name both, with the way out of each."""
    with pytest.raises(LedgerUnknown) as refused:
        at_home(ADDRESS, replace(CLEAN, home=home))
    assert str(home) in refused.value.message
    assert str(HOME) in refused.value.message
    assert cure in refused.value.cure


def test_its_own_is_read_and_so_is_an_older_one() -> None:
    """One of an older version knows no home; a person's command, or a release, tells it."""
    assert at_home(ADDRESS, replace(CLEAN, home=HOME)).home == HOME
    assert at_home(ADDRESS, CLEAN) == CLEAN
    assert settle(CLEAN, ADDRESS).home == HOME
    other = replace(HOME, record="www.example.com")
    assert settle(replace(CLEAN, home=other), ADDRESS).home == other


def test_a_tombstone_refuses_everything() -> None:
    """It names where the ledger is now."""
    with pytest.raises(LedgerUnknown, match="Z2") as refused:
        at_home(ADDRESS, close(CLEAN, "Z2/shop._deploy.example.org"))
    assert "deployer move shop" in refused.value.cure


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        (encode(replace(CLEAN, home=HOME)), True),
        (encode(replace(CLEAN, home=HOME)).replace("v=1", "v=9"), True),
        (encode(CLEAN), True),
        (encode(replace(CLEAN, home=replace(HOME, record="www.example.com"))), False),
        (encode(close(replace(CLEAN, home=HOME), "Z2/blog._deploy.example.org")), False),
        (encode(replace(CLEAN, home=HOME, live=None)), False),
        ('"hello world"', False),
    ],
    ids=["record", "newer version", "older, by address", "other", "moved", "closed", "no ledger"],
)
def test_one_record_has_one_ledger(text: str, *, claims: bool) -> None:
    """Another ledger that names the record, or an older one whose live machine stands in it."""
    refused = claimed_by(ADDRESS, AT, {"blog._deploy.example.com": text})
    assert (refused is not None) is claims
    if refused is not None:
        assert "blog" in refused.message
        assert "deployer up blog" in refused.cure
