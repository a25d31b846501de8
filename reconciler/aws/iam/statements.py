"""What the statements of every policy are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.model import tags as t
from reconciler.model.reading import LedgerAddress

Document = dict[str, Any]
"""A policy document, or one of its statements, as JSON values."""


@dataclass(frozen=True)
class Scope:
    """The input of a policy: the services of one account.

    `names` are the records that are swapped: each service's own, its `also` names, and its
    ledger's. `zones` are hosted zone ids, `watched` those whose names are witnesses, `parameters`
    the paths of the `ssm:` references, `profiles` the role names of the machines, `assumes` the
    ARNs of the roles that the sweep assumes in other accounts. `notices`: whether a sweep sends
    notifications; `topics`: the ARNs of its SNS topics; `lifts`: whether it removes protection from
    what it deletes; `listeners`, `elastic_ips`: ARNs or patterns of those that lead to the
    services; `routes`: the services' `[ssh] via`; `ssh_ports`: the ports of their SSH servers;
    `ssh_users`: the users that log in with a key of EC2 Instance Connect; `objects`: the ledgers
    that are in S3; `journals`: the places in buckets where it is told what became of every
    operation.
    """

    account: str
    regions: tuple[str, ...]
    services: tuple[str, ...]
    zones: tuple[str, ...]
    names: tuple[str, ...]
    watched: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()
    notices: bool = False
    topics: tuple[str, ...] = ()
    lifts: bool = False
    listeners: tuple[str, ...] = ()
    elastic_ips: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    ssh_ports: tuple[int, ...] = ()
    ssh_users: tuple[str, ...] = ()
    objects: tuple[LedgerAddress, ...] = ()
    journals: tuple[str, ...] = ()


def allow(
    sid: str,
    action: str | Iterable[str],
    resource: str | Sequence[str],
    condition: Document | None = None,
) -> Document:
    """A statement that allows the actions on the resources."""
    plain = action if isinstance(action, str) else sorted(action)
    statement = {"Sid": sid, "Effect": "Allow", "Action": plain, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def ids(scope: Scope) -> list[str]:
    """Patterns of the services' deploy-ids."""
    return [f"{service}/*" for service in scope.services]


def born(scope: Scope) -> Document:
    """The condition that the request writes a deploy-id of the services."""
    return {"StringLike": {f"aws:RequestTag/{t.ID}": ids(scope)}}


def is_ours(scope: Scope) -> Document:
    """The condition that the resource has a deploy-id of the services."""
    return {"StringLike": {f"aws:ResourceTag/{t.ID}": ids(scope)}}


def only_tags(keys: Iterable[str]) -> Document:
    """Only these tags. `Null`, because ForAllValues is true if the key is absent."""
    return {
        "ForAllValues:StringEquals": {"aws:TagKeys": sorted(keys)},
        "Null": {"aws:TagKeys": "false"},
    }
