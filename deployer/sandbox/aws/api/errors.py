"""AWS's errors; moto serialises them in the protocol of the service."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.route53.exceptions import Route53ClientError

STRICT = "X-Sandbox-Strict"
"""The header of an answer that our strict layer made whole, whatever its status; never sent."""


def ec2_error(code: str, message: str) -> EC2ClientError:
    """An EC2 client error (HTTP 400)."""
    return EC2ClientError(code, message)


def bad_value(message: str) -> EC2ClientError:
    """InvalidParameterValue."""
    return EC2ClientError("InvalidParameterValue", message)


def bad_mix(message: str) -> EC2ClientError:
    """InvalidParameterCombination."""
    return EC2ClientError("InvalidParameterCombination", message)


def missing(parameter: str) -> EC2ClientError:
    """MissingParameter."""
    text = f"The request must contain the parameter {parameter}"
    return EC2ClientError("MissingParameter", text)


def wrong_state(message: str) -> EC2ClientError:
    """IncorrectInstanceState."""
    return EC2ClientError("IncorrectInstanceState", message)


def bad_batch(messages: list[str]) -> Route53ClientError:
    """InvalidChangeBatch, with every reason, as Route 53 lists them."""
    error = Route53ClientError("InvalidChangeBatch", f"[{', '.join(messages)}]")
    described: Any = error
    described.messages = messages
    return error


def dns_error(code: str, message: str) -> Route53ClientError:
    """A Route 53 client error; its HTTP status comes from the API model."""
    return Route53ClientError(code, message)
