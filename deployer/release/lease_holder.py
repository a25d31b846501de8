"""Holds the lease: acquired before any create, renewed while the process runs, ended by a swap.

During a release, only this object swaps. A thread repeats the renewal, and writes the step's name
with it. All swaps go through one lock, each against the reading that the previous swap returned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

from deployer.release.clock import elapsed
from deployer.release.lease_terms import LeaseLost, LeaseTerms, RenewalPace, beaten, ended
from deployer.release.name_drift import pointed_at, refuse_moved
from reconciler.errors import CloudUnclear, LedgerUnknown, SwapLost, ToolError
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Ending, Ledger, NotAllowed, Via
from reconciler.model.reading import Reading
from reconciler.ports.ledger_store import LedgerStore
from reconciler.util.signals import held_back

TRIES = 3
WATCH = 5.0
"""Seconds between checks of the lease during a wait. Nothing notifies us when it is ended."""

Change = Callable[[Ledger], Ledger]


class LeaseHolder:
    """The lease of one deploy. `generation` fences the acts made under it."""

    def __init__(
        self, at: LedgerStore, seen: Reading, mine: DeployId, terms: LeaseTerms, again: str = ""
    ) -> None:
        self.mine = mine
        self._again = again or f"deployer up {mine.service}"
        self._store = at
        self._terms = terms
        self._reading = seen
        self._pointed_at = pointed_at(seen)
        self._read_at = elapsed()
        self._began = seen.now
        self._pace = RenewalPace(self._read_at)
        self._stale = False
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost: LeaseLost | None = None
        self._is_lost = threading.Event()
        self._looked_at = self._read_at
        self.committing = False  # once asked for, only the ledger knows who is live

    @property
    def reading(self) -> Reading:
        """The ledger after our last swap."""
        return self._reading

    @property
    def ledger(self) -> Ledger:
        """The ledger after our last swap."""
        if not self._reading.ledger.exists:
            raise LeaseLost(f"{self.mine} has no ledger")
        return self._reading.ledger

    @property
    def generation(self) -> int:
        """The generation that fences an act (rule 10). LeaseLost: a lost one justifies none."""
        with self._lock:
            self.check()
            return self.ledger.gen

    @property
    def now(self) -> datetime:
        """AWS's time: the last answer's Date advanced by `elapsed`; never the local clock."""
        return self._reading.now + timedelta(seconds=elapsed() - self._read_at)

    def acquire(self, complete: Change | None = None) -> None:
        """Acquire the lease by a swap against the exact value that the guard read.

        `complete` adds what an older version did not write. Raises Refused for a lost swap.
        """
        old = self._reading.ledger if complete is None else complete(self._reading.ledger)
        try:
            self._swap(lambda _: ledgers.acquire(old, self.mine, self._until()))
        except (SwapLost, NotAllowed) as error:
            with suppress(ToolError):
                self._reread()  # so that the refusal names the holder
            lease = self._reading.ledger.lease
            raise beaten(self.mine.service, lease, self._again) from error
        self._pace.renewing(elapsed())
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def begin(self, step: str) -> None:
        """Begin a step under a lease that was ours a moment ago. Raises LeaseLost."""
        with self._lock:
            self._begin(step)
        self._changed.set()
        self._look()
        self._keep_limit()  # again, by AWS's clock, if the ledger was read just now

    def _begin(self, step: str | None) -> None:
        if step is not None:
            self._pace.begin(step, elapsed())
        self.check()
        self._keep_limit()

    def renew(self, step: str | None = None) -> None:
        """Extend the lease and write the step. Raises LeaseLost, CloudError."""
        with self._lock:
            self._begin(step)
            self._pace.renewing(elapsed())
            word = self._pace.step
            self._mine(lambda old: ledgers.renew(old, self.mine, self._until(), word))
            # Again, by AWS's clock of this answer: the local clock may stop while a laptop sleeps,
            # and a resource created a day after the id's birth fails the proof of ownership.
            self._keep_limit()

    def shorten(self) -> None:
        """Switch to the short lease terms before live is closed for writes; renew often.

        If this process dies, a sweep then opens live soon. The swap has succeeded before anything
        is closed, or the ledger has answered a moment ago: a look that failed says nothing.
        Permanent: after the freeze comes the commit, or the end of the lease.
        """
        with self._lock:
            was, self._terms = self._terms, self._terms.while_frozen()
            self.check()
            answered = not self._stale and elapsed() - self._read_at < WATCH
            if was != self._terms or not answered:
                self.renew()
        self._changed.set()

    def _keep_limit(self) -> None:
        if self.now - self._began > self._terms.limit:
            raise LeaseLost(f"{self.mine} has taken longer than its limit, {self._terms.limit}")

    def check(self) -> None:
        """Raise LeaseLost if a renewal has found that the lease is lost."""
        if self._lost is not None:
            raise self._lost

    def verify(self) -> None:
        """Raise LeaseLost if the ledger, read now, does not say that the lease is ours.

        An unreachable ledger proves nothing: the next check reads it again.
        """
        with self._noticing():
            if not self._stop.is_set():
                self._looked_at = elapsed()
                self._reread()
                if not self._is_mine():
                    raise self._forget_it()
        self.check()

    def sleep(self, seconds: float) -> None:
        """Sleep, for every wait of a step. Raises LeaseLost as soon as the loss is known."""
        # Whoever ended the lease deletes the awaited resource: the wait would only time out.
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._is_lost.wait(min(left, WATCH))
            self._look()

    def _look(self) -> None:
        """Raise LeaseLost if the lease is lost; the ledger is asked unless it was a moment ago."""
        if not self._is_fresh():
            self.verify()
        self.check()

    def _is_fresh(self) -> bool:
        return elapsed() - max(self._looked_at, self._read_at) < WATCH

    def commit(
        self,
        to: DeployId,
        at: tuple[str, ...],
        seen: DeployId | None,
        via: Via | None = None,
        *,
        db: DeployId | None = None,
        point: bool = True,
    ) -> None:
        """Make `to` live, with the A record in the same batch, unless traffic is not the record.

        Raises LeaseLost, CloudUnclear, and ToolError if somebody changed the A record meanwhile.
        """
        cut = Cutover(to, at, seen, self.now, via, db)
        self.rest()
        self.committing = True
        with self._lock:
            self._mine(lambda old: ledgers.commit(old, self.mine, cut), at if point else None)

    def committed(self, to: DeployId) -> bool:
        """Whether the ledger, read now, says that `to` is live. Used after a lost reply."""
        with self._lock:
            self._reread()
            live = self._reading.ledger.live
            return live is not None and live.id == to

    def end(self, keep: timedelta | None = None) -> bool:
        """End the lease; False if it was no longer ours. Reads first (rule 4)."""
        self.rest()
        with self._lock:
            while True:
                self._reread()
                lease = self._reading.ledger.lease
                if lease is None or lease.id != self.mine:
                    return False
                until = self.now + keep if keep else None
                ending = Ending(lease, self.now, mine=self.mine, keep=until)
                try:
                    self._swap(partial(ledgers.end, ending=ending))
                except SwapLost:
                    continue  # our own late renewal, or an operator: read again
                return True

    def rest(self) -> None:
        """Stop the renewal thread, after a renewal in progress."""
        self._stop.set()
        self._changed.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=60)

    def _keep(self) -> None:
        """The renewal thread. A failed renewal is retried; a lost lease ends the step's waits."""
        while self._lost is None and not self._stop.is_set():
            if self._changed.wait(self._pace.due_in(self._terms.every, elapsed())):
                self._changed.clear()  # other terms, another step; or `_stop` is set
                continue
            with self._noticing():
                if not self._stop.is_set():
                    self.renew()

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Run the body under the lock; store a lost lease; leave other errors to the next try."""
        try:
            with self._lock:
                yield
        except (LeaseLost, LedgerUnknown, NotAllowed) as error:
            self._lose(error if isinstance(error, LeaseLost) else LeaseLost(str(error)))
        except ToolError:
            return

    def _until(self) -> datetime:
        return min(self.now + self._terms.length, self._began + self._terms.limit)

    def _mine(self, change: Change, at: tuple[str, ...] | None = None) -> None:
        """Make a swap that only the holder of the lease may make.

        If it is refused, read the ledger: it may have been a late duplicate of our own renewal.
        """
        refused: ToolError | NotAllowed | None = None
        for _ in range(TRIES):
            try:
                return self._swap(change, at)
            except (SwapLost, NotAllowed) as error:
                self._reread()
                if not self._is_mine():
                    raise self._forget_it() from error
                refused = error
        raise CloudUnclear(f"the ledger refused {TRIES} swaps of its own holder") from refused

    def _is_mine(self) -> bool:
        lease = self._reading.ledger.lease
        return lease is not None and lease.id == self.mine

    def _forget_it(self) -> LeaseLost:
        return self._lose(ended(self.mine, self._reading.ledger.lease, self._again))

    def _lose(self, error: LeaseLost) -> LeaseLost:
        self._lost = error
        self._is_lost.set()
        return error

    def _swap(self, change: Change, at: tuple[str, ...] | None = None) -> None:
        if self._stale:
            self._reread()
        if at is not None:
            refuse_moved(self._reading, self._pointed_at)
        old = self._reading.ledger
        new = change(old)
        self._stale = True  # until the answer arrives, only the ledger knows
        with held_back("the change of the ledger"):
            self._take(self._store.swap(self._reading, new, at))

    def _reread(self) -> None:
        self._take(self._store.read(self._reading.address))

    def _take(self, reading: Reading) -> None:
        self._reading = reading
        self._read_at = elapsed()
        self._stale = False
