"""The rules of `mark`, each with what it reads, for `explain`. Pure.

All can only keep: labels, holds, doubts and contradictions protect; only the ledger condemns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.gc import ownership
from reconciler.gc.ownership import Things
from reconciler.gc.verdict import CONDEMNED, Reason, Role, Root, Verdict, decider, role
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.resource import IMAGE, TARGET_GROUP, Resource, hold_of
from reconciler.model.tags import HELD_BY_ADOPTION, LEDGER, PART, STATE
from reconciler.traffic.target_group import Around, GroupState, state_of
from reconciler.util.duration import format_duration


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


@dataclass(frozen=True)
class Rule:
    """`check` gives a verdict or leaves it to the next rule; `evidence` is what it reads, in words.

    `reads_ledger`: the evidence is of the time of the ledger, not of the inventory. Without any
    evidence the rule does not concern the service.
    """

    name: str
    evidence: Callable[[RuleInput], str]
    check: Callable[[RuleInput], Verdict | None]
    reads_ledger: bool = False


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
    if not ownership.is_adopted(case.resource, case.root.home) or case.root.problem:
        return None
    entry = case.root.ledger.find_served(case.deploy)
    known = ownership.Adopted(entry.at, entry.ids) if entry else ownership.Adopted()
    why = ownership.stands_in(case.resource, known, case.resources)
    if why:
        return Verdict(case.resource, Reason.LOOK_ALIKE, why)
    return _rooted(case) or Verdict(case.resource, Reason.HELD, "adopted: no deploy created it")


_BY_STATE: Mapping[GroupState, Role | Reason] = {
    GroupState.LEASED: Role.LEASE,
    GroupState.LIVE: Role.LIVE,
    GroupState.SERVING: Reason.WITNESSED,
    GroupState.DRAINING: Reason.DRAINING,
    GroupState.FREE: Reason.UNROOTED,
}


def _target_group(case: RuleInput) -> Verdict | None:
    """Traffic, not only the role of its deploy, says what becomes of a target group.

    Those of a deploy that the ledger does not name are also judged by the rules after this one.
    """
    state = _state_of(case)
    current = role(case.root.ledger, case.deploy)
    if state is None or current in (Role.KEPT, Role.LEFT):
        return None
    if state[0] is GroupState.FREE and (current is None or case.resource.held):
        return _held(case)
    return Verdict(case.resource, _BY_STATE[state[0]], state[1])


def _state_of(case: RuleInput) -> tuple[GroupState, str] | None:
    root, resource = case.root, case.resource
    if resource.kind != TARGET_GROUP or root.traffic is None:
        return None
    groups = tuple(one for one in case.resources.values() if one.kind == TARGET_GROUP)
    unfinished = root.is_unfinished(case.resources.values())
    return state_of(resource, Around(root.ledger, root.traffic, root.now, unfinished, groups))


def _look_alike(case: RuleInput) -> Verdict | None:
    if case.resource.kind not in ownership.KINDS:
        return Verdict(case.resource, Reason.FOREIGN, f"a {case.resource.kind}: no kind of ours")
    why = ownership.doubt(case.resource, case.root.home, case.resources)
    return Verdict(case.resource, Reason.LOOK_ALIKE, why) if why else None


def _unknown(case: RuleInput) -> Verdict | None:
    problem = case.root.problem
    return Verdict(case.resource, Reason.UNKNOWN, problem) if problem else None


def _rooted(case: RuleInput) -> Verdict | None:
    ledger = case.root.ledger
    deploy = decider(ledger, case.resource)
    current = role(ledger, deploy) if deploy is not None else None
    if current is None:
        return None
    text = f"{deploy} is {current} in generation {ledger.gen}"
    if deploy == case.deploy:
        return Verdict(case.resource, current, text)
    return Verdict(case.resource, current, f"{text}, and uses it", deploy)


def _witness(case: RuleInput) -> Verdict | None:
    witness = case.witnessed.get(case.deploy)
    return Verdict(case.resource, *witness) if witness else None


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
    """People have given it to others, or have protected it: it is theirs to decide (rule 11)."""
    if case.resource.protected:
        return Verdict(case.resource, Reason.IN_USE, PROTECTED)
    if not case.resource.shared:
        return None
    return Verdict(case.resource, Reason.IN_USE, "it is shared with other accounts")


def _young(case: RuleInput) -> Verdict | None:
    if case.root.now - case.deploy.born >= case.root.min_age:
        return None
    return Verdict(case.resource, Reason.YOUNG, f"younger than {case.root.min_age}")


def _whose(case: RuleInput) -> str:
    own = case.root.home.ledger or "not known"
    named = case.resource.tags.get(LEDGER, "nothing")
    return f"its tags name {named}, the service's" if named == own else f"{named}; ours is {own}"


def _adoption(case: RuleInput) -> str:
    return (
        "adopted: no deploy created it" if case.resource.hold == HELD_BY_ADOPTION else "not adopted"
    )


def _born(case: RuleInput) -> str:
    """What proves the ownership, as far as this kind has it: see `ownership`."""
    resource = case.resource
    proof = {
        PART: resource.tags.get(PART, "missing"),
        "token": resource.token,
        "name": resource.name,
        "source": resource.source,
        "created": f"{resource.created:%Y-%m-%d %H:%M:%S}" if resource.created else "",
    }
    return ", ".join(f"{name} {value}" for name, value in proof.items() if value)


def _known(case: RuleInput) -> str:
    root = case.root
    fence = f", at most {root.fence} obeyed" if root.fence else ""
    return root.problem or f"generation {root.ledger.gen}{fence}; nothing contradicts it"


def _roots(case: RuleInput) -> str:
    ledger = case.root.ledger
    names = [_named(ledger, deploy) for deploy in sorted(ledger.rooted)]
    return f"generation {ledger.gen} roots {', '.join(names) or 'nothing'}"


def _named(ledger: Ledger, deploy: DeployId) -> str:
    owner = ledger.database_of(deploy)
    shares = f" (uses the database of {owner})" if owner != deploy else ""
    return f"{role(ledger, deploy)} {deploy}{shares}"


def _record(case: RuleInput) -> str:
    record = ", ".join(case.root.record) or "nothing"
    witness = case.witnessed.get(case.deploy)
    if case.root.traffic is not None:
        return witness[1] if witness else "no route sends requests to its deploy"
    return f"the A record says {record}: {witness[1] if witness else 'no address of its deploy'}"


def _traffic(case: RuleInput) -> str:
    traffic = case.root.traffic
    if traffic is None:
        return ""
    if case.resource.kind == TARGET_GROUP or any(route.address for route in traffic.routes):
        return "; ".join(map(str, traffic.routes))
    return "no target group behind a route"


def _age(case: RuleInput) -> str:
    least, born = case.root.min_age, f"born {case.deploy.born:%Y-%m-%d %H:%M:%S}"
    return f"{born}; min_age {format_duration(least)}" if least else f"{born}; no min_age"


def _hold(case: RuleInput) -> str:
    return hold_of(case.resource)


def _label(case: RuleInput) -> str:
    return case.resource.tags.get(STATE, "none")


def _configured(case: RuleInput) -> str:
    return case.root.bases.keeps(case.resource.id, case.resource.place) or "no"


def _sharing(case: RuleInput) -> str:
    if case.resource.protected:
        return PROTECTED
    return "yes" if case.resource.shared else "no"


PROTECTED = "people have protected it against deregistration"

RULES = (
    Rule("ledger", _whose, _foreign),
    Rule("adopted", _adoption, _adopted),
    Rule("birth", _born, _look_alike),
    Rule("known", _known, _unknown, reads_ledger=True),
    Rule("traffic", _traffic, _target_group, reads_ledger=True),
    Rule("rooted", _roots, _rooted, reads_ledger=True),
    Rule("record", _record, _witness, reads_ledger=True),
    Rule("hold", _hold, _held),
    Rule("label", _label, _lost),
    Rule("configured", _configured, _base, reads_ledger=True),
    Rule("shared", _sharing, _shared),
    Rule("age", _age, _young, reads_ledger=True),
)
"""In the order in which they run."""
