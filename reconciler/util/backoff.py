"""How often and how long to try: for a call that fails for now, and for a condition to come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tenacity import Retrying
    from tenacity.wait import wait_base

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """In seconds: waits grow from `first` by half up to `longest`; no try begins after `deadline`.

    The last wait is cut, so that what becomes true late is still seen by a try at the deadline.
    `tries` limits their number. With `jitter` each wait is random, from 0 up to a limit that
    doubles: many clients that were refused together do not come back together.
    """

    first: float = 0.2
    longest: float = 5.0
    deadline: float = 300.0
    tries: int | None = None
    jitter: bool = False
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    def retry(self, action: Callable[[], T], again: Callable[[BaseException], bool]) -> T:
        """Return the result of `action`; repeat it while its error is worth another try."""
        from tenacity import retry_if_exception

        return self._retrying(retry=retry_if_exception(again), reraise=True)(action)

    def attempts(self) -> Iterator[float]:
        """Yield the seconds since the start at each try; the caller leaves the loop on success."""
        from tenacity import retry_always

        start = self.now()
        for attempt in self._retrying(retry=retry_always, retry_error_callback=lambda _: None):
            yield self.now() - start
            attempt.retry_state.set_result(None)

    def _retrying(self, **options: Any) -> Retrying:
        from tenacity import Retrying  # slow, and most sweeps change nothing

        end, grown = self.now() + self.deadline, self._growing()
        return Retrying(
            stop=lambda state: state.attempt_number == self.tries or self.now() >= end,
            wait=lambda state: max(0.0, min(grown(state), end - self.now())),
            sleep=self.sleep,
            **options,
        )

    def _growing(self) -> wait_base:
        from tenacity import wait_exponential, wait_random_exponential

        if self.jitter:
            return wait_random_exponential(self.first, self.longest)
        return wait_exponential(self.first, self.longest, exp_base=1.5)
