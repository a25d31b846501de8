"""Reads the journal: what cannot be read is named, and nothing is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import ToolError
from reconciler.model.deploy_id import DeployId, format_time
from reconciler.model.journal.codec import ENTRY, CorruptEntry, decode
from reconciler.model.journal.entry import SWEEP, Entry
from reconciler.model.journal.estimate import Estimate, estimate
from reconciler.ports.journal.store import JournalStore
from reconciler.util.concurrency import side_by_side

MOST = 200
"""Entries that are read of one service: the newest."""

LAST = 20
"""Entries that are read for how long the newest release took."""


@dataclass(frozen=True)
class Journal:
    """What was read: entries, newest first. `problems`: what could not be, one line each.

    `older`: how many older entries were left out.
    """

    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    older: int = 0

    @property
    def last_sweep(self) -> Entry | None:
        """The newest sweep that changed something."""
        return next((entry for entry in self.entries if entry.kind == SWEEP), None)


def read(
    store: JournalStore, service: str, since: datetime | None = None, most: int = MOST
) -> Journal:
    """The newest entries of a service. Never raises a ToolError."""
    try:
        after = format_time(since) if since else ""
        keys = [key for key in store.keys(service, after) if _is_entry(key)]
        bodies = side_by_side(keys[-most:], store.get)
    except ToolError as error:
        return Journal(problems=(f"the journal could not be read: {error.message}",))
    entries, problems = [], []
    for key, found in zip(keys[-most:], bodies, strict=True):
        try:
            entries.append(decode(found.body if found else b"").entry)
        except CorruptEntry as error:
            problems.append(f"{key} in the journal is {error}")
    newest = tuple(sorted(entries, key=lambda entry: entry.id.born, reverse=True))
    return Journal(newest, tuple(problems), max(0, len(keys) - most))


def last_figures(store: JournalStore, service: str) -> Estimate | None:
    """How long the newest release, or rehearsal, took; None where none is known."""
    return estimate(read(store, service, most=LAST).entries)


def _is_entry(key: str) -> bool:
    """`shop/20261123T031502Z-7kq2m.json`, with the name of a second writer or without."""
    name, end = key.partition(".")[0], ENTRY
    return DeployId.maybe(name) is not None and key.endswith(end)
