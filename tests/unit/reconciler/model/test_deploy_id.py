"""Deploy-ids and the names that derive from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.deploy_id import (
    SUFFIX_ALPHABET,
    DeployId,
    InvalidDeployId,
    format_time,
    parse_time,
    valid_service,
)

BORN = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
ID = DeployId("shop", BORN, "7kq2m")

services = st.from_regex(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,27}", fullmatch=True)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    timezones=st.just(UTC),
).map(lambda one: one.replace(microsecond=0))
suffixes = st.text(SUFFIX_ALPHABET, min_size=5, max_size=5)
ids = st.builds(DeployId, services, moments, suffixes)


def test_is_written_as_the_design_says() -> None:
    """Service, UTC second of birth, suffix."""
    assert str(ID) == "shop/20261123T031502Z-7kq2m"


@given(ids)
def test_reads_back_what_it_writes(one: DeployId) -> None:
    """Every id survives its text."""
    assert DeployId.parse(str(one)) == one


@given(st.text(max_size=60))
def test_anything_else_is_refused_as_such(text: str) -> None:
    """No text raises anything but InvalidDeployId, and what parses is exactly one id's text."""
    try:
        found = DeployId.parse(text)
    except InvalidDeployId:
        return
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop",
        "Shop/20261123T031502Z-7kq2m",
        "shop/20261123T031502Z-7kq2",
        "shop/20261323T031502Z-7kq2m",
        "shop/20261123T031502Z-7kq2m\n",
        "shop-/20261123T031502Z-7kq2m",
        "shop/20261123T031502Z-7kq1m",
        "a" * 29 + "/20261123T031502Z-7kq2m",
        "shop/\uff120261123T031502Z-7kq2m",
    ],
)
def test_near_misses_are_refused(text: str) -> None:
    """A near miss is no id: what does not parse is foreign, never ours."""
    with pytest.raises(InvalidDeployId):
        DeployId.parse(text)


@given(ids, st.text(max_size=30), st.integers(0, 99))
def test_names_fit_where_they_go(one: DeployId, zone: str, attempt: int) -> None:
    """Token ≤ 64 ASCII (aws.md §1), database ≤ 63 (PostgreSQL), image name 3-128 (aws.md §2)."""
    assert len(one.client_token(zone, attempt)) <= 64
    assert one.client_token(zone, attempt).isascii()
    assert len(one.database_name("Z1/shop._deploy.example.com")) <= 63
    assert 3 <= len(one.image_name) <= 128
    assert 1 <= len(one.rds_identifier) <= 63


@given(ids, st.text(max_size=20), st.integers(0, 99))
def test_owns_its_own_tokens(one: DeployId, zone: str, attempt: int) -> None:
    """Whatever attempt and zone it launched in, the token proves it."""
    assert one.owns_token(one.client_token(zone, attempt), zone)


@given(ids, ids, st.integers(0, 99))
def test_owns_nobody_elses_tokens(one: DeployId, other: DeployId, attempt: int) -> None:
    """Another deploy's token, another zone's or a made-up one proves nothing."""
    token = other.client_token("eu-west-1a", attempt)
    assert one.owns_token(token, "eu-west-1a") == (one == other)
    assert not one.owns_token(token, "eu-west-1b")
    assert not one.owns_token(f"{token}x", "eu-west-1a")
    assert not one.owns_token("", "eu-west-1a")


def test_another_ledger_gives_another_database() -> None:
    """Two companies on one server do not own each other's databases."""
    assert ID.database_name("Z1/a") != ID.database_name("Z2/a")


def test_orders_by_age_within_a_service() -> None:
    """Older first: the order in which clean-up lists and rollback judges."""
    later = DeployId("shop", BORN + timedelta(seconds=1), "aaaaa")
    assert sorted([later, ID]) == [ID, later]


@given(moments)
def test_times_read_back(moment: datetime) -> None:
    """A time survives its text."""
    assert parse_time(format_time(moment)) == moment


@pytest.mark.parametrize("name", ["shop", "a", "a-b-1", "a" * 28])
def test_services_that_can_be(name: str) -> None:
    """Lower case, digits, single hyphens."""
    assert valid_service(name)


@pytest.mark.parametrize("name", ["", "1a", "-a", "a-", "a--b", "a_b", "A", "a" * 29, "a/b"])
def test_services_that_cannot_be(name: str) -> None:
    """Anything that would break a name that derives from it."""
    assert not valid_service(name)
