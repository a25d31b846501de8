"""The output of `deployer recover SERVICE --database NAME`, before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.commands.recover.database import Rewriting
from deployer.output.command_answers import RecoverDatabaseAnswer
from reconciler.util import humanize


def lines(rewriting: Rewriting) -> list[str]:
    """The database, its future deploy, and what happens to the other databases."""
    info, memory = rewriting.database, rewriting.memory
    state = "it takes writes" if memory.state.value == "open" else "it is shut for writes"
    return [
        rewriting.service,
        f"  database   {info.name} (oid {info.oid}), owner {info.owner}; {state}",
        f"  becomes    that of {memory.deploy}, which is {rewriting.role}",
        f"  until now  {humanize.one_line(rewriting.doubt or 'it was believed to be')}",
        *_beside(rewriting),
    ]


def _beside(rewriting: Rewriting) -> Iterator[str]:
    disowned = {database.name for database in rewriting.disowned}
    for one in rewriting.beside:
        doubt = humanize.one_line(one.doubt or "it remembers being the same")
        left = "; from now on it is nobody's here" if one.info.name in disowned else ""
        yield f"  beside it  {one.info.name} (oid {one.info.oid}): {doubt}{left}"


def as_json(rewriting: Rewriting) -> RecoverDatabaseAnswer:
    """The same as an object."""
    return {
        "service": rewriting.service,
        "database": rewriting.database.name,
        "oid": rewriting.database.oid,
        "deploy": str(rewriting.memory.deploy),
        "role": rewriting.role,
        "state": rewriting.memory.state.value,
        "doubt": rewriting.doubt,
        "beside": [{"database": one.info.name, "doubt": one.doubt} for one in rewriting.beside],
        "disowned": [database.name for database in rewriting.disowned],
    }
