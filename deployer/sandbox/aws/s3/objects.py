"""S3 with AWS's behaviour where a compare-and-swap depends on it, on top of moto's buckets.

The server carries out one request at a time, so that moto's look and its write are one step.
Sources: the API reference, PutObject (`If-None-Match` takes `*` alone), GetObject (a delete marker
is a 404 with `x-amz-delete-marker`), HeadBucket (`x-amz-bucket-region`), error responses
(PermanentRedirect, AuthorizationHeaderMalformed); the User Guide, "Verifying bucket ownership".
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.s3.responses import S3Response

from deployer.sandbox.aws.api.errors import STRICT

Answer = tuple[int, dict[str, Any], Any]


class StrictS3(S3Response):
    """moto's S3, which takes any region, any owner and any condition, made strict."""

    def bucket_response(self, request: Any, full_url: str, headers: Any) -> Any:
        """About a bucket; its place may be asked from everywhere."""
        refused = None if "location" in request.args else self._refusal(request, full_url)
        return refused or super().bucket_response(request, full_url, headers)

    def key_response(self, request: Any, full_url: str, headers: Any) -> Any:
        """About an object."""
        refused = self._refusal(request, full_url)
        if refused is not None:
            return refused
        status, sent, body = super().key_response(request, full_url, headers)
        if status == 404 and self._is_deleted():
            sent = {**sent, "x-amz-delete-marker": "true"}
        return status, sent, body

    def put_object(self) -> Any:
        """One condition at most, and `If-None-Match` with `*` alone."""
        if_none, if_match = self.headers.get("If-None-Match"), self.headers.get("If-Match")
        if if_none not in (None, "*") or (if_none and if_match):
            text = "A header you provided implies functionality that is not implemented."
            return _error(501, "NotImplemented", text, "<Header>If-None-Match</Header>")
        return super().put_object()

    def _refusal(self, request: Any, full_url: str) -> Answer | None:
        """The answer where another region or owner is addressed than the bucket's."""
        self.setup_class(request)
        bucket = self._bucket(self.parse_bucket_name_from_url(request, full_url))
        if bucket is None or (request.method == "PUT" and bucket.name == request.path.strip("/")):
            return None
        wanted = request.headers.get("x-amz-expected-bucket-owner", bucket.account_id)
        if wanted != bucket.account_id:
            return _error(403, "AccessDenied", "Access Denied")
        if self.region != bucket.region_name:
            return _elsewhere(bucket, self.region)
        return None

    def _bucket(self, name: str) -> FakeBucket | None:
        try:
            return self.backend.get_bucket(name)
        except S3ClientError:
            return None

    def _is_deleted(self) -> bool:
        bucket = self._bucket(self.bucket_name)
        versions = bucket.keys.getlist(self.parse_key_name(), []) if bucket else []
        return bool(versions) and isinstance(versions[-1], FakeDeleteMarker)


def _elsewhere(bucket: FakeBucket, region: str) -> Answer:
    """The oldest region answers for all others, and names theirs; the others redirect."""
    right = bucket.region_name
    if region == "us-east-1":
        text = (
            f"The authorization header is malformed; the region '{region}' is wrong; "
            f"expecting '{right}'"
        )
        return _error(400, "AuthorizationHeaderMalformed", text, f"<Region>{right}</Region>")
    text = (
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint."
    )
    found = _error(301, "PermanentRedirect", text, f"<Bucket>{escape(bucket.name)}</Bucket>")
    return found[0], {**found[1], "x-amz-bucket-region": right}, found[2]


def _error(status: int, code: str, message: str, more: str = "") -> Answer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"
    )
    return status, {"Content-Type": "application/xml", STRICT: "1"}, body
