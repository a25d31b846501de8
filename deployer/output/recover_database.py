"""The output of `deployer recover SERVICE --database NAME`, before and after. Pure."""

from __future__ import annotations

from typing import Any

from deployer.commands.recover.database import Rewriting
from reconciler.util import humanize


def lines(one: Rewriting) -> list[str]:
    """The database, its future deploy, and what happens to the other databases."""
    info, memory = one.database, one.memory
    state = "it takes writes" if memory.state.value == "open" else "it is shut for writes"
    disowned = {each.name for each in one.disowned}
    beside = [
        f"  beside it  {each.info.name} (oid {each.info.oid}): "
        + humanize.one_line(each.doubt or "it remembers being the same")
        + ("; from now on it is nobody's here" if each.info.name in disowned else "")
        for each in one.beside
    ]
    return [
        one.service,
        f"  database   {info.name} (oid {info.oid}), owner {info.owner}; {state}",
        f"  becomes    that of {memory.deploy}, which is {one.role}",
        f"  until now  {humanize.one_line(one.doubt or 'it was believed to be')}",
        *beside,
    ]


def as_json(one: Rewriting) -> dict[str, Any]:
    """The same as an object."""
    return {
        "service": one.service,
        "database": one.database.name,
        "oid": one.database.oid,
        "deploy": str(one.memory.deploy),
        "role": one.role,
        "state": one.memory.state.value,
        "doubt": one.doubt,
        "beside": [{"database": each.info.name, "doubt": each.doubt} for each in one.beside],
        "disowned": [each.name for each in one.disowned],
    }
