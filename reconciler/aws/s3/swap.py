"""Compare-and-swap of an object: a write that S3 carries out only on what was read.

`If-Match` with the ETag that was read, or `If-None-Match: *` where nothing was. A write gets one
attempt: botocore's own repeat after a lost reply would hear 412 of our own first write. What became
of it is answered by reading (protocol.md, rule 4). The ETag is of the content; since every text
has a generation that never recurs, an earlier ETag never comes back either, and a text that equals
ours is the ledger that we wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.aws.client.compare_and_swap import CompareAndSwap, Undecided
from reconciler.aws.s3.lines import as_lines, from_lines
from reconciler.aws.s3.objects import REFUSED, Bucket, Stored
from reconciler.errors import AccessDenied, CloudError, CloudUnclear, SwapLost
from reconciler.model.ledger_codec import LedgerTextError, decode
from reconciler.model.reading import Reading, encoded


@dataclass
class ObjectSwap(CompareAndSwap):
    """The swap of an object."""

    def __post_init__(self) -> None:
        self._wanted = replace(self.seen, ledger=self.new, text=encoded(self.new))
        self._bucket = Bucket(self.aws, self.seen.address.bucket)

    def attempt(self) -> Reading:
        key, lines = self.seen.address.key, as_lines(self._wanted.text)
        try:
            etag, now = self._bucket.put(key, lines, self.seen.version)
        except CloudUnclear as error:
            self.unclear = True
            return self._settle(error)
        except CloudError as error:
            if error.code not in REFUSED:
                raise
            return self._settle(error)
        return replace(self._wanted, now=now or self.seen.now, version=etag)

    def _settle(self, why: CloudError) -> Reading:
        """Read the current object. New: done. Old: send again. Any other: lost."""
        stored = self._read_back(why)
        if stored.lines == as_lines(self._wanted.text):
            return replace(self._wanted, now=stored.now, version=stored.etag)
        if stored.etag != self.seen.version:
            raise SwapLost(f"{self.name} {_changed(stored)}") from why
        raise Undecided(why.message, code=why.code) from why

    def _read_back(self, why: CloudError) -> Stored:
        try:
            return self._bucket.get(self.seen.address.key)
        except (CloudError, AccessDenied) as error:
            raise self.unreadable(error) from why


def _changed(stored: Stored) -> str:
    """By whom, as far as the text tells."""
    if stored.lines is None:
        return "was deleted by somebody"
    try:
        ledger = decode(from_lines(stored.lines))
    except LedgerTextError:
        return "has been changed by somebody else, and is no ledger any more"
    holder = ledger.lease or ledger.live
    who = f", which names {holder.id}" if holder else ""
    return f"has been changed by somebody else: it is at generation {ledger.gen}{who}"
