"""Privileges as values: what a freeze takes away, so that a thaw can give back exactly that.

Most tables of a database have the same privileges, so the text form names each set once and then
the objects that have it: the comment of a database with a thousand tables stays readable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

PRIVILEGES = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE", "USAGE", "CREATE"})
"""The privileges that a freeze revokes, in GRANT's words."""


class On(StrEnum):
    """The kinds of objects whose privileges decide whether a write can commit.

    `TABLE` stands for views and foreign tables too, as it does in GRANT.
    """

    TABLE = "table"
    COLUMN = "column"
    SEQUENCE = "sequence"
    SCHEMA = "schema"
    DATABASE = "database"


@dataclass(frozen=True, order=True)
class Grant:
    """One privilege of one role on one object.

    path       (schema, table), (schema, table, column), (schema,), or () for the database itself
    to         the role's name; '' for PUBLIC, everybody: no role can have an empty name
    may        INSERT, UPDATE, DELETE, TRUNCATE, USAGE or CREATE
    grantable  WITH GRANT OPTION
    """

    on: On
    path: tuple[str, ...]
    to: str
    may: str
    grantable: bool = False

    def __str__(self) -> str:
        where = ".".join(self.path) or "the database"
        return f"{self.to or 'PUBLIC'} may {self.may} on {self.on} {where}"


@dataclass(frozen=True, order=True)
class GrantSet:
    """The same privileges of one role on many objects of one kind: one GRANT or REVOKE."""

    on: On
    to: str
    may: tuple[str, ...]
    grantable: bool
    paths: tuple[tuple[str, ...], ...]


def normal(grants: Iterable[Grant]) -> frozenset[Grant]:
    """The effective privileges: drops a plain one if the grantable one is there too.

    A role can hold a privilege twice, from two grantors; only the wider one matters.
    """
    found = frozenset(grants)
    wide = {(grant.on, grant.path, grant.to, grant.may) for grant in found if grant.grantable}
    return frozenset(
        grant
        for grant in found
        if grant.grantable or (grant.on, grant.path, grant.to, grant.may) not in wide
    )


def grouped(grants: Iterable[Grant]) -> tuple[GrantSet, ...]:
    """The same grants, in as few sets as possible, in a stable order."""
    privileges: defaultdict[tuple[On, tuple[str, ...], str, bool], set[str]] = defaultdict(set)
    for grant in normal(grants):
        privileges[(grant.on, grant.path, grant.to, grant.grantable)].add(grant.may)
    paths: defaultdict[tuple[On, str, tuple[str, ...], bool], list[tuple[str, ...]]]
    paths = defaultdict(list)
    for (on, path, to, grantable), may in privileges.items():
        paths[(on, to, tuple(sorted(may)), grantable)].append(path)
    return tuple(sorted(GrantSet(*key, tuple(sorted(them))) for key, them in paths.items()))


def ungrouped(sets: Iterable[GrantSet]) -> frozenset[Grant]:
    """The single grants of these sets."""
    return frozenset(
        Grant(grant_set.on, path, grant_set.to, may, grant_set.grantable)
        for grant_set in sets
        for path in grant_set.paths
        for may in grant_set.may
    )


def to_json(grants: Iterable[Grant]) -> list[dict[str, object]]:
    """The grants as they are stored in a state comment."""
    return [
        {
            "on": grant_set.on.value,
            "to": grant_set.to,
            "may": list(grant_set.may),
            "grant": grant_set.grantable,
            "of": [list(path) for path in grant_set.paths],
        }
        for grant_set in grouped(grants)
    ]


def from_json(value: Sequence[Mapping[str, object]]) -> frozenset[Grant]:
    """The grants written by `to_json`. Raises ValueError for anything else."""
    return ungrouped(_set(item) for item in value)


def _set(value: Mapping[str, object]) -> GrantSet:
    if set(value) != {"on", "to", "may", "grant", "of"} or not isinstance(value["grant"], bool):
        raise ValueError("not a set of privileges")
    paths, may = value["of"], _texts(value["may"])
    if not isinstance(paths, list) or not PRIVILEGES.issuperset(may):
        raise ValueError("not a list of objects, or no privileges")
    return GrantSet(
        On(_text(value["on"])),
        _text(value["to"]),
        may,
        value["grant"],
        tuple(_texts(path) for path in paths),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("not a list of texts")
    return tuple(_text(item) for item in value)
