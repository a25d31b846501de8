"""Converts botocore's errors to ours, in one place; the original error stays the cause.

The important distinction: a *definite* answer (AWS refused, nothing was done) or an *unclear* one
(the reply was lost, or AWS failed half-way). Only after a definite answer may the caller of a
mutating call continue as if nothing had happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from reconciler.errors import AccessDenied, CloudError, CloudUnclear, ConfigError, ToolError

THROTTLED = frozenset(
    {
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Refused for now, nothing was done: the same request may be repeated later."""

NO_CAPACITY = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
    }
)
"""Definite although AWS sends them as server errors (aws.md §6): nothing was launched."""

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "AuthorizationError",
        "Blocked",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_STALE = "RequestExpired"
"""EC2's answer to a signature that is too old, and to the token of a session that has ended."""
_SKEWED = frozenset({"RequestInTheFuture", "RequestTimeTooSkewed"})
_BAD_SIGNATURE = frozenset(
    {"IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch"}
)
_SKEW_TEXT = re.compile(r"signature expired|not yet current|too skewed", re.IGNORECASE)
_SERVER_SIDE = frozenset(
    {"InternalError", "InternalFailure", "RequestTimeout", "ServiceUnavailable", "Unavailable"}
)
_LOGIN = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    NoAuthTokenError,
    SSOError,
    TokenRetrievalError,
)
_LOST = (HTTPClientError, BotoConnectionError, ResponseParserError)
_LOG_IN = "log in (aws sso login), or set AWS_PROFILE or the access key's variables"
_SKEW = timedelta(minutes=4)
"""Less than any service of AWS tolerates: with a smaller difference the clock is not the cause."""


@contextmanager
def calling(action: str, *, mutating: bool = False) -> Iterator[None]:
    """Wrap one AWS call. `action` is named in the message, for example `ec2:TerminateInstances`.

    Raises AccessDenied (no credentials, expired, denied, clock wrong), ConfigError, CloudUnclear (a
    mutating call without a definite answer) and CloudError (all else, with AWS's `code`).
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(action, error, mutating) from error
    except _LOST as error:
        raise _lost(action, error, mutating) from error
    except _LOGIN as error:
        raise AccessDenied(f"{action}: no AWS credentials: {_line(error)}", cure=_LOG_IN) from error
    except (ProfileNotFound, NoRegionError) as error:
        raise ConfigError(f"{action}: {_line(error)}") from error
    except BotoCoreError as error:
        raise CloudError(f"{action}: {_line(error)}", code=type(error).__name__) from error


def code_of(error: ClientError) -> str:
    """AWS's error code, without the prefix `Client.` of some answers."""
    return str(error.response.get("Error", {}).get("Code", "")).removeprefix("Client.")


def _refusal(action: str, error: ClientError, mutating: bool) -> ToolError:
    code = code_of(error)
    said = str(error.response.get("Error", {}).get("Message", ""))
    denied = _denial(action, code, said) if code != _STALE else _stale(action, error)
    if denied is not None:
        return denied
    text = f"{action}: {code}: {_brief(said)}"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    definite = code in THROTTLED or code in NO_CAPACITY
    if mutating and not definite and (status >= 500 or code in _SERVER_SIDE):
        return CloudUnclear(text, code=code)
    return CloudError(text, code=code)


def _denial(action: str, code: str, said: str) -> AccessDenied | None:
    if code in _SKEWED or (code in _BAD_SIGNATURE | {"AuthFailure"} and _SKEW_TEXT.search(said)):
        return _wrong_clock(action)
    if code in _EXPIRED:
        return _expired(action)
    if code in _BAD_SIGNATURE:
        return AccessDenied(
            f"{action}: {code}: the secret key does not fit the access key",
            cure="log in again, or set AWS_SECRET_ACCESS_KEY to the secret of AWS_ACCESS_KEY_ID",
        )
    if code in _DENIED or code.startswith("AccessDenied"):
        cure = f"allow {action} to these credentials; all that is needed   reconciler policy"
        return AccessDenied(f"{action} is denied: {code}: {_brief(said)}", cure=cure)
    return None


def _stale(action: str, error: ClientError) -> AccessDenied:
    """The time of the answer tells a wrong clock from a session that has ended."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    skew = _skew(str(headers.get("date", "")), datetime.now(UTC))
    if skew is None:
        return AccessDenied(
            f"{action}: the AWS credentials have expired, or the clock of this computer is wrong",
            cure="log in (aws sso login); if that does not help, set the clock "
            "(timedatectl set-ntp true)",
        )
    return _wrong_clock(action) if skew > _SKEW else _expired(action)


def _wrong_clock(action: str) -> AccessDenied:
    text = f"{action}: AWS refuses the signature's time: the clock of this computer is wrong"
    return AccessDenied(text, cure="set the clock (timedatectl set-ntp true)")


def _expired(action: str) -> AccessDenied:
    return AccessDenied(f"{action}: the AWS credentials have expired", cure=_LOG_IN)


def _skew(date: str, now: datetime) -> timedelta | None:
    """How far our clock is from the time in the header `Date`; None without a time."""
    try:
        return abs(now - parsedate_to_datetime(date))
    except (TypeError, ValueError):  # no time; or one without its zone
        return None


def _lost(action: str, error: Exception, mutating: bool) -> CloudError:
    if mutating:
        text = f"{action}: no answer, it may or may not have been done: {_line(error)}"
        return CloudUnclear(text, code=type(error).__name__)
    return CloudError(f"{action}: no answer: {_line(error)}", code=type(error).__name__)


def _brief(said: str) -> str:
    """Remove the encoded authorisation message: a kilobyte of unreadable text."""
    return _line(said.split("Encoded authorization failure message:", maxsplit=1)[0])


def _line(said: object) -> str:
    flat = " ".join(str(said).split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"
