"""SimulatePrincipalPolicy, which moto lacks, on the policies of moto's users and roles.

Sources: the API reference (a user's policies and those of its groups; InvalidInput, NoSuchEntity;
without resources `*` is asked); amazon-ecs-exec-checker#35 (a resource that is no ARN). How the
decision of an action sums up several resources is not documented: here it is allowed where it is
on each of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import InvalidInput, NotFoundException
from moto.iam.responses import IamResponse

from deployer.sandbox.aws.iam.evaluation import Asked, Context, Decision, decide, several

_WORST = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY, Decision.ALLOWED)


class StrictIam(IamResponse):
    """moto's IAM with the simulation."""

    def simulate_principal_policy(self) -> ActionResult:
        """One result for each action, with one of each resource in it where there are several."""
        source = str(self._get_param("PolicySourceArn", ""))
        actions = self._get_param("ActionNames", [])
        resources = self._get_param("ResourceArns", []) or ["*"]
        for one in resources:
            if one != "*" and (not one.startswith("arn:") or one.count(":") < 5):
                raise InvalidInput(f"ResourceNames are not in a valid ARN format: {one}.")
        statements = [one for text in self._policies(source) for one in _statements(text)]
        context = _context(self._get_param("ContextEntries", []))
        results = [
            _result(
                action,
                resources,
                [decide(statements, Asked(action, r, context)) for r in resources],
            )
            for action in actions
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})

    def _policies(self, source: str) -> Iterator[str]:
        """The documents of a user, its groups, or a role."""
        kind, _, path = source.rpartition(":")[2].partition("/")
        name = path.rpartition("/")[2]
        if kind == "role":
            holders: list[Any] = [self.backend.get_role(name)]
        elif kind == "user":
            holders = [self.backend.get_user(name), *self.backend.get_groups_for_user(name)]
        else:
            raise InvalidInput(f"Invalid Entity Arn: {source} does not clearly define entity type")
        if holders[0].arn != source:
            raise NotFoundException(f"{source} cannot be found")
        for holder in holders:
            yield from map(str, holder.policies.values())
            for managed in holder.managed_policies.values():
                yield next(one.document for one in managed.versions if one.is_default)


def _statements(text: str) -> tuple[Mapping[str, Any], ...]:
    return several(json.loads(text)["Statement"])


def _context(entries: Sequence[Mapping[str, Any]]) -> Context:
    return {
        one["ContextKeyName"].lower(): tuple(map(str, one.get("ContextKeyValues", ())))
        for one in entries
    }


def _result(action: str, resources: Sequence[str], decisions: Sequence[Decision]) -> dict[str, Any]:
    worst = next(one for one in _WORST if one in decisions)
    each = [
        {"EvalResourceName": resource, "EvalResourceDecision": decision.value}
        for resource, decision in zip(resources, decisions, strict=True)
    ]
    several_ = each if len(each) > 1 else []
    return {
        "EvalActionName": action,
        "EvalResourceName": resources[0],
        "EvalDecision": worst.value,
        "MatchedStatements": [],
        "MissingContextValues": [],
        "ResourceSpecificResults": several_,
    }
