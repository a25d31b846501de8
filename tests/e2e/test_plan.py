"""What `deployer plan` says of a release that nobody has begun."""

from __future__ import annotations

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.crash.unchanged_service import told
from tests.e2e.test_mistakes import source_of


def test_plan_says_what_it_costs_and_how_long_writes_are_refused(adopted_shop: Shop) -> None:
    """What runs, what stays for a rollback; where no journal is kept, what measures the freeze."""
    said = adopted_shop.deployer("plan", "shop", "--ref", "v1.5.0")
    told(said, Exit.DONE, "the new release: $", "live beside it", "for rollback: $")
    told(said, Exit.DONE, "1 migration (migrations/0003_order_notes.sql)", "deployer rehearse shop")


def test_a_dirty_tree_is_said(adopted_shop: Shop) -> None:
    """It is no refusal: HEAD is what is released."""
    stray = source_of(adopted_shop) / "not-committed.txt"
    stray.write_text("x")
    try:
        told(adopted_shop.deployer("doctor", "shop"), Exit.DONE, "! shop     code", "tree is dirty")
    finally:
        stray.unlink()
