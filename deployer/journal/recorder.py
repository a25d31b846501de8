"""Records a running command in the journal: a listener beside the display.

The entry is born with the deploy-id, before the lease is taken, and so before anything is created;
it is replaced when a step begins or ends, and at the end. The birth is waited for, two seconds at
most and before clients notice anything; everything later is written in the background.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

from deployer import events as e
from deployer.journal.fold import ended, fold
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal import codec
from reconciler.model.journal.codec import StoredEntry
from reconciler.model.journal.entry import ROLLBACK, Entry, ResourceRecord
from reconciler.ports.journal.operation import operation_id
from reconciler.ports.journal.writer import JournalWriter

BIRTH = 2.0
END = 5.0
"""Seconds that a command waits for its entry: at its birth, and at its end."""

MOST_EVENTS = 20_000
"""Lines of the archived stream; a release of an hour has a few hundred."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This computer's time, for the times in an entry; its order comes from the id."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class RecordedCommand:
    """What is recorded: which command, on which service, by whom."""

    kind: str
    service: str
    by: str


class Recorder:
    """A listener that writes the entry and the stream of events. Thread-safe; never raises."""

    def __init__(
        self, writer: JournalWriter, command: RecordedCommand, clock: Clock | None = None
    ) -> None:
        self._writer = writer
        self._command = command
        self._clock = clock or utc_now
        self._entry: Entry | None = None
        self._revision = 0
        self._lines: list[str] = []
        self._progress: dict[str, int] = {}
        self._lock = threading.RLock()
        self._add(e.Version(e.SCHEMA, version("deploysweep")), self._clock())

    def __call__(self, event: e.Event) -> None:
        """Add the event; it is redacted already."""
        with self._lock:
            at = self._clock()
            self._add(event, at)
            if isinstance(event, e.ReleaseBegan):
                self._born(event, at)
            elif self._entry is not None:
                after = fold(self._entry, event, at)
                changed, self._entry = after is not self._entry, after
                if changed:
                    self._write()
        if isinstance(event, e.ReleaseBegan):
            self._writer.wait(BIRTH)

    def end(
        self,
        result: e.Result,
        about: str = "",
        why: str = "",
        swept: tuple[ResourceRecord, ...] = (),
    ) -> None:
        """The command has ended. One without a release is recorded if it did something."""
        with self._lock:
            at = self._clock()
            self._add(result, at)
            if self._entry is None and result.exit in _DID_SOMETHING:
                command = self._command
                own = operation_id(command.service, at)
                self._entry = Entry(own, command.kind, command.by, at, deploy=about)
            if self._entry is None:
                return
            entry = replace(self._entry, program=version("deploysweep"), why=self._entry.why or why)
            entry = replace(entry, resources=entry.resources + swept)
            self._entry = ended(entry, result, at)
            self._write()
        self._writer.give_up(END)

    def _born(self, event: e.ReleaseBegan, at: datetime) -> None:
        id_ = DeployId.parse(event.deploy)
        command = self._command
        if self._entry is not None:  # a release that goes back by itself: a second entry
            self._entry = ended(self._entry, e.Result(1), at)
            self._write()
            command = replace(command, kind=ROLLBACK)
        self._entry = Entry(
            id_,
            command.kind,
            command.by,
            at,
            program=version("deploysweep"),
            deploy=event.deploy,
            release=event.release,
            was=event.was,
        )
        self._write()

    def _add(self, event: e.Event, at: datetime) -> None:
        """Keep the event as a line. Of a step's progress only the last stands, where it was."""
        line = json.dumps(e.to_json(event, at), ensure_ascii=False)
        if isinstance(event, e.StepProgress):
            place = self._progress.get(event.step)
            if place is not None:
                self._lines[place] = line
                return
            self._progress[event.step] = len(self._lines)
        else:
            self._progress.clear()
        if len(self._lines) < MOST_EVENTS or isinstance(event, e.Result):
            self._lines.append(line)

    def _write(self) -> None:
        assert self._entry is not None
        self._revision += 1
        stored = StoredEntry(self._entry, self._writer.name, self._revision)
        self._writer.put(self._entry.id, codec.ENTRY, codec.encode(stored))
        self._writer.put(
            self._entry.id, codec.EVENTS, "".join(f"{line}\n" for line in self._lines).encode()
        )


_DID_SOMETHING = (0, 4, 5)
"""Exit codes of a command that has changed something, or found it done."""
