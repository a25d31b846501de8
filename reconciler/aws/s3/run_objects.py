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
from reconciler.aws.s3.folder import CONFLICT, S3Folder
from reconciler.errors import CloudError, ConfigError
from reconciler.model.tags import AccountRegion
from reconciler.ports.objects import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")


@dataclass(frozen=True)
class S3Objects:
    """A folder in a bucket: `place` is `s3://bucket/prefix`, asked with the own credentials."""

    place: str

    def put(self, key: str, body: bytes) -> str:
        answer = self._asked(
            "s3:PutObject", lambda s3: s3.put_object(**self._folder.at(key), Body=body, **_JSON)
        )
        return str(answer["ETag"])

    def put_first(self, key: str, body: bytes) -> bytes:
        def write(s3: S3Client) -> bytes | None:
            try:
                s3.put_object(**self._folder.at(key), Body=body, IfNoneMatch="*", **_JSON)
            except ClientError as error:
                if code_of(error) not in CONFLICT:
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

    def get(self, key: str) -> StoredObject | None:
        return self._asked("s3:GetObject", lambda s3: self._folder.read(s3, key))

    def versions(self, folder: str) -> Iterator[tuple[str, str]]:
        prefix = f"{self._folder.prefix}{folder}/" if folder else self._folder.prefix

        def listed(s3: S3Client) -> list[tuple[str, str]]:
            pages = s3.get_paginator("list_objects_v2")
            asked = pages.paginate(Bucket=self._folder.bucket, Prefix=prefix, Delimiter="/")
            return [
                (str(one["Key"])[len(self._folder.prefix) :], str(one["ETag"]))
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
    def _folder(self) -> S3Folder:
        return S3Folder(self.place)

    def _asked(self, action: str, call: Callable[[S3Client], T]) -> T:
        client = self._aws.s3
        with calling(f"{action} in {self._folder.bucket}"):
            try:
                return call(client)
            except ClientError as error:
                if code_of(error) != "NoSuchBucket":
                    raise
                raise ConfigError(
                    f"there is no bucket {self._folder.bucket}",
                    cure=f"To make it   aws s3 mb s3://{self._folder.bucket}",
                ) from error


_JSON: Any = {"ContentType": "application/json"}
