"""Reads record sets of hosted zones with few calls; never treats unread as absent.

ListResourceRecordSets returns the most current version, PENDING included, up to 300 sets from a
name on (aws.md §4); an account has only five calls a second. So every name that is complete in a
page is cached. A name counts as having no records only if a page was requested to start there: this
needs no assumption about the order of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reconciler.aws.client.answer_date import answer_date
from reconciler.aws.client.errors import calling
from reconciler.model.reading import Listing

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import ListResourceRecordSetsResponseTypeDef as ListOutput
    from mypy_boto3_route53.type_defs import ResourceRecordSetOutputTypeDef as RecordSet

PAGE = "300"
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Records:
    """All record sets of one name; `now` is the Date of their answer, `page` its number."""

    sets: tuple[RecordSet, ...]
    now: datetime
    page: int


@dataclass
class ZoneReader:
    """One read of a zone: create a new reader for every read."""

    client: Route53Client
    zone_id: str
    calls: int = 0
    _known: dict[str, Records] = field(default_factory=dict)

    def at(self, name: str) -> Records:
        """The record sets of `name`, perhaps none. Raises CloudError, AccessDenied."""
        wanted = plain(name)
        if wanted not in self._known:
            self._fetch(wanted)
        return self._known[wanted]

    def below(self, name: str) -> tuple[RecordSet, ...]:
        """Every record set below `name`. Names are sorted by their reversed labels."""
        suffix = f".{plain(name)}"
        answer = self._list({"StartRecordName": plain(name)})
        found = list(answer["ResourceRecordSets"])
        while f".{plain(answer.get('NextRecordName', ''))}".endswith(suffix):  # at or below `name`
            answer = self._list(_next(answer))
            found += answer["ResourceRecordSets"]
        return tuple(one for one in found if plain(one["Name"]).endswith(suffix))

    def _fetch(self, wanted: str) -> None:
        answer = self._list({"StartRecordName": wanted})
        now, sets = answer_date(answer), answer["ResourceRecordSets"]
        while answer.get("NextRecordName") and plain(answer["NextRecordName"]) == wanted:
            answer = self._list(_next(answer))
            more = answer["ResourceRecordSets"]  # read later: keep the name's own sets only
            sets = sets + [one for one in more if plain(one["Name"]) == wanted]
        groups = {
            name: Records(tuple(of_name), now, self.calls)
            for name, of_name in groupby(sets, lambda one: plain(one["Name"]))
        }
        following = plain(answer.get("NextRecordName", ""))
        groups.pop(following, None)  # continues after the end of the page
        self._known = {wanted: Records((), now, self.calls), **self._known, **groups}

    def _list(self, start: dict[str, Any]) -> ListOutput:
        self.calls += 1
        with calling("route53:ListResourceRecordSets"):
            return self.client.list_resource_record_sets(
                HostedZoneId=self.zone_id, MaxItems=PAGE, **start
            )


class ZoneReaders:
    """One read of several zones: a reader each, and the calls of all of them."""

    def __init__(self, client: Route53Client) -> None:
        self._client = client
        self._now: dict[str, ZoneReader] = {}
        self._every: list[ZoneReader] = []

    def of(self, zone_id: str) -> ZoneReader:
        """The zone's reader."""
        return self._now.get(zone_id) or self.fresh(zone_id)

    def fresh(self, zone_id: str) -> ZoneReader:
        """A new reader without a cache; from now on it is the zone's reader."""
        made = self._now[zone_id] = ZoneReader(self._client, zone_id)
        self._every.append(made)
        return made

    @property
    def calls(self) -> int:
        """How many pages were requested."""
        return sum(one.calls for one in self._every)


def _next(answer: ListOutput) -> dict[str, Any]:
    keys = ("NextRecordName", "NextRecordType", "NextRecordIdentifier")
    found: dict[str, Any] = dict(answer)
    return {key.replace("Next", "Start"): found[key] for key in keys if found.get(key)}


def plain(name: str) -> str:
    r"""Normalise a name: lower case, octal escapes (`\052` for `*`) decoded, no last dot."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), name).lower().removesuffix(".")


def list_names(client: Route53Client, zone_ids: Sequence[str]) -> Listing:
    """Every A record of the zones: the names that direct clients (protocol.md, rule 13).

    Includes weighted records and records of a set: they direct some clients. An alias or a CNAME
    has no address of its own; its target has one, and is listed if it is in the same zones. Raises
    CloudError, AccessDenied.
    """
    held: dict[str, set[str]] = {}
    calls = 0
    for answer in (page for id_ in zone_ids for page in _pages(client, id_)):
        calls += 1
        for record in answer["ResourceRecordSets"]:
            values = record.get("ResourceRecords", [])
            if record["Type"] == "A" and values:
                held.setdefault(plain(record["Name"]), set()).update(
                    value["Value"] for value in values
                )
    return Listing({name: tuple(sorted(at)) for name, at in held.items()}, calls)


def _pages(client: Route53Client, zone_id: str) -> Iterator[ListOutput]:
    with calling("route53:ListResourceRecordSets"):
        pages = client.get_paginator("list_resource_record_sets")
        yield from pages.paginate(HostedZoneId=zone_id, PaginationConfig={"PageSize": int(PAGE)})
