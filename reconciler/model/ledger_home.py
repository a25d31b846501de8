"""Checks that a ledger is at its home: record, account, region (protocol.md, rule 12). Pure.

Two configurations that use one ledger for different services would take production from each
other. So the ledger names its home, and every command compares it with the configuration before
it trusts anything else in the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from reconciler.errors import LedgerUnknown, Refused
from reconciler.model.ledger import Ledger, LedgerHome
from reconciler.model.reading import S3, LedgerAddress, decoded, unreadable

# Parsed loosely: a ledger of a newer version, or a damaged one, claims its record as well.
_RECORD = re.compile(r"\brecord=([^\s\"]+)")
_LIVE = re.compile(r"\blive=([^\s\"]+)")
_LIVE_AT = re.compile(r"\blive=\S+(?: via=\S+)?(?: ids=\S+)?(?: db=\S+)? at=([0-9.,]+)")


def at_home(address: LedgerAddress, ledger: Ledger) -> Ledger:
    """The ledger, if it is the configured one. Raises LedgerUnknown."""
    if ledger.moved:
        raise _moved(address, ledger.moved)
    wanted = address.home
    if ledger.home is not None and wanted is not None and ledger.home != wanted:
        raise _of_another(address, ledger, ledger.home, wanted)
    return ledger


def own_ledger(address: LedgerAddress, text: str) -> Ledger:
    """As `decoded`, of this service and at its home (rule 12). Raises LedgerUnknown."""
    ledger = decoded(address, text)
    stranger = next((one for one in ledger.rooted if one.service != address.service), None)
    if stranger is not None:
        raise unreadable(
            address, f"it names {stranger}, which is not a deploy of {address.service}"
        )
    return at_home(address, ledger) if text else ledger


def settle(ledger: Ledger, address: LedgerAddress) -> Ledger:
    """Gives a ledger of an older version, or a new ledger, its home. For operators' commands."""
    settled = ledger.home is not None or address.home is None
    return ledger if settled else replace(ledger, home=address.home)


def own(address: str, ledger: Ledger) -> tuple[str, ...]:
    """Every address under which the ledger's resources were created: current, then former."""
    return (address, *ledger.was)


def claimed_by(
    address: LedgerAddress, at: Sequence[str], neighbours: Mapping[str, str]
) -> Refused | None:
    """The refusal if another ledger of the zone has the record already: a record has one ledger.

    `at` is the A record. A ledger of an older version names no record: then its live addresses
    decide. A ledger that was moved away, or of a closed service, claims nothing any more.
    """
    for arn in address.traffic:
        found = _open_ledger(neighbours, partial(_names, f'"traffic={arn}"'))
        if found:
            return _taken(arn, found, neighbours[found])
    found = owner(address.record, at, neighbours)
    return _taken(address.record, found, neighbours[found]) if found else None


def owner(record: str, at: Sequence[str], neighbours: Mapping[str, str]) -> str:
    """The first of these ledgers that claims this record; '' for none."""
    return _open_ledger(neighbours, lambda text: _claims(text, record, at))


def _open_ledger(neighbours: Mapping[str, str], claims: Callable[[str], bool]) -> str:
    for name, text in sorted(neighbours.items()):
        closed = "moved=" in text or not ("live=" in text or "lease=" in text)
        if not closed and claims(text):
            return name
    return ""


def _names(word: str, text: str) -> bool:
    return word in text


def _claims(text: str, record: str, at: Sequence[str]) -> bool:
    said = _RECORD.search(text)
    if said is not None:
        return said[1] == record
    live = _LIVE_AT.search(text)
    return live is not None and not set(at).isdisjoint(live[1].split(","))


def _taken(what: str, name: str, text: str) -> Refused:
    other = name.rpartition("/")[2] if name.startswith(S3) else name.partition("._deploy.")[0]
    if live := _LIVE.search(text):
        cure = (
            f"To release it          deployer up {other}\n"
            f"If {other} is closed     deployer retire {other} --nobody-live {live[1]}"
        )
    else:
        cure = f"To release it          deployer up {other}"
    return Refused(
        f"{what} belongs to the ledger {name} already: it is released as {other}", cure=cure
    )


def _moved(address: LedgerAddress, to: str) -> LedgerUnknown:
    """The tombstone's refusal; it names the configuration that is right now."""
    zone, _, name = to.partition("/")
    there, key = f"{name} in zone {zone}", f"`record` is in the zone of {name}"
    if to.startswith(S3):
        there, key = to, f'`ledger` is "{to.rpartition("/")[0]}"'
    return LedgerUnknown(
        f"the ledger {address.whereabouts} was moved to {there}",
        cure=(
            f"Use the configuration whose {key}.\n"
            f"To finish a move that was interrupted, with that configuration:\n"
            f"deployer move {address.service}"
        ),
    )


def _of_another(
    address: LedgerAddress, ledger: Ledger, is_: LedgerHome, wanted: LedgerHome
) -> LedgerUnknown:
    service = address.service
    if (is_.account, is_.region) != (wanted.account, wanted.region):
        cure = (
            f"Correct `account` and `region` in services/{service}.toml, or rename the file: the "
            "file's name is the service's."
        )
        if ledger.live is not None:
            cure = (
                f"{cure}\nIf it is to live elsewhere, in a file of another name: close {service} "
                "here first, with the configuration that it has had:\n"
                f"deployer retire {service} --nobody-live {ledger.live.id}"
            )
    elif is_.record == wanted.record:
        cure = (
            f"Correct `[traffic]` in services/{service}.toml.\n"
            f"If traffic was given another way on purpose   deployer move {service}"
        )
    else:
        cure = (
            f"If these are two services, rename the file services/{service}.toml: the file's name "
            "is the service's.\n"
            f'If it is a mistake, write record = "{is_.record}" there.\n'
            f"If the record was renamed on purpose   deployer move {service}"
        )
    return LedgerUnknown(
        f"the ledger {address.name} is that of {is_}, the configuration says {wanted}", cure=cure
    )
