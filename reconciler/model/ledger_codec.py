"""The ledger as the text of one TXT value, readable with `dig` and by other tools.

    "v=2 gen=41 record=shop.example.com account=123456789012 region=eu-west-1"
    "live=<id> via=private at=10.0.1.17,10.0.1.18" "previous=<id> retired=<time> n=2 via=private"
    "kept=<id> until=<time>" "lease=<id> until=<time> step=<word>"

An adopted deploy's entry has `ids=i-…` after `via`. A deploy that uses another's database has `db=`
and that deploy's id after `ids` or `until` (docs/adr/0023). Where listeners and not the A record
lead to the live deploy, a string `traffic=<ARN>` for each stands after the head. A ledger that was
moved then has a string `was=<old address>` for each former address, its tombstone `moved=<new>`.
That of a service that left has `left=<id>` where `live=<id>` stood, and the rest of the entry.

Ledgers of older versions lack `record`, `account` and `region`; in `v=1` no entry has `n` or `via`,
and a previous one has `at=…` as live has. Such an entry is read for ever (docs/adr/0019). Only in
`v=3` an entry has `db`. The version is the lowest that has the words of the text: an older program
that meets a word which it does not know must take the ledger for unknown.

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

VERSIONS = ("1", "2", "3")
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
_ADDRESS = re.compile(r"[A-Za-z0-9]+/[a-z0-9._-]+|s3://[a-z0-9.-]+/[A-Za-z0-9._/-]+")
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
    entries = [entry for entry in (ledger.live, ledger.left, *ledger.previous) if entry]
    if any(entry.db is not None for entry in (*entries, *ledger.kept)):
        return "3"
    return VERSIONS[any(entry.via is not None for entry in entries)]


def _entries(ledger: Ledger) -> Iterator[tuple[str, tuple[str, ...]]]:
    if ledger.live:
        yield f"live={ledger.live.id}{_via(ledger.live)}", ledger.live.at
    if ledger.left:
        yield f"left={ledger.left.id}{_via(ledger.left)}", ledger.left.at
    for entry in ledger.previous:
        mark = " rejected" if entry.rejected else ""
        count = f" n={entry.count}" if entry.count else ""
        head = f"previous={entry.id} retired={format_time(entry.retired)}"
        yield f"{head}{mark}{count}{_via(entry)}", entry.at
    for kept in ledger.kept:
        yield f"kept={kept.id} until={format_time(kept.until)}{_db(kept)}", ()
    if ledger.lease:
        lease = ledger.lease
        yield f"lease={lease.id} until={format_time(lease.until)} step={lease.step}", ()


def _via(entry: Live | Previous) -> str:
    via = f" via={entry.via}" if entry.via else ""
    ids = f" ids={','.join(entry.ids)}" if entry.ids else ""
    return f"{via}{ids}{_db(entry)}"


def _db(entry: Live | Previous | Kept) -> str:
    return f" db={entry.db}" if entry.db else ""


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
            f"the text has ledger version {head['v']!r}, which this program does not know"
            if "v" in head
            else f'the text is not a ledger (it begins "{begins}")'
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
    kept = tuple(_kept(entry) for entry in entries if "kept" in entry)
    live = [_live(entry, "live") for entry in entries if "live" in entry]
    left = [_live(entry, "left") for entry in entries if "left" in entry]
    lease = [_lease(entry) for entry in entries if "lease" in entry]
    was = tuple(_matching(_ADDRESS, entry["was"]) for entry in entries if "was" in entry)
    moved = [_matching(_ADDRESS, entry["moved"]) for entry in entries if "moved" in entry]
    if max(len(live), len(left), len(lease), len(moved)) > 1:
        raise LedgerTextError("live, left, lease or moved stands twice")
    ledger = Ledger(
        gen=int(head["gen"]),
        live=next(iter(live), None),
        previous=previous,
        kept=kept,
        lease=next(iter(lease), None),
        home=_home(head, entries),
        was=was,
        moved=next(iter(moved), ""),
        left=next(iter(left), None),
    )
    _check_ids(ledger)
    return ledger


def _check_ids(ledger: Ledger) -> None:
    """One service, no id in two roles (a rollback's lease has an id of its own).

    What is shared is somebody's own database: an owner that the ledger names shares none itself.
    """
    if len(ledger.rooted) != len(ledger.named):
        raise LedgerTextError("an id stands in two roles")
    users = {deploy: ledger.database_of(deploy) for deploy in ledger.named}
    if len({one.service for pair in users.items() for one in pair}) > 1:
        raise LedgerTextError("it names two services")
    if any(users.get(owner, owner) != owner for owner in users.values()):
        raise LedgerTextError("a deploy uses the database of one that has none of its own")


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


def _live(entry: Fields, key: str) -> Live:
    deploy, via = _id(entry[key]), Via(entry["via"]) if "via" in entry else None
    return Live(deploy, _addresses(entry), _instances(entry), via, _shared(entry, deploy))


def _kept(entry: Fields) -> Kept:
    deploy = _id(entry["kept"])
    return Kept(deploy, _time(entry["until"]), _shared(entry, deploy))


def _shared(entry: Fields, deploy: DeployId) -> DeployId | None:
    """The deploy in `db`: another's, since a deploy's own database is not written."""
    owner = _id(entry["db"]) if "db" in entry else None
    if owner == deploy:
        raise LedgerTextError("`db` names the deploy itself")
    return owner


def _instances(entry: Fields) -> tuple[str, ...]:
    found = entry["ids"].split(",") if "ids" in entry else ()
    return tuple(_matching(_INSTANCE, one) for one in found)


def _previous(entry: Fields) -> Previous:
    deploy, retired = _id(entry["previous"]), _time(entry["retired"])
    marks = ("rejected" in entry, _instances(entry))
    db = _shared(entry, deploy)
    if "via" not in entry:
        return Previous(deploy, retired, _addresses(entry), *marks, db=db)
    count = int(_matching(_COUNT, entry["n"]))
    return Previous(deploy, retired, (), *marks, count, Via(entry["via"]), db)


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
