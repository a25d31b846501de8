"""What a command asked AWS, call by call, and how far each call had to wait for others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.aws.latency import figure
from deployer.sandbox.control.client import Sandbox

CHANGE = "ChangeResourceRecordSets"


@dataclass(frozen=True)
class Call:
    """One call: when it was begun and answered (epoch seconds), and what it was."""

    began: float
    ended: float
    action: str

    @property
    def changes(self) -> bool:
        """Whether it changed a zone."""
        return self.action == CHANGE


@dataclass(frozen=True)
class Wait:
    """What one command took; `refused` is how long a client's writes were refused."""

    seconds: float
    calls: Sequence[Call] = field(default_factory=list)
    refused: float = 0.0

    @property
    def chain(self) -> Sequence[Call]:
        """The longest chain of calls of which each began after the one before was answered."""
        found: list[Call] = []
        for call in sorted(self.calls, key=lambda one: one.ended):
            if not found or call.began >= found[-1].ended:
                found.append(call)
        return found

    @property
    def chain_seconds(self) -> float:
        """What AWS takes for that chain."""
        return sum(one.ended - one.began for one in self.chain)

    @property
    def changes(self) -> Sequence[Call]:
        """The calls that changed a zone."""
        return [one for one in self.calls if one.changes]

    @property
    def before_the_switch(self) -> int:
        """The calls that were answered before the last change of the zone was sent."""
        last = self.changes[-1].began if self.changes else 0.0
        return sum(one.ended <= last for one in self.calls)


@contextmanager
def heard(box: Sandbox, *, latency: float = 1.0) -> Iterator[list[Call]]:
    """The calls that the sandbox answers meanwhile, complete at the end, at AWS's pace.

    Machines are as far away as they are, whatever `latency` is.
    """
    faults = box.faults()
    seen = max((one["seq"] for one in faults.requests()), default=0)
    calls: list[Call] = []
    faults.latency(latency)
    faults.distance(1.0)
    try:
        yield calls
    finally:
        faults.clear()
        calls += [_call(one, latency) for one in faults.requests(seen)]


def _call(entry: dict[str, Any], latency: float) -> Call:
    took = figure(entry["service"], entry["action"]).seconds * latency
    return Call(entry["time"] - took, entry["time"], entry["action"])


@dataclass(frozen=True)
class Stage:
    """Calls that may go on side by side, and why they come after those of the stage before."""

    calls: tuple[str, ...]
    why: str

    @property
    def words(self) -> str:
        """The calls without their services."""
        return ", ".join(call.partition(":")[2] for call in self.calls)

    @property
    def seconds(self) -> float:
        """What the slowest of them takes."""
        return max(figure(*call.split(":")).seconds for call in self.calls)


def seconds_of(stages: Sequence[Stage]) -> float:
    """What AWS takes for the stages one after the other."""
    return sum(stage.seconds for stage in stages)


_WHO = Stage(("sts:GetCallerIdentity",), "nothing is asked of an account that is not the one meant")
_START = Stage(
    ("route53:ListHostedZones", "ec2:DescribeTags", "ssm:GetParameter"),
    "the zone, the index and the database's address need the account alone",
)
_DESCRIBED = Stage(
    (
        "ec2:DescribeInstances",
        "ec2:DescribeVolumes",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeImages",
        "ec2:DescribeSnapshots",
        "ec2:DescribeImages",
    ),
    "by the ids of the index; the images that use a snapshot, by its id",
)
_LEDGER = Stage(("route53:ListResourceRecordSets",), "the ledger is read after the things (rule 2)")
_FOLLOW_UP = (
    Stage(("ec2:DescribeTags",), "the follow-up is a sweep: what is there after the commit"),
    _LEDGER,
    _DESCRIBED,
    Stage(
        ("route53:ListResourceRecordSets",), "a label has no fence: the ledger is looked at once"
    ),
    Stage(("ec2:CreateTags",), "who gives up his role is labelled when all have obeyed"),
    Stage(("ec2:CreateTags",), "live last: until then the next sweep finishes it (rule 7)"),
)

PATHS: dict[str, Sequence[Stage]] = {
    "up": (
        _WHO,
        _START,
        Stage(("ec2:DescribeInstances",), "by the ids of the index, those that matter"),
        _LEDGER,
        Stage(
            ("ec2:DescribeInstances", "ec2:DescribeVolumes"),
            "what is copied from live: who that is, the ledger says",
        ),
        Stage(("route53:ChangeResourceRecordSets",), "the lease, before anything is made (rule 1)"),
        Stage(("ec2:CreateImage",), "under the lease"),
        Stage(("ec2:DescribeImages",), "a machine is made of an image that is available"),
        Stage(("ec2:RunInstances",), "of that image"),
        Stage(("ec2:DescribeInstances",), "where it is reached, and whether it runs"),
        Stage(("ec2:CreateTags",), "its host key, before it is connected to"),
        Stage(("route53:ListResourceRecordSets",), "the lease is ours yet, before the freeze"),
        Stage(("route53:ChangeResourceRecordSets",), "a short lease while writes are refused"),
        Stage(("route53:ChangeResourceRecordSets",), "the commit"),
        *_FOLLOW_UP,
    ),
    "status": (
        _WHO,
        _START,
        _DESCRIBED,
        Stage(
            ("route53:ListResourceRecordSets", "ec2:DescribeVolumes"),
            "the ledger is read after the things (rule 2); beside it, for their price alone, the "
            "volumes of an adopted machine, which carry no tags",
        ),
    ),
    "sweep": (
        _WHO,
        _START,
        _LEDGER,
        Stage(("ec2:DescribeInstances",), "what the ledger does not clearly keep"),
        Stage(
            ("ec2:DescribeVolumes", "ec2:DescribeNetworkInterfaces", "ec2:DescribeImages"),
            "what these use",
        ),
    ),
    "rollback": (
        _WHO,
        _START,
        Stage(("ec2:DescribeInstances",), "the machines alone, by the name of the service"),
        _LEDGER,
        Stage(("route53:ChangeResourceRecordSets",), "the lease"),
        Stage(
            ("route53:ChangeResourceRecordSets", "ec2:CreateTags"),
            "the commit, when the newer database is shut; the label goes beside it",
        ),
        *_FOLLOW_UP,
        Stage(("route53:ListResourceRecordSets",), "what stands in the end is said"),
    ),
}
"""What has to wait for what, by the rules of docs/protocol.md: a stage begins when the one before
has been answered. Calls that a command makes twice, or one after the other without need, are not in
it: they show as its ratio."""
