"""The ledgers of one scope as they were read between the two maps, as a file. Pure.

The file names the version of the inventory that it judges: it was listed before the first ledger
was read, so every ledger in it is younger than that inventory (rule 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reconciler.errors import CloudError, ConfigError, ToolError
from reconciler.model.coverage import Read
from reconciler.model.deploy_id import format_time, parse_time
from reconciler.model.ledger_home import own_ledger
from reconciler.model.reading import ARecord, LedgerAddress, Reading
from reconciler.sweep.scopes import documents
from reconciler.sweep.scopes.documents import Document

FORMAT = "scope ledgers"

Answers = Mapping[str, tuple[LedgerAddress, Reading | ToolError]]
"""By service: the ledger's address, and what was read there."""


@dataclass(frozen=True)
class FrozenLedgers:
    """What execution in one scope starts from.

    inventory  the version of the scope's inventory
    answers    the ledgers that were located, as read;  lost: those that were not, each with why
    rows       the completeness rows of the reading
    placed     by service: the words of the configuration that the ledger was located by
    """

    scope: str
    inventory: str
    answers: Answers
    lost: Mapping[str, ToolError]
    rows: tuple[Read, ...] = ()
    placed: Mapping[str, str] = field(default_factory=dict)

    def address(self, service: str, placed: str) -> LedgerAddress:
        """Where the service's ledger is, if its configuration still says `placed`.

        A zone that is watched only since then has not been asked, so the service is unknown in this
        run. Raises ConfigError, AccessDenied, CloudError.
        """
        if service in self.answers and self.placed.get(service) != placed:
            raise CloudError(
                f"{service} was configured otherwise when the ledgers of this run were read: the "
                "next run decides"
            )
        if service in self.answers:
            return self.answers[service][0]
        raise self.lost.get(service) or ConfigError(
            f"{service} was configured after the ledgers of this run were read",
            cure="leave it to the next run, or begin one with a new folder",
        )


def encode(frozen: FrozenLedgers) -> bytes:
    """The ledgers as a file's content."""
    return documents.written(
        FORMAT,
        {
            "scope": frozen.scope,
            "inventory": frozen.inventory,
            "services": {name: _service_json(*read) for name, read in frozen.answers.items()},
            "lost": {name: documents.error_json(error) for name, error in frozen.lost.items()},
            "rows": [documents.read_json(read) for read in frozen.rows],
            "placed": dict(frozen.placed),
        },
    )


def decode(body: bytes) -> FrozenLedgers:
    """The ledgers in a file's content. Raises ConfigError for any other."""
    found = documents.opened(FORMAT, body)
    try:
        return FrozenLedgers(
            str(found["scope"]),
            str(found["inventory"]),
            {name: _answer(row) for name, row in found["services"].items()},
            {name: documents.error_of(row) for name, row in found["lost"].items()},
            tuple(map(documents.read_of, found["rows"])),
            {str(name): str(words) for name, words in found.get("placed", {}).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"this {FORMAT} is damaged: {error}") from error


def _service_json(address: LedgerAddress, answer: Reading | ToolError) -> Document:
    return {"address": asdict(address), **_answer_json(answer)}


def _answer_json(answer: Reading | ToolError) -> Document:
    if isinstance(answer, ToolError):
        return {"error": documents.error_json(answer)}
    return {
        "reading": {
            "now": format_time(answer.now),
            "text": answer.text,
            "ttl": answer.ttl,
            "a": _record_json(answer.a),
            "also": [[name, _record_json(a)] for name, a in answer.also],
            "version": answer.version,
        }
    }


def _record_json(record: ARecord | None) -> Document | None:
    return asdict(record) if record is not None else None


def _answer(row: Document) -> tuple[LedgerAddress, Reading | ToolError]:
    lists = {key: tuple(row["address"][key]) for key in ("also", "watched", "traffic")}
    address = LedgerAddress(**{**row["address"], **lists})
    if "error" in row:
        return address, documents.error_of(row["error"])
    said = row["reading"]
    try:
        ledger = own_ledger(address, said["text"])
    except ToolError as error:
        return address, error
    reading = Reading(
        address,
        parse_time(said["now"]),
        ledger,
        said["text"],
        said["ttl"],
        _record(said["a"]),
        tuple((name, _record(a)) for name, a in said["also"]),
        said["version"],
    )
    return address, reading


def _record(found: Any) -> ARecord | None:
    return ARecord(found["ttl"], tuple(found["addresses"])) if found is not None else None
