"""botocore's errors as ours: the table, and above all what is unclear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProfileNotFound,
    ReadTimeoutError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from reconciler.aws.client.errors import calling
from reconciler.errors import (
    AccessDenied,
    CloudError,
    CloudUnclear,
    ConfigError,
    DirtRemains,
    FollowUpFailed,
    ToolError,
)
from tests.fakes.route53 import client_error

URL = {"endpoint_url": "http://127.0.0.1"}
LOST = [
    ConnectionClosedError(**URL),
    ReadTimeoutError(**URL),
    EndpointConnectionError(**URL),
    ResponseParserError("HTML"),
]


def translated(error: Exception, *, mutating: bool = False) -> ToolError:
    """What `calling` makes of `error`; the original is its cause."""
    with pytest.raises(ToolError) as caught, calling("ec2:RunInstances", mutating=mutating):
        raise error
    assert caught.value.__cause__ is error
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_no_answer(error: Exception) -> None:
    """Of a read an error, of a mutating call unclear."""
    assert type(translated(error)) is CloudError
    assert type(translated(error, mutating=True)) is CloudUnclear


@pytest.mark.parametrize(
    ("code", "status", "mutating"),
    [
        ("InternalError", 500, CloudUnclear),
        ("Unavailable", 503, CloudUnclear),
        ("SomethingNew", 502, CloudUnclear),
        ("RequestTimeout", 400, CloudUnclear),
        ("RequestLimitExceeded", 503, CloudError),
        ("Throttling", 400, CloudError),
        ("InsufficientInstanceCapacity", 500, CloudError),
        ("InvalidParameterValue", 400, CloudError),
    ],
)
def test_aws_answers_with_an_error(code: str, status: int, mutating: type[CloudError]) -> None:
    """Broken down half-way is unclear; throttled, no capacity and wrong are definite."""
    found = translated(client_error(code, status), mutating=True)
    assert (type(found), getattr(found, "code", "")) == (mutating, code)
    assert type(translated(client_error(code, status))) is CloudError
    assert found.message.startswith(f"ec2:RunInstances: {code}: ")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client_error("UnauthorizedOperation", 403), "ec2:RunInstances is denied"),
        (client_error("AccessDeniedException"), "ec2:RunInstances is denied"),
        (client_error("ExpiredToken"), "expired"),
        (client_error("RequestExpired"), "expired, or the clock"),
        (client_error("RequestTimeTooSkewed"), "clock"),
        (client_error("SignatureDoesNotMatch", 403, "Signature expired: 2026"), "clock"),
        (client_error("SignatureDoesNotMatch", 403, "does not match"), "secret key"),
        (NoCredentialsError(), "no AWS credentials"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "no AWS credentials"),
    ],
)
def test_who_we_are_is_not_accepted(error: Exception, words: str) -> None:
    """Said in words, whether or not the call would have changed anything."""
    for mutating in (False, True):
        found = translated(error, mutating=mutating)
        assert isinstance(found, AccessDenied)
        assert words in found.message


@pytest.mark.parametrize(
    ("minutes", "words", "cure"),
    [(0, "credentials have expired", "log in"), (2, "credentials have expired", "log in")]
    + [(skew, "clock of this computer is wrong", "timedatectl") for skew in (-60, -10, 10, 60)],
)
def test_a_request_that_is_too_old(minutes: int, words: str, cure: str) -> None:
    """EC2 says one word for a wrong clock and for a session that has ended: its Date tells them."""
    error = client_error("RequestExpired", 400)
    there = datetime.now(UTC) + timedelta(minutes=minutes)
    error.response["ResponseMetadata"]["HTTPHeaders"] = {
        "date": format_datetime(there, usegmt=True)
    }
    found = translated(error, mutating=True)
    assert isinstance(found, AccessDenied)
    assert words in found.message
    assert cure in found.cure


@pytest.mark.parametrize("kind", [DirtRemains, FollowUpFailed])
def test_what_remains_wants_a_login_first(kind: type[ToolError]) -> None:
    """The sweep that finishes it would be refused as well."""
    sweep = "To finish it         reconciler sweep --service shop"
    expired = translated(client_error("ExpiredToken"))
    for left in (kind(f"{expired}; and", cure=sweep), kind("x", detail=str(expired), cure=sweep)):
        first, then = left.cure.splitlines()
        assert (first.startswith("First "), "log in again" in first, then) == (True, True, sweep)
    assert kind("denied", detail="vol-1", cure=sweep).cure == sweep


def test_the_encoded_message_is_left_out() -> None:
    """A kilobyte of base64 helps nobody."""
    said = "You are not authorized. Encoded authorization failure message: " + 900 * "x"
    assert "xxx" not in translated(client_error("UnauthorizedOperation", 403, said)).message


def test_configuration_is_configuration() -> None:
    """An unknown profile is the user's to mend; a call we made wrong has a name."""
    assert isinstance(translated(ProfileNotFound(profile="nobody")), ConfigError)
    wrong = translated(ParamValidationError(report="x"))
    assert getattr(wrong, "code", "") == "ParamValidationError"
