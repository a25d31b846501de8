"""Databases that people restored, renamed, copied or hold; and what `recover --database` says."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease
from tests.cures.case import Case
from tests.cures.desk import Desk
from tests.cures.lease import LIVE_DB, RUNS, counted, leftovers
from tests.cures.sweeps import OLD_DB
from tests.fakes.scene import ROLE
from tests.support.shop_world import CLEAN, DEAD, LEDGER, OLD

DEAD_DB = DEAD.database_name(LEDGER)
NAMES_LIVE = f"deployer recover shop --database {LIVE_DB}"


def restored(desk: Desk) -> None:
    """Live's database was renamed, and a backup restored under its name."""
    counted(desk)
    desk.scene.server.rename(LIVE_DB, "aside")
    desk.scene.server.restore("aside", LIVE_DB)


def restored_at_work(desk: Desk) -> None:
    """The same, and a release is at work."""
    restored(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, RUNS, "launch"))


def over(desk: Desk) -> None:
    """It has ended."""
    desk.scene.ledger = CLEAN


def named(desk: Desk) -> None:
    """Its owner says which it is."""
    assert desk.types(NAMES_LIVE).code == 0


def old_ledger(desk: Desk) -> None:
    """The ledger is older than what a database has obeyed."""
    counted(desk)
    desk.scene.server.shut(OLD_DB, FencedAct(77, OLD, LEDGER), (ROLE,), 1.0)


def left_over(desk: Desk) -> None:
    """The database of a release that died."""
    leftovers(desk)
    desk.scene.add_database(DEAD)


def held(desk: Desk) -> None:
    """The same, and somebody holds it."""
    left_over(desk)
    assert desk.types(f"reconciler hold {DEAD_DB} 'a ticket'").code == 0


EXPLAIN, HOLD = f"reconciler explain {DEAD_DB}", f"reconciler hold {DEAD_DB} 'your reason'"
RECOVER = "deployer/commands/recover/database.py::"
CASES = (
    Case("reconciler/gc/database_claims.py::_dispute", restored, "deployer up shop", NAMES_LIVE),
    Case(
        f"{RECOVER}_refuse_leased",
        restored_at_work,
        NAMES_LIVE,
        "deployer recover shop --end-lease",
        later=named,
    ),
    Case(f"{RECOVER}recover_database", restored_at_work, NAMES_LIVE, NAMES_LIVE, over),
    Case(f"{RECOVER}_known", old_ledger, NAMES_LIVE, "deployer recover shop"),
    Case("reconciler/output/explain.py::explain_lines", left_over, EXPLAIN, HOLD),
    Case(
        "reconciler/output/explain.py::would_change", held, EXPLAIN, f"reconciler unhold {DEAD_DB}"
    ),
    Case("reconciler/cli/main.py::hold", left_over, HOLD, f"reconciler unhold {DEAD_DB}"),
)
