"""Fixtures of both products' AWS edges: an account on the sandbox's AWS API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.aws_api import Api, serving


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
