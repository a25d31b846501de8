"""Asks the live machines the configured smoke checks once, within a short limit (`status`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta

from deployer.ports import Ports
from deployer.provisioning.smoke_runner import smoke_all
from reconciler.errors import AccessDenied, CannotConnect, ConfigError, NotTried, ToolError
from reconciler.model.resource import Resource
from reconciler.util.humanize import one_line, span
from reconciler.wiring.service_access import FOLLOW_UP_WAIT

TRY = timedelta(seconds=5)

LIMIT = FOLLOW_UP_WAIT + TRY.total_seconds()
"""Seconds for all checks: whoever runs `status` at night waits for the answer. A connection that is
given up must be told from an app that does not answer, so it is waited for that long."""


@dataclass(frozen=True)
class Answer:
    """What the live machines answered: `text` if they did, `fault` if they did not.

    Both are empty where nobody asked; `unasked` says why nobody could. `unreached` says that this
    host got no connection: the machine hangs, or no route leads there from here.
    """

    text: str = ""
    fault: str = ""
    unasked: str = ""
    unreached: str = ""

    @property
    def trouble(self) -> str:
        """Why it is not known that the machines answer as they should; '' if they do."""
        return self.fault or self.unreached


NOT_ASKED = Answer()


def ask_live(
    ports: Ports, at: Sequence[str], machines: Sequence[Resource], limit: float = LIMIT
) -> Answer:
    """Try every check once on every machine, for `limit` seconds at most. Raises nothing."""
    if not ports.service.smoke:
        return Answer(unasked="no [[smoke]] check is configured")
    if not machines:
        return Answer(fault="none of its machines is running")
    future: Future[str] = Future()
    # A daemon: a machine that does not answer must not keep this process from ending.
    work = threading.Thread(target=_work, args=(future, briefly(ports), at, machines), daemon=True)
    work.start()
    try:
        return Answer(text=future.result(limit))
    except TimeoutError:
        return Answer(fault=f"no answer within {span(limit)}")
    except (NotTried, AccessDenied, ConfigError) as error:
        return Answer(unasked=one_line(error.message))
    except CannotConnect as error:
        return _no_session(error)
    except ToolError as error:
        return Answer(fault=one_line(error.message))


def _no_session(error: CannotConnect) -> Answer:
    """What a failed connection says of the app: nothing where our key was refused."""
    said = one_line(error.message)
    if error.kind == "key-refused":
        return Answer(unasked=said)
    return Answer(unreached=said) if error.kind == "no-route" else Answer(fault=said)


def briefly(ports: Ports) -> Ports:
    """The ports with checks that are tried once, and briefly."""
    brief = [
        check.model_copy(update={"tries": 1, "timeout": min(check.timeout, TRY)})
        for check in ports.service.smoke
    ]
    return replace(ports, service=ports.service.model_copy(update={"smoke": tuple(brief)}))


def _work(
    future: Future[str], ports: Ports, at: Sequence[str], machines: Sequence[Resource]
) -> None:
    try:
        future.set_result(smoke_all(ports, at, machines, time.sleep))
    except BaseException as error:  # noqa: BLE001  whatever it is, the caller gets it
        future.set_exception(error)
