"""Whether the session of the credentials outlasts the longest release."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.aws.client.expiry import SessionEnd
from reconciler.errors import ToolError
from reconciler.util.duration import format_duration


def outlasts(end: SessionEnd, limit: timedelta, now: datetime) -> str:
    """How long the session lasts. Raises ToolError if it may end under a release.

    A release whose credentials end cannot even clean up: its lease has to run out first.
    """
    wanted = f"a release may take {format_duration(limit)} (lease.limit)"
    if not end.temporary:
        return "keys that do not expire"
    if end.renewed:
        return "a session that is renewed by itself"
    cure = (
        f"Let the role's session last {int(limit.total_seconds())} s or longer (in GitHub: "
        "role-duration-seconds, and the role's MaxSessionDuration)\n"
        "Or lower lease.limit"
    )
    if end.at is None:
        return f"a session whose end is not known here; {wanted}"
    left = timedelta(seconds=int((end.at - now).total_seconds()))
    if left < limit:
        raise ToolError(
            f"the session of the credentials ends in {format_duration(max(left, timedelta(0)))}; "
            f"{wanted}",
            cure=cure,
        )
    return f"a session of another {format_duration(left)}"
