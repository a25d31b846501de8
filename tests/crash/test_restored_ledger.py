"""Somebody puts an older ledger back: the service is unknown, and nothing of it is touched.

A zone file from last night, a Terraform run, a hand: the newest release is then no longer in the
ledger, and a sweep that believed it would delete production.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import NEW, OLD, Before, Shop, remove_record, swap_record
from tests.support.company import LEDGER, RECORD

pytestmark = pytest.mark.timeout(300)

NEWER = "v1.7.0"


@dataclass(frozen=True)
class Moment:
    """The ledger and the A record as they were."""

    ledger: str
    pointed_at: tuple[str, ...]


def _now(shop: Shop) -> Moment:
    return Moment(shop.ledger(), shop.pointed_at())


def _released(shop: Shop, step: str) -> Moment:
    """Release, and return what stood in the zone when `step` began, or before all of it."""
    adopted = _now(shop)
    with shop.releasing() as release:
        seen = adopted
        if step:
            release.wait_for_step(step)
            seen = _now(shop)
        done = release.finish()
    assert done.code == Exit.DONE, done
    return seen


def _assert_untouched(shop: Shop, before: Before, tags: dict[str, dict[str, str]]) -> None:
    assert shop.resources() == before.resources
    assert _tags(shop) == tags
    assert shop.get(address=before.pointed_at[0])["version"] == before.version


def _tags(shop: Shop) -> dict[str, dict[str, str]]:
    """The tags of everything, by id."""
    found: dict[str, dict[str, str]] = {}
    for row in shop.aws("ec2").describe_tags()["Tags"]:
        found.setdefault(row["ResourceId"], {})[row["Key"]] = row["Value"]
    return found


def _generation(text: str) -> int:
    found = re.search(r"\bgen=(\d+)", text)
    assert found
    return int(found[1])


def _assert_nothing_is_touched(shop: Shop, before: Before) -> None:
    """Sweep, release, rollback and abort all refuse in words, and have done nothing."""
    zone, tags = _now(shop), _tags(shop)
    swept = shop.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    assert "unknown" in f"{swept.out}{swept.err}", swept
    for words in (
        ("up", "shop", "--ref", NEWER),
        ("up", "shop", "--sweep-first"),
        ("rollback", "shop"),
    ):
        refused = shop.deployer(*words)
        assert refused.code == Exit.REFUSED, refused
        assert "deployer recover shop" in refused.err, refused
    assert _now(shop) == zone
    _assert_untouched(shop, before, tags)


MOMENTS = {"as at the adoption": "", "under the release's lease": "smoke"}


def _words(moment: str) -> tuple[str, ...]:
    """The release that held the restored lease has ended long since: a person knows."""
    return ("--end-lease",) if MOMENTS[moment] else ()


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_older_ledger_is_unknown_until_recovered(shop: Shop, moment: str) -> None:
    """The record still names the new release; `recover` makes it live again, and all goes on."""
    old = _released(shop, MOMENTS[moment])
    before, newest = shop.before(), shop.ledger()
    swap_record(shop, LEDGER, "TXT", (old.ledger,))
    _assert_nothing_is_touched(shop, before)
    shop.ok("deployer", "recover", "shop", "--yes", *_words(moment))
    assert _generation(shop.ledger()) > _generation(newest)
    shop.ok("reconciler", "sweep")
    assert shop.live_id() == before.live
    shop.assert_released()
    shop.assert_clean()
    assert shop.resources() == before.resources
    shop.up(NEWER)
    shop.assert_released(NEWER)


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_older_zone_is_unknown_until_recovered(shop: Shop, moment: str) -> None:
    """The A record was put back, too: the old release answers, and the new one is not deleted."""
    old = _released(shop, MOMENTS[moment])
    before, newest = shop.before(), shop.ledger()
    swap_record(shop, LEDGER, "TXT", (old.ledger,))
    swap_record(shop, RECORD, "A", old.pointed_at)
    _assert_nothing_is_touched(shop, before)
    refused = shop.deployer("recover", "shop", "--yes", *_words(moment))
    assert refused.code == Exit.REFUSED, refused
    assert f"--replace {before.live}" in refused.err, refused
    shop.ok("deployer", "recover", "shop", "--yes", "--replace", before.live, *_words(moment))
    assert _generation(shop.ledger()) > _generation(newest)
    assert shop.pointed_at() == old.pointed_at
    assert before.live in shop.ledger()
    shop.ok("reconciler", "sweep")
    assert shop.resources() == before.resources
    assert shop.version() == OLD
    shop.order()
    shop.assert_clean()


def test_a_missing_ledger_is_unknown_until_recovered(shop: Shop) -> None:
    """Not "no ledger yet": things of a service that has one say so."""
    _released(shop, "")
    before, newest = shop.before(), shop.ledger()
    remove_record(shop, LEDGER, "TXT")
    swept = shop.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    _assert_nothing_is_touched(shop, before)
    shop.ok("deployer", "recover", "shop", "--yes")
    assert _generation(shop.ledger()) > _generation(newest)
    shop.ok("reconciler", "sweep")
    assert shop.live_id() == before.live
    shop.assert_released(NEW)
    shop.assert_clean()
    assert shop.resources() == before.resources


def _cut_short(text: str) -> str:
    return text[: len(text) // 2] + '"'


def _from_the_future(text: str) -> str:
    return text.replace("v=1 ", "v=9 ")


@pytest.mark.parametrize("ruin", [_cut_short, _from_the_future])
def test_a_ledger_that_cannot_be_read_is_unknown(shop: Shop, ruin: Callable[[str], str]) -> None:
    """Half a value, or one of a newer tool: nobody guesses what it may have said."""
    _released(shop, "")
    before, newest = shop.before(), shop.ledger()
    swap_record(shop, LEDGER, "TXT", (ruin(newest),))
    _assert_nothing_is_touched(shop, before)
    shop.ok("deployer", "recover", "shop", "--yes")
    assert _generation(shop.ledger()) > _generation(newest)
    assert shop.live_id() == before.live
    shop.ok("reconciler", "sweep")
    shop.assert_released(NEW)
    assert shop.resources() == before.resources
