"""What a test may put into a warm command that no user can: a broken guard, or another clock.

A test that has never failed shows nothing. With one of `BREAKS` the product lacks one guard, and
what is said to notice that has to. Only `tests.crash.preload` reads these variables.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS

import reconciler.aws.client.retry
import reconciler.aws.route53.swap
import reconciler.sweep.deletion
import reconciler.sweep.machines.repair
import reconciler.sweep.runner
from reconciler.model.outcome import Outcome, OutcomeStatus

BREAK = "TEST_FAULT_BREAK"
CLOCK = "TEST_FAULT_CLOCK"
"""Seconds by which this process's clock is wrong."""


def _never_opens(*_: Any) -> Outcome:
    resource = _[2]
    return Outcome(resource, OutcomeStatus.DONE, "takes writes")


def _forgets_snapshots(collector: Any, deletes: Any) -> tuple[Outcome, ...]:
    kept = tuple(one for one in deletes if one.resource.kind != "snapshot")
    return _COLLECT(collector, kept)


def _upserts(_: Any, wanted: Any, *, point: bool) -> list[Any]:
    swap = reconciler.aws.route53.swap
    sets = [swap._txt_set(wanted)]
    if point and wanted.a is not None:
        sets.append(swap._a_set(wanted.address.record, wanted.a))
    return [{"Action": "UPSERT", "ResourceRecordSet": one} for one in sets]


def _without_token(params: Any, **_: Any) -> None:
    params["body"].pop("ClientToken")


_COLLECT = reconciler.sweep.deletion.Collector.collect

BREAKS: dict[str, Callable[[], None]] = {
    "a sweep does not thaw": lambda: setattr(
        reconciler.sweep.machines.repair, "_database", _never_opens
    ),
    "a sweep passes over snapshots": lambda: setattr(
        reconciler.sweep.deletion.Collector, "collect", _forgets_snapshots
    ),
    "a swap is an upsert": lambda: setattr(reconciler.aws.route53.swap, "changes", _upserts),
    "a launch has no token": lambda: BUILTIN_HANDLERS.append(
        ("before-call.ec2.RunInstances", _without_token)
    ),
    "a refused call is given up": lambda: setattr(
        reconciler.aws.client.retry, "THROTTLED", frozenset()
    ),
}
"""Guards that a command may be without, in words."""


def inject(env: Mapping[str, str]) -> None:
    """Put in what the environment asks for."""
    if env.get(BREAK):
        BREAKS[env[BREAK]]()
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
