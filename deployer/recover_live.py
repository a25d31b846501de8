"""Who is live, where only the A record and the labels can tell. Pure.

The A record tells. Where it is gone, or names a stranger, nothing is guessed while anything is
labelled live: nobody is unlived by absence (rule 14).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.cloud import Reading
from reconciler.deploy_id import DeployId
from reconciler.errors import Refused
from reconciler.ledger import Ledger, Live
from reconciler.resource import INSTANCE, Resource
from reconciler.tags import HELD_BY_ADOPTION, Label

Things = Mapping[DeployId, Sequence[Resource]]


def live(service: str, things: Things, reading: Reading, old: Ledger | None) -> Live | None:
    """The deploy that the A record names; None where there is no record and nobody served.

    Raises Refused for a record that is gone although something is labelled live, for one that
    names no deploy or two, and for one that names only a part.
    """
    if reading.a is None:
        _refuse_absent(service, things, reading, old)
        return None
    at = reading.a.addresses
    named = [deploy for deploy, all_ in things.items() if _machines_at(all_, at)]
    if len(named) != 1:
        raise _undecided(service, named, things, reading)
    machines = _machines(things[named[0]])
    held = {address for one in machines for address in one.addresses}
    if not set(at) <= held:
        raise Refused(
            f"{named[0]} holds only some of the addresses in the A record ({', '.join(at)})",
            cure="point the record at the machines of one deploy",
        )
    return Live(named[0], at, _adopted(_machines_at(machines, at)))


def _adopted(machines: Sequence[Resource]) -> tuple[str, ...]:
    """The instances that no token proves: the ledger remembers them (rule 15)."""
    return tuple(sorted(one.id for one in machines if one.hold == HELD_BY_ADOPTION))


def _machines(things: Sequence[Resource]) -> list[Resource]:
    return [one for one in things if one.kind == INSTANCE]


def _machines_at(things: Sequence[Resource], at: Sequence[str]) -> list[Resource]:
    return [one for one in _machines(things) if set(at) & set(one.addresses)]


def _labelled_live(things: Things) -> list[DeployId]:
    return sorted(
        deploy for deploy, all_ in things.items() if any(one.label is Label.LIVE for one in all_)
    )


def _refuse_absent(service: str, things: Things, reading: Reading, old: Ledger | None) -> None:
    found = _labelled_live(things)
    if not found:
        return
    deploy = found[-1]
    known = old.addresses_of(deploy) if old else ()
    all_ = [address for one in _machines(things[deploy]) for address in one.addresses]
    at = ", ".join(known or all_) or "its machines' addresses"
    raise Refused(
        f"{reading.address.record} has no A record, but {deploy} is labelled live: nothing is "
        "written that would unlive it",
        cure=(
            f"If `record` in services/{service}.toml is misspelt     correct it\n"
            f"If the A record was removed by mistake   make it again: {at}\n"
            f"If the service is closed   deployer retire {service} --nobody-live {deploy}"
        ),
    )


def _undecided(
    service: str, named: Sequence[DeployId], things: Things, reading: Reading
) -> Refused:
    at = reading.a.addresses if reading.a else ()
    what = "no deploy" if not named else " and ".join(str(one) for one in named)
    found = ", ".join(str(one) for one in _labelled_live(things))
    beside = f" ({found} is labelled live)" if found else ""
    return Refused(
        f"the A record says {', '.join(at)}, which {what} of the service holds{beside}: who is "
        "live is not to be told from that",
        cure=f"point {reading.address.record} at the machines of one deploy, then:\n"
        f"deployer recover {service}",
    )
