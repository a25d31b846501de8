"""Reads the ledgers of a run, between its two maps.

One process reads all of them, so that an account's Route 53, which answers five calls a second, has
one reader. The inventories are listed before the first ledger is read: each of these ledgers is
younger than the inventory that it judges (rule 2), whatever the workers' clocks say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.config.service import Service
from reconciler.errors import AccessDenied, CloudError, ConfigError, ToolError
from reconciler.model.coverage import GLOBAL, LEDGER, Read, ReadStatus
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.tags import AccountRegion
from reconciler.sweep.scopes.cell import ScopeCell, scope_of
from reconciler.sweep.scopes.frozen_ledgers import FrozenLedgers
from reconciler.sweep.scopes.run_files import INVENTORY, RunFiles, key_of
from reconciler.util.concurrency import side_by_side
from reconciler.wiring.edges import Edges

ZONE_RATE = 4.0
"""Calls a second to an account's Route 53, of the five that it answers: one is left to releases."""


@dataclass
class _Ledgers:
    """The ledgers of all services, as read; by service."""

    answers: dict[str, tuple[LedgerAddress, Reading | ToolError]] = field(default_factory=dict)
    lost: dict[str, ToolError] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Read] = field(default_factory=dict)
    """The row of each zone account; its calls are counted once, in the first scope."""


@dataclass(frozen=True)
class Frozen:
    """What became of the scopes: their ledgers were frozen, or they have no inventory."""

    scopes: tuple[str, ...]
    missing: tuple[str, ...]
    lost: tuple[str, ...]
    calls: int


_PLACED = {
    **dict.fromkeys(("record", "zone", "ledger", "also", "witness_zones"), True),
    **dict.fromkeys(("account", "region", "zone_account"), True),
    "traffic": {"kind", "listener", "allocation"},
}


def placed(service: Service) -> str:
    """What of its configuration says where its ledger is, and which names are witnesses."""
    words = service.model_dump(mode="json", include=_PLACED)  # type: ignore[arg-type]
    return json.dumps(words, sort_keys=True)


def freeze(files: RunFiles, edges: Edges) -> Frozen:
    """Read every ledger once, and write them beside the inventories that they judge.

    Raises ConfigError if the run has not begun, AccessDenied or CloudError for its folder.
    """
    scopes = [scope_of(edges.settings, text) for text in files.scopes()]
    inventories = files.inventories()
    # From here on, only ledgers are read.
    ready = [one for one in scopes if key_of(INVENTORY, str(one)) in inventories]
    found = _read(edges, ready)
    side_by_side(ready, lambda scope: files.freeze(_of_scope(scope, inventories, found)))
    names = {str(one) for one in ready}
    lost = (*found.lost, *(name for name, one in found.answers.items() if _is_error(one[1])))
    calls = sum(row.calls for row in found.rows.values())
    missing = tuple(str(one) for one in scopes if str(one) not in names)
    return Frozen(tuple(sorted(names)), missing, tuple(sorted(lost)), calls)


def _is_error(answer: Reading | ToolError) -> bool:
    return isinstance(answer, ToolError)


def _read(edges: Edges, scopes: Iterable[ScopeCell]) -> _Ledgers:
    """The ledgers of these scopes, account by account of their zones, side by side."""
    services = [edges.settings.services[name] for scope in scopes for name in scope.services]
    accounts: dict[AccountRegion, list[Service]] = {}
    for service in services:
        zone = service.zone_place
        key = next((one for one in accounts if one.account == zone.account), zone)
        accounts.setdefault(key, []).append(service)
    found = _Ledgers()
    side_by_side(
        list(accounts.items()), lambda group: _read_account(edges, group[0], group[1], found)
    )
    return found


def _read_account(
    edges: Edges, place: AccountRegion, services: Iterable[Service], found: _Ledgers
) -> None:
    addresses: dict[str, LedgerAddress] = {}
    for service in services:
        found.placed[service.name] = placed(service)
        try:
            addresses[service.name] = edges.address(service)
        except (AccessDenied, CloudError, ConfigError) as error:
            found.lost[service.name] = error
    zone = AccountRegion(place.account, GLOBAL)
    if not addresses:
        note = next((found.lost[one.name].message for one in services), "")
        found.rows[place.account] = Read(zone, LEDGER, ReadStatus.FAILED, note=note)
        return
    answers = edges.ledgers(place).readings(list(addresses.values()))
    found.answers |= {name: (one, answers.found[one]) for name, one in addresses.items()}
    found.rows[place.account] = Read(zone, LEDGER, pages=answers.calls, calls=answers.calls)


def _of_scope(scope: ScopeCell, inventories: dict[str, str], found: _Ledgers) -> FrozenLedgers:
    return FrozenLedgers(
        str(scope),
        inventories[key_of(INVENTORY, str(scope))],
        {name: found.answers[name] for name in scope.services if name in found.answers},
        {name: found.lost[name] for name in scope.services if name in found.lost},
        tuple(_row(scope, found)),
        {name: found.placed[name] for name in scope.services if name in found.answers},
    )


def _row(scope: ScopeCell, found: _Ledgers) -> Iterable[Read]:
    """The row of each zone account of the scope, and of each ledger that was not read."""
    for account in scope.zone_accounts:
        row = found.rows[account]
        # The calls served all scopes: the sum over them is told by `reconciler ledgers` alone.
        yield Read(row.place, row.kind, row.status, note=row.note)
    for name in scope.services:
        _, answer = found.answers.get(name, (None, found.lost.get(name)))
        if isinstance(answer, ToolError):
            place = AccountRegion(scope.zone_accounts[0], GLOBAL)
            note = f"{name}: {answer.message}"
            yield Read(place, LEDGER, ReadStatus.FAILED, note=note, service=name)
