"""What the workers of one run hand to each other is read as it was written."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given

from reconciler.errors import AccessDenied, CloudError, ConfigError, LedgerUnknown, Refused
from reconciler.model.coverage import Read, ReadStatus
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import encode as ledger_text
from reconciler.model.reading import ARecord, LedgerAddress, Reading
from reconciler.model.resource import Gap
from reconciler.model.tag_summary import Group, TagSummary
from reconciler.model.tags import AccountRegion
from reconciler.sweep.scopes import frozen_ledgers, inventory_file
from reconciler.sweep.scopes.disk import DiskObjects
from reconciler.sweep.scopes.frozen_ledgers import Answers, FrozenLedgers
from reconciler.sweep.scopes.inventory_file import ScopeInventory
from reconciler.sweep.scopes.run_files import INVENTORY, RunFiles, key_of
from tests.support.ledgers import EPOCH, ledgers

PLACE = AccountRegion("123456789012", "eu-west-1")
ROW = Read(PLACE, "tags", ReadStatus.FAILED, 1, 2, "why", "shop")
INDEX = TagSummary(
    PLACE,
    {Group("instance", "shop/20261123T031502Z-7kq2m", "live", "u1"): ("i-1", "i-2")},
    (Gap(PLACE, "rds-instance", "denied", "allow it", AccessDenied),),
    (ROW,),
)
INVENTORY_NOW = ScopeInventory(EPOCH, INDEX)
ADDRESS = LedgerAddress(
    "shop", "Z1", "example.com", "shop.example.com", also=("a.example.com",), watched=("Z1", "Z2")
)


def frozen(ledger: Ledger, version: str = "v1") -> FrozenLedgers:
    """One ledger that was read, one that was not, one that was not even located."""
    a = ARecord(60, ("10.0.0.1",))
    reading = Reading(
        ADDRESS, EPOCH, ledger, ledger_text(ledger), 60, a, (("a.example.com", None),), "e1"
    )
    other = LedgerAddress("blog", "Z1", "example.com", "blog.example.com")
    answers: Answers = {
        "shop": (ADDRESS, reading),
        "blog": (other, LedgerUnknown("cannot be read")),
    }
    lost = {"wiki": CloudError("no answer")}
    return FrozenLedgers(str(PLACE), version, answers, lost, (ROW,), {"shop": "as configured"})


def test_an_inventory_is_read_as_it_was_written() -> None:
    """With its gaps: unknown is not empty, on the other side either."""
    assert inventory_file.decode(inventory_file.encode(INVENTORY_NOW)) == INVENTORY_NOW


@given(ledgers().filter(lambda one: not one.moved))
def test_ledgers_are_read_as_they_were_written(ledger: Ledger) -> None:
    """Reading and errors; a swap would match the very text."""
    written = frozen(ledger)
    found = frozen_ledgers.decode(frozen_ledgers.encode(written))
    assert found.answers["shop"] == written.answers["shop"]
    assert [str(found.answers["blog"][1]), type(found.answers["blog"][1])] == [
        "cannot be read",
        LedgerUnknown,
    ]
    assert (found.scope, found.inventory, found.rows) == (str(PLACE), "v1", (ROW,))
    assert found.address("shop", "as configured") == ADDRESS
    with pytest.raises(CloudError, match="configured otherwise"):
        found.address("shop", "with one more zone")
    with pytest.raises(CloudError, match="no answer"):
        found.address("wiki", "as configured")
    with pytest.raises(ConfigError, match="configured after"):
        found.address("new", "as configured")


@pytest.mark.parametrize("decode", [inventory_file.decode, frozen_ledgers.decode])
def test_anything_else_is_refused(decode: object) -> None:
    """A damaged file, another one, and one of a newer version, in words."""
    assert callable(decode)
    whole = inventory_file.encode(INVENTORY_NOW), frozen_ledgers.encode(frozen(Ledger(gen=1)))
    document = json.loads(whole[decode is frozen_ledgers.decode])
    for change in ({"version": 2}, {"format": "x"}, {"scope": 1, "groups": 1, "services": 1}):
        with pytest.raises(ConfigError):
            decode(json.dumps({**document, **change}).encode())
    for body in (b"", b"[]", b"\xff"):
        with pytest.raises(ConfigError):
            decode(body)


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    """A run that has begun."""
    made = RunFiles(DiskObjects(tmp_path / "today"), "today")
    made.begin([{"scope": str(PLACE)}])
    return made


def freeze(files: RunFiles) -> None:
    """The ledgers, read after the inventory that is there."""
    version = files.inventories()[key_of(INVENTORY, str(PLACE))]
    files.freeze(frozen(Ledger(gen=1), version))


def test_execution_gets_the_inventory_that_the_ledgers_judge(files: RunFiles) -> None:
    """That version and no other."""
    files.put_inventory(INVENTORY_NOW)
    freeze(files)
    ledgers, inventory = files.frozen(str(PLACE))
    assert (ledgers.scope, inventory) == (str(PLACE), INVENTORY_NOW)


def test_an_inventory_that_is_read_again_waits_for_the_next_run(files: RunFiles) -> None:
    """The ledgers are older than it: what they do not root may be younger than they are."""
    files.put_inventory(INVENTORY_NOW)
    freeze(files)
    later = ScopeInventory(EPOCH + timedelta(seconds=1), INDEX)
    files.put_inventory(later)
    with pytest.raises(Refused, match="read again after the ledgers") as refused:
        files.frozen(str(PLACE))
    assert f"reconciler sweep --scope {PLACE}" in refused.value.cure


def test_ledgers_that_are_read_again_change_nothing(files: RunFiles) -> None:
    """What the first try froze may be in use: a second one, after a later inventory, comes late."""
    files.put_inventory(INVENTORY_NOW)
    freeze(files)
    files.put_inventory(ScopeInventory(EPOCH + timedelta(seconds=1), INDEX))
    freeze(files)
    with pytest.raises(Refused, match="read again after the ledgers"):
        files.frozen(str(PLACE))


@pytest.mark.parametrize("folder", [INVENTORY, "ledgers", "results"])
def test_a_run_does_not_begin_in_the_folder_of_another(files: RunFiles, folder: str) -> None:
    """What yesterday's workers left there would stand for a worker that dies today."""
    files.begin([])  # tried again, before anything else was done
    files.objects.put(key_of(folder, str(PLACE)), b"{}")
    with pytest.raises(ConfigError, match="today has the files of another run"):
        files.begin([])


def test_a_scope_without_an_inventory_is_refused(files: RunFiles, tmp_path: Path) -> None:
    """And a run that nobody began."""
    with pytest.raises(Refused, match="its inventory was not there"):
        files.frozen(str(PLACE))
    with pytest.raises(ConfigError, match="has not begun"):
        RunFiles(DiskObjects(tmp_path / "other"), "other").scopes()
