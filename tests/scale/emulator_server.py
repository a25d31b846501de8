"""The emulator, with three things of it put right, and with bad weather where a file asks for it.

Run by the emulator's own Python, so it imports nothing of ours.

A function that is throttled fails its task with `Lambda.TooManyRequestsException` in AWS's words
(Step Functions guide, "Handling error conditions"); the emulator says `Lambda.Unknown`, which is
what AWS says of a function that died. And it knows neither `MaxDelaySeconds` nor `JitterStrategy`
of a retry: what was throttled together would come back together. And where a process of a function
dies while it begins, it kills every other process of that function, those that begin included,
which does not end any more.

While the file in WEATHER exists, every 20th Describe is refused as AWS refuses what is beyond a
token bucket.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

EVERY = 20
"""Of so many Describes one is refused."""

LONGEST = 30.0
"""Seconds until a next try: the template's `MaxDelaySeconds`."""

_counter = itertools.count(1)


def told_apart(machines: Any) -> None:
    """Tell a throttled function from one that died."""
    call, failure = machines._call_lambda, machines._ExecutionError

    def wrapped(function: str, event: Any) -> Any:
        try:
            return call(function, event)
        except failure as error:
            if error.error == "Lambda.Unknown" and _throttled(error.cause):
                raise failure("Lambda.TooManyRequestsException", error.cause) from error
            raise

    machines._call_lambda = wrapped


def _throttled(cause: str) -> bool:
    try:
        return bool(json.loads(cause).get("__type") == "TooManyRequestsException")
    except (ValueError, AttributeError):
        return False


def spread(machines: Any) -> None:
    """Spread what is tried again over the time until then, as `JitterStrategy` FULL does."""
    sleep = machines._scaled_sleep
    machines._scaled_sleep = lambda seconds: sleep(random.uniform(0, min(seconds, LONGEST)))


def leave_others(*_: object, **__: object) -> None:
    """Where one process of the function could not begin, leave the others alone."""


def refusing(ec2: Any, handler: Callable[[Any], Any], weather: Path) -> Callable[[Any], Any]:
    """The handler of an action, which is refused now and then in bad weather."""

    def wrapped(parameters: Any) -> Any:
        if weather.exists() and next(_counter) % EVERY == 0:
            return ec2._error("RequestLimitExceeded", "Request limit exceeded.", 503)
        return handler(parameters)

    return wrapped


def main() -> None:
    """Mend, then serve."""
    ec2: Any = import_module("ministack.services.ec2")
    for action, handler in list(ec2._ACTION_MAP.items()):
        if action.startswith("Describe"):
            ec2._ACTION_MAP[action] = refusing(ec2, handler, Path(os.environ["WEATHER"]))
    machines: Any = import_module("ministack.services.stepfunctions")
    told_apart(machines)
    spread(machines)
    functions: Any = import_module("ministack.services.lambda_svc")
    functions.invalidate_worker = leave_others
    import_module("ministack.app").main()


if __name__ == "__main__":
    main()
