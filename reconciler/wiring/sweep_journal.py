"""Records sweeps in the journal: after the sweep, in a few seconds, and never as its failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from reconciler.config.loader import Settings
from reconciler.cost.price_list import Prices
from reconciler.model.journal import codec
from reconciler.model.journal.codec import StoredEntry
from reconciler.ports.journal.writer import JournalWriter
from reconciler.sweep.record import SweepRun, entries
from reconciler.sweep.result import SweepResult
from reconciler.util.log import Logger
from reconciler.wiring.edges import Edges
from reconciler.wiring.journal_store import journal_store
from reconciler.wiring.who import who

END = 5.0
"""Seconds that a sweep waits at its end for its entries."""

log = Logger()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SweepJournal:
    """The journal of one sweep, which begins now."""

    settings: Settings
    edges: Edges
    prices: Prices
    began: datetime = field(default_factory=_now)

    def record(self, result: SweepResult) -> None:
        """Write an entry for each service that changed. Failures are logged, once a service."""
        run = SweepRun(who(), version("deploysweep"), self.began, _now())
        writers = []
        for entry in entries(result, self.prices, run):
            service = self.settings.services[entry.id.service]
            store = journal_store(self.settings, self.edges, service)
            if store is not None:
                writers.append(writer := JournalWriter(store, log.warning))
                body = codec.encode(StoredEntry(entry, writer.name, 1))
                writer.put(entry.id, codec.ENTRY, body)
        for writer in writers:
            writer.give_up(END)
