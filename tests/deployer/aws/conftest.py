"""Fixtures of the AWS edge's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws_api import Api, serving


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
