"""The dependencies between units: systemd.unit(5), from the files on disk.

systemd has reverse dependencies of loaded units only; here all units with a file count as loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from deployer.sandbox.machines.systemd.unit_file import Unit
from deployer.sandbox.machines.systemd.unit_store import UnitProblem, UnitStore

MILESTONES = frozenset(
    f"{name}.target"
    for name in (
        *("sysinit", "basic", "local-fs", "local-fs-pre", "remote-fs", "network", "network-pre"),
        *("network-online", "nss-lookup", "time-sync", "sockets", "timers", "paths", "shutdown"),
        *("multi-user", "graphical", "default"),
    )
)
"""The distribution's targets, which have no files here: always reached."""


@dataclass(frozen=True)
class _Links:
    """The units that one unit names."""

    wants: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    binds_to: frozenset[str] = frozenset()
    part_of: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Graph:
    """The units on the disk at one moment; aliases are resolved."""

    store: UnitStore
    _known: dict[str, _Links] = field(default_factory=dict)

    def wants(self, name: str) -> frozenset[str]:
        """The units that are started with it and may fail."""
        return self._links(name).wants

    def requires(self, name: str) -> frozenset[str]:
        """The units that are started with it and must not fail; it stops when one is stopped."""
        return self._links(name).requires | self._links(name).binds_to

    def stops_with(self, name: str) -> frozenset[str]:
        """The units that stop when `name` is stopped."""
        links = ((one, self._links(one)) for one in self._everyone())
        found = (one for one, x in links if name in x.requires | x.binds_to | x.part_of)
        return frozenset(found)

    def closure(self, names: Iterable[str]) -> dict[str, Unit]:
        """The units and all their dependencies, as far as they can be loaded."""
        found: dict[str, Unit] = {}
        left = list(names)
        while left:
            name = left.pop()
            unit = self._loaded(name)
            if name in MILESTONES or name in found or unit is None:
                continue
            found[name] = unit
            left += [*self.wants(name), *self.requires(name)]
        return found

    def properties(self, name: str) -> dict[str, str]:
        """The properties, named as in `systemctl show`."""
        mine = self._links(name)
        everyone = {one: self._links(one) for one in self._everyone()}
        known = {
            "Requires": mine.requires,
            "Wants": mine.wants,
            "BindsTo": mine.binds_to,
            "PartOf": mine.part_of,
            "Triggers": mine.triggers,
            "RequiredBy": {one for one, x in everyone.items() if name in x.requires},
            "WantedBy": {one for one, x in everyone.items() if name in x.wants},
            "BoundBy": {one for one, x in everyone.items() if name in x.binds_to},
            "ConsistsOf": {one for one, x in everyone.items() if name in x.part_of},
            "TriggeredBy": {one for one, x in everyone.items() if name in x.triggers},
        }
        return {key: " ".join(sorted(names)) for key, names in known.items()}

    def _everyone(self) -> set[str]:
        return {*map(self.store.resolve, self.store.names()), *MILESTONES}

    def _links(self, name: str) -> _Links:
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> _Links:
        if self.store.is_masked(name):
            return _Links()
        unit = self._loaded(name)
        wants, requires = self.store.linked(name, "wants"), self.store.linked(name, "requires")
        if unit is None:
            return _Links(self._resolved(wants), self._resolved(requires))
        return _Links(
            self._resolved((*wants, *unit.wants)),
            self._resolved((*requires, *unit.requires)),
            self._resolved(unit.binds_to),
            self._resolved(unit.part_of),
            self._resolved(unit.triggers),
        )

    def _resolved(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(map(self.store.resolve, names))

    def _loaded(self, name: str) -> Unit | None:
        try:
            return self.store.load(name)
        except UnitProblem:
            return None
