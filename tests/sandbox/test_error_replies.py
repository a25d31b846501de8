"""What the sandbox's API makes of an answer, by who made it."""

from __future__ import annotations

import pytest
from werkzeug.wrappers import Response

from deployer.sandbox.aws.api.errors import STRICT
from deployer.sandbox.aws.http.error_replies import as_sent
from deployer.sandbox.aws.http.request import ApiCall, read_call


@pytest.fixture
def call() -> ApiCall:
    """A request to S3."""
    signed = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, Signature=0"
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/a/b", "HTTP_AUTHORIZATION": signed}
    found = read_call(environ, b"")
    assert found.service == "s3"
    return found


@pytest.mark.parametrize("status", [500, 501, 503])
def test_what_moto_lacks_is_a_client_error(call: ApiCall, status: int) -> None:
    """A 500 would be retried in silence: also in a service that has a 501 of its own."""
    sent = as_sent(call, Response("moto has no such thing", status))
    assert (sent.status_code, "UnsupportedOperation" in sent.get_data(as_text=True)) == (400, True)


@pytest.mark.parametrize("status", [301, 404, 501])
def test_the_strict_layers_answers_are_sent_as_they_are(call: ApiCall, status: int) -> None:
    """They are AWS's own statuses; the mark of who made them is not sent."""
    ours = Response("<Error/>", status, {STRICT: "1"}, content_type="text/html")
    sent = as_sent(call, ours)
    assert (sent.status_code, sent.get_data(as_text=True)) == (status, "<Error/>")
    assert STRICT not in sent.headers
