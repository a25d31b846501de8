"""Formats a ledger for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease, Ledger, Previous
from reconciler.output.ledger_answer import LeaseAnswer, LedgerAnswer

Names = Mapping[DeployId, str]
"""The release names of the deploys, if known."""


def iso(moment: datetime) -> str:
    """A time in JSON's format, to the second: `2026-11-23T03:15:02Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ledger_json(ledger: Ledger) -> LedgerAnswer:
    """The ledger as an object; without a `gen` if there is none."""
    if not ledger.exists:
        return {}
    live, lease = ledger.live, ledger.lease
    return {
        "gen": ledger.gen,
        "live": {"id": str(live.id), "via": live.via, "at": list(live.at)} if live else None,
        "previous": [
            {
                "id": str(entry.id),
                "retired": iso(entry.retired),
                "machines": entry.count or len(entry.at),
                "via": entry.via,
                "at": list(entry.at),
                "rejected": entry.rejected,
            }
            for entry in ledger.previous
        ],
        "kept": [{"id": str(entry.id), "until": iso(entry.until)} for entry in ledger.kept],
        "lease": lease_json(lease) if lease else None,
    }


def lease_json(lease: Lease) -> LeaseAnswer:
    """A lease as an object."""
    return {"id": str(lease.id), "until": iso(lease.until), "step": lease.step}


def ledger_lines(ledger: Ledger) -> list[str]:
    """The ledger, one entry per line, as in DNS but readable."""
    return [f"generation {ledger.gen}", *_entries(ledger)] if ledger.exists else ["no ledger"]


def _entries(ledger: Ledger) -> Iterator[str]:
    if ledger.live:
        yield f"live       {ledger.live.id}  at {', '.join(ledger.live.at)}"
    for entry in ledger.previous:
        status = ", rejected" if entry.rejected else ""
        yield f"previous   {entry.id}  {_where(entry)}, retired {iso(entry.retired)}{status}"
    for kept in ledger.kept:
        yield f"kept       {kept.id}  until {iso(kept.until)}"
    if ledger.lease:
        lease = ledger.lease
        yield f"lease      {lease.id}  until {iso(lease.until)}, in `{lease.step}`"


def _where(entry: Previous) -> str:
    if entry.via is None:
        return f"at {', '.join(entry.at)}"
    return f"{entry.count} x {entry.via} address"


def headline(ledger: Ledger, names: Names) -> str:
    """The ledger in a few words: `live v1.5.0 · 1 previous · no lease`."""
    live = f"live {named(ledger.live.id, names)}" if ledger.live else "nobody live"
    kept = f" · {len(ledger.kept)} kept" if ledger.kept else ""
    lease = ledger.lease
    held = f"lease {lease.id.short} in `{lease.step}`" if lease else "no lease"
    return f"{live} · {len(ledger.previous)} previous{kept} · {held}"


def named(deploy: DeployId, names: Names) -> str:
    """A deploy's release, or the short form of its id."""
    return names.get(deploy) or f"…{deploy.short}"
