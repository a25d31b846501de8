"""Hears every answer of AWS: which action, and whether it was a good one.

botocore repeats reads by itself, so only here is seen how often AWS was really asked and how often
it said "slower". Told of attempts, not of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.aws.client.errors import THROTTLED

OK, REFUSED, SLOWER, LOST = "ok", "error", "throttled", "lost"
"""What an attempt can come to: answered, refused, put off, or no answer at all."""

OnAnswer = Callable[[str, str], None]
"""Told the action (`ec2:DescribeTags`) and one of the words above, from any thread."""


def listen(client: Any, on_answer: OnAnswer) -> None:
    """Tell `on_answer` of every attempt of this client from now on."""

    def heard(event_name: str, parsed_response: Any = None, **_: Any) -> None:
        service, operation = event_name.split(".", 2)[1:]
        on_answer(f"{service.replace('-', '')}:{operation}", outcome(parsed_response))

    client.meta.events.register("response-received", heard)


def outcome(parsed: dict[str, Any] | None) -> str:
    """What a parsed answer says; None is no answer."""
    if parsed is None:
        return LOST
    error = parsed.get("Error")
    if not error:
        return OK
    code = str(error.get("Code", "")).removeprefix("Client.")
    return SLOWER if code in THROTTLED else REFUSED
