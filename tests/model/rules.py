"""The rules the models obey: the product's own functions, and the order in which it calls them.

A mutation is a `Rules` with one of them replaced. What is plain data here (a flag) stands for the
order of a use case's steps, which the models' actors follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from deployer.commands.recover.who_is_live import Things, live
from deployer.release.live.image_hooks import refuse_let_go
from reconciler.gc.verdict import Root
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import Decision, decide
from reconciler.model.ledger import Cutover, Ending, Ledger, Live
from reconciler.model.ledger_home import at_home
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.resource import Inventory, Resource
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Plan, Repair, ServicePlan, SweepRequest
from reconciler.ports.objects import Objects
from reconciler.sweep.scopes.run_files import RunFiles
from tests.model.gate_world import Disk, shut


def holds(ledger: Ledger, mine: DeployId) -> bool:
    """Whether the ledger says that the lease is mine: what a holder looks at after a lost swap."""
    return ledger.lease is not None and ledger.lease.id == mine


@dataclass(frozen=True)
class Rules:
    """Transitions, the plan, the fence; then the order of steps. All as the product has them."""

    acquire: Callable[[Ledger, DeployId, datetime], Ledger] = ledgers.acquire
    renew: Callable[[Ledger, DeployId, datetime, str], Ledger] = ledgers.renew
    commit: Callable[[Ledger, DeployId, Cutover], Ledger] = ledgers.commit
    end: Callable[[Ledger, Ending], Ledger] = ledgers.end
    forget: Callable[[Ledger, DeployId], Ledger] = ledgers.forget
    holds: Callable[[Ledger, DeployId], bool] = holds
    plan: Callable[[Inventory, Mapping[str, Root], Mapping[str, SweepRequest]], Plan] = plan
    owned: Callable[[ServicePlan, DeployId], tuple[Resource, ...]] = ServicePlan.owned
    resources: Callable[[ServicePlan, Repair], tuple[Resource, ...]] = ServicePlan.resources
    decide: Callable[[int, int], Decision] = decide
    at_home: Callable[[LedgerAddress, Ledger], Ledger] = at_home
    used: Callable[..., None] = refuse_let_go
    live: Callable[[str, Things, Reading, Ledger], Live | None] = live
    shut: Callable[[Disk, str], frozenset[str]] = shut
    run_files: Callable[[Objects, str], RunFiles] = RunFiles
    compares: bool = True
    """A swap succeeds only where exactly the old value stands."""
    guards: bool = True
    """A guard refuses while somebody holds the lease."""
    raises: bool = True
    """Every transition raises the generation."""
    listed_time: bool = True
    """Retention is judged as of the listing, not of the reading of the ledger."""
    heap_first: bool = True
    ends_first: bool = True
    """An expired lease is ended before its things are deleted."""
    forgets_first: bool = True
    labels_left: bool = True
    """What is forgotten is labelled `left` before the swap."""
    releases: bool = True
    """A failed deploy ends its lease before it sweeps itself."""
    accounts: bool = True
    """A failed deploy settles its creates before it ends its lease."""
    asks: bool = True
    """After an ambiguous swap the ledger is asked."""
    minds_young: bool = True
    """A sweep of a young listing does nothing that needs the whole picture."""
    looks: bool = True
    """A repair looks at the ledger once more before it writes its label."""
    people_win: bool = True
    """A commit made again does not take a record that was moved meanwhile for its own."""
    roots_first: bool = True
    """The lease is taken before anything is created."""
    labels_last: bool = True
    """A deploy is labelled after its database and its machine have obeyed."""
    marks_target: bool = True
    """A rollback labels a target that is labelled `live` `pending`, before it tells it anything."""
    hands_over: bool = True
    """Jobs begin only after the machine that is to give them up is known to have obeyed."""
    waits: bool = True
    """A dump begins after the freeze is in force."""
    own_freeze: bool = True
    """It is the dumper's own freeze that is waited for."""
    verifies: bool = True
    """The freeze is looked at once more before the commit."""
    counts_shut: bool = True
    """A rollback counts what it gives up after the newer database is shut."""
    names_live: bool = True
    """Whoever adopts another machine than the live one names who is live."""
    arms_first: bool = True
    """The end of a hook is armed on live before the hook stops anything."""
    looks_armed: bool = True
    """A hook stops nothing on live where its end is not armed."""
    gates_first: bool = True
    """The gate stands on live before the first image of it is taken."""
    closes_first: bool = True
    """A move closes the old ledger before it makes the new one."""
    opens_last: bool = True
    """A rollback opens the older database after the commit."""
    commits_first: bool = True
    """Traffic through a balancer is switched after the ledger's swap, never before."""
    follows_young: bool = True
    """The switch is due in every round of a sweep, young ones too."""
    fresh_groups: bool = True
    """A rollback makes a target group of its own: none is used by two leases."""
    groups_gone_first: bool = True
    """A target group is detached and deleted before its machines stop."""
    keeps_targets: bool = True
    """A group's targets stay registered until it is deleted."""
    looks_at_holder: bool = True
    """Who has an Elastic IP is read right before the call, and may be who was decided on alone."""
    knows_holder: bool = True
    """That look knows whom the decision was made on; tags are not asked, which a copy has too."""
    reads_again: bool = True
    """The ledger is read once more before a move: this process may have slept."""
    drains: bool = True
    """No machine is put to rest while a move to it may be on its way."""
    minds_foreign: bool = True
    """An action that names somebody else's group is not changed."""
    spares_leased: bool = True
    """No machine is put to rest while somebody holds the lease."""
    orders_always: bool = True
    """A rollback orders its target's app to run, also where it runs."""
    minds_sessions: bool = True
    """Nothing is dropped under the sessions of others."""
    inventories_first: bool = True
    """The inventories of a run are listed before the first of its ledgers is read."""
    held_to_plan: bool = True
    """A run deletes only what the plan of its first try names, whatever else it finds."""
