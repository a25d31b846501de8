"""The census: what the tag index says of everything that is ours, and nothing more. Pure.

Two small rows a resource, its `deploy-id` and its `deploy-state`, and of a machine the set of units
that it has obeyed, are enough to tell that a thing is plainly kept (`reconciler.plan.prefilter`). A
fleet has few deploys and few labels, so the ids are kept in groups, and what a sweep decides of a
group it decides once: a million rows fit into a process.
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
"""The tags a census reads."""

Row = tuple[str, str, str, str]
"""Of the tag index: the resource's kind and id, the tag's key and value."""


class Group(NamedTuple):
    """What a census knows of a resource beside its id; all but `kind` as the tags say."""

    kind: str
    deploy: str
    label: str
    units: str = ""


Groups = Mapping[Group, Sequence[str]]
"""Ids by what they have in common."""


@dataclass(frozen=True)
class TagSummary:
    """Everything in one place that carries `deploy-id`. With a gap, `groups` is not the whole."""

    place: AccountRegion
    groups: Groups = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    reads: tuple[Read, ...] = ()


def grouped(rows: Iterable[Row]) -> Groups:
    """The rows of a whole index, in any order. What has no `deploy-id` is left out."""
    heads: dict[str, tuple[str, str]] = {}
    labels: dict[str, str] = {}
    units: dict[str, str] = {}
    same: dict[tuple[str, str], tuple[str, str]] = {}  # else each row's text would be kept
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
