"""The journal in S3: small objects below a prefix, written with conditions only.

`If-None-Match: *` makes an object only where none is, `If-Match` replaces only the version that was
read: so a late or a second writer is refused (412) or told to try again (409), never merged. Each
request has one attempt and a short time: what runs beside a release must not wait for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from reconciler.aws.client.errors import calling, code_of
from reconciler.aws.s3.folder import CONFLICT, S3Folder
from reconciler.errors import ConfigError, SwapLost
from reconciler.ports.objects import StoredObject

if TYPE_CHECKING:
    from reconciler.aws.client.session import Aws

T = TypeVar("T")


@dataclass(frozen=True)
class S3Journal:
    """The store of one place, `s3://bucket/prefix`. The session is opened by the first request."""

    place: str
    open: Callable[[], Aws]

    def put(self, key: str, body: bytes, replaces: str | None) -> str:
        """Write the object on its condition; returns its ETag."""
        condition = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
        answer = self._asked(
            "s3:PutObject",
            lambda client: client.put_object(
                **self._folder.at(key),
                Body=body,
                ContentType="application/json",
                **condition,
            ),
        )
        return str(answer["ETag"])

    def get(self, key: str) -> StoredObject | None:
        """The object with its ETag; None if there is none."""
        return self._asked("s3:GetObject", lambda client: self._folder.read(client, key))

    def keys(self, service: str, after: str = "") -> Iterator[str]:
        """The keys of the service, as S3 lists them: in their order, a thousand a page."""
        first = f"{self._folder.prefix}{service}/"
        more: dict[str, str] = {"StartAfter": f"{first}{after}"} if after else {}
        while True:
            page = self._asked("s3:ListBucket", partial(self._page, first, more))
            for item in page.get("Contents", ()):
                yield str(item["Key"])[len(self._folder.prefix) :]
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, prefix: str, more: dict[str, str], client: Any) -> Any:
        return client.list_objects_v2(Bucket=self._folder.bucket, Prefix=prefix, **more)

    @property
    def _folder(self) -> S3Folder:
        return S3Folder(self.place)

    def _asked(self, action: str, call: Callable[[Any], T]) -> T:
        """Make one request. Raises SwapLost, AccessDenied, ConfigError, CloudError."""
        client = self.open().s3_quick
        with calling(action, mutating=action == "s3:PutObject"):
            try:
                return call(client)
            except ClientError as error:
                if code_of(error) in CONFLICT:
                    raise SwapLost(f"{action}: {self.place}: somebody else wrote it") from error
                if code_of(error) == "NoSuchBucket":
                    raise self._no_bucket() from error
                raise

    def _no_bucket(self) -> ConfigError:
        return ConfigError(
            f"journal: there is no bucket {self._folder.bucket}",
            cure=f"To make it            aws s3 mb s3://{self._folder.bucket}",
        )
