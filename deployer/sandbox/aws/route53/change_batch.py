"""Route 53's change batch: validated against the present records, then applied atomically. Pure.

moto checks a DELETE against the history of the zone and deletes by name alone, which makes a
compare-and-swap succeed where AWS refuses it; the ledger depends on this module. Sources:
ChangeResourceRecordSets; aws.md §4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.sandbox.aws.route53.domain_names import in_zone, normal_name
from deployer.sandbox.aws.route53.record_values import complaint

MAX_ELEMENTS = 1000
MAX_CHARACTERS = 32_000
MAX_TTL = 2_147_483_647
ROUTING = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer", "CidrRoutingConfig")
_WITH_OTHERS = "is not permitted as it conflicts with other records with the same DNS name in zone"
_OTHER_POLICY = "it conflicts with a set of another routing policy with the same name and type"
Key = tuple[str, str, str]


@dataclass(frozen=True)
class RecordSet:
    """One record set, its name normalised. `values` keep their order; `rest` is everything else."""

    name: str
    type: str
    ttl: int | None
    values: tuple[str, ...]
    set_id: str = ""
    rest: tuple[tuple[str, Any], ...] = ()

    @property
    def key(self) -> Key:
        return (self.name, self.type, self.set_id)

    def same_as(self, other: RecordSet) -> bool:
        """Equal in everything that a DELETE must repeat; values in any order."""
        mine, theirs = sorted(self.values), sorted(other.values)
        return (self.ttl, mine, self.rest) == (other.ttl, theirs, other.rest)


Records = Mapping[Key, RecordSet]


class BatchRefused(Exception):
    """The batch is refused; `messages` give the reasons, one for each problem."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


class BadRequest(Exception):
    """A change that is invalid on its own (InvalidInput)."""


def parse_record(data: Mapping[str, Any]) -> RecordSet:
    """A record set from the request's form.

    Raises:
        BadRequest: name or type missing, or neither values nor an alias.
    """
    try:
        name = normal_name(str(data["Name"]))
        record_type = str(data["Type"])
    except (KeyError, ValueError) as wrong:
        raise BadRequest(f"Invalid request: {wrong}") from wrong
    values = tuple(str(item["Value"]) for item in data.get("ResourceRecords") or ())
    ttl = int(data["TTL"]) if data.get("TTL") is not None else None
    known = {"Name", "Type", "TTL", "ResourceRecords", "SetIdentifier"}
    rest = tuple(
        sorted((k, _plain(v)) for k, v in data.items() if k not in known and v is not None)
    )
    return RecordSet(name, record_type, ttl, values, str(data.get("SetIdentifier") or ""), rest)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _plain(item)) for key, item in value.items()))
    return value


def check_size(changes: Iterable[Mapping[str, Any]]) -> None:
    """At most 1,000 values and 32,000 characters; an UPSERT counts twice.

    Raises:
        BatchRefused: too large.
    """
    elements = characters = 0
    for change in changes:
        weight = 2 if change["Action"] == "UPSERT" else 1
        for item in change["ResourceRecordSet"].get("ResourceRecords") or ():
            elements += weight
            characters += weight * len(item["Value"])
    if elements > MAX_ELEMENTS:
        raise BatchRefused([f"Number of records limit of {MAX_ELEMENTS} exceeded."])
    if characters > MAX_CHARACTERS:
        raise BatchRefused([f"Number of characters limit of {MAX_CHARACTERS} exceeded."])


def apply_batch(
    zone: str, records: Records, changes: list[Mapping[str, Any]]
) -> dict[Key, RecordSet]:
    """The zone's records after the batch; the given ones are not changed.

    Raises:
        BatchRefused: a change does not fit the present records, or its record is invalid.
        BadRequest: a change is invalid on its own.
    """
    check_size(changes)
    after = dict(records)
    messages: list[str] = []
    for change in changes:
        record = parse_record(change["ResourceRecordSet"])
        messages += _apply(zone, after, str(change["Action"]), record)
    if messages:
        raise BatchRefused(messages)
    return after


def _apply(zone: str, after: dict[Key, RecordSet], action: str, record: RecordSet) -> list[str]:
    if action not in ("CREATE", "DELETE", "UPSERT"):
        raise BadRequest(f"Value '{action}' is not in the enumeration [CREATE, DELETE, UPSERT]")
    _check_form(action, record)
    if not in_zone(record.name, zone):
        return [f"RRSet with DNS name {record.name} is not permitted in zone {zone}"]
    if action == "DELETE":
        return _delete(zone, after, record)
    found = _bad_values(record) or _conflicts(zone, after, record)
    if action == "CREATE" and record.key in after:
        found = [f"Tried to create resource record set {_shown(record)} but it already exists"]
    if not found:
        after[record.key] = record
    return found


def _check_form(action: str, record: RecordSet) -> None:
    keys = {key for key, _ in record.rest}
    alias = "AliasTarget" in keys
    if alias == (bool(record.values) and record.ttl is not None) or (alias and record.values):
        raise BadRequest(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and "
            "ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with "
            f"[Action={action}, Name={record.name}, Type={record.type}, "
            f"SetIdentifier={record.set_id or 'null'}]"
        )
    routing = keys.intersection(ROUTING)
    if bool(record.set_id) != (len(routing) == 1):
        raise BadRequest(
            f"Invalid request: Expected exactly one of [{', '.join(ROUTING)}] together with "
            f"SetIdentifier in Change with [Action={action}, Name={record.name}]"
        )


def _delete(zone: str, after: dict[Key, RecordSet], record: RecordSet) -> list[str]:
    present = after.get(record.key)
    what = f"Tried to delete resource record set {_shown(record)}"
    if present is None:
        return [f"{what} but it was not found"]
    if not present.same_as(record):
        return [f"{what} but the values provided do not match the current values"]
    if record.name == zone and record.type in ("SOA", "NS"):
        return [f"A HostedZone must contain at least one {record.type} record for the zone itself."]
    del after[record.key]
    return []


def _shown(record: RecordSet) -> str:
    identifier = f", set identifier='{record.set_id}'" if record.set_id else ""
    return f"[name='{record.name}', type='{record.type}'{identifier}]"


def _bad_values(record: RecordSet) -> list[str]:
    found = [text for value in record.values if (text := complaint(record.type, value))]
    if len(set(record.values)) < len(record.values):
        found.append("Duplicate Resource Record: a value is given more than once")
    if record.ttl is not None and not 0 <= record.ttl <= MAX_TTL:
        found.append(f"Invalid TTL {record.ttl} for {record.name}")
    if record.type == "CNAME" and len(record.values) > 1:
        found.append(f"CNAME {record.name} must have exactly one value")
    weight = dict(record.rest).get("Weight")
    if weight is not None and not 0 <= int(weight) <= 255:
        found.append(f"Invalid weight {weight} for {record.name}: 0 to 255")
    return found


def _conflicts(zone: str, after: Records, record: RecordSet) -> list[str]:
    if record.type == "CNAME" and record.name == zone:
        return [f"RRSet of type CNAME with DNS name {record.name} is not permitted at apex"]
    for other in after.values():
        if other.name != record.name or other.key == record.key:
            continue
        if "CNAME" in (record.type, other.type) and record.type != other.type:
            return [
                f"RRSet of type {record.type} with DNS name {record.name} {_WITH_OTHERS} {zone}"
            ]
        if record.type == other.type and _routing(record) != _routing(other):
            return [f"RRSet {_shown(record)} cannot be created: {_OTHER_POLICY}"]
    return []


def _routing(record: RecordSet) -> str:
    return next((key for key, _ in record.rest if key in ROUTING), "")
