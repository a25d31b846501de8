"""Decides which deploy owns a database: by its first name, or by its state comment. Pure.

A state comment is trusted if it names its own database, oid included (rule 15). A comment that
names another was copied along (`pg_dump -C`, a rename, a restore); a database that only has the
name of one of ours was created by somebody else. Both are doubted: nothing acts on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.database import state_comment as m
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory, born_as, made_as
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct


@dataclass(frozen=True)
class Claim:
    """The claim that a database belongs to `deploy`.

    born    its name says so;  else only its state comment: no deploy created the database
    making  it is in creation: it has no content yet, and its state comment may be missing
    doubt   why the claim is not trusted; '' if it is
    """

    info: DatabaseInfo
    deploy: DeployId
    born: bool = False
    making: bool = False
    doubt: str = ""


def claims(
    infos: Iterable[DatabaseInfo], ledger: str, was: Sequence[str] = ()
) -> tuple[Claim, ...]:
    """Every database that belongs, or seems to belong, to one of this ledger's deploys."""
    own = (ledger, *was)
    found = [claim for info in infos if (claim := _claim(info, own)) is not None]
    return tuple(_beside(claim, found) for claim in found)


def judged(infos: Sequence[DatabaseInfo], name: str, act: FencedAct, now: datetime) -> Memory:
    """The state comment for an act on database `name`, naming itself. Pure.

    Raises StaleAct, Refused.
    """
    info = next((info for info in infos if info.name == name), None)
    if info is None:
        raise Refused(f"database {name} was renamed meanwhile", cure="look again")
    every = claims(infos, act.ledger, act.was)
    claim = next((claim for claim in every if claim.info is info), None)
    refuse_doubted(name, act.deploy, claim)
    _refuse_making(name, act.deploy, claim)
    memory = info.memory
    if memory is None:
        refuse_beside(name, act.deploy, every)
        memory = m.first(info.foreign, act, name, now)
    return replace(m.admitted(memory, act, name), name=name, oid=info.oid)


def _refuse_making(name: str, deploy: DeployId, claim: Claim | None) -> None:
    if claim is not None and claim.making:
        raise Refused(
            f"database {name} is still being made", cure=f"deployer status {deploy.service}"
        )


def refuse_doubted(name: str, deploy: DeployId, claim: Claim | None) -> None:
    """Raise Refused unless the claim, if there is one, is trusted and is that deploy's."""
    if claim is not None and claim.doubt:
        raise Refused(
            f"database {name}: {claim.doubt}",
            cure=f"deployer recover {deploy.service} --database {name}",
        )
    if claim is not None and claim.deploy != deploy:
        raise Refused(
            f"database {name} is that of {claim.deploy}, not of {deploy}",
            cure=f"deployer status {deploy.service}",
        )


def refuse_beside(name: str, deploy: DeployId, every: Iterable[Claim]) -> None:
    """Raise Refused if another database is that deploy's: `name` must not become a second one."""
    for claim in every:
        another = claim.deploy == deploy and claim.info.name != name
        if another and not claim.making and not claim.doubt:
            raise Refused(
                f"database {name} has no memory, and {claim.info.name} is the database of {deploy}",
                cure=f"If {name} has taken its place:\n"
                f"deployer recover {deploy.service} --database {name}",
            )


def proved(name: str, infos: Sequence[DatabaseInfo], act: FencedAct) -> Claim:
    """The claim of a database that the act's deploy created. Raises Refused for any other."""
    every = claims(infos, act.ledger, act.was)
    claim = next((claim for claim in every if claim.info.name == name), None)
    refuse_doubted(name, act.deploy, claim)
    if claim is None or not claim.born:
        raise Refused(
            f"database {name} was made by no deploy: it is not dropped",
            cure=f"deployer status {act.deploy.service}",
        )
    return claim


def in_use(name: str, sessions: Sequence[str]) -> str:
    """Why a database is not dropped now, and what to do."""
    return (
        f"database {name} is in use by {', '.join(sessions)}: nothing is dropped under others' "
        "sessions. End them, or name their role in database.ignore_roles"
    )


def not_empty(name: str) -> str:
    """Why a database in creation is not dropped, and what to do."""
    return f"database {name} is not empty: no deploy put that there. Rename it, or drop it by hand"


def _claim(info: DatabaseInfo, own: Sequence[str]) -> Claim | None:
    memory = info.memory if info.memory and info.memory.ledger in own else None
    making = _named(made_as, info.name, own)
    if making is not None:
        return Claim(info, making, born=True, making=True)
    places = (*own, memory.birthplace) if memory else own
    born = _named(born_as, info.name, places)
    if born is not None:
        return Claim(info, born, born=True, doubt=_doubt(info, memory, born))
    if memory is not None:
        return Claim(info, memory.deploy, doubt=_doubt(info, memory, memory.deploy))
    return None


def _named(
    how: Callable[[str, str], DeployId | None], name: str, places: Sequence[str]
) -> DeployId | None:
    """The deploy from which the name was derived under one of the addresses."""
    found = (how(name, address) for address in places)
    return next((deploy for deploy in found if deploy is not None), None)


def _doubt(info: DatabaseInfo, memory: Memory | None, deploy: DeployId) -> str:
    if memory is None:
        return f"it has the name of the database of {deploy}, but no memory of being it"
    if memory.deploy != deploy:
        return f"its memory is that of the database of {memory.deploy}: it was copied"
    if memory.old or memory.of(info.name, info.oid):
        return ""
    if not memory.oid:
        return "people said that it is not the service's (deployer recover --database)"
    return (
        f"its memory is that of {memory.name} (oid {memory.oid}), and it is {info.name} (oid "
        f"{info.oid}): it was copied, restored or renamed"
    )


def _beside(claim: Claim, every: Iterable[Claim]) -> Claim:
    """The claim, compared with the others: a first name beats a state comment."""
    if claim.born or claim.doubt or claim.info.memory is None:
        return claim
    others = [each for each in every if each.deploy == claim.deploy and each is not claim]
    better = next((each for each in others if _beats(each, claim.info.memory)), None)
    if better is None:
        return claim
    doubt = f"its memory claims to be that of {claim.deploy}, as does that of {better.info.name}"
    return replace(claim, doubt=doubt)


def _beats(other: Claim, memory: Memory) -> bool:
    """A state comment of an older version is trusted if no other makes the same claim."""
    if other.making or other.info.memory is None:
        return False
    return memory.old or (other.born and not other.doubt)
