"""Entries as they are stored: through bytes and back, against the published schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from reconciler.model.deploy_id import DeployId
from reconciler.model.journal import entry as j
from reconciler.model.journal.codec import CorruptEntry, StoredEntry, decode, encode, key
from reconciler.model.journal.entry import Entry, ResourceRecord, StepRecord
from scripts.journal_schema import text

ID = DeployId.parse("shop/20261123T031502Z-7kq2m")
AT = datetime(2026, 11, 23, 3, 15, 2, 125000, UTC)
FULL = Entry(
    ID,
    j.RELEASE,
    "ann@laptop",
    AT,
    program="0.1.0",
    deploy=str(ID),
    release="v1.5.0",
    was="v1.4.2",
    outcome=j.FAILED,
    exit=1,
    step="smoke",
    ended=AT + timedelta(seconds=90),
    why="GET /healthz answered 500",
    detail='relation "orders_v2" does not exist',
    steps=(StepRecord("image", 48.2, "ami-0f3c"), StepRecord("smoke", 30.0, "500", failed=True)),
    resources=(ResourceRecord("instance", "i-0b2e", j.GONE, str(ID), 0.0258),),
    addresses=("10.0.1.17",),
    frozen_seconds=62.0,
    lost="214 row changes",
    ended_leases=("shop/20261123T031502Z-aaaaa",),
    forgotten=("shop/20261122T031502Z-aaaaa",),
    per_hour=0.0258,
    unpriced=1,
    warnings=("2 files are not committed",),
)
BARE = Entry(ID, j.SWEEP, "cron@ci", AT)
SCHEMA = Path(__file__).parents[5] / "docs/journal.schema.json"


@pytest.mark.parametrize("entry", [FULL, BARE], ids=["full", "bare"])
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    """Nothing is lost or changed by being stored."""
    stored = StoredEntry(entry, "ab12cd34", 7)
    assert decode(encode(stored)) == stored


@pytest.mark.parametrize("entry", [FULL, BARE], ids=["full", "bare"])
def test_an_entry_obeys_the_published_schema(entry: Entry) -> None:
    """What is written is what is published."""
    value = json.loads(encode(StoredEntry(entry, "ab12cd34", 7)))
    jsonschema.validate(value, json.loads(SCHEMA.read_text()))


def test_the_published_schema_is_the_one_of_the_entries() -> None:
    """The file in docs was made anew (`scripts/journal_schema.py`) after a change."""
    assert SCHEMA.read_text() == text()


def test_a_later_field_is_ignored() -> None:
    """An older program reads what a newer one has written."""
    value = json.loads(encode(StoredEntry(FULL, "ab12cd34", 7)))
    value["mood"] = "good"
    value["steps"][0]["mood"] = "good"
    assert decode(json.dumps(value).encode()).entry == FULL


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        encode(StoredEntry(FULL, "w", 1)).replace(b'"schema": "1"', b'"schema": "2"'),
        encode(StoredEntry(FULL, "w", 1)).replace(b"shop/20261123T031502Z-7kq2m", b"nobody"),
        encode(StoredEntry(FULL, "w", 1)).replace(b'"exit": 1', b'"exit": true'),
        encode(StoredEntry(FULL, "w", 1)).replace(
            b'"frozen_seconds": 62.0', b'"frozen_seconds": "x"'
        ),
        encode(StoredEntry(FULL, "w", 1)).replace(b"2026-11-23T03:15:02.125Z", b"2026-11-23"),
        encode(StoredEntry(FULL, "w", 1))[:400],
    ],
)
def test_what_is_no_entry_is_called_corrupt(body: bytes) -> None:
    """One error for whatever stands there, and no other."""
    with pytest.raises(CorruptEntry):
        decode(body)


def test_keys_sort_by_time_and_a_second_writer_has_his_own() -> None:
    """The key is the id; the stream lies beside the entry."""
    assert key(ID) == "shop/20261123T031502Z-7kq2m.json"
    assert key(ID, ".events.jsonl") == "shop/20261123T031502Z-7kq2m.events.jsonl"
    assert key(ID, ".json", "ab12") == "shop/20261123T031502Z-7kq2m.ab12.json"
