"""A death that EventBridge tells of: the rule of the template starts a young sweep of that scope.

Nobody but AWS may send events of the source `aws.ec2`, on AWS and on the emulator. So the rule's
pattern is asked about AWS's own example events, and a copy of the rule, with the same target and
another source, gets the event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3

from reconciler.aws.client.session import Aws
from tests.scale.stack import NAME
from tests.support.organisation import Member, add_disks, role_of

GOAL = 60.0
"""Seconds from the event to the end of what died."""

SOURCE = "test.ec2"
_DIED = {"instance-id": "i-0123456789abcdef0", "state": "terminated"}


def happens(member: Member, zone: str) -> Iterator[str]:
    """Leave two disks behind, send the event, wait until they are gone."""
    events: Any = boto3.client("events")
    rule = _rule(events)
    _asks(events, rule, member)
    copy = {**rule["pattern"], "$or": [_from_here(one) for one in rule["pattern"]["$or"]]}
    events.put_rule(Name="copy", EventPattern=json.dumps(copy), State="ENABLED")
    events.put_targets(Rule="copy", Targets=rule["targets"])
    add_disks(member, zone, 2, dead=True)
    began = time.monotonic()
    entry = {"Source": SOURCE, "DetailType": _kind(rule), "Detail": json.dumps(_DIED)}
    answer = events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise SystemExit(f"the event was refused: {answer}")
    client = Aws(member.place, role=role_of(member.place.account)).ec2
    while client.describe_volumes()["Volumes"]:
        if time.monotonic() - began > GOAL:
            raise SystemExit(f"what died is still there {GOAL:.0f} s after the event")
        time.sleep(0.2)
    yield (
        f"An event of a terminated machine: its scope's young sweep had removed the two disks "
        f"{time.monotonic() - began:.1f} s later (wanted: within {GOAL:.0f})."
    )


def _rule(events: Any) -> dict[str, Any]:
    cloudformation: Any = boto3.client("cloudformation")
    found = cloudformation.describe_stack_resource(StackName=NAME, LogicalResourceId="Happened")
    name = found["StackResourceDetail"]["PhysicalResourceId"].rpartition("/")[2]
    pattern = json.loads(events.describe_rule(Name=name)["EventPattern"])
    return {"pattern": pattern, "targets": events.list_targets_by_rule(Rule=name)["Targets"]}


def _kind(rule: dict[str, Any]) -> str:
    (first, *_) = (one for one in rule["pattern"]["$or"] if one["source"] == ["aws.ec2"])
    (kind,) = first["detail-type"]
    return str(kind)


def _from_here(pattern: dict[str, Any]) -> dict[str, Any]:
    return {**pattern, "source": [SOURCE]} if pattern["source"] == ["aws.ec2"] else pattern


def _asks(events: Any, rule: dict[str, Any], member: Member) -> None:
    """Death and a changed tag of ours match; a start and somebody's tag do not."""
    tags = "Tag Change on Resource"
    for source, kind, detail, wanted in (
        ("aws.ec2", _kind(rule), _DIED, True),
        ("aws.ec2", _kind(rule), {**_DIED, "state": "running"}, False),
        ("aws.tag", tags, {"changed-tag-keys": ["deploy-state"], "service": "ec2"}, True),
        ("aws.tag", tags, {"changed-tag-keys": ["Name"], "service": "ec2"}, False),
    ):
        event: dict[str, Any] = {
            "id": "7bf73129-1428-4cd3-a780-95db273d1602",
            "source": source,
            "detail-type": kind,
            "account": member.place.account,
            "region": member.place.region,
            "time": "2026-11-30T03:00:00Z",
            "resources": [],
            "detail": detail,
        }
        pattern = json.dumps(rule["pattern"])
        found = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        if found["Result"] != wanted:
            raise SystemExit(f"the rule says {found['Result']} to {event}")
