"""The guard's check of the other DNS names (rule 13): a switch would leave their clients behind.

If only one of two names is switched, clients of the other use a machine whose database refuses
writes. So before any create, no other name may hold an address of live, except the names that move
along (`also`) and the names that the user accepts (`--despite`).
"""

from __future__ import annotations

from collections.abc import Sequence

from deployer.checks import refusals
from deployer.release.context import ReleaseInputs
from reconciler.gc.verdict import Role
from reconciler.model.ledger import Live
from reconciler.model.ledger_home import owner
from reconciler.model.reading import Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.plan.service_plan import ServicePlan
from reconciler.sweep.name_listing import read_names


def refuse_names(run: ReleaseInputs, service_plan: ServicePlan, reading: Reading) -> None:
    """Raise Refused if a name would be left behind, AccessDenied if names cannot be listed."""
    service = run.ports.service
    says = reading.a.addresses if reading.a else ()
    for name, a in reading.also:
        there = a.addresses if a else ()
        if there != says:
            raise refusals.apart(service.name, name, there, says)
    taken = _neighbours(run, service.also, says)
    if taken:
        raise refusals.neighbours_also(service.name, taken)
    live = reading.ledger.live
    if live is None:
        return
    names = read_names(run.ports.managed)
    if names.problem:
        raise refusals.names_unread(service.name, names)
    others = names.without({*service.also, *run.options.despite})
    found = others.holding(addresses(live, _machines(service_plan)))
    if found:
        held = {name: others.held[name] for name in found}
        taken = _neighbours(run, found, live.at)
        names_ = refusals.Behind(service.record, service.also, held, taken)
        raise refusals.left_behind(live, service.name, names_)


def _neighbours(run: ReleaseInputs, names: Sequence[str], at: Sequence[str]) -> dict[str, str]:
    """The names that are another ledger's record: the releases of that service move them."""
    managed = run.ports.managed
    ledgers = managed.ledgers.neighbours(managed.address) if names else {}
    owners = {name: owner(name, at, ledgers) for name in names}
    return {one: ledger for one, ledger in owners.items() if ledger}


def addresses(live: Live, machines: tuple[Resource, ...]) -> set[str]:
    """Every address of the live machines: private, public and elastic."""
    return {*live.at, *(address for machine in machines for address in machine.addresses)}


def _machines(service_plan: ServicePlan) -> tuple[Resource, ...]:
    found = (verdict.resource for verdict in service_plan.verdicts if verdict.reason is Role.LIVE)
    return tuple(one for one in found if one.kind == INSTANCE)
