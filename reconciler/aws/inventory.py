"""The cloud inventory: the EC2 resources of one account and region, read by the tag index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.aws.client.query import Reads
from reconciler.aws.client.retry import AWS_BACKOFF
from reconciler.aws.client.session import Aws
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds import BY_NAME, KINDS
from reconciler.aws.kinds.kind import Kind
from reconciler.aws.tag_index import read_census, read_index
from reconciler.errors import AccessDenied, CloudError, ToolError
from reconciler.model import tags as t
from reconciler.model.coverage import INDEX, Read, ReadStatus
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import GROUP, INSTANCE, RDS_INSTANCE, Gap, Inventory, Resource
from reconciler.model.tag_summary import KEYS, Groups, Row, TagSummary, grouped
from reconciler.model.tags import AccountRegion, Label
from reconciler.util.backoff import Backoff

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
            gaps = tuple(Gap.of(self.place, one.name, error) for one in KINDS)
            return Inventory((), gaps, (row.failed(error), *_unread(self.place, error)))
        done = row.done()
        scanned = self._scanned(index)
        found = _describe(reads, index, only=scanned, whole=not unfinished_only)
        rows = (self._not_listed(read) if unfinished_only else read for read in found.reads)
        return replace(found, reads=(done, *rows, *self._left_out(scanned)))

    def tag_summary(self) -> TagSummary:
        """See `CloudInventory.tag_summary`."""
        reads = Reads(self.aws)
        row = _Row(reads, INDEX)
        try:
            groups = read_census(reads)
        except (CloudError, AccessDenied) as error:
            gaps = tuple(Gap.of(self.place, one.name, error) for one in KINDS)
            rows = (row.failed(error), *_unread(self.place, error))
            return TagSummary(self.place, gaps=gaps, reads=rows)
        done = row.done()
        scanned = self._scanned({group.kind for group in groups})
        apart = _describe(reads, {}, only=[one for one in scanned if one in LISTED], whole=True)
        more = grouped(_row_of(resource, key) for resource in apart.resources for key in KEYS)
        rows = (done, *apart.reads, *self._left_out(scanned))
        return TagSummary(self.place, {**groups, **more}, apart.gaps, rows)

    def describe_groups(self, groups: Groups) -> Inventory:
        """See `CloudInventory.describe_groups`."""
        reads = Reads(self.aws)
        index: dict[str, list[str]] = {}
        for group, ids in groups.items():
            index.setdefault(group.kind, []).extend(ids)
            reads.know(group.deploy, ids)
        return _describe(reads, index)

    def describe(self, resources: Sequence[Resource]) -> Inventory:
        """See `CloudInventory.describe`."""
        reads = Reads(self.aws)
        index: dict[str, list[str]] = {}
        for resource in resources:
            index.setdefault(resource.kind, []).append(resource.id)
            reads.know(resource.tags.get(t.ID, ""), (resource.id,))
        return _describe(reads, index)

    def label(
        self, resources: Sequence[Resource], label: Label, units: str = ""
    ) -> tuple[Outcome, ...]:
        """See `CloudInventory.label`."""
        deleter = self._deleter()
        state = {t.STATE: label.value}
        told = [resource for resource in resources if units and resource.kind == INSTANCE]
        rest = [
            resource
            for resource in resources
            if resource.kind not in LABELLED_APART and resource not in told
        ]
        outcomes = (
            *_tag(deleter, told, {**state, t.UNITS: units}),
            *_tag(deleter, rest, state),
        )
        apart = (
            outcome
            for kind, write in LABELLED_APART.items()
            for outcome in write(
                deleter, [resource for resource in resources if resource.kind == kind], label
            )
        )
        return tuple(_labelled(one) for one in (*outcomes, *apart))

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        """See `CloudInventory.delete`."""
        kinds = {resource.kind for resource in resources}
        if not kinds:
            return ()
        if len(kinds) > 1 or not kinds <= BY_NAME.keys():
            raise ValueError(f"one kind at a time, and one of ours: {', '.join(sorted(kinds))}")
        return tuple(BY_NAME[kinds.pop()].delete(self._deleter(), resources))

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
        if BY_NAME[row.kind].listing is None:
            return row
        if row.kind not in self.kinds:  # described for a group's sake, and nobody asked for it
            return replace(row, status=ReadStatus.NOT_CONFIGURED, note=_NOT_NAMED)
        return replace(row, status=ReadStatus.SKIPPED, note="a young look lists no RDS")

    def _deleter(self) -> Deleter:
        return Deleter(self.aws, self.backoff, lifts=self.lifts)


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
    whole: bool = False,
) -> Inventory:
    """Describe the resources in the index; with `whole`, also the kinds it cannot contain."""
    found: list[Resource] = []
    gaps: list[Gap] = []
    rows: list[Read] = []
    for kind in only:
        row = _Row(reads, kind.name)
        try:
            found += _seen(kind, reads, index, whole=whole)
            rows.append(row.done())
        except (CloudError, AccessDenied) as error:
            gaps.append(Gap.of(reads.place, kind.name, error))
            rows.append(row.failed(error))
    return Inventory(tuple(found), tuple(gaps), tuple(rows))


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


def _row_of(one: Resource, key: str) -> Row:
    return one.kind, one.id, key, one.tags.get(key, "")


def _unread(place: AccountRegion, error: ToolError) -> Iterator[Read]:
    return (Read(place, kind.name, ReadStatus.FAILED, note=error.message) for kind in KINDS)


def _seen(
    kind: Kind, reads: Reads, index: Mapping[str, Sequence[str]], *, whole: bool
) -> list[Resource]:
    if whole and kind.listing is not None:
        return _listed(kind, reads)
    return _tagged(kind.describe(reads, index.get(kind.name, ())), index)


def _listed(kind: Kind, reads: Reads) -> list[Resource]:
    """All resources of a kind that have a deploy-id, if the tag index does not contain the kind."""
    found = kind.listing(reads) if kind.listing is not None else ()
    return [one for one in found if t.ID in one.tags]


def _tagged(resources: Iterator[Resource], index: Mapping[str, Sequence[str]]) -> list[Resource]:
    """Returns the whole kind or raises: an incomplete list is discarded."""
    found = list(resources)
    wanted = {id_ for ids in index.values() for id_ in ids} if found else set()
    return [one for one in found if t.ID in one.tags and one.id in wanted]


def _labelled(asked: Outcome) -> Outcome:
    """CreateTags is synchronous; only a lost reply leaves its result open."""
    if asked.status is OutcomeStatus.PENDING and not asked.text:
        return Outcome(asked.resource, OutcomeStatus.DONE)
    return Outcome(asked.resource, OutcomeStatus.FAILED, asked.text)
