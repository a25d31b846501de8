"""A policy as questions to `iam:SimulatePrincipalPolicy`: may these credentials do all of it? Pure.

Each statement becomes one question, with a context that fulfils its condition: so a policy with
fewer permissions, or with narrower conditions than ours, shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.aws.iam.statements import Document

_EXAMPLE = "0123456789abcdef0"
_TYPES = {"Bool": "boolean", "Numeric": "numeric", "Arn": "string", "String": "string"}
_ASSUMED = re.compile(r"arn:(aws[\w-]*):sts::(\d+):assumed-role/([^/]+)/")


@dataclass(frozen=True)
class SimulatedCall:
    """The arguments of one simulation."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[Mapping[str, Any], ...]


def questions(document: Document) -> tuple[SimulatedCall, ...]:
    """One question for each statement that allows something."""
    return tuple(
        SimulatedCall(
            _list(one["Action"]),
            tuple(_example(resource) for resource in _list(one["Resource"])),
            tuple(_context(one.get("Condition", {}))),
        )
        for one in document["Statement"]
        if one["Effect"] == "Allow"
    )


def principal(arn: str) -> str:
    """The ARN to simulate, of what STS says; '' for the root user, who has no policies.

    A session's ARN lacks the path of its role: a role with a path is not found by it.
    """
    assumed = _ASSUMED.match(arn)
    if assumed:
        return f"arn:{assumed[1]}:iam::{assumed[2]}:role/{assumed[3]}"
    return "" if arn.endswith(":root") else arn


def _example(resource: str) -> str:
    """A resource that the pattern names; IAM takes ARNs and `*`, nothing else."""
    return resource if resource == "*" else resource.replace("*", _EXAMPLE)


def _context(condition: Document) -> Iterator[Mapping[str, Any]]:
    """Entries that fulfil the condition; a key that must be absent (`Null`) gets none."""
    for operator, pairs in condition.items():
        if operator == "Null":
            continue
        several = operator.startswith("ForAllValues:")
        kind = next(kind for name, kind in _TYPES.items() if name in operator)
        for key, values in pairs.items():
            wanted = [value.replace("*", _EXAMPLE) for value in _list(values)]
            yield {
                "ContextKeyName": key,
                "ContextKeyValues": wanted if several else wanted[:1],
                "ContextKeyType": f"{kind}List" if several else kind,
            }


def _list(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
