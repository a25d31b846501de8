"""Who may use the API: a client on this machine that has the sandbox's access key, and no web page.

Every page in a browser, and every local user, can send requests to a port on loopback. A page names
itself by `Origin` or `Sec-Fetch-Site`, which no AWS client sends, or comes under a `Host` of its
own whose address became ours (DNS rebinding). The answers are those of AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from deployer.sandbox.aws.http.error_replies import error_reply
from deployer.sandbox.aws.http.request import ApiCall

Knows = Callable[[str], bool]
"""Whether an access key is one of this sandbox."""

_HERE = frozenset(("127.0.0.1", "localhost", "::1"))
_SENT_BY_PAGES = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")
_KEY = re.compile(r"AWS4-HMAC-SHA256\s+Credential=([^/\s]+)/|Bearer\s+(\S+)$")
_UNKNOWN_TOKEN = "The security token included in the request is invalid."  # noqa: S105 -- a message
_UNKNOWN = {
    "ec2": (
        *(401, "AuthFailure"),
        "AWS was not able to validate the provided access credentials",
    ),
    "json": (400, "UnrecognizedClientException", _UNKNOWN_TOKEN),
    "rest": (
        *(403, "InvalidAccessKeyId"),
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
}


def refusal(environ: Mapping[str, Any], call: ApiCall, knows: Knows) -> Response | None:
    """The answer to a request that is not carried out; None for one that is."""
    if not _is_here(environ.get("HTTP_HOST", "")) or any(one in environ for one in _SENT_BY_PAGES):
        return error_reply(call, 403, "AccessDenied", "The sandbox answers no web page.")
    key = key_of(environ)
    if not key:
        text = "Request is missing Authentication Token"
        return error_reply(call, 403, "MissingAuthenticationToken", text)
    if knows(key):
        return None
    default = (403, "InvalidClientTokenId", _UNKNOWN_TOKEN)
    return error_reply(call, *_UNKNOWN.get(call.protocol, default))


def key_of(environ: Mapping[str, Any]) -> str:
    """The access key that a request is signed with; '' for none."""
    found = _KEY.match(environ.get("HTTP_AUTHORIZATION", ""))
    return (found[1] or found[2]) if found else ""


def _is_here(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in _HERE
    except ValueError:
        return False
