"""Target groups on AWS: read, created as a copy of another one, filled, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import action
from reconciler.aws.client.retry import AWS_BACKOFF, throttled_or_unclear
from reconciler.aws.client.session import Aws
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.util.backoff import Backoff

DELAY = "deregistration_delay.timeout_seconds"
SLOW_START = "slow_start.duration_seconds"
STICKY = "stickiness.enabled"
DUPLICATE = "DuplicateTargetGroupName"

_COPIED = (
    "Protocol",
    "ProtocolVersion",
    "Port",
    "VpcId",
    "TargetType",
    "IpAddressType",
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)
"""What CreateTargetGroup takes of a description."""

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Groups:
    """The target groups of one account and region, by ARN."""

    aws: Aws
    backoff: Backoff = field(default=AWS_BACKOFF)

    def arn(self, id_: str) -> str:
        """The ARN of a group's id, the end of it."""
        place, partition = self.aws.place, self.aws.elbv2.meta.partition
        return f"arn:{partition}:elasticloadbalancing:{place.region}:{place.account}:{id_}"

    def described(self, arn: str) -> Raw:
        """A group's settings. Raises CloudError."""
        with calling("elasticloadbalancing:DescribeTargetGroups"):
            found = self.aws.elbv2.describe_target_groups(TargetGroupArns=[arn])
        group: Raw = found["TargetGroups"][0]
        return group

    def attributes(self, arn: str) -> dict[str, str]:
        """A group's attributes. Raises CloudError."""
        with calling("elasticloadbalancing:DescribeTargetGroupAttributes"):
            found = self.aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)
        return {one["Key"]: one["Value"] for one in found["Attributes"]}

    def health(self, arn: str) -> Sequence[Raw]:
        """Every registered target with its health. Raises CloudError."""
        with calling("elasticloadbalancing:DescribeTargetHealth"):
            found = self.aws.elbv2.describe_target_health(TargetGroupArn=arn)
        listed: Sequence[Raw] = found["TargetHealthDescriptions"]
        return listed

    def ports(self, arn: str) -> tuple[int, ...]:
        """The ports that a group's targets are registered with."""
        return tuple(sorted({int(one["Target"]["Port"]) for one in self.health(arn)}))

    def copy(self, like: str, name: str, tags: Mapping[str, str]) -> str:
        """A group of this name with the settings and attributes of another one; its ARN.

        Idempotent: an earlier group of the same maker is returned. Raises CloudError where the name
        is another's.
        """
        settings = self.described(like)
        given = {key: settings[key] for key in _COPIED if settings.get(key) is not None}
        arn = self._created(name, tags, given)
        self._copy_attributes(like, arn)
        return arn

    def _created(self, name: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> str:
        born = [{"Key": key, "Value": value} for key, value in tags.items()]
        try:
            answer = self._ask("create_target_group", Name=name, Tags=born, **settings)
        except CloudError as error:
            if error.code != DUPLICATE:
                raise
            return self._existing(name, tags, error)
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    def register(self, arn: str, machines: Sequence[str], port: int | None) -> None:
        """Register machines with a group, all in one call. Idempotent."""
        more = {} if port is None else {"Port": port}
        targets = [{"Id": machine, **more} for machine in machines]
        self._ask("register_targets", TargetGroupArn=arn, Targets=targets)

    def tag(self, arns: Sequence[str], tags: Mapping[str, str]) -> None:
        """Write tags on groups. Idempotent."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._ask("add_tags", ResourceArns=list(arns), Tags=pairs)

    def untag(self, arns: Sequence[str], keys: Sequence[str]) -> None:
        """Take tags off groups. Idempotent."""
        self._ask("remove_tags", ResourceArns=list(arns), TagKeys=list(keys))

    def _existing(self, name: str, tags: Mapping[str, str], error: CloudError) -> str:
        """The group that has the name with other settings: live's were changed meanwhile."""
        with calling("elasticloadbalancing:DescribeTargetGroups"):
            (found,) = self.aws.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
        arn = str(found["TargetGroupArn"])
        with calling("elasticloadbalancing:DescribeTags"):
            answer = self.aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        said = {tag["Key"]: tag["Value"] for tag in answer[0]["Tags"]}
        if said.get(t.LEASE) != tags[t.LEASE]:
            raise _taken(name, arn) from error
        return arn

    def _copy_attributes(self, like: str, arn: str) -> None:
        """Those that differ: AWS does not take every attribute that it shows."""
        wanted, now = self.attributes(like), self.attributes(arn)
        differ = [
            {"Key": key, "Value": value} for key, value in wanted.items() if now.get(key) != value
        ]
        if differ:
            self._ask("modify_target_group_attributes", TargetGroupArn=arn, Attributes=differ)

    def _ask(self, operation: str, **request: Any) -> Any:
        """One idempotent call, repeated for a while if throttled or unanswered."""
        call: Callable[..., Any] = getattr(self.aws.elbv2_once, operation)

        def send() -> Any:
            with calling(action("elbv2", operation), mutating=True):
                return call(**request)

        return self.backoff.retry(send, throttled_or_unclear)


def _taken(name: str, arn: str) -> CloudError:
    return CloudError(
        f"the name {name} is taken by {arn}, which this release did not make",
        code=DUPLICATE,
        cure=f"If nobody needs it     aws elbv2 delete-target-group --target-group-arn {arn}",
    )


def refuse(group: Raw, attributes: Mapping[str, str], ports: Sequence[int]) -> None:
    """Raise Refused for a live group of which a release cannot make a copy that serves alike."""
    name, kind = group["TargetGroupName"], group.get("TargetType", "instance")
    why, cure = "", "use another target group"
    if kind != "instance":
        why = f"has targets of type {kind}: only instances can be released"
    elif len(ports) > 1:
        why = f"has targets on several ports ({', '.join(map(str, ports))})"
    elif attributes.get(SLOW_START, "0") not in ("", "0"):
        why = f"has a slow start of {attributes[SLOW_START]} s: new machines would get few requests"
        cure = "set slow_start.duration_seconds to 0"
    elif attributes.get(STICKY) == "true":
        why = "keeps clients on a target (stickiness): its action takes no second group beside it"
        cure = "set stickiness.enabled to false"
    if why:
        raise Refused(f"the target group {name} {why}", cure=cure)
