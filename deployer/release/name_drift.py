"""Whether somebody changed the record, or a name in `also`, during a release. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.errors import ToolError
from reconciler.model.reading import Reading


def pointed_at(reading: Reading) -> Mapping[str, tuple[str, ...]]:
    """The addresses of the record and of the names in `also`."""
    every = {reading.address.record: reading.a, **dict(reading.also)}
    return {name: one.addresses if one else () for name, one in every.items()}


def refuse_moved(reading: Reading, before: Mapping[str, tuple[str, ...]]) -> None:
    """People win (rule 11): a repeated swap must not treat their change as our own."""
    now = pointed_at(reading)
    moved = next((one for one in now if now[one] != before[one]), "")
    if moved:
        raise ToolError(
            f"somebody moved the A record {moved} to {', '.join(now[moved]) or 'nothing'} "
            "meanwhile; it is not moved back",
            cure=f"To see how it stands   deployer status {reading.address.service}",
        )
