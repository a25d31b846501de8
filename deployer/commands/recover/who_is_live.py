"""Determines the live deploy, where only the A record and the labels are left. Pure.

The A record decides. Where it is gone, or names a foreign machine, nothing is guessed: nobody is
unlived by absence (rule 14). The labels alone do not decide either: a release that went live just
now is still labelled `pending`, and the one it replaced may be labelled `retired` already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live
from reconciler.model.reading import Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, Label

Things = Mapping[DeployId, Sequence[Resource]]


def live(
    service: str, resources: Things, reading: Reading, old: Ledger, replace: str = ""
) -> Live | None:
    """The deploy that the A record names; None for a service that is closed, or never served.

    Without a record only a readable ledger can say that a service is closed. Raises Refused for a
    record that is gone, that names no deploy or two, or only some addresses of one, or that names a
    retired deploy while another, not named by `replace`, is labelled live.
    """
    if reading.a is None:
        if resources and (not old.exists or old.live is not None):
            raise _absent(service, resources, reading, old)
        return None
    at = reading.a.addresses
    named = [deploy for deploy, all_ in resources.items() if _machines_at(all_, at)]
    if len(named) != 1:
        raise _undecided(service, named, resources, reading)
    machines = machines_of(resources[named[0]])
    held = {address for machine in machines for address in machine.addresses}
    if not set(at) <= held:
        raise Refused(
            f"{named[0]} holds only some of the addresses in the A record ({', '.join(at)})",
            cure="point the record at the machines of one deploy",
        )
    _refuse_unnamed(service, named[0], resources, replace)
    # The instances that no token proves: the ledger stores their ids (rule 15).
    adopted = (one.id for one in _machines_at(machines, at) if one.hold == HELD_BY_ADOPTION)
    return Live(named[0], at, tuple(sorted(adopted)))


def refuse_nothing(service: str, reading: Reading, resources: Things, generation: int) -> None:
    """Refuse to write an empty ledger: it roots nothing, and would block a `move` to it."""
    if resources or reading.text or reading.a is not None or generation > 0:
        return
    raise Refused(
        f"nothing of {service} is found, and no ledger {reading.address.name}: there is nothing to "
        "recover",
        cure=(
            f"If it is live elsewhere     correct `record`, `account` and `region` in "
            f"services/{service}.toml\n"
            f"If it was never released     deployer up {service}"
        ),
    )


def _refuse_unnamed(service: str, named: DeployId, resources: Things, replace: str) -> None:
    """No release points the record at a retired deploy: a rollback labels it `pending` before.

    So a person did, or the zone is from an old backup. If it were written, the live database would
    be closed and an older one opened, whatever was written in between: a rollback without its
    checks. The user names the deploy that is left, or nothing is written (rule 14).
    """
    if not any(machine.label is Label.RETIRED for machine in machines_of(resources[named])):
        return
    others = [one for one in _labelled_live(resources) if one != named and str(one) != replace]
    if not others:
        return
    left = others[-1]
    at = ", ".join(a for machine in machines_of(resources[left]) for a in machine.addresses)
    raise Refused(
        f"the A record names {named}, which is retired, and {left} is labelled live: with this "
        f"ledger the database of {left} would be shut, and what it holds left behind",
        cure=(
            f"If it was moved by mistake, or is of an old backup     point it back to {at}, then   "
            f"deployer recover {service}\n"
            f"To go back, with the writes counted     the same, and afterwards   "
            f"deployer rollback {service} --to {named}\n"
            f"To leave behind what was written     deployer recover {service} --replace {left}"
        ),
    )


def machines_of(resources: Iterable[Resource]) -> list[Resource]:
    """The instances among the resources."""
    return [resource for resource in resources if resource.kind == INSTANCE]


def _machines_at(resources: Sequence[Resource], at: Sequence[str]) -> list[Resource]:
    return [machine for machine in machines_of(resources) if set(at) & set(machine.addresses)]


def _labelled_live(resources: Things) -> list[DeployId]:
    return sorted(
        deploy for deploy, all_ in resources.items() if any(one.label is Label.LIVE for one in all_)
    )


def _absent(service: str, resources: Things, reading: Reading, old: Ledger) -> Refused:
    live = old.live
    if live is not None:
        who, at = f"{live.id} is live by the ledger", ", ".join(live.at)
        closed = f"deployer retire {service} --nobody-live {live.id}"
    else:
        found = _labelled_live(resources)
        who = f"{found[-1]} is labelled live" if found else "there are machines of it"
        machines = machines_of(resources[found[-1]]) if found else []
        at = (
            ", ".join(a for machine in machines for a in machine.addresses)
            or "of the live machines"
        )
        closed = f"deployer recover {service} --nobody-live"
    return Refused(
        f"{reading.address.record} has no A record, but {who}: nothing is written that would "
        "unlive it",
        cure=(
            f"If `record` in services/{service}.toml is misspelt     correct it\n"
            f"If the A record was removed by mistake   make it again: {at}\n"
            f"If the service is closed   {closed}"
        ),
    )


def _undecided(
    service: str, named: Sequence[DeployId], resources: Things, reading: Reading
) -> Refused:
    at = reading.a.addresses if reading.a else ()
    what = "no deploy" if not named else " and ".join(str(one) for one in named)
    found = ", ".join(str(one) for one in _labelled_live(resources))
    beside = f" ({found} is labelled live)" if found else ""
    return Refused(
        f"the A record says {', '.join(at)}, which {what} of the service holds{beside}: who is "
        "live is not to be told from that",
        cure=f"point {reading.address.record} at the machines of one deploy, then:\n"
        f"deployer recover {service}",
    )
