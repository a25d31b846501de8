"""Changes of the A record since the ledger last wrote it: a stop and start, or people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.gc.mark import witnessed
from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Live, Previous
from reconciler.model.resource import INSTANCE, Plain, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, LEDGER
from reconciler.plan import traffic_work
from reconciler.traffic.release_addresses import Machines, addresses_of, existing


def cure(root: Root) -> str:
    """What to do about a record that somebody moved or removed: where there are `notes`."""
    service, live = root.home.service, root.ledger.live
    if root.traffic is not None or live is None:
        return f"To give traffic to who is live   deployer traffic {service} --follow"
    return _cure_of_moved(root, live)


def _cure_of_moved(root: Root, live: Live) -> str:
    service, home = root.home.service, root.ledger.home
    name = home.record if home else f"the record of {service}"
    back = f"make {name} an A record of {', '.join(live.at)}"
    if root.record:
        return (
            f"To put it back                   {back}\n"
            f"To accept what the record says   deployer adopt {service} --replace {live.id}\n"
            f"To write the ledger anew         deployer recover {service}"
        )
    return (
        f"To put it back          {back}\n"
        f"To close the service    deployer retire {service} --nobody-live {live.id}"
    )


def new_addresses(verdicts: tuple[Verdict, ...], root: Root, plain: Plain) -> tuple[str, ...]:
    """The live machines' addresses if a stop and start changed them (rule 11), else ().

    Only if the record still has what the ledger wrote, and only a complete set. Names in `also`
    that people moved are not changed (`reconciler.aws.route53.swap`). The record never points to
    a machine that only carries live's tags (copied by hand).
    """
    live = root.ledger.live
    if live is None or root.record != live.at or (live.id, INSTANCE) in plain:
        return ()
    machines = [
        verdict.resource
        for verdict in verdicts
        if verdict.resource.kind == INSTANCE and verdict.reason is Role.LIVE
    ]
    if not live.ids and any(machine.hold == HELD_BY_ADOPTION for machine in machines):
        return ()  # an older ledger: the adopted machine and a copy of it cannot be told apart
    if any(machine.state != "running" for machine in machines):
        return ()
    now = at_now(live.at, machines)
    return () if set(now) == set(live.at) else now


def at_now(at: tuple[str, ...], machines: Sequence[Resource]) -> tuple[str, ...]:
    """The addresses for the record, after a stop and start; () while they are incomplete.

    Each machine keeps its address in `at`, or gets its public one: a private address survives a
    stop, so the changed one was public. A machine without a public address (yet) makes the set
    incomplete: the record never gets an address clients cannot reach.
    """
    kept = [next((a for a in machine.addresses if a in at), None) for machine in machines]
    new = {
        address or machine.public[0]
        for address, machine in zip(kept, machines, strict=True)
        if address or machine.public
    }
    return tuple(sorted(new)) if len(new) == len(at) == len(machines) else ()


def notes(root: Root) -> tuple[str, ...]:
    """Notes about a record that people moved (rule 11): it is not moved back."""
    if root.traffic is not None:
        return traffic_work.notes(root)
    live = root.ledger.live
    if live is None or root.record == live.at:
        return ()
    current = ", ".join(root.record) or "nothing"
    wrote = ", ".join(live.at)
    note = f"the A record says {current}, the ledger last wrote {wrote}: somebody moved it"
    return (f"{note}; it is not moved back",)


def machines_of(verdicts: Iterable[Verdict]) -> Machines:
    """The machines in these verdicts by deploy; none that is foreign, a look-alike or ended."""
    found: dict[DeployId, list[Resource]] = {}
    for verdict in verdicts:
        machine, deploy = verdict.resource, verdict.deploy
        doubted = verdict.reason in (Reason.FOREIGN, Reason.LOOK_ALIKE)
        if machine.kind == INSTANCE and deploy is not None and not doubted:
            found.setdefault(deploy, []).extend(existing([machine]))
    return found


def may_stand_in_record(root: Root, resources: Sequence[Resource]) -> frozenset[DeployId]:
    """The previous deploys that the A record leads to, or may lead to: not forgotten (rule 9).

    While the record says exactly what the ledger wrote for live, only a described address counts.
    """
    found = set(witnessed(root, resources))
    live, record = root.ledger.live, set(root.record)
    moved = bool(record) and (live is None or root.record != live.at)
    for entry in root.ledger.previous:
        unknown = moved and not addresses_of(entry, _proved(root, entry, resources))
        if unknown or record.intersection(entry.at):
            found.add(entry.id)
    return frozenset(found)


def _proved(root: Root, entry: Previous, resources: Iterable[Resource]) -> list[Resource]:
    """Its machines, without those that only have its tags: a copy hides that another is gone."""
    return [
        resource
        for resource in resources
        if resource.kind == INSTANCE
        and resource.deploy == entry.id
        and root.home.owns(resource.tags.get(LEDGER))
        and (resource.id in entry.ids or entry.id.owns_token(resource.token, resource.zone))
    ]
