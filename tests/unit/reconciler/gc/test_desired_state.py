"""The table of the desired state: what a role in the ledger means for a deploy's things."""

from __future__ import annotations

from reconciler.gc.desired_state import DESIRED
from reconciler.gc.verdict import Role
from reconciler.model.tags import Label


def test_every_role_has_a_row() -> None:
    """What roots a deploy also says how its things should be."""
    assert set(DESIRED) == set(Role)


def test_jobs_run_on_the_live_deploy_only() -> None:
    """Two that send the same mail would be worse than none."""
    assert [role for role, wanted in DESIRED.items() if wanted.jobs] == [Role.LIVE]


def test_one_database_takes_writes() -> None:
    """The live one; the previous ones are shut, what is kept or in the making is let alone."""
    writable = {role: wanted.writable for role, wanted in DESIRED.items()}
    assert writable == {
        Role.LIVE: True,
        Role.PREVIOUS: False,
        Role.KEPT: None,
        Role.LEASE: None,
        Role.LEFT: None,
    }


def test_the_app_goes_on_where_one_may_go_back() -> None:
    """A rollback finds the old app running; the evidence of a failure is stopped."""
    apps = {role: wanted.app for role, wanted in DESIRED.items()}
    assert apps == {
        Role.LIVE: True,
        Role.PREVIOUS: True,
        Role.KEPT: False,
        Role.LEASE: None,
        Role.LEFT: None,
    }


def test_the_holders_things_are_the_holders_business() -> None:
    """Nothing is asked of what is still being made."""
    wanted = DESIRED[Role.LEASE]
    assert (wanted.app, wanted.jobs, wanted.writable) == (None, None, None)


def test_each_role_has_its_label() -> None:
    """Labels tell the roles apart, so `recover` can write a lost ledger from them."""
    assert {role: wanted.label for role, wanted in DESIRED.items()} == {
        Role.LIVE: Label.LIVE,
        Role.PREVIOUS: Label.RETIRED,
        Role.KEPT: Label.FAILED,
        Role.LEASE: Label.PENDING,
        Role.LEFT: Label.LIVE,
    }
