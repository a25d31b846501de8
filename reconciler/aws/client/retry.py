"""Retries of mutating calls: outside botocore, so that token and name stay fixed (aws.md §6)."""

from __future__ import annotations

from reconciler.aws.client.errors import THROTTLED
from reconciler.errors import CloudError, CloudUnclear
from reconciler.util.backoff import Backoff

AWS_BACKOFF = Backoff(first=0.2, longest=5.0, deadline=30.0, jitter=True)


def throttled(error: BaseException) -> bool:
    """Whether AWS refused definitely, and only for now."""
    return (
        isinstance(error, CloudError)
        and not isinstance(error, CloudUnclear)
        and error.code in THROTTLED
    )


def throttled_or_unclear(error: BaseException) -> bool:
    """Whether a request that may be carried out twice is worth another try."""
    return isinstance(error, CloudUnclear) or throttled(error)
