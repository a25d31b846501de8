"""Fixtures of both products' AWS edges: an account on the sandbox's AWS API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from deployer.cli.shared import Staged
from reconciler.cli.shared import CliContext
from tests.support.answers import check_answer
from tests.support.aws_api import Api, serving
from tests.support.skipped_waits import SkippingClock, skip_the_pace_of_aws


@pytest.fixture(scope="module", autouse=True)
def pace_of_aws() -> Iterator[SkippingClock]:
    """AWS's pace is kept, and nobody waits for it: `test_throttle.py` is about the waits."""
    with pytest.MonkeyPatch.context() as patch:
        yield skip_the_pace_of_aws(patch)


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


@pytest.fixture(autouse=True)
def answers_are_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test makes a command answer, in text or not, is as its schema says."""
    for cls in (CliContext, Staged):
        monkeypatch.setattr(cls, "answer", _checking(cls.answer))


def _checking(answer: Callable[..., None]) -> Callable[..., None]:
    def checked(self: Any, schema: str, value: Mapping[str, Any], *rest: Any, **more: Any) -> None:
        if schema:
            check_answer({"schema": schema, **value})
        answer(self, schema, value, *rest, **more)

    return checked
