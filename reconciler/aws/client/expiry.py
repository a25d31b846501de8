"""When the session of the credentials ends, as far as botocore knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

_FIXED = frozenset({"env", "explicit"})
"""Methods whose credentials nobody renews: they are what the process was given."""


@dataclass(frozen=True)
class SessionEnd:
    """The end of the credentials that this process was given.

    `temporary` is false for a user's own keys. `renewed`: botocore fetches new ones by itself (a
    role, SSO, a web identity). `at` is None where the end is not known.
    """

    temporary: bool = False
    renewed: bool = False
    at: datetime | None = None


def session_end(credentials: Any) -> SessionEnd:
    """The end of botocore's `credentials`; of None: nothing is known, nothing ends."""
    # `token` of the refreshable ones would renew them first.
    token = getattr(credentials, "_token", None) or getattr(credentials, "token", None)
    if not token:
        return SessionEnd()
    fixed = getattr(credentials, "method", "") in _FIXED
    renewed = hasattr(credentials, "refresh_needed") and not fixed
    return SessionEnd(
        temporary=True, renewed=renewed, at=getattr(credentials, "_expiry_time", None)
    )
