"""The tag summary: our resources as the tag index alone shows them. Pure.

Two small rows a resource, its `deploy-id` and its `deploy-state`, and of a machine the set of units
that it has obeyed, are enough to decide that it can be skipped (`reconciler.plan.prefilter`). A
fleet has few deploys and few labels, so the ids are kept in groups, and a sweep decides once for
each group: a million rows fit into a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.model import tags as t
from reconciler.model.coverage import Read
from reconciler.model.resource import Gap
from reconciler.model.tags import AccountRegion

KEYS = (t.ID, t.STATE, t.UNITS)
"""The tags that a tag summary reads."""

Row = tuple[str, str, str, str]
"""A row of the tag index: the resource's kind and id, the tag's key and value."""


class Group(NamedTuple):
    """What a tag summary knows of a resource besides its id; all but `kind` from the tags."""

    kind: str
    deploy: str
    label: str
    units: str = ""


Groups = Mapping[Group, Sequence[str]]
"""Ids by their common properties."""


@dataclass(frozen=True)
class TagSummary:
    """All resources in one place that have `deploy-id`. With a gap, `groups` is incomplete."""

    place: AccountRegion
    groups: Groups = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    reads: tuple[Read, ...] = ()


def grouped(rows: Iterable[Row]) -> Groups:
    """Groups the rows of a whole index, in any order; skips resources without `deploy-id`.

    By id alone, which is unique over all kinds: EC2's begin with the kind, RDS's with `db:` or
    `snapshot:` (`rds_api.end_of`).
    """
    heads: dict[str, tuple[str, str]] = {}
    labels: dict[str, str] = {}
    units: dict[str, str] = {}
    same: dict[tuple[str, str], tuple[str, str]] = {}  # else each row's text would stay in memory
    words: dict[str, str] = {}
    for kind, id_, key, value in rows:
        if key == t.ID:
            head = (kind, value)
            heads[id_] = same.setdefault(head, head)
        elif key == t.STATE:
            labels[id_] = words.setdefault(value, value)
        elif key == t.UNITS:
            units[id_] = words.setdefault(value, value)
    found: dict[tuple[tuple[str, str], str, str], list[str]] = {}
    for id_, head in heads.items():
        group = (head, labels.get(id_, ""), units.get(id_, ""))
        if group in found:
            found[group].append(id_)
        else:
            found[group] = [id_]
    return {Group(*head, *more): ids for (head, *more), ids in found.items()}
