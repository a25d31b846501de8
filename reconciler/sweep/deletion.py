"""Executes the deletions of a plan, wave by wave.

Before every wave both sides are read again, the resources first and the ledger second. Resources
that are no longer garbage are left out: check and deletion are as close together as AWS allows. A
resource counts as gone only if a later describe call says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from reconciler.errors import Refused, ToolError
from reconciler.gc.mark import mark, problems
from reconciler.gc.verdict import Root, Verdict
from reconciler.model import tags as t
from reconciler.model.outcome import UNPROVED, Outcome, OutcomeStatus
from reconciler.model.resource import (
    DATABASE,
    INSTANCE,
    INTERFACE,
    TARGET_GROUP,
    VOLUME,
    Inventory,
    Resource,
)
from reconciler.plan.service_plan import wave
from reconciler.ports.service import ManagedService, OnOutcome
from reconciler.sweep import absence
from reconciler.sweep.database_listing import list_databases
from reconciler.sweep.name_listing import witnessed_now
from reconciler.sweep.snapshot import NEVER, alive, read_root
from reconciler.util.backoff import Backoff

_MAY_BE_GONE = frozenset({OutcomeStatus.PENDING, OutcomeStatus.DONE, OutcomeStatus.UNSEEN})


WITH_ITS_MACHINE = (VOLUME, INTERFACE)
"""Kinds that AWS deletes with their machine."""

AT_ONCE = 1000
"""Resources of a kind per check and delete request: the maximum of TerminateInstances."""


class Collector:
    """Deletes a service's garbage; one outcome per resource; a failure does not stop the others."""

    def __init__(
        self, managed: ManagedService, on_outcome: OnOutcome, pace: Backoff | None = None
    ) -> None:
        self._managed = managed
        self._on_outcome = on_outcome
        # An instance takes its time to shut down before its volumes can go.
        self._pace = pace or Backoff(first=0.25, longest=5.0, deadline=managed.delete_limit)
        self._gone = absence.AbsenceTracker(NEVER)
        self._seen: tuple[Resource, ...] = ()
        """The plan's resources as last read; they are also needed to prove births."""
        self._was: tuple[str, ...] = ()
        """The former addresses of the ledger, as last read."""

    def collect(self, garbage: Sequence[Verdict]) -> tuple[Outcome, ...]:
        """Delete the garbage of `garbage`, in waves, verified again before each call."""
        outcomes: list[Outcome] = []
        self._seen = tuple(one.resource for one in garbage)
        for _, group in groupby(self._seen, key=wave):
            outcomes += self._wave(list(group))
        return tuple(outcomes)

    def _wave(self, group: list[Resource]) -> Iterator[Outcome]:
        """One wave's outcomes. A large wave is split, so that each check is recent when it is used.

        AWS terminates 20 machines a second: the last of 10,000 waits for eight minutes.
        """
        asked: list[Outcome] = []
        failed = ""
        for part in _parts(group):
            found = _failed(part, f"not asked for: {failed}") if failed else self._asked(part)
            asked += found
            # Throttled, denied, unknown: what fails for a whole part fails for the others too.
            if not failed and all(one.status is OutcomeStatus.FAILED for one in found):
                failed = found[0].text
        for outcome in self._settle(asked):
            self._on_outcome(outcome)
            yield outcome

    def _verified(self, part: list[Resource]) -> dict[str, Verdict]:
        """Current verdicts, by id: resources first, ledger second. Gone resources are missing."""
        listed = self._now(part)
        if not self._gone.update(part, listed, time.monotonic()):
            return {}  # nothing to judge: volumes are deleted with their machines
        near = self._near(part)
        more = self._beside(part, near)
        listed = Inventory(listed.resources + more.resources, listed.gaps + more.gaps)
        root, _ = read_root(self._managed)
        self._was = root.home.was
        self._gone.now = root.now
        self._gone.update(part, listed, time.monotonic())
        fresh = alive(listed)
        whole = self._with_the_rest(fresh, [*part, *near])
        _refuse_unknown(whole, root)
        _refuse_unseen(fresh, part)
        root = witnessed_now(self._managed, root, whole.resources)
        wanted = {one.key for one in part}
        verdicts = mark(whole, {root.home.service: root})
        return {
            verdict.resource.id: verdict for verdict in verdicts if verdict.resource.key in wanted
        }

    def _near(self, part: list[Resource]) -> list[Resource]:
        """The other resources to read again: of much garbage, only those related to `part`."""
        own = {one.key for one in part}
        others = [one for one in self._seen if one.key not in own]
        if len(self._seen) <= AT_ONCE:
            return others
        ids = {one.id for one in part}
        named = {id_ for one in part for id_ in _names(one)}
        return [other for other in others if other.id in named or not ids.isdisjoint(_names(other))]

    def _beside(self, part: Sequence[Resource], near: Sequence[Resource]) -> Inventory:
        """`near` as it is now. Of what goes with the machines of `part`, their tags: a hold counts.

        What else a volume or an interface says of a machine, its own description says as well; each
        is described again before its own wave. Where no tag is shown, it is as it was last seen.
        """
        if all(one.kind != INSTANCE for one in part):
            return self._now(near)
        companions = [one for one in near if one.kind in WITH_ITS_MACHINE]
        rest = self._now([one for one in near if one.kind not in WITH_ITS_MACHINE])
        tagged = self._managed.heap.tagged(companions) if companions else Inventory()
        shown = {one.key for one in tagged.resources}
        unshown = (one for one in companions if one.key not in shown)
        return Inventory((*rest.resources, *tagged.resources, *unshown), rest.gaps + tagged.gaps)

    def _with_the_rest(self, fresh: Inventory, asked: Sequence[Resource]) -> Inventory:
        """The resources as read now, plus those that were not read, as last seen."""
        keys = {resource.key for resource in (*asked, *fresh.resources)}
        databases = any(one.kind == DATABASE for one in asked)  # always listed all together
        rest = (one for one in self._seen if not (databases and one.kind == DATABASE))
        self._seen = (*fresh.resources, *(one for one in rest if one.key not in keys))
        return Inventory(self._seen, fresh.gaps)

    def _now(self, resources: Sequence[Resource]) -> Inventory:
        if not resources:
            return Inventory()
        in_aws = [resource for resource in resources if resource.kind != DATABASE]
        fresh = self._managed.heap.describe(in_aws)
        if len(in_aws) == len(resources):
            return fresh
        databases = list_databases(self._managed)
        gaps = fresh.gaps + ((databases.gap,) if databases.gap else ())
        return Inventory(fresh.resources + databases.resources, gaps)

    def _asked(self, part: list[Resource]) -> list[Outcome]:
        """Request the deletion of what is still garbage; `_settle` checks later that it is gone."""
        try:
            still = self._verified(part)
        except ToolError as error:
            return _failed(part, error.message)
        garbage: list[Resource] = []
        outcomes: list[Outcome] = []
        for resource in part:
            verdict = still.get(resource.id)
            if verdict is None:
                outcomes.append(Outcome(resource, OutcomeStatus.UNSEEN, UNPROVED))
            elif not verdict.collect:
                outcomes.append(
                    Outcome(resource, OutcomeStatus.BLOCKED, f"kept after all: {verdict.text}")
                )
            elif (group := self._group_of(verdict.resource)) is not None:
                why = f"it is registered with {group.id}, which is not gone yet"
                outcomes.append(Outcome(resource, OutcomeStatus.BLOCKED, why))
            else:
                garbage.append(verdict.resource)
        for kind in sorted({one.kind for one in garbage}):
            outcomes += self._delete([one for one in garbage if one.kind == kind], kind)
        return outcomes

    def _group_of(self, machine: Resource) -> Resource | None:
        """A target group that still holds the machine: AWS would terminate it all the same."""
        groups = (one for one in self._seen if one.kind == TARGET_GROUP)
        return next((group for group in groups if machine.id in group.uses), None)

    def _delete(self, resources: list[Resource], kind: str) -> Sequence[Outcome]:
        if kind == DATABASE:
            return [self._drop(resource) for resource in resources]
        try:
            return self._managed.heap.delete(resources)
        except ToolError as error:
            return _failed(resources, error.message)

    def _settle(self, asked: Sequence[Outcome]) -> Iterator[Outcome]:
        """Wait for the requested deletions; other outcomes stay unless the resource is gone."""
        pending = [one for one in asked if one.status in _MAY_BE_GONE]
        self._gone.agreed(one.resource for one in pending if not one.text)
        self._wait_until_gone([one.resource for one in pending])
        for one in asked:
            if one.status in _MAY_BE_GONE and one.resource.id in self._gone.known:
                text = "already gone" if one.status is OutcomeStatus.UNSEEN else one.text
                yield Outcome(one.resource, OutcomeStatus.GONE, text)
            elif one.status is OutcomeStatus.DONE:
                yield Outcome(
                    one.resource, OutcomeStatus.PENDING, "deletion asked for, not yet gone"
                )
            else:
                yield one

    def _wait_until_gone(self, resources: list[Resource]) -> None:
        left = [resource for resource in resources if resource.id not in self._gone.known]
        if any(one.kind == INSTANCE for one in left):
            self._pace.sleep(self._pace.first)  # no machine ends at once: a look would show nothing
        for elapsed in self._pace.attempts() if left else ():
            seen = self._managed.heap.describe(left)
            left = self._gone.update(left, seen, time.monotonic())
            if not left or (elapsed > absence.AGREED and not self._gone.is_under_way(left, seen)):
                break

    def _drop(self, resource: Resource) -> Outcome:
        try:
            server = self._managed.reach.databases()
            assert resource.deploy is not None  # for the type checker: `mark` has judged it
            act = self._managed.fenced_act(0, resource.deploy, self._was)
            ours = (*self._managed.app_roles, *self._managed.ignore_roles)
            server.drop(resource.name, act, ours)
        except Refused as error:
            return Outcome(resource, OutcomeStatus.BLOCKED, error.message)
        except ToolError as error:
            return Outcome(resource, OutcomeStatus.FAILED, error.message)
        return Outcome(resource, OutcomeStatus.GONE)


def _parts(group: list[Resource]) -> Iterator[list[Resource]]:
    """At most AT_ONCE of each kind, sorted by deploy: AWS finds a deploy's resources by its id."""
    kinds: dict[str, list[Resource]] = {}
    for one in sorted(group, key=lambda each: each.tags.get(t.ID, "")):
        kinds.setdefault(one.kind, []).append(one)
    for start in range(0, max(map(len, kinds.values())), AT_ONCE):
        yield [
            resource
            for resources in kinds.values()
            for resource in resources[start : start + AT_ONCE]
        ]


def _failed(part: Sequence[Resource], text: str) -> list[Outcome]:
    return [Outcome(one, OutcomeStatus.FAILED, text) for one in part]


def _names(one: Resource) -> tuple[str, ...]:
    return (*one.uses, *one.used_by, one.source)


def _refuse_unknown(fresh: Inventory, root: Root) -> None:
    problem = problems(fresh, {root.home.service: root}).get(root.home.service)
    if problem:
        raise ToolError(f"unknown since the plan was made: {problem}")


def _refuse_unseen(fresh: Inventory, group: Sequence[Resource]) -> None:
    """An unreachable database server hides databases: a missing one does not count as gone."""
    kinds = {one.kind for one in group}
    gap = next((one for one in fresh.gaps if one.kind in kinds), None)
    if gap is not None:
        raise ToolError(f"{gap.kind}s could not be listed: {gap.reason}")
