"""The files of a run in a bucket: implements `reconciler.ports.objects.Objects`.

Writes are retried by botocore: what is written a second time has the same content. Reads are
strongly consistent, so who lists an object after another process wrote it sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from reconciler.aws.client.errors import calling, code_of
from reconciler.aws.client.session import Aws, ambient
from reconciler.errors import CloudError, ConfigError
from reconciler.model.tags import AccountRegion
from reconciler.ports.objects import Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_MISSING = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class S3Objects:
    """A folder in a bucket: `place` is `s3://bucket/prefix`, asked with the own credentials."""

    place: str

    def put(self, key: str, body: bytes) -> str:
        answer = self._asked(
            "s3:PutObject", lambda s3: s3.put_object(**self._at(key), Body=body, **_JSON)
        )
        return str(answer["ETag"])

    def put_first(self, key: str, body: bytes) -> bytes:
        def write(s3: S3Client) -> bytes | None:
            try:
                s3.put_object(**self._at(key), Body=body, IfNoneMatch="*", **_JSON)
            except ClientError as error:
                if code_of(error) not in _TAKEN:
                    raise
                return None
            return body

        # A retried write may be refused because its first try was carried out: the same content.
        found = self._asked("s3:PutObject", write)
        if found is not None:
            return found
        standing = self.get(key)
        if standing is None:  # another writer is at it: what it writes will stand, not ours
            raise CloudError(f"{self.place}/{key} is being written by somebody else: try again")
        return standing.body

    def get(self, key: str) -> Object | None:
        def read(s3: S3Client) -> Object | None:
            try:
                answer = s3.get_object(**self._at(key))
            except ClientError as error:
                if code_of(error) in _MISSING:
                    return None
                raise
            return Object(answer["Body"].read(), str(answer["ETag"]))

        return self._asked("s3:GetObject", read)

    def versions(self, folder: str) -> Iterator[tuple[str, str]]:
        prefix = f"{self._prefix}{folder}/" if folder else self._prefix

        def listed(s3: S3Client) -> list[tuple[str, str]]:
            pages = s3.get_paginator("list_objects_v2")
            asked = pages.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/")
            return [
                (str(one["Key"])[len(self._prefix) :], str(one["ETag"]))
                for page in asked
                for one in page.get("Contents", ())
                if str(one["Key"]).endswith(".json")
            ]

        yield from self._asked("s3:ListBucket", listed)

    @cached_property
    def _aws(self) -> Aws:
        account, region = ambient()
        return Aws(AccountRegion(account, region))

    @property
    def _bucket(self) -> str:
        return self.place.removeprefix("s3://").partition("/")[0]

    @property
    def _prefix(self) -> str:
        prefix = self.place.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{prefix}/" if prefix else ""

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}

    def _asked(self, action: str, call: Callable[[S3Client], T]) -> T:
        client = self._aws.s3
        with calling(f"{action} in {self._bucket}"):
            try:
                return call(client)
            except ClientError as error:
                if code_of(error) != "NoSuchBucket":
                    raise
                raise ConfigError(
                    f"there is no bucket {self._bucket}",
                    cure=f"To make it   aws s3 mb s3://{self._bucket}",
                ) from error


_JSON: Any = {"ContentType": "application/json"}
