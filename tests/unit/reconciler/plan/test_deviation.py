"""What differs from the table of desired states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.gc.verdict import Role, Verdict, role
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Previous
from reconciler.model.resource import DATABASE, MAKING
from reconciler.plan.deviation import deviation, repairs
from reconciler.plan.service_plan import OPEN, SHUT
from tests.support.shop_world import ALL, CLEAN, LIVE, NOW, OLD, root

LIVES = next(one for one in ALL if one.kind == DATABASE and one.deploy == LIVE)


@pytest.mark.parametrize(
    ("state", "said"), [(OPEN, ""), (SHUT, f"is {SHUT}, should be {OPEN}"), (MAKING, "")]
)
def test_a_database_in_creation_is_neither_opened_nor_shut(state: str, said: str) -> None:
    """It was left by a crash: an order to open it would make it look like one that serves."""
    assert deviation(Verdict(replace(LIVES, state=state), Role.LIVE, "live")) == said


def due(ledger: Ledger, label: str, **labels: str) -> list[tuple[Role, DeployId]]:
    """The deploys that a sweep finishes, with the live machine under `label`."""
    names = {"i-17": label, **{name.replace("_", "-"): value for name, value in labels.items()}}
    verdicts = tuple(
        Verdict(replace(one, tags={**one.tags, t.STATE: names[one.id]}), known, "")
        for one in ALL
        if one.id in names and one.deploy and (known := role(ledger, one.deploy))
    )
    found = repairs(verdicts, root(ledger))
    return [(one.role, one.deploy) for one in found]


def test_rule_18_who_was_live_is_told_whatever_its_label() -> None:
    """The follow-up of the commit that made it live may be asleep, and start its jobs late."""
    both = [(Role.PREVIOUS, OLD), (Role.LIVE, LIVE)]
    assert due(CLEAN, "pending", i_9="retired") == both
    assert due(CLEAN, "live", i_9="retired") == []


def test_rule_18_only_the_newest_previous_is_told() -> None:
    """Those before it were told when it went live."""
    newer = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=65), ("10.0.1.8",))
    crowded = replace(CLEAN, previous=(newer, *CLEAN.previous))
    assert due(crowded, "pending", i_9="retired") == [(Role.LIVE, LIVE)]


def test_rule_3_what_is_about_to_be_forgotten_is_told_nothing() -> None:
    """Another sweep labelled it `left`; finished again, it would be labelled back."""
    assert due(CLEAN, "pending", i_9="left") == [(Role.LIVE, LIVE)]
