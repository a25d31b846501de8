"""Every DNS name is a witness (protocol.md, rule 13): deploys that other names lead to. Pure.

Clients use names that the ledger does not know: `www` beside the apex, or the name before a move.
A deploy that once served is deleted only if no name of the service's zones holds its address. If
the listing failed, every address counts as held: unknown is not empty. A deploy that never served
does not wait: no client was sent to it, and a failed release must clean up while Route 53 is slow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from reconciler.gc.verdict import Reason, Root, Verdict
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource, service_of
from reconciler.model.tags import Label


class Note(NamedTuple):
    """A problem that people have to check, and what they can do about it."""

    text: str
    cure: str


def is_needed(root: Root, resources: Iterable[Resource], forgets: Collection[DeployId]) -> bool:
    """Whether a deploy that once served is about to be deleted and still has an address."""
    return bool(_served(root, resources, forgets))


def _served(
    root: Root, resources: Iterable[Resource], forgets: Collection[DeployId] = ()
) -> Mapping[DeployId, set[str]]:
    """The addresses of deploys that served and are not rooted, or soon will not be.

    `left` is written on every resource of a deploy before it is forgotten, and on nothing else.
    """
    mine = [resource for resource in resources if service_of(resource) == root.home.service]
    left = {resource.deploy for resource in mine if resource.label is Label.LEFT}
    left -= root.ledger.rooted
    return {
        deploy: found
        for deploy, found in _addresses(mine).items()
        if deploy in left or deploy in forgets
    }


def _addresses(resources: Iterable[Resource]) -> dict[DeployId, set[str]]:
    found: dict[DeployId, set[str]] = {}
    for resource in resources:
        if resource.deploy is not None and resource.addresses:
            found.setdefault(resource.deploy, set()).update(resource.addresses)
    return found


def named(root: Root, resources: Iterable[Resource]) -> dict[DeployId, tuple[str, ...]]:
    """The deploys that have an address under other names, with those names.

    By the addresses that the machines have now, never by those that the ledger once wrote: an
    address that a machine released may belong to a foreign machine now, and so may the name.
    """
    if not root.names.held:
        return {}
    found = {deploy: root.names.holding(at) for deploy, at in _addresses(resources).items()}
    return {deploy: names for deploy, names in found.items() if names}


def verdicts(root: Root, resources: Iterable[Resource]) -> dict[DeployId, tuple[Reason, str]]:
    """Why other names keep deploys, as text; `mark` handles the record itself."""
    if root.names.problem:
        why = f"whether another name points at it is not known: {root.names.problem}"
        return dict.fromkeys(_served(root, resources), (Reason.UNKNOWN, why))
    return {
        deploy: (Reason.WITNESSED, f"{_hold(names)} an address of its deploy")
        for deploy, names in named(root, resources).items()
    }


def _hold(names: tuple[str, ...]) -> str:
    return f"{', '.join(names)} {'holds' if len(names) == 1 else 'hold'}"


def notes(
    root: Root, standing: Mapping[DeployId, tuple[str, ...]], kept: Iterable[DeployId]
) -> tuple[Note, ...]:
    """Notes about the names that keep a deploy, and those that do not follow the record."""
    found = [_kept(root, deploy, standing[deploy]) for deploy in sorted(set(kept))]
    return (*found, *apart(root))


def _kept(root: Root, deploy: DeployId, names: tuple[str, ...]) -> Note:
    service, first = root.home.service, names[0]
    return Note(
        f"{_hold(names)} an address of {deploy}, which would go, or go to rest, by now: it is kept",
        f"Point {first} elsewhere, or delete it, then   reconciler sweep --service {service}\n"
        f"If nobody uses that name any more            "
        f"reconciler sweep --service {service} --despite {first}",
    )


def apart(root: Root) -> tuple[Note, ...]:
    """The names in `also` that differ from the record; they are not moved with it."""
    if root.ledger.live is None:
        return ()
    return tuple(
        Note(
            f"{name} is in `also` and says {', '.join(at) or 'nothing'}, not "
            f"{', '.join(root.record) or 'nothing'} as the record: it is not moved along",
            f"Point {name} to where the record points, or take it out of `also` in "
            f"services/{root.home.service}.toml",
        )
        for name, at in sorted(root.also.items())
        if at != root.record
    )


def keeping(found: Iterable[Verdict], standing: Collection[DeployId]) -> set[DeployId]:
    """The deploys that only another name keeps."""
    return {
        verdict.deploy
        for verdict in found
        if verdict.reason is Reason.WITNESSED and verdict.deploy in standing and verdict.deploy
    }
