"""Ledgers in S3: one small object a service, the strings of its text a line each (docs/adr/0025).

The A record is another service's, so none is read or changed here: traffic follows the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.aws.client.retry import AWS_BACKOFF
from reconciler.aws.client.session import Aws
from reconciler.aws.s3.lines import as_lines, from_lines
from reconciler.aws.s3.objects import Bucket, Stored
from reconciler.aws.s3.swap import ObjectSwap
from reconciler.errors import AccessDenied, CloudError, LedgerUnknown, ToolError
from reconciler.model.deploy_id import valid_service
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_home import own_ledger
from reconciler.model.reading import LedgerAddress, Listing, Reading, Readings, unreadable
from reconciler.util.backoff import Backoff


@dataclass(frozen=True)
class S3Ledgers:
    """`LedgerStore` on the buckets of one account, for traffic that is not the A record."""

    aws: Aws
    backoff: Backoff = AWS_BACKOFF

    def elsewhere(self, address: LedgerAddress) -> Mapping[str, tuple[str, ...]]:
        """Nothing: it is in no zone."""
        del address
        return {}

    def names(self, address: LedgerAddress) -> Listing:
        """Nothing: it watches no zone."""
        del address
        return Listing({})

    def read(self, address: LedgerAddress) -> Reading:
        stored = self._get(address)
        if stored.deleted:
            raise _deleted(address)
        reading = _reading(address, stored)
        if stored.lines is not None and as_lines(reading.text) != stored.lines:
            raise unreadable(address, "it is not a line for each string")
        return replace(reading, ledger=own_ledger(address, reading.text))

    def raw(self, address: LedgerAddress) -> Reading:
        return _reading(address, self._get(address))

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        """One call each. A bucket that does not answer is not asked again for each service."""
        found: dict[LedgerAddress, Reading | ToolError] = {}
        broken: dict[str, ToolError] = {}
        for one in addresses:
            try:
                found[one] = broken.get(one.bucket) or self.read(one)
            except CloudError as error:
                found[one] = broken[one.bucket] = error
            except (LedgerUnknown, AccessDenied) as error:
                found[one] = error
        return Readings(found, len(found))

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        """The ledgers in the same folder."""
        bucket = Bucket(self.aws, address.bucket)
        others = [key for key in bucket.beside(address.key) if key != address.key]
        folder = address.name.rpartition("/")[0]
        names = {key.rpartition("/")[2]: key for key in others}
        found = {name: bucket.get(key).lines for name, key in names.items() if valid_service(name)}
        return {f"{folder}/{name}": from_lines(lines) for name, lines in found.items() if lines}

    def kept_where(self, address: LedgerAddress) -> str:
        """A bucket that keeps versions: what somebody deletes there can be brought back."""
        bucket = Bucket(self.aws, address.bucket)
        region = bucket.region()
        if not bucket.versioned():
            raise ToolError(
                f"bucket {bucket.name} keeps no versions: a ledger that is deleted there is gone",
                cure=f"aws s3api put-bucket-versioning --bucket {bucket.name} "
                "--versioning-configuration Status=Enabled",
            )
        return f"bucket {bucket.name} in {region}, which keeps versions"

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        if point_at is not None:
            raise ValueError("a ledger in S3 cannot change an A record in the same batch")
        return ObjectSwap(self.aws, self.backoff, seen, new).run()

    def _get(self, address: LedgerAddress) -> Stored:
        return Bucket(self.aws, address.bucket).get(address.key)


def _reading(address: LedgerAddress, stored: Stored) -> Reading:
    text = "" if stored.lines is None else from_lines(stored.lines)
    return Reading(address, stored.now, text=text, version=stored.etag)


def _deleted(address: LedgerAddress) -> LedgerUnknown:
    """A delete marker looks like nothing, and somebody made it."""
    return LedgerUnknown(
        f"{address.name} was deleted by somebody: it is unknown, not empty",
        cure=(
            "To bring the last version back, delete the mark of the deletion (IsLatest):\n"
            f"aws s3api list-object-versions --bucket {address.bucket} --prefix {address.key}\n"
            f"aws s3api delete-object --bucket {address.bucket} --key {address.key} "
            "--version-id THE-MARK\n"
            f"To write it anew      deployer recover {address.service}"
        ),
    )
