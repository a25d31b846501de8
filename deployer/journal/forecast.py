"""Tells the display how long each step took the last time, where a journal knows it."""

from __future__ import annotations

import threading

from deployer import events as e
from reconciler.ports.journal.reader import last_figures
from reconciler.ports.journal.store import JournalStore


def forecast(store: JournalStore, service: str, emit: e.Listener) -> threading.Thread:
    """Read and tell it in a thread of its own: no step waits for the journal."""

    def work() -> None:
        known = last_figures(store, service)
        if known is not None:
            emit(e.Expected(known.release, known.seconds))

    thread = threading.Thread(target=work, name="forecast", daemon=True)
    thread.start()
    return thread
