"""An A record and its claim, read and changed together: one batch, both or neither.

Each change deletes exactly what was read and creates what is wanted (aws.md §4). Since no claim
recurs, a change that was decided on an older claim is refused, however late it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

from reconciler.aws.client.compare_and_swap import Undecided
from reconciler.aws.client.errors import calling
from reconciler.aws.client.retry import AWS_BACKOFF, throttled
from reconciler.aws.client.session import Aws
from reconciler.aws.route53.ledger_store import simple_a
from reconciler.aws.route53.zone_reader import Records, ZoneReader
from reconciler.errors import CloudError, CloudUnclear, LedgerUnknown, SwapLost
from reconciler.model.reading import ARecord, LedgerAddress
from reconciler.traffic.record_claim import RecordClaim, claim_name
from reconciler.util.backoff import Backoff

if TYPE_CHECKING:
    from mypy_boto3_route53.type_defs import ChangeTypeDef as Change

CLAIM_TTL = 60
_LOOKS = 4


@dataclass(frozen=True)
class RecordState:
    """What stands there: the A record, and the text of its claim; '' for none.

    `odd` says why the two cannot be changed.
    """

    a: ARecord | None = None
    text: str = ""
    odd: str = ""

    @property
    def claim(self) -> RecordClaim | None:
        """The claim; None if there is none, or no readable one (`odd` says so)."""
        try:
            return RecordClaim.parse(self.text) if self.text else None
        except ValueError:
            return None


@dataclass(frozen=True)
class ClaimedRecord:
    """The record of `place`, a name in a hosted zone."""

    aws: Aws
    place: LedgerAddress
    backoff: Backoff = field(default=AWS_BACKOFF)

    @property
    def id(self) -> str:
        """The route's name in a ledger: `Z0123456789/shop.example.com`."""
        return f"{self.place.zone_id}/{self.place.record}"

    def read(self) -> RecordState:
        """Record and claim of one moment. Raises CloudError, AccessDenied.

        Two pages are of two moments: then both are read again, until they say the same twice.
        """
        last: RecordState | None = None
        for _ in range(_LOOKS):
            reader = ZoneReader(self.aws.route53, self.place.zone_id)
            record = reader.at(self.place.record)
            claim = reader.at(claim_name(self.place.record))
            found = self._state(record, claim)
            if record.page == claim.page or found == last:
                return found
            last = found
        raise CloudError(f"{self.place.record} changes faster than it can be read")

    def _state(self, record: Records, claim: Records) -> RecordState:
        try:
            a = simple_a(self.place.record, self.place.zone, record)
        except LedgerUnknown as error:
            return RecordState(odd=error.message)
        text, strange = _claim_text(claim)
        state = RecordState(a, text, strange)
        if text and state.claim is None:
            return RecordState(a, text, f"has a claim that cannot be read: {text}")
        return state

    def swap(self, seen: RecordState, at: tuple[str, ...], claim: RecordClaim) -> None:
        """Point the record to `at`, and write the claim, if both are as they were seen.

        A lost reply is answered by reading. Raises SwapLost, CloudError, AccessDenied.
        """
        if seen.a is None or seen.odd:
            raise CloudError(f"{self.place.record} {seen.odd or 'has no A record'}")
        wanted = RecordState(ARecord(seen.a.ttl, tuple(sorted(at))), claim.text)
        self.backoff.retry(
            partial(self._attempt, seen, wanted),
            lambda error: isinstance(error, Undecided) or throttled(error),
        )

    def _attempt(self, seen: RecordState, wanted: RecordState) -> None:
        try:
            with calling("route53:ChangeResourceRecordSets", mutating=True):
                self.aws.route53_once.change_resource_record_sets(
                    HostedZoneId=self.place.zone_id,
                    ChangeBatch={"Changes": self._changes(seen, wanted)},
                )
        except CloudUnclear as error:
            self._settle(seen, wanted, error)
        except CloudError as error:
            if error.code != "InvalidChangeBatch":
                raise
            self._settle(seen, wanted, error)

    def _settle(self, seen: RecordState, wanted: RecordState, why: CloudError) -> None:
        """What stands there now says what became of the change."""
        found = self.read()
        if found == wanted:
            return
        if found != seen:
            raise SwapLost(f"{self.place.record} has been changed by somebody else") from why
        raise Undecided(why.message, code=why.code) from why

    def _changes(self, seen: RecordState, wanted: RecordState) -> list[Change]:
        return [
            *self._each("DELETE", seen),
            *self._each("CREATE", wanted),
        ]

    def _each(self, action: str, state: RecordState) -> list[Change]:
        record, ttl = self.place.record, state.a.ttl if state.a else 0
        addresses = state.a.addresses if state.a else ()
        found = [_change(action, record, "A", ttl, addresses)]
        if state.text:
            name = claim_name(record)
            found.append(_change(action, name, "TXT", CLAIM_TTL, (state.text,)))
        return found


def _change(action: str, name: str, kind: str, ttl: int, values: tuple[str, ...]) -> Change:
    records = [{"Value": value} for value in values]
    record_set = {"Name": f"{name}.", "Type": kind, "TTL": ttl, "ResourceRecords": records}
    return cast("Change", {"Action": action, "ResourceRecordSet": record_set})


def _claim_text(records: Records) -> tuple[str, str]:
    """The one value of the claim, and why it cannot be changed; two times '' for no claim."""
    sets = [one for one in records.sets if one["Type"] in ("TXT", "CNAME")]
    if not sets:
        return "", ""
    values = [value["Value"] for value in sets[0].get("ResourceRecords", [])]
    simple = len(sets) == 1 and sets[0]["Type"] == "TXT" and "SetIdentifier" not in sets[0]
    if not simple or len(values) != 1 or sets[0].get("TTL") != CLAIM_TTL:
        return "", "has a claim that is no simple TXT record"
    return values[0], ""
