"""The Date header of an answer: AWS's clock, not ours."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.errors import CloudError


def answer_date(answer: Any) -> datetime:
    """When AWS answered. Raises CloudError if the answer does not say it."""
    text = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(text)
    except ValueError as error:
        raise CloudError(f"the answer of AWS carries no date: {text!r}") from error


def date_or_none(answer: Any) -> datetime | None:
    """For a swap: it is done, even if its date is invalid."""
    try:
        return answer_date(answer)
    except CloudError:
        return None
