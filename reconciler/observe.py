"""Looking at the world in the one safe order: the heap first, the ledgers last (rule 2).

Whatever the heap shows and the later ledger does not root has ended, and garbage is stable. Read
the other way round, a deploy born in between would look like garbage.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from reconciler.cloud import Heap, Reading
from reconciler.database.inventory import as_resource, highest_fence
from reconciler.database.port import DatabaseInfo
from reconciler.errors import AccessDenied, CloudError, LedgerUnknown, ToolError
from reconciler.gone import STATES
from reconciler.ledger import Ledger
from reconciler.managed import Managed
from reconciler.resource import DATABASE, Gap, Inventory, Resource
from reconciler.tags import Place
from reconciler.verdict import Root

NEVER = datetime.fromtimestamp(0, UTC)
"""The "now" of a ledger that could not be read: nothing has expired, nothing is old."""


@dataclass(frozen=True)
class World:
    """The heap, then the root sets. `readings` are what swaps are made against."""

    inventory: Inventory
    roots: Mapping[str, Root]
    readings: Mapping[str, Reading]


@dataclass(frozen=True)
class _Databases:
    things: tuple[Resource, ...] = ()
    gap: Gap | None = None
    fence: int = 0


def observe(services: Sequence[Managed], *, young: bool = False) -> World:
    """The world of these services, heap first, ledger last."""
    began = time.monotonic()
    heaps = {one.home.place: one.heap for one in services}
    scans = [_scan(heap, young=young) for heap in heaps.values()]
    databases = {one.name: list_databases(one) for one in services}
    inventory = _merge(scans, list(databases.values()))
    readings: dict[str, Reading] = {}
    roots: dict[str, Root] = {}
    for one in services:  # from here on, only ledgers are read
        root, reading = read_root(one, databases[one.name].fence)
        age = timedelta(seconds=time.monotonic() - began)
        roots[one.name] = replace(root, heap_age=age)
        if reading is not None:
            readings[one.name] = reading
    return World(inventory, roots, readings)


def read_root(managed: Managed, fence: int = 0) -> tuple[Root, Reading | None]:
    """The service's root set now; a ledger that cannot be read makes it unknown.

    Also one that we may not read: the other services' zones may well be open to us. Credentials
    that are good for nothing have ended the run before, when the ledgers were located.
    """
    try:
        reading = managed.ledgers.read(managed.address)
    except (LedgerUnknown, CloudError, AccessDenied) as error:
        return Root(managed.home, NEVER, problem=error.message, fence=fence), None
    return root_of(managed, reading, fence), reading


def root_of(managed: Managed, reading: Reading, fence: int = 0) -> Root:
    """A reading as the root set that `mark` judges by."""
    return Root(
        managed.home,
        reading.now,
        ledger=reading.ledger or Ledger(gen=0),
        record=reading.a.addresses if reading.a else (),
        fence=fence,
        min_age=managed.min_age,
    )


def list_databases(managed: Managed) -> _Databases:
    """The service's databases as resources; a server out of reach is a gap, not an absence."""
    try:
        server = managed.reach.databases()
        infos: Sequence[DatabaseInfo] = server.databases() if server else ()
    except ToolError as error:
        return _Databases(gap=Gap(managed.home.place, DATABASE, error.message))
    ledger, place = str(managed.address), managed.home.place
    found = (as_resource(one, managed.name, ledger, place) for one in infos)
    things = tuple(one for one in found if one is not None)
    return _Databases(things, fence=highest_fence(infos, ledger))


def alive(inventory: Inventory) -> Inventory:
    """Without the things that are listed but gone."""
    kept = tuple(one for one in inventory.resources if one.state not in STATES)
    return replace(inventory, resources=kept)


def _scan(heap: Heap, *, young: bool) -> Inventory:
    try:
        return alive(heap.scan(young=young))
    except CloudError as error:
        return Inventory(gaps=(_whole(heap.place, error),))


def _whole(place: Place, error: CloudError) -> Gap:
    return Gap(place, "resource", error.message)


def _merge(scans: Sequence[Inventory], databases: Sequence[_Databases]) -> Inventory:
    resources = [thing for scan in scans for thing in scan.resources]
    resources += [thing for one in databases for thing in one.things]
    gaps = [gap for scan in scans for gap in scan.gaps]
    gaps += [one.gap for one in databases if one.gap is not None]
    ordered = sorted(resources, key=lambda one: one.key)
    return Inventory(tuple(ordered), tuple(gaps), sum(scan.calls for scan in scans))
