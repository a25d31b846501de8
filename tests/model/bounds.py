"""What is explored, and how far: in `make test`, and further in `make model`.

A bound is a number of states, so that every run explores the same ones. Where it is above the
number of states that there are, the exploration is complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.model import mutations as m
from tests.model.databases import Databases
from tests.model.databases import Scenario as Data
from tests.model.explorer import Report, explore
from tests.model.ledger_heap import LedgerHeap
from tests.model.ledger_heap import Scenario as Heap
from tests.model.rules import Rules

MUTANT_STATES = 60_000
"""Within so many states each mutation has to be noticed."""


@dataclass(frozen=True)
class Bound:
    """A scenario, and the most states of it that are explored in `make test` and `make model`."""

    scenario: Heap | Data
    test: int
    model: int


TWO = Heap("two deployers and a sweep", deployers=2)
ROLLBACK = Heap("a deployer, a rollback and a sweep, a request astray", rollback=True)
SWEEPS = Heap("a deployer, a rollback and two sweeps", rollback=True, sweeps=(1, 1), slow=0)
ABORT = Heap("a deployer, an abort and a sweep", abort=True)
ABORTED_BACK = Heap("a rollback, an abort and a sweep", deployers=0, rollback=True, abort=True)
KEPT = Heap("evidence kept, two rounds", evidence=True, sweeps=(2,))
KEEPS = Heap("one previous kept", rollback=True, keep=1)
ALL = Heap("everybody", deployers=2, rollback=True, abort=True, sweeps=(1,), strangers=True)

DATA_BACK = Data("a deployer, a rollback and a sweep", rollback=True)
DATA_TWO = Data("two deployers and a sweep", deployers=2)
DATA_ABORT = Data("a deployer, an abort and a sweep", abort=True)
DATA_WRITES = Data("a deployer and a rollback, two writes", rollback=True, sweeps=(), writes=2)

LEDGER_HEAP = (
    Bound(m.ALONE, 20_000, 20_000),
    Bound(m.TWICE, 20_000, 20_000),
    Bound(m.STRANGE, 20_000, 20_000),
    Bound(m.MOVED, 20_000, 20_000),
    Bound(KEPT, 10_000, 100_000),
    Bound(m.BOTH, 10_000, 300_000),
    Bound(ABORTED_BACK, 20_000, 100_000),
    Bound(ABORT, 10_000, 300_000),
    Bound(m.BACK, 20_000, 300_000),
    Bound(m.RESTORED, 15_000, 400_000),
    Bound(ROLLBACK, 10_000, 1_000_000),
    Bound(TWO, 10_000, 700_000),
    Bound(SWEEPS, 10_000, 500_000),
    Bound(KEEPS, 10_000, 300_000),
    Bound(ALL, 10_000, 500_000),
)

DATABASES = (
    Bound(m.FREEZE, 20_000, 20_000),
    Bound(m.ABORTED, 20_000, 20_000),
    Bound(m.GIVE_UP, 20_000, 20_000),
    Bound(m.AGAIN, 20_000, 300_000),
    Bound(DATA_ABORT, 20_000, 300_000),
    Bound(DATA_BACK, 20_000, 1_000_000),
    Bound(DATA_TWO, 20_000, 1_000_000),
    Bound(DATA_WRITES, 20_000, 700_000),
)


def explored(scenario: Heap | Data, most: int, rules: Rules | None = None) -> Report:
    """Explore a scenario of either model."""
    if isinstance(scenario, Heap):
        return explore(LedgerHeap(scenario, rules), most)
    return explore(Databases(scenario, rules), most)
