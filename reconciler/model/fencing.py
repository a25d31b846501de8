"""Fencing: what can be undone carries the generation that justified it (protocol.md, rule 10).

Garbage stays garbage, so a late delete is harmless. A late freeze, thaw, halt or job switch is not:
by then its deploy may be live again. So the target itself stores the highest generation that it has
obeyed and refuses an older one. There are two stores: the comment of a database (one transaction
under an advisory lock) and a file on a machine (under flock). Both use the rule in this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.errors import StaleAct
from reconciler.model.deploy_id import DeployId

NEVER = 0
"""The stored value of a target that has obeyed none yet: a ledger's first generation is 1."""


class Decision(StrEnum):
    """What a target does with an act, given the highest generation it has obeyed."""

    OBEY = "obey"
    AGAIN = "again"
    STALE = "stale"


@dataclass(frozen=True)
class FencedAct:
    """An act on a target, and the generation that justifies it.

    generation  `gen` of the ledger that justified the act, as it was read or written
    deploy      the deploy that owns the target
    ledger      the ledger's address: `<hosted zone id>/<ledger name>`
    was         the addresses that it had before it was moved, newest first
    """

    generation: int
    deploy: DeployId
    ledger: str
    was: tuple[str, ...] = ()

    @property
    def first_ledger(self) -> str:
        """The ledger's first address: a lock by this address waits for acts from before a move."""
        return self.was[-1] if self.was else self.ledger


def decide(seen: int, generation: int) -> Decision:
    """Decides an act of `generation` after obeying `seen`; an equal generation is idempotent."""
    if generation < seen:
        return Decision.STALE
    return Decision.AGAIN if generation == seen else Decision.OBEY


def obey(seen: int, generation: int) -> bool:
    """Whether a target that has obeyed `seen` carries out an act of `generation`."""
    return decide(seen, generation) is not Decision.STALE


def admit(seen: int, generation: int, resource: str) -> int:
    """The generation that `resource` stores from now on. Raises StaleAct for an older act."""
    if not obey(seen, generation):
        raise StaleAct(
            f"{resource} refused an act of generation {generation}: it has obeyed {seen}",
            cure="somebody changed the service since; read the ledger and decide again",
        )
    return generation
