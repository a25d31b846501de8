"""Listeners and rules on AWS: read, and changed right after they were read.

A balancer compares nothing: the last write wins. So every attempt reads the whole action first, and
a write whose reply was lost is answered by reading (aws.md, 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import chunks
from reconciler.aws.client.retry import AWS_BACKOFF, throttled_or_unclear
from reconciler.aws.client.session import Aws
from reconciler.aws.elbv2 import forward_action
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.traffic.reading import short
from reconciler.util.backoff import Backoff

TAGS_AT_ONCE = 20
"""Resources in one DescribeTags (B)."""

Weights = Mapping[str, int]


@dataclass(frozen=True)
class Routes:
    """The listeners and rules of one account and region, by ARN."""

    aws: Aws
    backoff: Backoff = field(default=AWS_BACKOFF)

    def actions(self, route: str) -> Sequence[Mapping[str, Any]]:
        """The actions of a route now. Raises CloudError, AccessDenied."""
        if _is_rule(route):
            return self._of_rule(route)
        with calling("elasticloadbalancing:DescribeListeners"):
            found = self.aws.elbv2.describe_listeners(ListenerArns=[route])
        actions: Sequence[Mapping[str, Any]] = found["Listeners"][0]["DefaultActions"]
        return actions

    def _of_rule(self, route: str) -> Sequence[Mapping[str, Any]]:
        with calling("elasticloadbalancing:DescribeRules"):
            (rule,) = self.aws.elbv2.describe_rules(RuleArns=[route])["Rules"]
        if rule["IsDefault"]:
            raise CloudError(
                f"{short(route)} is the default rule, which only its listener changes",
                cure="name the listener in `[traffic] listener`",
            )
        listed: Sequence[Mapping[str, Any]] = rule["Actions"]
        return listed

    def tags(self, arns: Iterable[str]) -> dict[str, dict[str, str]]:
        """The tags of groups, listeners or rules, by ARN. Raises CloudError, AccessDenied."""
        found: dict[str, dict[str, str]] = {}
        for chunk in chunks(list(arns), TAGS_AT_ONCE):
            with calling("elasticloadbalancing:DescribeTags"):
                answer = self.aws.elbv2.describe_tags(ResourceArns=list(chunk))
            for one in answer["TagDescriptions"]:
                found[one["ResourceArn"]] = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        return found

    def change(
        self,
        route: str,
        service: str,
        change: Callable[[Weights], dict[str, int]],
        *,
        forced: bool = False,
    ) -> None:
        """Change the weights of a route; nothing is written where they are as wanted already.

        Unless `forced`, raises Refused for an action that is not one plain forward action, or that
        names a group that is not the service's. Raises CloudError, CloudUnclear, AccessDenied.
        """

        def attempt() -> None:
            actions = self.actions(route)
            now = forward_action.weights(actions)
            wanted = change(now)
            if wanted == now:
                return
            if not (forced and now):
                self._refuse(route, service, actions)
            self._write(route, forward_action.with_weights(actions, wanted))

        self.backoff.retry(attempt, throttled_or_unclear)

    def refuse_foreign(self, route: str, service: str) -> None:
        """Raise Refused for a route whose action `change` would refuse to write."""
        self._refuse(route, service, self.actions(route))

    def _refuse(self, route: str, service: str, actions: Sequence[Mapping[str, Any]]) -> None:
        odd = forward_action.oddity(actions)
        if odd:
            raise Refused(
                f"{short(route)} {odd}: it is not changed",
                cure=f"Correct the action, then   deployer traffic {service}",
            )
        for arn, tags in self.tags(forward_action.weights(actions)).items():
            deploy = DeployId.maybe(tags.get(t.ID))
            if deploy is None or deploy.service != service:
                raise _names_foreign(route, arn, service)

    def _write(self, route: str, actions: list[dict[str, Any]]) -> None:
        groups = len(forward_action.weights(actions))
        if groups > forward_action.MOST_GROUPS:
            raise CloudError(
                f"{short(route)} would name {groups} target groups; AWS takes "
                f"{forward_action.MOST_GROUPS}",
                cure="let a sweep take out those of earlier releases",
            )
        if _is_rule(route):
            with calling("elasticloadbalancing:ModifyRule", mutating=True):
                self.aws.elbv2_once.modify_rule(RuleArn=route, Actions=actions)
            return
        with calling("elasticloadbalancing:ModifyListener", mutating=True):
            self.aws.elbv2_once.modify_listener(ListenerArn=route, DefaultActions=actions)


def _is_rule(arn: str) -> bool:
    return ":listener-rule/" in arn


def _names_foreign(route: str, arn: str, service: str) -> Refused:
    return Refused(
        f"{short(route)} names {short(arn)}, which is not a group of {service}: its action is not "
        "changed",
        cure=f"Take that group out of it, or   deployer traffic {service} --follow",
    )
