"""The only mapping from an error to the exit code."""

from __future__ import annotations

from enum import IntEnum

from reconciler import errors
from reconciler.util.signals import Interrupted


class Exit(IntEnum):
    """The exit codes of a process. Scripts rely on these; they do not change."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    DIRT = 4
    UNFINISHED = 5
    ACCESS = 6
    TO_DO = 10


MEANINGS = {
    Exit.DONE: "done, or nothing to do",
    Exit.FAILED: "failed before the commit; cleaned up; live kept serving",
    Exit.USAGE: "usage or configuration",
    Exit.REFUSED: "refused: lease held, dirt, breaker, unknown ledger",
    Exit.DIRT: "dirt or a contradiction remains (listed), live is impaired, a scope is unread",
    Exit.UNFINISHED: "live switched, a follow-up failed (the next sweep finishes it)",
    Exit.ACCESS: "credentials or permissions",
    Exit.TO_DO: "plan, status --exit-code: something to do; report --fail-over: waste",
}
"""One line each, as every `--help` shows them. 130 and 143: a signal, cleaned up."""

_TABLE: tuple[tuple[type[errors.ToolError], Exit], ...] = (
    (errors.ConfigError, Exit.USAGE),
    (errors.Refused, Exit.REFUSED),
    (errors.LedgerUnknown, Exit.REFUSED),
    (errors.AccessDenied, Exit.ACCESS),
    (errors.DirtRemains, Exit.DIRT),
    (errors.FollowUpFailed, Exit.UNFINISHED),
)
"""The first match counts; every other error is exit 1."""


def code_of(error: BaseException) -> int:
    """The exit code of a process that ended with `error`."""
    if isinstance(error, Interrupted):
        return 128 + error.signum
    if isinstance(error, KeyboardInterrupt):
        return 130
    return next((code for kind, code in _TABLE if isinstance(error, kind)), Exit.FAILED)
