"""Route 53 with AWS's behaviour, on top of moto's zones.

moto stores the zones; only `change_batch` changes their record sets. Answers use the same lock as
the changes, so a list always shows the last batch (read-your-writes).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from botocore.model import OperationNotFoundError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.route53.models import RecordSet as MotoRecordSet
from moto.route53.responses import Route53

from deployer.sandbox.aws.api.errors import bad_batch, dns_error
from deployer.sandbox.aws.route53.change_batch import (
    BadRequest,
    BatchRefused,
    Key,
    RecordSet,
    apply_batch,
)
from deployer.sandbox.aws.route53.domain_names import list_key, normal_name
from deployer.sandbox.aws.state import cloud as clouds

PAGE = 300
_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class StrictRoute53(Route53):
    """moto's Route 53 with its change batches, lists and changes replaced."""

    def change_resource_record_sets(self) -> ActionResult:
        """Apply the whole batch or nothing, against the present records."""
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        changes = list(self._get_param("ChangeBatch.Changes") or [])
        if not changes:
            raise dns_error("InvalidInput", "The batch has no changes")
        before = read_zone(zone)
        try:
            after = apply_batch(normal_name(zone.name), before, changes)
        except BatchRefused as refused:
            raise bad_batch(refused.messages) from refused
        except BadRequest as wrong:
            raise dns_error("InvalidInput", str(wrong)) from wrong
        write_zone(zone, before, after)
        return ActionResult({"ChangeInfo": self._new_change()})

    def list_resource_record_sets(self) -> ActionResult:
        """At most 300 a page, in the order of the reversed labels."""
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        wanted = min(max(self._get_int_param("MaxItems", PAGE), 1), PAGE)
        start = self._start_key()
        every = sorted(zone.rrsets, key=_sort_key)
        found = [record for record in every if _sort_key(record) >= start]
        page, beyond = found[:wanted], found[wanted:]
        result: dict[str, Any] = {
            "ResourceRecordSets": page,
            "IsTruncated": bool(beyond),
            "MaxItems": str(wanted),
        }
        if beyond:
            result["NextRecordName"] = beyond[0].name
            result["NextRecordType"] = beyond[0].type
            result["NextRecordIdentifier"] = beyond[0].set_identifier
        return ActionResult(result)

    def create_hosted_zone(self) -> ActionResult:
        """Refuses a caller reference that was used before; moto does not."""
        reference = self._get_param("CallerReference")
        if any(z.caller_reference == reference for z in self.backend.zones.values()):
            text = f"A hosted zone was created with the caller reference {reference} before"
            raise dns_error("HostedZoneAlreadyExists", text)
        created = super().create_hosted_zone()
        answer: Any = created.result
        answer["ChangeInfo"] = self._new_change()
        zone = answer["HostedZone"]
        zone.name = normal_name(zone.name)
        zone.rrsets = [_to_moto(record) for record in read_zone(zone).values()]
        return created

    def get_change(self) -> ActionResult:
        """PENDING for a while, then INSYNC."""
        change_id = str(self._get_param("Id")).rsplit("/", 1)[-1]
        known = clouds.current().dns_changes.get(change_id)
        if known is None:
            raise dns_error("NoSuchChange", f"Could not find resource with ID: {change_id}")
        made, info = known
        synced = time.monotonic() - made >= clouds.current().options.insync_after
        return ActionResult({"ChangeInfo": {**info, "Status": "INSYNC" if synced else "PENDING"}})

    def test_dns_answer(self) -> ActionResult:
        """What a name server of the zone answers (Route 53 API, TestDNSAnswer)."""
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        name = normal_name(self._get_param("RecordName"))
        wanted = str(self._get_param("RecordType"))
        named = [one for one in read_zone(zone).values() if one.name == name]
        found = [value for one in named if one.type == wanted for value in one.values]
        return ActionResult(
            {
                "Nameserver": f"ns-1.{zone.name}",
                "RecordName": name,
                "RecordType": wanted,
                "RecordData": found,
                "ResponseCode": "NOERROR" if named else "NXDOMAIN",
                "Protocol": "UDP",
            }
        )

    def _new_change(self) -> dict[str, Any]:
        change_id = "C" + "".join(mock_random.choice(_ID_CHARS) for _ in range(20))
        info = {"Id": f"/change/{change_id}", "Status": "PENDING", "SubmittedAt": utcnow()}
        clouds.current().dns_changes[change_id] = (time.monotonic(), info)
        return info

    def _start_key(self) -> tuple[str, str, str]:
        name = self._get_param("StartRecordName")
        record_type = self._get_param("StartRecordType")
        identifier = self._get_param("StartRecordIdentifier")
        if (record_type and not name) or (identifier and not record_type):
            raise dns_error("InvalidInput", "The input is not valid")
        if not name:
            return ("", "", "")
        try:
            return (list_key(normal_name(name)), record_type or "", identifier or "")
        except ValueError as wrong:
            raise dns_error("InvalidInput", str(wrong)) from wrong

    def _dispatch(self, request: Any, full_url: str | None = None, headers: Any = None) -> Any:
        try:
            return super()._dispatch(request, full_url, headers)
        except OperationNotFoundError as unknown:
            raise NotImplementedError(str(unknown)) from unknown


def _sort_key(record: Any) -> tuple[str, str, str]:
    return (list_key(record.name), record.type, record.set_identifier or "")


def read_zone(zone: Any) -> dict[Key, RecordSet]:
    """The record sets of a moto zone, as values; each refers to its moto object."""
    records = (_from_moto(record) for record in zone.rrsets)
    return {record.key: record for record in records}


def write_zone(zone: Any, before: dict[Key, RecordSet], after: dict[Key, RecordSet]) -> None:
    """Store the records in moto's zone in one assignment; unchanged ones keep their objects."""
    kept = {_from_moto(record).key: record for record in zone.rrsets}
    zone.rrsets = [
        kept[key] if before.get(key) == record else _to_moto(record)
        for key, record in after.items()
    ]


def _from_moto(record: Any) -> RecordSet:
    return RecordSet(
        name=normal_name(record.name),
        type=record.type,
        ttl=None if record.ttl is None else int(record.ttl),
        values=tuple(_value(item) for item in record.records or ()),
        set_id=record.set_identifier or "",
        rest=getattr(record, "rest", ()),
    )


def _value(item: Any) -> str:
    """moto's own SOA record has a nested value that must be unwrapped."""
    return str(item["Value"]) if isinstance(item, dict) else str(item)


def _to_moto(record: RecordSet) -> Any:
    more = {key: _thawed(value) for key, value in record.rest}
    made: Any = MotoRecordSet(  # type: ignore[abstract]  # CloudFormation's, unused
        {
            "Name": record.name,
            "Type": record.type,
            "TTL": record.ttl,
            "ResourceRecords": list(record.values),
            "SetIdentifier": record.set_id or None,
            **more,
        }
    )
    made.rest = record.rest
    return made


def _thawed(value: Any) -> Any:
    return dict(_pairs(value)) if isinstance(value, tuple) else value


def _pairs(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    return ((key, _thawed(value)) for key, value in items)
