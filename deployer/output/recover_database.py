"""The output of `deployer recover SERVICE --database NAME`, before and after. Pure."""

from __future__ import annotations

from deployer.commands.recover.database import Rewriting
from deployer.output.command_answers import RecoverDatabaseAnswer
from reconciler.util import humanize


def lines(rewriting: Rewriting) -> list[str]:
    """The database, its future deploy, and what happens to the other databases."""
    info, memory = rewriting.database, rewriting.memory
    state = "it takes writes" if memory.state.value == "open" else "it is shut for writes"
    disowned = {database.name for database in rewriting.disowned}
    beside = [
        f"  beside it  {database.info.name} (oid {database.info.oid}): "
        + humanize.one_line(database.doubt or "it remembers being the same")
        + ("; from now on it is nobody's here" if database.info.name in disowned else "")
        for database in rewriting.beside
    ]
    return [
        rewriting.service,
        f"  database   {info.name} (oid {info.oid}), owner {info.owner}; {state}",
        f"  becomes    that of {memory.deploy}, which is {rewriting.role}",
        f"  until now  {humanize.one_line(rewriting.doubt or 'it was believed to be')}",
        *beside,
    ]


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
        "beside": [
            {"database": database.info.name, "doubt": database.doubt}
            for database in rewriting.beside
        ],
        "disowned": [database.name for database in rewriting.disowned],
    }
