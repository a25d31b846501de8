"""Which unit pulls in, stops with or triggers which: systemd.unit(5), from the files on disk.

systemd knows the reverse of what is loaded; here every unit with a file counts as loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deployer.sandbox.machines.unit_file import Unit
from deployer.sandbox.machines.unit_store import UnitProblem, UnitStore

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
class Graph:
    """Questions about dependencies; names are resolved from aliases."""

    store: UnitStore

    def wants(self, name: str) -> frozenset[str]:
        """What is started with it and may fail."""
        return self._of(name, lambda unit: unit.wants, "wants")

    def requires(self, name: str) -> frozenset[str]:
        """What is started with it and must not fail; it stops when one of them is stopped."""
        return self._of(name, lambda unit: (*unit.requires, *unit.binds_to), "requires")

    def stops_with(self, name: str) -> frozenset[str]:
        """What stops when `name` is stopped."""
        parts = self._reverse(name, lambda one: self._of(one, lambda unit: unit.part_of))
        return parts | self._reverse(name, self.requires)

    def closure(self, names: Iterable[str]) -> dict[str, Unit]:
        """The units and all they pull in, as far as they can be loaded."""
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
        """As `systemctl show` names them."""
        triggers = self._of(name, lambda unit: unit.triggers)
        known = {
            "Requires": self._of(name, lambda unit: unit.requires, "requires"),
            "Wants": self.wants(name),
            "BindsTo": self._of(name, lambda unit: unit.binds_to),
            "PartOf": self._of(name, lambda unit: unit.part_of),
            "Triggers": triggers,
            "RequiredBy": self._reverse(
                name, lambda one: self._of(one, lambda unit: unit.requires, "requires")
            ),
            "WantedBy": self._reverse(name, self.wants),
            "BoundBy": self._reverse(name, lambda one: self._of(one, lambda unit: unit.binds_to)),
            "ConsistsOf": self._reverse(name, lambda one: self._of(one, lambda unit: unit.part_of)),
            "TriggeredBy": self._reverse(
                name, lambda one: self._of(one, lambda unit: unit.triggers)
            ),
        }
        return {key: " ".join(sorted(names)) for key, names in known.items()}

    def _of(
        self, name: str, said: Callable[[Unit], Iterable[str]], links: str = ""
    ) -> frozenset[str]:
        unit = self._loaded(name)
        masked = self.store.is_masked(name)
        names = [*(said(unit) if unit else ())]
        names += self.store.linked(name, links) if links and not masked else ()
        return frozenset(self.store.resolve(one) for one in names)

    def _reverse(self, name: str, of: Callable[[str], frozenset[str]]) -> frozenset[str]:
        everyone = {*map(self.store.resolve, self.store.names()), *MILESTONES}
        return frozenset(one for one in everyone if name in of(one))

    def _loaded(self, name: str) -> Unit | None:
        try:
            return self.store.load(name)
        except UnitProblem:
            return None
