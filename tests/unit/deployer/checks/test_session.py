"""The session of the credentials against the longest release."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from deployer.checks.session import outlasts
from reconciler.aws.client.expiry import SessionEnd, session_end
from reconciler.errors import ToolError

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
LIMIT = timedelta(hours=2)


def test_a_session_that_ends_under_a_release_is_refused() -> None:
    """An hour is what GitHub's action gives; a release may take two."""
    end = SessionEnd(temporary=True, at=NOW + timedelta(hours=1))
    with pytest.raises(ToolError, match="ends in 1h; a release may take 2h") as failed:
        outlasts(end, LIMIT, NOW)
    assert "7200 s" in failed.value.cure
    with pytest.raises(ToolError, match="ends in 0s"):
        outlasts(SessionEnd(temporary=True, at=NOW - timedelta(hours=1)), LIMIT, NOW)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (SessionEnd(), "do not expire"),
        (SessionEnd(temporary=True, renewed=True, at=NOW), "renewed by itself"),
        (SessionEnd(temporary=True), "end is not known"),
        (SessionEnd(temporary=True, at=NOW + LIMIT), "another 2h"),
    ],
)
def test_other_sessions_are_told(end: SessionEnd, said: str) -> None:
    """What is not known is said, not guessed."""
    assert said in outlasts(end, LIMIT, NOW)


def test_what_botocore_knows_of_its_credentials() -> None:
    """Keys from the environment are renewed by nobody; a role's are."""

    def fetch() -> dict[str, str]:
        raise AssertionError("nothing is fetched to look at the end")

    far = NOW + timedelta(days=36500)
    assert session_end(None) == session_end(Credentials("AKIA", "secret")) == SessionEnd()
    assert session_end(Credentials("AKIA", "secret", "token", "env")) == SessionEnd(temporary=True)
    role = RefreshableCredentials("A", "s", "t", far, fetch, "assume-role-with-web-identity")
    assert session_end(role) == SessionEnd(temporary=True, renewed=True, at=far)
    given = RefreshableCredentials("A", "s", "t", far, fetch, "env")
    assert session_end(given) == SessionEnd(temporary=True, renewed=False, at=far)
