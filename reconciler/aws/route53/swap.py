"""Compare-and-swap: DELETE exactly what was read and CREATE the new value, in one change batch.

AWS validates a batch and makes all or none of its changes; a DELETE must match the current values
exactly and a CREATE fails if the record exists (aws.md §4). UPSERT checks nothing and is never
used. There are three results: done; refused (then another client may have been first, or an earlier
request of ours whose reply was lost); or no answer. The last two are resolved by reading the
current value (protocol.md, rule 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.aws.client.answer_date import date_or_none
from reconciler.aws.client.compare_and_swap import CompareAndSwap, Undecided
from reconciler.aws.client.errors import calling
from reconciler.aws.route53.zone_reader import Records, ZoneReader
from reconciler.errors import (
    AccessDenied,
    CloudError,
    CloudUnclear,
    SwapLost,
)
from reconciler.model.ledger import Ledger
from reconciler.model.reading import ARecord, Reading, encoded

if TYPE_CHECKING:
    from mypy_boto3_route53.type_defs import ChangeTypeDef as Change
    from mypy_boto3_route53.type_defs import ResourceRecordSetUnionTypeDef as RecordSet

NEW_A_TTL = 60
REFUSALS = 3
"""Refusals before giving up, if everything that the batch deletes still exists."""


@dataclass
class Swap(CompareAndSwap):
    """The swap of a record set, with the A records that change in the same batch."""

    point_at: tuple[str, ...] | None = None
    _refused: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._wanted = _wanted(self.seen, self.new, self.point_at)
        self._changes = changes(self.seen, self._wanted, point=self.point_at is not None)

    def attempt(self) -> Reading:
        try:
            return self._send()
        except CloudUnclear as error:
            self.unclear = True
            return self._settle(error)
        except CloudError as error:
            if error.code != "InvalidChangeBatch":
                raise
            self._refused += 1
            return self._settle(error)

    def _send(self) -> Reading:
        client = self.aws.route53_once
        with calling("route53:ChangeResourceRecordSets", mutating=True):
            answer = client.change_resource_record_sets(
                HostedZoneId=self.seen.address.zone_id, ChangeBatch={"Changes": self._changes}
            )
        return replace(self._wanted, now=date_or_none(answer) or self.seen.now)

    def _settle(self, why: CloudError) -> Reading:
        """Read the current value. New: done. Old: send again. Any other: lost."""
        records, names = self._read_back(why)
        stands = _single(records, "TXT")
        if stands == _txt(self._wanted):
            return replace(self._wanted, now=records.now)
        if stands != _txt(self.seen):
            raise SwapLost(f"{self.name} has been changed by somebody else") from why
        if not self.unclear:
            self._give_up(names, why)
        raise Undecided(why.message, code=why.code) from why

    def _give_up(self, names: Mapping[str, Records], why: CloudError) -> None:
        """Raise if a repeat is useless. Call only while no request of ours is unanswered."""
        for name, was in self._moving.items():
            if _single(names[name], "A") != _a(was):
                raise SwapLost(f"the A record {name} has been changed by somebody else") from why
        if self._refused >= REFUSALS:
            raise CloudError(why.message, code=why.code) from why

    @property
    def _moving(self) -> Mapping[str, ARecord | None]:
        """The names that this batch changes, with the records that were read there."""
        return moving(self.seen) if self.point_at is not None else {}

    def _read_back(self, why: CloudError) -> tuple[Records, Mapping[str, Records]]:
        address = self.seen.address
        reader = ZoneReader(self.aws.route53, address.zone_id)
        try:
            return reader.at(address.name), {name: reader.at(name) for name in self._moving}
        except (CloudError, AccessDenied) as error:
            raise self.unreadable(error) from why


def moving(seen: Reading) -> Mapping[str, ARecord | None]:
    """The record, and the `also` names that change with it: those with the same addresses.

    A name that a person pointed elsewhere is not moved back (rule 11).
    """
    at = seen.a.addresses if seen.a else ()
    along = {name: a for name, a in seen.also if (a.addresses if a else ()) == at}
    return {seen.address.record: seen.a, **along}


def changes(seen: Reading, wanted: Reading, *, point: bool) -> list[Change]:
    """The batch. It includes an unchanged A record, so that the batch fails if that was moved."""
    batch: list[Change] = []
    if seen.text:
        batch.append({"Action": "DELETE", "ResourceRecordSet": _txt_set(seen)})
    batch.append({"Action": "CREATE", "ResourceRecordSet": _txt_set(wanted)})
    after = {wanted.address.record: wanted.a, **dict(wanted.also)}
    for name, was in moving(seen).items() if point else ():
        if was is not None:
            batch.append({"Action": "DELETE", "ResourceRecordSet": _a_set(name, was)})
        now = after[name]
        if now is not None:
            batch.append({"Action": "CREATE", "ResourceRecordSet": _a_set(name, now)})
    return batch


def _wanted(seen: Reading, new: Ledger, point_at: tuple[str, ...] | None) -> Reading:
    if point_at is not None and not point_at:
        raise ValueError("an A record without addresses: the name would vanish")
    text = encoded(new)
    if not point_at:
        return replace(seen, ledger=new, text=text)
    at = tuple(sorted(point_at))
    along = moving(seen)
    also = tuple((name, _repointed(was, at) if name in along else was) for name, was in seen.also)
    return replace(seen, ledger=new, text=text, a=_repointed(seen.a, at), also=also)


def _repointed(was: ARecord | None, at: tuple[str, ...]) -> ARecord:
    return ARecord(was.ttl if was else NEW_A_TTL, at)


Standing = tuple[int, tuple[str, ...]] | None
"""TTL and values of a record set; None for none."""


def _single(records: Records, kind: str) -> Standing:
    """The current value; for a routed record, a value that equals nothing we wrote."""
    sets = [one for one in records.sets if one["Type"] == kind]
    if not sets:
        return None
    if len(sets) > 1 or "SetIdentifier" in sets[0] or "TTL" not in sets[0]:
        return (-1, ())
    values = sorted(value["Value"] for value in sets[0].get("ResourceRecords", []))
    return (sets[0]["TTL"], tuple(values))


def _txt(reading: Reading) -> Standing:
    return (reading.ttl, (reading.text,)) if reading.text else None


def _a(record: ARecord | None) -> Standing:
    return (record.ttl, record.addresses) if record else None


def _txt_set(reading: Reading) -> RecordSet:
    return {
        "Name": f"{reading.address.name}.",
        "Type": "TXT",
        "TTL": reading.ttl,
        "ResourceRecords": [{"Value": reading.text}],
    }


def _a_set(name: str, a: ARecord) -> RecordSet:
    return {
        "Name": f"{name}.",
        "Type": "A",
        "TTL": a.ttl,
        "ResourceRecords": [{"Value": address} for address in a.addresses],
    }
