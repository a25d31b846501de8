"""Writes to the journal in a thread of its own: no step of a release waits for it.

The newest body of each key is written; older ones that were not written yet are dropped, since an
object is always written whole. A failure warns once. A write that may succeed later is tried again
while the process runs; what is refused for good waits for the next body.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.errors import AccessDenied, ConfigError, SwapLost, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.codec import key
from reconciler.ports.journal.store import JournalStore
from reconciler.util.humanize import span

PAUSE = 0.5
LONGEST_PAUSE = 8.0
"""Seconds before a failed write is tried again; doubled up to the longest."""


@dataclass
class _Target:
    """One object: its key, the version that was last seen there, and what we have sent."""

    key: str
    other_key: str
    version: str | None = None
    sent: set[str] = field(default_factory=set)


class JournalWriter:
    """The writer of one process. `warn` is called once, in any thread, with what failed."""

    def __init__(
        self, store: JournalStore, warn: Callable[[str], None], pause: float = PAUSE
    ) -> None:
        self.name = secrets.token_hex(4)
        self._store = store
        self._warn = warn
        self._pause = pause
        self._targets: dict[str, _Target] = {}
        self._bodies: dict[str, bytes] = {}
        self._refused = False
        self._warned = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, of: DeployId, end: str, body: bytes) -> None:
        """Have the object written soon. Returns at once."""
        name = key(of, end)
        with self._changed:
            self._targets.setdefault(name, _Target(name, key(of, end, self.name)))
            self._bodies[name] = body
            self._refused = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until everything is written, for at most `seconds`; whether it is."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bodies or self._refused, seconds)
            return not self._bodies

    def give_up(self, seconds: float) -> None:
        """Wait like `wait`; warn if something is still not written."""
        if not self.wait(seconds):
            self._tell(f"it did not answer within {span(seconds)}")

    def _work(self) -> None:
        pause = self._pause
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._bodies and not self._refused)
                name, body = next(iter(self._bodies.items()))
            if self._written(name, body):
                pause = self._pause
            else:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _written(self, name: str, body: bytes) -> bool:
        """Try once; False if it is worth another try."""
        try:
            self._write(self._targets[name], body)
        except (AccessDenied, ConfigError) as error:
            with self._changed:
                self._refused = self._bodies.get(name) == body
                self._changed.notify_all()
            self._tell(error.message)
            return True
        except ToolError as error:
            self._tell(error.message)
            return False
        except Exception as error:  # noqa: BLE001  no fault of the journal may end a release
            self._tell(f"{type(error).__name__}: {error}")
            return False
        with self._changed:
            if self._bodies.get(name) == body:
                del self._bodies[name]
            else:  # a newer one came: after the others
                self._bodies[name] = self._bodies.pop(name)
            self._changed.notify_all()
        return True

    def _write(self, target: _Target, body: bytes) -> None:
        target.sent.add(hashlib.sha256(body).hexdigest())
        try:
            target.version = self._store.put(target.key, body, target.version)
        except SwapLost:
            self._settle(target)
            target.version = self._store.put(target.key, body, target.version)

    def _settle(self, target: _Target) -> None:
        """Learn which version stands there; go beside it if it is another writer's.

        It is ours if we have sent those bytes: then only the answer was lost.
        """
        found = self._store.get(target.key)
        if found is None:
            target.version = None
        elif hashlib.sha256(found.body).hexdigest() in target.sent:
            target.version = found.version
        else:
            target.key, target.version = target.other_key, None

    def _tell(self, why: str) -> None:
        with self._changed:
            first, self._warned = not self._warned, True
        if first:
            self._warn(f"the journal could not be written, and nothing depends on it: {why}")
