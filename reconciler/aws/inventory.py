"""The cloud inventory: the EC2 resources of one account and region, read by the tag index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.aws.client.query import FILTER_VALUES, PAGE, Reads
from reconciler.aws.client.retry import AWS_BACKOFF
from reconciler.aws.client.session import Aws
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds import BY_NAME, KINDS, instance
from reconciler.aws.kinds.kind import Kind
from reconciler.aws.tag_index import read_census, read_index, read_tags
from reconciler.errors import AccessDenied, CloudError, ToolError
from reconciler.model import tags as t
from reconciler.model.coverage import INDEX, Read, ReadStatus
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import (
    GROUP,
    INSTANCE,
    RDS_INSTANCE,
    VOLUME,
    Gap,
    Inventory,
    Resource,
)
from reconciler.model.tag_summary import KEYS, Groups, TagSummary, grouped
from reconciler.model.tags import AccountRegion, Label
from reconciler.util.backoff import Backoff
from reconciler.util.concurrency import side_by_side

LABELLED_AT_ONCE = 200
_NOT_NAMED = "not among `kinds` in reconciler.toml"
LISTED = tuple(one for one in KINDS if one.listing is not None)
LABELLED_APART = {one.name: one.label for one in KINDS if one.label is not None}
"""How to label the kinds that do not have EC2 tags."""


@dataclass(frozen=True)
class Ec2Inventory:
    """`CloudInventory` on EC2. Bad credentials raise AccessDenied; any other failure is a gap.

    `lifts` is `lift_protection` of reconciler.toml, `kinds` its key of that name: those of LISTED
    that a scan lists. No release makes the others. A resource is described whatever its kind.
    RDS instances are listed wherever there is a security group of ours: one may be in it.
    """

    aws: Aws
    backoff: Backoff = AWS_BACKOFF
    lifts: bool = field(default=False, kw_only=True)
    kinds: Collection[str] = field(default=frozenset(one.name for one in LISTED), kw_only=True)

    @property
    def place(self) -> AccountRegion:
        return self.aws.place

    def scan(self, *, unfinished_only: bool = False) -> Inventory:
        """See `CloudInventory.scan`. An incomplete index is a gap for every kind."""
        reads = Reads(self.aws)
        row = _Row(reads, INDEX)
        try:
            index = read_index(reads, unfinished_only=unfinished_only)
        except (CloudError, AccessDenied) as error:
            return _unread(row, error)
        done = row.done()
        scanned = self._scanned(index)
        always = [one for one in scanned if one.always_listed]
        listed = always if unfinished_only else scanned
        found = _describe(reads, index, only=scanned, listed=listed)
        rows = (self._not_listed(read) if unfinished_only else read for read in found.reads)
        return replace(found, reads=(done, *rows, *self._left_out(scanned)))

    def machines_of(self, service: str) -> Inventory:
        """See `CloudInventory.machines_of`. One call: an id begins with its service's name."""
        reads = Reads(self.aws)
        row = _Row(reads, INSTANCE)
        found = tuple(instance.born_of(reads, service))
        return Inventory(found, reads=(row.done(),))

    def tag_summary(self) -> TagSummary:
        reads = Reads(self.aws)
        row = _Row(reads, INDEX)
        try:
            groups = read_census(reads)
        except (CloudError, AccessDenied) as error:
            nothing = _unread(row, error)
            return TagSummary(self.place, gaps=nothing.gaps, reads=nothing.reads)
        done = row.done()
        scanned = self._scanned({group.kind for group in groups})
        listed = [one for one in scanned if one in LISTED]
        apart = _describe(reads, {}, only=listed, listed=listed)
        more = grouped(
            (resource.kind, resource.id, key, resource.tags.get(key, ""))
            for resource in apart.resources
            for key in KEYS
        )
        rows = (done, *apart.reads, *self._left_out(scanned))
        return TagSummary(self.place, {**groups, **more}, apart.gaps, rows)

    def describe_groups(self, groups: Groups) -> Inventory:
        return self._describe((group.kind, group.deploy, ids) for group, ids in groups.items())

    def describe(self, resources: Sequence[Resource]) -> Inventory:
        return self._describe(
            (resource.kind, resource.tags.get(t.ID, ""), (resource.id,)) for resource in resources
        )

    def tagged(self, resources: Sequence[Resource]) -> Inventory:
        """See `CloudInventory.tagged`. One call for all kinds; of more, each kind is described."""
        rows = sum(len(one.tags) for one in resources)
        if not resources or len(resources) > FILTER_VALUES or rows > PAGE:
            return self.describe(resources)
        reads = Reads(self.aws)
        row = _Row(reads, INDEX)
        try:
            found = read_tags(reads, [one.id for one in resources])
        except (CloudError, AccessDenied) as error:
            kinds = dict.fromkeys(one.kind for one in resources)
            gaps = tuple(Gap.of(self.place, kind, error) for kind in kinds)
            return Inventory((), gaps, (row.failed(error),))
        now = [replace(one, tags=found.get(one.id, {})) for one in resources]
        return Inventory(tuple(one for one in now if t.ID in one.tags), reads=(row.done(),))

    def volumes(self, ids: Sequence[str]) -> Inventory:
        """See `CloudInventory.volumes`."""
        reads = Reads(self.aws)
        row = _Row(reads, VOLUME)
        try:
            found = tuple(BY_NAME[VOLUME].describe(reads, ids))
        except (CloudError, AccessDenied) as error:
            gap = Gap.of(self.place, VOLUME, error)
            return Inventory((), (gap,), (row.failed(error),))
        return Inventory(found, reads=(row.done(),))

    def label(
        self, resources: Sequence[Resource], label: Label, units: str = ""
    ) -> tuple[Outcome, ...]:
        deleter = self._deleter()
        state = {t.STATE: label.value}
        told = [one for one in resources if units and _is_untold(one, units)]
        rest = [
            resource
            for resource in resources
            if resource.kind not in LABELLED_APART and resource not in told
        ]
        batches = [one for one in ((told, {**state, t.UNITS: units}), (rest, state)) if one[0]]
        written = side_by_side(batches, lambda batch: [*_tag(deleter, *batch)])
        outcomes = [outcome for batch in written for outcome in batch]
        apart = (
            outcome
            for kind, write in LABELLED_APART.items()
            for outcome in write(
                deleter, [resource for resource in resources if resource.kind == kind], label
            )
        )
        return tuple(_labelled(one) for one in (*outcomes, *apart))

    def unparkable(self, machines: Sequence[Resource]) -> Mapping[str, str]:
        """See `CloudInventory.unparkable`."""
        reads = Reads(self.aws)
        found = ((one.id, instance.why_not_parked(reads, one.id)) for one in machines)
        return {id_: why for id_, why in found if why}

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        kinds = {resource.kind for resource in resources}
        if not kinds:
            return ()
        if len(kinds) > 1 or not kinds <= BY_NAME.keys():
            raise ValueError(f"one kind at a time, and one of ours: {', '.join(sorted(kinds))}")
        try:
            return tuple(BY_NAME[kinds.pop()].delete(self._deleter(), resources))
        except (CloudError, AccessDenied) as error:
            # What the kind looks at first could not be read: no deletion was requested.
            return tuple(Outcome(one, OutcomeStatus.FAILED, error.message) for one in resources)

    def _describe(self, known: Iterable[tuple[str, str, Sequence[str]]]) -> Inventory:
        """Describe what is known by kind, deploy and ids."""
        reads = Reads(self.aws)
        index: dict[str, list[str]] = {}
        for kind, deploy, ids in known:
            index.setdefault(kind, []).extend(ids)
            reads.know(deploy, ids)
        return _describe(reads, index)

    def _scanned(self, tagged: Collection[str]) -> Sequence[Kind]:
        """The kinds to look at, where the tag index has resources of the kinds `tagged`."""
        listed = {*self.kinds, *((RDS_INSTANCE,) if GROUP in tagged else ())}
        return [one for one in KINDS if one.listing is None or one.name in listed]

    def _left_out(self, scanned: Collection[Kind]) -> Iterator[Read]:
        for kind in KINDS:
            if kind not in scanned:
                yield Read(self.place, kind.name, ReadStatus.NOT_CONFIGURED, note=_NOT_NAMED)

    def _not_listed(self, row: Read) -> Read:
        """An unfinished-only sweep uses the tag index alone, and reports what that cannot show."""
        kind = BY_NAME[row.kind]
        if kind.listing is None or kind.always_listed:
            return row
        if row.kind not in self.kinds:  # described for a group's sake, and nobody asked for it
            return replace(row, status=ReadStatus.NOT_CONFIGURED, note=_NOT_NAMED)
        return replace(row, status=ReadStatus.SKIPPED, note="a young look lists no RDS")

    def _deleter(self) -> Deleter:
        return Deleter(self.aws, self.backoff, lifts=self.lifts)


def _is_untold(resource: Resource, units: str) -> bool:
    """Whether it is a machine whose tag does not say these units yet: they cost another call."""
    return resource.kind == INSTANCE and resource.tags.get(t.UNITS, "") != units


def _tag(
    deleter: Deleter, resources: Sequence[Resource], tags: Mapping[str, str]
) -> Iterable[Outcome]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return deleter.batch(
        "create_tags",
        lambda ids: {"Resources": list(ids), "Tags": pairs},
        resources,
        LABELLED_AT_ONCE,
    )


def _describe(
    reads: Reads,
    index: Mapping[str, Sequence[str]],
    *,
    only: Sequence[Kind] = KINDS,
    listed: Sequence[Kind] = (),
) -> Inventory:
    """Describe the resources in the index; list the kinds `listed` that it cannot contain.

    Kinds do not wait for each other.
    """

    def described(kind: Kind) -> Inventory:
        own = reads.beside()
        row = _Row(own, kind.name)
        try:
            found = _seen(kind, own, index, listed=kind in listed)
        except (CloudError, AccessDenied) as error:
            return Inventory((), (Gap.of(reads.place, kind.name, error),), (row.failed(error),))
        return Inventory(tuple(found), (), (row.done(),))

    each = side_by_side(only, described)
    return Inventory(
        tuple(resource for one in each for resource in one.resources),
        tuple(gap for one in each for gap in one.gaps),
        tuple(read for one in each for read in one.reads),
    )


class _Row:
    """A row of the coverage table while its calls are counted."""

    def __init__(self, reads: Reads, kind: str) -> None:
        self._reads = reads
        self._kind = kind
        self._before = (reads.pages_read, reads.calls)

    def done(self) -> Read:
        pages, calls = self._reads.pages_read - self._before[0], self._reads.calls - self._before[1]
        return Read(self._reads.place, self._kind, ReadStatus.READ, pages, calls)

    def failed(self, error: ToolError) -> Read:
        return replace(self.done(), status=ReadStatus.FAILED, note=error.message)


def _unread(row: _Row, error: ToolError) -> Inventory:
    """Nothing is known of any kind, because the index could not be read."""
    read = row.failed(error)
    gaps = tuple(Gap.of(read.place, kind.name, error) for kind in KINDS)
    rows = (Read(read.place, kind.name, read.status, note=read.note) for kind in KINDS)
    return Inventory((), gaps, (read, *rows))


def _seen(
    kind: Kind, reads: Reads, index: Mapping[str, Sequence[str]], *, listed: bool
) -> list[Resource]:
    """What has a deploy-id: all of a kind that the tag index cannot contain, else what is in it.

    Returns the whole kind or raises: an incomplete list is discarded.
    """
    if listed and kind.listing is not None:
        return [one for one in kind.listing(reads) if t.ID in one.tags]
    wanted = set(index.get(kind.name, ()))
    found = kind.describe(reads, index.get(kind.name, ()))
    return [one for one in found if t.ID in one.tags and one.id in wanted]


def _labelled(asked: Outcome) -> Outcome:
    """CreateTags is synchronous; only a lost reply leaves its result open."""
    if asked.status is OutcomeStatus.PENDING and not asked.text:
        return Outcome(asked.resource, OutcomeStatus.DONE)
    return Outcome(asked.resource, OutcomeStatus.FAILED, asked.text)
