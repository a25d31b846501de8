"""The other names of a service's zones: what their A records say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.errors import Refused, ToolError, refusal_for


def plain(name: str) -> str:
    """Normalizes a name for comparison: lower case, without the trailing dot."""
    return name.lower().removesuffix(".")


@dataclass(frozen=True)
class OtherNames:
    """Every name except the service's record, with the addresses that it holds.

    `problem` says why the names could not be read: then each name may hold any address. `cure` and
    `refusal` come from the failed reader. No problem and no names: none were requested, because
    no decision depends on them.
    """

    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problem: str = ""
    cure: str = ""
    refusal: type[ToolError] = Refused

    @staticmethod
    def unread(error: ToolError) -> OtherNames:
        """The value when `error` prevented reading the names."""
        return OtherNames({}, error.message, error.cure or "try again", refusal_for(error))

    def without(self, names: Collection[str]) -> OtherNames:
        """Without the names that the operator vouches for."""
        known = {plain(name) for name in names}
        return replace(self, held={name: at for name, at in self.held.items() if name not in known})

    def without_addresses(self, addresses: Collection[str]) -> OtherNames:
        """Without these addresses, whatever names hold them."""
        gone = frozenset(addresses)
        held = {name: tuple(a for a in at if a not in gone) for name, at in self.held.items()}
        return replace(self, held=held) if gone else self

    def holding(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """The names that hold any of these addresses, sorted."""
        wanted = frozenset(addresses)
        return tuple(sorted(name for name, at in self.held.items() if not wanted.isdisjoint(at)))
