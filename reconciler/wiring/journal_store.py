"""The journal of a service, if one is configured."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

from reconciler.aws.s3.journal import S3Journal
from reconciler.config.loader import Settings
from reconciler.config.service import Service
from reconciler.model.journal.entry import Entry
from reconciler.model.journal.savings import Savings, savings
from reconciler.ports.journal.reader import read
from reconciler.ports.journal.store import JournalStore
from reconciler.util.log import Logger
from reconciler.wiring.edges import Edges

DAYS = 30
MOST = 1000
"""How far back, and how many entries of a service, the savings are counted."""

log = Logger()


def journal_store(settings: Settings, edges: Edges, service: Service) -> JournalStore | None:
    """The store; None if none is configured. Opened by its first request, in its own thread."""
    place = settings.journal(service)
    return S3Journal(place, partial(edges.aws, service.place)) if place else None


def told_by_journals(
    settings: Settings, edges: Edges, names: Collection[str], now: datetime
) -> tuple[Savings | None, tuple[Entry, ...]]:
    """What sweeps have saved, of these services or of all; None if no journal tells it.

    And what the journals tell of the same days.
    """
    entries: list[Entry] = []
    told = False
    for service in settings.services.values():
        store = journal_store(settings, edges, service)
        if store is None or (names and service.name not in names):
            continue
        found = read(store, service.name, now - timedelta(days=DAYS), MOST)
        for problem in found.problems:
            log.warning(problem)
        told = told or not found.problems
        entries += found.entries
    return (savings(entries, now, DAYS) if told else None), tuple(entries)
