"""Posts a notification to a webhook. The URL is secret: no message, log or error contains it."""

from __future__ import annotations

import http.client
import ipaddress
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.errors import ConfigError, ToolError
from reconciler.output.notifications.message import Notice, for_slack
from reconciler.util.secret import Secret

TIMEOUT = 5.0
"""Seconds; a sweep waits for it, so it is short."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could send the message, and maybe the secret, to an unwanted host."""

    def redirect_request(self, *_: Any) -> None:
        """Do not follow a redirect."""


@dataclass(frozen=True)
class Webhook:
    """A webhook that accepts Slack's JSON; its URL is resolved when it is used."""

    url: Callable[[], Secret]

    def __call__(self, notice: Notice) -> None:
        """Post it. Raises ConfigError without a URL, ToolError for anything but a 2xx in time."""
        body = json.dumps(for_slack(notice)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "reconciler"}
        url = _checked(self.url().reveal().strip())
        request = urllib.request.Request(url, body, headers)  # noqa: S310  its scheme is checked
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=TIMEOUT) as reply:
                reply.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            raise ToolError(f"the webhook answered {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The text of these errors may contain the URL or its path.
            why = getattr(error, "reason", error)
            kind = type(why if isinstance(why, Exception) else error).__name__
            raise ToolError(f"the webhook cannot be reached: {kind}") from None


def _checked(url: str) -> str:
    """The URL, if it is https or loopback. Raises ConfigError without repeating it."""
    try:
        parts = urllib.parse.urlsplit(url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))
    except ValueError:
        secure = False
    if not secure:
        raise ConfigError(
            "notices.webhook leads to no https URL (http only on loopback)",
            cure="write the URL anew where notices.webhook of reconciler.toml refers to",
        )
    return url


def _is_here(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
