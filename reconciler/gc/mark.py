"""Mark: which resources are kept and which are garbage, each with its reason. Pure.

    (resources, roots, policy) -> verdicts

The rules run in order; the first that returns a verdict decides. All but the last can only keep:
labels, holds, doubts and contradictions protect; only the ledger condemns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from reconciler.gc import name_witnesses, ownership
from reconciler.gc.database_claims import dispute
from reconciler.gc.misplaced_ledger import of_a_restored_zone
from reconciler.gc.ownership import ServiceLocation, Things
from reconciler.gc.references import spare
from reconciler.gc.verdict import CONDEMNED, Reason, Root, Roots, Verdict, role
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import APART, GROUP, IMAGE, RDS_INSTANCE, Inventory, Resource
from reconciler.model.tags import HELD_BY_ADOPTION


class RuleInput(NamedTuple):
    """The input of the rules: a resource, the deploy that it names, and the resources around it.

    `witnessed` are the deploys that have an address in the A record or under another name, with
    the reason to keep them.
    """

    resource: Resource
    deploy: DeployId
    root: Root
    resources: Things
    witnessed: Mapping[DeployId, tuple[Reason, str]]


Rule = Callable[[RuleInput], Verdict | None]


def mark(inventory: Inventory, roots: Roots) -> tuple[Verdict, ...]:
    """A verdict for every resource, in the inventory's order."""
    roots = settled(inventory, roots)
    places = {one.place for one in inventory.resources}
    resources = {place: ownership.index(inventory.resources, place) for place in places}
    seen = {name: witnesses(root, inventory.resources) for name, root in roots.items()}
    verdicts = [_judge(one, roots, resources[one.place], seen) for one in inventory.resources]
    return spare([_maybe_in_use(one, inventory) for one in verdicts], roots)


def _maybe_in_use(verdict: Verdict, inventory: Inventory) -> Verdict:
    """An RDS instance that could not be read may be in any group."""
    resource = verdict.resource
    if resource.kind != GROUP or not verdict.collect:
        return verdict
    hidden = any(one.kind == RDS_INSTANCE and one.place == resource.place for one in inventory.gaps)
    why = "RDS instances could not be read: one may be in it"
    return Verdict(resource, Reason.IN_USE, why) if hidden else verdict


def settled(inventory: Inventory, roots: Roots) -> Roots:
    """The roots, with the problems that only the inventory shows (rule 6)."""
    return {name: _settled(root, inventory) for name, root in roots.items()}


def problems(inventory: Inventory, roots: Roots) -> dict[str, str]:
    """The services whose resources must not be changed, and why."""
    seen = settled(inventory, roots)
    return {name: root.problem for name, root in seen.items() if root.problem}


def witnessed(root: Root, resources: Iterable[Resource]) -> frozenset[DeployId]:
    """The deploys that have an address in the A record: kept whole (rule 9)."""
    record = set(root.record)
    return frozenset(
        one.deploy
        for one in resources
        if one.deploy is not None and not record.isdisjoint(one.addresses)
    )


def witnesses(root: Root, resources: Sequence[Resource]) -> Mapping[DeployId, tuple[Reason, str]]:
    """The deploys that the A record (rule 9) or another name (rule 13) points to, with reasons."""
    said = (Reason.WITNESSED, "an address of its deploy stands in the A record")
    others = name_witnesses.verdicts(root, resources)
    return {**others, **dict.fromkeys(witnessed(root, resources), said)}


def _settled(root: Root, inventory: Inventory) -> Root:
    if root.problem:
        return root
    place = root.home.place
    for gap in inventory.gaps:
        # If a database server or RDS is out of reach, only its own kind is hidden, and not swept.
        if gap.place == place and gap.kind not in APART:
            why = f"{gap.kind}s of {place} could not be read: {gap.reason}"
            return replace(root, problem=why, cure=gap.cure, refusal=gap.refusal)
    problem = _contradiction(root, inventory)
    doubt = dispute(root.home, root.ledger.rooted, _ours(inventory, root.home))
    if doubt is not None and not problem:
        return replace(root, problem=doubt.problem, cure=doubt.cure)
    return replace(root, problem=problem)


def _contradiction(root: Root, inventory: Inventory) -> str:
    """Signs that the ledger is out of date or in another place than before."""
    return of_a_restored_zone(root.home, inventory) or _older(root, inventory)


def _older(root: Root, inventory: Inventory) -> str:
    ours = _ours(inventory, root.home)
    if root.ledger.gen == 0 and ours:
        return f"there is no ledger, yet {ours[0].id} is of {ours[0].deploy}"
    if root.fence > root.ledger.gen:
        return (
            f"generation {root.fence} has been obeyed, the ledger is at {root.ledger.gen}: it is "
            "older than it should be"
        )
    # Garbage is never a suspect: without suspects, no ownership has to be proved here.
    suspects = [one for one in ours if _may_be_lost(one, root)]
    resources = ownership.index(inventory.resources, root.home.place) if suspects else {}
    for one in suspects:
        if _is_lost(one, root, resources):
            return (
                f"{one.id} is labelled {one.tags.get('deploy-state')!r}, but the ledger does not "
                f"name {one.deploy}: the ledger may be older than it should be"
            )
    return _record_of_another(root, ours)


def _ours(inventory: Inventory, home: ServiceLocation) -> list[Resource]:
    return [one for one in inventory.resources if _claims(one, home)]


def _claims(one: Resource, home: ServiceLocation) -> bool:
    deploy = one.deploy
    return (
        deploy is not None
        and deploy.service == home.service
        and home.owns(one.tags.get("deploy-ledger"))
    )


def _may_be_lost(one: Resource, root: Root) -> bool:
    return one.label not in CONDEMNED and one.deploy not in root.ledger.rooted


def _is_lost(one: Resource, root: Root, resources: Things) -> bool:
    if _is_adopted(one, root):
        return True
    return not one.held and not ownership.doubt(one, root.home, resources)


def _is_adopted(one: Resource, root: Root) -> bool:
    """A backup of an adopted machine has its tags and hold, but not its kind and place."""
    return one.hold == HELD_BY_ADOPTION and not ownership.copied(one, root.home)


def _record_of_another(root: Root, ours: Iterable[Resource]) -> str:
    live = root.ledger.live
    if live is not None and root.record == live.at:
        return ""
    for deploy in witnessed(root, ours):
        if live is None or deploy != live.id:
            return f"the A record names {deploy}, which the ledger does not say is live"
    return ""


def _judge(
    resource: Resource,
    roots: Roots,
    resources: Things,
    seen: Mapping[str, Mapping[DeployId, tuple[Reason, str]]],
) -> Verdict:
    deploy = resource.deploy
    if deploy is None:
        return Verdict(resource, Reason.FOREIGN, "its deploy-id does not parse")
    root = roots.get(deploy.service)
    if root is None:
        return Verdict(resource, Reason.FOREIGN, f"service {deploy.service} is not configured here")
    return judge(RuleInput(resource, deploy, root, resources, seen[deploy.service]))


def judge(case: RuleInput, heard: Callable[[Rule, Verdict | None], None] | None = None) -> Verdict:
    """Runs the rules in order until one returns a verdict. `heard` is called after each rule."""
    for rule in RULES:
        verdict = rule(case)
        if heard is not None:
            heard(rule, verdict)
        if verdict is not None:
            return verdict
    return Verdict(case.resource, Reason.UNROOTED, f"the ledger does not name {case.deploy}")


def _foreign(case: RuleInput) -> Verdict | None:
    if not case.root.home.ledger:
        return Verdict(
            case.resource, Reason.UNKNOWN, case.root.problem
        )  # it is not known which resources are ours
    if case.root.home.owns(case.resource.tags.get("deploy-ledger")):
        return None
    return Verdict(case.resource, Reason.FOREIGN, "its tags name another ledger")


def _adopted(case: RuleInput) -> Verdict | None:
    """An adopted resource has no creation to prove, and no sweep deletes it."""
    if not _is_adopted(case.resource, case.root) or case.root.problem:
        return None
    ledger, deploy = case.root.ledger, case.deploy
    known = ownership.Adopted(ledger.addresses_of(deploy), ledger.instances_of(deploy))
    why = ownership.stands_in(case.resource, known, case.resources)
    if why:
        return Verdict(case.resource, Reason.LOOK_ALIKE, why)
    return _rooted(case) or Verdict(case.resource, Reason.HELD, "adopted: no deploy created it")


def _look_alike(case: RuleInput) -> Verdict | None:
    if case.resource.kind not in ownership.KINDS:
        return Verdict(case.resource, Reason.FOREIGN, f"a {case.resource.kind}: no kind of ours")
    why = ownership.doubt(case.resource, case.root.home, case.resources)
    return Verdict(case.resource, Reason.LOOK_ALIKE, why) if why else None


def _unknown(case: RuleInput) -> Verdict | None:
    problem = case.root.problem
    return Verdict(case.resource, Reason.UNKNOWN, problem) if problem else None


def _rooted(case: RuleInput) -> Verdict | None:
    current = role(case.root.ledger, case.deploy)
    if current is None:
        return None
    text = f"{case.deploy} is {current} in generation {case.root.ledger.gen}"
    return Verdict(case.resource, current, text)


def _witness(case: RuleInput) -> Verdict | None:
    said = case.witnessed.get(case.deploy)
    return Verdict(case.resource, *said) if said else None


def _held(case: RuleInput) -> Verdict | None:
    if not case.resource.held:
        return None
    why = case.resource.hold.strip() or "no reason was given"
    return Verdict(case.resource, Reason.HELD, f"deploy-hold: {why}")


def _lost(case: RuleInput) -> Verdict | None:
    if case.resource.label in CONDEMNED:
        return None
    label = case.resource.tags.get("deploy-state", "nothing")
    return Verdict(case.resource, Reason.LOST, f"not rooted, yet labelled {label!r}")


def _base(case: RuleInput) -> Verdict | None:
    """Keeps the image, whichever deploy made it: a configured service launches from it."""
    resource = case.resource
    why = case.root.bases.keeps(resource.id, resource.place) if resource.kind == IMAGE else ""
    return Verdict(resource, Reason.IN_USE, why) if why else None


def _shared(case: RuleInput) -> Verdict | None:
    if not case.resource.shared:
        return None
    return Verdict(case.resource, Reason.IN_USE, "it is shared with other accounts")


def _young(case: RuleInput) -> Verdict | None:
    if case.root.now - case.deploy.born >= case.root.min_age:
        return None
    return Verdict(case.resource, Reason.YOUNG, f"younger than {case.root.min_age}")


RULES: tuple[Rule, ...] = (
    _foreign,
    _adopted,
    _look_alike,
    _unknown,
    _rooted,
    _witness,
    _held,
    _lost,
    _base,
    _shared,
    _young,
)
"""In the order in which they run."""
