"""Reports every answer of AWS: the action, and the result of the attempt.

botocore repeats reads by itself, so only here is the number of real requests and of throttled ones
visible. Reports attempts, not calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.aws.client.errors import THROTTLED
from reconciler.aws.client.whole_replies import is_cut

OK, REFUSED, SLOWER, LOST = "ok", "error", "throttled", "lost"
"""The possible results of an attempt: answered, refused, throttled, or no answer."""

OnAnswer = Callable[[str, str], None]
"""Called with the action (`ec2:DescribeTags`) and one of the results above, from any thread."""


def listen(client: Any, on_answer: OnAnswer) -> None:
    """Report every later attempt of this client to `on_answer`."""

    def heard(event_name: str, parsed_response: Any = None, **_: Any) -> None:
        service, operation = event_name.split(".", 2)[1:]
        on_answer(f"{service.replace('-', '')}:{operation}", outcome(parsed_response))

    client.meta.events.register("response-received", heard)


def outcome(parsed: dict[str, Any] | None) -> str:
    """The result of a parsed answer; None means no answer."""
    if parsed is None or is_cut(parsed):
        return LOST
    error = parsed.get("Error")
    if not error:
        return OK
    code = str(error.get("Code", "")).removeprefix("Client.")
    return SLOWER if code in THROTTLED else REFUSED
