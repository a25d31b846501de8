"""The models' self-test: each of these removes one guard, and each has to be noticed.

A mutation is the product's rules with one of them broken: a function replaced, or two steps
changed in their order. `within` patches what cannot be passed in: the list of mark's own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from unittest.mock import patch

from deployer.commands.recover.who_is_live import Things, live
from reconciler.config.service import Image
from reconciler.database import identity as whose
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory
from reconciler.gc import mark, rules
from reconciler.gc.other_names import OtherNames
from reconciler.gc.verdict import Root, Verdict
from reconciler.model import ledger as ledgers
from reconciler.model import tags
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import Decision
from reconciler.model.ledger import Cutover, Lease, Ledger, Live
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.resource import Inventory, Resource
from reconciler.model.tags import Label
from reconciler.plan import deviation as deviations
from reconciler.plan import planner
from reconciler.plan.deviation import deviation
from reconciler.plan.service_plan import Plan, ServicePlan, SweepRequest
from tests.model.databases import Scenario as Data
from tests.model.elastic import Scenario as Elastic
from tests.model.gate import Scenario as Gate
from tests.model.gate_world import Disk, shut
from tests.model.homes_world import Scenario as Homes
from tests.model.hooks import Scenario as Hooks
from tests.model.ledger_heap import Scenario as Heap
from tests.model.parking import Scenario as Parking
from tests.model.rules import Rules
from tests.model.scope_folder import AnyInventory, MissingIsEmpty
from tests.model.scopes import Scenario as Scope
from tests.model.traffic import Scenario as Traffic

ALONE = Heap("a deployer and a sweep")
BACK = Heap("a deployer, a rollback and a sweep", rollback=True, slow=0)
STRANGE = Heap("copied tags", strangers=True)
TWICE = Heap("a deployer, swaps twice", slow=2, twice=1, sweeps=())
RESTORED = Heap("a ledger restored", restorer=True, rollback=True, keep=2, slow=0)
MOVED = Heap("a record moved", mover=True, sweeps=())
YOUNG = Heap("a deployer, a sweep and a young one", unfinished_only=(1,))
BOTH = Heap("two deployers", deployers=2, sweeps=())
NAMED = Heap("a second name", rollback=True, named=True, slow=0)

FREEZE = Data("a deployer and a sweep")
ABORTED = Data("a deployer and an abort", abort=True, sweeps=())
GIVE_UP = Data("a rollback", deployers=0, rollback=True, sweeps=())
JOBS = Data("jobs, a deployer and a sweep", machines=True, writes=0)
FORTH = Data(
    "jobs, back and forth",
    deployers=0,
    rollback=True,
    forth=True,
    machines=True,
    writes=0,
    sweeps=(),
)
SHARES_JOBS = Data(
    "jobs, a deployer that shares and a rollback",
    rollback=True,
    machines=True,
    writes=0,
    sweeps=(),
    shares=1,
    slow=0,
    twice=0,
)
STRANGER = Homes("two configurations", deployers=(0, 1), sweeps=(0, 1), recovers=(1,), adopts=(1,))
SECOND_NAME = Homes("a second name of one machine", deployers=(1,), sweeps=(1,), second_name=True)
ELSEWHERE = Homes("a move to another zone", deployers=(0,), sweeps=(0, 2), movers=2)
DELETED = Homes("a record deleted", sweeps=(0,), recovers=(0,), deletes_record=True)
COPIED = Data("databases that people copied and restored", people=True, writes=0)
SHARED = Data("two releases that share, and a sweep that forgets", deployers=2, shares=2, keep=1)
MIXED = Data("one shares, one copies, and a rollback", deployers=2, shares=1, rollback=True, keep=1)
SHORT = Data("a short lease, a deployer and a sweep", short=True)
STOPPED = Hooks("live stopped for its image")
RESTARTED = Hooks("live may restart meanwhile", restarts=True)
CLONED = Gate("a clone of live")
NO_TAG = Gate("a clone whose firmware tells no id", no_tag=True)
SWITCH = Traffic("a release behind a balancer and a sweep", slow=1, twice=1)
TAKEN = Traffic("two releases behind a balancer and a sweep", holders=("first", "second"), slow=1)
HAND = Traffic("a person at the balancer", slow=1, hands=1)
RETURN = Traffic("a rollback behind a balancer beside a sweep", holders=("first", "back"), slow=1)
MOVING = Elastic("a release with an Elastic IP and a sweep", slow=1, twice=1)
GIVEN = Elastic("a person and an Elastic IP", slow=1, hands=1)
MOVED_BACK = Elastic("a rollback with an Elastic IP beside a sweep", ("first", "back"), slow=1)
RESTING = Parking("a rollback to a release at rest, and a sweep", twice=1)
IN_A_RUN = Scope("one scope of a run in two maps")
AGAIN = Data("two deployers", deployers=2, sweeps=(), slow=2, twice=0)


@dataclass(frozen=True)
class Mutation:
    """One guard removed, where to look, and a word of what the model must then say."""

    name: str
    rules: Rules
    where: Heap | Data | Homes | Hooks | Gate | Traffic | Elastic | Parking | Scope
    says: str
    within: Callable[[], AbstractContextManager[object]] = nullcontext


def _by_maker() -> AbstractContextManager[object]:
    """A database is judged by the deploy that it is named after, whoever uses it."""
    return patch.object(rules, "decider", lambda _, resource: resource.deploy)


def forgets_db(ledger: Ledger, mine: DeployId, cut: Cutover) -> Ledger:
    """Commits as if each deploy had a database of its own."""
    return ledgers.commit(ledger, mine, replace(cut, db=None))


def _without(*names: str) -> Callable[[], AbstractContextManager[object]]:
    kept = tuple(rule for rule in rules.RULES if rule.name not in names)
    return lambda: patch.object(mark, "RULES", kept)


def steals(ledger: Ledger, mine: DeployId, until: datetime) -> Ledger:
    """Acquires whoever holds the lease."""
    return ledgers.acquire(replace(ledger, lease=None), mine, until)


def commits_anyway(ledger: Ledger, mine: DeployId, cut: Cutover) -> Ledger:
    """Commits without holding the lease."""
    held = replace(ledger, lease=Lease(mine, cut.now, "commit"))
    return ledgers.commit(held, mine, cut)


def forgets_the_old(ledger: Ledger, mine: DeployId, cut: Cutover) -> Ledger:
    """Commits and keeps no previous deploy."""
    return replace(ledgers.commit(ledger, mine, cut), previous=())


def labels_all(service_plan: ServicePlan, deploy: DeployId) -> tuple[Resource, ...]:
    """Everything that carries the id counts as the deploy's."""
    return tuple(one.resource for one in service_plan.verdicts if one.resource.deploy == deploy)


def never_repairs(
    inventory: Inventory, roots: Mapping[str, Root], asks: Mapping[str, SweepRequest]
) -> Plan:
    """A plan without repairs: commits are not finished."""
    whole = planner.plan(inventory, roots, asks)
    return replace(whole, services=tuple(replace(one, repairs=()) for one in whole.services))


def never_ends(
    inventory: Inventory, roots: Mapping[str, Root], asks: Mapping[str, SweepRequest]
) -> Plan:
    """Things of an expired lease are collected, and the lease is left."""
    whole = planner.plan(inventory, roots, asks)
    return replace(whole, services=tuple(replace(one, end=None) for one in whole.services))


def repairs_under_a_lease(
    inventory: Inventory, roots: Mapping[str, Root], asks: Mapping[str, SweepRequest]
) -> Plan:
    """Thaws whatever the table says, whoever holds the lease."""
    whole = planner.plan(inventory, roots, asks)
    name, root = next(iter(roots.items()))
    free = {name: replace(root, ledger=replace(root.ledger, lease=None))}
    repairs = planner.plan(inventory, free, asks).services[0].repairs
    return replace(whole, services=(replace(whole.services[0], repairs=repairs),))


def ignores_names(
    inventory: Inventory, roots: Mapping[str, Root], asks: Mapping[str, SweepRequest]
) -> Plan:
    """As if no name but the record led anywhere."""
    blind = {name: replace(root, names=OtherNames()) for name, root in roots.items()}
    return planner.plan(inventory, blind, asks)


def labels_back(
    inventory: Inventory, roots: Mapping[str, Root], asks: Mapping[str, SweepRequest]
) -> Plan:
    """What is labelled `left` and not yet forgotten is labelled `retired` again."""
    with patch.object(deviations, "deviation", _always_deviates):
        return planner.plan(inventory, roots, asks)


_deviation = deviation


def _always_deviates(verdict: Verdict) -> str:
    """As if what is labelled `left` were labelled `pending`."""
    resource = verdict.resource
    if resource.label is not Label.LEFT:
        return _deviation(verdict)
    pending = {**resource.tags, tags.STATE: Label.PENDING.value}
    return _deviation(replace(verdict, resource=replace(resource, tags=pending)))


def believes_all(address: LedgerAddress, ledger: Ledger) -> Ledger:
    """Takes any ledger that stands there for the configured service's."""
    del address
    return ledger


def uses_all(service: str, state: str, hooks: Image, *, reboots: bool) -> None:
    """Uses the image, however live stood when it was made."""
    del service, state, hooks, reboots


def believes_the_disk(disk: Disk, instance: str) -> frozenset[str]:
    """A machine takes itself for whoever was told last on its disk."""
    del instance
    return shut(disk, disk.told)


def believes_without_an_id(disk: Disk, instance: str) -> frozenset[str]:
    """A machine that cannot tell who it is believes its disk."""
    return shut(disk, instance or disk.told)


def by_the_record_alone(
    service: str, resources: Things, reading: Reading, old: Ledger
) -> Live | None:
    """Nobody is live where there is no record, whatever the labels say."""
    return live(service, resources, reading, old) if reading.a else None


def always_obeys(seen: int, generation: int) -> Decision:
    """No fence."""
    del seen, generation
    return Decision.OBEY


def _no_contradiction(*_: object) -> str:
    return ""


@contextmanager
def _labels_condemn() -> Iterator[None]:
    everything = frozenset(Label)
    with (
        patch.multiple(mark, CONDEMNED=everything, _contradiction=_no_contradiction),
        patch.object(rules, "CONDEMNED", everything),
    ):
        yield


@contextmanager
def _nobody_gives_up() -> Iterator[None]:
    with patch.object(deviations, "_give_up", lambda *_: None):
        yield


_doubt = whose._doubt


def _believed(without: str) -> Callable[[], AbstractContextManager[object]]:
    """A doubt that says `without` is none, and several databases of a deploy are no dispute."""

    def doubts(info: DatabaseInfo, memory: Memory | None, of: DeployId) -> str:
        said = _doubt(info, memory, of)
        return "" if without in said else said

    @contextmanager
    def broken() -> Iterator[None]:
        with patch.object(whose, "_doubt", doubts), patch.object(mark, "dispute", _no_dispute):
            yield

    return broken


def _no_dispute(*_: object) -> None:
    return None


DESIGN = (
    Mutation("ledger before inventory", Rules(heap_first=False), ALONE, "does not exist"),
    Mutation("delete before forget", Rules(forgets_first=False), BACK, "does not exist"),
    Mutation("UPSERT for swap", Rules(compares=False), ALONE, "stays gone"),
    Mutation("clean-up without release", Rules(releases=False), ALONE, "does not exist"),
    Mutation("no generation", Rules(raises=False), TWICE, "rooted again"),
    Mutation("no fence", Rules(decide=always_obeys), AGAIN, "two databases"),
    Mutation(
        "dump without waiting for the freeze",
        Rules(waits=False, verifies=False),
        FREEZE,
        "two databases",
    ),
    Mutation(
        "thaw under somebody's lease", Rules(plan=repairs_under_a_lease), FREEZE, "two databases"
    ),
)
"""The eight that the protocol names."""

OWN = (
    Mutation(
        "acquire takes a held lease", Rules(acquire=steals, guards=False), BOTH, "straight from one"
    ),
    Mutation(
        "commit without the lease",
        Rules(commit=commits_anyway, holds=lambda *_: True),
        ALONE,
        "rooted again",
    ),
    Mutation("commit keeps no previous", Rules(commit=forgets_the_old), ALONE, "stays"),
    Mutation("no answer taken for a no", Rules(asks=False), ALONE, "does not exist"),
    Mutation("delete before the lease is ended", Rules(ends_first=False), ALONE, "does not exist"),
    Mutation("expired lease never ended", Rules(plan=never_ends), ALONE, "come to rest"),
    Mutation("creates not settled before the end", Rules(accounts=False), ALONE, "on its way"),
    Mutation("create before the lease", Rules(roots_first=False), ALONE, "does not exist"),
    Mutation("forget without the label left", Rules(labels_left=False), ALONE, "stays retired"),
    Mutation("label left taken back", Rules(plan=labels_back), ALONE, "stays retired"),
    Mutation("late label not looked at again", Rules(looks=False), BACK, "stays"),
    Mutation("retention as of the ledger's reading", Rules(listed_time=False), BACK, "stays"),
    Mutation("commits never finished", Rules(plan=never_repairs), ALONE, "stays"),
    Mutation("a moved record moved back", Rules(people_win=False), MOVED, "moved back"),
    Mutation("all that carries the id is labelled", Rules(owned=labels_all), STRANGE, "not ours"),
    Mutation("no proof of birth", Rules(), STRANGE, "not ours", _without("birth")),
    Mutation("witness ignored on deletion", Rules(plan=ignores_names), NAMED, "a name leads to"),
    Mutation("another ledger's things", Rules(), STRANGE, "not ours", _without("ledger")),
    Mutation("labels condemn", Rules(), RESTORED, "does not exist", _labels_condemn),
    Mutation("a database is its maker's alone", Rules(), SHARED, "stays shut", _by_maker),
    Mutation(
        "a commit forgets whose database it is", Rules(commit=forgets_db), SHARED, "no database"
    ),
    Mutation("any freeze will do", Rules(own_freeze=False), AGAIN, "two databases"),
    Mutation("thaw before the lease is ended", Rules(ends_first=False), ABORTED, "two databases"),
    Mutation("young sweep plans as a full one", Rules(minds_young=False), YOUNG, "stays"),
    Mutation("no fence on a machine", Rules(decide=always_obeys), JOBS, "jobs"),
    Mutation("jobs begun before they were given up", Rules(hands_over=False), JOBS, "two machines"),
    Mutation("label before the acts", Rules(labels_last=False), JOBS, "jobs"),
    Mutation(
        "a target told before it is labelled unfinished", Rules(marks_target=False), FORTH, "has no"
    ),
    Mutation(
        "who was live is not told to stop", Rules(), SHARES_JOBS, "two machines", _nobody_gives_up
    ),
    Mutation("a ledger knows no home", Rules(at_home=believes_all), SECOND_NAME, "record names"),
    Mutation("a tombstone is believed", Rules(at_home=believes_all), ELSEWHERE, "does not exist"),
    Mutation(
        "the new ledger before the old is closed",
        Rules(closes_first=False),
        ELSEWHERE,
        "not the same",
    ),
    Mutation(
        "adopt without a word about who is live",
        Rules(at_home=believes_all, names_live=False),
        STRANGER,
        "record names",
    ),
    Mutation(
        "stopped before its end is armed",
        Rules(arms_first=False, looks_armed=False),
        STOPPED,
        "for ever",
    ),
    Mutation("stopped after a restart", Rules(looks_armed=False), RESTARTED, "for ever"),
    Mutation("an image of whatever there was", Rules(used=uses_all), STOPPED, "had been let go"),
    Mutation("image before the gate", Rules(gates_first=False), CLONED, "was not told"),
    Mutation("identity from the disk", Rules(shut=believes_the_disk), CLONED, "was not told"),
    Mutation("no id, any id", Rules(shut=believes_without_an_id), NO_TAG, "was not told"),
    Mutation("jobs here before there", Rules(hands_over=False), CLONED, "two machines"),
    Mutation("absence unlives", Rules(live=by_the_record_alone), DELETED, "unlived"),
    Mutation(
        "commit after a sweep has ended the short lease",
        Rules(commit=commits_anyway, holds=lambda *_: True),
        SHORT,
        "two databases",
    ),
    Mutation("count before the freeze", Rules(counts_shut=False), GIVE_UP, "acknowledged write"),
    Mutation(
        "older opened before the commit", Rules(opens_last=False), GIVE_UP, "acknowledged write"
    ),
    Mutation("a copied memory counts", Rules(), COPIED, "that people made", _believed("copied")),
    Mutation("a name without a memory counts", Rules(), COPIED, "people", _believed("no memory")),
    Mutation("drop under sessions", Rules(minds_sessions=False), COPIED, "people are connected"),
    Mutation("switch before the commit", Rules(commits_first=False), SWITCH, "never follows"),
    Mutation("switch in full rounds only", Rules(follows_young=False), SWITCH, "never follows"),
    Mutation("label before the switch", Rules(labels_last=False), SWITCH, "never follows"),
    Mutation(
        "machines stopped before their group is gone",
        Rules(groups_gone_first=False),
        SWITCH,
        "do not run",
    ),
    Mutation(
        "stopped before its group is gone, and a rollback",
        Rules(groups_gone_first=False),
        RETURN,
        "do not run",
    ),
    Mutation(
        "targets deregistered before their group is gone",
        Rules(keeps_targets=False),
        SWITCH,
        "without targets",
    ),
    Mutation("a rollback takes the old group", Rules(fresh_groups=False), RETURN, "came back"),
    Mutation("no fence beside a rollback", Rules(decide=always_obeys), RETURN, "two databases"),
    Mutation(
        "first wakes after the second, and commits",
        Rules(commit=commits_anyway, holds=lambda *_: True),
        TAKEN,
        "two databases",
    ),
    Mutation("traffic moved back after the label", Rules(people_win=False), HAND, "taken back"),
    Mutation("somebody's group ignored", Rules(minds_foreign=False), HAND, "not ours lost"),
    Mutation(
        "an address moved without looking who has it",
        Rules(looks_at_holder=False),
        GIVEN,
        "after the decision, lost it",
    ),
    Mutation(
        "who has the address told by tags",
        Rules(knows_holder=False),
        GIVEN,
        "after the decision, lost it",
    ),
    Mutation(
        "an address moved without reading the ledger again",
        Rules(reads_again=False),
        MOVED_BACK,
        "never follows",
    ),
    Mutation("an address moved after the label", Rules(labels_last=False), MOVING, "never follows"),
    Mutation(
        "an address moved before the commit", Rules(commits_first=False), MOVING, "does not run"
    ),
    Mutation(
        "an address moved in full rounds only", Rules(follows_young=False), MOVING, "never follows"
    ),
    Mutation(
        "parked while a move may be on its way", Rules(drains=False), MOVED_BACK, "does not run"
    ),
    Mutation("an address moved back after the label", Rules(people_win=False), GIVEN, "taken back"),
    Mutation("a stranger's machine ignored", Rules(minds_foreign=False), GIVEN, "not ours lost"),
    Mutation("a late halt obeyed", Rules(decide=always_obeys), RESTING, "live does not run"),
    Mutation("parked under a lease", Rules(spares_leased=False), RESTING, "live does not run"),
    Mutation(
        "no order to a target that serves", Rules(orders_always=False), RESTING, "live does not run"
    ),
    Mutation(
        "the ledgers of a run before its inventories",
        Rules(inventories_first=False),
        IN_A_RUN,
        "plan names first, which is rooted",
    ),
    Mutation(
        "another inventory than the ledgers judge",
        Rules(run_files=AnyInventory),
        IN_A_RUN,
        "plan names first, which is rooted",
    ),
    Mutation("a run not held to its plan", Rules(held_to_plan=False), IN_A_RUN, "the breaker"),
    Mutation(
        "a scope without an inventory is empty",
        Rules(run_files=MissingIsEmpty),
        IN_A_RUN,
        "counts as clean",
    ),
    Mutation(
        "a run not held to its plan, ledger before inventory",
        Rules(held_to_plan=False, heap_first=False),
        IN_A_RUN,
        "is rooted, and was deleted",
    ),
)
"""Further ones: each removes a guard of the code's own."""

PICTURED = (
    "ledger before inventory",
    "delete before forget",
    "clean-up without release",
    "no generation",
    "no fence",
    "label left taken back",
)
"""Those whose pictures docs/protocol.md shows; docs/protocol-traces.md has all."""
