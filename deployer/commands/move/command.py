"""`deployer move`: gives a live service another record, or another hosted zone.

Inside a zone the ledger stays where it is, and its home changes in the batch that creates the new
name. Elsewhere the old ledger is closed first: it becomes a tombstone that keeps its content and
names the new address. Only then the new one is written, from the tombstone. At no moment do two
ledgers say who is live; an interrupted move is continued by running the command again. (In the
other order, a release under the old ledger would be garbage to the new one.)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

from deployer.checks import refusals
from deployer.checks.ledger_room import refuse_full
from deployer.checks.other_names import refuse_claimed
from deployer.checks.served import claim_groups, refuse_unclaimed, seen_through
from deployer.checks.service_state import refuse_gaps
from deployer.commands.move.retagging import retag
from deployer.commands.move.traffic_kind import as_traffic_finds_it, by_record, found_alike
from deployer.ports import Ports
from deployer.unfinished import followed
from reconciler.errors import ConfigError, LedgerUnknown, Refused
from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger, LedgerHome, Live
from reconciler.model.reading import LedgerAddress, Reading, decoded, located_at
from reconciler.model.resource import Inventory, Resource
from reconciler.ports.ledger_store import LedgerStore
from reconciler.ports.service import ManagedService


@dataclass(frozen=True)
class Move:
    """The planned changes of a move: shown, then carried out.

    old, new  the readings of both ledgers; the same one inside a zone
    closed    the old ledger as a tombstone; None inside a zone, or where it is already closed
    ledger    the content of the ledger at the new address
    was       the home before; None in a ledger of an older version
    """

    service: str
    old: Reading
    new: Reading
    closed: Ledger | None
    ledger: Ledger
    live: Live
    elsewhere: bool
    was: LedgerHome | None = None

    @property
    def home(self) -> LedgerHome:
        """The home after the move."""
        return _home(self.new.address)


Confirm = Callable[[Move], object]
"""Shows it and asks the user; raises for a no."""


def move(ports: Ports, confirm: Confirm, from_account: str = "") -> Move:
    """Move the service to the configured record; continues an interrupted move.

    `from_account` holds the old hosted zone, if it is not the account of the new one. Raises
    Refused, ConfigError, LedgerUnknown, CloudError.
    """
    address, store = ports.managed.address, ports.managed.ledgers
    found = _things(ports)
    # The ledgers last (rule 2).
    raw = store.raw(address)
    stands = decoded(address, raw.text)
    new = seen_through(ports, raw, stands.live_addresses)
    from_store = ports.ledgers_in(from_account) if from_account else store
    if stands.exists and not stands.moved:
        wanted = _inside(ports, new, stands, found)
    else:
        wanted = _elsewhere(ports, from_store, found, new)
    if wanted.closed is not None or not wanted.elsewhere:  # an interrupted move is finished
        refuse_full(wanted.ledger, wanted.live.id, new.now)
    refuse_unclaimed(ports, wanted.live.id)
    confirm(wanted)
    name = ports.managed.name
    again = f"deployer move {name}"
    closed = followed(f"the old ledger of {name} is closed", again)
    if wanted.closed is not None:
        from_store.swap(wanted.old, wanted.closed)
    with closed if wanted.closed is not None else nullcontext():
        if wanted.ledger != stands:
            at = wanted.live.at if ports.managed.traffic.in_batch else None
            store.swap(new, wanted.ledger, at)
    with followed(f"{name} has moved", again):
        retag(ports, found, wanted.ledger)
        claim_groups(ports, wanted.live.id)
    return wanted


def _things(ports: Ports) -> tuple[Resource, ...]:
    """The resources whose tags name the service. Raises the error of a part that was unreadable."""
    inventory = ports.managed.heap.scan()
    refuse_gaps(inventory)
    return tagged(ports.managed, inventory)


def tagged(managed: ManagedService, inventory: Inventory) -> tuple[Resource, ...]:
    """Resources that name the service and any ledger, in its account and region."""
    return tuple(
        resource
        for resource in inventory.resources
        if resource.deploy is not None
        and resource.deploy.service == managed.name
        and resource.place == managed.home.place
        and t.LEDGER in resource.tags
    )


def _inside(ports: Ports, reading: Reading, ledger: Ledger, found: tuple[Resource, ...]) -> Move:
    """The ledger stays where it is; its record gets the new name."""
    wanted = _home(reading.address)
    live = _live(ports, ledger, here=True)
    if ledger.home is not None and ledger.home.traffic != wanted.traffic:
        reading = seen_through(ports, reading)  # the address that stays a machine's own
        live = as_traffic_finds_it(reading, live, found)
        ledger = found_alike(live, ledger)
    _refuse_other_place(ports, ledger, live, found)
    _refuse_pointed_elsewhere(reading, live)
    refuse_claimed(ports.managed, live.at)
    new = ledger if ledger.home == wanted else ledger_transitions.rename(ledger, wanted, live)
    name = ports.managed.name
    return Move(name, reading, reading, None, new, live, elsewhere=False, was=ledger.home)


def _elsewhere(ports: Ports, store: LedgerStore, found: tuple[Resource, ...], new: Reading) -> Move:
    """The ledger goes to another zone or bucket, or from one to the other."""
    old = _old_address(new.address, found)
    seen = store.raw(old)
    ledger = decoded(old, seen.text)
    if not ledger.exists:
        raise Refused(
            f"there is no ledger {old.whereabouts}: nothing can be moved from it",
            cure=f"To write it anew from the labels     deployer recover {ports.managed.name}",
        )
    if ledger.home is not None:
        old = replace(old, record=ledger.home.record, traffic=ledger.home.traffic)
        seen = store.raw(old)
    live = _live(ports, ledger)
    _refuse_other_traffic(ports, old)
    new = seen_through(ports, new, live.at)
    _refuse_other_place(ports, ledger, live, found)
    _refuse_moved_record(seen, live)
    _refuse_pointed_elsewhere(new, live)
    refuse_claimed(ports.managed, live.at)
    to = str(new.address)
    if ledger.moved not in ("", to):
        raise _on_its_way(old, ledger.moved, to)
    closed = ledger if ledger.moved else ledger_transitions.close(ledger, to)
    ledger_there = ledger_transitions.reopen(closed, str(old), _home(new.address))
    to_close = None if ledger.moved else closed
    name = ports.managed.name
    return Move(name, seen, new, to_close, ledger_there, live, elsewhere=True, was=ledger.home)


def _on_its_way(old: LedgerAddress, moved: str, to: str) -> LedgerUnknown:
    return LedgerUnknown(
        f"the ledger {old.name} was moved to {moved}, not to {to}",
        cure=f"Finish that first, with a configuration whose `record` is in the zone of "
        f"{moved.partition('/')[2]}, then move it on:\ndeployer move {old.service}",
    )


def _old_address(new: LedgerAddress, resources: tuple[Resource, ...]) -> LedgerAddress:
    """The one other ledger that the service's live resources name."""
    live = (resource.tags for resource in resources if resource.label is t.Label.LIVE)
    named = {tags.get(t.LEDGER, "") for tags in live} - {str(new)}
    # Its record is unknown until the ledger is read: its own name has no A record.
    old = located_at(next(iter(named)), new.service) if len(named) == 1 else None
    if old is None:
        what = " and ".join(sorted(named)) or "no other ledger"
        raise Refused(
            f"what is live of {new.service} names {what}: where it is moved from is not known",
            cure=f"To bring it under a ledger here     deployer adopt {new.service}",
        )
    return old


def _home(address: LedgerAddress) -> LedgerHome:
    if address.home is None:
        raise AssertionError("a configured service has an account and a region")
    return address.home


def _reopen(service: str, home: LedgerHome | None) -> str:
    """A closed service keeps its ledger: a release at another record of the zone is refused."""
    record = f'record = "{home.record}"' if home else "the record that it had"
    return (
        f"To open it first, write {record} in services/{service}.toml, make that an A record of "
        f"its machines, then   deployer recover {service}"
    )


def _live(ports: Ports, ledger: Ledger, *, here: bool = False) -> Live:
    name = ports.managed.name
    if ledger.lease is not None:
        raise Refused(
            f"{ledger.lease.id} holds the lease of {name}, in `{ledger.lease.step}`",
            cure=f"wait for it, or with the configuration that it uses:\ndeployer abort {name}",
        )
    if ledger.left is not None:
        raise refusals.gone(name, ledger.left)
    if ledger.live is None:
        raise Refused(
            f"nobody of {name} is live: there is nothing to move",
            cure=_reopen(name, ledger.home) if here else f"To begin there     deployer up {name}",
        )
    return ledger.live


def _refuse_other_place(
    ports: Ports, ledger: Ledger, live: Live, found: tuple[Resource, ...]
) -> None:
    """Refuse another account or region: machines cannot move there.

    A ledger of an older version does not name its account and region: its live must be seen here.
    """
    home, place = ledger.home, ports.managed.home.place
    name = ports.managed.name
    if home is None and not any(one.deploy in ledger.rooted for one in found):
        raise Refused(
            f"nothing that the ledger of {name} names is in {place}: whether {name} lives there is "
            "not known",
            cure=f"correct `account` and `region` in services/{name}.toml, then again",
        )
    if home is None or (home.account, home.region) == (place.account, place.region):
        return
    raise ConfigError(
        f"{name} is live in {home.account}/{home.region}, the configuration says {place}: a move "
        "changes record and zone, not where the machines are",
        cure=(
            f"To begin anew there, in a file of another name: close {name} here first, with the "
            f"configuration that it has had\ndeployer retire {name} --nobody-live {live.id}"
        ),
    )


def _refuse_other_traffic(ports: Ports, old: LedgerAddress) -> None:
    """The claim of a record and its switch are one store's; so one change at a time."""
    new = ports.managed.address
    same = old.traffic == new.traffic or (by_record(old) and by_record(new))
    if (new.bucket or old.bucket) and not same:
        raise Refused(
            f"{old.service} goes from {old.whereabouts} to {new.whereabouts} and gets other "
            "traffic: that is two moves",
            cure=f"leave one of `ledger` and `[traffic]` in services/{old.service}.toml as it was, "
            f"move, then change the other and move again:\ndeployer move {old.service}",
        )


def _refuse_moved_record(old: Reading, live: Live) -> None:
    """People win (rule 11): a record that somebody changed must be settled first."""
    if old.a is not None and old.a.addresses != live.at:
        said = ", ".join(old.a.addresses)
        raise Refused(
            f"the A record {old.address.record} says {said}, the ledger last wrote "
            f"{', '.join(live.at)}: somebody moved it",
            cure="settle that first, with the configuration that names the old record:\n"
            f"deployer status {old.address.service}",
        )


def _refuse_pointed_elsewhere(new: Reading, live: Live) -> None:
    if new.a is not None and new.a.addresses != live.at:
        raise Refused(
            f"{new.address.record} says {', '.join(new.a.addresses)}, {live.id} is at "
            f"{', '.join(live.at)}: the new name serves somebody else",
            cure=f"remove the A record {new.address.record}, or point it to {', '.join(live.at)}",
        )
