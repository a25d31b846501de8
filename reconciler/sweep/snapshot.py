"""Reads the state in the only safe order: the cloud inventory first, the ledgers last (rule 2).

What the inventory shows and the later ledger does not root has ended, and garbage stays garbage. In
the opposite order, a deploy born in between would look like garbage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from reconciler.errors import (
    AccessDenied,
    CloudError,
    LedgerUnknown,
    ToolError,
    refusal_for,
)
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Root
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_state import digest
from reconciler.model.coverage import GLOBAL, INDEX, LEDGER, Read, ReadStatus
from reconciler.model.ledger import NO_LEDGER
from reconciler.model.ledger_home import own
from reconciler.model.reading import Reading, Readings
from reconciler.model.resource import Gap, Inventory, Resource
from reconciler.model.tags import AccountRegion
from reconciler.ports.cloud_inventory import CloudInventory
from reconciler.ports.fleet import Fleet, OtherPlaces
from reconciler.ports.service import ManagedService
from reconciler.sweep.absence import STATES
from reconciler.sweep.database_listing import DatabaseReadings, list_databases
from reconciler.traffic.reading import TrafficReading
from reconciler.util.concurrency import MAX_THREADS, begun, side_by_side

T = TypeVar("T")
R = TypeVar("R")
Beside = Callable[[Inventory], object]

CROWD = 12
CROWD_THREADS = 8
"""Threads for more regions than CROWD: making clients keeps one processor busy anyway."""

NEVER = datetime.fromtimestamp(0, UTC)
"""The "now" of a ledger that could not be read: nothing has expired, nothing is old."""


@dataclass(frozen=True)
class Snapshot:
    """The inventory, then the root sets. Swaps are made against `readings`."""

    inventory: Inventory
    roots: Mapping[str, Root]
    readings: Mapping[str, Reading]


def observe(fleet: Fleet, beside: Beside | None = None) -> Snapshot:
    """Read these services and the other configured places: inventory first, ledgers last.

    `beside` is told the inventory before the ledgers are read: what it begins is to decide nothing.
    """
    return _observed(fleet, partial(_scan, unfinished_only=fleet.unfinished_only), beside)


def observe_machines(managed: ManagedService) -> Snapshot:
    """The same of one service's machines and databases alone, in one call for the machines.

    Raises CloudError, AccessDenied.
    """
    fleet = Fleet.of(managed)
    return _observed(fleet, lambda heap: alive(heap.machines_of(managed.name)))


def _observed(
    fleet: Fleet, scan: Callable[[CloudInventory], Inventory], beside: Beside | None = None
) -> Snapshot:
    began = time.monotonic()
    listed = begun(lambda: databases_of(fleet))
    scans = each(list(fleet.inventories.values()), scan)
    databases = listed.result()
    inventory = merge(scans, list(databases.values()), fleet.other_places)
    if beside is not None:
        beside(inventory)
    # From here on, only ledgers are read.
    return read_roots(fleet, databases, began).world(inventory)


def databases_of(fleet: Fleet) -> Mapping[str, DatabaseReadings]:
    """The databases that each service's server has, by service."""
    names = [service.name for service in fleet.services]
    return dict(zip(names, each(fleet.services, list_databases), strict=True))


@dataclass(frozen=True)
class Ledgers:
    """The root sets of one scan, the readings behind them, and the calls to read them."""

    roots: Mapping[str, Root]
    readings: Mapping[str, Reading]
    rows: tuple[Read, ...]
    gaps: tuple[Gap, ...] = ()

    def world(self, inventory: Inventory) -> Snapshot:
        """The snapshot of these ledgers and of the inventory that was read before them."""
        gaps = (*inventory.gaps, *self.gaps)
        whole = replace(inventory, reads=(*inventory.reads, *self.rows), gaps=gaps)
        return Snapshot(whole, self.roots, self.readings)


def read_roots(fleet: Fleet, databases: Mapping[str, DatabaseReadings], began: float) -> Ledgers:
    """Read every ledger, after the inventory; `began`: start of its listing (monotonic seconds)."""
    names = [service.name for service in fleet.services]
    traffic = dict(zip(names, each(fleet.services, _traffic), strict=True))
    answers, rows = _read_ledgers(fleet.services)
    readings: dict[str, Reading] = {}
    roots = {root.home.service: root for root in fleet.other_places.roots}
    age = timedelta(seconds=time.monotonic() - began)
    for service in fleet.services:
        answer = _first_error(answers[service.name], traffic[service.name])
        if isinstance(answer, Reading):
            readings[service.name] = answer
        ledger = answer.ledger if isinstance(answer, Reading) else NO_LEDGER
        fence = databases[service.name].fence(own(str(service.address), ledger))
        root = with_traffic(_root(service, answer, fence), traffic[service.name])
        roots[service.name] = replace(root, heap_age=age)
    gaps = dict.fromkeys(gap for service in fleet.services for gap in service.bases().gaps)
    return Ledgers(roots, readings, tuple(rows), tuple(gaps))


def each(items: Sequence[T], act: Callable[[T], R]) -> list[R]:
    """Run `act` concurrently for regions or servers; none waits for the time-out of another.

    Of very many, fewer at a time: every thread holds a client, and memory has to stay flat.
    """
    most = MAX_THREADS if len(items) <= CROWD else CROWD_THREADS
    return side_by_side(items, act, most) if len(items) > 1 else [act(item) for item in items]


def _read_ledgers(
    services: Sequence[ManagedService],
) -> tuple[dict[str, Reading | ToolError], list[Read]]:
    """Read every service's ledger, grouped by the account of the zones; with the coverage rows."""
    stores: dict[int, list[ManagedService]] = {}
    for service in services:
        stores.setdefault(id(service.ledgers), []).append(service)
    answers: dict[str, Reading | ToolError] = {}
    rows: list[Read] = []
    for group in stores.values():
        got = group[0].ledgers.readings([one.address for one in group])
        answers |= {one.name: got.found[one.address] for one in group}
        rows += _ledger_rows(group, got)
    return answers, rows


def _ledger_rows(group: Sequence[ManagedService], got: Readings) -> list[Read]:
    """A row for the account's zones, and one for each ledger that was not read."""
    place = AccountRegion(group[0].zone_account or group[0].home.place.account, GLOBAL)
    rows = [Read(place, LEDGER, pages=got.calls, calls=got.calls)]
    for one in group:
        answer = got.found[one.address]
        if isinstance(answer, ToolError):
            note = f"{one.name}: {answer.message}"
            rows.append(Read(place, LEDGER, ReadStatus.FAILED, note=note, service=one.name))
    return rows


def read_root(managed: ManagedService, fence: int = 0) -> tuple[Root, Reading | None]:
    """The service's root set now; an unreadable ledger makes the service unknown.

    This includes a denied read: the zones of the other services may still be readable. Credentials
    that are entirely invalid have ended the run earlier, when the ledgers were located.
    """
    traffic = _traffic(managed)
    try:
        reading = managed.ledgers.read(managed.address)
    except (LedgerUnknown, CloudError, AccessDenied) as error:
        return _root(managed, error, fence), None
    if isinstance(traffic, ToolError):
        return _root(managed, traffic, fence), None
    return with_traffic(_root(managed, reading, fence), traffic), reading


TrafficAnswer = TrafficReading | ToolError | None


def _traffic(managed: ManagedService) -> TrafficAnswer:
    """What the routes say. Read before the ledger: a commit in between then looks unfinished.

    In the opposite order it would look as if a person had moved traffic.
    """
    try:
        return managed.traffic.read()
    except (CloudError, AccessDenied) as error:
        return error


def _first_error(answer: Reading | ToolError, traffic: TrafficAnswer) -> Reading | ToolError:
    """Traffic that could not be read makes the service unknown (rule 6)."""
    if isinstance(traffic, ToolError) and isinstance(answer, Reading):
        return traffic
    return answer


def with_traffic(root: Root, traffic: TrafficAnswer) -> Root:
    """The root with what the routes say, and whose the groups are that they name."""
    if not isinstance(traffic, TrafficReading):
        return root
    found = traffic.resolved(root.home.service, root.home.owns, root.ledger)
    return replace(root, traffic=found, fence=max(root.fence, found.fence))


def _root(managed: ManagedService, answer: Reading | ToolError, fence: int) -> Root:
    if isinstance(answer, Reading):
        return root_of(managed, answer, fence)
    return unread(managed.home, answer, fence)


def unread(home: ServiceLocation, error: ToolError, fence: int = 0) -> Root:
    """The root set of a service whose ledger could not be read because of `error`."""
    cure = error.cure or ("try again" if isinstance(error, CloudError) else "")
    return Root(
        home,
        NEVER,
        problem=error.message,
        cure=cure,
        refusal=refusal_for(error),
        fence=fence,
    )


def root_of(managed: ManagedService, reading: Reading, fence: int = 0) -> Root:
    """Convert a reading to the root set that `mark` judges by."""
    return Root(
        replace(managed.home, was=reading.ledger.was),
        reading.now,
        ledger=reading.ledger,
        record=reading.a.addresses if reading.a else (),
        also={name: one.addresses if one else () for name, one in reading.also},
        fence=fence,
        min_age=managed.min_age,
        units=digest(managed.gate),
        units_beside=_beside(managed.gate),
        bases=managed.bases(),
    )


def _beside(gate: ActivationGate | None) -> str:
    """What the other live machines have obeyed where only the first runs the jobs."""
    return digest(gate, beside=True) if gate is not None and gate.first_only else ""


def alive(inventory: Inventory) -> Inventory:
    """Without the resources that are listed but gone."""
    kept = tuple(resource for resource in inventory.resources if resource.state not in STATES)
    return replace(inventory, resources=kept)


def ended_resource(fleet: Fleet, id_: str) -> Resource | None:
    """A resource that AWS still lists although it is gone. Raises CloudError, AccessDenied."""
    listed = (one for heap in fleet.inventories.values() for one in heap.scan().resources)
    return next((one for one in listed if one.id == id_ and one.state in STATES), None)


def _scan(heap: CloudInventory, *, unfinished_only: bool) -> Inventory:
    """The region's resources. Access denied is treated like no answer: the region is unknown."""
    try:
        return alive(heap.scan(unfinished_only=unfinished_only))
    except (CloudError, AccessDenied) as error:
        row = Read(heap.place, INDEX, ReadStatus.FAILED, note=error.message)
        return Inventory((), (Gap.of(heap.place, "resource", error),), (row,))


def merge(
    scans: Sequence[Inventory], databases: Sequence[DatabaseReadings], others: OtherPlaces
) -> Inventory:
    """Merge the inventories of all regions, database servers and other places, sorted."""
    resources = [resource for scan in scans for resource in scan.resources]
    resources += [resource for database in databases for resource in database.resources]
    gaps = [gap for scan in scans for gap in scan.gaps]
    gaps += [database.gap for database in databases if database.gap is not None]
    reads = [row for scan in scans for row in scan.reads]
    reads += [database.row for database in databases if database.row is not None]
    plain = {key: count for scan in scans for key, count in scan.plain.items()}
    ordered = sorted(resources, key=lambda one: one.key)
    return Inventory(tuple(ordered), (*gaps, *others.gaps), (*reads, *others.reads), plain)
