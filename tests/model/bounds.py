"""What is explored, and how far: in `make test`, and further in `make model`.

A bound is a number of states, so that every run explores the same ones. Where it is above the
number of states that there are, the exploration is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.model import mutations as m
from tests.model.databases import Databases
from tests.model.databases import Scenario as Data
from tests.model.elastic import ElasticIps
from tests.model.elastic import Scenario as Elastic
from tests.model.explorer import Model, Report, explore
from tests.model.gate import Gates
from tests.model.gate import Scenario as Gate
from tests.model.homes import Homes
from tests.model.homes_world import Scenario as Home
from tests.model.hooks import Hooks
from tests.model.hooks import Scenario as Hook
from tests.model.ledger_heap import LedgerHeap
from tests.model.ledger_heap import Scenario as Heap
from tests.model.parking import Parking
from tests.model.parking import Scenario as Parked
from tests.model.rules import Rules
from tests.model.scopes import Scenario as Scope
from tests.model.scopes import Scopes
from tests.model.traffic import Scenario as Balanced
from tests.model.traffic import Traffic

MUTANT_STATES = 60_000
"""Within so many states each mutation has to be noticed."""

LEAST, FEW, BRIEF, MANY = 3_000, 10_000, 20_000, 1_000_000

AnyScenario = Heap | Data | Home | Hook | Gate | Balanced | Elastic | Parked | Scope


@dataclass(frozen=True)
class Bound:
    """A scenario, and the most states of it that are explored in `make test` and `make model`."""

    scenario: AnyScenario
    test: int
    model: int


LEDGER_HEAP = (
    Bound(m.ALONE, BRIEF, MANY),
    Bound(m.TWICE, BRIEF, MANY),
    Bound(m.STRANGE, BRIEF, MANY),
    Bound(m.MOVED, BRIEF, MANY),
    Bound(m.NAMED, BRIEF, MANY),
    Bound(Heap("listings in two pages", torn=True), BRIEF, MANY),
    Bound(m.YOUNG, FEW, MANY),
    Bound(Heap("evidence kept, two rounds", evidence=True, sweeps=(2,)), FEW, MANY),
    Bound(m.BOTH, FEW, MANY),
    Bound(
        Heap("a rollback, an abort and a sweep", deployers=0, rollback=True, abort=True),
        BRIEF,
        MANY,
    ),
    Bound(Heap("a deployer, an abort and a sweep", abort=True), FEW, MANY),
    Bound(m.BACK, FEW, MANY),
    Bound(m.RESTORED, FEW, MANY),
    Bound(Heap("two reconcilers and a deployer", sweeps=(1, 1)), FEW, MANY),
    Bound(
        Heap(
            "two reconcilers and a rollback, two rounds", deployers=0, rollback=True, sweeps=(2, 2)
        ),
        FEW,
        MANY,
    ),
    Bound(
        Heap("two reconcilers, a deployer and a rollback", rollback=True, sweeps=(1, 1), slow=0),
        FEW,
        500_000,
    ),
    Bound(Heap("a deployer, a rollback and a sweep, a request astray", rollback=True), FEW, MANY),
    Bound(Heap("two deployers and a sweep", deployers=2), FEW, 700_000),
    Bound(Heap("one previous kept", rollback=True, keep=1), FEW, 300_000),
    Bound(Heap("everybody", deployers=2, rollback=True, abort=True, strangers=True), FEW, 500_000),
)

DATABASES = (
    Bound(m.FREEZE, BRIEF, MANY),
    Bound(m.SHORT, BRIEF, MANY),
    Bound(m.SHARED, BRIEF, MANY),
    Bound(m.MIXED, FEW, MANY),
    Bound(m.ABORTED, BRIEF, MANY),
    Bound(m.GIVE_UP, BRIEF, MANY),
    Bound(m.AGAIN, FEW, MANY),
    Bound(m.COPIED, BRIEF, MANY),
    Bound(m.JOBS, BRIEF, MANY),
    Bound(
        Data("jobs, a rollback and a sweep", deployers=0, rollback=True, machines=True, writes=0),
        BRIEF,
        MANY,
    ),
    Bound(m.FORTH, FEW, MANY),
    Bound(m.SHARES_JOBS, FEW, MANY),
    Bound(Data("jobs, a deployer, a sweep and a write", machines=True), FEW, MANY),
    Bound(
        Data("jobs, a deployer and a rollback", rollback=True, machines=True, writes=0, sweeps=()),
        FEW,
        500_000,
    ),
    Bound(Data("two reconcilers and a deployer", sweeps=(1, 1)), FEW, MANY),
    Bound(
        Data("two reconcilers and a rollback", deployers=0, rollback=True, sweeps=(1, 1)), FEW, MANY
    ),
    Bound(Data("a deployer, an abort and a sweep", abort=True), FEW, MANY),
    Bound(Data("a deployer, a rollback and a sweep", rollback=True), FEW, MANY),
    Bound(Data("two deployers and a sweep", deployers=2), FEW, MANY),
    Bound(
        Data("a deployer and a rollback, two writes", rollback=True, sweeps=(), writes=2),
        FEW,
        700_000,
    ),
)


HOMES = (
    Bound(m.STRANGER, BRIEF, MANY),
    Bound(m.SECOND_NAME, BRIEF, MANY),
    Bound(m.ELSEWHERE, BRIEF, MANY),
    Bound(m.DELETED, BRIEF, MANY),
    Bound(
        Home(
            "a move, a release, and a record deleted",
            deployers=(0,),
            sweeps=(0, 2),
            recovers=(0,),
            movers=1,
            deletes_record=True,
        ),
        FEW,
        MANY,
    ),
)


HOOKS = (
    Bound(m.STOPPED, FEW, MANY),
    Bound(m.RESTARTED, FEW, MANY),
    Bound(Hook("CreateImage restarts live", reboots=True), FEW, MANY),
)

GATES = (
    Bound(m.CLONED, FEW, MANY),
    Bound(m.NO_TAG, FEW, MANY),
    Bound(Gate("a clone of a clone", again=True), FEW, MANY),
)

TRAFFIC = (
    Bound(m.SWITCH, FEW, MANY),
    Bound(m.HAND, FEW, MANY),
    Bound(m.RETURN, BRIEF, MANY),
    Bound(m.TAKEN, FEW, MANY),
    Bound(
        Balanced("two releases behind a balancer, a copy", holders=("first", "second"), twice=1),
        FEW,
        MANY,
    ),
    Bound(
        Balanced("a rollback behind a balancer, two sweeps", ("first", "back"), sweeps=2),
        FEW,
        MANY,
    ),
    Bound(
        Balanced(
            "everybody at the balancer", ("first", "second", "back"), slow=1, twice=1, hands=1
        ),
        FEW,
        300_000,
    ),
)

ELASTIC_IPS = (
    Bound(m.MOVING, LEAST, MANY),
    Bound(m.GIVEN, LEAST, MANY),
    Bound(m.MOVED_BACK, LEAST, MANY),
    Bound(
        Elastic("two releases with an Elastic IP, a copy", ("first", "second"), twice=1),
        LEAST,
        MANY,
    ),
    Bound(
        Elastic("a rollback with an Elastic IP, two sweeps", ("first", "back"), sweeps=2),
        LEAST,
        300_000,
    ),
    Bound(
        Elastic("everybody at the Elastic IP", ("first", "second", "back"), 1, 1, 1, 1),
        LEAST,
        300_000,
    ),
)

PARKING = (
    Bound(m.RESTING, FEW, MANY),
    Bound(Parked("two sweeps, a release at rest", rollback=False, sweeps=2, twice=1), FEW, MANY),
    Bound(Parked("a rollback to it and two sweeps", sweeps=2, twice=1), BRIEF, MANY),
)

SCOPES = (
    Bound(m.IN_A_RUN, FEW, MANY),
    Bound(Scope("three tries of a scope, one reading of the ledgers", reads=1, tries=3), FEW, MANY),
    Bound(Scope("a scope that is listed three times", lists=3, deaths=1), FEW, MANY),
)

_MODELS: Mapping[type, Callable[[Any, Rules | None], Model[Any]]] = {
    Heap: LedgerHeap,
    Data: Databases,
    Home: Homes,
    Hook: Hooks,
    Gate: Gates,
    Balanced: Traffic,
    Elastic: ElasticIps,
    Parked: Parking,
    Scope: Scopes,
}


def explored(scenario: AnyScenario, most: int, rules: Rules | None = None) -> Report:
    """Explore a scenario of any model."""
    return explore(_MODELS[type(scenario)](scenario, rules), most)
