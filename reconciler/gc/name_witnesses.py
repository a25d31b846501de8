"""Every name is a witness (protocol.md, rule 13): whom the zone's other names still lead to. Pure.

Clients use names that no ledger knows of: `www` beside the apex, the name of before a move. A
deploy that once served is deleted only where no name of the service's zones holds an address of it.
A listing that failed holds all of them: unknown is not empty. What never served does not wait for
it: no client was ever sent there, and a failed release has to clean up while Route 53 is slow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from reconciler.gc.verdict import Reason, Root, Verdict
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource, service_of
from reconciler.model.tags import Label


class Note(NamedTuple):
    """What people have to look at, and what they can do about it."""

    text: str
    cure: str


def is_needed(root: Root, resources: Iterable[Resource], forgets: Collection[DeployId]) -> bool:
    """Whether something that once served is about to go and still has an address."""
    return bool(_served(root, resources, forgets))


def _served(
    root: Root, resources: Iterable[Resource], forgets: Collection[DeployId] = ()
) -> Mapping[DeployId, set[str]]:
    """The addresses of the deploys that served and that nothing roots, or soon nothing does.

    `left` is written on all of a deploy before it is forgotten, and on nothing else.
    """
    mine = [one for one in resources if service_of(one) == root.home.service]
    left = {one.deploy for one in mine if one.label is Label.LEFT} - root.ledger.rooted
    return {
        deploy: found
        for deploy, found in _addresses(mine).items()
        if deploy in left or deploy in forgets
    }


def _addresses(resources: Iterable[Resource]) -> dict[DeployId, set[str]]:
    found: dict[DeployId, set[str]] = {}
    for one in resources:
        if one.deploy is not None and one.addresses:
            found.setdefault(one.deploy, set()).update(one.addresses)
    return found


def named(root: Root, resources: Iterable[Resource]) -> dict[DeployId, tuple[str, ...]]:
    """The deploys of which other names hold an address, with those names.

    By what the machines have now, never by what the ledger once wrote: an address that a machine
    gave up may be a stranger's, and so may the name.
    """
    if not root.names.held:
        return {}
    found = {deploy: root.names.holding(at) for deploy, at in _addresses(resources).items()}
    return {deploy: names for deploy, names in found.items() if names}


def verdicts(root: Root, resources: Iterable[Resource]) -> dict[DeployId, tuple[Reason, str]]:
    """Why other names keep deploys, in words; `record` itself is `mark`'s."""
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
    """What is to be said of the names: those that keep a deploy, and those that do not go along."""
    said = [_kept(root, deploy, standing[deploy]) for deploy in sorted(set(kept))]
    return (*said, *apart(root))


def _kept(root: Root, deploy: DeployId, names: tuple[str, ...]) -> Note:
    service, first = root.home.service, names[0]
    return Note(
        f"{_hold(names)} an address of {deploy}, which would go by now: it is kept",
        f"Point {first} elsewhere, or delete it, then   reconciler sweep --service {service}\n"
        f"If nobody uses that name any more            "
        f"reconciler sweep --service {service} --despite {first}",
    )


def apart(root: Root) -> tuple[Note, ...]:
    """The names in `also` that say something other than the record, which nobody moves then."""
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
    """The deploys that nothing but another name keeps."""
    return {
        one.resource.deploy
        for one in found
        if one.reason is Reason.WITNESSED
        and one.resource.deploy in standing
        and one.resource.deploy
    }
