"""Which failures of a mutating request are worth another try."""

from __future__ import annotations

import pytest

from reconciler.aws.client.errors import THROTTLED
from reconciler.aws.client.retry import throttled, throttled_or_unclear
from reconciler.errors import AccessDenied, CloudError, CloudUnclear


@pytest.mark.parametrize("code", sorted(THROTTLED))
def test_a_definite_refusal_for_now(code: str) -> None:
    """AWS has done nothing: the same request may be sent again."""
    assert throttled(CloudError("not now", code=code))


@pytest.mark.parametrize("code", ["", *sorted(THROTTLED)])
def test_rule_4_a_lost_reply_is_no_refusal_whatever_its_code(code: str) -> None:
    """The request may have been carried out: only what may be done twice is repeated."""
    lost = CloudUnclear("no answer", code=code)
    assert not throttled(lost)
    assert throttled_or_unclear(lost)


@pytest.mark.parametrize(
    "error", [CloudError("gone", code="InvalidVolume.NotFound"), AccessDenied("no")]
)
def test_any_other_answer_is_final(error: Exception) -> None:
    """To ask again would not help."""
    assert not throttled_or_unclear(error)
