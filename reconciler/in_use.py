"""What is in use by something that stays, stays too. Pure; the last word of `mark`."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.resource import DATABASE
from reconciler.verdict import Reason, Roots, Verdict


def spare(verdicts: list[Verdict], roots: Roots) -> tuple[Verdict, ...]:
    """The verdicts, with everything kept that a kept, an unseen or a live thing may be using."""
    return _spare_what_is_in_use(_spare_data_of_live(verdicts, roots))


def _spare_data_of_live(verdicts: list[Verdict], roots: Roots) -> list[Verdict]:
    """While no database of the live deploy is known, it may use any of the service's.

    So it is with a machine that people put in a live one's place, and adopted: it goes on with the
    database of the deploy before, which must then be neither shut nor dropped.
    """
    known = {one.thing.deploy for one in verdicts if one.thing.kind == DATABASE}
    unsure = {
        name
        for name, root in roots.items()
        if root.ledger.live is not None and root.ledger.live.id not in known
    }
    return [_maybe_of_live(one, unsure) for one in verdicts]


def _maybe_of_live(verdict: Verdict, unsure: set[str]) -> Verdict:
    thing, deploy = verdict.thing, verdict.thing.deploy
    if thing.kind != DATABASE or verdict.reason not in (Reason.PREVIOUS, Reason.UNROOTED):
        return verdict
    if deploy is None or deploy.service not in unsure:
        return verdict
    text = "no database of the live deploy is known: it may be this one"
    return Verdict(thing, Reason.IN_USE, text)


def _spare_what_is_in_use(verdicts: list[Verdict]) -> tuple[Verdict, ...]:
    """What a kept or an unseen thing uses is kept too; repeated until nothing changes."""
    while True:
        collected = {one.thing.id for one in verdicts if one.collect}
        held = {
            used: one.thing.id for one in verdicts if not one.collect for used in one.thing.uses
        }
        # A disk that people hold goes with its machine: so the machine has to stay.
        held |= {
            user: one.thing.id
            for one in verdicts
            if one.reason is Reason.HELD
            for user in one.thing.used_by
        }
        spared = [_spare(one, collected, held) for one in verdicts]
        if spared == verdicts:
            return tuple(verdicts)
        verdicts = spared


def _spare(verdict: Verdict, collected: set[str], held: Mapping[str, str]) -> Verdict:
    thing = verdict.thing
    if not verdict.collect:
        return verdict
    users = [one for one in thing.used_by if one not in collected]
    user = held.get(thing.id) or next(iter(users), "")
    return Verdict(thing, Reason.IN_USE, f"in use by {user}, which is kept") if user else verdict
