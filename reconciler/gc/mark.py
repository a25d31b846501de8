"""Mark: which resources are kept and which are garbage, each with its reason. Pure.

    (resources, roots, policy) -> verdicts

The rules run in order; the first that returns a verdict decides. All but the last can only keep:
labels, holds, doubts and contradictions protect; only the ledger condemns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.gc import name_witnesses, ownership
from reconciler.gc.database_claims import dispute
from reconciler.gc.misplaced_ledger import of_a_restored_zone
from reconciler.gc.ownership import ServiceLocation, Things
from reconciler.gc.references import spare
from reconciler.gc.rules import RULES, Rule, RuleInput
from reconciler.gc.verdict import CONDEMNED, Reason, Root, Roots, Verdict
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import APART, GROUP, RDS_INSTANCE, Inventory, Resource

OnRule = Callable[[Rule, Verdict | None], None]


def mark(inventory: Inventory, roots: Roots) -> tuple[Verdict, ...]:
    """A verdict for every resource, in the inventory's order."""
    roots = settled(inventory, roots)
    places = {resource.place for resource in inventory.resources}
    resources = {place: ownership.index(inventory.resources, place) for place in places}
    by_service = {name: witnesses(root, inventory.resources) for name, root in roots.items()}
    verdicts = [
        _judge(resource, roots, resources[resource.place], by_service)
        for resource in inventory.resources
    ]
    return spare([_maybe_in_use(verdict, inventory) for verdict in verdicts], roots)


def _maybe_in_use(verdict: Verdict, inventory: Inventory) -> Verdict:
    """An RDS instance that could not be read may be in any group."""
    resource = verdict.resource
    if resource.kind != GROUP or not verdict.collect:
        return verdict
    hidden = any(gap.kind == RDS_INSTANCE and gap.place == resource.place for gap in inventory.gaps)
    why = "RDS instances could not be read: one may be in it"
    return Verdict(resource, Reason.IN_USE, why) if hidden else verdict


def settled(inventory: Inventory, roots: Roots) -> Roots:
    """The roots, with the problems that only the inventory shows (rule 6)."""
    return {name: _settled(root, inventory) for name, root in roots.items()}


def problems(inventory: Inventory, roots: Roots) -> dict[str, str]:
    """The services whose resources must not be changed, and why."""
    found = settled(inventory, roots)
    return {name: root.problem for name, root in found.items() if root.problem}


def witnessed(root: Root, resources: Iterable[Resource]) -> frozenset[DeployId]:
    """The deploys that have an address in the A record: kept whole (rule 9)."""
    led_to = set(root.record) | (root.traffic.witnesses if root.traffic else set())
    served = root.traffic.served if root.traffic else frozenset()
    return served | frozenset(
        resource.deploy
        for resource in resources
        if resource.deploy is not None and not led_to.isdisjoint((*resource.addresses, resource.id))
    )


def witnesses(root: Root, resources: Sequence[Resource]) -> Mapping[DeployId, tuple[Reason, str]]:
    """The deploys that the A record (rule 9) or another name (rule 13) points to, with reasons."""
    said = "a route sends requests to its deploy"
    if root.traffic is None:
        said = "an address of its deploy stands in the A record"
    reason = (Reason.WITNESSED, said)
    others = name_witnesses.verdicts(root, resources)
    return {**others, **dict.fromkeys(witnessed(root, resources), reason)}


def _settled(root: Root, inventory: Inventory) -> Root:
    if root.problem:
        return root
    place = root.home.place
    for gap in inventory.gaps:
        # If a database server or RDS is out of reach, only its own kind is hidden, and not swept.
        if gap.place == place and gap.kind not in APART:
            why = f"{gap.kind}s of {place} could not be read: {gap.reason}"
            return replace(root, problem=why, cure=gap.cure, refusal=gap.refusal)
    ours = _ours(inventory, root.home)
    problem = _contradiction(root, inventory)
    moved = "" if problem else _record_of_another(root, ours)
    doubt = dispute(root.home, root.ledger, ours)
    if doubt is not None and not (problem or moved):
        return replace(root, problem=doubt.problem, cure=doubt.cure)
    # Where the ledger itself is in doubt, traffic would be given to who was live once.
    cure = f"To give traffic to who is live   deployer traffic {root.home.service} --follow"
    follows = moved and root.traffic is not None
    return replace(root, problem=problem or moved, cure=cure if follows else root.cure)


def _contradiction(root: Root, inventory: Inventory) -> str:
    """Signs that the ledger is out of date or in another place than before."""
    return of_a_restored_zone(root.home, inventory) or _older(root, inventory)


def _older(root: Root, inventory: Inventory) -> str:
    ours = _ours(inventory, root.home)
    if root.ledger.gen == 0 and ours:
        return f"the ledger is gone, but {ours[0].kind} {ours[0].id} carries id {ours[0].deploy}"
    if root.fence > root.ledger.gen:
        return (
            f"generation {root.fence} has been obeyed, the ledger is at {root.ledger.gen}: it is "
            "older than it should be"
        )
    # Garbage is never a suspect: without suspects, no ownership has to be proved here.
    suspects = [resource for resource in ours if _may_be_lost(resource, root)]
    resources = ownership.index(inventory.resources, root.home.place) if suspects else {}
    for resource in suspects:
        if _is_lost(resource, root, resources):
            return (
                f"{resource.id} is labelled {resource.tags.get('deploy-state')!r}, but the ledger "
                f"does not name {resource.deploy}: the ledger may be older than it should be"
            )
    return ""


def _ours(inventory: Inventory, home: ServiceLocation) -> list[Resource]:
    return [resource for resource in inventory.resources if _claims(resource, home)]


def _claims(resource: Resource, home: ServiceLocation) -> bool:
    deploy = resource.deploy
    return (
        deploy is not None
        and deploy.service == home.service
        and home.owns(resource.tags.get("deploy-ledger"))
    )


def _may_be_lost(resource: Resource, root: Root) -> bool:
    return resource.label not in CONDEMNED and resource.deploy not in root.ledger.rooted


def _is_lost(resource: Resource, root: Root, resources: Things) -> bool:
    if ownership.is_adopted(resource, root.home):
        return True
    return not resource.held and not ownership.doubt(resource, root.home, resources)


def _record_of_another(root: Root, ours: Iterable[Resource]) -> str:
    live, left, ours = root.ledger.live, root.ledger.left, list(ours)
    if root.leads_to_live or (root.traffic is not None and root.is_unfinished(ours)):
        return ""
    names = "the A record names" if root.traffic is None else "a route sends requests to"
    for deploy in witnessed(root, ours):
        if live is None or deploy != live.id:
            if left is not None and deploy == left.id:
                continue  # it serves on, and is not ours any more
            return f"{names} {deploy}, which the ledger does not say is live"
    return ""


def _judge(
    resource: Resource,
    roots: Roots,
    resources: Things,
    by_service: Mapping[str, Mapping[DeployId, tuple[Reason, str]]],
) -> Verdict:
    deploy = resource.deploy
    if deploy is None:
        return Verdict(resource, Reason.FOREIGN, "its deploy-id does not parse")
    root = roots.get(deploy.service)
    if root is None:
        why = f"of service {deploy.service}, which this run does not look at"
        return Verdict(resource, Reason.FOREIGN, why)
    return judge(RuleInput(resource, deploy, root, resources, by_service[deploy.service]))


def judge(case: RuleInput, on_rule: OnRule | None = None) -> Verdict:
    """Runs the rules in order until one returns a verdict. `on_rule` is called after each rule."""
    for rule in RULES:
        verdict = rule.check(case)
        if on_rule is not None:
            on_rule(rule, verdict)
        if verdict is not None:
            return verdict
    return Verdict(case.resource, Reason.UNROOTED, f"the ledger does not name {case.deploy}")
