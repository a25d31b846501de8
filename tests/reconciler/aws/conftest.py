"""Fixtures of the AWS edge's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.aws.retries import Patience
from reconciler.aws.route53 import Route53Ledgers
from tests.aws_api import Api, serving
from tests.fake_route53 import FakeAws, FakeRoute53


@pytest.fixture
def fake() -> FakeRoute53:
    """An empty zone."""
    return FakeRoute53()


@pytest.fixture
def ledgers(fake: FakeRoute53) -> Route53Ledgers:
    """Ledgers in that zone, in a hurry."""
    patience = Patience(first=0.001, longest=0.002, deadline=0.1)
    return Route53Ledgers(FakeAws(fake), patience)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def account() -> Iterator[Api]:
    """An account on the sandbox's AWS API."""
    with serving() as one:
        yield one


@pytest.fixture
def api(account: Api) -> Api:
    """The account, bare."""
    account.reset()
    return account
