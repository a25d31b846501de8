"""The state comment of a database (`Memory`): the JSON in its COMMENT ON DATABASE.

It stores whose the database is, whether it is shut, what a thaw must give back, and the highest
generation it has obeyed. It is written in the same transaction as the act that it records.
It holds no secret: everybody who can connect to the server can read it. One query lists it for
all databases. PostgreSQL stores it out of line, so a thousand tables fit.

It names its own database, and that database's oid (rule 15): `pg_dump -C` copies the comment, and
the copy then names another database than the one that it is found on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from reconciler.database import grants as g
from reconciler.database.grants import Grant
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId, InvalidDeployId, format_time, parse_time
from reconciler.model.fencing import NEVER, FencedAct, admit

VERSION = 2
"""Version 1 had no name and no oid."""

_FIELDS = {"v", "deploy", "ledger", "generation", "state", "at"}
_ITSELF = {1: frozenset[str](), VERSION: frozenset({"name", "oid"})}
_OPTIONAL = {"acls", "baseline", "born", "note", "hold"}
_NAME = re.compile(r"([a-z0-9_]+)_(\d{8}t\d{6}z)_([a-z0-9]{5})_[0-9a-f]{6}")
_MAKING = "_making"
_LONGEST = 63  # bytes of an identifier: PostgreSQL cuts off what is longer, without an error


class State(StrEnum):
    """Whether writes of the service's roles can commit."""

    OPEN = "open"
    SHUT = "shut"


class ForeignComment(ValueError):
    """The comment is not ours, or of a version that we do not know."""


@dataclass(frozen=True)
class Baseline:
    """Row-change counters at one moment, to count from.

    epoch   identifies one lifetime of the server's statistics; after a reset or a crash the
            counters mean nothing
    tables  `schema.table` → (rows inserted, updated and deleted so far, file number); TRUNCATE
            counts no rows but gives the table a new file
    """

    epoch: str
    tables: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """What the state comment says of its database.

    deploy      the deploy that created it (or, adopted, the deploy that was live on it)
    ledger      address of the ledger that roots that deploy
    generation  the highest generation obeyed: the fence
    acls        the privileges that the freeze revoked; empty while open
    note        a comment that people had written before us, kept
    born        the ledger's address when the database was named, if it has been moved since
    name, oid   the database that it describes; '' and 0 in a comment of an older version
    hold        why people protect it from every sweep; None: it is not held
    """

    deploy: DeployId
    ledger: str
    at: datetime
    generation: int = NEVER
    state: State = State.OPEN
    acls: frozenset[Grant] = frozenset()
    baseline: Baseline | None = None
    note: str = ""
    name: str = ""
    oid: int = 0
    born: str = ""
    hold: str | None = None

    @property
    def old(self) -> bool:
        """Whether it was written by a version that did not name the database."""
        return not self.name

    @property
    def birthplace(self) -> str:
        """The address of the ledger whose hash is in the database's name."""
        return self.born or self.ledger

    def of(self, name: str, oid: int) -> bool:
        """Whether it describes exactly this database."""
        return (self.name, self.oid) == (name, oid)


def encode(memory: Memory) -> str:
    """The comment's text."""
    value: dict[str, object] = {
        "v": 1 if memory.old else VERSION,
        "deploy": str(memory.deploy),
        "ledger": memory.ledger,
        "generation": memory.generation,
        "state": memory.state.value,
        "at": format_time(memory.at),
    }
    if not memory.old:
        value |= {"name": memory.name, "oid": memory.oid}
    if memory.acls:
        value["acls"] = g.to_json(memory.acls)
    if memory.baseline:
        tables = {name: list(pair) for name, pair in sorted(memory.baseline.tables.items())}
        value["baseline"] = {"epoch": memory.baseline.epoch, "tables": tables}
    if memory.born:
        value["born"] = memory.born
    if memory.note:
        value["note"] = memory.note
    if memory.hold is not None:
        value["hold"] = memory.hold
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def parse(comment: str) -> Memory:
    """Parses `comment`. Raises ForeignComment unless every field is understood.

    The owner of any database of the server can write any text there: RecursionError is JSON's.
    """
    try:
        return _memory(json.loads(comment))
    except (InvalidDeployId, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ForeignComment(f"a comment that is not ours: {comment[:60]!r}") from error


def born_as(name: str, ledger: str) -> DeployId | None:
    """The deploy whose database is `name` under `ledger`: the proof of ownership, or None."""
    deploy = _named_in(name)
    return deploy if deploy and deploy.database_name(ledger) == name else None


def making_name(name: str) -> str:
    """The name of a database in creation that is to become `name`, until its comment exists."""
    return name[: _LONGEST - len(_MAKING)] + _MAKING


def made_as(name: str, ledger: str) -> DeployId | None:
    """The deploy whose database was in creation under `name`, or None."""
    start = name.removesuffix(_MAKING)
    # A long name was cut off within the ledger's hash: the whole is derived again and compared.
    deploy = _named_in(start + "0" * (6 - len(start.rpartition("_")[2])))
    return deploy if deploy and making_name(deploy.database_name(ledger)) == name else None


def _named_in(name: str) -> DeployId | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    service = match[1].replace("_", "-")
    return DeployId.maybe(f"{service}/{match[2].upper()}-{match[3]}")


def first(comment: str, act: FencedAct, name: str, at: datetime) -> Memory:
    """The first state comment of a database: `comment` is what people wrote, and is kept.

    Raises Refused for what looks like a state comment after all: of a newer version, or damaged.
    """
    if comment.lstrip().startswith("{") and '"deploy"' in comment:
        raise Refused(
            f"the comment of database {name} is a memory that this version does not understand",
            cure="use the newer deployer that wrote it",
            detail=comment,
        )
    return Memory(act.deploy, act.ledger, at, note=comment)


def admitted(memory: Memory, act: FencedAct, name: str) -> Memory:
    """The state with the act's generation as its fence.

    Raises StaleAct for an act older than the fence, Refused for another ledger's database.
    """
    if memory.ledger not in (act.ledger, *act.was):
        raise Refused(
            f"database {name} belongs to the ledger {memory.ledger}, not to {act.ledger}",
            cure="check `database` and `record` of the service's configuration",
        )
    return replace(
        memory,
        ledger=act.ledger,
        born="" if memory.birthplace == act.ledger else memory.birthplace,
        generation=admit(memory.generation, act.generation, f"database {name}"),
    )


def shut(memory: Memory, taken: Iterable[Grant], at: datetime) -> Memory:
    """The state after a freeze. A second freeze keeps all that the first one revoked."""
    saved = memory.acls if memory.state is State.SHUT else frozenset()
    return replace(memory, state=State.SHUT, acls=g.normal(saved | frozenset(taken)), at=at)


def opened(memory: Memory, at: datetime) -> Memory:
    """The state after a thaw."""
    return replace(memory, state=State.OPEN, acls=frozenset(), at=at)


def refuse_shut(memory: Memory, name: str) -> None:
    """Raise Refused for a shut database: without its memory nobody could open it again."""
    if memory.state is State.SHUT:
        raise Refused(
            f"database {name} is shut for writes: its memory alone says how to open it again",
            cure=f"To open it, and go on     deployer leave {memory.deploy.service}",
        )


def _memory(value: Mapping[str, object]) -> Memory:
    fields = _FIELDS | _ITSELF[value["v"]]  # type: ignore[index]  # another: a KeyError
    if not fields <= set(value) <= fields | _OPTIONAL or value.get("name") == "":
        raise ValueError("unknown fields, or no name")
    generation, oid = value["generation"], value.get("oid", 0)
    texts = [value[key] for key in ("deploy", "ledger", "state", "at")]
    texts.append(value.get("name", ""))
    if not (type(generation) is type(oid) is int and all(isinstance(text, str) for text in texts)):
        raise ValueError("a field of another type")
    deploy, ledger, state, at, name = (str(text) for text in texts)
    return Memory(
        deploy=DeployId.parse(deploy),
        ledger=ledger,
        at=parse_time(at),
        generation=generation,
        state=State(state),
        acls=g.from_json(value.get("acls", [])),  # type: ignore[arg-type]
        baseline=_baseline(value.get("baseline")),
        note=str(value.get("note", "")),
        born=str(value.get("born", "")),
        name=name,
        oid=oid,
        hold=str(value["hold"]) if "hold" in value else None,
    )


def _baseline(value: object) -> Baseline | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"epoch", "tables"}:
        raise ValueError("not a baseline")
    if not isinstance(value["tables"], dict):
        raise TypeError("not a table of counters")
    tables = {str(name): (int(n), int(file)) for name, (n, file) in value["tables"].items()}
    return Baseline(str(value["epoch"]), tables)
