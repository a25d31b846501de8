"""What a test may put into a warm command that no user can: a missing guard, or another clock.

A test that has never failed shows nothing. Without one of the guards of `tests/mutants` the product
is broken, and what is said to notice that has to. Only `tests.crash.preload` reads these variables.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.mutants.guard import guards
from tests.mutants.in_process import remove

LACKS = "TEST_FAULT_LACKS"
"""The name of the guard that this process lacks."""

CLOCK = "TEST_FAULT_CLOCK"
"""Seconds by which this process's clock is wrong."""


def inject(env: Mapping[str, str]) -> None:
    """Put in what the environment asks for."""
    if env.get(LACKS):
        remove(next(guard for guard in guards() if guard.name == env[LACKS]))
    if env.get(CLOCK):
        _shift(float(env[CLOCK]))


_REAL_TIME = time.time
_REAL = dt.datetime
_BY: list[dt.timedelta] = [dt.timedelta(0)]


class _Kind(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, _REAL)


class _Shifted(dt.datetime, metaclass=_Kind):
    """Tells another time; what it makes are ordinary ones."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return _REAL.now(tz) + _BY[0]

    @classmethod
    def utcnow(cls) -> Any:
        return _REAL.now(dt.UTC).replace(tzinfo=None) + _BY[0]


def _shifted_time() -> float:
    return _REAL_TIME() + _BY[0].total_seconds()


def _shift(seconds: float) -> None:
    """This process's clock is wrong from here on, whoever looks at it: ours, or a library."""
    _BY[0] = dt.timedelta(seconds=seconds)
    own = sys.modules[__name__]
    for module in [one for one in sys.modules.values() if one is not own]:
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is _REAL:
                setattr(module, name, _Shifted)
            elif value is _REAL_TIME:
                setattr(module, name, _shifted_time)
