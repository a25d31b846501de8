"""A folder of small objects in a bucket, which a configuration names as `s3://bucket/prefix`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from reconciler.aws.client.errors import code_of
from reconciler.ports.objects import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONFLICT = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""How a conditional write is refused: 412, and 409 where another one is under way."""

_MISSING = frozenset({"NoSuchKey", "404"})


class ObjectLocation(TypedDict):
    """Where an object is, as S3's requests name it."""

    Bucket: str
    Key: str


@dataclass(frozen=True)
class S3Folder:
    """The folder of one place."""

    place: str

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self.place.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What every key begins with: it ends with a slash, or is ''."""
        prefix = self.place.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{prefix}/" if prefix else ""

    def at(self, key: str) -> ObjectLocation:
        """Where the object of this key is."""
        return {"Bucket": self.bucket, "Key": f"{self.prefix}{key}"}

    def read(self, client: S3Client, key: str) -> StoredObject | None:
        """The object with its ETag; None if there is none. Raises ClientError."""
        try:
            answer = client.get_object(**self.at(key))
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise
        return StoredObject(answer["Body"].read(), str(answer["ETag"]))
