"""Evaluates policies as IAM does: a deny wins, what no statement allows is denied. Pure.

Sources: IAM User Guide, "Policy evaluation logic" (one account, identity-based policies), "IAM JSON
policy elements: Condition operators", "Multivalued context keys".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Statement = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]
"""The values of each context key; keys in lower case."""


class Decision(StrEnum):
    """As IAM's simulator spells it."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


@dataclass(frozen=True)
class Asked:
    """One action on one resource."""

    action: str
    resource: str
    context: Context


def decide(statements: Collection[Statement], asked: Asked) -> Decision:
    """What these statements say. Raises NotImplementedError for an element that is not known."""
    effects = {one["Effect"] for one in statements if _matches(one, asked)}
    if "Deny" in effects:
        return Decision.EXPLICIT_DENY
    return Decision.ALLOWED if "Allow" in effects else Decision.IMPLICIT_DENY


def several(value: Any) -> tuple[Any, ...]:
    """A policy's element: one value or a list of them."""
    return tuple(value) if isinstance(value, list) else (value,)


def _matches(statement: Statement, asked: Asked) -> bool:
    known = {"Sid", "Effect", "Action", "Resource", "Condition"}
    if set(statement) - known:
        raise NotImplementedError(f"policies with {', '.join(set(statement) - known)}")
    return (
        _any_like(asked.action.lower(), (str(one).lower() for one in several(statement["Action"])))
        and _any_like(asked.resource, several(statement["Resource"]))
        and all(
            _holds(operator, asked.context.get(key.lower(), ()), several(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, found: tuple[str, ...], wanted: tuple[Any, ...]) -> bool:
    texts = tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in wanted)
    if operator == "Null":
        return (texts[0] == "true") == (not found)
    quantifier, _, name = operator.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = "Not" in name
    compare = _comparison(name.replace("Not", ""))
    if not found:
        return quantifier == "ForAllValues" or negated or optional
    results = [any(compare(value, text) for text in texts) != negated for value in found]
    return all(results) if quantifier == "ForAllValues" or negated else any(results)


def _comparison(name: str) -> Callable[[str, str], bool]:
    if name in _COMPARISONS:
        return _COMPARISONS[name]
    raise NotImplementedError(f"conditions with {name}")


def _like(value: str, pattern: str) -> bool:
    parts = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(parts, value, re.DOTALL) is not None


def _any_like(value: str, patterns: Iterable[str]) -> bool:
    return any(_like(value, one) for one in patterns)


_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
}
