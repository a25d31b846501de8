"""A Route 53 in memory that keeps AWS's word on change batches, and has bad days on request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from reconciler.model.deploy_id import DeployId
from reconciler.model.reading import LedgerAddress
from reconciler.model.tags import AccountRegion

ZONE = "Z123"
ADDRESS = LedgerAddress("shop", ZONE, "example.com", "shop.example.com")
NOW = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 03:15:02 GMT"

Answer = dict[str, Any]
Fault = Callable[["FakeRoute53", Callable[[], Answer]], Answer]


def an_id(suffix: str = "7kq2m", minutes: int = 0) -> DeployId:
    """A deploy-id of the service `shop`."""
    return DeployId("shop", NOW + timedelta(minutes=minutes), suffix)


def client_error(code: str, status: int = 400, message: str = "no") -> ClientError:
    """AWS's answer with an error."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        "Operation",
    )


class FakeRoute53:
    """One zone that keeps AWS's word on change batches; `faults` strike one change call each."""

    def __init__(self) -> None:
        self.sets: dict[tuple[str, str, str], Answer] = {}
        self.faults: list[Fault] = []
        self.batches: list[list[Answer]] = []
        self.zones: dict[str, str] = {}
        self.reads = 0
        self.page = 300
        self.before_read: Callable[[int], None] = lambda _: None
        self.late: list[Callable[[], Answer]] = []

    def put(self, name: str, kind: str, *values: str, ttl: int = 60, **more: Any) -> None:
        """Make a record set stand there, whatever stood there before."""
        records = [{"Value": one} for one in values]
        entry = {"Name": f"{name}.", "Type": kind, "TTL": ttl, "ResourceRecords": records, **more}
        self.sets[name, kind, str(more.get("SetIdentifier", ""))] = entry

    def value(self, name: str, kind: str) -> list[str]:
        """The values that stand there."""
        return [one["Value"] for one in self.sets[name, kind, ""]["ResourceRecords"]]

    def get_paginator(self, _: str) -> FakeRoute53:
        """Of list_hosted_zones, the only one used."""
        return self

    def paginate(self) -> list[Answer]:
        """One page."""
        zones = [{"Id": f"/hostedzone/{key}", "Name": f"{n}."} for key, n in self.zones.items()]
        return [{"HostedZones": zones}]

    def list_resource_record_sets(self, **request: str) -> Answer:
        """As boto3 answers it."""
        self.reads += 1
        self.before_read(self.reads)
        start = (_order(request["StartRecordName"]), request.get("StartRecordType", ""))
        found = [one for one in self._sorted() if (_order(one["Name"]), one["Type"]) >= start]
        size = min(self.page, int(request["MaxItems"]))
        page, rest = found[:size], found[size:]
        following = {f"NextRecord{key}": rest[0][key] for key in ("Name", "Type")} if rest else {}
        return {
            "ResourceRecordSets": page,
            "IsTruncated": bool(rest),
            **following,
            "ResponseMetadata": {"HTTPHeaders": {"date": DATE}},
        }

    def change_resource_record_sets(self, **request: Any) -> Answer:
        """As boto3 answers it; the next fault strikes."""
        batch: list[Answer] = request["ChangeBatch"]["Changes"]
        self.batches.append(batch)

        def apply() -> Answer:
            self._apply(batch)
            return {"ResponseMetadata": {"HTTPHeaders": {"date": DATE}}}

        return self.faults.pop(0)(self, apply) if self.faults else apply()

    def _apply(self, batch: list[Answer]) -> None:
        after = dict(self.sets)
        for change in batch:
            one = change["ResourceRecordSet"]
            key = (one["Name"].removesuffix("."), one["Type"], "")
            if change["Action"] == "DELETE":
                if key not in after or _exact(after[key]) != _exact(one):
                    raise client_error("InvalidChangeBatch", message="values do not match")
                del after[key]
            elif change["Action"] == "CREATE":
                if any(known[:2] == key[:2] for known in after):
                    raise client_error("InvalidChangeBatch", message="already exists")
                after[key] = one
            else:
                raise AssertionError(f"{change['Action']} is never used")
        self.sets = after

    def _sorted(self) -> list[Answer]:
        return sorted(self.sets.values(), key=lambda one: (_order(one["Name"]), one["Type"]))


def _order(name: str) -> list[str]:
    return name.removesuffix(".").split(".")[::-1]


def _exact(one: Answer) -> tuple[int, list[str]]:
    return one["TTL"], sorted(value["Value"] for value in one["ResourceRecords"])


def lost() -> ConnectionClosedError:
    """A connection that closed without an answer."""
    return ConnectionClosedError(endpoint_url="http://127.0.0.1")


def done_but_lost(_: FakeRoute53, apply: Callable[[], Answer]) -> Answer:
    """The change is made, its answer lost."""
    apply()
    raise lost()


def never_arrived(_: FakeRoute53, __: Callable[[], Answer]) -> Answer:
    """The connection breaks before the request is read."""
    raise lost()


def arrives_late(fake: FakeRoute53, apply: Callable[[], Answer]) -> Answer:
    """No answer now; whoever runs `fake.late` lets the request arrive."""
    fake.late.append(apply)
    raise lost()


def answers(code: str, status: int = 400) -> Fault:
    """AWS refuses with `code`; nothing is done."""

    def refuse(_: FakeRoute53, __: Callable[[], Answer]) -> Answer:
        raise client_error(code, status)

    return refuse


class FakeAws:
    """As much of `reconciler.aws.client.session.Aws` as the ledgers use."""

    place = AccountRegion("123456789012", "eu-west-1")

    def __init__(self, route53: FakeRoute53) -> None:
        self.route53 = _Repeating(route53)
        self.route53_once = route53


class _Repeating:
    """The client for reads: botocore repeats its requests, so no change goes through it."""

    def __init__(self, route53: FakeRoute53) -> None:
        self._route53 = route53

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("change_"):
            raise AssertionError(f"{operation} might be sent twice")
        return getattr(self._route53, operation)
