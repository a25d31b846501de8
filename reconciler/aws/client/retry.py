"""Retries of mutating calls: outside botocore, so that token and name stay fixed (aws.md §6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from reconciler.aws.client.errors import THROTTLED
from reconciler.errors import CloudError, CloudUnclear

T = TypeVar("T")


def throttled(error: BaseException) -> bool:
    """Whether AWS refused definitely, and only for now."""
    return (
        isinstance(error, CloudError)
        and not isinstance(error, CloudUnclear)
        and error.code in THROTTLED
    )


@dataclass(frozen=True)
class Patience:
    """How long to try again, in seconds: random waits up to `first`, 2 x `first`, … `longest`."""

    first: float = 0.2
    longest: float = 5.0
    deadline: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def call(
        self, action: Callable[[], T], again: Callable[[BaseException], bool] = throttled
    ) -> T:
        """Return the result of `action`; repeat it until the deadline while `again(error)`."""
        # The import is slow, and most sweeps change nothing.
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

        return Retrying(
            stop=stop_after_delay(self.deadline),
            wait=wait_random_exponential(multiplier=self.first, max=self.longest),
            retry=retry_if_exception(again),
            sleep=self.sleep,
            reraise=True,
        )(action)
