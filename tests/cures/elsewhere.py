"""Cures that `test_pasted.py` does not paste: the test that pastes them, or why none does.

By the offer's key: the file and the function that make it, and the line with samples filled in.
"""

from __future__ import annotations

from collections.abc import Mapping

ID = "shop/20261123T031502Z-7kq2m"
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
}
"""Offers that are pasted in the sandbox, in a state of `e2e/night_states.py`."""

FILLED_IN = "a word of it is the user's to fill in (ID, REF, DIR, …), so it is not pasted as it is"
WENT_WELL = "the next step after something that went well: it cures nothing"
IT_ENDS = "said by a process that ends; the same line is pasted in the state that it leaves"
AWS_EDGE = "only the edge to AWS says it, which the fakes stand in for; the same line is pasted for"
AWS_EDGE += " what the use case says in that state"
MANY = "of a sweep in many accounts or for ever, which has no `status` of one service"
UNREACHED = "an earlier check refuses each state that leads there: the second of two"
PERSON = "people change a file or AWS first, which the fakes have no part of; its text has a test"
JSON = "`explain --json` says it to programs; the line that people see is pasted"

ROLLBACK, MOVE = "deployer/commands/rollback/", "deployer/commands/move/command.py::"
RESULT = "reconciler/sweep/scopes/result.py::"
RECOVER_DATABASE = f"deployer recover {ID} --database shop"
NOT_PASTED: Mapping[str, tuple[str, ...]] = {
    FILLED_IN: (
        "deployer/commands/init.py::begin | deployer init shop --config DIR",
        "deployer/commands/init.py::begin | deployer init my-shop",
        f"{MOVE}_refuse_other_place | deployer retire shop --nobody-live ID",
        "deployer/commands/rollback/start.py::_start | deployer up shop --ref REF",
        "reconciler/aws/deletion.py::_by_others | deployer up … --despite " + ID,
        "reconciler/cli/main.py::hold | reconciler hold ID 'ticket 4711'",
        "reconciler/config/loader.py::refuse_empty | deployer init",
        "reconciler/model/ledger_home.py::_of_another | deployer retire shop --nobody-live ID",
        "reconciler/model/ledger_home.py::_taken | deployer retire shop --nobody-live ID",
        f"{RESULT} | reconciler sweep --scope ACCOUNT/REGION --result FILE",
    ),
    WENT_WELL: (
        "deployer/cli/read_only.py::init | deployer adopt shop",
        "deployer/cli/rehearse.py::rehearsal_lines | deployer up shop",
        "deployer/commands/doctor/check.py::_verdicts | deployer up shop",
        "reconciler/cli/main.py::release | reconciler release ID",
        "reconciler/cli/main.py::release | reconciler unhold ID",
    ),
    IT_ENDS: (
        "deployer/cli/shared.py:: | deployer abort {service}",
        "deployer/cli/shared.py:: | reconciler sweep --service {service}",
        "deployer/release/undo.py::still_shut | deployer thaw shop --deployer-is-dead",
        "deployer/release/undo.py::still_shut | reconciler sweep --service shop",
        "reconciler/cli/sweep.py::sweep | reconciler sweep",
    ),
    AWS_EDGE: (
        "reconciler/aws/elastic_ip_traffic.py::_refuse_moved | deployer traffic shop --follow",
        "reconciler/aws/elbv2/routes.py::_names_foreign | deployer traffic shop --follow",
        "reconciler/aws/elbv2/traffic.py::_handed_over | deployer traffic shop --follow",
        "reconciler/aws/elbv2/traffic.py::change | reconciler sweep",
        "reconciler/aws/route53/record_traffic.py::_refuse_moved | deployer traffic shop --follow",
        "reconciler/aws/route53/record_traffic.py::_refuse_newer | deployer recover shop",
        "reconciler/aws/s3/ledger_store.py::_deleted | deployer recover shop",
        "reconciler/database/postgres/drop.py::drop | reconciler sweep",
        "reconciler/wiring/edges.py::_not_tried | reconciler sweep",
        "reconciler/wiring/service_access.py:: | reconciler sweep",
    ),
    MANY: (
        "reconciler/cli/run.py::run | reconciler sweep",
        "reconciler/cli/scopes/record.py::begun | reconciler sweep --scope X",
        "reconciler/cli/scopes/time_limit.py::told | reconciler sweep",
        "reconciler/output/coverage.py::elsewhere_lines | reconciler sweep",
        "reconciler/sweep/scopes/collation.py::_row | reconciler sweep --scope X",
        "reconciler/sweep/scopes/execution.py::refuse_old | reconciler sweep --scope X",
        "reconciler/sweep/scopes/run_files.py::frozen | reconciler sweep --scope X",
    ),
    UNREACHED: (
        "deployer/checks/live_units.py::_ask | deployer up shop --despite " + ID,
        f"deployer/commands/adopt.py::_refuse_another | deployer recover {ID}",
        f"deployer/commands/leave/checks.py::_refuse_shut | deployer thaw {ID}",
        f"reconciler/database/identity.py::refuse_beside | {RECOVER_DATABASE}",
        f"reconciler/database/identity.py::refuse_doubted | {RECOVER_DATABASE}",
        f"reconciler/database/state_comment.py::refuse_shut | deployer thaw {ID}",
        "reconciler/output/explain.py:: | deployer recover {service}",
        "reconciler/plan/record_drift.py::cure | deployer adopt shop",
        "reconciler/plan/record_drift.py::cure | deployer recover shop",
        "reconciler/plan/record_drift.py::cure | deployer traffic shop --follow",
    ),
    PERSON: (
        "deployer/checks/ledger_room.py::_full | reconciler sweep --service shop",
        "deployer/checks/live_traffic.py::refuse_elastic_ip | deployer move shop",
        f"deployer/commands/adopt.py::_refuse_born | reconciler hold {ID} X",
        "deployer/commands/leave/checks.py::_refuse_old_groups | reconciler sweep --service shop",
        "deployer/commands/move/command.py::_on_its_way | deployer move shop",
        "deployer/commands/move/command.py::_refuse_other_traffic | deployer move shop",
        "deployer/commands/move/command.py::_live | deployer up shop",
        f"{ROLLBACK}databases.py::_refuse_sealed | deployer rollback shop --to {ID}",
        f"{ROLLBACK}files.py::_refuse_losses | deployer rollback shop{ID} --discard-writes",
        "deployer/commands/traffic.py::_nobody_takes_it | deployer adopt shop",
        "deployer/release/live/bake.py::failure | deployer rollback shop",
        "deployer/release/live/image_hooks.py::refuse_let_go | deployer up SERVICE",
        "deployer/release/steps/guard.py::_refuse_first | deployer adopt shop",
        "reconciler/aws/elastic_ip_traffic.py::_described | deployer move shop",
        "reconciler/model/ledger_home.py::_taken | deployer up shop",
    ),
    JSON: (f"reconciler/output/explain.py::would_change | reconciler hold {ID} 'your reason'",),
}
"""By reason."""
