"""Cures that `test_pasted.py` does not paste: the test that pastes them, or why none does.

By the offer's key: the file and the function that make it, and the line with samples filled in.
"""

from __future__ import annotations

from collections.abc import Mapping

ID = "shop/20261123T031502Z-7kq2m"
SCOPES = "unit/reconciler/cli/scopes/test_pasted.py::"
ALONE = f"{SCOPES}test_a_scope_that_its_run_cannot_sweep_is_swept_by_itself"
NIGHT, REFUSALS = "e2e/test_night.py", "e2e/test_pasted_cures.py"
STATES, REFUSED = "test_a_state_is_told_and_cured", "test_what_a_refusal_offers_helps"

PASTED_BY: Mapping[str, str] = {
    "deployer/output/verdict.py::_silent | deployer rollback shop": f"{NIGHT}::{STATES}",
    "reconciler/model/reading.py::unreadable | deployer recover shop": f"{REFUSALS}::{REFUSED}",
    "reconciler/cli/repeat.py::repeated | deployer init shop": f"{NIGHT}::{STATES}",
    "reconciler/config/loader.py::_refuse_missing | deployer init": f"{NIGHT}::{STATES}",
    "deployer/cli/read_only.py::_prompted | deployer init shop --record shop.example.com": (
        f"{NIGHT}::{STATES}"
    ),
    "reconciler/cli/scopes/record.py::begun | reconciler sweep --scope X --result X": (
        f"{SCOPES}test_a_sweep_that_was_killed_is_done_again"
    ),
    "reconciler/sweep/scopes/collation.py::_row | reconciler sweep --scope X --result X": (
        f"{SCOPES}test_a_scope_without_a_result_gets_one"
    ),
    "reconciler/sweep/scopes/execution.py::refuse_old | reconciler sweep --scope X": ALONE,
    "reconciler/sweep/scopes/run_files.py::frozen | reconciler sweep --scope X": ALONE,
}
"""Offers that are pasted in the sandbox, in a state of `e2e/night_states.py`, or on its API."""

SERVER = (
    "PostgreSQL alone says it, to whoever drops a database that is connected to again and again"
)
UNREACHED = "an earlier check refuses each state that leads there: the second of two"

NOT_PASTED: Mapping[str, tuple[str, ...]] = {
    SERVER: (f"reconciler/database/postgres/drop.py::drop | reconciler sweep --service {ID}",),
    UNREACHED: (
        f"reconciler/database/identity.py::refuse_beside | deployer recover {ID} --database shop",
        "reconciler/aws/route53/record_traffic.py::_refuse_newer | deployer recover shop",
        "reconciler/output/explain.py:: | deployer recover {service}",
    ),
}
"""By reason."""
