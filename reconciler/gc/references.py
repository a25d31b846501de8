"""Keeps every resource that a kept resource uses. Pure; the last step of `mark`."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.gc.verdict import Reason, Role, Roots, Verdict
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import DATABASE, IMAGE, INSTANCE, RDS_INSTANCE
from reconciler.model.tags import HELD_BY_ADOPTION, LEDGER, SHARES

NEEDED = frozenset({DATABASE, RDS_INSTANCE, IMAGE})
"""Kinds that a held machine of the same release needs, though no reference says so."""

_Holders = Mapping[tuple[DeployId | None, str | None], str]
"""Deploy and ledger → one of their machines that is held."""


def spare(verdicts: list[Verdict], roots: Roots) -> tuple[Verdict, ...]:
    """The verdicts, with everything kept that a kept, unseen or live resource may be using."""
    verdicts = _spare_what_held_machines_need(_spare_data_of_live(verdicts, roots))
    return _spare_what_is_in_use(_spare_shared_databases(verdicts))


def _spare_what_held_machines_need(verdicts: list[Verdict]) -> list[Verdict]:
    """A machine that people hold keeps its release's database and image (rule 16).

    Not a machine that `adopt` holds: it existed before any release.
    """
    machines = [
        verdict.resource
        for verdict in verdicts
        if verdict.resource.kind == INSTANCE and verdict.resource.held
    ]
    holders = {
        (machine.deploy, machine.tags.get(LEDGER)): machine.id
        for machine in machines
        if machine.hold != HELD_BY_ADOPTION
    }
    return [_needed(verdict, holders) for verdict in verdicts]


def _needed(verdict: Verdict, holders: _Holders) -> Verdict:
    resource = verdict.resource
    holder = holders.get((resource.deploy, resource.tags.get(LEDGER)))
    if holder is None or resource.kind not in NEEDED or not verdict.collect:
        return verdict
    return Verdict(resource, Reason.IN_USE, f"{holder} of its release is held, and needs it")


def _spare_shared_databases(verdicts: list[Verdict]) -> list[Verdict]:
    """A machine that stays keeps the database that it shares, also if the ledger names neither."""
    users = {
        (machine.tags[SHARES], machine.tags.get(LEDGER)): machine.id
        for machine in (one.resource for one in verdicts if not one.collect)
        if machine.kind == INSTANCE and SHARES in machine.tags
    }
    return [_shared(verdict, users) for verdict in verdicts]


def _shared(verdict: Verdict, users: Mapping[tuple[str, str | None], str]) -> Verdict:
    resource = verdict.resource
    user = users.get((str(resource.deploy), resource.tags.get(LEDGER)))
    if user is None or resource.kind != DATABASE or not verdict.collect:
        return verdict
    return Verdict(resource, Reason.IN_USE, f"{user} uses it, which is kept")


def _spare_data_of_live(verdicts: list[Verdict], roots: Roots) -> list[Verdict]:
    """While no database of the live deploy is known, it may use any database of the service.

    Example: people replaced a live machine and adopted the new one. It continues to use the
    previous deploy's database, which must then be neither shut nor dropped. The same goes for the
    deploy that served when the service left.
    """
    known = {verdict.deploy for verdict in verdicts if verdict.resource.kind == DATABASE}
    unsure = {
        name
        for name, root in roots.items()
        if (serving := root.ledger.live or root.ledger.left) and serving.id not in known
    }
    return [_maybe_of_live(verdict, unsure) for verdict in verdicts]


def _maybe_of_live(verdict: Verdict, unsure: set[str]) -> Verdict:
    resource, deploy = verdict.resource, verdict.deploy
    if resource.kind != DATABASE or verdict.reason not in (Role.PREVIOUS, Reason.UNROOTED):
        return verdict
    if deploy is None or deploy.service not in unsure:
        return verdict
    text = "no database of the live deploy is known: it may be this one"
    return Verdict(resource, Reason.IN_USE, text)


def _spare_what_is_in_use(verdicts: list[Verdict]) -> tuple[Verdict, ...]:
    """Keeps what a kept or unseen resource uses; repeats until nothing changes."""
    while True:
        collected = {verdict.resource.id for verdict in verdicts if verdict.collect}
        held = {
            used: verdict.resource.id
            for verdict in verdicts
            if not verdict.collect
            for used in verdict.resource.uses
        }
        # A disk that people hold is deleted with its machine: so the machine has to stay.
        held |= {
            user: verdict.resource.id
            for verdict in verdicts
            if verdict.reason is Reason.HELD
            for user in verdict.resource.used_by
        }
        spared = [_spare(verdict, collected, held) for verdict in verdicts]
        if spared == verdicts:
            return tuple(verdicts)
        verdicts = spared


def _spare(verdict: Verdict, collected: set[str], held: Mapping[str, str]) -> Verdict:
    resource = verdict.resource
    if not verdict.collect:
        return verdict
    users = [user for user in resource.used_by if user not in collected]
    user = held.get(resource.id) or next(iter(users), "")
    return Verdict(resource, Reason.IN_USE, f"in use by {user}, which is kept") if user else verdict
