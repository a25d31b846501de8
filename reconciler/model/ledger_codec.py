"""The ledger as the text of one TXT value, readable with `dig` and by other tools.

    "v=2 gen=41 record=shop.example.com account=123456789012 region=eu-west-1"
    "live=<id> via=private at=10.0.1.17,10.0.1.18" "previous=<id> retired=<time> n=2 via=private"
    "kept=<id> until=<time>" "lease=<id> until=<time> step=<word>"

An adopted deploy's entry has `ids=i-…` after `via`. Where listeners and not the A record lead to
the live deploy, a string `traffic=<ARN>` for each stands after the head. A ledger that was moved
then has a string `was=<old address>` for each former address, its tombstone `moved=<new address>`.

Ledgers of older versions lack `record`, `account` and `region`; in `v=1` no entry has `n` or `via`,
and a previous one has `at=…` as live has. Such an entry is read for ever (docs/adr/0019). The
version is the lowest that has the words of the text: an older program that meets a word which it
does not know must take the ledger for unknown.

Route 53: strings of at most 255 characters, a value of at most 4,000 (aws.md §4). Addresses that
do not fit into an entry's string continue in the next strings, which begin with `at=`. A text that
does not re-serialise to the same bytes is not a ledger.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from reconciler.model.deploy_id import DeployId, InvalidDeployId, format_time, parse_time
from reconciler.model.ledger import STEP_LIMIT, Kept, Lease, Ledger, LedgerHome, Live, Previous, Via

VERSIONS = ("1", "2")
STRING_LIMIT = 255
VALUE_LIMIT = 4000

_VALUE = re.compile(r'"[ -!#-\[\]-~]{1,255}"(?: "[ -!#-\[\]-~]{1,255}")*')
_STEP = re.compile(rf"[a-z][a-z-]{{0,{STEP_LIMIT - 1}}}")
_GEN = re.compile(r"[1-9][0-9]{0,17}")
_HOME = {
    "record": re.compile(r"[a-z0-9_*]([a-z0-9_.*-]*[a-z0-9_])?"),
    "account": re.compile(r"[0-9]{12}"),
    "region": re.compile(r"[a-z]{2}[a-z-]*-[0-9]{1,2}"),
}
_ADDRESS = re.compile(r"[A-Za-z0-9]+/[a-z0-9._-]+")
_INSTANCE = re.compile(r"i-[0-9a-z-]+")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_TRAFFIC = re.compile(r"[A-Za-z0-9:/._-]{1,240}")

Fields = dict[str, str]


class LedgerTextError(ValueError):
    """The text is not a ledger of a known version."""


class LedgerTooLong(ValueError):
    """The ledger does not fit into one TXT value: forget previous or kept deploys first."""


def encode(ledger: Ledger) -> str:
    """The one TXT value, quotes included. Raises LedgerTooLong at 4,000 characters or more."""
    strings = [_head(ledger)]
    strings += [f"traffic={arn}" for arn in ledger.home.traffic] if ledger.home else []
    strings += [f"was={address}" for address in ledger.was]
    strings += [f"moved={ledger.moved}"] if ledger.moved else []
    for head, at in _entries(ledger):
        strings.extend(_wrap(head, at))
    text = " ".join(f'"{string}"' for string in strings)
    if max(map(len, strings)) > STRING_LIMIT:
        raise LedgerTooLong("the names of record and zone are too long for a TXT string")
    if len(text) >= VALUE_LIMIT:
        raise LedgerTooLong(f"the ledger would take {len(text)} characters of {VALUE_LIMIT}")
    return text


def decode(text: str) -> Ledger:
    """The ledger written as `text`.

    Raises LedgerTextError for an unknown version and for anything that does not re-serialise to
    the same bytes.
    """
    try:
        ledger = _decode(text)
        same = encode(ledger) == text
    except (KeyError, ValueError) as error:
        raise LedgerTextError(f"not a ledger: {error}") from error
    if not same:
        raise LedgerTextError("not a ledger: it does not re-serialise to the same text")
    return ledger


def _head(ledger: Ledger) -> str:
    home = ledger.home
    words = f" record={home.record} account={home.account} region={home.region}" if home else ""
    return f"v={_version(ledger)} gen={ledger.gen}{words}"


def _version(ledger: Ledger) -> str:
    entries = (*((ledger.live,) if ledger.live else ()), *ledger.previous)
    return VERSIONS[any(entry.via is not None for entry in entries)]


def _entries(ledger: Ledger) -> Iterator[tuple[str, tuple[str, ...]]]:
    if ledger.live:
        yield f"live={ledger.live.id}{_via(ledger.live)}", ledger.live.at
    for entry in ledger.previous:
        mark = " rejected" if entry.rejected else ""
        count = f" n={entry.count}" if entry.count else ""
        head = f"previous={entry.id} retired={format_time(entry.retired)}"
        yield f"{head}{mark}{count}{_via(entry)}", entry.at
    for kept in ledger.kept:
        yield f"kept={kept.id} until={format_time(kept.until)}", ()
    if ledger.lease:
        lease = ledger.lease
        yield f"lease={lease.id} until={format_time(lease.until)} step={lease.step}", ()


def _via(entry: Live | Previous) -> str:
    via = f" via={entry.via}" if entry.via else ""
    return f"{via} ids={','.join(entry.ids)}" if entry.ids else via


def _wrap(head: str, at: tuple[str, ...]) -> list[str]:
    """An entry's strings: the head with as many addresses as fit, the rest after `at=`."""
    lines = [head]
    for index, address in enumerate(at):
        glue = " at=" if index == 0 else ","
        longer = f"{lines[-1]}{glue}{address}"
        if len(longer) <= STRING_LIMIT:
            lines[-1] = longer
        else:
            lines.append(f"at={address}")
    return lines


def _decode(text: str) -> Ledger:
    if not text.isascii() or len(text) >= VALUE_LIMIT or not _VALUE.fullmatch(text):
        raise LedgerTextError("not a list of quoted strings")
    head, *entries = [_fields(one) for one in text[1:-1].split('" "')]
    if head.get("v") not in VERSIONS:
        begins = text[1:41].partition('"')[0]
        raise LedgerTextError(
            f"the TXT record has ledger version {head['v']!r}, which this program does not know"
            if "v" in head
            else f'the TXT record is not a ledger (it begins "{begins}")'
        )
    if not _GEN.fullmatch(head["gen"]):
        raise LedgerTextError("no generation")
    return _assemble(head, _joined(entries))


def _fields(string: str) -> Fields:
    """`a=1 b=2 c` as a mapping; a word without a value maps to the empty text."""
    fields: Fields = {}
    for word in string.split(" "):
        key, _, value = word.partition("=")
        if key in fields:
            raise LedgerTextError(f"{key!r} stands twice")
        fields[key] = value
    return fields


def _joined(entries: Iterable[Fields]) -> list[Fields]:
    """Continuation strings (only `at`) added to the entry before them."""
    joined: list[Fields] = []
    for entry in entries:
        if set(entry) == {"at"} and joined:
            before = joined[-1].get("at", "")
            joined[-1]["at"] = f"{before},{entry['at']}" if before else entry["at"]
        else:
            joined.append(entry)
    return joined


def _assemble(head: Fields, entries: list[Fields]) -> Ledger:
    previous = tuple(_previous(entry) for entry in entries if "previous" in entry)
    kept = tuple(
        Kept(_id(entry["kept"]), _time(entry["until"])) for entry in entries if "kept" in entry
    )
    live = [_live(entry) for entry in entries if "live" in entry]
    lease = [_lease(entry) for entry in entries if "lease" in entry]
    was = tuple(_matching(_ADDRESS, entry["was"]) for entry in entries if "was" in entry)
    moved = [_matching(_ADDRESS, entry["moved"]) for entry in entries if "moved" in entry]
    if max(len(live), len(lease), len(moved)) > 1:
        raise LedgerTextError("live, lease or moved stands twice")
    ledger = Ledger(
        gen=int(head["gen"]),
        live=next(iter(live), None),
        previous=previous,
        kept=kept,
        lease=next(iter(lease), None),
        home=_home(head, entries),
        was=was,
        moved=next(iter(moved), ""),
    )
    _check_ids(ledger)
    return ledger


def _check_ids(ledger: Ledger) -> None:
    """One service, no id in two roles (a rollback's lease has an id of its own)."""
    if len(ledger.rooted) != len(ledger.named):
        raise LedgerTextError("an id stands in two roles")
    if len({one.service for one in ledger.named}) > 1:
        raise LedgerTextError("it names two services")


def _home(head: Fields, entries: list[Fields]) -> LedgerHome | None:
    """The record, account, region and traffic; None if an older version wrote none of them."""
    if not _HOME.keys() & head.keys():
        return None
    said = {key: _matching(form, head[key]) for key, form in _HOME.items()}
    traffic = (_matching(_TRAFFIC, entry["traffic"]) for entry in entries if "traffic" in entry)
    return LedgerHome(**said, traffic=tuple(traffic))


def _matching(form: re.Pattern[str], text: str) -> str:
    if not form.fullmatch(text):
        raise LedgerTextError(f"{text!r} is not what should stand there")
    return text


def _live(entry: Fields) -> Live:
    via = Via(entry["via"]) if "via" in entry else None
    return Live(_id(entry["live"]), _addresses(entry), _instances(entry), via)


def _instances(entry: Fields) -> tuple[str, ...]:
    found = entry["ids"].split(",") if "ids" in entry else ()
    return tuple(_matching(_INSTANCE, one) for one in found)


def _previous(entry: Fields) -> Previous:
    deploy, retired = _id(entry["previous"]), _time(entry["retired"])
    marks = ("rejected" in entry, _instances(entry))
    if "via" not in entry:
        return Previous(deploy, retired, _addresses(entry), *marks)
    if "at" in entry:
        raise LedgerTextError("a previous deploy has `at` or `via`, not both")
    return Previous(
        deploy, retired, (), *marks, int(_matching(_COUNT, entry["n"])), Via(entry["via"])
    )


def _lease(entry: Fields) -> Lease:
    if not _STEP.fullmatch(entry["step"]):
        raise LedgerTextError("the step is not a word")
    return Lease(_id(entry["lease"]), _time(entry["until"]), entry["step"])


def _addresses(entry: Fields) -> tuple[str, ...]:
    if "at" not in entry:
        return ()
    return tuple(str(ipaddress.IPv4Address(one)) for one in entry["at"].split(","))


def _id(text: str) -> DeployId:
    try:
        return DeployId.parse(text)
    except InvalidDeployId as error:
        raise LedgerTextError(str(error)) from error


def _time(text: str) -> datetime:
    return parse_time(text)
