"""The zone as anybody with `dig` and the console sees and changes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from dnslib import DNSRecord

from tests.e2e.in_bucket import LedgerInBucket
from tests.support.company import LEDGER, Change, Company, older


def ask_dns(company: Company, name: str, kind: str) -> tuple[str, ...]:
    """The answers of the sandbox's name server, in zone file form."""
    host, _, port = str(company.sandbox.status()["dns"]).partition(":")
    reply = DNSRecord.question(name, kind).send(host, int(port), timeout=10)
    return tuple(str(one.rdata) for one in DNSRecord.parse(reply).rr)


@dataclass(frozen=True)
class Said:
    """The words of a ledger, parsed by its published form alone."""

    gen: int
    live: str = ""
    at: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    lease: str = ""
    record: str = ""
    was: tuple[str, ...] = ()
    moved: str = ""


def read_ledger(text: str) -> Said:
    """Parse `"v=1 gen=41" "live=<id> at=…" …`. Fails for anything else."""
    strings = re.findall(r'"([^"]*)"', text)
    head = re.fullmatch(r"v=[123] gen=(\d+)(?: record=(\S+) account=\d+ region=\S+)?", strings[0])
    assert head, text
    rows = [one.split(" ") for one in strings[1:]]
    named = [(row[0].partition("=")[0], row[0].partition("=")[2], row[1:]) for row in rows]
    words = {"live", "previous", "kept", "lease", "was", "moved", "traffic"}
    assert {word for word, _, _ in named} <= words, text
    live, rest = next(((id_, more) for word, id_, more in named if word == "live"), ("", [""]))
    at = next((one.removeprefix("at=") for one in rest if one.startswith("at=")), "")
    return Said(
        gen=int(head[1]),
        live=live,
        at=tuple(at.split(",")) if at else (),
        previous=tuple(id_ for word, id_, _ in named if word == "previous"),
        rejected=tuple(id_ for word, id_, more in named if "rejected" in more),
        kept=tuple(id_ for word, id_, _ in named if word == "kept"),
        lease=next((id_ for word, id_, _ in named if word == "lease"), ""),
        record=head[2] or "",
        was=tuple(id_ for word, id_, _ in named if word == "was"),
        moved=next((id_ for word, id_, _ in named if word == "moved"), ""),
    )


def said(company: Company) -> Said:
    """The ledger as it stands."""
    return read_ledger(company.ledger())


def change_record(company: Company, name: str, kind: str, values: list[str], ttl: int = 60) -> None:
    """UPSERT a record set as people do in the console."""
    company.change_records(Change("UPSERT", values, name, kind, ttl))


def delete_record(company: Company, name: str, kind: str, ttl: int = 60) -> None:
    """Delete a record set."""
    company.change_records(Change("DELETE", company.records()[name, kind], name, kind, ttl))


def let_time_pass(company: Company, words: str = "retired", minutes: int = 60) -> None:
    """Make what the ledger dates (`retired=`, or `until=`) so much older, as a later day would.

    The rules about time stay as they are; only the night that a test cannot wait for is made up.
    The generation rises, as with every change.
    """
    text = company.ledger()
    aged = older(text, words, timedelta(minutes=minutes))
    assert aged != text, text
    gen = int(re.findall(r"gen=(\d+)", text)[0])
    aged = aged.replace(f"gen={gen}", f"gen={gen + 1}")
    if isinstance(company, LedgerInBucket):
        company.write_over(aged)
    else:
        change_record(company, LEDGER, "TXT", [aged])
