"""The other names of a service's zones: what their A records say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.errors import Refused, ToolError, refusal_for


def plain(name: str) -> str:
    """A name as names are compared: lower case, without the last dot."""
    return name.lower().removesuffix(".")


@dataclass(frozen=True)
class OtherNames:
    """Every name but the service's record, with the addresses that it holds.

    `problem` says why they could not be read: then each of them may hold any address. `cure` and
    `refusal` are of whoever could not read them. Without a problem and without names: none was
    asked for, as nothing hangs on them.
    """

    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problem: str = ""
    cure: str = ""
    refusal: type[ToolError] = Refused

    @staticmethod
    def unread(error: ToolError) -> OtherNames:
        """What `error` let nothing be known of."""
        return OtherNames({}, error.message, error.cure or "try again", refusal_for(error))

    def without(self, names: Collection[str]) -> OtherNames:
        """Less the names that somebody vouches for."""
        known = {plain(one) for one in names}
        return replace(self, held={one: at for one, at in self.held.items() if one not in known})

    def holding(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """The names that hold any of these addresses, sorted."""
        wanted = frozenset(addresses)
        return tuple(sorted(one for one, at in self.held.items() if not wanted.isdisjoint(at)))
