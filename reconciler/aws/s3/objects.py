"""Reads and writes small objects; every error says what to do about the bucket.

Every request names the account that must own the bucket: a bucket's name is free again once it is
deleted, and whoever takes it would decide who is live. botocore follows to the bucket's region.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from reconciler.aws.client.answer_date import answer_date, date_or_none
from reconciler.aws.client.errors import calling, code_of
from reconciler.aws.client.session import Aws
from reconciler.errors import AccessDenied, CloudError

LONGEST = 16_000
"""Bytes: more is no ledger, whose text has fewer than 4,000 characters."""

GONE = "NoSuchKey"
REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", GONE})
"""How a conditional write is refused: 412, two words of 409 (another is under way), 404."""

_ELSEWHERE = (
    "the bucket is in another region, and S3 does not say in which. Its region   "
    "aws s3api get-bucket-location --bucket {bucket}\n"
    "If it was made or moved a moment ago, try again in an hour"
)
_CURES = {
    "NoSuchBucket": "create the bucket (docs/s3-ledger.md), or correct `ledger`",
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "TemporaryRedirect": _ELSEWHERE,
    "301": _ELSEWHERE,
}
_DENIED = {
    "s3:GetObject": (
        "allow s3:GetObject on the ledger and s3:ListBucket on the bucket: without the latter S3 "
        "answers 403 for an object that does not exist"
    ),
    "s3:PutObject": (
        "allow s3:PutObject on the ledger. A bucket policy that demands a header for encryption "
        "refuses it as well: let the bucket's default encryption do that (docs/s3-ledger.md)"
    ),
    "s3:ListBucket": "allow s3:ListBucket on the bucket",
}


@dataclass(frozen=True)
class Stored:
    """An object as it was read; `lines` is None if there is none.

    `deleted`: the bucket keeps versions, and the newest is the mark of a deletion.
    """

    now: datetime
    lines: str | None = None
    etag: str = ""
    deleted: bool = False


@dataclass(frozen=True)
class Bucket:
    """One bucket of the account."""

    aws: Aws
    name: str

    @property
    def _asked(self) -> dict[str, Any]:
        return {"Bucket": self.name, "ExpectedBucketOwner": self.aws.place.account}

    def get(self, key: str) -> Stored:
        """The newest version of the object: S3's reads are strongly consistent.

        Raises CloudError, AccessDenied; what is too long to be ours is read up to that length.
        """
        with self._explained("s3:GetObject"):
            try:
                answer: Any = self.aws.s3.get_object(**self._asked, Key=key)
            except ClientError as error:
                if code_of(error) != GONE:
                    raise
                return _absent(error.response)
            # A limit would let a body that is cut off pass for a whole one.
            long = answer["ContentLength"] > LONGEST
            body = answer["Body"].read(LONGEST) if long else answer["Body"].read()
        return Stored(answer_date(answer), body.decode("ascii", "backslashreplace"), answer["ETag"])

    def put(self, key: str, lines: str, etag: str) -> tuple[str, datetime | None]:
        """Write where the ETag still stands; without one, where no object is. One attempt.

        Returns the new ETag and the date. Raises CloudUnclear, CloudError, AccessDenied.
        """
        condition: dict[str, Any] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        asked: dict[str, Any] = {**self._asked, **condition, "Key": key, "Body": lines.encode()}
        with self._explained("s3:PutObject", mutating=True):
            answer = self.aws.s3_once.put_object(**asked, ContentType="text/plain")
        return answer["ETag"], date_or_none(answer)

    def beside(self, key: str) -> Iterator[str]:
        """The keys in the same folder, this one included."""
        prefix = key.rpartition("/")[0]
        asked = {**self._asked, "Prefix": f"{prefix}/" if prefix else "", "Delimiter": "/"}
        with self._explained("s3:ListBucket"):
            for page in self.aws.s3.get_paginator("list_objects_v2").paginate(**asked):
                yield from (one["Key"] for one in page.get("Contents", ()))

    def versioned(self) -> bool:
        """Whether an overwritten or deleted object can be brought back."""
        with self._explained("s3:GetBucketVersioning"):
            return self.aws.s3.get_bucket_versioning(**self._asked).get("Status") == "Enabled"

    def region(self) -> str:
        """Where it is; the oldest region is the one that S3 does not name."""
        with self._explained("s3:GetBucketLocation"):
            answer: Any = self.aws.s3.get_bucket_location(**self._asked)
        return answer.get("LocationConstraint") or "us-east-1"

    @contextmanager
    def _explained(self, action: str, *, mutating: bool = False) -> Iterator[None]:
        """As `calling`, with what to do about the bucket."""
        try:
            with calling(f"{action} in {self.name}", mutating=mutating):
                yield
        except AccessDenied as error:
            if "is denied" not in error.message:  # the credentials themselves
                raise
            cure = f"{_DENIED.get(action, f'allow {action}')}.\n{self._owner}"
            raise AccessDenied(error.message, cure=cure) from error
        except CloudError as error:
            if error.code in _CURES:
                cure = _CURES[error.code].format(bucket=self.name)
                raise CloudError(error.message, cure=cure, code=error.code) from error
            raise

    @property
    def _owner(self) -> str:
        return (
            f"The bucket must belong to account {self.aws.place.account} (`zone_account`, or "
            "`account`). All that is needed   reconciler policy"
        )


def _absent(answer: Any) -> Stored:
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    return Stored(answer_date(answer), deleted=headers.get("x-amz-delete-marker") == "true")
