"""The contract on a real account: what it may cost, and that nothing of it stays.

`CONTRACT_PROFILE` names the account's profile, `CONTRACT_SPEND` how many dollars may be spent:
without that nothing is asked, and the cost is stated. Everything that a rule creates on EC2 is born
with this run's tag, so that the product's own kinds find and delete what a rule left, and after a
run that was killed people do. `CONTRACT_REHEARSAL=1` treats any endpoint as an account.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds import BY_NAME
from reconciler.model.outcome import Outcome
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import wave
from reconciler.util.backoff import Backoff
from tests.contract.helpers import RUN

GONE = frozenset({"terminated", "shutting-down", "deleting"})
A_LAUNCH = 0.0012
"""$ reckoned for one instance of a rule: four minutes of a t3.micro (0.0114 $/h), its public IPv4
address (0.005) and 8 GB of disk (0.001), in eu-west-1, as of 2025-11."""

THE_REST = 0.01
"""$ for requests (S3 0.005 a thousand writes; Route 53's and EC2's own are free), the hosted zones
(free when deleted within 12 hours) and the snapshots of images of some minutes."""

MOST = 0.10
"""$ that nobody may allow more than: the contract is worth no more."""

BORN: Mapping[str, tuple[str, ...]] = {
    "RunInstances": ("instance", "volume", "network-interface"),
    "CreateVolume": ("volume",),
    "CreateNetworkInterface": ("network-interface",),
    "CreateImage": ("image", "snapshot"),
    "RegisterImage": ("image",),
    "CreateSnapshot": ("snapshot",),
    "AllocateAddress": ("elastic-ip",),
    "CreateSecurityGroup": ("security-group",),
    "CreateKeyPair": ("key-pair",),
    "ImportKeyPair": ("key-pair",),
    "CreateLaunchTemplate": ("launch-template",),
}
"""What each create of EC2 can tag in the call."""


def statement(profile: str, spend: str) -> str:
    """What is said before anything is asked of an account."""
    return (
        f"the contract runs on the account of profile {profile!r}. It creates and deletes hosted "
        f"zones, buckets, instances, volumes, images and addresses; each launch is reckoned at "
        f"{A_LAUNCH:.4f} $, all the rest {THE_REST:.2f} $. Launches beyond CONTRACT_SPEND are "
        f"skipped (it is {spend or 'not set'}; at most {MOST:.2f})"
    )


def allowed(spend: str) -> float:
    """Dollars that may be spent. Raises pytest.UsageError unless somebody said how many."""
    try:
        dollars = float(spend)
    except ValueError:
        dollars = 0.0
    if not THE_REST <= dollars <= MOST:
        raise pytest.UsageError(
            f"set CONTRACT_SPEND to the dollars that may be spent, {THE_REST} to {MOST}"
        )
    return dollars


@dataclass
class Run:
    """One run on an account: its id, and what it has spent at most."""

    budget: float
    id: str = field(default_factory=lambda: f"contract-{uuid.uuid4()}")
    spent: float = THE_REST

    def watch(self, client: Any) -> None:
        """Have every create of this EC2 client tagged, and every launch counted."""
        if client.meta.service_model.service_name != "ec2":
            return
        events = client.meta.events
        for operation in BORN:
            events.register(f"provide-client-params.ec2.{operation}", self._born)
        events.register("before-call.ec2.RunInstances", self._count)
        events.register("after-call.ec2", self._hide)

    def _born(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        tag = {"Key": RUN, "Value": self.id}
        given = [dict(one) for one in params.get("TagSpecifications") or ()]
        for kind in BORN[model.name]:
            same = next((one for one in given if one.get("ResourceType") == kind), None)
            if same is None:
                given.append({"ResourceType": kind, "Tags": [tag]})
            elif not any(one.get("Key") == RUN for one in same.get("Tags") or ()):
                same["Tags"] = [*(same.get("Tags") or ()), tag]
        return {**params, "TagSpecifications": given}

    def _hide(self, parsed: dict[str, Any], **_: Any) -> None:
        """The rules say what tags a thing has: those that they gave it."""
        hide(parsed)

    def _count(self, params: dict[str, Any], **_: Any) -> None:
        count = int(params.get("body", {}).get("MaxCount", 1))
        if self.spent + count * A_LAUNCH > self.budget:
            pytest.skip(f"{count} launches more would go beyond {self.budget:.2f} $")
        self.spent += count * A_LAUNCH


def hide(answer: Any) -> None:
    """Take the run's tag out of an answer; a list of tags that is empty then goes too."""
    for inner in list(answer.values()) if isinstance(answer, dict) else answer:
        if isinstance(inner, dict | list):
            hide(inner)
    if not isinstance(answer, dict):
        return
    for key, value in list(answer.items()):
        if isinstance(value, list) and any(_is_ours(one) for one in value):
            left = [one for one in value if not _is_ours(one)]
            answer.update({key: left}) if left or "ResourceId" in value[0] else answer.pop(key)


def _is_ours(one: Any) -> bool:
    return isinstance(one, dict) and one.get("Key") == RUN


def clean(aws: Aws, run: str, pace: Backoff) -> tuple[str, ...]:
    """Delete what a run made, by the product's own kinds; what is left at the end, in words."""
    left: list[Resource] = []
    said: dict[str, Outcome] = {}
    for _ in pace.attempts():
        left = tagged(Reads(aws), run)
        if not left:
            return ()
        first = min(wave(one) for one in left)
        for kind in {one.kind for one in left if wave(one) == first}:
            doomed = [one for one in left if one.kind == kind]
            said |= {one.resource.id: one for one in BY_NAME[kind].delete(Deleter(aws), doomed)}
    return tuple(_words(one, said.get(one.id)) for one in left)


def tagged(reads: Reads, run: str) -> list[Resource]:
    """What carries the run's tag and is not gone."""
    filters = [{"Name": "key", "Values": [RUN]}, {"Name": "value", "Values": [run]}]
    index: dict[str, list[str]] = {}
    for page in reads.pages("describe_tags", Filters=filters):
        for row in page["Tags"]:
            index.setdefault(row["ResourceType"], []).append(row["ResourceId"])
    found = (one for kind, ids in index.items() for one in BY_NAME[kind].describe(reads, ids))
    return [one for one in found if one.state not in GONE]


def _words(thing: Resource, outcome: Outcome | None) -> str:
    return f"{thing.kind} {thing.id} {outcome.text if outcome is not None else ''}".rstrip()
